"""What a study's results say of themselves: the provenances of its files, and whether they belong together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.results import provenance, store
from pipeline.study.jobs import Job
from pipeline.study.plan import Plan


@dataclass(frozen=True)
class Origin:
    """A result with its job and its provenance, empty if it has none; `damage` says why it can't be read."""

    job: Job
    path: Path
    stated: dict[str, Any]
    damage: str | None = None

    @property
    def code(self) -> str | None:
        """The fingerprint of the code that made it."""
        return self.stated.get("code")

    @property
    def commit(self) -> str:
        """The commit that it was made at, in words."""
        found = provenance.describe_commit(self.stated)
        return f"commit {found}" if found else "no known commit"


def origins(planned: Iterable[Job]) -> list[Origin]:
    """Every result that carries a provenance, or should, and is there."""
    return [_origin(job, path) for job in planned if job.stamped for path in job.outputs if path.is_file()]


def mixed(study: str) -> list[str]:
    """Why a study's results are no study, in sentences; nothing if they belong together."""
    return mixtures(origins(Plan.load(study).jobs()))


def mixtures(found: Iterable[Origin]) -> list[str]:
    """A sentence for each stage whose results were made by several versions of the same code, with their commits.

    Jobs whose present code is the same had the same code at any one commit. Where no stage shows it by itself, results
    of the present code beside results of another commit that are of other code do.
    """
    known = [origin for origin in found if origin.code]
    said = list(_several_versions(known))
    fresh = [origin for origin in known if origin.code == origin.job.code]
    stale = [origin for origin in known if origin.code != origin.job.code]
    if not said and fresh and commits(stale) - commits(fresh):
        said.append(
            f"The results are mixed, and so are no study: {len(fresh)} files of {_listed(commits(fresh))} are of the "
            f"present code, {len(stale)} files of {_listed(commits(stale))} are of other code. Run the workflow again."
        )
    return said


def commits(found: Iterable[Origin]) -> set[str]:
    """The commits that results were made at, in words."""
    return {origin.commit for origin in found}


def _origin(job: Job, path: Path) -> Origin:
    try:
        return Origin(job, path, store.provenance_of(path))
    except (store.DamagedFileError, KeyError) as error:
        return Origin(job, path, {}, str(error))


def _several_versions(known: list[Origin]) -> Iterator[str]:
    groups: dict[tuple[str, str], list[Origin]] = {}
    for origin in known:
        groups.setdefault((origin.job.rule, origin.job.code), []).append(origin)
    said = set()
    for (rule, _), group in groups.items():
        versions: dict[str | None, list[Origin]] = {}
        for origin in group:
            versions.setdefault(origin.code, []).append(origin)
        parts = [f"{len(each)} files of {_listed(commits(each))}" for each in versions.values()]
        if len(parts) > 1 and rule not in said:
            said.add(rule)
            yield (
                f"The results are mixed, and so are no study: the stage {rule} made {', '.join(parts)}, "
                "whose code for these jobs differs. Run the workflow again."
            )


def _listed(names: Iterable[str]) -> str:
    return " and ".join(sorted(names))


def older(plan: Plan) -> list[str]:
    """One sentence if a study's results are there and were made by another version of the code; otherwise nothing.

    Only the headline numbers, the trainings' summaries and the chosen rates are looked at: they are read in no time.
    """
    quick = [job for job in plan.jobs() if job.rule in {"summarise", "train", "tune"}]
    found = [_origin(job, path) for job in quick for path in job.outputs if path.suffix == ".json" and path.is_file()]
    stale = [origin for origin in found if origin.code and origin.code != origin.job.code]
    if not stale:
        return []
    trainings = sum(origin.job.rule == "train" for origin in stale)
    return [
        f"results of study {plan.name!r} were made by another version of the code ({_listed(commits(stale))}): "
        f"{trainings} of {len(plan.runs)} trainings and what follows from them will run again. Each file stays until "
        "its job has ended; nothing else is removed."
    ]
