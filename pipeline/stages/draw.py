"""Stage: draw one figure as SVG and PNG, with the numbers that it shows as CSV.

`python -m pipeline draw --study smoke --figure learning_curves`
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from PIL import Image

from pipeline import members
from pipeline.figures.shared import svg
from pipeline.figures.shared.style import RC, Style
from pipeline.results import paths, store
from pipeline.study import tables
from pipeline.study.load import load_study
from pipeline.study.plan import Plan

DIGITS = "%.5g"  # of a number in the CSV: more than a figure shows; the tables have all of them
COLOURS = 256  # of the PNG: a figure has a few dozen, and shades of them


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, read, call, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--figure", required=True)
    wanted = parser.parse_args(argv)
    plan = Plan(load_study(wanted.study))
    module = members.load("figures", plan.figure(wanted.figure))
    read = {asked: tables.of(plan, wanted.study, name) for asked, name in plan.reads(wanted.figure).items()}
    how = plan.draw_settings(wanted.figure)
    # The salt makes the ids inside an SVG the same every time, and different between figures.
    look: dict[Any, Any] = {**RC, "svg.hashsalt": wanted.figure}
    with mpl.rc_context(look):
        figure, shown = module.draw(read, style=Style(how["methods"]), **how["settings"])
        for ending, stamp in (("svg", {"Date": None, "Creator": None}), ("png", {"Software": None})):
            with store.atomic(paths.drawing(wanted.study, wanted.figure, ending)) as partial:
                figure.savefig(partial, format=ending, metadata=stamp)
                if ending == "png":
                    _reduce(partial)
                else:
                    partial.write_text(svg.compact(partial.read_text(encoding="utf-8")), encoding="utf-8")
        plt.close(figure)
    text = shown.to_csv(index=False, lineterminator="\n", float_format=DIGITS)
    store.write_bytes(paths.drawing(wanted.study, wanted.figure, "csv"), text.encode())
    print(f"{wanted.figure}: {len(shown)} numbers")


def _reduce(png: Path) -> None:
    """Rewrite a PNG with a palette: a third of the bytes."""
    with Image.open(png) as picture:
        resolution = picture.info.get("dpi")
        reduced = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    reduced.save(png, format="png", optimize=True, dpi=resolution)


if __name__ == "__main__":
    main()
