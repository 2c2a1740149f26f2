"""Reference values of a study, and how another run's numbers and verdicts compare with them."""

import json
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic
from scipy import stats as distributions

from pipeline.errors import ExplainedError
from pipeline.metrics import intervals
from pipeline.metrics.summary import finite
from pipeline.results import paths, store
from pipeline.study.errors import explain
from pipeline.study.schema import Strict
from pipeline.verdicts import claim_rows
from pipeline.verdicts.claim_rows import OLDEST
from pipeline.verdicts.claims import Ledger, load_claims

IDENTICAL, WITHIN, DIFFERS, NEW = "identical", "within tolerance", "differs", "new"
RULINGS = (IDENTICAL, WITHIN, NEW, DIFFERS)  # from best to worst
ROUNDING = 1e-6  # relative difference that another platform's floating point may cause in a value
HARDWARE = ("cpu", "gpu", "system")
NUMERIC = ("python", "numpy", "pandas", "scikit-learn", "scipy", "torch")  # packages whose versions affect numbers
Values = Sequence[float | None]


class Number(Strict):
    """A number's values, one per seed (None where it is undefined), their mean and their standard deviation."""

    values: tuple[float | None, ...]
    mean: float | None
    spread: float | None


class Published(Strict):
    """A study's published numbers and verdicts, with its settings, code and platform."""

    study: str
    settings: str
    commit: str | None
    dirty: bool | None
    criteria: int = OLDEST
    platform: dict[str, str | None]
    numbers: dict[str, Number]
    verdicts: dict[str, str]


@dataclass(frozen=True)
class ComparedNumber:
    """A number and its reference value; `tolerance` is that of the mean, None with fewer than two values."""

    name: str
    ruling: str
    published: float | None
    found: float | None
    tolerance: float | None
    why: str


@dataclass(frozen=True)
class ComparedClaim:
    """The verdicts on a claim or a part, and the worst ruling on its numbers (None if it has no numbers)."""

    id: str
    ruling: str
    published: str | None
    found: str | None
    numbers: str | None


@dataclass(frozen=True)
class Comparison:
    """A run compared with reference values.

    `platform` has a line for each difference of machine or versions. `criteria` says so if the verdicts follow from
    different versions of the criteria; such verdicts aren't compared, and `claims` is empty.
    """

    platform: list[str]
    numbers: list[ComparedNumber]
    claims: list[ComparedClaim]
    criteria: str | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many numbers have each ruling."""
        return {ruling: sum(number.ruling == ruling for number in self.numbers) for ruling in RULINGS}

    @property
    def off(self) -> list[ComparedNumber]:
        """The numbers that differ."""
        return [number for number in self.numbers if number.ruling == DIFFERS]

    @property
    def changed(self) -> list[ComparedClaim]:
        """The claims and parts whose verdict differs."""
        return [claim for claim in self.claims if claim.ruling == DIFFERS]


class OtherSettingsError(ExplainedError, ValueError):
    """The reference values were made with other settings than the results; `settings` is their hash."""

    def __init__(self, settings: str) -> None:
        super().__init__(f"The reference values were made with other settings ({settings}).")
        self.settings = settings


def read(source: Path) -> Published:
    """Read a file of reference values.

    Raises:
        DamagedFileError: naming every fault, if the file wasn't made by `write`.
    """
    try:
        return Published.model_validate(store.read_json(source), strict=False)
    except pydantic.ValidationError as error:
        raise store.DamagedFileError(explain(error, f"{source}: ", model=Published)) from None


def write(values: Published) -> Path:
    """Write reference values, one number per line so that git shows which ones change, and return the path."""
    content = values.model_dump(mode="json")
    kept = {name: content.pop(name) for name in ("numbers", "verdicts")}
    lines = [f"{json.dumps(name)}: {json.dumps(content[name], sort_keys=True)}" for name in sorted(content)]
    for part, members in kept.items():
        inner = (f"{json.dumps(name)}: {json.dumps(members[name], allow_nan=False)}" for name in sorted(members))
        lines.append(f"{json.dumps(part)}: {{\n" + ",\n".join(inner) + "\n}")
    where = paths.published(values.study)
    store.write_bytes(where, ("{\n" + ",\n".join(lines) + "\n}\n").encode())
    return where


def gather(metrics: Mapping[str, Any], verdicts: Sequence[Mapping[str, Any]]) -> Published:
    """The values that a run would publish.

    Args:
        metrics: the content of metrics.json.
        verdicts: the content of verdicts.json.
    """
    origin = metrics.get(store.PROVENANCE, {})
    machine, versions = origin.get("hardware", {}), origin.get("versions", {})
    return Published(
        study=metrics["study"],
        settings=origin.get("settings", "unknown"),
        commit=origin.get("commit"),
        dirty=origin.get("dirty"),
        platform={
            **{name: machine.get(name) for name in HARDWARE},
            **{name: machine[name] for name in ("products",) if name in machine},  # in TF32
            **{name: versions.get(name) for name in NUMERIC},
        },
        numbers=dict(_numbers(metrics)),
        criteria=claim_rows.version(verdicts),
        verdicts={row["id"]: row["verdict"] for row in verdicts},
    )


def _numbers(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Number]]:
    for analysis, numbers in metrics["metrics"].items():
        for name, number in numbers.items():
            values = tuple(map(_defined, number["values"]))
            yield f"{analysis}/{name}", Number(values=values, mean=_defined(number["mean"]), spread=_spread(values))


def _defined(value: float | None) -> float | None:
    return None if value is None else finite(float(value))


def _spread(values: Values) -> float | None:
    """The sample standard deviation; None with fewer than two values, exactly 0 if all are equal."""
    kept = [value for value in values if value is not None]
    if len(kept) < 2:
        return None
    return 0.0 if min(kept) == max(kept) else float(intervals.finite(kept).std(ddof=1))


def is_pulled(study: str) -> bool:
    """Whether a study's results came from elsewhere: the models of trainings don't travel, and none is here."""
    results = paths.results(study)
    return (results / "train").is_dir() and not any((results / "checkpoints").glob("*.safetensors"))


def compare_study(study: str) -> Comparison | None:
    """Compare a study's results with its reference values; None if one of the two isn't there.

    Raises:
        OtherSettingsError: if the reference values were made with other settings.
    """
    source, numbers, rows = paths.published(study), paths.metrics(study), paths.verdicts(study)
    if not all(path.is_file() for path in (source, numbers, rows)):
        return None
    return compare_results(read(source), store.read_json(numbers), store.read_json(rows))


def compare_results(
    published: Published, metrics: Mapping[str, Any], verdicts: Sequence[Mapping[str, Any]]
) -> Comparison:
    """Compare a run with reference values, claim by claim as the ledger of claims has them.

    Args:
        published: the values that were published.
        metrics: the content of the run's metrics.json.
        verdicts: the content of the run's verdicts.json.

    Raises:
        OtherSettingsError: if the reference values were made with other settings.
    """
    if published.settings != metrics[store.PROVENANCE].get("settings"):
        raise OtherSettingsError(published.settings)
    return compare(published, metrics, verdicts, rests_on(load_claims()))


def compare(
    published: Published,
    metrics: Mapping[str, Any],
    verdicts: Sequence[Mapping[str, Any]],
    rests: Mapping[str, Sequence[str]],
) -> Comparison:
    """Compare a run with reference values, number by number and claim by claim.

    Args:
        published: the values that were published.
        metrics: the content of the run's metrics.json.
        verdicts: the content of the run's verdicts.json.
        rests: the names of the numbers that each claim and each part rests on, by id.
    """
    here = gather(metrics, verdicts)
    platform = [
        f"{name}: {published.platform.get(name) or 'none'}, here {here.platform.get(name) or 'none'}"
        for name in here.platform
        if published.platform.get(name) != here.platform.get(name)
    ]
    names = dict.fromkeys([*published.numbers, *here.numbers])
    numbers = [
        ruled(name, published.numbers.get(name), here.numbers.get(name), same_platform=not platform) for name in names
    ]
    rulings = {number.name: number.ruling for number in numbers}
    if published.criteria != here.criteria:
        said = f"the published verdicts are by criteria version {published.criteria}, these by {here.criteria}"
        return Comparison(platform, numbers, [], f"{said}: they aren't compared")
    ids = dict.fromkeys([*here.verdicts, *published.verdicts])
    claims = [
        _claim(id, published.verdicts.get(id), here.verdicts.get(id), [rulings.get(name) for name in rests.get(id, ())])
        for id in ids
    ]
    return Comparison(platform, numbers, claims)


def _claim(id: str, published: str | None, found: str | None, rulings: Sequence[str | None]) -> ComparedClaim:
    known = [ruling for ruling in rulings if ruling]
    ruling = IDENTICAL if published == found else NEW if published is None else DIFFERS
    return ComparedClaim(id, ruling, published, found, max(known, key=RULINGS.index) if known else None)


def ruled(name: str, published: Number | None, found: Number | None, *, same_platform: bool) -> ComparedNumber:
    """The ruling on one number.

    *Identical*: the value of every seed has the same bits (JSON keeps all bits of a float). *Within tolerance*: the
    same seeds have a value, and the means are no further apart than `tolerance` allows; or, on another platform, no
    value differs by more than a relative `ROUNDING`. A number that the run lacks *differs*; a number that was not
    published is *new*.

    Args:
        name: the number's name.
        published: the published number, None if it wasn't published.
        found: the run's number, None if the run lacks it.
        same_platform: whether both were made with the same processor, graphics card, system and versions.
    """
    if published is None or found is None:
        given = published or found
        ruling, why = (NEW, "not published") if published is None else (DIFFERS, "this run doesn't have it")
        return ComparedNumber(
            name, ruling, published and published.mean, found and found.mean, tolerance(given and given.values), why
        )
    allowed = tolerance(published.values)
    ruling, why = _values(published.values, found.values, allowed, same_platform=same_platform)
    return ComparedNumber(name, ruling, published.mean, found.mean, allowed, why)


def _values(published: Values, found: Values, allowed: float | None, *, same_platform: bool) -> tuple[str, str]:
    """The ruling on the values of a number, and the reason."""
    if len(published) != len(found):
        return DIFFERS, f"{len(published)} seeds published, {len(found)} here"
    if list(map(_bits, published)) == list(map(_bits, found)):
        return IDENTICAL, ""
    if [value is None for value in published] != [value is None for value in found]:
        return DIFFERS, "not the same seeds have a value"
    pairs = [(a, b) for a, b in zip(published, found, strict=True) if a is not None and b is not None]
    if not same_platform and all(math.isclose(a, b, rel_tol=ROUNDING) for a, b in pairs):
        return WITHIN, f"floating point of another platform, relative {ROUNDING:g}"
    if not allowed:
        return DIFFERS, "one seed" if allowed is None else "no spread over seeds"
    if abs(math.fsum(b - a for a, b in pairs)) / len(pairs) <= allowed:
        return WITHIN, "spread over seeds"
    return DIFFERS, "further off than seeds are from one another"


def _bits(value: float | None) -> bytes | None:
    return None if value is None else struct.pack("<d", value)


def tolerance(values: Values | None) -> float | None:
    """How far another run's mean may be from the published one; None with fewer than two values.

    Half the width of the 95 % prediction interval for the mean of n further values, given n values with standard
    deviation s: t(0.975, n - 1) s sqrt(1/n + 1/n) (Hahn and Meeker, *Statistical Intervals*, 1991, on the mean of
    future observations). The interval is exact for runs with other seeds whose values are normal; 5 % of their numbers
    lie outside by chance. A run with the same seeds should be nearer.
    """
    kept = [value for value in values or () if value is not None]
    spread = _spread(kept)
    if spread is None:
        return None
    n = len(kept)
    return float(distributions.t.ppf(0.5 + intervals.CONFIDENCE / 2, n - 1)) * spread * math.sqrt(1 / n + 1 / n)


def rests_on(claims: Ledger) -> dict[str, list[str]]:
    """The names of the numbers that each part of a claim, and each claim as a whole, rests on, by id."""
    found: dict[str, list[str]] = {}
    for claim in claims.claims:
        for part in claim.parts:
            controls = claim.under(part).values()
            found[part.id] = list(dict.fromkeys(name for each in (part, *controls) for name in each.metrics))
        found[claim.id] = claim.metrics
    return found
