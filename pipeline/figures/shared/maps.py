"""Heat maps: one colour scale and one colour bar per column of panels, with the same look in all figures."""

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pipeline.figures.shared.style import ABSENT, HEAT, layer_ticks

ROW_TITLE = 8  # points
NARROW = 13  # letters that fit along a short vertical axis
NOTE = {"xycoords": "axes fraction", "ha": "left", "va": "bottom", "fontsize": 7}


def chance(nulls: pd.Series) -> str:
    """The chance level in words."""
    return f"chance {round(nulls.mean(), 2) + 0.0:.2f}"  # + 0 turns -0 into 0


def narrow(label: str) -> str:
    """A method's label, broken into lines that fit a short axis."""
    return textwrap.fill(label, NARROW)


def row_title(row: Sequence[Axes], text: str) -> None:
    """Set a title above a row of maps; the layout reserves its height but not its width."""
    for axes in row:
        axes.set_title(" ", fontsize=ROW_TITLE)
    place = {"xycoords": "axes fraction", "xytext": (0, ROW_TITLE / 2), "textcoords": "offset points"}
    row[0].annotate(text, (0, 1), fontsize=ROW_TITLE, **place).set_in_layout(False)


def scale(values: pd.Series) -> Normalize:
    """A colour scale from the lowest to the highest finite value."""
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0, 1)
    return Normalize(low, high if high > low else low + 1)


def background(axes: Axes) -> None:
    """Prepare axes for a map: grey where there is no value, and no grid lines."""
    axes.set_facecolor(ABSENT)
    axes.grid(visible=False)


def heat(axes: Axes, values: pd.DataFrame, norm: Normalize) -> None:
    """Draw one map. Rows are layers from 1, the first at the bottom; grey where there is no value."""
    rows, columns = values.shape
    background(axes)
    axes.imshow(
        values.to_numpy(dtype=np.float64),
        cmap=HEAT,
        norm=norm,
        origin="lower",
        aspect="auto",
        extent=(0.5, columns + 0.5, 0.5, rows + 0.5),
    )
    axes.set_yticks(layer_ticks(rows))


def colour_bar(figure: Figure, column: Sequence[Axes], norm: Normalize, label: str) -> None:
    """Draw the colour bar of a column of maps, below it."""
    figure.colorbar(
        ScalarMappable(norm, HEAT),
        ax=list(column),
        location="bottom",
        label=label,
        aspect=25,
        pad=0.01,
        fraction=0.25 / (1 + len(column)),
    )
