"""The W&B run of a study's results: its headline numbers and its figures with the numbers that they show.

It is recorded by the same functions when the workflow makes it and when `publish` makes it from the results.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.results import paths, store
from pipeline.results.fingerprint import digest
from pipeline.study.plan import Plan
from pipeline.tracking import trainings
from pipeline.tracking.client import Tracker
from pipeline.tracking.run_content import Opening

NAME = JOB_TYPE = "results"
VERSION = 2  # of what is recorded; W&B can't change the rows of a run that it has
FIGURES, TABLES = "figures", "tables"
HEADLINE = f"{TABLES}/headline_numbers"
MOST_ROWS = 1000  # of a figure's table; W&B takes seconds for ten thousand, and the whole tables stand in the results
PARTS = ("mean", "low", "high", "n")


def opening(plan: Plan) -> Opening:
    """How the run is opened. Its id depends on the content of the tables and figures.

    Raises:
        store.MissingFileError: if one of them is missing.
    """
    files = {name: store.sha256(_existing(path)) for name, path in {**_tables(plan), **pictures(plan)}.items()}
    return Opening(
        name=NAME,
        group=trainings.group(plan),
        job_type=JOB_TYPE,
        tags=(plan.name,),
        config={"study": plan.name, "settings": plan.study.model_dump(mode="json"), "inputs": files},
        identity=digest([NAME, VERSION, files]),
    )


def record(tracker: Tracker, plan: Plan) -> None:
    """Record everything that the run holds. A figure and its table have different names: W&B keeps one of each."""
    import pandas as pd

    metrics = store.read_json(paths.metrics(plan.name))["metrics"]
    tracker.table(HEADLINE, _headline(metrics))
    for name, path in pictures(plan).items():
        tracker.figure(f"{FIGURES}/{name}", path)
        tracker.table(f"{TABLES}/{name}", pd.read_csv(paths.drawing(plan.name, name, "csv")).head(MOST_ROWS))
    tracker.summary(values(plan, metrics))


def values(plan: Plan, metrics: Mapping[str, Any]) -> dict[str, int]:
    """What the run's summary holds beside figures and tables."""
    counted = {"headline_numbers": sum(map(len, metrics.values()))}
    return {"analyses": len(plan.study.analyses), "figures": len(plan.study.figures), **counted}


def media(plan: Plan) -> list[str]:
    """The names of its figures and tables."""
    return [HEADLINE, *(f"{kind}/{name}" for name in plan.study.figures for kind in (FIGURES, TABLES))]


def _headline(metrics: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Any:
    """The headline numbers as a table: thousands of names of their own would be too many for W&B."""
    import pandas as pd

    rows = [
        (analysis, name, *(number.get(part) for part in PARTS))
        for analysis, found in metrics.items()
        for name, number in found.items()
    ]
    return pd.DataFrame(rows, columns=["analysis", "number", *PARTS])


def _tables(plan: Plan) -> dict[str, Path]:
    return {
        f"{name}/{part}": paths.table(plan.name, name, part)
        for name in plan.study.analyses
        for part in plan.groups(name)
    }


def pictures(plan: Plan) -> dict[str, Path]:
    """The figures' pictures by name."""
    return {name: paths.drawing(plan.name, name, "png") for name in plan.study.figures}


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise store.MissingFileError(f"{path}: no such file; run `dvc pull results` or the workflow")
    return path
