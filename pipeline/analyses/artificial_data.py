"""Artificial data: where does SG training of linear and deep linear models reach backprop's optimum (C8)?

Four data sets in two sizes, a linear and a deep linear model, two losses. The study's exception is the linear model
under the log loss (logistic regression) on linearly separable data, which a sigmoid SG is to mend.

Departure: the data sets' constructions, the width, the numbers of samples and steps and the rates are ours, and so is
what counts as reached. Each model's rate is the smallest of 1, 3, 10, 30 … times 1e-4 at which backprop reaches every
optimum in the steps given; SGs learn at the same rate as the network.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pipeline.theory.optima import CONVERGED, optimum

SCOPE = "study"
READS = None
CLAIMS = ("C8",)
LOSSES = ("mse", "cross_entropy")
COLUMNS = ["dataset", "inputs", "hidden", "loss", "method", "seed", "final", "optimum", "start"]
LEAST, MOST = 1e-12, 1e6  # gap under a logarithm; a diverged training counts as the largest
EXCEPTION = {"hidden": 0, "loss": "cross_entropy", "dataset": "linearly_separable"}
CELL = ["dataset", "inputs", "hidden", "loss"]


def analyse(
    *,
    generator: np.random.Generator,
    datasets: tuple[str, ...] = ("linearly_separable", "noisy_linear", "xor", "random_labels"),
    estimators: tuple[str, ...] = ("linear_sg", "sigmoid_sg"),
    inputs: tuple[int, ...] = (2, 100),
    hidden: tuple[int, ...] = (0, 10),
    steps: tuple[int, ...] = (1500, 600),
    rates: tuple[float, ...] = (0.03, 0.001),
    width: int = 10,
    samples: int = 600,
    seeds: int = 3,
) -> pd.DataFrame:
    """Train each model on each data set with each method, full batch, by Adam.

    Args:
        generator: gives each repetition its seed.
        datasets: members of that family that have `draw`.
        estimators: each stands at one place, and everywhere if that is more: `one_linear_sg`, `every_linear_sg`.
        inputs: dimensions of the data.
        hidden: hidden layers of each model. Without any, the SG stands between output and loss; else the one SG stands
            in the middle.
        steps: updates, one number a model.
        rates: of Adam, one a model; a tenth after 60 %, a hundredth after 85 % of the steps.
        width: units of a hidden layer.
        samples: points; well above twice the largest dimension, or labels without pattern are separable by accident.
        seeds: repetitions, each with its own data and starting weights, which all methods share.

    Returns:
        Columns dataset, inputs, hidden, loss, method, seed; `final`, `optimum`, `start`: losses (nats, or squared
        error); `gap`: (final - optimum) / (start - optimum), NaN if the loss is no number; `converged`: whether that is
        below `CONVERGED`; `diverged`: whether the loss is no number; `exception`: whether the cell is the study's.

    Raises:
        ValueError: if `steps` or `rates` are not as many as `hidden`, or the width is below the two outputs.
    """
    from pipeline.analyses.shared import (
        artificial_data_training as artificial,  # torch takes 3 s to import, and few jobs need it
    )

    if not len(hidden) == len(steps) == len(rates) or width < artificial.CLASSES:
        raise ValueError(
            f"found hidden {hidden}, steps {steps}, rates {rates}, width {width}; expected one number of steps and one "
            f"rate for each of hidden, and a width of at least {artificial.CLASSES}, the outputs"
        )
    models = [
        artificial.Model(depth, width, steps=count, rate=rate)
        for depth, count, rate in zip(hidden, steps, rates, strict=True)
    ]
    rows: list[tuple] = []
    for number, seed in enumerate(generator.integers(2**31, size=seeds).tolist()):
        for name in datasets:
            for size in inputs:
                x, labels = artificial.draw(name, samples=samples, inputs=size, seed=seed)
                for loss in LOSSES:
                    best = optimum(loss, x, labels)
                    for model in models:
                        for method, how in artificial.methods(estimators, hidden=model.hidden).items():
                            start, final = artificial.train(model, loss, x, labels, how, seed=seed)
                            rows.append((name, size, model.hidden, loss, method, number, final, best, start))
    return judged(pd.DataFrame(rows, columns=COLUMNS))


def judged(table: pd.DataFrame) -> pd.DataFrame:
    """The table of losses with the columns `gap`, `converged`, `diverged` and `exception`."""
    gap = (table["final"] - table["optimum"]) / (table["start"] - table["optimum"])
    gap = gap.where(np.isfinite(table["final"]))
    exception = np.logical_and.reduce([table[column] == value for column, value in EXCEPTION.items()])
    return table.assign(gap=gap, converged=gap < CONVERGED, diverged=gap.isna(), exception=exception)


def metrics(table: pd.DataFrame) -> dict[str, list[float]]:
    """Shares of trainings that reach the optimum, and gaps in the exception: one value per seed.

    Shares of a method are among the cells (data set, inputs, model, loss) in which backprop converges, NaN if there are
    none; backprop's own share is among all cells.

    Returns:
        `backprop_converged_share`; for each other method `converged_share.<method>.regular` (all cells but the
        exception), `.exception`, and the regular cells by model and loss, such as `.linear.mse` and `.deep.mse`; for
        each method `log10_gap.<method>.exception`, the mean over the exception's cells. A method that has no such cell
        has no such number.
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
    """The groups of cells that have a share each: the exception, all the others, and these by model and loss."""
    regular = table[~table["exception"]]
    parts = {"exception": table[table["exception"]], "regular": regular}
    for name, model in (("linear", regular[regular["hidden"] == 0]), ("deep", regular[regular["hidden"] > 0])):
        parts |= {f"{name}.{loss}": model[model["loss"] == loss] for loss in LOSSES}
    yield from ((name, cells) for name, cells in parts.items() if len(cells))


def _shares(cells: pd.DataFrame) -> list[float]:
    """Of the cells where backprop converges, the share of those where the method does too, one value per seed."""
    both = cells["converged"].where(cells["backprop"]).astype(float)
    return both.groupby(cells["seed"]).mean().tolist()
