"""Made-up tables of RDMs and similarity in the form that figures get, for the tests of figures."""

import itertools

import numpy as np
import pandas as pd

from pipeline.figures.shared.style import Style

STYLE = Style({"bp": "backprop", "one": "one SG", "every": "SG everywhere"})
STEPS, PIXELS = (0, 5, 100), 4
NUMBERS = ["mean", "low", "high", "n"]


def made_up(
    *, depths=(2, 5), seeds=3, methods=("bp", "one", "every"), measures=("cca", "cka"), missing=(), other=False
):
    """Tables by analysis; `missing` runs (method, depth, seed) have diverged. With `other`, all pairs are compared."""
    rng = np.random.default_rng(0)
    rows = {"rdm": [], "similarity": [], "similarity_over_time": []}
    for hidden in depths:
        runs = [run for run in itertools.product(methods, range(seeds)) if (run[0], hidden, run[1]) not in missing]
        layers = range(1, hidden + 1)
        for method, seed in runs:
            who = (f"{method}-{hidden}-{seed}", method, seed, hidden, f"network.hidden={hidden}")
            rows["rdm"] += [(*who, 0, "class_start", 2.0 * i, i, -1) for i in range(2)]
            for layer in layers:
                names = ("class_correlation", "within", "between", "constant_points", "distance_to_last")
                rows["rdm"] += [(*who, layer, quantity, rng.uniform(), -1, -1) for quantity in names]
                cells = itertools.product(range(PIXELS), repeat=2)
                rows["rdm"] += [(*who, layer, "rdm", rng.uniform(0, 2), i, j) for i, j in cells]
            rows["similarity_over_time"] += [
                (*who, measure, layer, step, 1.0 if step == STEPS[-1] else rng.uniform(0, 0.9), *rng.uniform(size=2))
                for measure, layer, step in itertools.product(measures, layers, STEPS)
            ]
        for (method_a, seed_a), (method_b, seed_b) in itertools.combinations(runs, 2):
            if other or method_a == method_b or seed_a == seed_b:
                kind = "seeds" if method_a == method_b else "methods"
                who = (
                    f"{method_a}-{hidden}-{seed_a}",
                    method_a,
                    seed_a,
                    f"{method_b}-{hidden}-{seed_b}",
                    method_b,
                    seed_b,
                )
                rows["similarity"] += [
                    (*who, hidden, kind, measure, i, j, *rng.uniform(size=3))
                    for measure, i, j in itertools.product(measures, layers, layers)
                ]
    run = ["run", "method", "seed", "hidden", "varied"]
    pair = ["run_a", "method_a", "seed_a", "run_b", "method_b", "seed_b", "hidden", "kind"]
    values = ["value", "null_mean", "null_high"]
    columns = {
        "rdm": [*run, "layer", "quantity", "value", "i", "j"],
        "similarity": [*pair, "measure", "layer_a", "layer_b", *values],
        "similarity_over_time": [*run, "measure", "layer", "step", *values],
    }
    return {name: pd.DataFrame(found, columns=columns[name]) for name, found in rows.items()}


def rows(table, **where):
    for column, value in where.items():
        table = table[table[column] == value]
    return table


def lines(axes, label):
    return [line.get_xydata().tolist() for line in axes.get_lines() if line.get_label() == label]


def dotted(axes):
    return [line.get_xydata().tolist() for line in axes.get_lines() if line.get_linestyle() == ":"]


def points(curve, x, y="mean"):
    return curve.sort_values(x)[[x, y]].to_numpy(dtype=float).tolist()
