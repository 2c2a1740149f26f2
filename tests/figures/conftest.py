"""Figures are drawn with the project's style, and closed after each test."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest

from pipeline.figures.shared.style import RC


@pytest.fixture(autouse=True)
def _style_sheet():
    with mpl.rc_context(RC):
        yield
    plt.close("all")
