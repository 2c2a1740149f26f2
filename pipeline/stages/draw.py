"""Draw one figure as SVG and PNG, and write the numbers that it shows as CSV."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline import members
from pipeline.results import store
from pipeline.study import arguments

DIGITS = "%.5g"  # of a number in the CSV: more than a figure shows; the tables have all of them
COLOURS = 256  # of the PNG: a figure has a few dozen, and shades of them


def main(argv: Sequence[str] | None = None) -> None:
    """Draw one figure from the tables that it reads, and write it in its three forms."""
    plan, job = arguments.of_stage("draw", __doc__, argv)
    from pipeline.figures.shared import svg
    from pipeline.figures.shared.isolation import BACKENDS, isolated
    from pipeline.figures.shared.style import RC, Style, say

    name = job.name
    module = members.load("figures", plan.figure(name))
    read = {asked: store.read_tables(plan.tables(entry)) for asked, entry in plan.reads(name).items()}
    how: Any = job.settings
    # The salt makes the ids inside an SVG the same every time, and different between figures.
    look: dict[Any, Any] = {**RC, "svg.hashsalt": name}
    with isolated(look):
        figure, shown = module.draw(read, style=Style(how["methods"]), **how["settings"])
        say(figure, how["shown"])
        for ending, stamp in (("svg", {"Date": None, "Creator": None}), ("png", {"Software": None})):
            with store.atomic(job.named_outputs[ending]) as partial:
                figure.savefig(partial, format=ending, backend=BACKENDS[ending], metadata=stamp)
                if ending == "png":
                    _reduce(partial)
                else:
                    partial.write_text(svg.compact(partial.read_text(encoding="utf-8")), encoding="utf-8")
    text = shown.to_csv(index=False, lineterminator="\n", float_format=DIGITS)
    store.write_bytes(job.named_outputs["csv"], text.encode())
    print(f"{name}: {len(shown)} numbers")


def _reduce(png: Path) -> None:
    """Rewrite a PNG with a palette: a third of the bytes."""
    from PIL import Image

    with Image.open(png) as picture:
        resolution = picture.info.get("dpi")
        reduced = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    reduced.save(png, format="png", optimize=True, dpi=resolution)
