"""Write the review of a study, one page: the claims, what was found, how certain it is, and from which runs.

`python -m pipeline review --study study` (or `make review`) writes results/<study>/review.html and prints its address.
It reads the results, Weights & Biases' files and Snakemake's rules, and needs no network.
"""

import collections
import math
import re
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import networkx as nx

from pipeline.audit import run_reasons
from pipeline.audit.command import audit
from pipeline.metrics import formatting
from pipeline.pages import checks, evidence, render, review_model, rule_graph, run_rows
from pipeline.pages.checks import PublishedComparison
from pipeline.pages.evidence import Results
from pipeline.pages.review_model import ClaimSection, Picture, RunRow, StageRow
from pipeline.results import paths, provenance, secrets, store, timing
from pipeline.study import arguments
from pipeline.study.plan import Plan
from pipeline.tracking import report_rendering, report_saving
from pipeline.verdicts import claim_rows, published
from pipeline.verdicts.claim_rows import ClaimRows, by_claim
from pipeline.verdicts.claims import Ledger, load_claims

VIEW_BOX = re.compile(rb'viewBox="0 0 ([\d.]+) ([\d.]+)"')
HEAD = 2000  # bytes at the start of a drawing that hold its size
PIXELS = 96 / 72  # in a point
HOUR = 3600
UNKNOWN = "not recorded"
MINUS = "\N{MINUS SIGN}"


def main(argv: Sequence[str] | None = None) -> None:
    """Write the page and print its address."""
    parser = arguments.parser(__doc__)
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    asked = parser.parse_args(argv)
    plan = Plan.load(asked.study)
    content = review(
        plan,
        rulegraph(plan.name),
        audited=audit_of(plan.name),
        compared=compare_with_published(plan.name),
        reasons=run_reasons.last_run(Path(), plan.name),
    )
    path = paths.review(plan.name)
    store.write_bytes(path, render.review(content).encode())
    address = path.resolve().as_uri()
    print(address)
    if asked.open:
        webbrowser.open(address)


def review(
    plan: Plan,
    rulegraph: str | None,
    *,
    audited: Sequence[str] | None = None,
    compared: PublishedComparison | None = None,
    reasons: Sequence[tuple[str, Sequence[str]]] | None = None,
) -> review_model.Review:
    """Everything that the page shows of a study.

    Args:
        plan: the study's jobs.
        rulegraph: Snakemake's Mermaid diagram of the rules; None if there is none.
        audited: the findings of an audit, one sentence each; None if no audit was made.
        compared: how the study compares with what was published; None if nothing is published.
        reasons: why the jobs of the last run ran, each reason with its jobs; None if there is no log of a run.
    """
    claims, found = load_claims(), evidence.read(plan)
    metrics = evidence.read_json(paths.metrics(plan.name))
    analyses = evidence.analyses_by_claim(claims)
    rests = evidence.claims_by_run(plan, analyses)
    runs = {run: run_rows.row(found, run, rests.get(run, [])) for run in plan.runs}
    rows = claim_rows.present(paths.verdicts(plan.name))
    graph = rule_graph.reduced(rule_graph.parse(rulegraph or ""), plan.counts())
    return review_model.Review(
        title=plan.study.title,
        facts=_facts(found, metrics),
        checks=[
            checks.audit(audited),
            checks.published(compared),
            checks.verdicts(plan, metrics, rows, claim_rows.older(paths.verdicts(plan.name))),
            *checks.runs(found),
            checks.figures(plan),
            checks.records(found),
            checks.reasons(reasons),
        ],
        claims=[_claim(found, claims, each, analyses, runs, compared) for each in by_claim(rows)],
        runs=list(runs.values()),
        stages=_stages(plan, graph),
        workflow=_drawing(plan, graph),
        methods={method: entry.label for method, entry in plan.study.methods.items()},
        links=_links(plan),
    )


def _links(plan: Plan) -> dict[str, str]:
    """W&B's report, as the last dry run wrote it and as it was published last, if they are there."""
    found, page = {}, report_rendering.page(plan.name)
    if page.is_file():
        found["W&B report, as of the last dry run"] = page.name
    if address := report_saving.published_at(plan.name):
        found["W&B report, as published last"] = address
    return found


def rulegraph(study: str) -> str | None:
    """Snakemake's diagram of the workflow's rules; None, and a warning on stderr, if Snakemake fails."""
    try:
        return rule_graph.ask(study)
    except rule_graph.SnakemakeError as error:
        print(f"warning: the page has no drawing of the workflow: {secrets.scrub(str(error))}", file=sys.stderr)
        return None


def audit_of(study: str) -> list[str]:
    """The findings of an audit of a study, one sentence each."""
    return [
        f"{each.file}: {each.kind}: expected {each.expected}, found {each.found}; to mend it: {each.mend}"
        for each in audit(study).findings
    ]


def compare_with_published(study: str) -> PublishedComparison | None:
    """How a study compares with its reference values; None if it has none, or isn't finished."""
    try:
        found = published.compare_study(study)
    except published.OtherSettingsError as error:
        return PublishedComparison(False, f"other settings were published ({error.settings})")
    if found is None:
        return None
    differing = {
        each.id: f"verdict {each.found}, published {each.published}; its numbers: {each.numbers or 'none'}"
        for each in found.claims
        if each in found.changed or each.numbers == published.DIFFERS
    }
    says = ", ".join(f"{count} {ruling}" for ruling, count in found.counts.items() if count)
    same = not (found.off or found.changed)
    if same and published.is_pulled(study):
        return PublishedComparison(None, f"pulled, not recomputed here; numbers: {says}", differing)
    return PublishedComparison(same, f"numbers: {says}", differing)


def _claim(
    results: Results,
    claims: Ledger,
    found: ClaimRows,
    analyses: Mapping[str, Sequence[str]],
    runs: Mapping[str, RunRow],
    compared: PublishedComparison | None,
) -> ClaimSection:
    plan, id_ = results.plan, found.whole["id"]
    names = analyses.get(id_, [])
    there = [each for each in names if each in plan.study.analyses]
    figures = dict.fromkeys(row["figure"] for row in (*found.parts, found.whole) if row["figure"] in plan.study.figures)
    parts = [part for claim in claims.claims if claim.id == id_ for part in claim.parts]
    return ClaimSection(
        judged=found,
        numbers={part.id: (" / " if part.over else f" {MINUS} ").join(part.metrics) for part in parts},
        pictures=[picture(plan, figure) for figure in figures],
        groups=run_rows.groups(results, there, runs),
        without_runs=[each for each in there if not evidence.runs_of(plan, each)],
        absent=[each for each in names if each not in there],
        differs=compared.claims.get(id_, "") if compared else None,
    )


def picture(plan: Plan, figure: str) -> Picture:
    """A figure by its relative links, with its size so that the page doesn't jump while it loads."""
    svg, csv = (paths.drawing(plan.name, figure, ending) for ending in ("svg", "csv"))
    folder, caption = paths.results(plan.name), " ".join(plan.caption(figure).split())
    found = None
    if svg.is_file():
        with svg.open("rb") as file:
            found = VIEW_BOX.search(file.read(HEAD))
    return Picture(
        title=plan.title(figure),
        alt=f"{plan.title(figure)}. {formatting.first_sentence(caption)}".strip(),
        link=svg.relative_to(folder).as_posix() if svg.is_file() else None,
        csv=csv.relative_to(folder).as_posix() if csv.is_file() else None,
        size=(round(float(found[1]) * PIXELS), round(float(found[2]) * PIXELS)) if found else None,
    )


def _facts(found: Results, metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    plan = found.plan
    origins = [evidence.origin(each) for each in (metrics, *found.summaries.values())]
    machines = dict.fromkeys(machine for each in origins if (machine := provenance.describe_hardware(each)))
    spent = timing.total(timing.costs(plan.name).values())
    return [
        ("Study", f"{plan.name}, settings {plan.settings_hash()}"),
        ("Results from commit", "; ".join(_commits(origins)) or UNKNOWN),
        ("Hardware", "; ".join(machines) or UNKNOWN),
        ("CPU time, at least", _hours(spent.cpu) if spent.jobs else UNKNOWN),
        ("GPU time of trainings", _gpu(found) if spent.jobs else UNKNOWN),
        ("Most memory of a job", f"{spent.memory:.0f} MB" if spent.jobs else UNKNOWN),
    ]


def _commits(origins: Sequence[Mapping[str, Any]]) -> list[str]:
    counted = collections.Counter(commit for each in origins if (commit := provenance.describe_commit(each)))
    return [
        f"{commit} ({count} of {len(origins)})" if len(counted) > 1 else commit for commit, count in counted.items()
    ]


def _hours(seconds: float) -> str:
    return f"{seconds / HOUR:.2f} h"


def _gpu(found: Results) -> str:
    """The wall time of the trainings that ran on a machine with a GPU."""
    origins = {run: evidence.origin(each) for run, each in found.summaries.items()}
    times = [found.seconds(run) for run, each in origins.items() if each.get("hardware", {}).get("gpu")]
    return _hours(math.fsum(time or 0 for time in times)) if times else "none: no GPU was there"


def _drawing(plan: Plan, graph: nx.DiGraph) -> rule_graph.Drawing | None:
    """The drawing of the rules with their numbers of jobs; None without rules."""
    counts = {rule: f"{count} job{'' if count == 1 else 's'}" for rule, count in plan.counts().items()}
    return rule_graph.draw(graph, counts) if graph else None


def _stages(plan: Plan, graph: nx.DiGraph) -> list[StageRow]:
    """A row for each rule, and one for all that was measured."""
    costs = timing.costs(plan.name)
    stages = [
        StageRow(rule, rule_graph.waits_for(graph, rule), jobs, _measured(costs[rule]) if rule in costs else ())
        for rule, jobs in plan.counts().items()
    ]
    if costs:
        stages.append(StageRow("all that was measured", (), None, _measured(timing.total(costs.values()))))
    return stages


def _measured(cost: timing.Cost) -> list[str]:
    times = map(formatting.duration, (cost.cpu, cost.wall, cost.longest))
    return [str(cost.jobs), *times, f"{cost.memory:.0f} MB"]
