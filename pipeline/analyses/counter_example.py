"""The one-dimensional counter-example: an SG with too few parameters adds critical points.

Data `x` in {-2, -1, 1, 2}, model `h = a x + b`, loss the mean of `|h|` (with the sum, gradients would be four times as
large), and an SG that is one number `c`, kept at its best value: the mean of the true gradients `sign(h)`.

Where `2|a| < |b|`, all four signs are those of `b`; where `|a| < |b| < 2|a|`, one differs; where `|b| < |a|`, two are
positive and two negative. For `a, b > 0` (the other quadrants mirror it):

    region              signs      dL/da   dL/db    SG: da   db = c
    |b| < |a|           - - + +    3/2     0        0        0
    |a| < |b| < 2|a|    - + + +    1       1/2      0        1/2
    2|a| < |b|          + + + +    0       1        0        1

The loss is a norm of `(a, b)`, so its only critical point is its minimum, the origin. SG training never changes `a`,
since the inputs' mean is zero. Its critical points are the origin and all of `|b| < |a|`, an open set. With sign(0) = 0
the borders `|b| = |a|` are not critical; with subgradients they are.
"""

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy import ndarray

from pipeline.settings_types import Count, Distinct, Number, Pair, Positive, TwoOrMore

SCOPE = "study"
READS = None
CLAIMS = ("C3",)
BOUNDS = (("inside", "starts", "window"),)
RANGES = {"added_critical_share": "share", "removed_critical_share": "share"}
INPUTS = np.array([-2.0, -1.0, 1.0, 2.0])


def loss(a: Float[ndarray, " n"], b: Float[ndarray, " n"]) -> Float[ndarray, " n"]:
    """The mean of `|h|`."""
    return np.abs(_outputs(a, b)).mean(axis=1)


def true_gradient(a: Float[ndarray, " n"], b: Float[ndarray, " n"]) -> Float[ndarray, "n 2"]:
    """The loss's gradient with respect to `(a, b)`, with sign(0) = 0."""
    signs = np.sign(_outputs(a, b))
    return np.stack([(signs * INPUTS).mean(axis=1), signs.mean(axis=1)], axis=1)


def sg_gradient(a: Float[ndarray, " n"], b: Float[ndarray, " n"]) -> Float[ndarray, "n 2"]:
    """The gradient used by SG training: every sample's gradient is the best constant, the mean of the true ones."""
    best = np.sign(_outputs(a, b)).mean(axis=1)
    return np.stack([best * INPUTS.mean(), best], axis=1)


def _outputs(a: Float[ndarray, " n"], b: Float[ndarray, " n"]) -> Float[ndarray, "n 4"]:
    return a[:, None] * INPUTS + b[:, None]


RULES = {"true": true_gradient, "sg": sg_gradient}


def analyse(
    *,
    generator: np.random.Generator,
    window: Positive = 2.0,
    cells: TwoOrMore = 100,
    starts: Distinct[Pair[Number]] = ((1.3, 0.4), (0.7, 1.8), (-1.1, 1.5), (-1.6, -0.6), (0.4, -1.7)),
    rate: Positive = 0.01,
    steps: Count = 400,
) -> pd.DataFrame:
    """Both gradients on a grid, and trajectories that follow each of them.

    Args:
        generator: not used: nothing is random here.
        window: the grid covers -window < a, b < window.
        cells: columns of the grid (`a`); it has one row (`b`) more. The points are the cells' centres.
        starts: the starting points of the trajectories.
        rate: step size; a trajectory ends within about this distance of its limit.
        steps: number of steps of each trajectory.

    Returns:
        Columns quantity ("field", "trajectory", or "origin", the one critical point that the grid misses), rule (the
        gradient that a trajectory follows, "true" or "sg"), trajectory, step, a, b, loss, da_true, db_true, da_sg,
        db_sg, critical_true, critical_sg.

    Raises:
        ValueError: if a setting is out of range.
    """
    if cells < 1 or window <= 0 or rate <= 0:
        raise ValueError(f"cells, window and rate: found {cells}, {window} and {rate}; expected all above 0")
    # One more row than columns: for an even number of columns no point lies on a border |b| = |a| or at the origin.
    a, b = (axis.ravel() for axis in np.meshgrid(_centres(window, cells), _centres(window, cells + 1)))
    place = {"rule": "", "trajectory": -1, "step": 0}
    parts = [
        _rows(a, b).assign(quantity="field", **place),
        _rows(np.zeros(1), np.zeros(1)).assign(quantity="origin", **place),
    ]
    for rule in RULES:
        path = descend(np.array(starts, dtype=np.float64), rule=rule, rate=rate, steps=steps)
        place = {"trajectory": np.tile(range(len(starts)), len(path)), "step": np.repeat(range(len(path)), len(starts))}
        points = _rows(path[:, :, 0].ravel(), path[:, :, 1].ravel())
        parts.append(points.assign(quantity="trajectory", rule=rule, **place))
    return pd.concat(parts, ignore_index=True)


def _centres(window: float, cells: int) -> Float[ndarray, " cells"]:
    return (np.arange(cells) + 0.5) / cells * 2 * window - window


def descend(start: Float[ndarray, "n 2"], *, rule: str, rate: float, steps: int) -> Float[ndarray, "points n 2"]:
    """The points `(a, b)` of gradient descent, including the starts."""
    points = [start]
    for _ in range(steps):
        a, b = points[-1].T
        points.append(points[-1] - rate * RULES[rule](a, b))
    return np.stack(points)


def _rows(a: Float[ndarray, " n"], b: Float[ndarray, " n"]) -> pd.DataFrame:
    columns = {"a": a, "b": b, "loss": loss(a, b)}
    for rule, gradient in RULES.items():
        found = gradient(a, b)
        columns |= {f"da_{rule}": found[:, 0], f"db_{rule}": found[:, 1], f"critical_{rule}": ~found.any(axis=1)}
    return pd.DataFrame(columns)


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Critical points that SG training adds, and how steep the loss is there.

    `added_critical_share` is the share of the grid's points that are critical for SG training but not for the loss; on
    a fine grid it tends to 1/2, their share of the area. `largest_gradient` is the largest norm of the true gradient at
    such a point. `removed_critical_share` is the share that is critical for the loss but not for SG training.
    """
    if table.empty:
        return {}
    field = table[table["quantity"] == "field"]
    added = field["critical_sg"] & ~field["critical_true"]
    removed = field["critical_true"] & ~field["critical_sg"]
    steepness = np.where(added, np.hypot(field["da_true"], field["db_true"]), 0.0)
    return {
        "added_critical_share": [float(added.mean())],
        "removed_critical_share": [float(removed.mean())],
        "largest_gradient": [float(steepness.max())],
    }
