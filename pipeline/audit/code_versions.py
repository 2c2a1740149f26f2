"""Which version of the code made each result of a study, and whether the results belong together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.results import paths, provenance, store
from pipeline.study.jobs import Job
from pipeline.study.plan import Plan

KEPT = "Old files stay in place until their own jobs start"


@dataclass(frozen=True)
class Origin:
    """A result file, the job that makes it, and the provenance that it carries.

    Attributes:
        job: a job of the present study.
        path: the file.
        provenance: empty if the file has none.
        damage: why the file can't be read; None if it can.
    """

    job: Job
    path: Path
    provenance: dict[str, Any]
    damage: str | None = None

    @property
    def code(self) -> str | None:
        """Fingerprint of the code that made the file."""
        return self.provenance.get("code")

    @property
    def outdated(self) -> bool:
        """Whether other code than the present code made the file."""
        return self.code is not None and self.code != self.job.code

    @property
    def commit(self) -> str:
        """The commit at which the file was made, in words."""
        found = provenance.describe_commit(self.provenance)
        return f"commit {found}" if found else "no known commit"


def origins(planned: Iterable[Job]) -> list[Origin]:
    """Every file that exists and should carry a provenance."""
    return [_origin(job, path) for job in planned if job.stamped for path in job.outputs if path.is_file()]


def mixtures(found: Iterable[Origin]) -> list[str]:
    """Signs that results come from different versions of the code, a sentence each.

    Jobs whose present code is the same had the same code at any one commit, so different fingerprints among them are a
    sign. If no stage shows one, results of the present code beside outdated results of another commit are a sign.
    """
    known = [origin for origin in found if origin.code]
    signs = list(_several_versions(known))
    fresh = [origin for origin in known if not origin.outdated]
    stale = [origin for origin in known if origin.outdated]
    if not signs and fresh and commits(stale) - commits(fresh):
        signs.append(
            f"The results come from different versions of the code: the present version made {_made(fresh)}, another "
            f"version made {_made(stale)}. Run the workflow again."
        )
    return signs


def commits(found: Iterable[Origin]) -> set[str]:
    """The commits at which results were made, in words."""
    return {origin.commit for origin in found}


def all_outdated(found: Iterable[Origin]) -> bool:
    """Whether there are results with a provenance and the present code made none of them."""
    known = [origin for origin in found if origin.code]
    return bool(known) and all(origin.outdated for origin in known)


def notice(study: str, found: Iterable[Origin], *, jobs: int) -> str:
    """One sentence about results that are all outdated: who made them, and what running the workflow does.

    Args:
        study: the study's name.
        found: its results.
        jobs: how many jobs the study has; all of them follow from what is outdated.
    """
    made = listed(commits(origin for origin in found if origin.outdated))
    return (
        f"The results of study {study!r} were made by another version of the code ({made}): `{command(study)}` will "
        f"run its {jobs} jobs again. {KEPT}; nothing else is removed."
    )


def older(plan: Plan) -> list[str]:
    """One sentence if a study has results that another version of the code made; otherwise nothing.

    Only the headline numbers, the summaries of trainings and the chosen rates are read, which takes no time.
    """
    quick = [job for job in plan.jobs() if job.rule in {"summarise", "train", "tune"}]
    found = [_origin(job, path) for job in quick for path in job.outputs if path.suffix == ".json" and path.is_file()]
    stale = [origin for origin in found if origin.outdated]
    if not stale:
        return old_layout(plan)
    current = {origin.job.name for origin in found if origin.job.rule == "train" and not origin.outdated}
    trainings = len(plan.blocks) - len(current)
    return [
        *old_layout(plan),
        f"Results of study {plan.name!r} were made by another version of the code ({listed(commits(stale))}): "
        f"{trainings} of {len(plan.blocks)} blocks of trainings and the jobs that follow from what changed will "
        f"run. {KEPT}; nothing else is removed.",
    ]


def old_layout(plan: Plan) -> list[str]:
    """One sentence if there are trainings in a folder for each run, as earlier versions kept them; otherwise nothing.

    They are no results of the present study: nothing reads them, and nothing removes them.
    """
    old = [path for run in plan.runs if run not in plan.blocks and (path := paths.summary(plan.name, run)).is_file()]
    if not old:
        return []
    made = listed({provenance.describe_commit(_old_provenance(path)) or "an earlier version" for path in old})
    return [
        f"Found {len(old)} trainings of study {plan.name!r} in a folder for each run, such as {old[0].parent}: the "
        f"layout of earlier versions ({made}). This version keeps one for each block of runs and does not read them; "
        "check out that commit to use them."
    ]


def _old_provenance(path: Path) -> dict[str, Any]:
    try:
        return store.provenance_of(path)
    except (store.DamagedFileError, OSError):
        return {}


def command(study: str) -> str:
    """The command that makes whatever is missing or outdated."""
    return f"snakemake reproduce all --config study={study}"


def listed(names: Iterable[str]) -> str:
    """Names in one phrase."""
    return " and ".join(sorted(names))


def _origin(job: Job, path: Path) -> Origin:
    try:
        return Origin(job, path, store.provenance_of(path))
    except store.DamagedFileError as error:
        return Origin(job, path, {}, str(error))


def _several_versions(known: Sequence[Origin]) -> Iterable[str]:
    """A sentence for each stage whose jobs have the same code now and had different code when they ran."""
    groups: dict[tuple[str, str], dict[str | None, list[Origin]]] = {}
    for origin in known:
        groups.setdefault((origin.job.rule, origin.job.code), {}).setdefault(origin.code, []).append(origin)
    signs: dict[str, str] = {}
    for (rule, _), versions in groups.items():
        if len(versions) > 1 and rule not in signs:
            signs[rule] = (
                f"The results come from different versions of the code: stage {rule} made "
                f"{', '.join(map(_made, versions.values()))}, with different code for the same jobs. "
                "Run the workflow again."
            )
    return signs.values()


def _made(found: Sequence[Origin]) -> str:
    """How many files were made at which commits."""
    return f"{len(found)} file{'s' if len(found) > 1 else ''} at {listed(commits(found))}"
