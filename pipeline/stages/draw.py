"""Draw one figure as SVG and PNG, and write the numbers that it shows as CSV."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import members
from pipeline.results import store
from pipeline.study import arguments, headline_numbers

if TYPE_CHECKING:
    from pipeline.figures.shared.criteria import Judged
    from pipeline.study.plan import Plan

DIGITS = "%.5g"  # of a number in the CSV: more than a figure shows; the tables have all of them
COLOURS = 256  # of the PNG: a figure has a few dozen, and shades of them


def main(argv: Sequence[str] | None = None) -> None:
    """Draw one figure from the tables that it reads, and write it in its three forms."""
    plan, job = arguments.of_stage("draw", __doc__, argv)
    from pipeline.figures.shared import criteria, svg
    from pipeline.figures.shared.isolation import BACKENDS, isolated
    from pipeline.figures.shared.style import RC, Style, say
    from pipeline.figures.shared.tables import side_by_side

    name = job.name
    module = members.load("figures", plan.figure(name))
    read = {
        asked: side_by_side({title: store.read_tables(plan.tables(entry)) for title, entry in entries.items()})
        for asked, entries in plan.reads(name).items()
    }
    how: Any = job.settings
    # The salt makes the ids inside an SVG the same every time, and different between figures.
    look: dict[Any, Any] = {**RC, "svg.hashsalt": name}
    with isolated(look):
        figure, shown = module.draw(read, style=Style(how["methods"]), **how["settings"])
        criteria.add(figure, judged(plan, how.get("criteria", [])))
        say(figure, how["shown"])
        for ending, stamp in (("svg", {"Date": None, "Creator": None}), ("png", {"Software": None})):
            with store.atomic(job.named_outputs[ending]) as partial:
                figure.savefig(partial, format=ending, backend=BACKENDS[ending], metadata=stamp)
                if ending == "png":
                    _reduce(partial)
                else:
                    partial.write_text(svg.compact(partial.read_text(encoding="utf-8"), name), encoding="utf-8")
    text = shown.to_csv(index=False, lineterminator="\n", float_format=DIGITS)
    store.write_bytes(job.named_outputs["csv"], text.encode())
    print(f"{name}: {len(shown)} numbers")


def judged(plan: "Plan", parts: Sequence[Mapping[str, Any]]) -> list["Judged"]:
    """The numbers that are judged by what a figure shows, with their criteria; none that the study lacks."""
    if not parts:
        return []
    import numpy as np

    from pipeline.figures.shared.criteria import Judged
    from pipeline.verdicts import numbers
    from pipeline.verdicts.claims import Part

    rows = []
    for part in (Part.model_validate(each, strict=False) for each in parts):
        entries = {name.partition("/")[0] for name in part.metrics}
        metrics = {
            name: headline_numbers.of_analysis(plan, name) or {} for name in entries & plan.study.analyses.keys()
        }
        given, absent = numbers.given(part, metrics)
        if absent:
            continue
        found, criterion = given.measure(better=part.better, resolution=part.resolution), part.criterion
        there = found.values[np.isfinite(found.values)]
        rows.append(
            Judged(
                words=f"{part.id}: {part.says}. Claimed: {criterion.bounds()}; n = {found.n}.",
                values=(np.exp(there) if found.is_ratio else there).tolist(),
                mean=found.mean,
                low=math.nan if criterion.exact else found.low,
                high=math.nan if criterion.exact else found.high,
                least=criterion.low,
                most=criterion.high,
                equal=criterion.equal,
            )
        )
    return rows


def _reduce(png: Path) -> None:
    """Rewrite a PNG with a palette: a third of the bytes."""
    from PIL import Image

    with Image.open(png) as picture:
        resolution = picture.info.get("dpi")
        reduced = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    reduced.save(png, format="png", optimize=True, dpi=resolution)
