"""A study's plan: its runs, which of them are tuned together, and which runs, tables and figures belong together."""

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pipeline import members
from pipeline.results import paths
from pipeline.results.fingerprint import digest
from pipeline.study import jobs, judged_parts, strict_yaml, sweeps
from pipeline.study.jobs import ALL_STEPS, END_ONLY, STAGES, Job
from pipeline.study.labels import setting, without_seed
from pipeline.study.load import load_study
from pipeline.study.schema import Run, Study

# Runs that one job trains side by side, at most. More would gain little, and each new seed would retrain more runs.
BLOCK = 5
CAPTIONS = Path("workflow/report")
WORDS = {"job": "job of that analysis"}  # of a wildcard, in a message; the others are their own


@dataclass(frozen=True)
class Plan:
    """One study by its name."""

    study: Study
    name: str

    @classmethod
    def load(cls, name: str, root: Path = Path()) -> Self:
        """The plan of the study `configs/<name>.yaml`.

        Raises:
            ConfigError: listing every fault of the config.
        """
        return cls(load_study(name, root), name)

    def job(self, rule: str, **wildcards: str) -> Job:
        """A job by what tells it from its rule's others, such as `run=…` of a training.

        Raises:
            UnknownNameError: with the nearest name, if the study has no such job.
        """
        asked = tuple(wildcards[name] for name in STAGES[rule].wildcards)
        known = self._jobs.get((rule, asked))
        if known is None:
            self._require(rule, asked)
            known = self._jobs[rule, asked] = jobs.build(self, rule, asked)
        return known

    def jobs(self) -> Iterator[Job]:
        """Every job that leaves results, in the order in which they depend on one another."""
        for rule, stage in STAGES.items():
            if rule != "prepare":
                for asked in stage.every(self):
                    yield self.job(rule, **dict(zip(stage.wildcards, asked, strict=True)))

    def counts(self) -> dict[str, int]:
        """How many jobs each rule has, in the order of the workflow."""
        return {rule: len(list(stage.every(self))) for rule, stage in STAGES.items()}

    @functools.cached_property
    def _jobs(self) -> dict[tuple[str, tuple[str, ...]], Job]:
        return {}

    def _require(self, rule: str, asked: tuple[str, ...]) -> None:
        """Check wildcards from left to right against those of the study's jobs."""
        known = self._every.setdefault(rule, dict.fromkeys(STAGES[rule].every(self)))
        if asked in known:
            return
        for place, (name, value) in enumerate(zip(STAGES[rule].wildcards, asked, strict=True)):
            valid = list(dict.fromkeys(each[place] for each in known if each[:place] == asked[:place]))
            if value not in valid:
                raise members.UnknownNameError(
                    f"study {self.name!r} has no {WORDS.get(name, name)} {value!r} ({members.nearest(value, valid)})"
                )

    @functools.cached_property
    def _every(self) -> dict[str, dict[tuple[str, ...], None]]:
        return {}

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
        """The file of a figure's caption: under its own name, or that of the member that draws it."""
        own = root / CAPTIONS / f"{figure}.rst"
        return own if own.is_file() else root / CAPTIONS / f"{self.figure(figure)}.rst"

    def caption(self, figure: str, root: Path = Path()) -> str:
        """A figure's caption, with the note of its entry and what its rows of criteria mean; empty if it has none."""
        path, note = self.caption_file(figure, root), self.study.figures[figure].note
        rows = judged_parts.MEANING if judged_parts.primaries(self, figure) else ""
        parts = [strict_yaml.text(path) if path.is_file() else "", note, rows]
        return "\n\n".join(part.strip() for part in parts if part)

    def title(self, figure: str) -> str:
        """A figure's title; an entry that draws another's tables has its own name in brackets."""
        given, title = self.study.figures[figure].title, self.shown(figure)["TITLE"]
        if given:
            return given
        return title if self.figure(figure) == figure else f"{title} ({figure.replace('_', ' ')})"

    def reads(self, figure: str) -> dict[str, dict[str, str]]:
        """What a figure reads for each analysis that it asks for: entries under `analyses`, by their panels' title.

        The title of a single entry is empty.
        """
        instead = self.study.figures[figure].tables
        asked: list[str] = list(self.shown(figure)["READS"])
        found = {name: instead.get(name, name) for name in asked}
        return {name: {"": entry} if isinstance(entry, str) else dict(entry) for name, entry in found.items()}

    def analyses_of(self, figure: str) -> list[str]:
        """The entries under `analyses` that a figure draws, each once."""
        return list(dict.fromkeys(entry for entries in self.reads(figure).values() for entry in entries.values()))

    def groups(self, analysis: str) -> dict[str, list[Run]]:
        """The runs that each job of an analysis reads, by the job's name.

        The analysis's SCOPE decides: one job for the study, one for all runs, one for the runs of a block, or
        one for all pairs of runs in which nothing varies but the method and the seed.
        """
        if analysis not in self._groups:
            self._groups[analysis] = dict(self._grouped(analysis))
        return self._groups[analysis]

    @functools.cached_property
    def _groups(self) -> dict[str, dict[str, list[Run]]]:
        return {}

    def _grouped(self, analysis: str) -> Iterator[tuple[str, list[Run]]]:
        scope = self.declared(analysis)["SCOPE"]
        runs = [] if scope == "study" else self.select(analysis)
        if scope in ("study", "runs"):
            yield scope, runs
        elif scope == "run":
            chosen = {run.name for run in runs}
            for block in self.blocks_of(runs):
                yield block, [run for run in self.blocks[block] if run.name in chosen]
        else:
            alike: dict[str, list[Run]] = {}
            for run in runs:
                alike.setdefault(setting(run.varied) or "all", []).append(run)
            yield from ((name, group) for name, group in alike.items() if len(group) > 1)

    def tables(self, analysis: str) -> list[Path]:
        """The tables of an analysis, in the order of its jobs."""
        return [paths.table(self.name, analysis, job) for job in self.groups(analysis)]

    @functools.cached_property
    def claims(self) -> list[dict[str, Any]]:
        """The claims as they stand in their file.

        Raises:
            ConfigError: if it isn't YAML.
        """
        return judged_parts.read()

    @functools.cached_property
    def blocks(self) -> dict[str, list[Run]]:
        """The runs that each training job trains, in the order of their seeds: those that differ in their seed only.

        A block has the seeds 0 to 4, 5 to 9 and so on. So a new seed fills or opens a block, and a full one stays.
        """
        found: dict[str, list[Run]] = {}
        for run in self.runs.values():
            found.setdefault(f"{without_seed(run)}-b{run.seed // BLOCK}", []).append(run)
        return {name: sorted(runs, key=lambda run: run.seed) for name, runs in found.items()}

    def block(self, run: str) -> str:
        """The block that a run belongs to.

        Raises:
            UnknownNameError: with the nearest name, if the study has no such run.
        """
        if run not in self._block_of:
            raise members.UnknownNameError(
                f"study {self.name!r} has no run {run!r} ({members.nearest(run, list(self.runs))})"
            )
        return self._block_of[run]

    def blocks_of(self, runs: Iterable[Run]) -> list[str]:
        """The blocks that some runs belong to, each once."""
        return list(dict.fromkeys(self.block(run.name) for run in runs))

    @functools.cached_property
    def _block_of(self) -> dict[str, str]:
        return {run.name: name for name, runs in self.blocks.items() for run in runs}

    @functools.cached_property
    def cells(self) -> dict[str, list[Run]]:
        """The tuned runs by cell, named after its first run. Runs that differ only in their seed share their rates."""
        return sweeps.cells(list(self.runs.values()))

    def cell(self, run: str) -> str:
        """The cell of a tuned run.

        Raises:
            KeyError: for a run whose rate is given.
        """
        return self._cell_of[run]

    @functools.cached_property
    def _cell_of(self) -> dict[str, str]:
        return {run.name: name for name, group in self.cells.items() for run in group}

    def choices(self, run: str) -> list[Path]:
        """The file of the rate that was chosen for a run; none if its rate is given."""
        return [paths.choice(self.name, self.cell(run))] if self.runs[run].tuned else []

    @functools.cached_property
    def represented(self) -> dict[str, dict[str, str]]:
        """The runs whose activations some analysis reads, by block: of each, at all checkpoints or at the end only."""
        found: dict[str, dict[str, str]] = {}
        for name in self.study.analyses:
            declared = self.declared(name)
            if declared["READS"] == "activations":
                wanted = declared.get("STEPS", END_ONLY)
                for run in self.select(name):
                    steps = found.setdefault(self.block(run.name), {})
                    steps[run.name] = ALL_STEPS if ALL_STEPS in (wanted, steps.get(run.name)) else END_ONLY
        return {block: {name: found[block][name] for name in sorted(found[block])} for block in found}

    def settings_hash(self) -> str:
        """Hash of the whole study."""
        return digest(self.study)
