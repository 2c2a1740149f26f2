"""Stage: write the review of a study: what is claimed, what was found, how sure, and from which runs, on one page.

`python -m pipeline review --study study` (or `make review`) writes results/<study>/review.html and prints its address.
It reads the results, Weights & Biases' files and Snakemake's rules, and needs no network.
"""

import argparse
import collections
import math
import re
import subprocess
import sys
import webbrowser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.audit import run_reasons
from pipeline.audit.command import audit
from pipeline.metrics import formatting
from pipeline.pages import checks, evidence, review_model, rule_graph
from pipeline.pages.evidence import Results
from pipeline.pages.review_model import Claim, Picture, Published, Run, Stage
from pipeline.results import paths, secrets, store, timing
from pipeline.study.plan import Plan
from pipeline.verdicts import published
from pipeline.verdicts.claim_rows import Judged, by_claim
from pipeline.verdicts.claims import Ledger, load_claims

TEMPLATE = Path(__file__).parent / "templates" / "review.html.j2"
SHORT = 12  # characters of a commit's hash
VIEW_BOX = re.compile(rb'viewBox="0 0 ([\d.]+) ([\d.]+)"')
HEAD = 2000  # bytes of a drawing in which its size stands
PIXELS = 96 / 72  # in a point
RULES = ("-m", "snakemake", "reproduce", "all", "--rulegraph", "mermaid-js", "--config")
RULES_SECONDS = 120
HOUR = 3600
UNKNOWN = "not recorded"
MINUS = "\N{MINUS SIGN}"


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, read, call, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    wanted = parser.parse_args(argv)
    name = wanted.study
    content = review(
        name,
        rules(name),
        audited=audit_of(name),
        beside=beside_published(name),
        reasons=run_reasons.last_run(Path(), name),
    )
    html = review_model.render(content, TEMPLATE.read_text(encoding="utf-8"))
    path = paths.review(wanted.study)
    store.write_bytes(path, html.encode())
    address = path.resolve().as_uri()
    print(address)
    if wanted.open:
        webbrowser.open(address)


def review(
    name: str,
    rulegraph: str | None,
    *,
    audited: Sequence[str] | None = None,
    beside: Published | None = None,
    reasons: Sequence[tuple[str, Sequence[str]]] | None = None,
) -> review_model.Review:
    """All that the page shows of a study.

    Args:
        name: the study's.
        rulegraph: the workflow's rules, as Snakemake's Mermaid diagram; None if it couldn't tell.
        audited: what an audit found, a sentence each; None if none was made.
        beside: how the study compares with what was published; None if nothing is.
        reasons: why the jobs of its last run ran, each reason with its jobs; None if no run is on record.
    """
    plan, claims = Plan.load(name), load_claims()
    metrics, found = evidence.read_json(paths.metrics(name)), evidence.read(name, plan)
    names = evidence.analyses(claims)
    rests = evidence.claims(plan, names)
    runs = {run: evidence.row(found, run, rests.get(run, [])) for run in plan.runs}
    rows = store.read_json(path) if (path := paths.verdicts(name)).is_file() else []
    arrows, drawing = _workflow(plan, rulegraph)
    return review_model.Review(
        title=plan.study.title,
        facts=_facts(found, metrics),
        checks=[
            checks.audit(audited),
            checks.published(beside),
            *checks.made(plan, metrics, runs, rows),
            checks.figures(plan, name),
            checks.records(found),
            checks.reasons(reasons),
        ],
        claims=[_claim(found, claims, each, names, runs, beside) for each in by_claim(rows)],
        runs=list(runs.values()),
        stages=_stages(plan, name, arrows),
        workflow=drawing,
        methods={method: entry.label for method, entry in plan.study.methods.items()},
    )


def rules(study: str) -> str | None:
    """The workflow's rules as Snakemake tells them; None, and a line on stderr, if it can't."""
    command = [sys.executable, *RULES, f"study={study}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=RULES_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip()
        print(f"warning: the page has no drawing of the workflow: {secrets.scrub(said)}", file=sys.stderr)
        return None
    return done.stdout


def _claim(
    results: Results, claims: Ledger, found: Judged, behind_: Mapping[str, Sequence[str]], runs: Mapping[str, Run],
    beside: Published | None,
) -> Claim:  # fmt: skip
    plan, id_ = results.plan, found.whole["id"]
    names = behind_.get(id_, [])
    there = [each for each in names if each in plan.study.analyses]
    figures = dict.fromkeys(row["figure"] for row in (*found.parts, found.whole) if row["figure"] in plan.study.figures)
    parts = [part for claim in claims.claims if claim.id == id_ for part in claim.parts]
    return Claim(
        judged=found,
        numbers={part.id: f" {MINUS} ".join(each for each in (part.metric, part.minus) if each) for part in parts},
        pictures=[picture(plan, results.name, figure) for figure in figures],
        groups=evidence.groups(results, there, runs),
        without_runs=[each for each in there if not evidence.runs_of(plan, each)],
        absent=[each for each in names if each not in there],
        differs=beside.claims.get(id_, "") if beside else None,
    )


def picture(plan: Plan, name: str, figure: str) -> Picture:
    """A figure by its relative links, with its size, so that the page doesn't jump while it loads."""
    svg, csv = (paths.drawing(name, figure, ending) for ending in ("svg", "csv"))
    caption = " ".join(plan.caption(figure).split())
    found = None
    if svg.is_file():
        with svg.open("rb") as file:
            found = VIEW_BOX.search(file.read(HEAD))
    return Picture(
        title=plan.title(figure),
        alt=f"{plan.title(figure)}. {formatting.first_sentence(caption)}".strip(),
        link=svg.relative_to(paths.results(name)).as_posix() if svg.is_file() else None,
        csv=csv.relative_to(paths.results(name)).as_posix() if csv.is_file() else None,
        size=(round(float(found[1]) * PIXELS), round(float(found[2]) * PIXELS)) if found else None,
    )


def _facts(found: Results, metrics: Mapping[str, Any]) -> list[tuple[str, str]]:
    name, plan = found.name, found.plan
    origins = [evidence.origin(each) for each in (metrics, *found.summaries.values())]
    machines = dict.fromkeys(machine for each in origins if (machine := evidence.hardware(each)))
    spent = timing.total(timing.costs(name).values())
    return [
        ("Study", f"{name}, settings {plan.settings_hash()}"),
        ("Results from commit", "; ".join(_commits(origins)) or UNKNOWN),
        ("Hardware", "; ".join(machines) or UNKNOWN),
        ("CPU time, at least", _hours(spent.cpu) if spent.jobs else UNKNOWN),
        ("GPU time of trainings", _gpu(found) if spent.jobs else UNKNOWN),
        ("Most memory of a job", f"{spent.memory:.0f} MB" if spent.jobs else UNKNOWN),
    ]


def _commits(origins: Sequence[Mapping[str, Any]]) -> list[str]:
    counted = collections.Counter(
        each["commit"][:SHORT] + (" with uncommitted changes" if each.get("dirty") else "")
        for each in origins if each.get("commit")
    )  # fmt: skip
    return [
        f"{commit} ({count} of {len(origins)})" if len(counted) > 1 else commit for commit, count in counted.items()
    ]


def _hours(seconds: float) -> str:
    return f"{seconds / HOUR:.2f} h"


def _gpu(found: Results) -> str:
    """The wall time of the trainings that ran where a GPU is."""
    origins = {run: evidence.origin(each) for run, each in found.summaries.items()}
    times = [evidence.seconds(found.name, run) for run, each in origins.items() if each.get("hardware", {}).get("gpu")]
    return _hours(math.fsum(time or 0 for time in times)) if times else "none: no GPU was there"


def _workflow(plan: Plan, text: str | None) -> tuple[rule_graph.Arrows, rule_graph.Drawing | None]:
    """The arrows between the rules that have jobs, and the drawing; targets only gather what others make."""
    names, arrows = rule_graph.parse(text or "")
    jobs = plan.counts()
    names = [name for name in names if name in jobs]
    arrows = rule_graph.reduced({(a, b) for a, b in arrows if a in jobs and b in jobs})
    counts = {rule: f"{count} job{'' if count == 1 else 's'}" for rule, count in jobs.items()}
    return arrows, rule_graph.draw(names, arrows, counts) if names else None


def _stages(plan: Plan, name: str, arrows: rule_graph.Arrows) -> list[Stage]:
    costs = timing.costs(name)
    stages = [
        Stage(rule, rule_graph.waits_for(arrows, rule), jobs, _measured(costs[rule]) if rule in costs else ())
        for rule, jobs in plan.counts().items()
    ]
    return (
        [*stages, Stage("all that was measured", (), None, _measured(timing.total(costs.values())))]
        if costs
        else stages
    )


def _measured(cost: timing.Cost) -> list[str]:
    times = map(formatting.duration, (cost.cpu, cost.wall, cost.longest))
    return [str(cost.jobs), *times, f"{cost.memory:.0f} MB"]


def audit_of(study: str) -> list[str]:
    """What the audit of a study finds, a sentence each."""
    return [
        f"{each.file}: {each.kind}: expected {each.expected}, found {each.found}; to mend it: {each.mend}"
        for each in audit(study).findings
    ]


def beside_published(study: str) -> Published | None:
    """How a study compares with what was published of it; None if nothing is, or the study isn't finished."""
    source, numbers, rows = paths.published(study), paths.metrics(study), paths.verdicts(study)
    if not (source.is_file() and numbers.is_file() and rows.is_file()):
        return None
    values, metrics = published.read(source), store.read_json(numbers)
    if values.settings != metrics[store.PROVENANCE].get("settings"):
        return Published(False, f"other settings were published ({values.settings})", {})
    found = published.compare(values, metrics, store.read_json(rows), published.rests_on(load_claims()))
    differing = {
        each.id: f"verdict {each.found}, published {each.published}; its numbers: {each.numbers or 'none'}"
        for each in found.claims
        if each in found.changed or each.numbers == published.DIFFERS
    }
    says = ", ".join(f"{count} {ruling}" for ruling, count in found.counts.items() if count)
    return Published(not (found.off or found.changed), f"numbers: {says}", differing)


if __name__ == "__main__":
    main()
