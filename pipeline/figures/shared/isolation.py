"""Draw with the project's settings and the fonts that come with matplotlib, whatever the user has."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib import font_manager

FONTS = Path(mpl.get_data_path(), "fonts")
BACKENDS = {"svg": "svg", "png": "agg"}  # by format


@contextlib.contextmanager
def isolated(settings: dict[Any, Any]) -> Iterator[None]:
    """Matplotlib's defaults with these settings instead of the user's.

    Afterwards the settings are as before, and figures that were made in between are closed.

    From the first call on, the process knows the fonts that come with matplotlib and no others: another font that is
    called DejaVu Sans would be preferred if it has an italic, which the one that comes with matplotlib lacks.
    """
    _forget_other_fonts()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(settings)
        before = plt.get_fignums()
        try:
            yield
        finally:
            for number in set(plt.get_fignums()) - set(before):
                plt.close(number)


def _forget_other_fonts() -> None:
    known = font_manager.fontManager
    known.ttflist, known.afmlist = [], []
    for path in sorted(FONTS.glob("ttf/*.ttf")):
        known.addfont(path)
