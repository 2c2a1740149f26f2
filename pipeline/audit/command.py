"""Stage: recompute what a study's files state of one another, and name whatever doesn't agree.

`python -m pipeline audit`, with `--study smoke` for one of the studies and `--json` for a program. It changes nothing
and exits with 1 if there are findings, with 2 if it was called wrongly.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence

from pipeline.audit.code_versions import commits, mixed, mixtures
from pipeline.audit.files import Study
from pipeline.audit.findings import Audit, Finding
from pipeline.audit.recompute import metrics, pages, verdicts
from pipeline.results import paths
from pipeline.study.load import CONFIGS, NOT_STUDIES
from pipeline.study.plan import Plan
from pipeline.verdicts.claims import load_claims

__all__ = ["Audit", "Finding", "audit", "main", "mixed"]


def main(argv: Sequence[str] | None = None) -> None:
    """Audit the studies that are asked for, and exit with 1 if there is a finding."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", action="append", help="may stand several times; by default every one with results")
    parser.add_argument("--json", action="store_true", help="print JSON in place of tables")
    given = parser.parse_args(argv)
    try:
        wanted = list(dict.fromkeys(given.study or studies()))
        missing = [name for name in wanted if not paths.results(name).is_dir()]
        if missing or not wanted:
            raise ValueError(
                f"found no {' and no '.join(str(paths.results(name)) for name in missing) or 'results of any study'}, "
                "expected the results of a study; make them with `snakemake reproduce all --config study=NAME`"
            )
        audits = [audit(name) for name in wanted]
    except ValueError as error:  # a faulty config is one
        parser.error(str(error))
    if given.json:
        print(json.dumps({each.study: each.plain() for each in audits}, indent=1, sort_keys=True, ensure_ascii=False))
    else:
        print("\n\n".join(each.text() for each in audits))
    sys.exit(0 if all(each.clean for each in audits) else 1)


def studies() -> list[str]:
    """Every study that has both results and a config."""
    known = {path.stem for path in CONFIGS.glob("*.yaml")} - set(NOT_STUDIES)
    return sorted(path.name for path in paths.RESULTS.glob("*") if path.is_dir() and path.name in known)


def audit(study: str) -> Audit:
    """Audit one study, from the project's root.

    Raises:
        ConfigError: if the study's config, or the ledger of claims, is faulty.
    """
    load_claims()
    compared = Study(Plan.load(study), study)
    findings = [
        *compared.provenances(), *compared.checksums(), *compared.locked(), *compared.recorded(), *compared.missing(),
        *metrics(compared.plan, study), *verdicts(compared.plan, study), *pages(compared.plan, study),
        *_mixed(compared),
    ]  # fmt: skip
    # What a file says of itself is told once, not a second time by Snakemake's record of the same.
    told = {finding.file for finding in findings if finding.kind in {"settings", "code"}}
    kept = {finding for finding in findings if finding.kind != "parameters" or finding.file not in told}
    unique = tuple(sorted(kept, key=lambda finding: (finding.kind, finding.file)))
    return Audit(study, unique, (*compared.notes, *_commits(compared)), compared.counts)


def _mixed(compared: Study) -> Iterator[Finding]:
    for sentence in mixtures(compared.origins):
        yield Finding(str(paths.results(compared.name)), "mixed", "results of one code", sentence, compared.again)


def _commits(compared: Study) -> Iterator[str]:
    """That results come of several commits is no fault if their code is the same."""
    found = sorted(commits(origin for origin in compared.origins if origin.stated))
    if len(found) > 1 and not mixtures(compared.origins):
        yield f"the results were made at {' and '.join(found)}; the code of these jobs doesn't differ between them"
    elif any("uncommitted" in each for each in found):
        yield f"the results were made at {found[0]}: the fingerprints tell their code, the commit doesn't"


if __name__ == "__main__":
    main()
