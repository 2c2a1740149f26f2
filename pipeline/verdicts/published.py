"""A study's published values, and how far the numbers and verdicts of another run are from them."""

import json
import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pydantic
from scipy import stats as distributions

from pipeline.metrics import intervals
from pipeline.results import paths, store
from pipeline.study.errors import explain
from pipeline.study.schema import Strict
from pipeline.verdicts.claims import Ledger

IDENTICAL, WITHIN, DIFFERS, NEW = "identical", "within tolerance", "differs", "new"
RULINGS = (IDENTICAL, WITHIN, NEW, DIFFERS)  # from best to worst
ROUNDING = 1e-6  # relative; what another platform's floating point may change in a value without any spread
HARDWARE = ("cpu", "gpu", "system")
NUMERIC = ("python", "numpy", "pandas", "scikit-learn", "scipy", "torch")  # versions that decide numbers
Values = Sequence[float | None]


class Number(Strict):
    """A number's values, one a seed (None if it has none), their mean and their standard deviation."""

    values: tuple[float | None, ...]
    mean: float | None
    spread: float | None


class Published(Strict):
    """A study's published values: what it ran with, where, and what came of it."""

    study: str
    settings: str
    commit: str | None
    dirty: bool | None
    platform: dict[str, str | None]
    numbers: dict[str, Number]
    verdicts: dict[str, str]


@dataclass(frozen=True)
class Compared:
    """A number and its published value; `tolerance` is that of the mean, None where there is none to state."""

    name: str
    ruling: str
    published: float | None
    found: float | None
    tolerance: float | None
    why: str


@dataclass(frozen=True)
class Claim:
    """A claim, or a part of one: its verdicts, and the worst of the numbers that it rests on (None if on none)."""

    id: str
    ruling: str
    published: str | None
    found: str | None
    numbers: str | None


@dataclass(frozen=True)
class Comparison:
    """A run beside the published values; `platform` says what differs of the machines, line by line."""

    platform: list[str]
    numbers: list[Compared]
    claims: list[Claim]

    @property
    def counts(self) -> dict[str, int]:
        """How many numbers have each ruling."""
        return {ruling: sum(number.ruling == ruling for number in self.numbers) for ruling in RULINGS}

    @property
    def off(self) -> list[Compared]:
        """The numbers that differ."""
        return [number for number in self.numbers if number.ruling == DIFFERS]

    @property
    def changed(self) -> list[Claim]:
        """The claims, and parts of them, whose verdict differs."""
        return [claim for claim in self.claims if claim.ruling == DIFFERS]


def read(source: Path) -> Published:
    """The published values of a file.

    Raises:
        DamagedFileError: if it isn't what `gather` makes; the message names every fault.
    """
    try:
        return Published.model_validate(store.read_json(source), strict=False)
    except pydantic.ValidationError as error:
        raise store.DamagedFileError(explain(error, str(source), model=Published)) from None


def write(values: Published) -> Path:
    """Write published values, a number a line, so that git shows which ones change; where they are now."""
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
    """What a run publishes.

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
            **{name: versions.get(name) for name in NUMERIC},
        },
        numbers=dict(_numbers(metrics)),
        verdicts={row["id"]: row["verdict"] for row in verdicts},
    )


def _numbers(metrics: Mapping[str, Any]) -> Iterator[tuple[str, Number]]:
    for analysis, numbers in metrics["metrics"].items():
        for name, number in numbers.items():
            values = tuple(map(_finite, number["values"]))
            yield f"{analysis}/{name}", Number(values=values, mean=_finite(number["mean"]), spread=_spread(values))


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _spread(values: Values) -> float | None:
    """The standard deviation of a sample; None with fewer than two values, exactly 0 if all are equal."""
    kept = [value for value in values if value is not None]
    if len(kept) < 2:
        return None
    return 0.0 if min(kept) == max(kept) else float(intervals.finite(kept).std(ddof=1))


def compare(
    published: Published,
    metrics: Mapping[str, Any],
    verdicts: Sequence[Mapping[str, Any]],
    rests: Mapping[str, Sequence[str]],
) -> Comparison:
    """A run beside the published values, number by number and claim by claim.

    Args:
        published: the values that were published.
        metrics: the content of the run's metrics.json.
        verdicts: the content of the run's verdicts.json.
        rests: the numbers that each claim and each part of one rests on.
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
    ids = dict.fromkeys([*here.verdicts, *published.verdicts])
    claims = [
        _claim(id, published.verdicts.get(id), here.verdicts.get(id), [rulings.get(name) for name in rests.get(id, ())])
        for id in ids
    ]
    return Comparison(platform, numbers, claims)


def _claim(id: str, published: str | None, found: str | None, rulings: Sequence[str | None]) -> Claim:
    known = [ruling for ruling in rulings if ruling]
    ruling = IDENTICAL if published == found else NEW if published is None else DIFFERS
    return Claim(id, ruling, published, found, max(known, key=RULINGS.index) if known else None)


def ruled(name: str, published: Number | None, found: Number | None, *, same_platform: bool) -> Compared:
    """The ruling on one number.

    *Identical* if the value of every seed has the same bits: JSON holds all of a float. *Within tolerance* if the same
    seeds have a value and the means are no further apart than `tolerance` allows; or, on another platform, if no value
    moved by more than a relative `ROUNDING`. A number that the run doesn't have *differs*, one that was not published
    is *new*.

    Args:
        name: of the number.
        published: as it was published, None if it wasn't.
        found: as the run has it, None if it hasn't.
        same_platform: whether both were made with the same processor, graphics card, system and versions.
    """
    if published is None or found is None:
        given = published or found
        ruling, why = (NEW, "not published") if published is None else (DIFFERS, "this run doesn't have it")
        return Compared(
            name, ruling, published and published.mean, found and found.mean, tolerance(given and given.values), why
        )
    allowed = tolerance(published.values)
    ruling, why = _values(published.values, found.values, allowed, same_platform=same_platform)
    return Compared(name, ruling, published.mean, found.mean, allowed, why)


def _values(published: Values, found: Values, allowed: float | None, *, same_platform: bool) -> tuple[str, str]:
    """The ruling on the values of a number, and its reason."""
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
    future observations). The interval is exact for normal values of other seeds. A run with the same seeds should be
    nearer; so what lies outside differs by more than another choice of seeds would do, but for 5 % of such numbers.
    """
    kept = [value for value in values or () if value is not None]
    spread = _spread(kept)
    if spread is None:
        return None
    n = len(kept)
    return float(distributions.t.ppf(0.5 + intervals.CONFIDENCE / 2, n - 1)) * spread * math.sqrt(1 / n + 1 / n)


def rests_on(claims: Ledger) -> dict[str, list[str]]:
    """The numbers that each part of a claim rests on, and the claim as a whole."""
    found: dict[str, list[str]] = {}
    for claim in claims.claims:
        for part in claim.parts:
            found[part.id] = [name for name in (part.metric, part.minus) if name]
        found[claim.id] = [name for part in claim.parts for name in found[part.id]]
    return found
