"""Search for learning rates: successive halving on a grid that widens where the best rates lie on its edge.

Every method gets the same number of tries, in rungs (Jamieson and Talwalkar 2016): all rates of the grid are tried in
short, and the best of a rung are tried again in the next one, for longer. A method whose modules may have a rate of
their own tries each rate of the network with each of the modules; any other tries as many rates, closer together.

The best rates of long trials may be others than those of short ones. Where the best of a rung lie on the edge of what
that rung tried, the next one also tries their neighbour on that side: one of an earlier rung or, at the edge of the
grid, one step beyond it. It takes the place of the worst that would have gone on, so a search that widens the grid
takes no more updates than one that doesn't.

Without torch, so that jobs can be planned quickly.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.settings_types import LARGEST

DIGITS = 3  # of rates that are computed
LEAST_TRIES = 3  # in a rung, so that the best rate has a place between a lower and a higher one


@dataclass(frozen=True, order=True)
class Rates:
    """Rates that are tried together.

    Attributes:
        rate: of the network.
        factor: of the gates' modules, as a multiple of the network's.
    """

    rate: float
    factor: float = 1.0

    @property
    def gate_rate(self) -> float:
        """The rate of the gates' modules."""
        return _times(self.rate, self.factor)


@dataclass(frozen=True)
class Rung:
    """How many rates are tried, and the updates of each trial."""

    tries: int
    steps: int


@dataclass(frozen=True)
class Widening:
    """By which factor a step leads beyond the edge of the grid, and how many steps each way are made at most."""

    factor: float
    most: int


@dataclass(frozen=True)
class Found:
    """What a search has found.

    Attributes:
        best: the first of the last rung.
        tried: everything that was tried, in the order of the rungs.
        at_edge: whether the best lie on the edge of all that was tried, so that better ones may lie beyond.
        bracketed: whether the last rung tried a lower and a higher rate of the network than the best.
    """

    best: Rates
    tried: list[list[Rates]]
    at_edge: bool
    bracketed: bool


def rungs(tries: int, *, steps: int, count: int, factor: int) -> list[Rung]:
    """The rungs of a search: each has a part of the tries of the one before, and `factor` times as many updates.

    Args:
        tries: of the first rung.
        steps: updates of a trial of the last rung.
        count: number of rungs.
        factor: one of so many goes on, rounded up; at least three do, if there are three.
    """
    least = min(LEAST_TRIES, tries)
    return [
        Rung(max(least, math.ceil(tries / factor**number)), max(1, round(steps / factor ** (count - 1 - number))))
        for number in range(count)
    ]


def grid(rates: Sequence[float], factors: Sequence[float], *, separate: bool, spacing: float) -> list[Rates]:
    """What is tried first, as many for every method.

    Args:
        rates: of the network.
        factors: of the modules' rate, as multiples of the network's.
        separate: whether the modules' rate matters. If not, each of `rates` stands for as many rates as there are
            factors, evenly spaced around it on a logarithmic scale.
        spacing: the ratio of neighbours among `rates`.
    """
    if separate:
        return [Rates(rate, factor) for rate in rates for factor in factors]
    count = len(factors)
    around = [spacing ** ((number - (count - 1) / 2) / count) for number in range(count)]
    return [Rates(_times(rate, by)) for rate in rates for by in around]


def search(
    first: Sequence[Rates],
    plan: Sequence[Rung],
    losses: Callable[[Sequence[Rates], int], Sequence[Sequence[float | None]]],
    *,
    widening: Widening,
) -> Found:
    """Try the rates of each rung of a plan, from the first ones on.

    Args:
        first: the rates of the first rung, as many as it has tries.
        plan: the rungs.
        losses: given rates and a number of updates, the losses of the trials of each; None for one that diverged.
        widening: how the grid is widened.
    """
    order, tried, there = list(first), [list(first)], set(first)
    for number, rung in enumerate(plan):
        if number:
            new = list(neighbours(order[0], order, there, first, widening))[: rung.tries - 1]
            tried.append([*order[: rung.tries - len(new)], *new])
            there |= set(new)
        order = ranked(dict(zip(tried[-1], losses(tried[-1], rung.steps), strict=True)))
    return Found(order[0], tried, at_edge(order[0], there, first), bracketed(order[0], order))


def ranked(losses: Mapping[Rates, Sequence[float | None]]) -> list[Rates]:
    """Rates from the lowest mean loss to the highest; those with fewer diverged trials always come first.

    Of equal ones, the smallest come first.
    """

    def key(rates: Rates) -> tuple[int, float, Rates]:
        finite = [loss for loss in losses[rates] if loss is not None]
        mean = math.fsum(finite) / len(finite) if finite else math.inf
        return len(losses[rates]) - len(finite), mean, rates

    return sorted(losses, key=key)


def neighbours(
    best: Rates, rung: Collection[Rates], tried: Collection[Rates], first: Collection[Rates], widening: Widening
) -> Iterator[Rates]:
    """The neighbours of the best beyond the edges of a rung on which they lie; none where the grid is wide enough.

    Args:
        best: of the rung.
        rung: what it tried.
        tried: what has been tried in any rung.
        first: what was tried first, the grid.
        widening: how the grid is widened.
    """
    for name, direction in _edges(best, rung, first):
        at = getattr(best, name)
        further = [
            getattr(each, name)
            for each in tried
            if replace(each, **{name: at}) == best and direction * getattr(each, name) > direction * at
        ]
        if further:
            yield replace(best, **{name: direction * min(direction * number for number in further)})
            continue
        edge = direction * max(direction * getattr(each, name) for each in first)
        taken = round(direction * math.log(at / edge) / math.log(widening.factor))
        new = replace(best, **{name: _times(at, widening.factor**direction)})
        if taken < widening.most and all(0 < number <= LARGEST for number in (new.rate, new.gate_rate)):
            yield new


def at_edge(best: Rates, tried: Collection[Rates], first: Collection[Rates]) -> bool:
    """Whether the best lie on an edge of what was tried, so that better ones may lie beyond."""
    return any(True for _ in _edges(best, tried, first))


def bracketed(best: Rates, rung: Collection[Rates]) -> bool:
    """Whether a rung tried a lower and a higher rate of the network than the best."""
    return min(each.rate for each in rung) < best.rate < max(each.rate for each in rung)


def _edges(best: Rates, tried: Collection[Rates], first: Collection[Rates]) -> Iterator[tuple[str, int]]:
    """The edges of what was tried on which the best lie: of which number, downwards (-1) or upwards (1).

    Factors have no edge if there is only one to begin with: then they are given, not searched for.
    """
    for name in ("rate", "factor"):
        there = {getattr(each, name) for each in tried}
        if name == "factor" and len({each.factor for each in first}) == 1:
            continue
        if getattr(best, name) == min(there):
            yield name, -1
        if getattr(best, name) == max(there):
            yield name, 1


def _times(number: float, by: float) -> float:
    return number if by == 1 else float(f"{number * by:.{DIGITS}g}")
