"""The names under which W&B keeps what a run logs, in sections, and what W&B's summary keeps of each.

W&B draws a panel for each name, in a section for each first part: `train/loss`, `sg/cosine/layer_07`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

STEP, SAMPLES = "step", "samples"  # both can be chosen as the x axis
NAMES = {  # by the quantities of a history
    "batch_loss": "train/batch_loss",
    "train_loss": "train/loss",
    "train_accuracy": "train/accuracy",
    "validation_loss": "validation/loss",
    "validation_accuracy": "validation/accuracy",
    "test_loss": "test/loss",
    "test_accuracy": "test/accuracy",
    "weight_norm": "norm/weights",
    "distance_from_start": "norm/distance_from_start",
    "sg_loss": "sg/loss",
    "cosine": "sg/cosine",
    "norm_ratio": "sg/norm_ratio",
    "tracking_error": "tracking/error",
    "tracking_jacobian": "tracking/jacobian",
    "tracking_gradient": "tracking/gradient",
    "tracking_parameter_error": "tracking/parameter_error",
    "tracking_cosine": "tracking/cosine",
    "tracking_falls": "tracking/falls",
    "update_flops": "cost/update_flops",
    "samples": SAMPLES,
}
OTHER = "other"  # the section of a quantity that has no name here
LOSS, ACCURACY = "loss", "accuracy"
NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}  # as W&B writes them in JSON

Row = tuple[int, Mapping[str, float]]  # a step, and the numbers logged there by name


def metric(quantity: str, layer: int = 0) -> str:
    """The name of a quantity: of the whole network (layer 0), or of a layer."""
    name = NAMES.get(quantity, f"{OTHER}/{quantity}")
    return f"{name}/layer_{layer:02d}" if layer else name


def by_step(rows: Iterable[tuple[int, int, str, float]]) -> list[Row]:
    """The rows that W&B keeps, one a step, from the rows of a history: step, layer, quantity, value."""
    found: dict[int, dict[str, float]] = {}
    for step, layer, quantity, value in rows:
        found.setdefault(int(step), {STEP: float(step)})[metric(quantity, int(layer))] = float(value)
    return sorted(found.items())


def kept(name: str) -> tuple[str, ...]:
    """What W&B's summary keeps of a metric beside its last value: the smallest loss, the largest accuracy."""
    end = name.rpartition("/")[2]
    return ("min", "last") if end.endswith(LOSS) else ("max", "last") if end == ACCURACY else ()


def summary(rows: Sequence[Row]) -> dict[str, Any]:
    """W&B's summary of these rows, as its client makes it."""
    found: dict[str, Any] = {}
    for _, numbers in rows:
        for name, value in numbers.items():
            best, *_ = (*kept(name), None)
            if best is None:
                found[name] = value
                continue
            before = found.get(name, {}).get(best)
            better = {"min": min, "max": max}[best]
            known = [each for each in (before, value) if each is not None and not math.isnan(each)]
            found[name] = {"last": value} | ({best: better(known)} if known else {})
    return found


def last(summary: Mapping[str, Any], quantity: str) -> float | None:
    """The last value of a quantity of the whole network, from W&B's summary; None if it isn't there."""
    value = summary.get(metric(quantity))
    return number(value.get("last") if isinstance(value, Mapping) else value)


def number(value: Any) -> float | None:
    """A number as W&B's JSON holds it, which writes those that aren't finite as words; None for anything else."""
    if isinstance(value, str):
        return NOT_FINITE.get(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
