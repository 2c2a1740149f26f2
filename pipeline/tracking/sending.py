"""Check, list and send what `publish` uploads: trainings, the run of the results, artifacts and the report."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.results import paths, store
from pipeline.study import run_outcomes
from pipeline.study.plan import Plan
from pipeline.tracking import (
    artifact_sending,
    client_sending,
    lineage,
    media_there,
    reader,
    report_limits,
    report_rendering,
    report_saving,
    results_run,
    run_content,
    run_sending,
    trainings,
    wandb_report,
)
from pipeline.tracking.account import PublishError
from pipeline.tracking.run_content import Opening, RunContent
from pipeline.tracking.runs_there import Place
from pipeline.tracking.server import ServerError
from pipeline.verdicts import claim_rows

REFUSALS = (PublishError, wandb_report.NotInstalledError, store.DamagedFileError, OSError)
NOT_ALL = "the same command goes on, and sends nothing twice"


@dataclass(frozen=True)
class Upload:
    """A study that has been checked and can be sent.

    Attributes:
        plan: its jobs.
        runs: its trainings, made from its results.
        problems: why a training can't be made, by its name.
        results: the run of the figures and headline numbers; None if they aren't there.
        times: when each row was logged, from the records on this machine.
        content: what the report shows; None if the study has no verdicts yet.
    """

    plan: Plan
    runs: Sequence[RunContent]
    problems: dict[str, str]
    results: Opening | None
    times: run_sending.Times
    content: wandb_report.ReportContent | None


@dataclass
class Result:
    """What came of sending: the report's address, and a sentence for each thing that isn't there."""

    address: str | None = None
    problems: list[str] = field(default_factory=list)


def check(plan: Plan) -> Upload:
    """Make all runs from the study's results, and list them beside the records on this machine.

    Raises:
        Any of `REFUSALS`.
    """
    wandb_report.library()
    runs, problems = [], {}
    for name, found in trainings.from_results(plan):
        if isinstance(found, str):
            problems[name] = found
        else:
            runs.append(found)
    if not runs and not problems:
        raise PublishError(
            f"found no training of study {plan.name!r} that has ended; run the workflow, or `dvc pull results`"
        )
    results = _results(plan, problems)
    times = _list(runs, problems, plan)
    return Upload(plan, runs, problems, results, times, report_content(plan, runs, results))


def _results(plan: Plan, problems: dict[str, str]) -> Opening | None:
    if not paths.metrics(plan.name).is_file():
        return None
    try:
        return results_run.opening(plan)
    except store.MissingFileError as error:
        problems[results_run.NAME] = str(error)
        return None


def _list(runs: Sequence[RunContent], problems: dict[str, str], plan: Plan) -> run_sending.Times:
    """Print a line for each run; returns when the rows of the complete records were logged."""
    place = reader.folder()
    records, damaged = reader.newest([run.opening.id for run in runs], place)
    times = {}
    for run in runs:
        record = records.get(run.opening.id)
        if record and run_content.first_difference(run.rows, record.rows) is None:
            times[record.id] = record.times
        print(f"{run.opening.id} {run.opening.name}: {len(run.rows)} rows, {_state(run, record)}")
    for name, problem in problems.items():
        print(f"{name}: can't be sent: {problem}")
    for problem in damaged:
        print(f"{problem}; the run is made from the results")
    print(f"{len(runs)} of {len(plan.runs)} trainings can be sent; {len(times)} are completely recorded in {place}/")
    return times


def _state(run: RunContent, record: reader.OfflineRun | None) -> str:
    """What the record on this machine is worth."""
    if record is None:
        return "not recorded here: made from the results"
    if record.is_old:
        return "recorded under the names of an older version: made from the results"
    if run_content.first_difference(run.rows, record.rows) is not None:
        return f"recorded with {len(record.rows)} rows only: made from the results"
    return "recorded here"


def report_content(
    plan: Plan, runs: Sequence[RunContent], results: Opening | None
) -> wandb_report.ReportContent | None:
    """What the report shows; None if the study has no verdicts yet."""
    if not (paths.metrics(plan.name).is_file() and paths.verdicts(plan.name).is_file()):
        print("no report yet: the study has no headline numbers or no verdicts; run the workflow")
        return None
    origin, verdicts = store.provenance_of(paths.metrics(plan.name)), claim_rows.read(paths.verdicts(plan.name))
    figures, holds = {}, lineage.holds(plan)
    for name in plan.study.figures:
        analyses = plan.analyses_of(name)
        drawn = [run.name for each in analyses if plan.declared(each)["SCOPE"] != "study" for run in plan.select(each)]
        figures[name] = wandb_report.ReportFigure(
            plan.title(name), f"{results_run.FIGURES}/{name}", list(dict.fromkeys(drawn))
        )
    return wandb_report.ReportContent(
        title=f"{plan.study.title} (study {plan.name}, settings {plan.settings_hash()})",
        facts=[
            ("Study", f"`{plan.name}`"),
            ("Hash of its settings", f"`{plan.settings_hash()}`"),
            ("Headline numbers made at commit", f"`{origin.get('commit') or 'not recorded'}`"),
            ("Trainings", str(len(runs))),
        ],
        verdicts=verdicts,
        figures=figures,
        groups=sorted({run.opening.group for run in runs}),
        results=results.id if results else None,
        artifacts=list(holds),
        finals=run_outcomes.finals(plan),
        rates=run_outcomes.rates(plan),
        limits=report_limits.limits(plan, claim_rows.by_claim(verdicts)),
        links=report_limits.links(plan, holds),
    )


def write_report(upload: Upload, *, entity: str | None, project: str) -> str:
    """Write the report that would be sent as JSON and as a page; returns a line that describes it."""
    if upload.content is None:
        return "nothing was sent"
    report = _built(upload.plan, upload.content, entity=entity or "", project=project)
    spec = wandb_report.specification(report)
    target = paths.results(upload.plan.name) / "wandb_report.json"
    store.write_bytes(target, (spec + "\n").encode())
    page = report_rendering.render(json.loads(spec)["blocks"], title=report.title, picture=_picture(upload.plan))
    store.write_bytes(report_rendering.page(upload.plan.name), page.encode())
    shown = upload.content
    return f"{target}: {len(shown.verdicts)} verdicts, {len(shown.figures)} figures; nothing was sent"


def _picture(plan: Plan) -> Callable[[str], str | None]:
    """A function that finds figures beside the page, by their names in W&B."""
    there = {
        f"{results_run.FIGURES}/{name}": path for name, path in results_run.pictures(plan).items() if path.is_file()
    }
    return lambda key: there[key].relative_to(paths.results(plan.name)).as_posix() if key in there else None


def _built(plan: Plan, content: wandb_report.ReportContent, *, entity: str, project: str) -> Any:
    """The report; equal content gives equal bytes, although the library draws names of blocks."""
    random.seed(plan.name)
    return wandb_report.build(content, entity=entity, project=project)


def send(upload: Upload, place: Place) -> Result:
    """Send everything that isn't there, and read it back."""
    outcome = run_sending.Sending(place, upload.runs, upload.times, _say).send()
    problems = [f"{name}: {problem}" for name, problem in {**upload.problems, **outcome.problems}.items()]
    result = Result(problems=problems)
    if len(outcome.problems) >= run_sending.HOPELESS and not outcome.there:
        return result  # the server takes nothing
    if upload.results:
        _try(result, "the run of the results", _send_results, upload.plan, upload.results, place)
    if upload.content:
        there = [run.opening.id for run in upload.runs if run.opening.id in outcome.there]
        _try(result, "the artifacts", artifact_sending.send, place, upload.plan, there)
        _try(result, "the report", _send_report, upload.plan, upload.content, place, result)
    if not result.problems and result.address:
        report_saving.note(upload.plan.name, place, result.address, outcome.there)
    return result


def _say(text: str) -> None:
    print(text, flush=True)


def _try(result: Result, what: str, do: Callable[..., str], *given: Any) -> None:
    """Do a part of the work; what goes wrong with it doesn't keep the others from being done."""
    try:
        _say(f"{what}: {do(*given)}")
    except (PublishError, ServerError, OSError) as error:
        result.problems.append(f"{what}: {error}")


def _send_results(plan: Plan, opening: Opening, place: Place) -> str:
    """Send the run of the figures, tables and headline numbers.

    Raises:
        PublishError: if not all of it is there in the end.
        ServerError: if it can't be read back.
    """
    pictures = {
        f"{results_run.FIGURES}/{name}": store.sha256(path) for name, path in results_run.pictures(plan).items()
    }
    names = results_run.media(plan)

    def missing() -> list[str]:
        return media_there.missing(place, opening.id, names, pictures)

    return client_sending.send(
        place,
        [opening],
        plan.name,
        lambda trackers: results_run.record(trackers[opening.name], plan),
        missing,
        f"{len(names)} media",
    )


def _send_report(plan: Plan, content: wandb_report.ReportContent, place: Place, result: Result) -> str:
    """Save the report.

    Raises:
        PublishError: if the server shows another one.
        ServerError: if it refuses.
    """
    report = _built(plan, content, entity=place.entity, project=place.project)
    result.address = report_saving.save(plan.name, report, place)
    return f"saved and read back, {result.address}"
