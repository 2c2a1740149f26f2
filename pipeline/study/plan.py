"""Which jobs a study has: what each makes, from what, with which settings and code."""

import functools
import itertools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import members
from pipeline.results.fingerprint import digest, fingerprint
from pipeline.study import sweeps
from pipeline.study.schema import Run, Study

PAIR = "--"  # between the names of two runs
CAPTIONS = Path("workflow/report")
END_ONLY, ALL_STEPS = "end", "all"
# No number depends on these but through a job's settings, which are compared by value: a clearer message in one of them
# must not cost a lab a week of training.
PLUMBING = frozenset(
    f"pipeline.{name}"
    for name in (
        "datasets.shared.download",
        "datasets.shared.sources",
        "machine.gpu",
        "members",
        "results.fingerprint",
        "results.paths",
        "results.provenance",
        "runs.checkpoints",
        "study.errors",
        "study.load",
        "study.plan",
        "study.schema",
        "study.sweeps",
        "tracking.client",
    )
)


def code(*modules: str) -> str:
    """Fingerprint of the code that decides a job's result."""
    return fingerprint(*modules, without=PLUMBING)


@dataclass(frozen=True)
class Plan:
    """The jobs of one study."""

    study: Study

    @functools.cached_property
    def runs(self) -> dict[str, Run]:
        """Every run by name."""
        return sweeps.unfold_all(self.study)

    def select(self, analysis: str) -> list[Run]:
        """The runs that an entry under `analyses` asks for."""
        return sweeps.select(list(self.runs.values()), self.study.analyses[analysis])

    def datasets(self) -> list[str]:
        """Every data set that some run learns."""
        return sorted({run.data.dataset for run in self.runs.values()})

    def member(self, analysis: str) -> str:
        """Which member of the family an entry under `analyses` means."""
        return self.study.analyses[analysis].analysis or analysis

    def figure(self, figure: str) -> str:
        """Which member of the family an entry under `figures` means."""
        return self.study.figures[figure].figure or figure

    def declared(self, analysis: str) -> dict[str, Any]:
        """What an analysis declares: SCOPE, READS and so on."""
        return members.constants("analyses", self.member(analysis))

    def shown(self, figure: str) -> dict[str, Any]:
        """What a figure declares: READS, TITLE and so on."""
        return members.constants("figures", self.figure(figure))

    def caption_file(self, figure: str, root: Path = Path()) -> Path:
        """Where a figure's caption stands: under its own name, else under that of the member that draws it."""
        own = root / CAPTIONS / f"{figure}.rst"
        return own if own.is_file() else root / CAPTIONS / f"{self.figure(figure)}.rst"

    def caption(self, figure: str, root: Path = Path()) -> str:
        """A figure's caption, with the note of its entry at the end; empty if it has none."""
        path, note = self.caption_file(figure, root), self.study.figures[figure].note
        parts = [path.read_text(encoding="utf-8") if path.is_file() else "", note]
        return "\n\n".join(part.strip() for part in parts if part)

    def title(self, figure: str) -> str:
        """A figure's title; an entry that draws another's tables is told apart by its own name."""
        given, title = self.study.figures[figure].title, self.shown(figure)["TITLE"]
        if given:
            return given
        return title if self.figure(figure) == figure else f"{title} ({figure.replace('_', ' ')})"

    def reads(self, figure: str) -> dict[str, str]:
        """What a figure reads: the entry under `analyses` for each analysis that it asks for."""
        instead = self.study.figures[figure].tables
        asked: list[str] = list(self.shown(figure)["READS"])
        return {name: instead.get(name, name) for name in asked}

    def jobs(self, analysis: str) -> dict[str, list[Run]]:
        """An analysis's jobs by name, each with its runs: one job for the study or all runs, or one a run or a pair."""
        scope = self.declared(analysis)["SCOPE"]
        if scope == "study":
            return {"study": []}
        runs = self.select(analysis)
        if scope == "runs":
            return {"runs": runs}
        if scope == "run":
            return {run.name: [run] for run in runs}
        return {f"{a.name}{PAIR}{b.name}": [a, b] for a, b in itertools.combinations(runs, 2) if kind(a, b)}

    @functools.cached_property
    def cells(self) -> dict[str, list[Run]]:
        """The tuned runs by cell: what differs in its seed only shares one chosen rate. Named after its first run."""
        groups: dict[str, list[Run]] = {}
        for run in self.runs.values():
            if run.tuned:
                groups.setdefault(digest(_but_seed(run)), []).append(run)
        return {group[0].name.rpartition("-s")[0]: group for group in groups.values()}

    def cell(self, run: str) -> str:
        """The cell of a tuned run.

        Raises:
            KeyError: for a run whose rate is given.
        """
        return self._cell_of[run]

    @functools.cached_property
    def _cell_of(self) -> dict[str, str]:
        return {run.name: name for name, group in self.cells.items() for run in group}

    def tune_settings(self, cell: str) -> dict[str, Any]:
        """What the choice of a rate depends on."""
        assert self.study.tuning is not None
        return {**_but_seed(self.cells[cell][0]), "tuning": self.study.tuning.model_dump(mode="json")}

    def tune_code(self, cell: str) -> str:
        """Fingerprint of the code that chooses a rate."""
        chosen = self.cells[cell][0]
        return code(
            "pipeline.stages.tune",
            f"pipeline.estimators.{chosen.estimator}",
            f"pipeline.datasets.{chosen.data.dataset}",
        )

    def represented(self) -> list[str]:
        """The runs whose activations some analysis reads."""
        found = {run.name: None for name in self._reading_activations() for run in self.select(name)}
        return list(found)

    def steps(self, run: str) -> str:
        """Whether a run's activations are wanted at all checkpoints or at the end only."""
        wanting = [name for name in self._reading_activations() if run in {r.name for r in self.select(name)}]
        every = any(self.declared(name).get("STEPS", END_ONLY) == ALL_STEPS for name in wanting)
        return ALL_STEPS if every else END_ONLY

    def _reading_activations(self) -> list[str]:
        return [name for name in self.study.analyses if self.declared(name)["READS"] == "activations"]

    def train_settings(self, run: str) -> dict[str, Any]:
        """What a training depends on: its settings, without the labels that only name it."""
        found = self.runs[run].model_dump(mode="json")
        return {key: value for key, value in found.items() if key not in {"sweep", "method", "varied"}}

    def represent_settings(self, run: str) -> dict[str, Any]:
        """What the activations of a run depend on beyond its checkpoints."""
        return {
            "samples": self.study.samples.model_dump(mode="json"),
            "data": self.runs[run].data.model_dump(mode="json"),
            "steps": self.steps(run),
        }

    def analyse_settings(self, analysis: str, job: str) -> dict[str, Any]:
        """What an analysis's job depends on beyond the files that it reads."""
        runs = self.jobs(analysis)[job]
        return {"settings": self.study.analyses[analysis].settings, "runs": [identity(run) for run in runs]}

    def draw_settings(self, figure: str) -> dict[str, Any]:
        """What a figure depends on beyond the tables that it reads."""
        methods = {name: method.label for name, method in self.study.methods.items()}
        return {"settings": self.study.figures[figure].settings, "methods": methods}

    def train_code(self, run: str) -> str:
        """Fingerprint of the code that a training runs."""
        chosen = self.runs[run]
        return code(
            "pipeline.stages.train",
            f"pipeline.estimators.{chosen.estimator}",
            f"pipeline.datasets.{chosen.data.dataset}",
        )

    def represent_code(self, run: str) -> str:
        """Fingerprint of the code that extracts a run's activations."""
        return code("pipeline.stages.represent", f"pipeline.datasets.{self.runs[run].data.dataset}")

    def analyse_code(self, analysis: str) -> str:
        """Fingerprint of the code that an analysis runs, with the members of other families that its settings name."""
        member, chosen = self.member(analysis), self.study.analyses[analysis].settings
        used = []
        for name, setting in members.settings("analyses", member).items():
            if name in members.FAMILIES:
                used += [f"pipeline.{name}.{each}" for each in chosen.get(name, setting.default)]
        return code("pipeline.stages.analyse", f"pipeline.analyses.{member}", *used)

    def draw_code(self, figure: str) -> str:
        """Fingerprint of the code that draws a figure."""
        return code("pipeline.stages.draw", f"pipeline.figures.{self.figure(figure)}")

    def stage_code(self, stage: str) -> str:
        """Fingerprint of the code of a stage that loads no member by name."""
        return code(f"pipeline.stages.{stage}")

    def settings_hash(self) -> str:
        """Hash of the whole study."""
        return digest(self.study)


def _but_seed(run: Run) -> dict[str, Any]:
    """A run's settings without its seed and the labels that only name it."""
    found = run.model_dump(mode="json")
    return {key: value for key, value in found.items() if key not in {"name", "seed", "sweep", "method", "varied"}}


def identity(run: Run) -> dict[str, Any]:
    """The columns that tell a run in a table."""
    return {
        "run": run.name,
        "method": run.method,
        "seed": run.seed,
        "hidden": run.training.network.hidden,
        "varied": "; ".join(f"{path}={value}" for path, value in run.varied.items()),
    }


def kind(a: Run, b: Run) -> str | None:
    """How two runs compare, or None if they differ in a varied setting.

    `seeds`: same method, other seed. `both`: other method and other seed, the fair counterpart of `seeds`. `methods`:
    other method, same seed: they share initial weights and the order of batches, which two seeds don't.
    """
    if a.varied != b.varied:
        return None
    if a.method == b.method:
        return "seeds"
    return "methods" if a.seed == b.seed else "both"
