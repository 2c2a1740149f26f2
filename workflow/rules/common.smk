# What all rules share: the plan of the study that `--config study=NAME` chose, and what each rule asks it.
import gc
import shlex
import sys
from pathlib import Path

from snakemake import benchmark as measuring

# A plan is a million objects that live as long as Snakemake: until the first job starts, Python needn't look again and
# again whether some of them are in use, which took a sixth of the time of a dry run.
gc.disable()

# Seconds between two looks at a young job. Every look reads all of its memory maps: at Snakemake's half second that
# takes a fifth of a core. A job's CPU time is that of the last look, and so a lower bound.
measuring.BENCHMARK_INTERVAL_SHORT = 4

# Jobs run the interpreter that runs Snakemake, without its path becoming part of their commands.
shell.prefix(f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"; ')
sys.path.insert(0, str(workflow.basedir))

from pipeline import environment, errors

# Jobs inherit Snakemake's environment: without the variables that change what a command means.
environment.clean()

from pipeline.audit import code_versions
from pipeline.datasets.shared.unpack import unpack
from pipeline.machine import slurm
from pipeline.metrics import formatting
from pipeline.results import leftovers, paths, snakemake_records, store
from pipeline.study.jobs import ABOUT, STAGES
from pipeline.study.load import chosen
from pipeline.study.plan import Plan
from pipeline.study.resources import AT_ONCE, MANUFACTURER, THREADS

# Only a run that isn't a dry run asks SLURM, and before jobs are planned: what earlier jobs finish counts as done.
if workflow.is_main_process:
    slurm.wait(sys.argv[1:])

if Path.cwd() != Path(workflow.basedir).resolve():
    sys.exit(  # of an exception, Snakemake would show the lines of code too
        f"Found the working folder {Path.cwd()}, expected the project's own, where results, data and logs belong: "
        f"start Snakemake there (cd {shlex.quote(str(workflow.basedir))})"
    )
try:
    STUDY = chosen(config)
    PLAN = Plan.load(STUDY)
    PLAN.job("judge")  # reads the list of claims, which names its outputs
    captions = {name: PLAN.caption(name) for name in PLAN.study.figures}
    if any(
        word.startswith("--report") for word in sys.argv
    ):  # the claims have been judged
        from pipeline.verdicts import claim_rows

        verdicts = claim_rows.present(paths.verdicts(STUDY))
        captions = {
            name: "\n\n".join([*claim_rows.seen(verdicts, name), caption])
            for name, caption in captions.items()
        }
except (errors.ExplainedError, OSError) as error:
    sys.exit(f"The study can't be run, nothing was started.\n{errors.sentence(error)}")

# Snakemake's report fills caption.jinja from here: a caption's path may have no wildcard.
config["captions"] = {
    name: formatting.restructured(caption) for name, caption in captions.items()
}

# Data and Snakemake's records that came with pulled results must be in place before jobs are planned: otherwise all
# results would look stale. Both are put there once.
for dataset in PLAN.datasets():
    unpack(dataset)
try:
    snakemake_records.restore(STUDY)
except (store.DamagedFileError, OSError) as error:
    print(f"warning: the pulled results look stale: {error}", file=sys.stderr)
for (dataset,) in STAGES["prepare"].every(PLAN):
    snakemake_records.forget_outdated(
        PLAN.job("prepare", dataset=dataset).outputs, "prepare"
    )
if workflow.is_main_process:
    for line in code_versions.older(PLAN):
        print(line, file=sys.stderr)


onstart:
    gc.enable()
    leftovers.sweep(STUDY)


wildcard_constraints:
    study="[a-z0-9_]+",
    block="[A-Za-z0-9][A-Za-z0-9_.-]*",
    cell="[A-Za-z0-9][A-Za-z0-9_.-]*",
    job="[A-Za-z0-9][A-Za-z0-9_.-]*",
    analysis="[a-z0-9_]+",
    figure="[a-z0-9_]+",
    dataset="[a-z0-9_]+",


def job(rule, wildcards):
    asked = {name: wildcards[name] for name in STAGES[rule].wildcards}
    try:
        return PLAN.job(rule, **asked)
    except errors.ExplainedError as error:
        sys.exit(str(error))


def outputs(rule):
    """The output files of a rule by name, with placeholders for the wildcards."""
    placeholders = [f"{{{name}}}" for name in STAGES[rule].wildcards]
    found = STAGES[rule].outputs(paths.PLACEHOLDER, *placeholders)
    return {name: str(path) for name, path in found.items()}


def inputs(rule):
    """The input function of a rule. Every job checks its data's checksums, so a later time stamp makes nothing stale."""

    def of(wildcards):
        files = job(rule, wildcards).inputs
        return [
            ancient(str(path)) if paths.DATA in path.parents else str(path)
            for path in files
        ]

    return of


def parameters(rule):
    """What makes a result stale when it changes: the job's settings and the fingerprint of its code."""
    return {
        "settings": lambda wildcards: job(rule, wildcards).settings,
        "code": lambda wildcards: job(rule, wildcards).code,
    }


def requests(rule):
    """What a job asks of the machine; each further attempt asks for more memory and time."""
    gpus = STAGES[rule].gpus
    return {
        **({"gpu": gpus, "gpu_manufacturer": MANUFACTURER} if gpus else {}),
        "mem_mb": lambda wildcards, attempt: job(rule, wildcards)
        .resources.at(attempt)
        .megabytes,
        "runtime": lambda wildcards, attempt: job(rule, wildcards)
        .resources.at(attempt)
        .minutes,
    }


def figure_category(wildcards):
    return PLAN.shown(wildcards.figure)["CATEGORY"]


def figure_labels(wildcards):
    claims = PLAN.shown(wildcards.figure)["CLAIMS"]
    return {"figure": PLAN.title(wildcards.figure), "claims": ", ".join(claims)}
