"""Statements of algebra, measured on real nets: what stays put, what is exact, what is one and the same (C1, C2, C17).

Each is a number that is zero but for rounding if the statement is true, over nets of several architectures drawn at
random, in double precision. The nets, their architectures and sizes are ours.
"""

from itertools import product

import numpy as np
import pandas as pd

SCOPE = "study"
READS = None
CLAIMS = ("C1", "C2", "C17")
COLUMNS = ["statement", "net", "hidden", "activation", "batch_norm", "estimator", "value"]
SMALLEST = 1e-300  # under a logarithm
STILL = 1e-17  # a move of parameters of the order of 1 that rounding hides; one of exactly 0 counts as this, too
ZERO_LOSS = 1e-16  # what counts as a solution with zero loss
CRITICAL = 1e-6  # the gradient at a critical point, in units of that at the start
WEAKEST = ("start_moved",)  # a control: of several estimators, the one that moves least counts


def analyse(
    *, generator: np.random.Generator, nets: int = 2, points: int = 12, width: int = 24,
    hidden: tuple[int, ...] = (1, 3, 5), activations: tuple[str, ...] = ("relu", "sigmoid"), many: int = 60,
    narrow: int = 4, fit: int = 600, steps: int = 200,
    estimators: tuple[str, ...] = (
        "linear_sg", "sigmoid_sg", "mlp_sg", "feedback_alignment", "direct_feedback_alignment", "kickback",
    ),
) -> pd.DataFrame:  # fmt: skip
    """Measure each statement on `nets` nets of each architecture.

    Args:
        generator: for data, targets and weights.
        nets: how many nets of each architecture are drawn.
        points: samples with random labels for C1; with fewer than `width` a net can fit them to rounding.
        width: units of a hidden layer; of a net for C2's critical points, `narrow`.
        hidden: numbers of hidden layers.
        activations: of the hidden layers; each with and without batch normalisation.
        many: samples with random targets for C2's critical points, too many to be fitted.
        narrow: units of a hidden layer for C2's critical points.
        fit: iterations of L-BFGS (each with several evaluations) by which backprop looks for a solution (C1) or for a
            critical point (C2).
        steps: steps of SG training from there.
        estimators: the members that this rests on: learned ones for C1, and the fixed ones that C17 speaks of.

    Returns:
        Columns statement, net, hidden, activation, batch_norm, estimator (empty where none is meant), value.
        `zero_loss_moved`: the largest change of a parameter in `steps` steps of SG training, with fresh SGs everywhere,
        from the solution that backprop found; only where its loss, `zero_loss_left`, is below `ZERO_LOSS`.
        `start_moved`: the same change from where backprop began, as a control.
        `exact_sg_error`: relative error of the closed-form linear SG `A = 2VVᵀ/k, B = -2Vᵀ/k, c = 2bVᵀ/k` under MSE
        with a linear top. `critical_residual`: the largest of the three relative residuals of the SG system with that
        SG (see `_identities.residuals`), for smooth activations; only where the gradient that L-BFGS leaves,
        `critical_gradient`, is below `CRITICAL` in units of that at the start.
        `fixed_gate_error`: relative deviation of the first layer's gradient through gates with feedback alignment,
        direct feedback alignment or kickback from the chain rule written out, the largest of the three.
    """
    from pipeline.analyses.shared import (
        identities_training,  # torch takes 3 s to import, and no other job of this stage needs it
    )

    learned, fixed = identities_training.by_kind(estimators)
    rows = []
    architectures = product(range(nets), hidden, activations, (False, True))
    for net, (_, depth, activation, batch_norm) in enumerate(architectures):
        seed, found = int(generator.integers(2**31)), []
        options = {"hidden": depth, "activation": activation, "batch_norm": batch_norm}
        solution = identities_training.zero_loss(seed, points, width, fit, **options)
        found.append(("zero_loss_left", "", solution.left))
        for name in learned:
            found.append(("start_moved", name, solution.moved(name, steps, from_start=True)))
            if solution.left < ZERO_LOSS:
                found.append(("zero_loss_moved", name, solution.moved(name, steps)))
        found.append(("exact_sg_error", "linear_sg", identities_training.exact_sg(seed, points, width, **options)))
        found.append(("fixed_gate_error", "", identities_training.fixed_gates(seed, points, width, fixed, activation)))
        rows += [(statement, net, depth, activation, batch_norm, name, value) for statement, name, value in found]
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

    Parameters that don't move at all count as moved by `STILL`, so that no exact zero decides a mean of logarithms.
    Of several estimators on one net the one that moves most counts; that which moves least, for the control.
    `zero_loss_share` and `critical_point_share`: of the nets, the share in which backprop found what is looked for.
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
        ("zero_loss_share", "zero_loss_left", ZERO_LOSS), ("critical_point_share", "critical_gradient", CRITICAL)
    ):  # fmt: skip
        there = table.loc[table["statement"] == reached, "value"]
        if len(there):
            found[name] = [float((there < limit).mean())]
    return found
