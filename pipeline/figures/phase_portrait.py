"""The one-dimensional counter-example: trajectories by the true gradient and by an SG that is one number."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from pipeline.figures.shared.style import COLOURS, Style, blank, panels
from pipeline.figures.shared.tables import pick
from pipeline.settings_types import Count

READS = ("counter_example",)
TITLE = "Critical points that a poor SG adds"
CATEGORY = "Convergence"
CLAIMS = ("C3",)
TITLES = {"true": "true gradient", "sg": "SG that is one number"}
COLUMNS = ["rule", "trajectory", "a_start", "b_start", "a_end", "b_end", "loss_end", "da_true_end", "db_true_end"]
CRITICAL, PATH, ARROW = COLOURS[5], COLOURS[1], "0.45"
CONTOURS = 8
SHADE = 0.45
SCALE = 1.4  # makes arrows a little shorter than their distance


def draw(tables: dict[str, pd.DataFrame], *, style: Style, arrows: Count = 13) -> tuple[Figure, pd.DataFrame]:
    """Descent directions, critical points, contours of the loss, and trajectories; a panel per gradient.

    Args:
        tables: the analysis's table.
        style: not used for colours, since these aren't methods.
        arrows: approximate number of arrows along each axis.

    Returns:
        The figure and the start and end of each trajectory, with the loss and the true gradient there.
    """
    table = tables["counter_example"]
    if table.empty:
        return blank("no field was computed"), pd.DataFrame(columns=COLUMNS)
    figure, axes = panels(1, len(TITLES), height=4.1, sharex=True, sharey=True)
    field, origin = pick(table, quantity="field"), pick(table, quantity="origin")
    for panel, (rule, title) in zip(axes[0], TITLES.items(), strict=True):
        _field(panel, field, rule, arrows)
        alone = origin[origin[f"critical_{rule}"]]
        panel.plot(alone["a"], alone["b"], "o", color=CRITICAL, alpha=SHADE, markersize=13, zorder=1)
        paths = pick(table, quantity="trajectory", rule=rule)
        for _, path in paths.groupby("trajectory"):
            _path(panel, path)
        panel.set(title=title, xlabel="slope a", aspect="equal")
        panel.grid(visible=False)
    axes[0, 0].set_ylabel("offset b")
    critical = Patch(color=CRITICAL, alpha=SHADE, label="critical points")
    handles = [*axes[0, 0].get_legend_handles_labels()[0][:3], critical]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles))
    return figure, _ends(pick(table, quantity="trajectory"))


def _field(axes: Axes, field: pd.DataFrame, rule: str, arrows: int) -> None:
    """Draw arrows of equal length against the gradient, over the critical points and the loss."""
    wide = field.pivot_table(index="b", columns="a", values=["loss", f"critical_{rule}", f"da_{rule}", f"db_{rule}"])
    a, b = wide["loss"].columns, wide["loss"].index
    critical = wide[f"critical_{rule}"].to_numpy(dtype=np.float64)
    axes.contourf(a, b, critical, levels=[0.5, 1.5], colors=[CRITICAL], alpha=SHADE)
    axes.contour(a, b, wide["loss"], levels=CONTOURS, colors="0.8", linewidths=0.6)
    down = -np.stack([wide[f"da_{rule}"], wide[f"db_{rule}"]])
    length = np.hypot(*down)
    unit = np.divide(down, length, out=np.full_like(down, np.nan), where=length > 0)
    y, x = (slice(size // arrows // 2, None, max(1, size // arrows)) for size in length.shape)
    axes.quiver(a[x], b[y], *unit[:, y, x], color=ARROW, pivot="mid", scale=SCALE * arrows, width=0.005)


def _path(axes: Axes, path: pd.DataFrame) -> None:
    ordered = path.sort_values("step")
    a, b = ordered["a"].to_numpy(), ordered["b"].to_numpy()
    axes.plot(a, b, color=PATH, label="trajectory")
    axes.plot(a[:1], b[:1], "o", color=PATH, markerfacecolor="white", label="start")
    axes.plot(a[-1:], b[-1:], "X", color=COLOURS[2], markeredgecolor="white", markersize=9, label="end", clip_on=False)


def _ends(paths: pd.DataFrame) -> pd.DataFrame:
    """First and last point of each trajectory."""
    ends = paths.sort_values("step").groupby(["rule", "trajectory"], as_index=False)
    columns = ["rule", "trajectory", "a", "b", "loss", "da_true", "db_true"]
    both = ends.first()[columns].merge(ends.last()[columns], on=["rule", "trajectory"], suffixes=("_start", "_end"))
    return both[COLUMNS]
