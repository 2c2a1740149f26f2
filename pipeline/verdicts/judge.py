"""Judge a claim by the criteria of its parts, from the headline numbers."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.metrics import multiple_tests
from pipeline.metrics.outcomes import Measured
from pipeline.metrics.summary import finite
from pipeline.verdicts import controls, criteria
from pipeline.verdicts.claims import Claim, Ledger, Part
from pipeline.verdicts.controls import Checked
from pipeline.verdicts.numbers import given

Row = Mapping[str, Any]


@dataclass(frozen=True)
class JudgedPart:
    """A part, what was measured for it, and the verdict.

    Attributes:
        part: as the ledger has it.
        found: the number.
        absent: the headline numbers that the study lacks.
        checked: its controls.
        verdict: in one word.
        unpaired: how many seeds only one of two compared numbers has.
        corrected: of a secondary, its p-value after Holm's correction among those of the claim; NaN if there is none.
    """

    part: Part
    found: Measured
    absent: Sequence[str]
    checked: Sequence[Checked]
    verdict: str
    unpaired: int = 0
    corrected: float = math.nan

    @property
    def is_borne_out(self) -> bool:
        """Whether the verdict is the one that bears the claim out."""
        return self.verdict == self.part.criterion.positive


def judge_ledger(ledger: Ledger, metrics: Mapping[str, Any], figures: Collection[str]) -> list[Row]:
    """The rows of verdicts.json: for each claim one for the whole, then one for each part.

    Args:
        ledger: all claims.
        metrics: headline numbers by analysis and name.
        figures: the names of the study's figures.
    """
    return [row for claim in ledger.claims for row in judge_claim(claim, metrics, figures)]


def judge_claim(claim: Claim, metrics: Mapping[str, Any], figures: Collection[str]) -> list[Row]:
    """The rows of one claim: the whole, then its parts."""
    parts = judge_parts(claim, metrics)
    primary = next(each for each in parts if each.part.id == claim.primary)
    secondaries = [each for each in parts if each is not primary]
    rows = [_part_row(claim, each, figures) for each in parts]
    shown = next(row for row in rows if row["id"] == claim.primary)
    return [{**shown, **_whole(claim, primary, secondaries, figures)}, *rows]


def judge_parts(claim: Claim, metrics: Mapping[str, Any]) -> list[JudgedPart]:
    """Every part of a claim with its verdict, and the secondaries' p-values corrected by Holm's procedure.

    Raises:
        SettingError: naming the part, if its numbers can't be compared.
    """
    judged = [_judge(claim, part, metrics) for part in claim.parts]
    chance = [each for each in judged if each.part.id != claim.primary and _has_chance(each)]
    p_values = multiple_tests.holm([criteria.p_value(each.part.criterion, each.found) for each in chance])
    corrected = dict(zip((each.part.id for each in chance), p_values, strict=True))
    return [replace(each, corrected=corrected.get(each.part.id, math.nan)) for each in judged]


def _has_chance(judged: JudgedPart) -> bool:
    """Whether a part counts among those of which one may be met by chance."""
    return not judged.part.exact and judged.verdict != criteria.NOT_TESTABLE


def _judge(claim: Claim, part: Part, metrics: Mapping[str, Any]) -> JudgedPart:
    numbers, absent = given(part, metrics)
    found = numbers.measure(better=part.better, resolution=part.resolution)
    checked = [controls.check(name, each, metrics) for name, each in claim.under(part).items()]
    verdict = criteria.judge(part.criterion, found, testable=all(each.holds for each in checked))
    return JudgedPart(part, found, absent, checked, verdict, numbers.unpaired)


def _whole(
    claim: Claim, primary: JudgedPart, secondaries: Sequence[JudgedPart], figures: Collection[str]
) -> dict[str, Any]:
    """What the row of a whole claim has beside its primary's numbers."""
    figure = _known(primary.part.figure or claim.figure, figures)
    return {
        "id": claim.id,
        "claim": claim.claim,
        "short": claim.short,
        "topic": claim.topic,
        "source": claim.source,
        "criterion": f"{claim.primary}: {primary.part.criterion.words()}",
        "verdict": primary.verdict,
        "primary": claim.primary,
        "secondaries": {
            "of": len(secondaries),
            "borne_out": sum(each.is_borne_out for each in secondaries),
            # Correction changes nothing where there is no chance.
            "corrected": sum(
                (each.part.exact and each.is_borne_out) or _holds_corrected(each) is True for each in secondaries
            ),
        },
        "robustness": _robustness(primary, secondaries),
        "evidence": _reason(claim, primary, figure),
        "paper": list(claim.paper),
        "test": claim.test,
        "why": claim.why,
        "controls": [each.words() for each in primary.checked],
        "against": claim.against,
        "open": claim.open,
        "planned": _planned(claim),
        "departs": claim.departs,
        "figure": figure,
    }


def _robustness(primary: JudgedPart, secondaries: Sequence[JudgedPart]) -> dict[str, str]:
    """The word on robustness for each thing that secondaries vary."""
    varied: dict[str, list[str]] = {}
    for each in secondaries:
        if each.part.varies:
            varied.setdefault(each.part.varies, []).append(each.verdict)
    return {what: criteria.robustness(primary.verdict, verdicts) for what, verdicts in varied.items()}


def _planned(claim: Claim) -> str | None:
    """What the primary's n can show, as it was known before the run."""
    planned = claim.deciding.planned
    if planned is None:
        return None
    found = f"n = {planned.n} shows {planned.effect:.2g} standard deviations with a chance of 80 %"
    if planned.spread is None:
        return found
    size = planned.effect * planned.spread
    shown = f"a factor of {math.exp(size):.3g}" if claim.deciding.over else f"{size:.2g}"
    return f"{found}: {shown} at a spread of {planned.spread:g}" + (f" ({planned.seen})" if planned.seen else "")


def _reason(claim: Claim, primary: JudgedPart, figure: str | None) -> str:
    """One sentence: the numbers of the deciding part, what a test would need, and the tests of the algebra."""
    said = [f"{claim.primary}, {_evidence(primary)}{_see(figure)}"]
    planned = claim.deciding.planned
    if planned and 0 < primary.found.n < planned.n:
        said.append(f"n = {planned.n} was planned")
    said += [f"to test it: {each.control.needed}" for each in primary.checked if not each.holds and each.control.needed]
    if claim.tested_by:
        said.append(f"{claim.tested_by} checks the algebra")
    return "; ".join(said) + "."


def _part_row(claim: Claim, judged: JudgedPart, figures: Collection[str]) -> Row:
    part, found = judged.part, judged.found
    figure = _known(part.figure or claim.figure, figures)
    return {
        "criteria": criteria.VERSION,
        "id": part.id,
        "claim": part.says,
        "source": claim.source,
        "role": "primary" if part.id == claim.primary else "secondary",
        "varies": part.varies,
        "criterion": part.criterion.words(),
        "claimed": {
            "side": part.criterion.side,
            "low": finite(part.criterion.low),
            "high": finite(part.criterion.high),
        },
        "verdict": judged.verdict,
        "exact": part.exact,
        "ratio": found.is_ratio,
        "statistic": finite(criteria.worst(part.criterion, found) if part.exact else found.mean),
        "interval": [None, None] if part.exact else [finite(found.low), finite(found.high)],
        "n": found.n,
        "missing": found.missing,
        "unpaired": judged.unpaired,
        "p": finite(criteria.p_value(part.criterion, found)),
        "corrected": finite(judged.corrected),
        "holds_corrected": _holds_corrected(judged),
        "smallest_effect": None if part.exact else finite(criteria.smallest_effect(found)),
        "deciding_n": criteria.deciding_n(part.criterion, found) if judged.verdict == criteria.UNDECIDED else None,
        "controls": [each.words() for each in judged.checked],
        "figure": figure,
        "evidence": f"{_evidence(judged)}{_see(figure)}.",
    }


def _holds_corrected(judged: JudgedPart) -> bool | None:
    """Whether a secondary that bears the claim out does so after Holm's correction too; None for any other part."""
    if not judged.is_borne_out or math.isnan(judged.corrected):
        return None
    return judged.corrected < criteria.ERROR


def _evidence(judged: JudgedPart) -> str:
    """A part's number in words, and why it is undecided or not testable."""
    part, found = judged.part, judged.found
    if judged.absent:
        return f"{part.says}: this study has no {' and no '.join(judged.absent)}"
    shown = _exact(part, found) if part.exact else number(found)
    said = [f"{part.says}: {shown}, claimed {part.criterion.bounds()}"]
    if judged.unpaired:
        seeds = (
            "1 seed that only one of the two numbers has is"
            if judged.unpaired == 1
            else (f"{judged.unpaired} seeds that only one of the two numbers has are")
        )
        said.append(f"{seeds} left out")
    if failed := [each.words() for each in judged.checked if not each.holds]:
        said.append(f"not testable, because a control fails: {'; '.join(failed)}")
    if judged.verdict == criteria.UNDECIDED:
        said.append(_undecided(part, found))
    return "; ".join(said)


def _undecided(part: Part, found: Measured) -> str:
    """What would decide: the number of seeds, and the smallest effect that these could have shown."""
    if not found.location.spread > 0:
        return "undecided: the values are equal or too few, so their spread isn't known"
    if found.missing:
        return f"undecided: {found.missing} of {found.n} have no value, so it isn't known how many seeds would decide"
    needed = criteria.deciding_n(part.criterion, found)
    least = criteria.smallest_effect(found)
    if math.isinf(least):
        shown = f"n = {found.n} could have shown no effect that is possible"
    else:
        size = f"a factor of {least:.3g}" if found.is_ratio else f"{least:.3g}"
        shown = f"the smallest effect that n = {found.n} could have shown is {size}"
    return (
        f"undecided: at this spread n = {needed or 'more than 10,000'} would decide with a chance of 80 %, and {shown}"
    )


def _exact(part: Part, found: Measured) -> str:
    """A number without chance in words: its value, or the worst of several."""
    at_worst = " at worst" if found.n > 1 else ""
    return f"{criteria.worst(part.criterion, found):.3g}{at_worst}, n = {found.n}"


def number(found: Measured) -> str:
    """A measured number in words: mean, interval, n, and how many runs have no value."""
    if found.n == 0:
        return "no seed has a value"
    mean = "no mean" if math.isnan(found.mean) else f"{found.mean:.3g}"
    spread = f" [{found.low:.3g}, {found.high:.3g}]" if found.has_interval else ""
    lost = f", {found.missing} without a value" if found.missing else ""
    return f"{mean}{spread}, n = {found.n}{lost}"


def _see(figure: str | None) -> str:
    return f" (figure {figure})" if figure else ""


def _known(figure: str | None, figures: Collection[str]) -> str | None:
    return figure if figure in figures else None
