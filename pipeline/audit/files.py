"""A study's files compared with what its provenances, Snakemake, DVC and the data sets' sources say of them."""

import functools
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pipeline import members
from pipeline.audit import code_versions, dvc_lock
from pipeline.audit.code_versions import Origin
from pipeline.audit.findings import Finding
from pipeline.results import paths, provenance, snakemake_records, store, timing
from pipeline.results.fingerprint import digest
from pipeline.study.jobs import Job
from pipeline.study.plan import Plan

NOWHERE = "none"
# A job that was run lasts as long as its benchmark says, less what the tools take before and after the command.
# `--touch` records an output anew in a tenth of a second and leaves the benchmark as it was.
TOUCHED_SHARE = 0.5
SHORT = 40  # characters of a parameter that is shown whole
SHORTEST = 0.5  # seconds of a benchmark from which on that can be told
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", re.MULTILINE)


class Study:
    """One study with all that is known of its files; what was compared is counted, and what couldn't be is noted."""

    def __init__(self, plan: Plan, name: str) -> None:
        """Read the jobs, the provenances and Snakemake's records, those that came with the results among them."""
        self.plan, self.name = plan, name
        self.jobs: list[Job] = list(plan.jobs())
        self.origins: list[Origin] = code_versions.origins(self.jobs)
        self.counts: dict[str, int] = {}
        self.notes: list[str] = []
        try:
            snakemake_records.restore(name)
        except (store.DamagedFileError, OSError) as error:
            self.notes.append(f"records that came with the results are not taken up: {error}")
        self.records = snakemake_records.records()
        self.again = f"snakemake reproduce all --config study={name}"
        self._sums: dict[str, str] = {}

    def provenances(self) -> Iterator[Finding]:
        """Each result states the job that makes it, with its present settings and code, by the locked environment."""
        self.counts["provenances"] = len(self.origins)
        for origin in self.origins:
            name, job = str(origin.path), origin.job
            if origin.damage:
                yield Finding(name, "damaged", "a file that can be read", origin.damage, self._anew(name))
                continue
            if not origin.stated:
                yield Finding(name, "no provenance", f"a provenance of {job.rule} {job.name}", "none", self._anew(name))
                continue
            for kind, (expected, found) in self._differing(origin).items():
                at = f" ({origin.commit})" if kind == "code" else ""
                yield Finding(name, kind, str(expected), f"{found}{at}", self._anew(name))
            yield from self._versions(origin)

    def checksums(self) -> Iterator[Finding]:
        """Each file is what it was when Snakemake, a provenance or a data set's source told its sha256."""
        absent, compared = set(), 0
        for (name, expected), by in self._told().items():
            found = self._sum(name)
            if found is None:
                absent.add(name)
                continue
            compared += 1
            if found != expected:
                others = f" and {len(by) - 1} more" if len(by) > 1 else ""
                yield Finding(
                    name, "changed", expected, f"{found} (expected by {by[0]}{others})", self._mend_changed(name)
                )
        self.counts["checksums"] = compared
        if absent:
            self.notes.append(f"{len(absent)} inputs are not here, not compared")

    def locked(self) -> Iterator[Finding]:
        """Each file of the study and its data is what dvc.lock records."""
        mine = [paths.results(self.name), *map(paths.data, self.plan.datasets())]
        found = [out for out in dvc_lock.outs() if any(folder in (out.path, *out.path.parents) for folder in mine)]
        if not any(out.path == mine[0] or mine[0] in out.path.parents for out in found):
            self.notes.append(f"{dvc_lock.LOCK} records nothing of {mine[0]}, not compared")
        compared, absent = 0, 0
        for out in found:
            result = dvc_lock.compare(out)
            compared, absent = compared + result.same + len(result.differ), absent + result.missing
            if result.unknown:
                self.notes.append(result.unknown)
            for path, expected, there in result.differ:
                mend = f"dvc checkout {out.path}, or, if it was made anew, dvc commit -f"
                yield Finding(str(path), "not as in dvc.lock", expected, there, mend)
        self.counts["files of dvc.lock"] = compared
        if absent:
            self.notes.append(f"{absent} files that {dvc_lock.LOCK} records are not here, not compared")

    def recorded(self) -> Iterator[Finding]:
        """Snakemake has a record of each output, of the present parameters and command, and of a job that was run."""
        commands = snakemake_records.commands()
        known = [path for job in self.jobs for path in job.outputs if str(path) in self.records]
        self.counts["records"] = len(known)
        if not known:
            mend = f"dvc pull {paths.packed_records(self.name)}, or {self.again} --forceall"
            yield Finding(str(snakemake_records.METADATA), "no record", f"records of {self.name}", "none", mend)
            return
        for job in self.jobs:
            for path in job.outputs:
                if str(path) in self.records:
                    yield from self._outdated(job, path, commands.get(job.rule))
                elif path.is_file():
                    yield Finding(str(path), "no record", "Snakemake's record of it", "none", self._anew(str(path)))
            yield from self._touched(job)

    def missing(self) -> Iterator[Finding]:
        """Every output is there but those that stay where they were made; what no job makes is noted."""
        outputs = [path for job in self.jobs for path in job.outputs]
        local = {path for job in self.jobs for path in job.outputs if job.is_local(path)}
        for path in outputs:
            if not path.is_file() and path not in local:
                yield Finding(str(path), "missing", "an output of the study", "no file", self.again)
        folder = paths.results(self.name)
        known = {*outputs, *(job.benchmark for job in self.jobs)}
        strange = sorted(path for path in folder.rglob("*") if path.is_file() and path not in known)
        if strange:
            self.notes.append(f"{len(strange)} files are of no job of the present study, such as {strange[0]}")

    def _differing(self, origin: Origin) -> dict[str, tuple[Any, Any]]:
        job = origin.job
        expected = {
            "stage": job.rule, "job": job.name, "study": self.name, "settings": job.settings_hash, "code": job.code,
            **({"seed": job.seed} if job.seed is not None else {}),
        }  # fmt: skip
        found = {kind: origin.stated.get(kind, NOWHERE) for kind in expected}
        return {kind: (expected[kind], found[kind]) for kind in expected if expected[kind] != found[kind]}

    def _versions(self, origin: Origin) -> Iterator[Finding]:
        """The versions of packages are those of the lock file, where it names them."""
        for package, version in (origin.stated.get("versions") or {}).items():
            pinned = self._pinned.get(package, set())
            if pinned and version not in pinned:
                expected = f"{package} {' or '.join(sorted(pinned))}"
                yield Finding(
                    str(origin.path),
                    "version",
                    expected,
                    f"{package} {version}",
                    f"make setup && {self.again} --forceall",
                )

    @functools.cached_property
    def _pinned(self) -> dict[str, set[str]]:
        text = provenance.LOCK.read_text(encoding="utf-8") if provenance.LOCK.is_file() else ""
        found: dict[str, set[str]] = {}
        for name, version in PIN.findall(text):
            found.setdefault(name.lower(), set()).add(version)
        return found

    def _told(self) -> dict[tuple[str, str], list[str]]:
        """Who told the sha256 of a file: by file and sha256."""
        found: dict[tuple[str, str], list[str]] = {}
        for name, expected, by in self._tellers():
            tellers = found.setdefault((name, expected), [])
            if by not in tellers:
                tellers.append(by)
        return found

    def _tellers(self) -> Iterator[tuple[str, str, str]]:
        for job in self.jobs:
            for path in job.outputs:
                record = self.records.get(str(path))
                yield from ((name, told, str(path)) for name, told in (record.checksums if record else {}).items())
        for origin in self.origins:
            by = str(origin.path)
            yield from ((name, told, by) for name, told in (origin.stated.get("inputs") or {}).items())
            if origin.stated.get("lock"):
                yield str(provenance.LOCK), origin.stated["lock"], by
        for dataset in self.plan.datasets():
            for name, told in members.constants("datasets", dataset)["FILES"]:
                yield str(paths.data(dataset) / name), told, f"pipeline/datasets/{dataset}.py"

    def _sum(self, name: str) -> str | None:
        if name not in self._sums and Path(name).is_file():
            self._sums[name] = store.sha256(name)
        return self._sums.get(name)

    def _outdated(self, job: Job, path: Path, command: str | None) -> Iterator[Finding]:
        record = self.records[str(path)]
        present = {repr(job.settings), repr(job.code)}
        if set(record.params) != present:
            yield Finding(
                str(path), "parameters", _short(present - set(record.params)), _short(set(record.params) - present),
                self.again,
            )  # fmt: skip
        if command and record.command != command:
            yield Finding(str(path), "command", command, str(record.command), self.again)

    def _touched(self, job: Job) -> Iterator[Finding]:
        """A record that says that the job took much less than its benchmark is of no run: the output was touched."""
        times = [record for path in job.outputs if (record := self.records.get(str(path)))]
        benchmark = job.benchmark
        if not times or not benchmark.is_file():
            return
        taken = max(record.end for record in times) - min(record.start for record in times)
        seconds = math.fsum(row["s"] for row in timing.measured(benchmark.read_text(encoding="utf-8")))
        if seconds >= SHORTEST and taken < TOUCHED_SHARE * seconds:
            for path in job.outputs:
                yield Finding(
                    str(path), "touched", f"a job of {seconds:.1f} s, as in {benchmark}",
                    f"a record of {taken:.1f} s, as `snakemake --touch` leaves", self._anew(str(path)),
                )  # fmt: skip

    def _anew(self, name: str) -> str:
        return f"rm {name} && {self.again}"

    def _mend_changed(self, name: str) -> str:
        path = Path(name)
        if path.is_relative_to(paths.results(self.name)):
            return self._anew(name)
        if path.is_relative_to(paths.DATA):
            folder = path.parent
            return f"rm {name} && python -m pipeline prepare --dataset {folder.name} --root {folder}"
        return f"git checkout -- {name}, or {self.again}" + (" --forceall" if path == provenance.LOCK else "")


def _short(params: Iterable[str]) -> str:
    """Parameters in a few words: all of a code's fingerprint, the beginning of settings."""
    return ", ".join(each if len(each) <= SHORT else f"settings {digest([each])}" for each in sorted(params))
