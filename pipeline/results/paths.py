"""Where everything lies, below the project's root."""

import re
from pathlib import Path

NAME = re.compile(r"[a-z0-9][a-z0-9_]*")  # of a study, and of whatever else becomes a file name
PLACEHOLDER = "{study}"
DATA = Path("data")
RESULTS = Path("results")
PACKED = Path("published/data")
PACKED_RECORDS = Path("published/records")
RESUME = Path("resume")
PUBLISHED = Path("published/values")


def data(dataset: str) -> Path:
    """The folder of a data set's raw files."""
    return DATA / dataset


def packed(dataset: str) -> Path:
    """The folder of a data set's files as they travel with the results."""
    return PACKED / dataset


def packed_records(study: str) -> Path:
    """What Snakemake knows about a study's outputs, as it travels with them."""
    return PACKED_RECORDS / f"{study}.json.xz"


def raw(dataset: str) -> list[Path]:
    """The raw files of a data set that are there; an artificial one has none."""
    folder = data(dataset)
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def results(study: str) -> Path:
    """The folder of a study's results; Snakemake's placeholder for the study may stand for its name.

    Raises:
        ValueError: for a name that could leave the folder.
    """
    if study != PLACEHOLDER and not NAME.fullmatch(study):
        raise ValueError(f"{study!r} is no study's name: expected lower-case letters, digits and underscores")
    return RESULTS / study


def choice(study: str, cell: str) -> Path:
    """The rate that was chosen for a cell: a method in a setting, whatever the seed; and the trials."""
    return results(study) / "tune" / f"{cell}.json"


def history(study: str, run: str) -> Path:
    """A run's history."""
    return results(study) / "train" / run / "history.parquet"


def checkpoints(study: str, run: str) -> Path:
    """A run's models at its checkpoints: large, and so apart from what travels with the repository."""
    return results(study) / "checkpoints" / f"{run}.safetensors"


def summary(study: str, run: str) -> Path:
    """How a run ended."""
    return results(study) / "train" / run / "summary.json"


def activations(study: str, run: str) -> Path:
    """A run's activations."""
    return results(study) / "represent" / f"{run}.safetensors"


def table(study: str, analysis: str, job: str) -> Path:
    """What a job of an analysis found."""
    return results(study) / "analyse" / analysis / f"{job}.parquet"


def drawing(study: str, figure: str, ending: str) -> Path:
    """A figure (`svg`, `png`) or its numbers (`csv`)."""
    return results(study) / "draw" / f"{figure}.{ending}"


def metrics(study: str) -> Path:
    """The headline numbers."""
    return results(study) / "metrics.json"


def verdicts(study: str) -> Path:
    """The verdict on every claim."""
    return results(study) / "verdicts.json"


def timing(study: str) -> Path:
    """The folder of what Snakemake measured of each job."""
    return results(study) / "timing"


def claim(study: str, claim: str) -> Path:
    """The verdict on one claim in a few numbers, for `dvc metrics show`."""
    return results(study) / "claims" / f"{claim}.json"


def published(study: str) -> Path:
    """The values that were published of a study; they travel with the repository."""
    return PUBLISHED / f"{study}.json"


def report(study: str) -> Path:
    """The report."""
    return results(study) / "report.html"


def review(study: str) -> Path:
    """The review."""
    return results(study) / "review.html"


def tracked(study: str) -> Path:
    """The record of what was sent to Weights & Biases."""
    return results(study) / "tracked.json"


def resume(study: str, run: str) -> Path:
    """Where an unfinished run keeps what it needs to go on."""
    return RESUME / study / f"{run}.safetensors"
