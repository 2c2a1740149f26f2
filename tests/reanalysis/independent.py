"""The primaries' numbers, worked out again from the published tables and histories with numpy and scipy alone.

Nothing of `pipeline` is used: these are the definitions of configs/claims.yaml and of the analyses' docstrings, written a
second time. Each function returns a value per seed; `interval` is Student's t on a scale on which a mean can't leave its
range.
"""

import math
from collections import defaultdict

import numpy as np
import pandas as pd
from scipy import stats

LOSSES = (1.0, 0.5, 0.2, 0.1)


class Results:
    """The tables of a study's results; `folder` is results/<study>."""

    def __init__(self, folder):
        self.folder = folder

    def table(self, analysis):
        """All rows of an analysis, a dict of numpy columns."""
        files = sorted((self.folder / "analyse" / analysis).glob("*.parquet"))
        whole = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
        return {name: whole[name].to_numpy() for name in whole}

    def histories(self, cell):
        """The histories of a cell's runs by seed."""
        found = {}
        for file in sorted((self.folder / "train").glob(f"{cell}-b*/history.parquet")):
            whole = pd.read_parquet(file)
            for run, part in whole.groupby("run"):
                found[int(str(run).rpartition("-s")[2])] = {name: part[name].to_numpy() for name in part}
        return found


def chosen(table, **values):
    """The rows with these values."""
    keep = np.ones(len(next(iter(table.values()))), dtype=bool)
    for name, value in values.items():
        keep &= table[name] == value
    return {name: column[keep] for name, column in table.items()}


def curve(history, quantity, layer=0):
    """Steps and values of a quantity in a history."""
    rows = chosen(history, quantity=quantity, layer=layer)
    order = np.argsort(rows["step"], kind="stable")
    return rows["step"][order], rows["value"][order]


def last(history, quantity, layer=0):
    """The last value of a quantity."""
    return float(curve(history, quantity, layer)[1][-1])


def paired(first, second, how=np.subtract):
    """Two numbers by seed, compared for the seeds that both have."""
    return [float(how(first[seed], second[seed])) for seed in sorted(first.keys() & second.keys())]


def finals(results, cell, quantity="test_accuracy"):
    """The last value of a quantity by seed."""
    return {seed: last(history, quantity) for seed, history in results.histories(cell).items()}


def crossing(history, loss):
    """The step at which the training loss comes down to `loss`, linear in its logarithm; all steps if it never does."""
    steps, values = curve(history, "train_loss")
    below = np.flatnonzero(values <= loss)
    if not len(below):
        return float(steps[-1])
    at = below[0]
    if at == 0:
        return max(1.0, float(steps[0]))
    before, after = math.log(values[at - 1]), math.log(values[at])
    part = (before - math.log(loss)) / (before - after)
    return max(1.0, float(steps[at - 1] + part * (steps[at] - steps[at - 1])))


def times(results, cell, losses):
    """The geometric mean of the times to some losses, by seed."""
    return {
        seed: math.exp(np.mean([math.log(crossing(history, loss)) for loss in losses]))
        for seed, history in results.histories(cell).items()
    }


def spearman(a, b):
    """Spearman's rank correlation."""
    return float(np.corrcoef(stats.rankdata(a), stats.rankdata(b))[0, 1])


def capacity(results):
    """C4: training accuracy, one linear SG minus backprop, MSE, 5 layers."""
    table = chosen(results.table("capacity"), loss="mse", hidden=5)
    by = [dict(zip(part["seed"], part["accuracy"], strict=True)) for part in
          (chosen(table, method="one_linear_sg"), chosen(table, method="backprop"))]  # fmt: skip
    return paired(*by)


def problems(table):
    """The rows of each problem of each seed at each main rate, by (seed, problem, rate)."""
    found = defaultdict(list)
    keys = zip(*(table[name] for name in ("seed", "inputs", "hidden", "condition", "noise", "rate")), strict=True)
    for row, (seed, *problem, rate) in enumerate(keys):
        found[seed, tuple(problem), rate].append(row)
    return found


def solved(results, analysis):
    """C5, C6: the share of a seed's problems whose relative gap at the best main rate ends below 1e-4, by line search."""
    table = chosen(results.table(analysis), rule="line_search")
    best = {}
    for (seed, problem, _), rows in problems(table).items():
        end = rows[int(np.argmax(table["iteration"][rows]))]
        gap = math.inf if table["diverged"][end] or not np.isfinite(table["gap"][end]) else table["gap"][end]
        best[seed, problem] = min(best.get((seed, problem), math.inf), gap)
    by_seed = defaultdict(list)
    for (seed, _), gap in best.items():
        by_seed[seed].append(gap < 1e-4)
    return [float(np.mean(by_seed[seed])) for seed in sorted(by_seed)]


def falls(results):
    """C7: of the steps on which the sharp form holds, at rates at which backprop converges, the share that descends."""
    whole = results.table("deep_linear_convergence")
    converged = set()
    backprop = chosen(whole, rule="backprop")
    for key, rows in problems(backprop).items():
        end = rows[int(np.argmax(backprop["iteration"][rows]))]
        if not backprop["diverged"][end] and backprop["gap"][end] < 1e-4:
            converged.add(key)
    table = chosen(whole, rule="line_search")
    by_seed = defaultdict(list)
    for key, rows in problems(table).items():
        if key in converged:
            by_seed[key[0]] += [
                table["falls"][row] for row in rows if table["iteration"][row] > 0 and table["sharp_ratio"][row] < 1
            ]
    return [float(np.mean(by_seed[seed])) for seed in sorted(by_seed)]


def apart(results):
    """C8: log10 of the ratio of the gaps, logistic regression less the largest of the other models and losses."""
    table = results.table("artificial_data")
    logs = np.log10(np.clip(np.where(np.isfinite(table["gap"]), table["gap"], 1e6), 1e-12, 1e6))
    cells = defaultdict(dict)
    keys = zip(*(table[name] for name in ("seed", "dataset", "inputs", "hidden", "loss", "method")), strict=True)
    for (*cell, method), value in zip(keys, logs, strict=True):
        cells[tuple(cell)][method] = value
    ratios = defaultdict(list)
    for (seed, _, _, hidden, loss), by_method in cells.items():
        ratios[seed, hidden == 0, loss].append(by_method["one_linear_sg"] - by_method["backprop"])
    means = {key: float(np.mean(values)) for key, values in ratios.items()}
    found = []
    for seed in sorted({seed for seed, _, _ in means}):
        logistic = means[seed, True, "cross_entropy"]
        others = [value for (at, linear, loss), value in means.items()
                  if at == seed and (linear, loss) != (True, "cross_entropy")]  # fmt: skip
        found.append(logistic - max(others))
    return found


def agreement(results, **case):
    """R2 of implied and true loss by seed: an array with a row for each layer and a column for each look."""
    table = chosen(results.table("implied_loss"), quantity="r2", **case)
    found = {}
    for seed in np.unique(table["seed"]):
        part = chosen(table, seed=seed)
        layers, steps = np.unique(part["layer"]), np.unique(part["step"])
        grid = np.full((len(layers), len(steps)), np.nan)
        grid[np.searchsorted(layers, part["layer"]), np.searchsorted(steps, part["step"])] = part["value"]
        found[int(seed)] = (steps, grid)
    return found


def layers_agree(results):
    """C9: rank correlation of layer and R2 over training, the mean over losses and labels."""
    by_case = []
    for loss in ("cross_entropy", "mse"):
        for labels in ("separable", "random"):
            trends = {}
            for seed, (steps, grid) in agreement(results, loss=loss, labels=labels).items():
                kept = grid[:, steps > 0]
                kept = kept[:, np.isfinite(kept).all(axis=0)]
                trends[seed] = spearman(np.arange(len(kept)), kept.mean(axis=1))
            by_case.append(trends)
    return [float(np.mean([trends[seed] for trends in by_case])) for seed in sorted(by_case[0])]


def since_peak(results):
    """C10: R2 in the last fifth of training less that at the peak which the other seeds show."""
    curves, at = {}, None
    for seed, (steps, grid) in agreement(results, loss="cross_entropy", labels="separable").items():
        at = steps[steps > 0]
        with np.errstate(invalid="ignore"):
            curves[seed] = np.nanmean(grid[:, steps > 0], axis=0)
    late = at >= 0.8 * at.max()
    found = []
    for seed in sorted(curves):
        others = np.array([curve for other, curve in curves.items() if other != seed])
        peak = int(np.nanargmax(np.where(np.isfinite(others).all(axis=0), others.mean(axis=0), -np.inf)))
        found.append(math.nan if late[peak] else float(curves[seed][late].mean() - curves[seed][peak]))
    return found


def distances(results, method):
    """C13: the mean distance of the RDMs of layers 1 to 10 to the last layer's, by seed."""
    table = chosen(results.table("tuned_rdm"), quantity="distance_to_last", method=method)
    found = defaultdict(list)
    for seed, layer, value in zip(table["seed"], table["layer"], table["value"], strict=True):
        if 1 <= layer <= 10:
            found[int(seed)].append(value)
    return {seed: float(np.mean(values)) for seed, values in found.items()}


def lowest_probe(results, method):
    """C14: the lowest training accuracy of an almost unpenalised probe over layers 2 to 20, by seed."""
    table = chosen(results.table("tuned_probes"), quantity="free_train_accuracy", method=method)
    found = defaultdict(list)
    for seed, layer, value in zip(table["seed"], table["layer"], table["value"], strict=True):
        if layer >= 2:
            found[int(seed)].append(value)
    return {seed: min(values) for seed, values in found.items()}


def growth(results):
    """C15: rank correlation of layer and |W| / |W at the start|, the mean of layers 1 to 10 and 11 to 20."""
    found = []
    for _, history in sorted(results.histories("best_rates-one_sg-hidden20").items()):
        sizes = []
        for layer in range(1, 21):
            _, norms = curve(history, "weight_norm", layer)
            sizes.append(norms[-1] / norms[0])
        blocks = (range(10), range(10, 20))
        found.append(float(np.mean([spearman(list(block), [sizes[at] for at in block]) for block in blocks])))
    return found


def less_alike(results):
    """C16: jackknife pseudo-values of how much less alike backprop and one SG are than two backprop nets, by CKA."""
    table = chosen(results.table("tuned_similarity"), measure="cka")
    same = table["layer_a"] == table["layer_b"]
    sums = defaultdict(list)
    for row in np.flatnonzero(same):
        ends = sorted(
            [(table["method_a"][row], int(table["seed_a"][row])), (table["method_b"][row], int(table["seed_b"][row]))]
        )
        sums[tuple(ends)].append(table["value"][row] - table["null_mean"][row])
    seeds = sorted({seed for pair in sums for method, seed in pair if method == "one_sg"})

    def difference(kept):
        own, other = [], []
        for ((first, s), (second, t)), values in sums.items():
            if s in kept and t in kept and s != t:
                if (first, second) == ("backprop", "backprop"):
                    own.append(np.mean(values))
                elif (first, second) == ("backprop", "one_sg"):
                    other.append(np.mean(values))
        return float(np.mean(own) - np.mean(other))

    n, whole = len(seeds), difference(set(seeds))
    return [n * whole - (n - 1) * difference(set(seeds) - {seed}) for seed in seeds]


def order(results):
    """F3: rank correlation of layer and the share of its way to its end that it has covered, one SG, by CCA."""
    table = chosen(results.table("similarity_over_time"), measure="cca", method="one_sg")
    found = []
    for seed in np.unique(table["seed"]):
        part = chosen(table, seed=seed)
        layers, steps = np.unique(part["layer"]), np.unique(part["step"])
        grid = np.empty((len(layers), len(steps)))
        grid[np.searchsorted(layers, part["layer"]), np.searchsorted(steps, part["step"])] = part["value"]
        covered = (grid - grid[:, :1]) / (1 - grid[:, :1])
        found.append(spearman(layers, covered[:, 1:-1].mean(axis=1)))
    return found


def algebra(results, statement, least):
    """C1, C2, C17: log10 of the largest value of a statement over nets."""
    values = chosen(results.table("identities"), statement=statement)["value"]
    return [math.log10(max(float(values.max()), least))]


def still(results):
    """C3: the share of the plane that stands still under SG training alone."""
    field = chosen(results.table("counter_example"), quantity="field")
    return [float(np.mean(field["critical_sg"].astype(bool) & ~field["critical_true"].astype(bool)))]


def primaries(results):
    """The value of each primary by claim: a value per seed, and the scale on which its interval is taken."""
    tuned = {method: f"best_rates-{method}-hidden20" for method in ("backprop", "one_sg")}
    shared = {method: f"one_rate-{method}-hidden20" for method in ("backprop", "one_sg", "one_class_only_sg")}
    fashion = {method: f"fashion-{method}-hidden20" for method in ("backprop", "one_sg")}
    five = {method: f"five_layers-{method}-hidden5" for method in ("every_sg", "feedback_alignment")}
    return {
        "C1": (algebra(results, "zero_loss_moved", 1e-12), None),
        "C2": (algebra(results, "exact_sg_error", 1e-300), None),
        "C3": (still(results), None),
        "C4": (capacity(results), "difference"),
        "C5": (solved(results, "linear_convergence"), "share"),
        "C6": (solved(results, "deep_linear_convergence"), "share"),
        "C7": (falls(results), "share"),
        "C8": (apart(results), "real"),
        "C9": (layers_agree(results), "correlation"),
        "C10": (since_peak(results), "difference"),
        "C11": (paired(finals(results, tuned["one_sg"]), finals(results, tuned["backprop"])), "difference"),
        "C12": (
            paired(times(results, tuned["one_sg"], LOSSES), times(results, tuned["backprop"], LOSSES), np.divide),
            "ratio",
        ),
        "C13": (paired(distances(results, "one_sg"), distances(results, "backprop")), "real"),
        "C14": (paired(lowest_probe(results, "one_sg"), lowest_probe(results, "backprop")), "difference"),
        "C15": (growth(results), "correlation"),
        "C16": (less_alike(results), "real"),
        "C17": (algebra(results, "fixed_gate_error", 1e-300), None),
        "C18": (paired(finals(results, five["every_sg"]), finals(results, five["feedback_alignment"])), "difference"),
        "F1": (
            paired(
                times(results, shared["one_class_only_sg"], (0.5,)), times(results, shared["one_sg"], (0.5,)), np.divide
            ),
            "ratio",
        ),
        "F2": (
            paired(times(results, tuned["one_sg"], (0.5,)), times(results, tuned["backprop"], (0.5,)), np.divide),
            "ratio",
        ),
        "F3": (order(results), "correlation"),
        "F4": (paired(finals(results, fashion["one_sg"]), finals(results, fashion["backprop"])), "difference"),
    }


def interval(values, scale):
    """Mean and 95 % interval; of ratios the geometric mean."""
    kept = np.array([value for value in values if np.isfinite(value)])
    n, t = len(kept), stats.t.ppf(0.975, len(kept) - 1)
    if scale == "ratio":
        logs = np.log(kept)
        half = t * logs.std(ddof=1) / math.sqrt(n)
        return math.exp(logs.mean()), math.exp(logs.mean() - half), math.exp(logs.mean() + half)
    mean, error = kept.mean(), kept.std(ddof=1) / math.sqrt(n)
    if scale in ("difference", "correlation"):  # between -1 and 1: Fisher's z
        half = t * error / (1 - mean**2)
        return mean, math.tanh(math.atanh(mean) - half), math.tanh(math.atanh(mean) + half)
    return mean, mean - t * error, mean + t * error
