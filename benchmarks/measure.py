"""Timing two things in turn, so that a machine that gets slower or faster changes both."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

ROUNDS = 11
SECONDS = 0.15  # that each of the two gets in a round, at least

Clock = Callable[[], float]


@dataclass(frozen=True)
class Ratio:
    """The median of the rounds' ratios, and their lower and upper quartile."""

    median: float
    low: float
    high: float


def of(values: list[float]) -> Ratio:
    """Summarise the ratios of the rounds."""
    low, median, high = statistics.quantiles(values, n=4) if len(values) > 1 else values * 3
    return Ratio(median, low, high)


def clock(on: torch.device) -> Clock:
    """What times work on a device: the CPU time of this process, or the time at which a GPU has done all its work."""
    if on.type == "cpu":
        return time.process_time

    def done() -> float:
        torch.cuda.synchronize(on)
        return time.perf_counter()

    return done


def ratio(
    one: Callable[[], object],
    other: Callable[[], object],
    *,
    now: Clock = time.process_time,
    rounds: int = ROUNDS,
) -> Ratio:
    """Time of a call of `one` over that of `other`.

    Both are called a few times before they are timed. In each round they are timed one after the other, in an order
    that changes from round to round.
    """
    counts = [_calls(each, now) for each in (one, other)]
    found = []
    for number in range(rounds):
        order = (0, 1) if number % 2 else (1, 0)
        times = [0.0, 0.0]
        for which in order:
            times[which] = _time((one, other)[which], counts[which], now)
        found.append(times[0] / times[1])
    return of(found)


def _calls(work: Callable[[], object], now: Clock) -> int:
    """How many calls take `SECONDS`; they also warm up caches and the allocator."""
    _time(work, 3, now)
    return max(1, round(SECONDS / max(_time(work, 3, now), 1e-6)))


def _time(work: Callable[[], object], calls: int, now: Clock) -> float:
    """Seconds of a call."""
    start = now()
    for _ in range(calls):
        work()
    return (now() - start) / calls
