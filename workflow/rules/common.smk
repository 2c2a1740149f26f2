# What all rules share: the study that `--config study=NAME` chose, and functions that ask its plan.
import shlex
import sys
from pathlib import Path

from snakemake import benchmark as measuring
from snakemake.exceptions import WorkflowError

# Seconds between two looks at a young job. Every look reads all of its memory maps: at Snakemake's half second that
# takes a fifth of a core. Its CPU time is that of the last look, and so a lower bound.
measuring.BENCHMARK_INTERVAL_SHORT = 4

# Jobs run the interpreter that runs Snakemake, without its path becoming part of their commands.
shell.prefix(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"; ')
sys.path.insert(0, str(workflow.basedir))

from pipeline import members
from pipeline.machine import resources as needs
from pipeline.machine import slurm as earlier_jobs
from pipeline.results import leftovers, packed_records, paths, store
from pipeline.datasets.shared.unpack import unpack
from pipeline.study.errors import ConfigError
from pipeline.study.load import load_study
from pipeline.study.plan import Plan

if workflow.is_main_process:
    earlier_jobs.wait(sys.argv[1:])

STUDY = str(config.get("study", "study"))
try:
    PLAN = Plan(load_study(STUDY))
except ConfigError as error:
    raise WorkflowError(f"The study can't be run, nothing was started.\n{error}")

REPORT = str(paths.report(STUDY))
METRICS = str(paths.metrics(STUDY))
VERDICTS = str(paths.verdicts(STUDY))
# Only what is there: without published values the report has no comparison with them.
PUBLISHED = [str(path) for path in [paths.published(STUDY)] if path.is_file()]
TRACKED = str(paths.tracked(STUDY))
TABLES = [
    str(paths.table(STUDY, name, job))
    for name in PLAN.study.analyses
    for job in PLAN.jobs(name)
]
CAPTIONS = sorted({str(PLAN.caption_file(name)) for name in PLAN.study.figures})
# Snakemake's report fills caption.jinja from here: a caption's path may have no wildcard.
config["captions"] = {name: PLAN.caption(name) for name in PLAN.study.figures}
SUMMARIES = [str(paths.summary(STUDY, run)) for run in PLAN.runs]
FIGURES = [
    str(paths.drawing(STUDY, name, end))
    for name in PLAN.study.figures
    for end in ("svg", "png", "csv")
]


onstart:
    leftovers.sweep(STUDY)


wildcard_constraints:
    study="[a-z0-9_]+",
    run="[A-Za-z0-9][A-Za-z0-9_.-]*",
    cell="[A-Za-z0-9][A-Za-z0-9_.-]*",
    job="[A-Za-z0-9][A-Za-z0-9_.-]*",
    analysis="[a-z0-9_]+",
    figure="[a-z0-9_]+",
    dataset="[a-z0-9_]+",


# Data that came packed with the results are put in place before the jobs are planned: where a rule would have to make them,
# Snakemake would take all that was ever made from them for stale.
for dataset in PLAN.datasets():
    unpack(dataset)
# So do Snakemake's records of results that were pulled.
try:
    packed_records.restore(STUDY)
except (store.DamagedFileError, OSError) as error:
    print(f"warning: what was pulled looks stale: {error}", file=sys.stderr)


# Data are what their checksum says, which every job checks: a later time stamp makes nothing stale.
def data_files(dataset):
    return [
        ancient(str(paths.data(dataset) / name))
        for name, _ in members.constants("datasets", dataset)["FILES"]
    ]


def run_data(wildcards):
    return data_files(PLAN.runs[wildcards.run].data.dataset)


def cell_data(wildcards):
    return data_files(PLAN.cells[wildcards.cell][0].data.dataset)


def chosen_rate(wildcards):
    """What tuning chose, where the run's rate isn't given."""
    run = PLAN.runs[wildcards.run]
    return [str(paths.choice(STUDY, PLAN.cell(run.name)))] if run.tuned else []


def tune_settings(wildcards):
    return PLAN.tune_settings(wildcards.cell)


def tune_code(wildcards):
    return PLAN.tune_code(wildcards.cell)


# What jobs ask of a machine; each further attempt asks for more.
def tune_memory(wildcards, attempt):
    return needs.megabytes(PLAN.cells[wildcards.cell][0], attempt)


def tune_minutes(wildcards, attempt):
    return needs.minutes(
        needs.tune_seconds(PLAN.cells[wildcards.cell][0], PLAN.study.tuning), attempt
    )


def train_memory(wildcards, attempt):
    return needs.megabytes(PLAN.runs[wildcards.run], attempt)


def train_minutes(wildcards, attempt):
    return needs.minutes(needs.train_seconds(PLAN.runs[wildcards.run]), attempt)


def represent_memory(wildcards, attempt):
    return needs.megabytes(PLAN.runs[wildcards.run], attempt)


def represent_minutes(wildcards, attempt):
    return attempt * needs.REPRESENT_MINUTES


def analyse_memory(wildcards, attempt):
    return attempt * needs.ANALYSIS_MB


def analyse_minutes(wildcards, attempt):
    return attempt * needs.ANALYSIS_MINUTES[PLAN.declared(wildcards.analysis)["SCOPE"]]


def train_settings(wildcards):
    return PLAN.train_settings(wildcards.run)


def train_code(wildcards):
    return PLAN.train_code(wildcards.run)


def represent_settings(wildcards):
    return PLAN.represent_settings(wildcards.run)


def represent_code(wildcards):
    return PLAN.represent_code(wildcards.run)


def analyse_inputs(wildcards):
    """The histories, the trials by which rates were chosen, or the activations and how each run ended."""
    runs = [run.name for run in PLAN.jobs(wildcards.analysis)[wildcards.job]]
    reads = PLAN.declared(wildcards.analysis)["READS"]
    if reads == "history":
        return [str(paths.history(STUDY, run)) for run in runs]
    if reads == "trials":
        return sorted({str(paths.choice(STUDY, PLAN.cell(run))) for run in runs})
    return [
        str(path(STUDY, run))
        for run in runs
        for path in (paths.activations, paths.summary)
    ]


def analyse_settings(wildcards):
    return PLAN.analyse_settings(wildcards.analysis, wildcards.job)


def analyse_code(wildcards):
    return PLAN.analyse_code(wildcards.analysis)


def draw_inputs(wildcards):
    return [
        str(paths.table(STUDY, name, job))
        for name in PLAN.reads(wildcards.figure).values()
        for job in PLAN.jobs(name)
    ]


def draw_settings(wildcards):
    return PLAN.draw_settings(wildcards.figure)


def draw_code(wildcards):
    return PLAN.draw_code(wildcards.figure)


def figure_category(wildcards):
    return PLAN.shown(wildcards.figure)["CATEGORY"]


def figure_labels(wildcards):
    claims = PLAN.shown(wildcards.figure)["CLAIMS"]
    return {"figure": PLAN.title(wildcards.figure), "claims": ", ".join(claims)}
