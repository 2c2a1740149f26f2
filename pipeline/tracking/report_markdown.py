"""The texts and tables of a study's W&B report, in Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.metrics import formatting
from pipeline.metrics.formatting import BACKTICKS
from pipeline.study.run_outcomes import FinalRow, RateRow
from pipeline.verdicts import claim_rows
from pipeline.verdicts.claim_rows import ClaimRows

TOLD = {
    "test": "How it is tested",
    "why": "Why that primary part",
    "against": "What would have counted against it",
    "open": "What it doesn't show",
    "departs": "Departs from the paper",
}
FINISHED_ONLY = (
    "Over the runs that finished. A row is a sweep's method at one depth: sweeps also differ in their data, steps and "
    "rates. n says how many finished, of how many."
)
CHOSEN = (
    "Chosen by the mean validation loss of short trials, with other seeds than the runs'. The gate factor is the rate "
    "of the gates' modules over the network's; a dash means that no module has a rate of its own. Beyond a choice at "
    "the edge of all that was tried, better rates may lie. Bracketed: the last rung tried a lower and a higher rate."
)


def bullets(sentences: Sequence[str]) -> str:
    """Sentences as a list."""
    return "\n".join(f"- {plain(each)}" for each in sentences)


def named(facts: Sequence[tuple[str, str]]) -> str:
    """Names and values as a list."""
    return bullets([f"{name}: {value}" for name, value in facts])


def finals(rows: Sequence[FinalRow]) -> str:
    """The final accuracies as a table: each mean with its 95 % interval, and n."""
    quantities = sorted({name for row in rows for name in row.estimates})
    varied = any(row.varied for row in rows)
    head = ["Sweep", "Hidden layers", "Method", *(["Varied"] if varied else [])]
    head += [f"{formatting.capitalise(formatting.words(name))}, mean [95 % interval]" for name in quantities]
    found = []
    for row in rows:
        cells = [f"`{row.sweep}`", str(row.hidden), row.method, *([row.varied or formatting.MISSING] if varied else [])]
        cells += [
            _estimate(row.estimates[name]) if name in row.estimates else formatting.MISSING for name in quantities
        ]
        found.append([*cells, f"{row.finished} of {row.runs}"])
    return "\n\n".join([FINISHED_ONLY, table([*head, "n"], found)])


def rates(rows: Sequence[RateRow]) -> str:
    """The chosen rates as a table."""
    varied = any(row.varied for row in rows)
    head = ["Sweep", "Hidden layers", "Method", *(["Varied"] if varied else []), "Rate", "Gate factor"]
    found = [
        [
            f"`{row.sweep}`",
            str(row.hidden),
            row.method,
            *([row.varied or formatting.MISSING] if varied else []),
            f"{row.rate:g}",
            formatting.MISSING if row.factor is None else f"{row.factor:g}",
            "yes" if row.at_edge else "no",
            "yes" if row.bracketed else "no",
        ]
        for row in rows
    ]
    return "\n\n".join([CHOSEN, table([*head, "At the edge", "Bracketed"], found)])


def _estimate(found: formatting.Estimate) -> str:
    return f"{formatting.mean(found)} {formatting.bounds(found)}"


def overview(claims: Sequence[ClaimRows]) -> str:
    """The verdicts as a table."""
    rows = [
        (claim.whole["id"], claim.whole["claim"], f"**{claim.whole['verdict']}**", claim.whole["evidence"])
        for claim in claims
    ]
    return table(("Claim", "In our words", "Verdict", "Deciding evidence"), rows)


def claim(found: ClaimRows) -> str:
    """A claim's text, and a table with each part's number, interval, n, criterion and verdict."""
    whole = found.whole
    lines = [whole["claim"], f"Evidence: {whole['evidence']}"]
    lines += [f"The paper: {words}" for words in whole["paper"]]
    lines += [f"{label}: {whole[key]}" for key, label in TOLD.items() if whole.get(key)]
    lines.append(f"Others: {claim_rows.shown_secondaries(whole)}; robustness: {claim_rows.robustness(whole)}")
    rows = [_part(part) for part in found.parts]
    head = ("Part", "What", "Statistic", "95 % interval", "n", "Criterion", "Verdict")
    return "\n\n".join([*map(plain, lines), *([table(head, rows)] if rows else [])])


def _part(part: Mapping[str, Any]) -> tuple[str, ...]:
    found = claim_rows.estimate(part)
    return (
        part["id"],
        f"{part['claim']} ({part['role']})",
        formatting.mean(found),
        formatting.bounds(found),
        str(found.n),
        part["criterion"],
        part["verdict"],
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; vertical bars and line breaks in cells are escaped."""
    lines = [head, ["---"] * len(head), *([plain(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def plain(text: str) -> str:
    """A text on one line, with reStructuredText's double backticks as Markdown's single ones."""
    return BACKTICKS.sub(r"`\1`", " ".join(str(text).split()))
