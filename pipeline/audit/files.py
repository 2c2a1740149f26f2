"""Compare a study's files with their provenance, Snakemake's records, dvc.lock and the checksums of data sets."""

import functools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline import members
from pipeline.audit import code_versions, dvc_lock
from pipeline.audit.code_versions import Origin
from pipeline.audit.findings import Finding
from pipeline.results import fingerprint, paths, provenance, snakemake_records, store, timing
from pipeline.results.fingerprint import digest
from pipeline.results.snakemake_records import Record
from pipeline.study.jobs import Job
from pipeline.study.plan import Plan

NONE = "none"
# A job takes as long as its benchmark says, except for what Snakemake does before and after the command. `--touch`
# writes a new record within a tenth of a second and leaves the old benchmark.
TOUCHED_SHARE = 0.5
SHORTEST = 0.5  # seconds of a benchmark; shorter ones can't tell a touched output
SHOWN_WHOLE = 40  # characters of settings
PIN = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", re.MULTILINE)


class FileChecks:
    """The checks of one study's files.

    Attributes:
        plan: the study's plan.
        jobs: its jobs, in the order of the workflow.
        stages: the stage that makes each file.
        origins: the files that exist and should carry a provenance.
        records: Snakemake's records by output, including those that travelled with the results.
        again: the command that makes whatever is missing or outdated.
        counts: how many things each check compared.
        notes: what the checks could not compare.
    """

    def __init__(self, plan: Plan) -> None:
        """Read the provenance of every result, and Snakemake's records."""
        self.plan = plan
        self.jobs: list[Job] = list(plan.jobs())
        self.stages: dict[str, str] = {str(path): job.rule for job in self.jobs for path in job.outputs}
        self.origins: list[Origin] = code_versions.origins(self.jobs)
        self.again = code_versions.command(plan.name)
        self.counts: dict[str, int] = {}
        self.notes: list[str] = []
        self.records: Mapping[str, Record] = self._read_records()
        self._sums: dict[str, str] = {}

    def findings(self) -> Iterator[Finding]:
        """The findings of every check."""
        yield from self.provenances()
        yield from self.checksums()
        yield from self.dvc_checksums()
        yield from self.recorded()
        yield from self.missing()
        self.note_unknown_files()

    # Provenance

    def provenances(self) -> Iterator[Finding]:
        """Each result states its present job, settings and code, and the package versions of the lock file."""
        self.counts["provenances"] = len(self.origins)
        for origin in self.origins:
            path, job = str(origin.path), origin.job
            if origin.damage:
                yield Finding(path, "damaged", "a file that can be read", origin.damage, self._remake(path))
            elif not origin.provenance:
                expected = f"a provenance of {job.rule} {job.name}"
                yield Finding(path, "no provenance", expected, NONE, self._remake(path))
            else:
                yield from self._differences(origin)
                yield from self._versions(origin)

    def _differences(self, origin: Origin) -> Iterator[Finding]:
        path = str(origin.path)
        for kind, (expected, found) in self._differing(origin).items():
            at = f" ({origin.commit})" if kind == "code" else ""
            yield Finding(path, kind, str(expected), f"{found}{at}", self._remake(path))

    def _differing(self, origin: Origin) -> dict[str, tuple[Any, Any]]:
        """What a provenance should state and what it states, where they differ."""
        job = origin.job
        expected: dict[str, Any] = {
            "stage": job.rule,
            "job": job.name,
            "study": self.plan.name,
            "settings": job.settings_hash,
            "code": job.code,
        }
        if job.seeds:
            expected["seeds"] = list(job.seeds)
        found = {kind: origin.provenance.get(kind, NONE) for kind in expected}
        return {kind: (expected[kind], found[kind]) for kind in expected if expected[kind] != found[kind]}

    def _versions(self, origin: Origin) -> Iterator[Finding]:
        """Packages that the lock file names have one of its versions."""
        for package, version in (origin.provenance.get("versions") or {}).items():
            pinned = self._pinned.get(package, set())
            if pinned and version not in pinned:
                expected, found = f"{package} {' or '.join(sorted(pinned))}", f"{package} {version}"
                mend = f"make setup && {self.again} --forceall"
                yield Finding(str(origin.path), "version", expected, found, mend)

    @functools.cached_property
    def _pinned(self) -> dict[str, set[str]]:
        """The versions of each package in the lock file; they may depend on the platform."""
        text = provenance.LOCK.read_text(encoding="utf-8") if provenance.LOCK.is_file() else ""
        found: dict[str, set[str]] = {}
        for name, version in PIN.findall(text):
            found.setdefault(name.lower(), set()).add(version)
        return found

    # Checksums

    def checksums(self) -> Iterator[Finding]:
        """Each file has the sha256 that Snakemake, a provenance or a data set's source states."""
        absent, compared = set(), 0
        for (path, expected), sources in self._stated_sums().items():
            found = self._sum(path)
            if found is None:
                absent.add(path)
                continue
            compared += 1
            if found != expected:
                others = f" and {len(sources) - 1} more" if len(sources) > 1 else ""
                text = f"{found} (expected by {next(iter(sources))}{others})"
                yield Finding(path, "changed", expected, text, self._mend_changed(path))
        self.counts["checksums"] = compared
        if absent:
            self.notes.append(f"{len(absent)} input files are not here and were not compared")

    def _stated_sums(self) -> dict[tuple[str, str], dict[str, None]]:
        """The files that state a sha256 of a file, in order, by the file and the sha256."""
        found: dict[tuple[str, str], dict[str, None]] = {}
        for path, sha256, source in (*self._sums_of_records(), *self._sums_of_provenances(), *self._sums_of_data()):
            found.setdefault((path, sha256), {})[source] = None
        return found

    def _sums_of_records(self) -> Iterator[tuple[str, str, str]]:
        for output, record in self._records_of_outputs():
            yield from ((path, sha256, output) for path, sha256 in record.checksums.items())

    def _sums_of_provenances(self) -> Iterator[tuple[str, str, str]]:
        for origin in self.origins:
            source = str(origin.path)
            yield from ((path, sha256, source) for path, sha256 in (origin.provenance.get("inputs") or {}).items())
            if origin.provenance.get("lock"):
                yield str(provenance.LOCK), origin.provenance["lock"], source

    def _sums_of_data(self) -> Iterator[tuple[str, str, str]]:
        for dataset in self.plan.datasets():
            for name, sha256 in members.constants("datasets", dataset)["FILES"]:
                yield str(paths.data(dataset) / name), sha256, f"pipeline/datasets/{dataset}.py"

    def _sum(self, path: str) -> str | None:
        """The sha256 of a file, which is read once; None if it doesn't exist."""
        if path not in self._sums and Path(path).is_file():
            self._sums[path] = store.sha256(path)
        return self._sums.get(path)

    def _mend_changed(self, name: str) -> str:
        path = Path(name)
        if path.is_relative_to(paths.results(self.plan.name)):
            return self._remake(name)
        if path.is_relative_to(paths.DATA):
            folder = path.parent
            return f"rm {name} && python -m pipeline prepare --dataset {folder.name} --root {folder}"
        return f"git checkout -- {name}, or {self.again}" + (" --forceall" if path == provenance.LOCK else "")

    # DVC

    def dvc_checksums(self) -> Iterator[Finding]:
        """Each file of the study and its data has the md5 that dvc.lock records."""
        compared, absent = 0, 0
        for out in self._dvc_outs():
            result = dvc_lock.compare(out)
            compared, absent = compared + result.same + len(result.differ), absent + result.missing
            if result.unknown:
                self.notes.append(result.unknown)
            for path, expected, found in result.differ:
                mend = f"dvc checkout {out.path}, or dvc commit -f if the new file is right"
                yield Finding(str(path), "not as in dvc.lock", expected, found, mend)
        self.counts["files of dvc.lock"] = compared
        if absent:
            self.notes.append(f"{absent} files that {dvc_lock.LOCK} records are not here and were not compared")

    def _dvc_outs(self) -> list[dvc_lock.Out]:
        """What dvc.lock records of the study's results, its published models and its data."""
        results = paths.results(self.plan.name)
        folders = [results, paths.packed_models(self.plan.name), *map(paths.data, self.plan.datasets())]
        found = [out for out in dvc_lock.outs() if any(folder in (out.path, *out.path.parents) for folder in folders)]
        if not any(results in (out.path, *out.path.parents) for out in found):
            self.notes.append(f"{dvc_lock.LOCK} records nothing of {results}, which was not compared")
        return found

    # Snakemake's records

    def recorded(self) -> Iterator[Finding]:
        """Snakemake has a record of each output, with the present parameters and command, from a job that ran."""
        known = dict(self._records_of_outputs())
        self.counts["records"] = len(known)
        if not known:
            mend = f"dvc pull {paths.packed_records(self.plan.name)}, or {self.again} --forceall"
            yield Finding(str(snakemake_records.METADATA), "no record", f"records of {self.plan.name}", NONE, mend)
            return
        commands = snakemake_records.commands()
        differing = {str(origin.path): self._differing(origin).keys() for origin in self.origins if origin.provenance}
        for job in self.jobs:
            for path in map(str, job.outputs):
                if path in known:
                    yield from self._parameters(job, path, known[path], without=differing.get(path, ()))
                    yield from self._command(path, known[path], commands.get(job.rule))
                elif Path(path).is_file():
                    yield Finding(path, "no record", "Snakemake's record of the file", NONE, self._remake(path))
            yield from self._touched(job)

    def _read_records(self) -> Mapping[str, Record]:
        """Snakemake's records, after those that travelled with the results were put beside them."""
        try:
            snakemake_records.restore(self.plan.name)
        except (store.DamagedFileError, OSError) as error:
            self.notes.append(f"the records that came with the results were not used: {error}")
        return snakemake_records.records()

    def _records_of_outputs(self) -> Iterator[tuple[str, Record]]:
        for path in self.stages:
            if path in self.records:
                yield path, self.records[path]

    def _parameters(self, job: Job, path: str, record: Record, *, without: Iterable[str]) -> Iterator[Finding]:
        """The record has the job's present settings and code, if the file itself doesn't say otherwise (`without`)."""
        codes = {each for each in record.params if fingerprint.PATTERN.fullmatch(each.strip("'"))}
        settings = set(record.params) - codes
        if settings != {repr(job.settings)} and "settings" not in without:
            yield Finding(path, "parameters", _short([repr(job.settings)]), _short(settings), self.again)
        if codes != {repr(job.code)} and "code" not in without:
            yield Finding(path, "code", job.code, _short(codes).strip("'"), self.again)

    def _command(self, path: str, record: Record, expected: str | None) -> Iterator[Finding]:
        if expected and record.command != expected:
            yield Finding(path, "command", expected, str(record.command), self.again)

    def _touched(self, job: Job) -> Iterator[Finding]:
        """A record of a job much shorter than its benchmark comes from `--touch`: the job didn't run."""
        records = [self.records[str(path)] for path in job.outputs if str(path) in self.records]
        if not records or not job.benchmark.is_file():
            return
        taken = max(record.end for record in records) - min(record.start for record in records)
        seconds = math.fsum(row["s"] for row in timing.measured(job.benchmark.read_text(encoding="utf-8")))
        if seconds >= SHORTEST and taken < TOUCHED_SHARE * seconds:
            expected = f"a job of {seconds:.1f} s, as in {job.benchmark}"
            found = f"a record of {taken:.1f} s, as `snakemake --touch` leaves"
            for path in map(str, job.outputs):
                yield Finding(path, "touched", expected, found, self._remake(path))

    # Outputs

    def missing(self) -> Iterator[Finding]:
        """Every output exists, except for those that don't travel with the results."""
        for job in self.jobs:
            for path in job.outputs:
                if not path.is_file() and not job.is_local(path):
                    yield Finding(str(path), "missing", "an output of the study", "no file", self.again)

    def note_unknown_files(self) -> None:
        """Note the files in the results that no job makes."""
        known = {*self.stages, *(str(job.benchmark) for job in self.jobs)}
        files = (str(path) for path in paths.results(self.plan.name).rglob("*") if path.is_file())
        unknown = sorted(path for path in files if path not in known)
        if unknown:
            self.notes.append(f"{len(unknown)} files are of no job of the present study, such as {unknown[0]}")

    def _remake(self, path: str) -> str:
        return f"rm {path} && {self.again}"


def _short(parameters: Iterable[str]) -> str:
    """Parameters in a few words: settings that are long as a hash."""
    shown = [each if len(each) <= SHOWN_WHOLE else f"settings {digest([each])}" for each in sorted(parameters)]
    return ", ".join(shown) or NONE
