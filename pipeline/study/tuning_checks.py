"""Faults of `tuning`: trials that would choose nothing, cost too much, or have seeds whose results are reported."""

import itertools
import math
from collections.abc import Iterator

from pipeline.learning.rate_search import grid
from pipeline.settings_types import LARGEST
from pipeline.study import sweeps
from pipeline.study.resources import tuning_updates
from pipeline.study.schema import Run, Study, Tuning

ROUNDING = 0.99  # rates such as 0.001 and 0.003 count as a factor of 3 apart


def faults(study: Study) -> list[str]:
    """Everything that is wrong with how a study's rates are chosen, a line each; the key's path comes first."""
    tuned = [name for name, sweep in study.sweeps.items() if sweep.tuned]
    if study.tuning is None:
        return [f"sweeps.{name}.tuned: there is no `tuning` in this study that would choose a rate" for name in tuned]
    found = []
    reported = {seed for sweep in study.sweeps.values() for seed in sweep.seeds}
    shared = sorted(reported & set(study.tuning.seeds))
    if shared:
        found.append(f"tuning.seeds: {shared} are reported by a sweep; rates are chosen on seeds of their own")
    for key in ("rates", "gate_factors", "seeds"):
        values = list(getattr(study.tuning, key))
        if not values or len(set(values)) != len(values):
            found.append(f"tuning.{key}: expected at least one, each once; found {values}")
    return found or [*_grid(study.tuning), *_rungs(study.tuning)]


def share_faults(study: Study, runs: list[Run]) -> Iterator[str]:
    """Trials that have more than their share of the updates."""
    if study.tuning is None:
        return
    trials = len(sweeps.cells(runs)) * tuning_updates(study.tuning)
    trainings = sum(run.training.steps for run in runs)
    if trials > study.tuning.share * (trials + trainings):
        least = math.ceil(1000 * trials / (trials + trainings)) / 1000
        yield (
            f"tuning.share: found {study.tuning.share:g}, expected at least {least:g}: trials have {trials} updates, "
            f"trainings {trainings}; try fewer rates, seeds or steps, or allow a larger share"
        )


def _grid(tuning: Tuning) -> Iterator[str]:
    """Rates that are too close to each other, or of which single precision can't hold what is tried first."""
    rates, factor = list(tuning.rates), tuning.widening.factor
    if any(b < a * factor * ROUNDING for a, b in itertools.pairwise(rates)):
        yield (
            f"tuning.rates: found {rates}, expected ascending rates, each at least tuning.widening.factor, {factor:g}, "
            "times the one before"
        )
        return
    for separate in (True, False):
        first = grid(rates, tuning.gate_factors, separate=separate, spacing=factor)
        pairs = [(each.rate, each.gate_rate) for each in first]
        numbers = [number for pair in pairs for number in pair]
        if not 0 < min(numbers) <= max(numbers) <= LARGEST or len(set(pairs)) < len(pairs):
            yield (
                f"tuning.rates: found {rates} with tuning.gate_factors {list(tuning.gate_factors)}, expected rates "
                f"that stay apart, above 0 and at most {LARGEST:.3g}"
            )
            return


def _rungs(tuning: Tuning) -> Iterator[str]:
    """Trials of the first rung without an update."""
    least = tuning.halving.factor ** (tuning.halving.rungs - 1)
    if tuning.steps < least:
        yield (
            f"tuning.steps: found {tuning.steps}, expected at least {least}, so that a trial of the first of "
            f"{tuning.halving.rungs} rungs has an update: each rung's trials are {tuning.halving.factor} times as long"
        )
