"""Algebraic statements about SGs, tested numerically on random nets (C1, C2, C17).

Each statement gives a number that is zero up to rounding if it is true. The nets have several architectures, random
weights and double precision. Nets, architectures and sizes are ours.
"""

from itertools import product
from typing import Literal

import numpy as np
import pandas as pd

from pipeline.settings_types import Count, Distinct, TwoOrMore

SCOPE = "study"
READS = None
CLAIMS = ("C1", "C2", "C17")
BOUNDS = (("fixed_among", "feedback_alignment", "direct_feedback_alignment", "kickback"),)
RANGES = {"zero_loss_share": "share", "critical_point_share": "share"}
COLUMNS = ["statement", "net", "hidden", "activation", "batch_norm", "estimator", "value"]
SMALLEST = 1e-300  # under a logarithm
STILL = 1e-17  # a change that rounding hides in parameters of order 1; a change of exactly 0 counts as this
ZERO_LOSS = 1e-16  # loss below which a solution counts as one with zero loss
CRITICAL = 1e-6  # gradient below which a point counts as critical, in units of the gradient at the start
WEAKEST = ("start_moved",)  # controls: of several estimators, the one that moves least counts


def analyse(
    *,
    generator: np.random.Generator,
    nets: Count = 2,
    points: TwoOrMore = 12,
    width: Count = 24,
    hidden: Distinct[Count] = (1, 3, 5),
    activations: Distinct[Literal["relu", "sigmoid", "linear"]] = ("relu", "sigmoid"),
    many: Count = 60,
    narrow: Count = 4,
    fit: Count = 600,
    steps: Count = 200,
    estimators: Distinct[str] = (
        "linear_sg",
        "sigmoid_sg",
        "mlp_sg",
        "feedback_alignment",
        "direct_feedback_alignment",
        "kickback",
    ),
) -> pd.DataFrame:
    """Measure each statement on `nets` nets of each architecture.

    Args:
        generator: draws data, targets and weights.
        nets: number of nets of each architecture.
        points: number of samples with random labels for C1; a net can fit them to rounding if fewer than `width`.
        width: units of a hidden layer, except for C2's critical points, see `narrow`.
        hidden: numbers of hidden layers.
        activations: activations of the hidden layers, each with and without batch normalisation.
        many: number of samples with random targets for C2's critical points, too many to be fitted.
        narrow: units of a hidden layer for C2's critical points.
        fit: iterations of L-BFGS (each with several evaluations) in which backprop searches for a solution (C1) or a
            critical point (C2).
        steps: number of steps of SG training from there.
        estimators: the estimators: learned ones for C1, and the fixed ones of C17.

    Returns:
        Columns statement, net, hidden, activation, batch_norm, estimator (empty if it doesn't apply), value.
        `zero_loss_moved`: the largest change of a parameter in `steps` steps of SG training, with new SGs everywhere,
        from the solution that backprop found; only if its loss, `zero_loss_left`, is below `ZERO_LOSS`.
        `start_moved`: the same change from backprop's starting weights, as a control.
        `exact_sg_error`: relative error of the closed-form linear SG `A = 2VVᵀ/k, B = -2Vᵀ/k, c = 2bVᵀ/k` under MSE
        with linear layers above. `critical_residual`: the largest of the three relative residuals of the SG system with
        that SG (see `identities_training.residuals`), for smooth activations; only if `critical_gradient`, the gradient
        that L-BFGS leaves, is below `CRITICAL` in units of the gradient at the start.
        `fixed_gate_error`: relative deviation of the first layer's gradient through gates with feedback alignment,
        direct feedback alignment or kickback from the explicit chain rule, the largest of the three.
    """
    # Imported here because it needs torch, which takes 3 s.
    from pipeline.analyses.shared import identities_training

    learned, fixed = identities_training.by_kind(estimators)
    shapes = list(product(hidden, activations, (False, True)))
    rows, solutions = [], []
    for net, (_, (depth, activation, batch_norm)) in enumerate(product(range(nets), shapes)):
        seed, shape = int(generator.integers(2**31)), (depth, activation, batch_norm)
        options = {"hidden": depth, "activation": activation, "batch_norm": batch_norm}
        solution = identities_training.zero_loss(seed, points, width, fit, **options)
        solutions.append(solution)
        exact = identities_training.exact_sg(seed, points, width, **options)
        deviation = identities_training.fixed_gates(seed, points, width, fixed, activation)
        rows += [
            ("zero_loss_left", net, *shape, "", solution.left),
            ("exact_sg_error", net, *shape, "linear_sg", exact),
            ("fixed_gate_error", net, *shape, "", deviation),
        ]
    for (at, shape), name in product(enumerate(shapes), learned):
        alike = range(at, len(solutions), len(shapes))
        starts = {("start_moved", net): solutions[net].start for net in alike}
        starts |= {("zero_loss_moved", net): solutions[net].end for net in alike if solutions[net].left < ZERO_LOSS}
        cases = [(start, solutions[net]) for (_, net), start in starts.items()]
        values = identities_training.moved(cases, name, steps)
        rows += [(what, net, *shape, name, value) for (what, net), value in zip(starts, values, strict=True)]
    smooth = product(range(nets), hidden, ("linear", *(each for each in activations if each != "relu")))
    for net, (_, depth, activation) in enumerate(smooth):
        seed = int(generator.integers(2**31))
        gradient, residual = identities_training.critical_point(
            seed, many, narrow, fit, hidden=depth, activation=activation
        )
        rows.append(("critical_gradient", net, depth, activation, False, "", gradient))
        if gradient < CRITICAL:
            rows.append(("critical_residual", net, depth, activation, False, "linear_sg", residual))
    return pd.DataFrame(rows, columns=COLUMNS)


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """The decimal logarithm of each number, one value per net: -16 is rounding in double precision.

    A change of exactly zero counts as `STILL`, so that it doesn't dominate a mean of logarithms. Of several estimators
    on one net, the one that moves the parameters most counts; for the control `start_moved`, the one that moves them
    least. `zero_loss_share` and `critical_point_share` are the shares of nets for which backprop found a solution with
    zero loss, or a critical point.
    """
    if table.empty:
        return {}
    found = {}
    for statement, part in table.groupby("statement"):
        least = STILL if str(statement).endswith("moved") else SMALLEST
        values = part["value"].clip(lower=least).groupby(part["net"])
        one = values.min() if statement in WEAKEST else values.max()
        found[f"log10_{statement}"] = np.log10(one).tolist()
    for name, reached, limit in (
        ("zero_loss_share", "zero_loss_left", ZERO_LOSS),
        ("critical_point_share", "critical_gradient", CRITICAL),
    ):
        there = table.loc[table["statement"] == reached, "value"]
        if len(there):
            found[name] = [float((there < limit).mean())]
    return found
