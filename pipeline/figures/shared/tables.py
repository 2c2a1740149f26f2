"""Tables behind the figures: choose rows, summarise over seeds, and lay out numbers for readers."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipeline.metrics.by_seed import DIVERGED
from pipeline.metrics.intervals import interval
from pipeline.metrics.names import setting
from pipeline.metrics.ranges import NAMED, REAL, name_of

PANEL = "panel="  # before the title of a panel, which stands among the settings that vary
SUMMARY = ["mean", "low", "high", "n"]  # the columns that `summarise` adds
NULLS = ["null_mean", "null_high"]  # the columns that `with_nulls` adds


def pick(table: pd.DataFrame, **values: object) -> pd.DataFrame:
    """The rows in which each named column has the given value."""
    for column, value in values.items():
        table = table[table[column] == value]
    return table


def measured(table: pd.DataFrame, *, by: str) -> pd.DataFrame:
    """The rows of runs that finished; that of a run, or a pair, that diverged says so in the column `by`."""
    return table if table.empty else table[table[by] != DIVERGED]


def summarise(
    table: pd.DataFrame, by: list[str], value: str, *, ranges: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Mean, interval and n of `value` over everything else that varies (seeds): columns `by`, mean, low, high, n.

    Args:
        table: a row for each value.
        by: the columns that tell groups.
        value: the column of values.
        ranges: the range that an interval must not leave, by the beginnings of the column `quantity`, as analyses
            declare it; by an empty text for all rows.
    """
    rows = []
    for group, part in table.groupby(by, sort=True):
        quantity = str(dict(zip(by, group, strict=True)).get("quantity", ""))
        values = part[value].to_numpy(dtype=np.float64)
        # Of equal shares, the table doesn't say of how many items each is: they have no interval.
        within = NAMED[name_of(quantity, ranges or {})] if np.unique(values[np.isfinite(values)]).size > 1 else REAL
        rows.append((*group, *interval(values, range=within)))
    return pd.DataFrame(rows, columns=[*by, *SUMMARY]).astype(dict.fromkeys(SUMMARY[:-1], "float64"))  # if empty too


def geometric(summary: pd.DataFrame) -> pd.DataFrame:
    """A summary of decimal logarithms turned back: geometric mean, and the bounds of its interval."""
    return summary.assign(**{name: 10 ** summary[name] for name in ("mean", "low", "high")})


def with_nulls(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Summarise similarities as `summarise` does, and add the mean chance level of each group."""
    nulls = table.groupby(by, as_index=False)[NULLS].mean()
    return summarise(table, by, "value").merge(nulls, on=by)


def side_by_side(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Several tables of one kind as one, by the title of their panels, which joins what varies.

    A table without a title stays as it is.
    """
    parts = [
        part.assign(varied=[f"{varied}; {PANEL}{title}" if varied else f"{PANEL}{title}" for varied in part["varied"]])
        if title
        else part
        for title, part in tables.items()
        if len(part)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def by_setting(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """A table's parts by title, a panel each: one per depth, or one per setting if a sweep varies more than depth."""
    settings = table[["hidden", "varied"]].drop_duplicates().sort_values(["hidden", "varied"])
    return {
        setting(hidden, varied).replace(PANEL, ""): pick(table, hidden=hidden, varied=varied)
        for hidden, varied in zip(settings["hidden"], settings["varied"], strict=True)
    }


def wide(table: pd.DataFrame, *, across: str) -> pd.DataFrame:
    """The values of a plane with one row for each row of the plane, in columns such as `x1=-0.5`.

    One row per point would repeat all other columns and take ten times the bytes.
    """
    rows = [column for column in table.columns if column not in (across, "value")]
    plane = table.set_index([*rows, across])["value"].unstack()
    return plane.rename(columns=lambda at: f"{across}={at:.5g}").rename_axis(columns=None).reset_index()
