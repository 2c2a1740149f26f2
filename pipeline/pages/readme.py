"""Fill in the generated parts of README.md, docs/, and write fingerprints.yaml.

A part stands between `<!-- begin NAME -->` and `<!-- end NAME -->`. Parts whose results aren't there stay as they are.
"""

import argparse
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline import members
from pipeline.audit import fingerprints
from pipeline.errors import ExplainedError
from pipeline.metrics import formatting
from pipeline.pages import rule_graph
from pipeline.pages.report_model import Grid
from pipeline.results import paths, provenance, store, timing
from pipeline.study import budget, measured_cost
from pipeline.study.load import load_study
from pipeline.study.plan import Plan
from pipeline.verdicts import claim_rows, criteria, sentences, simulation

README = Path("README.md")
RUNNING = Path("docs/running.md")
NUMBERS = Path("docs/numbers.md")
CRITERIA = Path("docs/criteria.md")
BUDGET = Path("docs/budget.md")
BUDGETED = ("study", "paper")
PICTURES = Path("docs")
CAPTIONS = Path("workflow/report")
STUDY = "study"
TIMED = ("smoke", STUDY)
FIGURE, CHART = "accuracy_by_depth", "verdicts.svg"
# The headline numbers that docs/numbers.md shows, by analysis and in this order; the report shows all. Each is chosen
# by parts of its name, all of which it must have.
HEADLINES = {
    "learning": (("test_accuracy",),),
    "tuned_learning": (("test_accuracy",), ("time_to_losses",), ("late_slope",)),
    "fifty_learning": (("test_accuracy",),),
    "fifty_plain_learning": (("test_accuracy",),),
    "estimators_learning": (("test_accuracy",),),
    "estimators_quality": (("cosine",),),
    "tuned_probes": (("free_probe_train_min",),),
    "tuned_rdm": (("rdm_distance_below",),),
    "tuned_norms": (("growth_trend_within",),),
    "tuned_similarity": (("cka_difference", "backprop"),),
    "artificial_data": (("log10_gap_ratio_apart", "one_linear_sg"), ("log10_gap_ratio", "one_linear_sg", "linear")),
    "capacity": (("accuracy", "mse", "hidden5"),),
    "linear_convergence": (("solved_share", "by_line_search"),),
    "deep_linear_convergence": (("solved_share", "by_line_search"),),
    "counter_example": (("added_critical_share",),),
}
# Words for parts of names, for readers who don't know the report.
PHRASES = {
    "test_accuracy": "test accuracy",
    "time_to_losses": "updates to training losses of 1, 0.5, 0.2 and 0.1, geometric mean",
    "late_slope": "slope of the log training loss over the last fifth, per 1,000 updates: below 0 it still falls",
    "cosine": "cosine of synthetic and true gradient, mean over the gated layers",
    "free_probe_train_min": "lowest training accuracy of an unpenalised linear probe, from the second hidden layer on",
    "rdm_distance_below": "distance of the RDM to the last layer's, mean over the layers up to the middle",
    "growth_trend_within": "rank correlation of layer and growth of the weights within the two halves of the net",
    "cka_difference": "CKA between two seeds of the first less CKA between the two, mean over the layers",
    "log10_gap_ratio": "log10 of the distance to the optimum over backprop's",
    "log10_gap_ratio_apart": "the same for logistic regression less the largest of the other models and losses",
    "accuracy": "training accuracy on random labels",
    "solved_share": "share of the problems solved at the best main rate",
    "by_line_search": "synthetic gradient fitted by line search",
    "added_critical_share": "share of the plane where only training with the synthetic gradient stands still",
}
Row = tuple[str, str, Mapping[str, formatting.Estimate]]  # analysis, number, cells by column


def main(argv: Sequence[str] | None = None) -> None:
    """Fill in every part; with `--check`, list what is out of date and exit with 1 if there is anything.

    Raises:
        ConfigError: if the config of a study or the list of claims is faulty.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if something is out of date")
    check = parser.parse_args(argv).check
    hashes = fingerprints.text(fingerprints.present()).encode()
    wanted = {fingerprints.PATH: hashes, **_pictures(), **_pages()}
    renewed = [path for path, content in wanted.items() if not (path.is_file() and path.read_bytes() == content)]
    if check:
        # Times differ from run to run, which makes nothing out of date.
        stale = [path.as_posix() for path in renewed if path not in (RUNNING, BUDGET)]
        sys.exit(f"out of date: {', '.join(stale)}; run `make document`" if stale else 0)
    for path in renewed:
        store.write_bytes(path, wanted[path])
    renewed += [
        page for page, fill_page in ((CRITERIA, fill_criteria), (BUDGET, fill_budget)) if page.is_file() and fill_page()
    ]
    print(f"renewed: {', '.join(path.as_posix() for path in renewed) or 'nothing'}")


def _pages() -> dict[Path, bytes]:
    """The pages with parts that follow from results, filled in; a part whose results aren't there stays as it is."""
    parts = {
        README: {"found": found, "verdicts": verdicts, "figure": figure, "workflow": workflow},
        NUMBERS: {"findings": findings},
        RUNNING: {"times": times},
        BUDGET: {"measured": measured},
    }
    filled = {}
    for page, makers in parts.items():
        if page != README and not page.is_file():
            continue
        text = page.read_text(encoding="utf-8")
        for name, make in makers.items():
            content = make()
            text = text if content is None else fill(text, name, content, page=page)
        filled[page] = text.encode()
    return filled


def _pictures() -> dict[Path, bytes]:
    """Copies of the figures that README shows, as far as they are drawn."""
    sources = {PICTURES / f"{FIGURE}.png": paths.drawing(STUDY, FIGURE, "png"), PICTURES / CHART: paths.chart(STUDY)}
    if not claim_rows.present(paths.verdicts(STUDY)):
        del sources[PICTURES / CHART]
    return {copy: source.read_bytes() for copy, source in sources.items() if source.is_file()}


def fill_criteria() -> bool:
    """Fill in the table of docs/criteria.md; whether that changed something. A test compares it in every check."""
    text = CRITERIA.read_text(encoding="utf-8")
    filled = fill(text, "simulation", simulation.table(simulation.simulate()), page=CRITERIA)
    if filled != text:
        store.write_bytes(CRITERIA, filled.encode())
    return filled != text


def fill_budget() -> bool:
    """Fill in the tables of docs/budget.md; whether that changed something. A test compares them in every check."""
    text = filled = BUDGET.read_text(encoding="utf-8")
    for study in BUDGETED:
        filled = fill(filled, study, budget.table(budget.rows(Plan.load(study))), page=BUDGET)
    if filled != text:
        store.write_bytes(BUDGET, filled.encode())
    return filled != text


def fill(text: str, name: str, content: str, *, page: Path = README) -> str:
    """Put `content` between the marks of the part `name` of a page's text.

    Raises:
        ExplainedError: if the text doesn't have the part exactly once.
    """
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    found = re.findall(f"{re.escape(begin)}.*?{re.escape(end)}", text, re.DOTALL)
    if len(found) != 1:
        raise ExplainedError(f"{page}: expected the part {begin} … {end} once, found it {len(found)} times")
    return text.replace(found[0], f"{begin}\n{content}\n{end}")


def found() -> str | None:
    """What was found, a sentence a line; None without verdicts by the present criteria."""
    said = sentences.sentences(claim_rows.by_claim(claim_rows.present(paths.verdicts(STUDY))))
    return "\n".join(f"- {each}" for each in said) or None


def verdicts() -> str | None:
    """The table of claims, a line each; None without verdicts by the present criteria."""
    claims = claim_rows.by_claim(claim_rows.present(paths.verdicts(STUDY)))
    if not claims:
        return None
    filled = table(
        ["Claim", "In few words", "Verdict", "What decides", "Number", "Others"],
        [
            [claim.whole["id"], claim.whole["short"], f"**{claim.whole['verdict']}**", *_deciding(claim)]
            for claim in claims
        ],
    )
    return (
        f"{filled}\n\nJudged by criteria version {criteria.VERSION} ([configs/claims.yaml](configs/claims.yaml)); a "
        "number with its 95 % interval and n, and how many of the claim's other parts bear it out."
    )


def _deciding(claim: claim_rows.ClaimRows) -> tuple[str, str, str]:
    """What the primary part measures and where it is claimed to be, its number, and the count of the others."""
    row, others = claim.primary, claim.whole["secondaries"]
    low, high = row["interval"]
    value = formatting.MISSING if row["statistic"] is None else f"{row['statistic']:.3g}"
    value += "" if low is None or high is None else f" [{low:.3g}, {high:.3g}]"
    said = f"{row['claim']}, claimed {row['criterion'].partition(' with ')[0]}"
    return said, f"{value}, n = {row['n']}", f"{others['borne_out']} of {others['of']}" if others["of"] else ""


def findings() -> str | None:
    """The main numbers with methods side by side, and the results that they come from; None without results."""
    path = paths.metrics(STUDY)
    if not path.is_file():
        return None
    content = store.read_json(path)
    labels = {name: method.label for name, method in load_study(STUDY).methods.items()}
    rows = []
    for analysis, wanted in HEADLINES.items():
        metrics = content["metrics"].get(analysis, {})
        chosen = {name: value for name, value in metrics.items() if _among(name, wanted)}
        grid = Grid.of(chosen, labels, PHRASES)
        rows += [(formatting.capitalise(formatting.words(analysis)), row, cells) for row, cells in grid.rows.items()]
    origin = content[store.PROVENANCE]
    commit = provenance.describe_commit(origin) or "unknown"
    groups = _groups(rows, ["", *labels.values()])
    tables = [
        *(_side_by_side(group, columns) for columns, group in groups),
        "Mean over seeds, its 95 % confidence interval, and the number n of seeds; runs that diverged are not in it.\n"
        f"From `{path.as_posix()}`, made at commit `{commit}` with settings `{origin.get('settings')}`.",
    ]
    return "\n\n".join(part for part in tables if part)


def _among(name: str, wanted: Sequence[Sequence[str]]) -> bool:
    return any(set(parts) <= set(formatting.parts(name)) for parts in wanted)


def _groups(rows: Sequence[Row], labels: Sequence[str]) -> list[tuple[list[str], list[Row]]]:
    """Divide rows into tables; analyses whose methods are among those of another share its table.

    Each table comes with the columns that it needs. The one with most rows is first, numbers without a method are last.
    """
    present: dict[str, set[str]] = {}
    for analysis, _, cells in rows:
        present.setdefault(analysis, set()).update(cells)
    found: list[tuple[set[str], list[Row]]] = []
    for analysis in sorted(present, key=lambda name: -len(present[name])):
        mine = [row for row in rows if row[0] == analysis]
        wider = next((group for columns, group in found if present[analysis] <= columns), None)
        if wider is None:
            found.append((present[analysis], mine))
        else:
            wider += mine
    found.sort(key=lambda pair: ("" in pair[0], -len(pair[1])))
    return [([label for label in labels if label in columns], group) for columns, group in found]


def _side_by_side(rows: Sequence[Row], columns: list[str]) -> str:
    """A table with analysis, number and a column for each method; empty without rows."""
    head = ["Analysis", "Number", *(column or "Value" for column in columns)]
    content = [[analysis, row, *(_cell(cells.get(c)) for c in columns)] for analysis, row, cells in rows]
    return table(head, content) if rows else ""


def _cell(estimate: formatting.Estimate | None) -> str:
    if estimate is None:
        return formatting.MISSING
    return f"{formatting.mean(estimate)} {formatting.bounds(estimate)}, n = {estimate.n}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    marks = ["---"] * len(head)
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |" for row in (head, marks, *rows))


def figure() -> str | None:
    """README's figure with its caption and the note of its entry; None if it isn't drawn."""
    if not paths.drawing(STUDY, FIGURE, "png").is_file():
        return None
    entry = load_study(STUDY).figures.get(FIGURE)
    parts = ((CAPTIONS / f"{FIGURE}.rst").read_text(encoding="utf-8"), entry.note if entry else "")
    caption = " ".join(" ".join(parts).split())
    title = members.constants("figures", FIGURE)["TITLE"]
    return f"![{title}. {formatting.first_sentence(caption)}]({PICTURES.as_posix()}/{FIGURE}.png)\n\n{caption}"


def times() -> str | None:
    """A table of the studies' times and machines; None if no study was timed."""
    head = ["Study", "Jobs", "One after another", "Longest job", "Most memory of a job", "Machine"]
    rows = []
    for study in TIMED:
        cost = timing.total(timing.costs(study).values())
        if cost.jobs and paths.metrics(study).is_file():
            machine = store.read_json(paths.metrics(study))[store.PROVENANCE]["hardware"]
            rows.append(
                [
                    f"`{study}`",
                    str(cost.jobs),
                    formatting.duration(cost.wall),
                    formatting.duration(cost.longest),
                    f"{cost.memory:.0f} MB",
                    f"{machine['cpu']}, {machine['cores']} cores",
                ]
            )
    return table(head, rows) if rows else None


def measured() -> str | None:
    """The table of predicted and measured times; None if no comparison was timed with the present settings."""
    rows = measured_cost.measured(Plan.load(STUDY)) if paths.timing(STUDY).is_dir() else []
    return measured_cost.table(rows) if rows else None


def workflow() -> str:
    """The diagram of the workflow's rules.

    Raises:
        ConfigError: if the study's config is faulty.
        SnakemakeError: with Snakemake's message, if it fails otherwise.
    """
    try:
        graph = rule_graph.parse(rule_graph.ask())
    except rule_graph.SnakemakeError:
        load_study(STUDY)  # a faulty config has the clearer message
        raise
    return f"```mermaid\n{rule_graph.mermaid(graph)}\n```"
