"""Artificial data: on which does SG training of linear and deep linear models reach the same optimum as backprop (C8)?

The comparison covers four data sets in two sizes, a linear and a deep linear model, and two losses. The paper reports
one exception: the linear model under the log loss (logistic regression) on linearly separable data. A sigmoid SG is
expected to work there.

Departure: the data sets' constructions, the width, the numbers of samples and steps, the rates and the threshold that
counts as reached are ours. Each model's rate is the smallest of 1, 3, 10, 30 … times 1e-4 at which backprop reaches
every optimum in the given number of steps. SGs learn at the same rate as the network.
"""

from collections.abc import Iterator
from itertools import product

import numpy as np
import pandas as pd

from pipeline.errors import SettingError
from pipeline.settings_types import Count, Distinct, Natural, Positive, Several, TwoOrMore
from pipeline.theory.optima import CONVERGED, optimum

SCOPE = "study"
READS = None
CLAIMS = ("C8",)
BOUNDS = (
    ("same_length", "hidden", "steps", "rates"),
    ("drawn_with", "samples", "inputs"),
    ("below_the_output", "hidden"),
)
LOSSES = ("mse", "cross_entropy")
COLUMNS = ["dataset", "inputs", "hidden", "loss", "method", "seed", "final", "optimum", "start"]
LEAST, MOST = 1e-12, 1e6  # bounds of a gap under a logarithm; a diverged training counts as `MOST`
EXCEPTION = {"hidden": 0, "loss": "cross_entropy", "dataset": "linearly_separable"}
CELL = ["dataset", "inputs", "hidden", "loss"]


def analyse(
    *,
    generator: np.random.Generator,
    datasets: Distinct[str] = ("linearly_separable", "noisy_linear", "xor", "random_labels"),
    estimators: Distinct[str] = ("linear_sg", "sigmoid_sg"),
    inputs: Distinct[Count] = (2, 100),
    hidden: Distinct[Natural] = (0, 10),
    steps: Several[Count] = (1500, 600),
    rates: Several[Positive] = (0.03, 0.001),
    width: TwoOrMore = 10,
    samples: TwoOrMore = 600,
    seeds: Count = 3,
) -> pd.DataFrame:
    """Train each model on each data set with each method: full batch, Adam.

    Args:
        generator: draws each repetition's seed.
        datasets: data sets with a `draw` function.
        estimators: the SGs; each is used in one place and, if there are more places, in every one: `one_linear_sg`,
            `every_linear_sg`.
        inputs: dimensions of the data.
        hidden: hidden layers of each model. Without any, the SG is between output and loss; otherwise a single SG is in
            the middle.
        steps: number of updates, one per model.
        rates: Adam's rates, one per model; divided by 10 after 60 % of the steps and by 100 after 85 %.
        width: units of a hidden layer.
        samples: number of points. It must be well above twice the largest dimension, or random labels are separable.
        seeds: number of repetitions; all methods share a repetition's data and starting weights.

    Returns:
        Columns dataset, inputs, hidden, loss, method, seed; `final`, `optimum`, `start`: losses (nats, or squared
        error); `gap`: (final - optimum) / (start - optimum), NaN if the final loss is NaN or infinite; `converged`:
        whether the gap is below `CONVERGED`; `diverged`: whether the gap is NaN; `exception`: whether the row belongs
        to the paper's exception.

    Raises:
        SettingError: if `steps` or `rates` differ in length from `hidden`, or the width is below the number of outputs.
    """
    # Imported here because it needs torch, which takes 3 s.
    from pipeline.analyses.shared import artificial_data_training as artificial

    if not len(hidden) == len(steps) == len(rates) or width < artificial.CLASSES:
        raise SettingError(
            f"found hidden {hidden}, steps {steps}, rates {rates}, width {width}; expected one number of steps and one "
            f"rate for each of hidden, and a width of at least {artificial.CLASSES}, the outputs"
        )
    models = [
        artificial.ModelSettings(depth, width, steps=count, rate=rate)
        for depth, count, rate in zip(hidden, steps, rates, strict=True)
    ]
    drawn = generator.integers(2**31, size=seeds).tolist()
    found, best = {}, {}
    for size in inputs:
        cases = [
            artificial.Case(*artificial.draw(name, samples=samples, inputs=size, seed=seed), loss, seed)
            for seed, name, loss in product(drawn, datasets, LOSSES)
        ]
        best[size] = [optimum(case.loss, case.x, case.labels) for case in cases]
        for model in models:
            for method, how in artificial.methods(estimators, hidden=model.hidden).items():
                found[size, model, method] = artificial.train(model, cases, how)
    rows = []
    for case, (number, name, loss) in enumerate(product(range(seeds), datasets, LOSSES)):
        for size, model in product(inputs, models):
            for method in artificial.methods(estimators, hidden=model.hidden):
                start, final = found[size, model, method][case]
                rows.append((name, size, model.hidden, loss, method, number, final, best[size][case], start))
    return judged(pd.DataFrame(rows, columns=COLUMNS))


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """The table of losses with the columns `gap`, `converged`, `diverged` and `exception`."""
    gap = (table["final"] - table["optimum"]) / (table["start"] - table["optimum"])
    gap = gap.where(np.isfinite(table["final"]))
    exception = np.logical_and.reduce([table[column] == value for column, value in EXCEPTION.items()])
    return table.assign(gap=gap, converged=gap < CONVERGED, diverged=gap.isna(), exception=exception)


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Shares of trainings that reach the optimum, and gaps in the paper's exception: one value per seed.

    A cell is a data set of one size, a model and a loss. `backprop_converged_share` is backprop's share of all cells.
    `converged_share` of another method is its share of those cells in which backprop converges, NaN if there are none.
    Endings name the cells: `.exception`, `.regular` (all others), and the regular cells of a model and a loss, such as
    `.linear.mse` or `.deep.mse`.

    `log10_gap.<method>.exception` is the mean logarithm of the relative gap over the exception's cells.
    """
    if table.empty:
        return {}
    table = _beside_backprop(table)
    backprop, others = table[table["method"] == "backprop"], table[table["method"] != "backprop"]
    found = {"backprop_converged_share": backprop.groupby("seed")["converged"].mean().astype(float).tolist()}
    for method, part in others.groupby("method"):
        for name, cells in _groups(part):
            found[f"converged_share.{method}.{name}"] = _shares(cells)
    for method, cells in table[table["exception"]].groupby("method"):
        logs = cells.assign(log=np.log10(cells["gap"].fillna(MOST).clip(LEAST, MOST)))
        found[f"log10_gap.{method}.exception"] = logs.groupby("seed")["log"].mean().tolist()
    return found


def _beside_backprop(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a column `backprop`: whether it converges in the same cell with the same seed."""
    backprop = table.loc[table["method"] == "backprop", [*CELL, "seed", "converged"]]
    return table.merge(backprop.rename(columns={"converged": "backprop"}), on=[*CELL, "seed"], validate="many_to_one")


def _groups(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """The groups of cells with a share each: the exception, all others, and the others by model and loss."""
    regular = table[~table["exception"]]
    parts = {"exception": table[table["exception"]], "regular": regular}
    for name, model in (("linear", regular[regular["hidden"] == 0]), ("deep", regular[regular["hidden"] > 0])):
        parts |= {f"{name}.{loss}": model[model["loss"] == loss] for loss in LOSSES}
    yield from ((name, cells) for name, cells in parts.items() if len(cells))


def _shares(cells: pd.DataFrame) -> list[float]:
    """The method's share of the cells in which backprop converges, one value per seed."""
    both = cells["converged"].where(cells["backprop"]).astype(float)
    return both.groupby(cells["seed"]).mean().tolist()
