"""Tables of calls and faults: what a scenario loses, says and how long it takes when calls of the W&B server fail.

A scenario is a job that sends something to a W&B server, such as a training or `publish`. Each case is run with a
server and a folder of its own, so that cases can run side by side.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from wandb_server.faults import Closed, Cut, Effect, ErrorInAnswer, Hanging, Status
from wandb_server.server import WandbServer

CALLS = {
    "file stream": r"/file_stream$",
    "UpsertBucket": r"^UpsertBucket$",
    "addresses of files": r"^CreateRunFiles$",
    "files": r"^PUT /storage/runs/",
    "CreateArtifact": r"^CreateArtifact$",
    "files of artifacts": r"^PUT /storage/(artifacts|manifests)/",
    "CommitArtifact": r"^CommitArtifact$",
    "report": r"^upsertView$",
    "who am I": r"^(Viewer|GetDefaultEntity)$",
    "reading back": r"^(Run|Runs|RunFiles|RunFullHistory|RunParquetHistory|HistoryPage|SampledHistoryPage)$",
}
IN_ANSWER = "error in answer"
EFFECTS: Mapping[str, Effect] = {
    "401": Status(401),
    "403": Status(403),
    "404": Status(404),
    "409": Status(409),
    "429": Status(429, retry_after=1),
    "500": Status(500),
    IN_ANSWER: ErrorInAnswer(),
    "cut": Cut(),
    "closed": Closed(),
    "hanging": Hanging(),
}
REFUSALS = ("401", "403", "404", "409")  # clients give up at once
OTHERS = tuple(name for name in EFFECTS if name not in REFUSALS)
Place = Literal["from the first call", "half-way"]
FIRST, HALF_WAY = "from the first call", "half-way"
AT_ONCE = 6  # cases; they mostly wait


@dataclass(frozen=True)
class Scenario:
    """A job that sends something to a W&B server.

    Attributes:
        name: what it is called in the table.
        calls: names of `CALLS` that the job makes, each with the number of them that succeed before a fault half-way.
        act: does the job in a folder, and returns everything that it prints.
        lacking: what should be on the server but isn't.
        lost: what is neither on the server nor kept in the folder.
        finish: sends the rest by the command that the job has named in what it printed, which is passed; the server is
            well again.
    """

    name: str
    calls: Mapping[str, int]
    act: Callable[[WandbServer, Path], str]
    lacking: Callable[[WandbServer, Path], Sequence[str]]
    lost: Callable[[WandbServer, Path], Sequence[str]]
    finish: Callable[[WandbServer, Path, str], object]


@dataclass(frozen=True)
class Case:
    """A fault of a call of a scenario."""

    call: str
    fault: str
    place: Place


@dataclass(frozen=True)
class Row:
    """What happened in a case.

    Attributes:
        case: the case.
        struck: how many calls met the fault.
        seconds: how long the job took.
        said: what the job printed.
        lacking: what the server lacked at the job's end.
        lost: what was nowhere at the job's end.
        still_lacking: what the server lacked after the rest was sent.
    """

    case: Case
    struck: int
    seconds: float
    said: str
    lacking: Sequence[str]
    lost: Sequence[str]
    still_lacking: Sequence[str]

    def problems(self, *, longest: float) -> list[str]:
        """What breaks the promise that nothing is lost in silence and that a job ends in time."""
        found = {
            "the fault struck no call": not self.struck,
            f"lost: {_listed(self.lost)}": bool(self.lost),
            f"said nothing, but the server lacks {_listed(self.lacking)}": bool(self.lacking) and not self.said.strip(),
            f"took {self.seconds:.1f} s, expected {longest:g} s at most": self.seconds > longest,
            f"not there after sending the rest: {_listed(self.still_lacking)}": bool(self.still_lacking),
        }
        case = self.case
        return [f"{case.call}, {case.fault}, {case.place}: {problem}" for problem, holds in found.items() if holds]


def all_cases(scenario: Scenario) -> list[Case]:
    """Every fault of every call, from the first call and half-way."""
    met = [(call, fault) for call in scenario.calls for fault in EFFECTS if _has(call, fault)]
    return [Case(call, fault, place) for call, fault in met for place in (FIRST, HALF_WAY)]


def _has(call: str, fault: str) -> bool:
    """Whether a call can have a fault: only GraphQL has errors in answers with the status of success."""
    return fault != IN_ANSWER or "/" not in CALLS[call]


def chosen_cases(scenario: Scenario, complete: Iterable[str] = ()) -> list[Case]:
    """Fewer cases: each call meets one refusal and each other fault, in one of the two places.

    Refusals and places take turns, so that a scenario with four calls or more meets each refusal, and each fault in
    both places.

    Args:
        scenario: the scenario.
        complete: calls that meet every fault in both places.
    """
    cases = [case for case in all_cases(scenario) if case.call in set(complete)]
    for number, call in enumerate(call for call in scenario.calls if call not in set(complete)):
        for turn, fault in enumerate((REFUSALS[number % len(REFUSALS)], *OTHERS)):
            if _has(call, fault):
                cases.append(Case(call, fault, HALF_WAY if (number + turn) % 2 else FIRST))
    return cases


def run_case(scenario: Scenario, case: Case, folder: Path) -> Row:
    """Run a scenario with a fault in a folder of its own, and send the rest afterwards."""
    folder.mkdir(parents=True)
    with WandbServer() as server:
        after = scenario.calls[case.call] if case.place == HALF_WAY else 0
        ordered = server.faults.add(CALLS[case.call], EFFECTS[case.fault], after=after)
        began = time.monotonic()
        said = scenario.act(server, folder)
        seconds = time.monotonic() - began
        lacking, lost = scenario.lacking(server, folder), scenario.lost(server, folder)
        server.faults.clear()
        if lacking:
            scenario.finish(server, folder, said)
        still = scenario.lacking(server, folder)
        if server.problems:
            raise AssertionError(f"{case}: the server has a fault of its own: {server.problems}")
    return Row(case, ordered.struck, seconds, said, tuple(lacking), tuple(lost), tuple(still))


def table(scenario: Scenario, cases: Sequence[Case], folder: Path, *, at_once: int = AT_ONCE) -> list[Row]:
    """Run cases side by side; returns their rows in the order of the cases."""
    with ThreadPoolExecutor(at_once) as pool:
        places = [folder / f"case-{number}" for number in range(len(cases))]
        return list(pool.map(lambda case, place: run_case(scenario, case, place), cases, places))


def problems(rows: Iterable[Row], *, longest: float) -> list[str]:
    """The problems of all rows; `longest` is the time in seconds that a job may take."""
    return [problem for row in rows for problem in row.problems(longest=longest)]


def markdown(rows: Iterable[Row]) -> str:
    """The rows as a table in Markdown."""
    lines = [
        "| Call | Fault | Where | Lost | On the server afterwards | Seconds | Said |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        case = row.case
        after = (
            "all at once"
            if not row.lacking
            else "all"
            if not row.still_lacking
            else f"not {_listed(row.still_lacking)}"
        )
        said = " ".join(row.said.split()).replace("|", "\\|") or "nothing"
        cells = (case.call, case.fault, case.place, _listed(row.lost), after, f"{row.seconds:.1f}", said)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "nothing"
