"""Search for learning rates: successive halving on a grid that widens where the best rates lie on its edge.

Every method gets the same number of tries, in rungs (Jamieson and Talwalkar 2016): all rates of the grid are tried in
short, and the best of a rung are tried again in the next one, for longer. A method whose modules may have a rate of
their own tries each rate of the network with each of the modules; any other tries as many rates, closer together.

Where the best of a rung lie on the edge of what has been tried, the next rung also tries what lies beyond, in place of
the worst that would have gone on. So a search that widens the grid takes no more updates than one that doesn't.

Without torch, so that jobs can be planned quickly.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.settings_types import LARGEST

DIGITS = 3  # of rates that are computed
LEAST_TRIES = 2  # in a rung, so that there is a place beside the best one


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
        at_edge: whether the best lie on the edge of what was tried, so that better ones may lie beyond.
    """

    best: Rates
    tried: list[list[Rates]]
    at_edge: bool


def rungs(tries: int, *, steps: int, count: int, factor: int) -> list[Rung]:
    """The rungs of a search: each has a part of the tries of the one before, and `factor` times as many updates.

    Args:
        tries: of the first rung.
        steps: updates of a trial of the last rung.
        count: number of rungs.
        factor: one of so many goes on, rounded up; at least two do, if there are two.
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
    order, tried, there = list(first), [], set(first)
    for number, rung in enumerate(plan):
        new = list(beyond(order[0], there, first, widening))[: rung.tries - 1] if number else []
        wanted = [*order[: rung.tries - len(new)], *new]
        order = ranked(dict(zip(wanted, losses(wanted, rung.steps), strict=True)))
        tried.append(wanted)
        there |= set(new)
    return Found(order[0], tried, at_edge(order[0], there, first))


def ranked(losses: Mapping[Rates, Sequence[float | None]]) -> list[Rates]:
    """Rates from the lowest mean loss to the highest; those with fewer diverged trials always come first.

    Of equal ones, the smallest come first.
    """

    def key(rates: Rates) -> tuple[int, float, Rates]:
        finite = [loss for loss in losses[rates] if loss is not None]
        mean = math.fsum(finite) / len(finite) if finite else math.inf
        return len(losses[rates]) - len(finite), mean, rates

    return sorted(losses, key=key)


def beyond(best: Rates, tried: Collection[Rates], first: Collection[Rates], widening: Widening) -> Iterator[Rates]:
    """The rates one step beyond each edge on which the best lie, unless the grid has been widened enough there."""
    for name, direction, ratio in _edges(best, tried, first):
        taken = round(math.log(ratio) / math.log(widening.factor))
        new = replace(best, **{name: _times(getattr(best, name), widening.factor**direction)})
        if taken < widening.most and new not in tried and all(0 < r <= LARGEST for r in (new.rate, new.gate_rate)):
            yield new


def at_edge(best: Rates, tried: Collection[Rates], first: Collection[Rates]) -> bool:
    """Whether the best lie on an edge of what was tried, so that better ones may lie beyond."""
    return any(True for _ in _edges(best, tried, first))


def _edges(best: Rates, tried: Collection[Rates], first: Collection[Rates]) -> Iterator[tuple[str, int, float]]:
    """The edges on which the best lie: of which number, downwards (-1) or upwards (1), and by which ratio it has moved.

    Factors have no edge if there is only one to begin with: then they are given, not searched for.
    """
    for name in ("rate", "factor"):
        start, there = ({getattr(each, name) for each in part} for part in (first, tried))
        at = getattr(best, name)
        if name == "factor" and len(start) == 1:
            continue
        if at == min(there):
            yield name, -1, min(start) / at
        if at == max(there):
            yield name, 1, at / max(start)


def _times(number: float, by: float) -> float:
    return number if by == 1 else float(f"{number * by:.{DIGITS}g}")
