"""The jobs of a study: each stage says once what its jobs read, write, depend on and ask of a machine.

Everything that has to know it reads it here: the Snakefile, the stages, provenance, audit, review, and the resources
that are asked of a cluster. A new stage is one entry in `STAGES`, one file in `pipeline/stages/` and one rule.
"""

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import members
from pipeline.results import paths
from pipeline.results.fingerprint import digest, fingerprint
from pipeline.study import figure_setting, judged_parts, resources
from pipeline.study.judged_parts import CLAIMS
from pipeline.study.labels import identity, without_labels
from pipeline.study.resources import Resources
from pipeline.study.schema import Run

if TYPE_CHECKING:
    from pipeline.study.plan import Plan

ABOUT = Path("workflow/report/workflow.rst")  # what Snakemake's report says before any result
TEMPLATES = ("report", "appendix", "page", "parts", "claim")  # of the report and its appendix
REPORT_TEMPLATES = tuple(Path("pipeline/pages/templates") / f"{name}.html.j2" for name in TEMPLATES)
RAW = {
    "images": "train-images-idx3-ubyte",
    "labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
ENDINGS = ("svg", "png", "csv")  # of a figure: two drawings and its numbers
END_ONLY, ALL_STEPS = "end", "all"  # at which checkpoints activations are wanted
LOCAL = frozenset({"train.checkpoints", "represent.activations"})  # too large to travel with the results
# Rooms and modules that no number depends on except through a job's settings, which are compared by value: a clearer
# message in one of them must not cost a lab a week of training. A room stands for all of its modules.
PLUMBING = frozenset(
    f"pipeline.{name}"
    for name in (
        "datasets.shared.download",
        "datasets.shared.sources",
        "environment",
        "errors",
        "machine",
        "members",
        "results.fingerprint",
        "results.paths",
        "results.provenance",
        "runs.checkpoints",
        "settings_types",
        "study",
        "tracking",
    )
)

Settings = Any  # in JSON's types: a mapping, a list, or the hash of a whole study's settings


@dataclass(frozen=True)
class Job:
    """One job of the workflow.

    Attributes:
        study: the study's name.
        rule: of Snakemake, and the stage.
        name: what tells it from the rule's other jobs, as in its provenance.
        inputs: the files that it reads.
        named_outputs: the files that it writes, by the name that the rule gives them.
        settings: what the result depends on beside its inputs and code, in JSON's types.
        code: fingerprint of the code that decides the result.
        resources: what it asks of a machine; None for a job of seconds.
        stamped: whether its outputs carry a provenance.
        seeds: of the runs that a training trains.
    """

    study: str
    rule: str
    name: str
    inputs: tuple[Path, ...]
    named_outputs: Mapping[str, Path]
    settings: Settings
    code: str
    resources: Resources | None = None
    stamped: bool = False
    seeds: tuple[int, ...] = ()

    @property
    def outputs(self) -> tuple[Path, ...]:
        """The files that it writes."""
        return tuple(self.named_outputs.values())

    @property
    def settings_hash(self) -> str:
        """Hash of the settings; of a whole study it is handed over as a hash."""
        return self.settings if isinstance(self.settings, str) else digest(self.settings or {})

    @property
    def benchmark(self) -> Path:
        """The file in which Snakemake notes how long it took, if its rule asks for that."""
        return paths.timing(self.study) / self.rule / f"{self.name}.tsv"

    def is_local(self, path: Path) -> bool:
        """Whether an output stays where it was made, and so may be missing elsewhere."""
        return any(path == each and f"{self.rule}.{name}" in LOCAL for name, each in self.named_outputs.items())


@dataclass(frozen=True)
class Stage:
    """What the jobs of a stage have in common.

    Every function but `outputs` gets the plan and the job's wildcards; `outputs` gets the study's name, or Snakemake's
    placeholder for it.

    Attributes:
        wildcards: what tells its jobs apart, by the words of its command line.
        every: the wildcards of each job of a study.
        outputs: the files that a job writes, by name.
        inputs: the files that it reads.
        code: the modules whose code decides the result, below `pipeline`.
        settings: what else decides it.
        resources: what a job asks of a machine.
        gpus: how many GPUs each of its jobs asks for.
        stamped: whether the outputs carry a provenance.
        seeds: of the runs that a training trains.
    """

    wildcards: tuple[str, ...]
    every: "Callable[[Plan], Iterable[tuple[str, ...]]]"
    outputs: Callable[..., Mapping[str, Path]]
    inputs: Callable[..., Iterable[Path]]
    code: Callable[..., Iterable[str]]
    settings: Callable[..., Settings]
    resources: Callable[..., Resources | None] = lambda plan, *_: None
    gpus: int = 0
    stamped: bool = False
    seeds: Callable[..., tuple[int, ...]] = lambda plan, *_: ()


def build(plan: "Plan", rule: str, wildcards: tuple[str, ...]) -> Job:
    """The job of a rule with these wildcards, in the order of `Stage.wildcards`."""
    stage = STAGES[rule]
    return Job(
        study=plan.name,
        rule=rule,
        name="/".join(wildcards) or next(iter(stage.outputs(plan.name))),
        inputs=tuple(stage.inputs(plan, *wildcards)),
        named_outputs=stage.outputs(plan.name, *wildcards),
        settings=stage.settings(plan, *wildcards),
        code=code(f"stages.{rule}", *stage.code(plan, *wildcards)),
        resources=stage.resources(plan, *wildcards),
        stamped=stage.stamped,
        seeds=stage.seeds(plan, *wildcards),
    )


@functools.cache
def code(*modules: str) -> str:
    """Fingerprint of the code that decides a job's result; modules are named below `pipeline`."""
    return fingerprint(*(f"pipeline.{name}" for name in modules), without=PLUMBING)


def data_files(dataset: str) -> list[Path]:
    """The raw files of a data set; an artificial one has none."""
    files: Iterable[tuple[str, str]] = members.constants("datasets", dataset)["FILES"]
    return [paths.data(dataset) / name for name, _ in files]


def of_members(run: Run) -> list[str]:
    """The modules that a run loads by name."""
    return [f"estimators.{run.estimator}", f"datasets.{run.data.dataset}"]


def run_settings(run: Run) -> str:
    """Hash of what decides a run's results beside its data and code."""
    return digest(without_labels(run))


def _train_settings(plan: "Plan", block: str) -> Settings:
    runs = plan.blocks[block]
    return {**without_labels(runs[0], "name", "seed"), "seeds": [run.seed for run in runs]}


def _train_inputs(plan: "Plan", block: str) -> list[Path]:
    run = plan.blocks[block][0]
    return [*data_files(run.data.dataset), *plan.choices(run.name)]


def _tune_settings(plan: "Plan", cell: str) -> Settings:
    assert plan.study.tuning is not None
    tuning = plan.study.tuning.model_dump(mode="json", exclude={"share"})  # which bounds the trials, and changes none
    return {**without_labels(plan.cells[cell][0], "name", "seed"), "tuning": tuning}


def _represent_settings(plan: "Plan", block: str) -> Settings:
    return {
        "samples": plan.study.samples.model_dump(mode="json"),
        "data": plan.blocks[block][0].data.model_dump(mode="json"),
        "steps": plan.represented[block],
    }


def _represent_resources(plan: "Plan", block: str) -> resources.Resources:
    everywhere = sum(steps == ALL_STEPS for steps in plan.represented[block].values())
    return resources.of_extraction(
        plan.blocks[block][0], plan.study.samples, runs=len(plan.represented[block]), at_all_steps=everywhere
    )


def _analyse_inputs(plan: "Plan", analysis: str, job: str) -> list[Path]:
    """The histories, the trials by which rates were chosen, or the activations and how each run ended."""
    runs = plan.groups(analysis)[job]
    reads = plan.declared(analysis)["READS"]
    if reads == "history":
        return [paths.history(plan.name, block) for block in plan.blocks_of(runs)]
    if reads == "trials":
        return sorted({paths.choice(plan.name, plan.cell(run.name)) for run in runs})
    ended = [paths.summary(plan.name, block) for block in plan.blocks_of(runs)]
    return [*(paths.activations(plan.name, block) for block in plan.blocks_of(runs)), *ended]


def _analyse_code(plan: "Plan", analysis: str, _job: str) -> list[str]:
    """The member, and the members of other families that its settings name."""
    member, chosen = plan.member(analysis), plan.study.analyses[analysis].settings
    used = [f"analyses.{member}"]
    for name, setting in members.settings("analyses", member).items():
        if name in members.FAMILIES:
            used += [f"{name}.{each}" for each in chosen.get(name, setting.default)]
    return used


def _analyse_settings(plan: "Plan", analysis: str, job: str) -> Settings:
    runs = plan.groups(analysis)[job]
    entry = plan.study.analyses[analysis]
    drawn = {"draw": entry.draw} if entry.draw else {}
    return {"settings": entry.settings, "runs": [identity(run) for run in runs], **drawn}


def _draw_settings(plan: "Plan", figure: str) -> Settings:
    methods = {name: method.label for name, method in plan.study.methods.items()}
    shown = figure_setting.setting(plan, figure)
    several = {asked: list(entries) for asked, entries in plan.reads(figure).items() if len(entries) > 1}
    more = {"titles": several, "criteria": judged_parts.primaries(plan, figure)}
    given = {"settings": plan.study.figures[figure].settings, "methods": methods, "shown": shown}
    return {**given, **{name: each for name, each in more.items() if each}}


def _tables(plan: "Plan") -> list[Path]:
    return [table for name in plan.study.analyses for table in plan.tables(name)]


def _drawings(plan: "Plan", *endings: str) -> list[Path]:
    return [paths.drawing(plan.name, figure, ending) for figure in plan.study.figures for ending in endings]


def _draw_code(plan: "Plan", figure: str) -> list[str]:
    entries = sorted({entry for part in judged_parts.primaries(plan, figure) for entry in judged_parts.analyses(part)})
    return [f"figures.{plan.figure(figure)}", *(f"analyses.{plan.member(entry)}" for entry in entries)]


def _draw_inputs(plan: "Plan", figure: str) -> list[Path]:
    judged = [entry for part in judged_parts.primaries(plan, figure) for entry in sorted(judged_parts.analyses(part))]
    return [table for name in dict.fromkeys([*plan.analyses_of(figure), *judged]) for table in plan.tables(name)]


def _report_inputs(plan: "Plan") -> list[Path]:
    """Values to compare with are read only if some were published of the study."""
    study, published = plan.name, paths.published(plan.name)
    captions = sorted({plan.caption_file(figure) for figure in plan.study.figures})
    return [
        *_drawings(plan, *ENDINGS),
        *_tables(plan),
        *(paths.summary(study, block) for block in plan.blocks),
        paths.metrics(study),
        paths.verdicts(study),
        *captions,
        *([published] if published.is_file() else []),
        *REPORT_TEMPLATES,
    ]


STAGES: Mapping[str, Stage] = {
    "prepare": Stage(
        wildcards=("dataset",),
        every=lambda plan: [(name,) for name in plan.datasets() if data_files(name)],
        outputs=lambda _study, dataset: {name: paths.data(dataset) / file for name, file in RAW.items()},
        inputs=lambda _plan, _dataset: [],
        # A data file is right if its checksum is: neither settings nor code make it stale.
        code=lambda _plan, _dataset: [],
        settings=lambda _plan, _dataset: None,
    ),
    "tune": Stage(
        wildcards=("cell",),
        every=lambda plan: [(cell,) for cell in plan.cells],
        outputs=lambda study, cell: {"choice": paths.choice(study, cell)},
        inputs=lambda plan, cell: data_files(plan.cells[cell][0].data.dataset),
        code=lambda plan, cell: of_members(plan.cells[cell][0]),
        settings=_tune_settings,
        resources=lambda plan, cell: resources.of_tuning(plan.cells[cell][0], plan.study.tuning),
        gpus=resources.GPUS,
        stamped=True,
    ),
    "train": Stage(
        wildcards=("block",),
        every=lambda plan: [(block,) for block in plan.blocks],
        outputs=lambda study, block: {
            "history": paths.history(study, block),
            "checkpoints": paths.checkpoints(study, block),
            "summary": paths.summary(study, block),
        },
        inputs=_train_inputs,
        code=lambda plan, block: of_members(plan.blocks[block][0]),
        settings=_train_settings,
        resources=lambda plan, block: resources.of_training(plan.blocks[block]),
        gpus=resources.GPUS,
        stamped=True,
        seeds=lambda plan, block: tuple(run.seed for run in plan.blocks[block]),
    ),
    "represent": Stage(
        wildcards=("block",),
        every=lambda plan: [(block,) for block in plan.represented],
        outputs=lambda study, block: {"activations": paths.activations(study, block)},
        inputs=lambda plan, block: [
            *data_files(plan.blocks[block][0].data.dataset),
            paths.checkpoints(plan.name, block),
        ],
        code=lambda plan, block: [f"datasets.{plan.blocks[block][0].data.dataset}"],
        settings=_represent_settings,
        resources=_represent_resources,
        stamped=True,
    ),
    "analyse": Stage(
        wildcards=("analysis", "job"),
        every=lambda plan: [(name, job) for name in plan.study.analyses for job in plan.groups(name)],
        outputs=lambda study, analysis, job: {"table": paths.table(study, analysis, job)},
        inputs=_analyse_inputs,
        code=_analyse_code,
        settings=_analyse_settings,
        resources=lambda plan, analysis, _job: resources.of_analysis(plan.declared(analysis)["SCOPE"]),
        stamped=True,
    ),
    "draw": Stage(
        wildcards=("figure",),
        every=lambda plan: [(figure,) for figure in plan.study.figures],
        outputs=lambda study, figure: {ending: paths.drawing(study, figure, ending) for ending in ENDINGS},
        inputs=_draw_inputs,
        code=_draw_code,
        settings=_draw_settings,
    ),
    "summarise": Stage(
        wildcards=(),
        every=lambda _plan: [()],
        outputs=lambda study: {"metrics": paths.metrics(study)},
        inputs=_tables,
        code=lambda _plan: [],
        settings=lambda plan: plan.settings_hash(),
        stamped=True,
    ),
    "judge": Stage(
        wildcards=(),
        every=lambda _plan: [()],
        outputs=lambda study: {
            "verdicts": paths.verdicts(study),
            "chart": paths.chart(study),
            "findings": paths.findings(study),
            **{id: paths.claim(study, id) for id in judged_parts.ids()},
        },
        inputs=lambda plan: [paths.metrics(plan.name), CLAIMS, *([ABOUT] if ABOUT.is_file() else [])],
        code=lambda _plan: [],
        settings=lambda plan: list(plan.study.figures),
    ),
    "report": Stage(
        wildcards=(),
        every=lambda _plan: [()],
        outputs=lambda study: {"report": paths.report(study), "appendix": paths.appendix(study)},
        inputs=_report_inputs,
        code=lambda _plan: [],
        settings=lambda plan: plan.settings_hash(),
    ),
    "track": Stage(
        wildcards=(),
        every=lambda _plan: [()],
        outputs=lambda study: {"tracked": paths.tracked(study)},
        inputs=lambda plan: [*_drawings(plan, *ENDINGS), *_tables(plan), paths.metrics(plan.name)],
        code=lambda _plan: [],
        settings=lambda plan: plan.settings_hash(),
    ),
}
