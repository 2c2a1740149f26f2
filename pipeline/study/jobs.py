"""The jobs of a study as whoever checks them sees them: what each leaves, and what its results have to say of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.results import paths
from pipeline.results.fingerprint import digest
from pipeline.study.plan import Plan


@dataclass(frozen=True)
class Job:
    """One job of the workflow.

    Attributes:
        rule: of Snakemake, and the stage.
        name: what tells it from the rule's other jobs, as its provenance calls it.
        outputs: what it leaves.
        code: the present fingerprint of its code.
        params: the parameters that Snakemake records beside the code.
        settings: the present hash of its settings; None if its outputs carry no provenance.
        seed: of a training.
    """

    rule: str
    name: str
    outputs: tuple[Path, ...]
    code: str
    params: tuple[Any, ...]
    settings: str | None = None
    seed: int | None = None

    def benchmark(self, study: str) -> Path:
        """Where Snakemake says how long it took, if its rule asks for that."""
        return paths.results(study) / "timing" / self.rule / f"{self.name}.tsv"


def local(study: str, path: Path) -> bool:
    """Whether a file stays where it was made (checkpoints, activations), and so may be missing elsewhere."""
    folder = path.relative_to(paths.results(study)).parts[0]
    return folder in {"checkpoints", "represent"}


def jobs(plan: Plan, study: str) -> list[Job]:
    """Every job of a study but the preparation of its data, in the order in which they depend on one another."""
    return [*_made(plan, study), *_analysed(plan, study), *_shown(plan, study)]


def _made(plan: Plan, study: str) -> Iterator[Job]:
    for cell in plan.cells:
        yield _job("tune", cell, [paths.choice(study, cell)], plan.tune_code(cell), plan.tune_settings(cell))
    for name, run in plan.runs.items():
        outputs = [paths.history(study, name), paths.checkpoints(study, name), paths.summary(study, name)]
        yield _job("train", name, outputs, plan.train_code(name), plan.train_settings(name), run.seed)
    for name in plan.represented():
        outputs, settings = [paths.activations(study, name)], plan.represent_settings(name)
        yield _job("represent", name, outputs, plan.represent_code(name), settings)


def _analysed(plan: Plan, study: str) -> Iterator[Job]:
    for analysis in plan.study.analyses:
        code = plan.analyse_code(analysis)
        for job in plan.jobs(analysis):
            outputs, settings = [paths.table(study, analysis, job)], plan.analyse_settings(analysis, job)
            yield _job("analyse", f"{analysis}/{job}", outputs, code, settings)
    whole = plan.settings_hash()
    yield Job("summarise", "metrics", (paths.metrics(study),), plan.stage_code("summarise"), (whole,), settings=whole)


def _shown(plan: Plan, study: str) -> Iterator[Job]:
    """The jobs whose outputs carry no provenance."""
    for figure in plan.study.figures:
        outputs = tuple(paths.drawing(study, figure, ending) for ending in ("svg", "png", "csv"))
        yield Job("draw", figure, outputs, plan.draw_code(figure), (plan.draw_settings(figure),))
    yield Job("judge", "verdicts", (paths.verdicts(study),), plan.stage_code("judge"), (list(plan.study.figures),))
    whole = plan.settings_hash()
    yield Job("report", "report", (paths.report(study),), plan.stage_code("report"), (whole,))
    yield Job("track", "tracked", (paths.tracked(study),), plan.stage_code("track"), (whole,))


def _job(
    rule: str, name: str, outputs: list[Path], code: str, settings: dict[str, Any], seed: int | None = None
) -> Job:
    return Job(rule, name, tuple(outputs), code, (settings,), settings=digest(settings), seed=seed)
