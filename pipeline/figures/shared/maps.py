"""Heat maps of layers: one colour scale and one colour bar a column of panels, the same look in all figures."""

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from pipeline.figures.shared.style import HEAT, layer_ticks

ABSENT = "0.85"  # grey: no value
ROW_TITLE = 8  # points
NARROW = 13  # letters along a short vertical axis
NOTE = {"xycoords": "axes fraction", "ha": "left", "va": "bottom", "fontsize": 7}


def chance(nulls: pd.Series) -> str:
    """The chance level in words."""
    return f"chance {round(nulls.mean(), 2) + 0.0:.2f}"  # + 0 takes the sign from -0


def narrow(label: str) -> str:
    """A method's label in as many lines as a short axis needs."""
    return textwrap.fill(label, NARROW)


def row_title(row: Sequence[Axes], text: str) -> None:
    """A title above a row of maps, as long as it is: the layout keeps its height free, not its width."""
    for axes in row:
        axes.set_title(" ", fontsize=ROW_TITLE)
    place = {"xycoords": "axes fraction", "xytext": (0, ROW_TITLE / 2), "textcoords": "offset points"}
    row[0].annotate(text, (0, 1), fontsize=ROW_TITLE, **place).set_in_layout(False)


def scale(values: pd.Series) -> Normalize:
    """Colours from the lowest to the highest of the finite values."""
    finite = values[np.isfinite(values)]
    low, high = (finite.min(), finite.max()) if len(finite) else (0, 1)
    return Normalize(low, high if high > low else low + 1)


def heat(axes: Axes, values: pd.DataFrame, norm: Normalize) -> None:
    """One map, the first row at the bottom; grey where there is no value. Rows are layers from 1."""
    rows, columns = values.shape
    axes.set_facecolor(ABSENT)
    axes.grid(visible=False)
    axes.imshow(
        values.to_numpy(dtype=np.float64), cmap=HEAT, norm=norm, origin="lower", aspect="auto",
        extent=(0.5, columns + 0.5, 0.5, rows + 0.5),
    )  # fmt: skip
    axes.set_yticks(layer_ticks(rows))


def colour_bar(figure: Figure, column: Sequence[Axes], norm: Normalize, label: str) -> None:
    """The scale of a column of maps, below it."""
    figure.colorbar(
        ScalarMappable(norm, HEAT), ax=list(column), location="bottom", label=label, aspect=25,
        pad=0.01, fraction=0.25 / (1 + len(column)),
    )  # fmt: skip
