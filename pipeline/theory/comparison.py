"""Compare rules of training on linear models: the table of the convergence analyses, and its headline numbers."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from pipeline.theory.largest_rates import largest_rates
from pipeline.theory.problems import Model, Problems, problems, require_positive
from pipeline.theory.training import CONVERGED, DIVERGED, RESOLVED, Rule, train

PROBLEM = ["inputs", "hidden", "condition", "noise"]  # what tells the problems of one seed


def rules(sg_rates: tuple[float, ...], *, frozen: bool) -> list[Rule]:
    """Backprop, line search, and a fixed SG rate at each of `sg_rates`; `frozen` if wanted.

    Raises:
        ValueError: for a rate that is not above 0.
    """
    if sg_rates:
        require_positive(sg_rates=sg_rates)
    fixed = [Rule("fixed", rate) for rate in sg_rates]
    return [Rule("backprop"), Rule("line_search"), *fixed, *([Rule("frozen")] if frozen else [])]


def compare(
    generator: np.random.Generator,
    model: Model,
    compared: list[Rule],
    *,
    seeds: int,
    samples: int,
    conditions: tuple[float, ...],
    noises: tuple[float, ...],
    rates: tuple[float, ...],
    iterations: int,
    points: int,
    halvings: int,
) -> pd.DataFrame:
    """Train by every rule, on all problems and at all main rates, on the same data from the same start.

    Args:
        generator: gives data and starting weights, seed by seed.
        model: what is trained.
        compared: the rules.
        seeds: number of repetitions.
        samples: points in each data set.
        conditions: condition numbers of the inputs' covariance, see `linear_problems.problems`.
        noises: standard deviations of the noise on the targets, whose signal has a deviation of about 1.
        rates: rates of the main model, in units of 1 / `linear_models.curvature`.
        iterations: number of updates.
        points: number of iterations at which the training is recorded, log-spaced, and as many again evenly spaced.
        halvings: rounds of the search for the largest rate that converges, see `linear_rates.largest_rates`.

    Returns:
        A row for each rule, problem, rate and recorded iteration. `largest_rate` is one number for a rule and a
        problem; for the other columns see `linear_training.train`.

    Raises:
        ValueError: for a setting that is out of its range.
    """
    require_positive(rates=rates, iterations=iterations, points=points)
    if halvings < 0:
        raise ValueError(f"halvings: found {halvings}; expected 0 or more")
    given = problems(generator, model, seeds=seeds, samples=samples, conditions=conditions, noises=noises)
    ascending = sorted(rates)
    parts = [_trained(given, model, rule, ascending, iterations, points, halvings) for rule in compared]
    shape = {name: asdict(model)[name] for name in ("inputs", "outputs", "hidden")}
    return pd.concat(parts, ignore_index=True).assign(**shape, sg_after=model.after)


def looks(iterations: int, points: int) -> list[int]:
    """The start, `points` log-spaced iterations and `points` evenly spaced ones, the last among them."""
    spread = np.r_[0, np.geomspace(1, iterations, points), np.linspace(0, iterations, points + 1)]
    return np.unique(spread.round().astype(int)).tolist()


def _trained(
    given: Problems, model: Model, rule: Rule, rates: list[float], iterations: int, points: int, halvings: int
) -> pd.DataFrame:
    """The rows of one rule."""
    each = given.rows(np.repeat(np.arange(len(given.unit)), len(rates)))
    rate = np.tile(rates, len(given.unit))
    steps, recorded = (rate * each.unit)[:, None, None], looks(iterations, points)
    course = train(each.data, each.start, rule, after=model.after, steps=steps, recorded=recorded)
    converged = (course[iterations]["gap"] < CONVERGED).reshape(-1, len(rates))
    largest = largest_rates(
        given, rule, converged, after=model.after, rates=rates, iterations=iterations, halvings=halvings
    )
    plan = each.plan.assign(rate=rate, largest_rate=np.repeat(largest, len(rates)))
    parts = [plan.assign(iteration=iteration, **found) for iteration, found in course.items()]
    sg_rate = np.nan if rule.sg_rate is None else rule.sg_rate
    return pd.concat(parts).assign(rule=rule.name, sg_rate=sg_rate)


def headline(table: pd.DataFrame) -> dict[str, list[float]]:
    """The results of `compare` in a few numbers per rule, each with one value per seed.

    `log10_gap`: the last relative gap with the best of the main rates, in the worst of the problems, at least
    `RESOLVED`; a diverged training counts as `DIVERGED`. How far backprop comes in as many iterations says what can be
    expected. `converged_share`: the share of the trainings that ended below `CONVERGED`. `descent_share`: its mean over
    all trainings. Names end like `by_line_search` or `by_fixed_sg.rate0.01`. For `log10_largest_rate`,
    `rate_found_share`, `bound_share`, `falls_where_bound` and `falls_where_bound_mild` see the functions.
    """
    if table.empty:
        return {}
    fixed = "by_fixed_sg.rate" + table["sg_rate"].map("{:g}".format)
    by = ("by_" + table["rule"]).where(table["rule"] != "fixed", fixed)
    table = table.assign(by=by, mild=_mild(table))
    found: dict[str, list[float]] = {}
    for name, part in table.groupby("by"):
        last = part[part["iteration"] == part["iteration"].max()]
        numbers = _ends(last)
        if part["rule"].iloc[0] != "frozen":
            numbers |= _largest(last, float(table["rate"].min()))
        if part["bound_ratio"].notna().any():
            numbers |= _tracking(part)
        found |= {f"{number}.{name}": values for number, values in numbers.items()}
    return found


def _ends(last: pd.DataFrame) -> dict[str, list[float]]:
    gap = last["gap"].fillna(DIVERGED).clip(lower=RESOLVED)
    last = last.assign(log10_gap=np.log10(gap), converged_share=gap < CONVERGED)
    best = last.groupby(["seed", *PROBLEM])["log10_gap"].min()
    shares = {share: last.groupby("seed")[share].mean().tolist() for share in ("converged_share", "descent_share")}
    return {"log10_gap": best.groupby("seed").max().tolist(), **shares}


def _largest(last: pd.DataFrame, least: float) -> dict[str, list[float]]:
    """`log10_largest_rate`: the largest rate that converges, the mean over problems in the logarithm.

    Where no rate does, the smallest one that was tried counts, which is too much; `rate_found_share` is the share of
    the problems in which one does.
    """
    one = last.groupby(["seed", *PROBLEM])["largest_rate"].first().groupby("seed")
    logs = one.apply(lambda rates: np.log10(rates.fillna(least)).mean())
    return {"log10_largest_rate": logs.tolist(), "rate_found_share": one.apply(lambda r: r.notna().mean()).tolist()}


def _mild(table: pd.DataFrame) -> pd.Series:
    """Is it a row at a main rate with which backprop, on the same problem, doesn't diverge?"""
    wild = table["diverged"] & (table["rule"] == "backprop")
    return ~wild.groupby([table[column] for column in ["seed", *PROBLEM, "rate"]]).transform("any")


def _tracking(steps: pd.DataFrame) -> dict[str, list[float]]:
    """Does the condition of error tracking hold (claim C7), and does the loss fall where it does?

    Over the recorded steps before a training's end, at all main rates. `bound_share`: the share at which the condition
    holds; `falls_where_bound`: of those, the share after which the true loss is lower (NaN where it never holds).
    `falls_where_bound_mild`: the same at the main rates with which backprop doesn't diverge; a step that is too large
    for the true gradient says nothing of an estimate.
    """
    counted = steps[steps["bound_ratio"].notna()]
    bound = counted[counted["bound_ratio"] < 1]
    found = {
        "bound_share": (counted["bound_ratio"] < 1).groupby(counted["seed"]).mean(),
        "falls_where_bound": bound.groupby("seed")["falls"].mean(),
        "falls_where_bound_mild": bound[bound["mild"]].groupby("seed")["falls"].mean(),
    }
    seeds = sorted(set(steps["seed"]))
    return {name: by_seed.reindex(seeds).tolist() for name, by_seed in found.items()}
