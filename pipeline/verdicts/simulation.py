"""What the rule of the ledger says of made-up studies whose truth is known.

`python -m pipeline simulate` prints the table that docs/criteria.md shows. Every study goes through the judge as the
real one does. The truth lies on the bound ("no effect"), or one standard deviation beyond it.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray
from tabulate import tabulate

from pipeline import random_streams
from pipeline.verdicts import criteria
from pipeline.verdicts.claims import Claim
from pipeline.verdicts.judge import JudgedPart, judge_parts

STUDIES = 1000  # of each kind
SEEDS = (12, 5)  # of primaries about trainings, and of secondaries at other depths
LOST = 0.05  # share of runs that diverge, of the kind with divergence
PROBLEMS = 12  # of a seed, of the kind with shares
ACCURACY, SEED_SPREAD = 0.95, 0.01  # of the method compared with, and of its seeds
Draw = Callable[[np.random.Generator, int, float], Mapping[str, Any]]


@dataclass(frozen=True)
class Kind:
    """A kind of primary: its criterion as the ledger states it, and how its numbers are drawn for a given effect."""

    words: str
    part: Mapping[str, Any]
    draw: Draw


@dataclass(frozen=True)
class Outcome:
    """Shares of the verdicts of one kind with one number of seeds: without an effect, and with one."""

    kind: str
    n: int
    supported: float
    contradicted: float
    power: float


def simulate() -> list[Outcome]:
    """The outcome of every kind with every number of seeds; the same whenever it is called."""
    return [_outcome(name, n) for n in SEEDS for name in KINDS]


def secondaries(count: int = 6) -> float:
    """The share of studies in which any of some secondaries without an effect holds after Holm's correction."""
    kind, claim = KINDS["difference"], _claim(KINDS["difference"], secondaries=count)
    generator, found = random_streams.numpy_stream("simulated secondaries"), 0
    for _ in range(STUDIES):
        drawn = [kind.draw(generator, SEEDS[0], 0.0) for _ in claim.parts]
        metrics = {f"made{place}": numbers for place, numbers in enumerate(drawn)}
        found += any(part.is_borne_out and part.corrected < criteria.ERROR for part in judge_parts(claim, metrics))
    return found / STUDIES


def _outcome(name: str, n: int) -> Outcome:
    kind = KINDS[name]
    without, with_effect = (_verdicts(kind, n, effect, name) for effect in (0.0, 1.0))
    contradicted = without.count(criteria.CONTRADICTED) / STUDIES
    return Outcome(kind.words, n, without.count(criteria.SUPPORTED) / STUDIES, contradicted, _share(with_effect))


def _share(verdicts: Sequence[str]) -> float:
    return verdicts.count(criteria.SUPPORTED) / STUDIES


def _verdicts(kind: Kind, n: int, effect: float, name: str) -> list[str]:
    generator, claim = random_streams.numpy_stream("simulated studies", name, n, effect), _claim(kind)
    return [_primary(judge_parts(claim, {"made0": kind.draw(generator, n, effect)})).verdict for _ in range(STUDIES)]


def _primary(parts: Sequence[JudgedPart]) -> JudgedPart:
    return next(each for each in parts if each.part.id == "C1.a")


def _claim(kind: Kind, *, secondaries: int = 0) -> Claim:
    """A claim of that kind; its parts read the analyses made0, made1 and so on."""
    parts = []
    for place in range(1 + secondaries):
        names = {key: f"made{place}/{value}" for key, value in kind.part.items() if key in ("metric", "minus", "over")}
        parts.append({"id": f"C1.{chr(ord('a') + place)}", "says": kind.words, **kind.part, **names})
    parts[0]["planned"] = {"n": SEEDS[0]}
    words = dict.fromkeys(("claim", "short", "test", "why", "against", "open"), "made up")
    content = {"id": "C1", "topic": "theory", "source": "ours", "paper": [], "primary": "C1.a", "parts": parts, **words}
    return Claim.model_validate(content, strict=False)


def _number(values: Float[ndarray, " n"], range: str) -> dict[str, Any]:
    return {"values": [None if np.isnan(value) else float(value) for value in values], "range": range}


def _accuracies(generator: np.random.Generator, n: int, effect: float) -> Mapping[str, Any]:
    """Accuracies of two methods; the paired difference has a standard deviation of 0.005."""
    other = np.clip(generator.normal(ACCURACY, SEED_SPREAD, n), 0, 1)
    mine = np.clip(other - 0.01 + 0.005 * (effect + generator.normal(size=n)), 0, 1)
    return {"mine": _number(mine, "share"), "other": _number(other, "share")}


def _some_diverge(generator: np.random.Generator, n: int, effect: float) -> Mapping[str, Any]:
    found = _accuracies(generator, n, effect)
    for number in found.values():
        lost = generator.uniform(size=n) < LOST
        number["values"] = [None if gone else value for gone, value in zip(lost, number["values"], strict=True)]
    return found


def _times(generator: np.random.Generator, n: int, effect: float) -> Mapping[str, Any]:
    """Times of two methods; the logarithm of their ratio has a standard deviation of 0.2."""
    other = 500 * np.exp(generator.normal(0, 0.3, n))
    mine = other * 0.95 * np.exp(0.2 * (generator.normal(size=n) - effect))
    return {"mine": _number(mine, "positive"), "other": _number(other, "positive")}


def _correlations(generator: np.random.Generator, n: int, effect: float) -> Mapping[str, Any]:
    """Rank correlations with a standard deviation of 0.15; the claimed side is towards -1."""
    return {"mine": _number(np.clip(-0.5 - 0.15 * (effect + generator.normal(size=n)), -1, 1), "correlation")}


def _solved(generator: np.random.Generator, n: int, effect: float) -> Mapping[str, Any]:
    """Shares of solved problems; some seeds are harder than others."""
    mean, spread = 0.8, 0.12
    centre = min(mean + effect * spread, 0.99)
    strength = 30.0
    chance = generator.beta(strength * centre, strength * (1 - centre), n)
    return {"mine": _number(generator.binomial(PROBLEMS, chance) / PROBLEMS, "share")}


def _gaps(generator: np.random.Generator, n: int, effect: float) -> Mapping[str, Any]:
    return {"mine": _number(1.0 + 0.4 * (effect + generator.normal(size=n)), "real")}


ACCURATE = {"metric": "mine", "minus": "other", "above": -0.01, "better": "higher"}
FASTER = {"metric": "mine", "over": "other", "below": 0.95, "equal": (0.95, 1.053), "better": "lower"}
KINDS: Mapping[str, Kind] = {
    "difference": Kind("difference of accuracies", ACCURATE, _accuracies),
    "divergence": Kind(f"the same, {100 * LOST:g} % of the runs diverge", ACCURATE, _some_diverge),
    "ratio": Kind("ratio of times", FASTER, _times),
    "correlation": Kind("rank correlation", {"metric": "mine", "below": -0.5}, _correlations),
    "share": Kind("share of problems", {"metric": "mine", "above": 0.8}, _solved),
    "real": Kind("logarithm of a ratio", {"metric": "mine", "above": 1.0}, _gaps),
}


def table(found: Sequence[Outcome], *, form: str = "github") -> str:
    """The outcomes as a table, in a form of tabulate's."""
    head = (
        "kind of primary",
        "n",
        "no effect: supported",
        "no effect: contradicted",
        "one standard deviation: supported",
    )
    rows = [
        (each.kind, each.n, *(f"{100 * share:.1f} %" for share in (each.supported, each.contradicted, each.power)))
        for each in found
    ]
    return tabulate(rows, head, tablefmt=form, disable_numparse=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args(argv)
    print(table(simulate(), form="plain"))
