"""Statements of algebra, measured on real nets: what stays put, what is exact, what is one and the same (C1, C2, C17).

Each is a number that is zero but for rounding if the statement is true, over several nets drawn at random, in double
precision. The nets and their sizes are ours.
"""

import numpy as np
import pandas as pd

SCOPE = "study"
READS = None
CLAIMS = ("C1", "C2", "C17")
COLUMNS = ["statement", "net", "value"]
SMALLEST = 1e-300  # under a logarithm


def analyse(
    *, generator: np.random.Generator, nets: int = 4, points: int = 12, width: int = 24, hidden: int = 3, fit: int = 60,
    steps: int = 200,
    estimators: tuple[str, ...] = ("linear_sg", "feedback_alignment", "direct_feedback_alignment", "kickback"),
) -> pd.DataFrame:  # fmt: skip
    """Measure each statement on `nets` nets.

    Args:
        generator: for data, targets and weights.
        nets: how many nets are drawn.
        points: samples; with fewer than `width` a net can fit them to rounding.
        width: units of a hidden layer.
        hidden: hidden layers.
        fit: steps of L-BFGS (each with several evaluations) by which backprop fits the samples for C1.
        steps: steps of SG training after that.
        estimators: the members that this rests on: the linear SG, and the fixed ones that C17 speaks of.

    Returns:
        Columns statement, net, value. `zero_loss_moved`: the largest change of a parameter in `steps` steps of SG
        training, with fresh SGs everywhere, from the solution that backprop found; `zero_loss_left`: the loss there;
        `start_moved`: the same change from where backprop began, as a control. `exact_sg_error`: relative error of the
        closed-form linear SG `A = 2VVᵀ/k, B = -2Vᵀ/k, c = 2bVᵀ/k` under MSE with a linear top. `fixed_gate_error`:
        relative deviation of the first layer's gradient through gates with feedback alignment, direct feedback
        alignment or kickback from the chain rule written out, the largest of the three.
    """
    from pipeline.analyses import _identities  # torch takes 3 s to import, and no other job of this stage needs it

    rows = []
    for net in range(nets):
        seed = int(generator.integers(2**31))
        left, moved, control = _identities.zero_loss(seed, points, width, hidden, fit, steps)
        rows += [("zero_loss_left", net, left), ("zero_loss_moved", net, moved), ("start_moved", net, control)]
        rows.append(("exact_sg_error", net, _identities.exact_sg(seed, points, width, hidden)))
        rows.append(("fixed_gate_error", net, _identities.fixed_gates(seed, points, width, estimators[1:])))
    return pd.DataFrame(rows, columns=COLUMNS)


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """The decimal logarithm of each number, one value per net: -16 is rounding in double precision."""
    if table.empty:
        return {}
    return {
        f"log10_{statement}": np.log10(part["value"].clip(lower=SMALLEST)).tolist()
        for statement, part in table.groupby("statement")
    }
