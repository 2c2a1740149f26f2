"""What a figure shows runs of, in a line that stands on it: data set, depth, rate and number of seeds."""

import collections
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pipeline.metrics import formatting
from pipeline.study.schema import Run

if TYPE_CHECKING:
    from pipeline.study.plan import Plan

BY_ITSELF = "study"  # the scope of an analysis that trains its own models
TRIALS = "trials"  # what an analysis of tuning reads


def setting(plan: "Plan", figure: str) -> str:
    """The line of an entry under `figures`; empty if there is nothing to say.

    Args:
        plan: the study's jobs.
        figure: the entry's name.
    """
    analyses = plan.analyses_of(figure)
    own = [name for name in analyses if plan.declared(name)["SCOPE"] == BY_ITSELF]
    runs = list({run.name: run for name in analyses if name not in own for run in plan.select(name)}.values())
    trials = bool(analyses) and all(plan.declared(name)["READS"] == TRIALS for name in analyses)
    seeds = len(plan.study.tuning.seeds) if trials and plan.study.tuning else None
    return "; ".join([*_of_runs(runs, trials=seeds), *_of_models(plan, own)])


def _of_runs(runs: Sequence[Run], *, trials: int | None) -> Iterator[str]:
    """Of trained networks; `trials` is the number of seeds if trials are shown and not the runs."""
    if not runs:
        return
    yield formatting.listed([formatting.words(name) for name in sorted({run.data.dataset for run in runs})])
    depths = sorted({run.training.network.hidden for run in runs})
    yield f"{formatting.listed(list(map(str, depths)))} hidden layer{'' if depths == [1] else 's'}"
    activations = {run.training.network.activation for run in runs}
    if activations != {"relu"}:
        yield formatting.listed([f"{formatting.words(name)} units" for name in sorted(activations)])
    if shifts := sorted({run.training.network.shift for run in runs} - {0.0}):
        yield f"offset {_range(shifts)} in batch normalisation"
    if trials:
        yield f"trials, n = {trials}"
        return
    given = sorted({run.training.optimiser.rate for run in runs if not run.tuned})
    rates = [f"rate {_range(given)}"] if given else []
    if any(run.tuned for run in runs):
        rates.append("each at its best rate")
    yield " or ".join(rates)
    seeds = collections.Counter((run.sweep, run.method, str(run.varied)) for run in runs)
    yield f"n = {_range(sorted(set(seeds.values())))}"


def _of_models(plan: "Plan", analyses: Sequence[str]) -> Iterator[str]:
    """Of analyses that train models of their own: how many seeds, as far as the study says."""
    seeds = {plan.study.analyses[name].settings.get("seeds") for name in analyses}
    if known := sorted(number for number in seeds if isinstance(number, int)):
        yield f"small models on drawn data; n = {_range(known)}"


def _range(values: Sequence[float]) -> str:
    return f"{values[0]:g}" if values[0] == values[-1] else f"{values[0]:g} to {values[-1]:g}"
