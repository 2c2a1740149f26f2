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
from pipeline.metrics.by_seed import DIVERGED, MEASURED, UNDEFINED, BySeed, in_order, minus
from pipeline.settings_types import Count, Distinct, DistinctOrNone, Natural, Positive, Several, Share, TwoOrMore
from pipeline.theory.optima import CONVERGED, optimum

SCOPE = "study"
READS = None
CLAIMS = ("C8",)
BOUNDS = (
    ("same_length", "hidden", "steps", "rates"),
    ("drawn_with", "samples", "inputs"),
    ("below_the_output", "hidden"),
    ("told_apart", "shares"),
)
LOSSES = ("mse", "cross_entropy")
RANGES = {"backprop_converged_share": "share", "converged_share": "share"}
COLUMNS = ["dataset", "inputs", "hidden", "loss", "method", "seed", "final", "optimum", "start"]
LEAST, MOST = 1e-12, 1e6  # bounds of a gap under a logarithm; a diverged training counts as `MOST`
EXCEPTION = {"hidden": 0, "loss": "cross_entropy", "dataset": "linearly_separable"}
CELL = ["dataset", "inputs", "hidden", "loss"]
AT = "loss_at_"  # begins the columns of losses during training
LEAST_LOSS = 1e-16  # a loss below it is rounding, and counts as much under a logarithm
LOGISTIC = {"hidden": 0, "loss": "cross_entropy"}  # what readers of the paper name as the exception, on any data


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
    shares: DistinctOrNone[Share] = (0.01, 0.1, 0.3),
    everywhere: bool = True,
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
        shares: shares of the updates after which the loss is recorded too.
        everywhere: whether deep models are also trained with a gate after each layer.

    Returns:
        Columns dataset, inputs, hidden, loss, method, seed; `steps`, the number of updates; `loss_at_<share>`, the loss
        after that share of them, NaN from the first loss on that is NaN or infinite; `final`, `optimum`, `start`:
        losses (nats, or squared error); `gap`: (final - optimum) / (start - optimum), NaN if the final loss is NaN or
        infinite; `converged`: whether the gap is below `CONVERGED`; `diverged`: whether the gap is NaN; `exception`:
        whether the row belongs to the paper's exception.

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
    looks = {model: [round(share * model.steps) for share in shares] for model in models}
    for size in inputs:
        cases = [
            artificial.Case(*artificial.draw(name, samples=samples, inputs=size, seed=seed), loss, seed)
            for seed, name, loss in product(drawn, datasets, LOSSES)
        ]
        best[size] = [optimum(case.loss, case.x, case.labels) for case in cases]
        for model in models:
            for method, how in artificial.methods(estimators, hidden=model.hidden, everywhere=everywhere).items():
                found[size, model, method] = artificial.train(model, cases, how, looks=looks[model])
    rows = []
    for case, (number, name, loss) in enumerate(product(range(seeds), datasets, LOSSES)):
        for size, model in product(inputs, models):
            for method in artificial.methods(estimators, hidden=model.hidden, everywhere=everywhere):
                start, *during, final = found[size, model, method][case]
                ends = (final, best[size][case], start)
                rows.append((name, size, model.hidden, loss, method, number, *ends, model.steps, *during))
    return judged(pd.DataFrame(rows, columns=[*COLUMNS, "steps", *(f"{AT}{share:g}" for share in shares)]))


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

    `log10_gap_ratio.<method>.<model>.<loss>` is the decimal logarithm of the method's relative gap over backprop's,
    averaged over all data sets and sizes, separable or not: 1 is a loss ten times as far from the optimum. With
    `.linear.cross_entropy` it is logistic regression. `log10_gap_ratio_apart.<method>` is that number less the largest
    of the method's other models and losses: above 0 if logistic regression stands out. The ending `.exception` is for
    the exception's cells only. Gaps are bounded, so that neither rounding nor a diverged training decides a mean.

    `log10_loss_ratio.<method>.<data set>.inputs<d>.hidden<k>.<loss>.share<s>` is the decimal logarithm of the method's
    loss over backprop's, after the share s of the updates (`share1`: at the end); 1 is ten times backprop's loss. It
    needs no optimum, and where the optimum is 0 it shows how much slower a method comes down. A loss below 1e-16 counts
    as that; a training that diverged counts with 10^6 times its first loss, and says so. There is none where backprop
    diverged. `log10_loss_ratio.<method>.logistic.share<s>` is the mean over all data sets and sizes for the linear
    model under the log loss, logistic regression; `.others.` is that over all other models and losses, and
    `log10_loss_ratio_apart.<method>.share<s>` the first minus the second.
    """
    if table.empty:
        return {}
    ratios = _loss_ratios(table)
    table = _beside_backprop(table)
    backprop, others = table[table["method"] == "backprop"], table[table["method"] != "backprop"]
    found = {"backprop_converged_share": backprop.groupby("seed")["converged"].mean().astype(float).tolist()}
    for method, part in others.groupby("method"):
        for name, cells in _groups(part):
            found[f"converged_share.{method}.{name}"] = _shares(cells)
    for method, cells in table[table["exception"]].groupby("method"):
        logs = cells.assign(log=np.log10(cells["gap"].fillna(MOST).clip(LEAST, MOST)))
        found[f"log10_gap.{method}.exception"] = logs.groupby("seed")["log"].mean().tolist()
    return in_order(found | _gap_ratios(table), table["seed"]) | ratios


def _gap_ratios(table: pd.DataFrame) -> dict[str, list[float]]:
    """The gaps of each method over backprop's, in decimal logarithms, in the order of the seeds."""
    logs = table.assign(log=np.log10(table["gap"].fillna(MOST).clip(LEAST, MOST)))
    backprop = logs.loc[logs["method"] == "backprop", [*CELL, "seed", "log"]].rename(columns={"log": "reference"})
    logs = logs[logs["method"] != "backprop"].merge(backprop, on=[*CELL, "seed"], validate="many_to_one")
    logs = logs.assign(ratio=logs["log"] - logs["reference"], model=np.where(logs["hidden"] == 0, "linear", "deep"))
    logistic = ("linear", str(LOGISTIC["loss"]))
    found: dict[str, list[float]] = {}
    for method, part in logs.groupby("method"):
        by_cell = part.groupby(["seed", "model", "loss"])["ratio"].mean().unstack(["model", "loss"])
        for cell in by_cell.columns:
            found[".".join(["log10_gap_ratio", str(method), *cell])] = by_cell[cell].tolist()
        if logistic in by_cell and len(by_cell.columns) > 1:
            others = by_cell.drop(columns=[logistic]).max(axis=1)
            found[f"log10_gap_ratio_apart.{method}"] = (by_cell[logistic] - others).tolist()
        if part["exception"].any():
            cells = part[part["exception"]]
            found[f"log10_gap_ratio.{method}.exception"] = cells.groupby("seed")["ratio"].mean().tolist()
    return found


def _loss_ratios(table: pd.DataFrame) -> dict[str, list[float]]:
    """The logarithms of losses over backprop's, by cell and for groups of cells, at each share of the updates."""
    during = {column.removeprefix(AT): column for column in table.columns if column.startswith(AT)}
    found: dict[str, list[float]] = {}
    for share, column in (during | {"1": "final"}).items():
        lost = ~np.isfinite(table[column])
        bounded = table[column].where(~lost, MOST * table["start"]).clip(lower=LEAST_LOSS)
        rows = table[[*CELL, "seed", "method"]].assign(log=np.log10(bounded), lost=lost)
        plain = rows.loc[rows["method"] == "backprop", [*CELL, "seed", "log", "lost"]]
        plain = plain.assign(reference=plain["log"].where(~plain["lost"])).drop(columns=["log", "lost"])
        rows = rows[rows["method"] != "backprop"].merge(plain, on=[*CELL, "seed"], validate="many_to_one")
        rows = rows.assign(ratio=rows["log"] - rows["reference"])
        for (method, dataset, inputs, hidden, loss), cell in rows.groupby(["method", *CELL]):
            name = f"log10_loss_ratio.{method}.{dataset}.inputs{inputs}.hidden{hidden}.{loss}.share{share}"
            found[name] = _by_seed(cell)
        for method, part in rows.groupby("method"):
            found |= _logistic_against_others(str(method), part, share)
    return found


def _logistic_against_others(method: str, part: pd.DataFrame, share: str) -> dict[str, list[float]]:
    """The means over logistic regression's cells and over all others, and their difference."""
    logistic = np.logical_and.reduce([part[column] == value for column, value in LOGISTIC.items()])
    groups = {"logistic": part[logistic], "others": part[~logistic]}
    means = {name: _by_seed(cells) for name, cells in groups.items() if len(cells)}
    found: dict[str, list[float]] = {
        f"log10_loss_ratio.{method}.{name}.share{share}": values for name, values in means.items()
    }
    if len(means) == len(groups):
        found[f"log10_loss_ratio_apart.{method}.share{share}"] = minus(means["logistic"], means["others"])
    return found


def _by_seed(cells: pd.DataFrame) -> BySeed:
    """The mean ratio over cells, a value per seed; undefined if it is in any of them."""
    by_seed = cells.sort_values("seed").groupby("seed")
    values = by_seed["ratio"].agg(lambda ratios: ratios.mean(skipna=False))
    lost = by_seed["lost"].any()
    outcomes = np.where(lost, DIVERGED, np.where(values.isna(), UNDEFINED, MEASURED))
    return BySeed(values, seeds=values.index.tolist(), outcomes=outcomes.tolist())


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
