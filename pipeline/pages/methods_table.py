"""Cost, gradient cosine and accuracy of the methods, side by side in one setting (claim C18)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.metrics import formatting
from pipeline.metrics.formatting import Estimate

COST, COSINE, ACCURACY = "update_flops", "cosine", "test_accuracy"
Number = Mapping[str, Any]  # mean, low, high and n


@dataclass(frozen=True)
class MethodsComparison:
    """Headline numbers of several methods in one setting.

    Attributes:
        setting: the end of the numbers' names, such as `hidden5`.
        analyses: the analysis that each quantity comes from.
        cells: the estimates by quantity and method.
    """

    setting: str
    analyses: Mapping[str, str]
    cells: Mapping[str, Mapping[str, Estimate]]

    def of(self, quantity: str, method: str) -> Estimate | None:
        """The estimate; None if there is none."""
        return self.cells.get(quantity, {}).get(method)


def compare(metrics: Mapping[str, Mapping[str, Number]], methods: Collection[str]) -> MethodsComparison | None:
    """Cost, cosine and accuracy in the setting with most methods; None if no setting has such a number.

    All numbers of one quantity come from one analysis: runs of another analysis may have other settings.

    Args:
        metrics: headline numbers by analysis and name.
        methods: names of methods.
    """
    found: dict[tuple[str, str, str], dict[str, Estimate]] = {}
    for analysis, numbers in metrics.items():
        for name, number in numbers.items():
            quantity, method, *setting = [*formatting.parts(name), ""]
            if quantity in (COST, COSINE, ACCURACY) and method in methods:
                cells = found.setdefault((quantity, analysis, ".".join(setting[:-1])), {})
                cells[method] = Estimate(number["mean"], number["low"], number["high"], number["n"])
    if not found:
        return None
    _, _, chosen = max(found, key=lambda key: len(found[key]))
    best: dict[str, str] = {}
    for quantity, analysis, setting in sorted(found, key=lambda key: -len(found[key])):
        if setting == chosen:
            best.setdefault(quantity, analysis)
    return MethodsComparison(
        chosen, best, {quantity: found[quantity, analysis, chosen] for quantity, analysis in best.items()}
    )


def relative(estimate: Estimate | None, reference: Estimate | None) -> float | None:
    """A mean as a multiple of the reference's mean; None where one of the two is missing."""
    if estimate is None or reference is None or estimate.mean is None or not reference.mean:
        return None
    return estimate.mean / reference.mean
