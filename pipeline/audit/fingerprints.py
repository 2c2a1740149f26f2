"""Hashes of what decides the numbers of each study, in a file that DVC reads and the audit compares with the code."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline import members
from pipeline.audit.findings import Finding
from pipeline.results.fingerprint import digest
from pipeline.study import strict_yaml
from pipeline.study.load import configured
from pipeline.study.plan import Plan
from pipeline.verdicts.claims import load_claims

PATH = Path("fingerprints.yaml")
LOCKS = tuple(Path(f"requirements{name}.lock") for name in ("", "-torch", "-torch-cpu"))
PIN = re.compile(r"^[A-Za-z0-9_.-]+==[^\\\n]*[^\\\s]", re.MULTILINE)
# `prepare` fetches files that have their checksums here; the last two write pages and records, which decide no number.
WITHOUT_NUMBERS = frozenset({"prepare", "report", "track"})
MEND = "python -m pipeline document"
HEAD = """\
# Hashes of what decides numbers, figures and verdicts, beside the settings in configs/: each stage's code as far as the
# study uses it, the data's checksums, the locked versions of packages, and the criteria of the claims. Comments,
# docstrings and layout change none. `make document` writes this file; `make check` and the audit compare it with the
# code, and `dvc status results` with what made the results.
"""


def present() -> dict[str, Any]:
    """What the file should contain.

    Raises:
        ConfigError: if a study's config or the list of claims is faulty.
    """
    return {
        "criteria": criteria(),
        "packages": packages(),
        "studies": {name: of_study(Plan.load(name)) for name in configured()},
    }


def of_study(plan: Plan) -> dict[str, dict[str, str]]:
    """The hashes of the code of each stage and of the files of each data set that a study uses."""
    codes: dict[str, set[str]] = {}
    for job in plan.jobs():
        if job.rule not in WITHOUT_NUMBERS:
            codes.setdefault(job.rule, set()).add(job.code)
    files = {name: members.constants("datasets", name)["FILES"] for name in plan.datasets()}
    return {
        "code": {rule: digest(sorted(found)) for rule, found in codes.items()},
        "data": {name: digest(list(found)) for name, found in files.items() if found},
    }


def criteria() -> str:
    """The hash of every criterion, without the claims' words."""
    ledger = load_claims()
    parts = [part.model_dump(mode="json", exclude={"says", "figure", "planned"}) for part in ledger.parts()]
    primaries = {claim.id: claim.primary for claim in ledger.claims}
    controls = {
        claim.id: {
            name: each.model_dump(mode="json", exclude={"says", "needed"}) for name, each in claim.controls.items()
        }
        for claim in ledger.claims
    }
    return digest([parts, primaries, controls])


def packages() -> str:
    """The hash of the locked versions, without the hashes of the packages' files."""
    texts = [lock.read_text(encoding="utf-8") for lock in LOCKS if lock.is_file()]
    return digest(sorted(pin for text in texts for pin in PIN.findall(text)))


def text(content: Mapping[str, Any]) -> str:
    """The file's text."""
    return HEAD + "\n".join(_lines(content)) + "\n"


def _lines(content: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Lines of YAML with every hash in quotes: some look like numbers."""
    for key in sorted(content):
        if isinstance(content[key], str):
            yield f'{indent}{key}: "{content[key]}"'
        else:
            yield f"{indent}{key}:" + ("" if content[key] else " {}")
            yield from _lines(content[key], indent + "  ")


def findings(plan: Plan) -> Iterator[Finding]:
    """One finding if the file doesn't have the hashes of the present code, data, packages and criteria.

    Raises:
        ConfigError: if the file isn't YAML.
        FileNotFoundError: if the file is missing.
    """
    known = configured()
    others = tuple(f"studies.{name}." for name in known if name != plan.name)
    stated = {key: value for key, value in _flat(strict_yaml.read(PATH)).items() if not key.startswith(others)}
    expected = _flat({"criteria": criteria(), "packages": packages(), "studies": {plan.name: of_study(plan)}})
    differ = sorted(key for key in expected.keys() | stated.keys() if expected.get(key) != stated.get(key))
    if differ:
        found = f"other hashes: {', '.join(differ)}"
        yield Finding(str(PATH), "fingerprint", "the hashes of the present code and data", found, MEND)


def _flat(content: Any, prefix: str = "") -> dict[str, Any]:
    """Every value by its path, with full stops between the keys."""
    if not isinstance(content, Mapping):
        return {prefix.removesuffix("."): content}
    return {path: value for key in content for path, value in _flat(content[key], f"{prefix}{key}.").items()}
