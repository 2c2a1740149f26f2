"""The whole study: `snakemake reproduce all` (see README.md)."""

from snakemake.utils import min_version

min_version("9.27")


include: "workflow/rules/common.smk"
include: "workflow/rules/prepare.smk"
include: "workflow/rules/tune.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/represent.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/draw.smk"
include: "workflow/rules/report.smk"


# Its own report (`snakemake reproduce all --report report.html`) begins with what was found, as soon as that is known.
report: str(next(path.resolve() for path in (paths.findings(STUDY), ABOUT) if path.is_file()))


localrules:
    reproduce,
    all,


# The first target is what a bare `snakemake` makes.
rule all:
    default_target: True
    input:
        PLAN.job("report").outputs,
        PLAN.job("track").outputs,


rule reproduce:
    input:
        [PLAN.job("draw", figure=name).outputs for name in PLAN.study.figures],
        PLAN.job("summarise").outputs,
        PLAN.job("judge").outputs,
