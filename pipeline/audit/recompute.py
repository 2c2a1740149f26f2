"""Recompute a study's headline numbers, verdicts and pages from the files that they were made from."""

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline import members
from pipeline.audit import code_versions
from pipeline.audit.findings import Finding
from pipeline.metrics.summary import summarise
from pipeline.results import paths, store
from pipeline.study.plan import Plan
from pipeline.verdicts import claim_rows
from pipeline.verdicts.chart import chart
from pipeline.verdicts.claim_rows import by_claim
from pipeline.verdicts.claims import load_claims
from pipeline.verdicts.headline import headline
from pipeline.verdicts.judge import judge_ledger

TOLERANCE = 1e-9  # relative: another machine's numpy may differ in a last digit


def findings(plan: Plan) -> Iterator[Finding]:
    """The findings of every check."""
    yield from metrics(plan)
    yield from verdicts(plan)
    yield from pages(plan)


def metrics(plan: Plan) -> Iterator[Finding]:
    """The headline numbers follow from the tables; an analysis without all of its tables is not checked."""
    path = paths.metrics(plan.name)
    stated = _entry(path, "metrics")
    if stated is None:
        return
    for analysis in plan.study.analyses:
        files = plan.tables(analysis)
        module = members.load("analyses", plan.member(analysis))
        if not hasattr(module, "metrics") or not all(file.is_file() for file in files):
            continue
        try:
            numbers = dict(sorted(module.metrics(store.read_tables(files)).items()))
            present = _plain(summarise(numbers, getattr(module, "RANGES", None)))
        except (store.DamagedFileError, KeyError, ValueError) as error:
            yield _finding(plan.name, path, analysis, "tables that can be read", str(error))
            continue
        yield from _differences(plan.name, path, f"{analysis}/", present, stated.get(analysis) or {})


def verdicts(plan: Plan) -> Iterator[Finding]:
    """The verdicts follow from the headline numbers and the list of claims."""
    path, numbers = paths.verdicts(plan.name), _entry(paths.metrics(plan.name), "metrics")
    if not path.is_file() or numbers is None:
        return
    claims = load_claims()
    try:
        rows = judge_ledger(claims, numbers, plan.study.figures)
        stated = {row["id"]: row for row in claim_rows.read(path)}
    except (store.DamagedFileError, KeyError, TypeError, ValueError, AttributeError) as error:
        yield _finding(plan.name, path, "all", "headline numbers and verdicts that fit the claims", str(error))
        return
    yield from _differences(plan.name, path, "", _plain({row["id"]: row for row in rows}), stated)
    claimed = by_claim(rows)
    for claim in claimed:
        shown = paths.claim(plan.name, claim.whole["id"])
        expected, found = _plain(headline(claim)), _content(shown)
        if shown.is_file() and not same(expected, found):
            yield _finding(plan.name, shown, "all", json.dumps(expected), json.dumps(found))
    picture = paths.chart(plan.name)
    if picture.is_file() and picture.read_text(encoding="utf-8", errors="replace") != chart(plan.name, claimed):
        yield Finding(str(picture), "recomputed", "a picture of the verdicts", "another", _remake(plan.name, picture))


def pages(plan: Plan) -> Iterator[Finding]:
    """The report and the record of what was tracked name the present settings."""
    study, settings = plan.name, plan.settings_hash()
    report, tracked = paths.report(study), paths.tracked(study)
    if report.is_file() and settings not in report.read_text(encoding="utf-8"):
        yield Finding(str(report), "settings", settings, "a page without this hash", _remake(study, report))
    if tracked.is_file():
        expected, found = f"{study}-{settings}", str(_entry(tracked, "group"))
        if found != expected:
            yield Finding(str(tracked), "settings", expected, found, _remake(study, tracked))


def _differences(
    study: str, path: Path, prefix: str, present: Mapping[str, Any], stated: Mapping[str, Any]
) -> Iterator[Finding]:
    """A finding for each entry that differs, with its first part that differs."""
    for name in sorted(present.keys() | stated.keys()):
        expected, found = present.get(name), stated.get(name)
        if same(expected, found):
            continue
        part = ""
        if isinstance(expected, dict) and isinstance(found, dict):
            first = next(
                key for key in sorted(expected.keys() | found.keys()) if not same(expected.get(key), found.get(key))
            )
            part, expected, found = f" {first}", expected.get(first), found.get(first)
        yield _finding(study, path, f"{prefix}{name}{part}", json.dumps(expected), json.dumps(found))


def same(a: Any, b: Any) -> bool:
    """Whether two JSON values are the same, numbers up to rounding."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, int | float) and isinstance(b, int | float) and bool not in (type(a), type(b)):
        return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE**2)
    return type(a) is type(b) and a == b


def _finding(study: str, path: Path, what: str, expected: str, found: str) -> Finding:
    return Finding(str(path), "recomputed", f"{what}: {expected}", found, _remake(study, path))


def _remake(study: str, path: Path) -> str:
    return f"rm {path} && {code_versions.command(study)}"


def _entry(path: Path, key: str) -> Any:
    """An entry of a JSON file; None if the file is missing or damaged, which other checks report."""
    content = _content(path)
    return content.get(key) if isinstance(content, dict) else None


def _content(path: Path) -> Any:
    """The content of a JSON file; None if it is missing or damaged."""
    try:
        return store.read_json(path) if path.is_file() else None
    except store.DamagedFileError:
        return None


def _plain(content: Any) -> Any:
    return json.loads(json.dumps(content))
