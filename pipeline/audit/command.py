"""Check that a study's files, provenance, records, code and data agree, and name whatever doesn't.

It changes no result. The exit code is 0 if nothing was found, 1 if something was, 2 for wrong arguments.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pipeline.audit import code_versions, fingerprints, recompute
from pipeline.audit.code_versions import all_outdated, commits, listed, mixtures
from pipeline.audit.files import FileChecks
from pipeline.audit.findings import Audit, Finding, by_stage
from pipeline.errors import ExplainedError
from pipeline.results import paths
from pipeline.study import arguments
from pipeline.study.load import configured
from pipeline.study.plan import Plan
from pipeline.verdicts.claims import load_claims

FINDINGS, REFUSED = 1, 2  # exit codes; the second is that of an error
# Of results that another version of the code made, these say the same for every file of a stage.
OF_ALL_FILES = {"command": "code", "parameters": "settings", "code": "code", "settings": "settings"}


def main(argv: Sequence[str] | None = None) -> None:
    """Audit the studies that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--study", action="append", help=f"{arguments.STUDY}; may be repeated; by default every study with results"
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    asked = parser.parse_args(argv)
    audits = [audit_plan(plan) for plan in plans(asked.study)]
    if asked.json:
        print(json.dumps({each.study: each.plain() for each in audits}, indent=1, sort_keys=True, ensure_ascii=False))
    else:
        print("\n\n".join(each.text() for each in audits))
    sys.exit(0 if all(each.clean for each in audits) else FINDINGS)


def plans(asked: Sequence[str] | None) -> list[Plan]:
    """The plans of the studies that are asked for; without any, of every study that has results and a config.

    Raises:
        ConfigError: for an unknown study, with the nearest name, and for a faulty config.
        ExplainedError: if there are no results.
    """
    found = [Plan.load(name) for name in dict.fromkeys(asked or with_results())]
    missing = [str(paths.results(plan.name)) for plan in found if not paths.results(plan.name).is_dir()]
    if missing or not found:
        raise ExplainedError(
            f"found no {' and no '.join(missing) or 'results of any study'}, expected the results of a study; make "
            f"them with `{code_versions.command(found[0].name if found else 'NAME')}`"
        )
    return found


def with_results() -> list[str]:
    """Every study that has both results and a config."""
    known = configured()
    return sorted(path.name for path in paths.RESULTS.glob("*") if path.is_dir() and path.name in known)


def audit(study: str) -> Audit:
    """Audit one study, from the project's root.

    Raises:
        ConfigError: if the study's config or the list of claims is faulty.
    """
    return audit_plan(Plan.load(study))


def audit_plan(plan: Plan) -> Audit:
    """Audit a study whose config is loaded; raises as `audit`."""
    load_claims()
    checks = FileChecks(plan)
    outdated = all_outdated(checks.origins)
    findings = [*checks.findings(), *recompute.findings(plan), *_mixtures(checks)]
    if fingerprints.PATH.is_file():
        findings += fingerprints.findings(plan)
    else:
        checks.notes.append(f"{fingerprints.PATH} is not here and was not compared")
    # Snakemake's record of an output's settings says the same as the output itself.
    told = {finding.file for finding in findings if finding.kind == "settings"}
    findings = [finding for finding in findings if finding.kind != "parameters" or finding.file not in told]
    if outdated:
        findings = list(_simplified(findings, checks))
    kinds = {"command", "version", *(OF_ALL_FILES.values() if outdated else ())}
    single = {rule for rule, count in plan.counts().items() if count == 1}
    folded = by_stage(findings, checks.stages, kinds=kinds, single=single)
    return Audit(
        study=plan.name,
        findings=tuple(sorted(folded, key=lambda finding: (finding.kind, finding.file))),
        notes=(*checks.notes, *_commits(checks), *code_versions.old_layout(plan)),
        counts=checks.counts,
        notice=code_versions.notice(plan.name, checks.origins, jobs=len(checks.jobs)) if outdated else None,
    )


def _simplified(findings: Iterable[Finding], checks: FileChecks) -> Iterator[Finding]:
    """Say of outdated results only that code or settings are other ones, and at which commits a stage's were made."""
    made: dict[str, set[str]] = {}
    for origin in checks.origins:
        if origin.outdated:
            made.setdefault(origin.job.rule, set()).add(origin.commit)
    anywhere = set().union(*made.values())
    for each in findings:
        kind = OF_ALL_FILES.get(each.kind)
        if kind and each.file in checks.stages:
            at = made.get(checks.stages[each.file], anywhere)
            found = f"another version ({listed(at)})" if kind == "code" else "other settings"
            yield replace(each, kind=kind, expected=f"the present {kind}", found=found, mend=checks.again)
        else:
            yield each


def _mixtures(checks: FileChecks) -> Iterator[Finding]:
    for sign in mixtures(checks.origins):
        folder = str(paths.results(checks.plan.name))
        yield Finding(folder, "mixed", "results of one version of the code", sign, checks.again)


def _commits(checks: FileChecks) -> Iterator[str]:
    """A note on results of several commits: nothing is wrong if the code of their jobs is the same."""
    found = sorted(commits(origin for origin in checks.origins if origin.provenance))
    if len(found) > 1 and not mixtures(checks.origins):
        yield f"the results were made at {listed(found)}; the code of these jobs is the same at each"
    elif any("uncommitted" in each for each in found):
        yield f"the results were made at {found[0]}: the commit alone doesn't give their code, the fingerprints do"
