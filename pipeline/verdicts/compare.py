"""Compare a study's numbers and verdicts with the reference values, or make them the reference.

`python -m pipeline verify --study smoke`. Exit code 0 if nothing differs, 1 if something differs, 2 if the two can't be
compared.
"""

import dataclasses
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from pipeline.errors import ExplainedError
from pipeline.metrics import formatting
from pipeline.results import paths, provenance, store
from pipeline.study import arguments
from pipeline.study.plan import Plan
from pipeline.verdicts import published
from pipeline.verdicts.published import ComparedClaim, Comparison, Published

PULLED = (
    "These results were pulled, not recomputed here: that they are the same shows that nothing was lost on the way. To "
    "check the reference values, run the study (`make reproduce` in another clone)"
)
SHOWN = 40  # numbers on the terminal; `--json` lists all
DIFFERENT, REFUSED = 1, 2  # exit codes; the second is that of an error


class NothingToCompareError(ExplainedError, RuntimeError):
    """Results or reference values are missing or have other settings; the message says what to do."""


def main(argv: Sequence[str] | None = None) -> None:
    """Print how a study's results compare with the reference values, or publish them."""
    parser = arguments.parser(__doc__)
    parser.add_argument(
        "--against",
        type=Path,
        default=paths.PUBLISHED,
        metavar="FOLDER",
        help="compare with other reference values, or with the results of another run, such as results/smoke of a "
        "second copy",
    )
    parser.add_argument("--publish", action="store_true", help="make this run's values the reference")
    parser.add_argument("--json", action="store_true", help="print the whole comparison as JSON")
    asked = parser.parse_args(argv)
    plan = Plan.load(asked.study)
    metrics, verdicts = run(paths.metrics(plan.name), paths.verdicts(plan.name))
    _expect(metrics[store.PROVENANCE]["settings"], plan, paths.metrics(plan.name))
    if asked.publish:
        print(publish(metrics, verdicts))
        return
    reference, source = known(plan.name, asked.against)
    _expect(reference.settings, plan, source)
    compared = published.compare_results(reference, metrics, verdicts)
    print(as_json(compared) if asked.json else "\n".join(lines(compared, reference, source)))
    if published.is_pulled(plan.name) and not asked.json:
        print(PULLED)
    sys.exit(DIFFERENT if compared.off or compared.changed else 0)


def run(numbers: Path, verdicts: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read a run's metrics.json and verdicts.json.

    Raises:
        NothingToCompareError: if one is missing.
        DamagedFileError: if one wasn't written by the workflow.
    """
    for path in (numbers, verdicts):
        if not path.is_file():
            raise NothingToCompareError(f"{path} is not there: run the study first (`snakemake reproduce all`)")
    found, rows = store.read_json(numbers), store.read_json(verdicts)
    whole = isinstance(found, dict) and {"study", "metrics", store.PROVENANCE} <= found.keys()
    if not whole or "settings" not in found[store.PROVENANCE]:
        raise store.DamagedFileError(f"{numbers}: no headline numbers with provenance; run `summarise` again")
    if not isinstance(rows, list) or not all(isinstance(row, dict) and {"id", "verdict"} <= row.keys() for row in rows):
        raise store.DamagedFileError(f"{verdicts}: no rows with an id and a verdict; run `judge` again")
    return found, rows


def known(study: str, folder: Path) -> tuple[Published, Path]:
    """The values to compare with, and their file: a study's reference values in a folder, or a run's results there.

    Raises:
        NothingToCompareError: if the folder has neither.
    """
    source = folder / paths.published(study).name
    if source.is_file():
        return published.read(source), source
    numbers, verdicts = folder / paths.metrics(study).name, folder / paths.verdicts(study).name
    if numbers.is_file():
        return published.gather(*run(numbers, verdicts)), numbers
    raise NothingToCompareError(
        f"{folder} has neither {source.name} nor {numbers.name}: give the folder of reference values or of a run's "
        f"results, or publish this run's values (`python -m pipeline verify --study {study} --publish`)"
    )


def _expect(settings: str, plan: Plan, source: Path) -> None:
    """Refuse numbers that were made with other settings than the study's config now has."""
    wanted = plan.settings_hash()
    if settings != wanted:
        raise NothingToCompareError(
            f"{source} was made with settings {settings}, configs/{plan.name}.yaml now has {wanted}: go back to the "
            f"commit that {source} comes from, or run the study and, if the change is intended, publish again "
            "(`--publish`)"
        )


def publish(metrics: dict[str, Any], verdicts: list[dict[str, Any]]) -> str:
    """Make a run's values the reference; a sentence for the terminal."""
    values = published.gather(metrics, verdicts)
    path = published.write(values)
    return f"{path}: {len(values.numbers)} numbers and {len(values.verdicts)} verdicts{_NOTES[values.dirty]}"


_NOTES = {
    True: "; note that they were made with uncommitted changes",
    False: "",
    None: "; note that it is not known whether they were made with uncommitted changes",
}


def as_json(compared: Comparison) -> str:
    """The whole comparison as JSON."""
    return json.dumps({"counts": compared.counts, **dataclasses.asdict(compared)}, indent=1, allow_nan=False)


def lines(compared: Comparison, reference: Published, source: Path) -> Iterator[str]:
    """The comparison for a terminal: counts, claims, and the numbers that differ."""
    commit = provenance.describe_commit({"commit": reference.commit, "dirty": reference.dirty}) or "unknown"
    yield f"Against {source} (commit {commit}): " + (
        "another platform" if compared.platform else "the same platform, so that equal code gives equal bits"
    )
    yield from (f"  {line}" for line in compared.platform)
    yield "Numbers: " + ", ".join(f"{count} {ruling}" for ruling, count in compared.counts.items())
    same = len(compared.claims) - len(compared.changed)
    yield (
        compared.criteria
        or f"Verdicts: {same} of {len(compared.claims)} the same or new, {len(compared.changed)} differ"
    )
    rows = [
        (claim.id, _verdict(claim), claim.numbers or formatting.MISSING)
        for claim in compared.claims
        if "." not in claim.id or claim.ruling == published.DIFFERS
    ]
    yield from table(("claim", "verdict", "worst of its numbers"), rows)
    if compared.off:
        rows = [
            (number.name, *map(formatting.number, (number.published, number.found, number.tolerance)), number.why)
            for number in compared.off[:SHOWN]
        ]
        yield from table(("number that differs", "published", "here", "tolerance", "why"), rows)
    if len(compared.off) > SHOWN:
        yield f"and {len(compared.off) - SHOWN} more (`--json` lists all)"


def _verdict(claim: ComparedClaim) -> str:
    if claim.ruling == published.DIFFERS:
        return f"{claim.published}, here {claim.found or 'missing'}"
    return f"{claim.found}, {'new' if claim.ruling == published.NEW else 'the same'}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table, after an empty one."""
    yield from ("", tabulate(rows, head, tablefmt="plain", disable_numparse=True))
