"""Where every file is, relative to the project's root."""

import re
from pathlib import Path

NAME = re.compile(r"[a-z0-9][a-z0-9_]*")  # names of studies and others that become file names
PLACEHOLDER = "{study}"  # Snakemake's, instead of a study's name
DATA = Path("data")
RESULTS = Path("results")
PACKED = Path("published/data")
PACKED_RECORDS = Path("published/records")
PACKED_MODELS = Path("published/models")
RESUME = Path("resume")
SNAKEMAKE = Path(".snakemake")
PUBLISHED = Path("published/values")
REPORT, APPENDIX = "report.html", "appendix.html"  # beside one another, so that they can link to one another


def data(dataset: str) -> Path:
    """The folder of a data set's raw files."""
    return DATA / dataset


def packed(dataset: str) -> Path:
    """The folder of a data set's packed files, which are published with the results."""
    return PACKED / dataset


def packed_records(study: str) -> Path:
    """Snakemake's packed records of a study's outputs, which are published with them."""
    return PACKED_RECORDS / f"{study}.json.xz"


def packed_models(study: str) -> Path:
    """The folder of the final models of a study that are published with its results."""
    return PACKED_MODELS / results(study).name


def packed_model(study: str, run: str) -> Path:
    """A run's final model there."""
    return packed_models(study) / f"{run}.safetensors"


def raw(dataset: str) -> list[Path]:
    """The raw files of a data set that exist; an artificial data set has none."""
    folder = data(dataset)
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def results(study: str) -> Path:
    """The folder of a study's results; `study` may also be Snakemake's placeholder for the name.

    Raises:
        ValueError: for a name that could leave the folder.
    """
    if study != PLACEHOLDER and not NAME.fullmatch(study):
        raise ValueError(f"{study!r} is no valid name of a study: expected lower-case letters, digits and underscores")
    return RESULTS / study


def choice(study: str, cell: str) -> Path:
    """The rate chosen for a cell (a method in a setting, for all seeds), and the trials."""
    return results(study) / "tune" / f"{cell}.json"


def history(study: str, block: str) -> Path:
    """The histories of a block's runs, with a column `run`."""
    return results(study) / "train" / block / "history.parquet"


def checkpoints(study: str, block: str) -> Path:
    """The models of a block's runs at their checkpoints; too large to be published with the repository."""
    return results(study) / "checkpoints" / f"{block}.safetensors"


def summary(study: str, block: str) -> Path:
    """How each run of a block ended."""
    return results(study) / "train" / block / "summary.json"


def activations(study: str, block: str) -> Path:
    """The activations of a block's runs; too large to be published, as the models are."""
    return results(study) / "represent" / f"{block}.safetensors"


def table(study: str, analysis: str, job: str) -> Path:
    """The table of one job of an analysis."""
    return results(study) / "analyse" / analysis / f"{job}.parquet"


def drawing(study: str, figure: str, ending: str) -> Path:
    """A figure (`svg` or `png`) or its numbers (`csv`)."""
    return results(study) / "draw" / f"{figure}.{ending}"


def metrics(study: str) -> Path:
    """The headline numbers."""
    return results(study) / "metrics.json"


def verdicts(study: str) -> Path:
    """The verdict on every claim."""
    return results(study) / "verdicts.json"


def chart(study: str) -> Path:
    """The verdicts as a picture."""
    return results(study) / "verdicts.svg"


def findings(study: str) -> Path:
    """What was found, as the first page of Snakemake's own report."""
    return results(study) / "findings.rst"


def claim(study: str, id: str) -> Path:
    """One claim's verdict in a few columns, for `dvc metrics show`."""
    return results(study) / "claims" / f"{id}.json"


def timing(study: str) -> Path:
    """The folder of the times and memory that Snakemake measured for each job."""
    return results(study) / "timing"


def published(study: str) -> Path:
    """A study's reference values, part of the repository."""
    return PUBLISHED / f"{study}.json"


def report(study: str) -> Path:
    """The report."""
    return results(study) / REPORT


def appendix(study: str) -> Path:
    """The report's appendix, with all numbers, figures and runs."""
    return results(study) / APPENDIX


def review(study: str) -> Path:
    """The review."""
    return results(study) / "review.html"


def tracked(study: str) -> Path:
    """The record of what was sent to Weights & Biases."""
    return results(study) / "tracked.json"


def resume(study: str, block: str) -> Path:
    """The file from which an interrupted block resumes."""
    return RESUME / study / f"{block}.safetensors"
