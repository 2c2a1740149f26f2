"""What a study's W&B artifacts hold, one a step of the study, each made from earlier ones.

data → trainings → analyses → results → report. They are versioned by content, and made from the results alone, so that
a clone with pulled results has the same ones as the machine that trained.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import members
from pipeline.results import paths, provenance, store
from pipeline.results.fingerprint import digest
from pipeline.study.plan import Plan
from pipeline.tracking import reader

NAMES = ("data", "trainings", "analyses", "results", "report")
TYPES = {"data": "dataset"}  # W&B's type of an artifact; the other steps' names are their types
USES = {"trainings": ("data",), "analyses": ("trainings",), "results": ("analyses",), "report": ("results",)}
HOLDS = {
    "data": "which files the trainings read, with their checksums, sources and licences, and how points were drawn",
    "trainings": "every training's history and end, and the trials that chose the rates",
    "analyses": "the tables of the analyses and the headline numbers",
    "results": "the verdicts, and the figures with their numbers",
    "report": "the report, `report.html`, and its appendix",
}
DATA_FILE = "data.json"


@dataclass(frozen=True)
class Step:
    """A step of the study and its artifact.

    Attributes:
        name: of `NAMES`.
        study: the study's name.
        files: the artifact's files, by their names in it; that of the data is written by `write_data`.
        commits: the commits of the code that made them, which become aliases.
        uses: names of the artifacts that they were made from.
    """

    name: str
    study: str
    files: Mapping[str, Path]
    commits: Sequence[str]
    uses: Sequence[str]

    @property
    def artifact(self) -> str:
        """The artifact's name."""
        return artifact_name(self.study, self.name)

    @property
    def type(self) -> str:
        """W&B's type of the artifact."""
        return TYPES.get(self.name, self.name)

    @property
    def content(self) -> str:
        """A hash of the artifact's content."""
        return digest({name: store.sha256(path) for name, path in self.files.items()})


def artifact_name(study: str, step: str) -> str:
    """The name of a step's artifact."""
    return f"{study}-{step}"


def steps(plan: Plan) -> list[Step]:
    """The steps of which there are files, in their order.

    Raises:
        store.DamagedFileError: if a summary of the trainings or the headline numbers are damaged.
    """
    root = paths.results(plan.name)
    origins = [store.provenance_of(path) for path in _summaries(plan)]
    trained = _commits(origins)
    made = _commits([store.provenance_of(paths.metrics(plan.name))]) if paths.metrics(plan.name).is_file() else []
    found = {
        "data": [data_file(plan)] if origins else [],
        "trainings": [*_summaries(plan), *_existing(paths.history(plan.name, each) for each in plan.blocks)],
        "analyses": [*_existing(_tables(plan)), *_existing([paths.metrics(plan.name)])],
        "results": [*_existing([paths.verdicts(plan.name)]), *_existing(_drawings(plan))],
        "report": _existing([paths.report(plan.name), paths.appendix(plan.name)]),
    }
    found["trainings"] += _existing(paths.choice(plan.name, cell) for cell in plan.cells)
    there = [name for name in NAMES if found[name]]
    return [
        Step(
            name,
            plan.name,
            {DATA_FILE if name == "data" else path.relative_to(root).as_posix(): path for path in found[name]},
            trained if name in ("data", "trainings") else made,
            [artifact_name(plan.name, each) for each in USES.get(name, ()) if each in there],
        )
        for name in there
    ]


def holds(plan: Plan) -> dict[str, str]:
    """What each artifact of the study holds, in words, by its name.

    Raises:
        As `steps`.
    """
    return {step.artifact: HOLDS[step.name] for step in steps(plan)}


def _summaries(plan: Plan) -> list[Path]:
    return _existing(paths.summary(plan.name, block) for block in plan.blocks)


def _tables(plan: Plan) -> list[Path]:
    return [table for name in plan.study.analyses for table in plan.tables(name)]


def _drawings(plan: Plan) -> list[Path]:
    return [paths.drawing(plan.name, name, ending) for name in plan.study.figures for ending in ("csv", "png", "svg")]


def _existing(found: Any) -> list[Path]:
    return [path for path in found if path.is_file()]


def _commits(origins: Sequence[Mapping[str, Any]]) -> list[str]:
    """The short commits of some provenances, each once; one with uncommitted changes says so."""
    named = {
        each["commit"][: provenance.SHORT] + ("-with-changes" if each.get("dirty") else "")
        for each in origins
        if each.get("commit")
    }
    return sorted(named)


def data_file(plan: Plan) -> Path:
    """Where `write_data` writes."""
    return reader.folder() / "publish" / f"{plan.name}-{DATA_FILE}"


def write_data(plan: Plan) -> None:
    """Write which data the trainings read.

    The data themselves aren't sent: `prepare` fetches public ones from their sources, and draws artificial ones.

    Raises:
        store.DamagedFileError: if a summary of the trainings is damaged.
        OSError: if the file can't be written.
    """
    read: dict[str, set[str]] = {}
    for origin in map(store.provenance_of, _summaries(plan)):
        for path, checksum in (origin.get("inputs") or {}).items():
            if Path(path).parts[:1] == paths.DATA.parts:
                read.setdefault(path, set()).add(checksum)
    content = {
        "files": {path: sorted(checksums) for path, checksums in sorted(read.items())},
        "sets": {name: _about(name) for name in sorted({run.data.dataset for run in plan.runs.values()})},
        "drawn": plan.study.data.model_dump(mode="json"),
    }
    store.write_bytes(data_file(plan), (json.dumps(content, indent=2, sort_keys=True) + "\n").encode())


def _about(dataset: str) -> dict[str, str]:
    member = members.load("datasets", dataset)
    return {"licence": member.LICENCE, "source": member.SOURCE}
