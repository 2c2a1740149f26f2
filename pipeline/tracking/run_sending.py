"""Send a study's trainings to W&B and read them back: only what the server shows, number by number, counts as sent."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from pipeline.tracking import runs_there
from pipeline.tracking.metric_names import Row
from pipeline.tracking.run_content import RunContent, digest, first_difference
from pipeline.tracking.runs_there import Place, RunThere
from pipeline.tracking.server import FORBIDDEN, REFUSED_KEY, ServerError

AT_ONCE = 4  # runs
HOPELESS = 3  # runs that fail because of the server, after which the others aren't tried
Times = Mapping[str, Mapping[int, Mapping[str, float]]]  # of rows by id and step, from the records on this machine


@dataclass
class Outcome:
    """What became of the runs, by their names.

    Attributes:
        there: what the server shows of a run that is as it should be.
        problems: a sentence for each other run.
    """

    there: dict[str, str] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


class Sending:
    """The sending of runs to one project."""

    def __init__(self, place: Place, runs: Sequence[RunContent], times: Times, say: Callable[[str], None]) -> None:
        self.place, self.runs, self.times, self.say = place, runs, times, say
        self.outcome = Outcome()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._failed = 0

    def send(self) -> Outcome:
        """Send what is missing, then read back until all is there or the server is too late."""
        self._each(self.runs, self._send_one)
        deadline = time.monotonic() + self.place.server.limits.late
        pause = self.place.server.limits.pause
        while left := [run for run in self.runs if not self._done(run)]:
            last = time.monotonic() >= deadline
            self._each(left, self._check_last if last else self._check)
            if last or self._stop.is_set():
                break
            if any(not self._done(run) for run in left):
                self._stop.wait(min(pause, max(0.0, deadline - time.monotonic())))
                pause *= 2
        return self.outcome

    def _each(self, runs: Sequence[RunContent], do: Callable[[RunContent], None]) -> None:
        """Do something with each run, some at once; an interruption doesn't wait for the requests in progress."""
        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            for done in [pool.submit(self._guarded, run, do) for run in runs]:
                done.result()
        except BaseException:
            self._stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()

    def _guarded(self, run: RunContent, do: Callable[[RunContent], None]) -> None:
        if self._stop.is_set():
            self._problem(run, "not tried, because the server answers no more")
            return
        try:
            do(run)
        except ServerError as error:
            self._problem(run, _way_out(error, run))
            with self._lock:
                self._failed += error.status in (None, REFUSED_KEY, FORBIDDEN) and not error.about_deleted
                if self._failed >= HOPELESS:
                    self._stop.set()

    def _send_one(self, run: RunContent) -> None:
        """Compare a run with what is there, and send what is missing."""
        found = runs_there.read(self.place, run)
        different = runs_there.differences(run, found)
        if not different:
            self._there(run, "is there")
            return
        if found and found.lines > len(run.rows):
            self._problem(run, _too_many(run, found, self.place))
            return
        first = first_difference(run.rows, found.rows if found else [])
        id_ = run.opening.id
        defined = runs_there.names(run.rows)
        runs_there.upsert(
            self.place.server,
            entity=self.place.entity,
            project=self.place.project,
            opening=run.opening.content(),
            defined=defined,
        )
        rows: Sequence[Row] = run.rows[first:] if first is not None else []
        runs_there.send_rows(self.place, id_, rows, first or 0, self.times.get(id_, {}))
        runs_there.end(self.place, id_, run.summary, run.rows[-1][0] if run.rows else 0, run.exit_code)
        self.say(f"{run.opening.name}: {len(rows)} of {len(run.rows)} rows accepted, to be read back")

    def _check(self, run: RunContent, *, last: bool = False) -> None:
        """Read a run back."""
        different = runs_there.differences(run, found := runs_there.read(self.place, run))
        if not different:
            self._there(run, "sent and read back")
        elif found and found.lines > len(run.rows):
            self._problem(run, _too_many(run, found, self.place))
        elif last:
            seconds = self.place.server.limits.late
            self._problem(run, f"after {seconds:g} s the server still shows {'; '.join(different)}")

    def _check_last(self, run: RunContent) -> None:
        self._check(run, last=True)

    def _done(self, run: RunContent) -> bool:
        return run.opening.id in self.outcome.there or run.opening.name in self.outcome.problems

    def _there(self, run: RunContent, how: str) -> None:
        last = run.rows[-1][0] if run.rows else "none"
        with self._lock:
            self.outcome.there[run.opening.id] = digest(run.rows)
            self.say(
                f"[{len(self.outcome.there)} of {len(self.runs)}] {run.opening.name}: {how}: {len(run.rows)} rows, "
                f"last step {last}, digest {digest(run.rows)[:12]}"
            )

    def _problem(self, run: RunContent, problem: str) -> None:
        with self._lock:
            self.outcome.problems[run.opening.name] = problem


def _way_out(error: ServerError, run: RunContent) -> str:
    """A problem, with what can be done about a run that was deleted."""
    if not error.about_deleted:
        return str(error)
    return (
        f"{error}; W&B never uses an id twice ({run.opening.id}): restore the run there, or send to another project "
        "with --project"
    )


def _too_many(run: RunContent, found: RunThere, place: Place) -> str:
    return (
        f"found {found.lines} rows, expected {len(run.rows)}: something else has written to "
        f"{place.path(run.opening.id)}, such as `wandb sync` a second time; W&B removes no rows, so send to another "
        "project with --project"
    )
