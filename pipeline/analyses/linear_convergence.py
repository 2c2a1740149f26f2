"""Linear regression with a linear SG between output and loss: does it find the global optimum?

Theorem 1 of the paper, as usually described (its text was not at hand): if the SG learns by exact line search, then in
every iteration there is a small enough positive step of the main model such that the system converges to the global
solution.

Departure: sizes, rates, noises and numbers of iterations are ours, and so is the comparison with fixed SG rates.
"""

import numpy as np
import pandas as pd

from pipeline.metrics.by_seed import in_order
from pipeline.settings_types import ConditionNumber, Count, Distinct, DistinctOrNone, Natural, NotNegative, Positive
from pipeline.theory.comparison import compare, headline, rules
from pipeline.theory.problems import Model, require_positive

SCOPE = "study"
READS = None
CLAIMS = ("C5", "C7")
RANGES = {
    "converged_share": "share",
    "descent_share": "share",
    "rate_found_share": "share",
    "solved_share": "share",
    "clipped_share": "share",
    "diverged_share": "share",
    "bound_share": "share",
    "sharp_share": "share",
    "falls": "share",
}
BOUNDS = (("told_apart", "sg_rates"),)


def analyse(
    *,
    generator: np.random.Generator,
    seeds: Count = 3,
    samples: Count = 200,
    inputs: Distinct[Count] = (2, 10, 50),
    outputs: Count = 3,
    conditions: Distinct[ConditionNumber] = (1.0, 100.0),
    noises: Distinct[NotNegative] = (0.0, 0.5),
    rates: Distinct[Positive] = (0.1, 0.3, 1.0, 3.0),
    sg_rates: DistinctOrNone[Positive] = (0.01, 0.1, 0.5),
    iterations: Count = 4000,
    points: Count = 40,
    halvings: Natural = 6,
) -> pd.DataFrame:
    """Train `p = x W + b` by backprop and by SGs, and record the gap to least squares.

    Args:
        generator: draws data and starting weights.
        seeds: number of repetitions.
        samples: points in each data set.
        inputs: numbers of inputs, not counting the constant.
        outputs: number of outputs.
        conditions: condition numbers of the covariance from which the inputs are drawn.
        noises: standard deviations of the noise on the targets, whose signal has a deviation of about 1.
        rates: main rates in units of 1 / the loss's largest curvature; gradient descent converges below 2.
        sg_rates: fixed SG rates, for comparison.
        iterations: number of updates.
        points: number of recorded iterations that are log-spaced; as many again are evenly spaced.
        halvings: rounds of the search for the largest main rate that converges.

    Returns:
        Columns seed, condition, noise, rate, largest_rate, iteration, gap, sg_residual, descent_share, diverged,
        descends, falls, bound_ratio, sharp_ratio, rule, sg_rate, inputs, outputs, hidden, sg_after: see
        `pipeline.theory.comparison.compare`.

    Raises:
        ValueError: if a setting is out of range.
    """
    require_positive(inputs=inputs, outputs=outputs)
    parts = []
    for size, stream in zip(inputs, generator.spawn(len(inputs)), strict=True):
        parts.append(
            compare(
                stream,
                Model(inputs=size, outputs=outputs),
                rules(sg_rates, frozen=False),
                seeds=seeds,
                samples=samples,
                conditions=conditions,
                noises=noises,
                rates=rates,
                iterations=iterations,
                points=points,
                halvings=halvings,
            )
        )
    return pd.concat(parts, ignore_index=True)


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Gaps, shares and largest rates by training rule, one value per seed.

    Names end in the rule, such as `by_line_search` or `by_fixed_sg.rate0.01`.

    `log10_gap`: the logarithm of the last relative gap with the best main rate, on the worst problem; it has a lower
    bound because of rounding, and an upper one for diverged trainings. Backprop's number shows what can be reached in
    as many iterations. `solved_share`: the share of problems whose relative gap with the best main rate ends below
    1e-4, whatever the size of the others, so that neither bound plays a part; the problems of a seed share their random
    numbers, so that the seeds are the repetitions. `clipped_share` is the share of problems whose gap stands at its
    lower bound, `diverged_share` that of problems which diverge with every main rate. `converged_share`: the share of
    trainings that converge. `descent_share`: the share of updates along which the true loss falls if the step is small
    enough, averaged over all trainings.

    `log10_largest_rate`: the logarithm of the largest main rate that converges, averaged over problems. Where no rate
    converges, the smallest one that was tried counts, which is an overestimate. `rate_found_share`: the share of
    problems in which a rate converges.

    `bound_share`: the share of recorded steps at which the condition of error tracking holds (claim C7).
    `falls_where_bound`: of these steps, the share after which the true loss is lower, NaN if there are none.
    `falls_where_bound_mild`: the same without the main rates with which backprop diverges on the same problem. A step
    that is too large even for the true gradient says nothing about an estimate.

    `sharp_share_converging`: of the recorded steps after the start, at main rates with which backprop converges on the
    same problem, the share at which the error of the direction in the weights below the SG is less than the norm of
    their true gradient (`e K` bounds that error). `falls_where_sharp_converging`: of these steps, the share after which
    the true loss is lower. How often the premise holds is `converged_share.by_backprop`.
    """
    return in_order(headline(table), table["seed"]) if len(table) else {}
