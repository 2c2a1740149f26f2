"""Pack the final models of the runs behind the primaries, to be published with the results.

Of each primary part of a claim, the runs of its methods with the same seed come together: first those with the first
seed, of every claim, then those with the next one, until a limit is reached.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline.errors import ExplainedError
from pipeline.results import final_models, paths, run_summaries, store
from pipeline.study.plan import Plan
from pipeline.study.schema import Run
from pipeline.verdicts import seeds
from pipeline.verdicts.claims import Ledger, Part, load_claims

MB = 1e6
FINISHED = "finished"


class ModelsError(ExplainedError, RuntimeError):
    """A model that is to be published isn't here, or belongs to another training than the results."""


def pack(study: str, *, limit: float) -> str:
    """Write the models, and remove those of other runs; returns a line that says what is there.

    Nothing changes if a model is missing. Without its checkpoints, as after a pull, a model of the same training that
    is packed already stays.

    Args:
        study: its name.
        limit: how large the models may be together, in MB.

    Raises:
        ConfigError: if the study's config or the list of claims is faulty.
        ModelsError: if a run has neither checkpoints nor a model of the same training, with what to do.
        DamagedFileError: if a file is truncated or altered.
    """
    plan, ledger, target = Plan.load(study), load_claims(), paths.packed_models(study)
    ended = _Ended(plan)
    names: dict[str, int] = {}  # bytes by run
    with store.atomic_folder(target) as staged:
        for runs in in_order(ledger, plan) if limit else ():
            new = {run.name: _write(run, ended, staged) for run in runs if run.name not in names and ended.well(run)}
            if sum([*names.values(), *new.values()]) > limit * MB:
                for name in new:
                    (staged / paths.packed_model(study, name).name).unlink(missing_ok=True)
                break
            names |= new
        store.write_json(staged / final_models.INDEX, {"models": dict(_index(names, ledger, plan))})
    kept = {final_models.INDEX, *(paths.packed_model(study, name).name for name in names)}
    for path in target.iterdir():
        if path.name not in kept:
            path.unlink()
    among = len({run.name for runs in in_order(ledger, plan) for run in runs})
    return f"{target}: {len(names)} of {among} final models behind primaries, {sum(names.values()) / MB:.1f} MB"


def in_order(ledger: Ledger, plan: Plan) -> Iterator[list[Run]]:
    """The runs behind the primaries, in the order of packing: those of one claim with one seed together."""
    sets = [_by_seed(claim.deciding, plan) for claim in ledger.claims]
    for place in range(max(map(len, sets), default=0)):
        yield from (each[place] for each in sets if place < len(each))


def _by_seed(part: Part, plan: Plan) -> list[list[Run]]:
    """The runs behind a part, those with the same seed together, in the order of the seeds."""
    runs = runs_behind(part, plan)
    return [[run for run in runs if run.seed == seed] for seed in sorted({run.seed for run in runs})]


def runs_behind(part: Part, plan: Plan) -> list[Run]:
    """The runs behind a part, each once; none if the study lacks its analyses or they train models of their own."""
    asked = [number for number in part.metrics if number.partition("/")[0] in plan.study.analyses]
    return list({run.name: run for number in asked for run in seeds.behind(number, plan)}.values())


class _Ended:
    """How the runs of a study ended; each file is read once."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._read: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}

    def of(self, run: Run) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the summary says of a run, and the provenance of its block."""
        block = self.plan.block(run.name)
        if block not in self._read:
            path = paths.summary(self.plan.name, block)
            self._read[block] = (run_summaries.read(path), store.provenance_of(path) if path.is_file() else {})
        summaries, origin = self._read[block]
        if run.name not in summaries:
            raise ModelsError(
                f"{paths.summary(self.plan.name, block)}: found nothing of {run.name}, expected how it ended; make the "
                f"study first, with `snakemake reproduce all --config study={self.plan.name}`"
            )
        return summaries[run.name], origin

    def well(self, run: Run) -> bool:
        """Whether a run has finished; one that diverged has no final model."""
        return self.of(run)[0].get("status") == FINISHED


def _write(run: Run, ended: _Ended, folder: Path) -> int:
    """Write a run's final model into a folder, or keep the packed one without checkpoints; returns its bytes."""
    study, (summary, origin) = ended.plan.name, ended.of(run)
    source, packed = paths.checkpoints(study, ended.plan.block(run.name)), paths.packed_model(study, run.name)
    step = run.training.steps
    about = {
        "study": study,
        "run": run.model_dump(mode="json"),
        "settings": summary["settings"],
        "step": step,
        **{name: summary[name] for name in ("rate", "gate_rate", "final")},
    }
    if not source.is_file():
        _require_same(packed, about, origin, missing=source)
        return packed.stat().st_size
    if store.provenance_of(source) != origin:
        raise ModelsError(
            f"{source}: found models of another training than the summary beside the results; expected those of the "
            f"same one; make both again with `{_make(source, study)} --forceall`"
        )
    written = folder / packed.name
    final_models.write(written, final_models.of_checkpoint(source, run.name, step), about=about, origin=origin)
    return written.stat().st_size


def _require_same(packed: Path, about: dict[str, Any], origin: dict[str, Any], *, missing: Path) -> None:
    """Refuse a packed model that is not there or is that of another training than the results."""
    if packed.is_file():
        said, its_origin = final_models.about(packed)
        if its_origin == origin and all(said[name] == value for name, value in about.items()):
            return
    raise ModelsError(
        f"{missing}: found no checkpoints and no packed model of the same training; expected one of them, because "
        f"models of this block travel with the results; fetch them (`dvc pull large`), make them "
        f"(`{_make(missing, about['study'])}`), or pack without models (`--models-mb 0`)"
    )


def _make(path: Path, study: str) -> str:
    return f"snakemake {path} --config study={study}"


def _index(names: Iterable[str], ledger: Ledger, plan: Plan) -> Iterator[tuple[str, dict[str, Any]]]:
    """What each model is, by its run."""
    claims: dict[str, list[str]] = {}
    for claim in ledger.claims:
        for run in runs_behind(claim.deciding, plan):
            claims.setdefault(run.name, []).append(claim.deciding.id)
    for name in names:
        run = plan.runs[name]
        yield name, {"method": plan.study.methods[run.method].label, "seed": run.seed, "primaries": claims[name]}
