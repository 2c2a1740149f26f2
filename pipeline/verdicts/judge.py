"""Judge a claim by the criteria of its parts, from the headline numbers."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pipeline.errors import SettingError
from pipeline.metrics.summary import finite
from pipeline.verdicts import criteria
from pipeline.verdicts.claims import Claim, Part
from pipeline.verdicts.criteria import Found

Row = Mapping[str, Any]


def judge_claim(claim: Claim, metrics: Mapping[str, Any], figures: Collection[str], comparisons: int) -> list[Row]:
    """The rows of verdicts.json on a claim: one for the whole, then one for each part.

    For a whole, the statistic is the number of parts that are replicated and `n` the number of parts; a claim of one
    part takes both from that part.

    Args:
        claim: a claim of the ledger.
        metrics: headline numbers by analysis and name.
        figures: the names of the study's figures.
        comparisons: the number of criteria on random numbers in the ledger.
    """
    parts = [_part(claim, part, metrics, figures, comparisons) for part in claim.parts]
    shown = parts[0] if len(parts) == 1 else _counted(parts)
    whole = {
        **shown,
        "id": claim.id,
        "claim": claim.claim,
        "source": claim.source,
        "criterion": _criterion(parts),
        "verdict": criteria.overall([part["verdict"] for part in parts]),
        "evidence": _reason(claim, parts),
        "figure": decisive(parts)["figure"] if parts else _known(claim.figure, figures),
        "departs": claim.departs,
        "needs": claim.needs,
    }
    return [whole, *parts]


def _counted(parts: Sequence[Row]) -> Row:
    """The statistic of a claim of several parts, or of none."""
    return {
        "statistic": sum(part["verdict"] == criteria.REPLICATED for part in parts) if parts else None,
        "interval": None,
        "bootstrap": None,
        "n": len(parts),
        "holds_corrected": None,
        "exact": None,
    }


def _criterion(parts: Sequence[Row]) -> str:
    if not parts:
        return "none stated"
    if len(parts) == 1:
        return f"its one part, {parts[0]['id']}: {parts[0]['criterion']}"
    return f"all of its parts: {', '.join(part['id'] for part in parts)}"


def decisive(parts: Sequence[Row]) -> Row:
    """The deciding part: the first that was tested and isn't replicated, else the first untested, else the first."""
    missed = [part for part in parts if part["verdict"] != criteria.REPLICATED]
    tested = [part for part in missed if part["verdict"] != criteria.NOT_TESTED]
    return next(iter([*tested, *missed, *parts]))


def _reason(claim: Claim, parts: Sequence[Row]) -> str:
    """One sentence: the numbers of the deciding part, the tests of the algebra, and what a test would need."""
    said = [f"{(part := decisive(parts))['id']}, {part['evidence'].removesuffix('.')}"] if parts else []
    if not parts and not claim.needs:
        said.append("no analysis of this project measures it yet")
    if claim.needs and criteria.overall([part["verdict"] for part in parts]) == criteria.NOT_TESTED:
        said.append(f"a test would need {claim.needs}")
    if claim.tested_by:
        said.append(f"{claim.tested_by} checks the algebra")
    return "; ".join(said) + "."


def _part(claim: Claim, part: Part, metrics: Mapping[str, Any], figures: Collection[str], comparisons: int) -> Row:
    found, missing = _measured(part, metrics)
    (mean, low, high, n), figure = found.student, _known(part.figure or claim.figure, figures)
    number = f"{_number(found)}, claimed {part.criterion.bounds()}"
    if missing:
        number = f"this study has no {' and no '.join(missing)}"
    return {
        "id": part.id,
        "claim": part.says,
        "source": claim.source,
        "criterion": part.criterion.words(),
        "verdict": criteria.judge(part.criterion, found),
        "exact": part.exact,
        "statistic": finite(mean),
        "interval": [finite(low), finite(high)],
        "bootstrap": [finite(bound) for bound in found.bootstrap],
        "n": n,
        "holds_corrected": criteria.holds_corrected(part.criterion, found, comparisons),
        "figure": figure,
        "evidence": f"{part.says}: {number}" + (f" (figure {figure})." if figure else "."),
    }


def _measured(part: Part, metrics: Mapping[str, Any]) -> tuple[Found, list[str]]:
    """The measured number of a part, and the names of the headline numbers that the study lacks."""
    names = [name for name in (part.metric, part.minus) if name]
    numbers = {name: values for name in names if (values := _values(metrics, name)) is not None}
    missing = [name for name in names if name not in numbers]
    try:
        return criteria.measured(*([[]] if missing else [numbers[name] for name in names])), missing
    except ValueError as error:
        raise SettingError(f"{part.id}: {error}") from None


def _known(figure: str | None, figures: Collection[str]) -> str | None:
    return figure if figure in figures else None


def _values(metrics: Mapping[str, Any], name: str) -> list[float | None] | None:
    analysis, _, metric = name.partition("/")
    return metrics.get(analysis, {}).get(metric, {}).get("values")


def _number(found: Found) -> str:
    mean, low, high, n = found.student
    if n == 0:
        return "no seed has a value"
    spread = (
        f" [{low:.3g}, {high:.3g}], bootstrap [{found.bootstrap[0]:.3g}, {found.bootstrap[1]:.3g}]" if n > 1 else ""
    )
    return f"{mean:.3g}{spread}, n = {n}"
