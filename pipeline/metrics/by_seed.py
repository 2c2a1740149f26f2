"""Values of a headline number by seed: none is ever left out, and each says how it came about."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np

# How a value came about.
MEASURED = "measured"
CENSORED = "censored"  # the run ended before the event: the value is a bound, all of the run's steps
DIVERGED = "diverged"  # the run's loss became NaN or infinite; a value, if there is one, is stated with its number
UNMET = "unmet premise"  # the number is about runs that meet a premise, and this one doesn't
UNPAIRED = "unpaired"  # a difference whose other run the study doesn't have
UNDEFINED = "undefined"  # the run ended well, and the number isn't defined for it
OUTCOMES = (MEASURED, CENSORED, DIVERGED, UNMET, UNPAIRED, UNDEFINED)


class BySeed(list[float]):
    """A number's values in the order of their seeds, as a list, with their seeds and outcomes."""

    def __init__(self, values: Iterable[float], *, seeds: Sequence[int], outcomes: Sequence[str] | None = None) -> None:
        """Keep the values; without `outcomes`, NaN is `UNDEFINED` and any other value `MEASURED`.

        Raises:
            ValueError: if the lengths differ, a seed occurs twice, or an outcome isn't one of `OUTCOMES`.
        """
        super().__init__(float(value) for value in values)
        self.seeds = [int(seed) for seed in seeds]
        given = [UNDEFINED if np.isnan(value) else MEASURED for value in self] if outcomes is None else list(outcomes)
        self.outcomes: list[str] = given
        if not len(self) == len(self.seeds) == len(given) or len(set(self.seeds)) != len(self.seeds):
            raise ValueError(
                f"found {len(self)} values, seeds {self.seeds} and {len(given)} outcomes; expected one each"
            )
        if strange := sorted(set(given) - set(OUTCOMES)):
            raise ValueError(f"found outcomes {strange}; expected some of {', '.join(OUTCOMES)}")

    def exceptions(self) -> dict[str, str]:
        """The outcomes that aren't `MEASURED`, by seed."""
        by_seed = zip(self.seeds, self.outcomes, strict=True)
        return {str(seed): outcome for seed, outcome in by_seed if outcome != MEASURED}


def collect(
    runs: Sequence[tuple[str, int]],
    values: Mapping[str, float],
    *,
    diverged: Collection[str] = (),
    censored: Collection[str] = (),
    unmet: Collection[str] = (),
) -> BySeed:
    """The values of runs that differ in their seeds only; a run without one gets NaN.

    Args:
        runs: the run and the seed of each, in the order of the seeds.
        values: a number by run.
        diverged: the runs that diverged.
        censored: the runs that ended before the event.
        unmet: the runs that don't meet the number's premise; they count as NaN.
    """
    seeds, found, outcomes = [], [], []
    for run, seed in runs:
        value = np.nan if run in unmet else float(values.get(run, np.nan))
        defined = UNDEFINED if np.isnan(value) else CENSORED if run in censored else MEASURED
        outcomes.append(UNMET if run in unmet else DIVERGED if run in diverged else defined)
        seeds.append(seed)
        found.append(value)
    return BySeed(found, seeds=seeds, outcomes=outcomes)


def in_order(numbers: Mapping[str, Sequence[float]], seeds: Iterable[int]) -> dict[str, list[float]]:
    """Numbers by name that have a value for each of these seeds, ascending; what knows its seeds stays as it is.

    Raises:
        ValueError: if a number has more or fewer values.
    """
    every = sorted(set(seeds))
    return {
        name: values if isinstance(values, BySeed) else BySeed(values, seeds=every) for name, values in numbers.items()
    }


def minus(values: BySeed, others: BySeed) -> BySeed:
    """`values - others`, paired by seed; NaN for a seed that `others` doesn't have.

    The outcome of a difference is the first of its two values' outcomes that isn't `MEASURED`; a diverged run comes
    first.
    """
    return _combined([values, others], lambda pair: pair[0] - pair[1])


def mean(numbers: Sequence[BySeed]) -> BySeed:
    """The mean of several numbers, seed by seed, for the seeds of the first; outcomes are those of `minus`."""
    return _combined(numbers, lambda values: sum(values) / len(values))


def _combined(numbers: Sequence[BySeed], how: Callable[[Sequence[float]], float]) -> BySeed:
    """One number from several, for the seeds of the first; NaN and `UNPAIRED` for a seed that another doesn't have."""
    found, outcomes = [], []
    there = [dict(zip(each.seeds, zip(each, each.outcomes, strict=True), strict=True)) for each in numbers]
    for seed in numbers[0].seeds:
        values, how_they_came = zip(*(each.get(seed, (np.nan, UNPAIRED)) for each in there), strict=True)
        exceptions = [each for each in how_they_came if each != MEASURED]
        found.append(how(values))
        outcomes.append(DIVERGED if DIVERGED in exceptions else exceptions[0] if exceptions else MEASURED)
    return BySeed(found, seeds=numbers[0].seeds, outcomes=outcomes)
