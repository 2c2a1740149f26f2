"""Compare training rules on linear models: the table of the convergence analyses, and its headline numbers."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from pipeline.theory.largest_rates import largest_rates
from pipeline.theory.problems import Model, Problems, problems, require_positive
from pipeline.theory.training import CONVERGED, DIVERGED, RESOLVED, TrainingRule, train

PROBLEM = ["inputs", "hidden", "condition", "noise"]  # columns that tell the problems of one seed apart


def rules(sg_rates: Sequence[float], *, frozen: bool) -> list[TrainingRule]:
    """Backprop, line search, a fixed SG rate at each of `sg_rates` and, if `frozen`, the rule of that name.

    Raises:
        ValueError: if a rate is not above 0.
    """
    if sg_rates:
        require_positive(sg_rates=sg_rates)
    fixed = [TrainingRule("fixed", rate) for rate in sg_rates]
    last = [TrainingRule("frozen")] if frozen else []
    return [TrainingRule("backprop"), TrainingRule("line_search"), *fixed, *last]


def compare(
    generator: np.random.Generator,
    model: Model,
    compared: list[TrainingRule],
    *,
    seeds: int,
    samples: int,
    conditions: Sequence[float],
    noises: Sequence[float],
    rates: Sequence[float],
    iterations: int,
    points: int,
    halvings: int,
) -> pd.DataFrame:
    """Train by every rule, on all problems and at all main rates, from the same data and starting weights.

    Args:
        generator: draws data and starting weights, seed by seed.
        model: the model to train.
        compared: the rules.
        seeds: number of repetitions.
        samples: points in each data set.
        conditions: condition numbers of the inputs' covariance, see `problems`.
        noises: standard deviations of the noise on the targets, whose signal has a deviation of about 1.
        rates: rates of the main model, in units of 1 / curvature, see `pipeline.theory.models.curvature`.
        iterations: number of updates.
        points: number of recorded iterations that are log-spaced; as many again are evenly spaced.
        halvings: rounds of the search for the largest rate that converges, see `largest_rates`.

    Returns:
        A row for each rule, problem, rate and recorded iteration. `largest_rate` is the same in all rows of a
        rule and a problem. For the other columns see `pipeline.theory.training.train`.

    Raises:
        ValueError: if a setting is out of range.
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
    """Iterations to record: 0, `points` log-spaced ones and `points` evenly spaced ones, including the last."""
    spread = np.r_[0, np.geomspace(1, iterations, points), np.linspace(0, iterations, points + 1)]
    return np.unique(spread.round().astype(int)).tolist()


def _trained(
    given: Problems, model: Model, rule: TrainingRule, rates: list[float], iterations: int, points: int, halvings: int
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
    """Summarise a table of `compare` in a few numbers per rule, each with one value per seed.

    What each number means is explained in `pipeline.analyses.linear_convergence.metrics`.
    """
    if table.empty:
        return {}
    fixed = "by_fixed_sg.rate" + table["sg_rate"].map("{:g}".format)
    by = ("by_" + table["rule"]).where(table["rule"] != "fixed", fixed)
    table = table.assign(by=by, mild=_mild(table), converging=_converging(table))
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
    """`log10_gap`, clipped to between `RESOLVED` and `DIVERGED`, shares of trainings, and shares of problems."""
    gap = last["gap"].fillna(DIVERGED).clip(lower=RESOLVED)
    last = last.assign(log10_gap=np.log10(gap), converged_share=gap < CONVERGED)
    best = last.groupby(["seed", *PROBLEM])["log10_gap"].min()
    lost = last.groupby(["seed", *PROBLEM])["gap"].apply(lambda gaps: gaps.isna().all())
    problems = {
        "solved_share": best < np.log10(CONVERGED),
        "clipped_share": best <= np.log10(RESOLVED),
        "diverged_share": lost,
    }
    shares = {share: last.groupby("seed")[share].mean().tolist() for share in ("converged_share", "descent_share")}
    shares |= {name: each.groupby("seed").mean().astype(float).tolist() for name, each in problems.items()}
    return {"log10_gap": best.groupby("seed").max().tolist(), **shares}


def _largest(last: pd.DataFrame, least: float) -> dict[str, list[float]]:
    """`log10_largest_rate`, the mean over problems, and `rate_found_share`.

    If no rate converges, the smallest one that was tried counts, which is an overestimate.
    """
    one = last.groupby(["seed", *PROBLEM])["largest_rate"].first().groupby("seed")
    logs = one.apply(lambda rates: np.log10(rates.fillna(least)).mean())
    return {"log10_largest_rate": logs.tolist(), "rate_found_share": one.apply(lambda r: r.notna().mean()).tolist()}


def _mild(table: pd.DataFrame) -> pd.Series:
    """Whether backprop with the row's main rate doesn't diverge on the row's problem."""
    wild = table["diverged"] & (table["rule"] == "backprop")
    return ~wild.groupby([table[column] for column in ["seed", *PROBLEM, "rate"]]).transform("any")


def _converging(table: pd.DataFrame) -> pd.Series:
    """Whether backprop with the row's main rate converges on the row's problem."""
    plain = table["rule"] == "backprop"
    there = plain & (table["iteration"] == table["iteration"].max()) & (table["gap"] < CONVERGED)
    return there.groupby([table[column] for column in ["seed", *PROBLEM, "rate"]]).transform("any")


def _tracking(steps: pd.DataFrame) -> dict[str, list[float]]:
    """Whether the condition of error tracking holds (claim C7), and whether the loss falls where it does.

    All recorded steps before a training converges to rounding or diverges count, at all main rates.
    `falls_where_bound_mild` leaves out the rates with which backprop diverges: a step that is too large even for the
    true gradient says nothing about an estimate. The sharp form counts after iteration 0, and with rates with which
    backprop converges.
    """
    trained = steps[steps["sharp_ratio"].notna() & (steps["iteration"] > 0) & steps["converging"]]
    sharp = trained[trained["sharp_ratio"] < 1]
    counted = steps[steps["bound_ratio"].notna()]
    bound = counted[counted["bound_ratio"] < 1]
    found = {
        "bound_share": (counted["bound_ratio"] < 1).groupby(counted["seed"]).mean(),
        "falls_where_bound": bound.groupby("seed")["falls"].mean(),
        "falls_where_bound_mild": bound[bound["mild"]].groupby("seed")["falls"].mean(),
        "sharp_share_converging": (trained["sharp_ratio"] < 1).groupby(trained["seed"]).mean(),
        "falls_where_sharp_converging": sharp.groupby("seed")["falls"].mean(),
    }
    seeds = sorted(set(steps["seed"]))
    return {name: by_seed.reindex(seeds).tolist() for name, by_seed in found.items()}
