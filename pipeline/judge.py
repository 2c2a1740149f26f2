"""Stage: a verdict on every claim, from the headline numbers. `python -m pipeline.judge --study smoke`."""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline import config, ledger, paths, store, verdicts
from pipeline.ledger import Claim, Part
from pipeline.stats import Interval


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, read, call, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    study = parser.parse_args(argv).study
    claims = ledger.load()
    metrics = store.read_json(paths.metrics(study))["metrics"]
    figures = config.load(study).figures
    rows = [row for claim in claims.claims for row in judged(claim, metrics, figures)]
    store.write_json(paths.verdicts(study), rows)
    for row in rows:
        print(f"{row['id']}: {row['verdict']}")


def judged(claim: Claim, metrics: Mapping[str, Any], figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for a claim as a whole, and one for each of its parts."""
    figure = claim.figure if claim.figure in figures else None
    parts = [_part(claim, part, metrics, figure) for part in claim.parts]
    whole = {
        "id": claim.id, "claim": claim.claim, "source": claim.source, "criterion": None, "statistic": None,
        "interval": None, "n": None, "figure": figure, "verdict": verdicts.overall([p["verdict"] for p in parts]),
        "evidence": _reason(claim, parts),
    }  # fmt: skip
    return [whole, *parts]


def _reason(claim: Claim, parts: list[dict[str, Any]]) -> str:
    if not parts:
        return "No analysis of this project measures it yet."
    counts = [p["verdict"] for p in parts]
    proof = f" The algebra is held by {claim.tested_by}." if claim.tested_by else ""
    return f"Parts: {', '.join(f'{counts.count(v)} {v}' for v in dict.fromkeys(counts))}.{proof}"


def _part(claim: Claim, part: Part, metrics: Mapping[str, Any], figure: str | None) -> dict[str, Any]:
    names = [part.metric, *([part.minus] if part.minus else [])]
    numbers = [_values(metrics, name) for name in names]
    missing = [name for name, values in zip(names, numbers, strict=True) if values is None]
    found = Interval(float("nan"), float("nan"), float("nan"), 0)
    if not missing:
        found = verdicts.paired(numbers[0] or [], numbers[1] if part.minus else None)
    verdict = verdicts.judge(part.criterion, found)
    shown = {key: None if value != value else value for key, value in found._asdict().items()}  # NaN is no JSON
    evidence = f"{part.says}: {_number(found)}"
    if missing:
        evidence = f"{part.says}: this study has no {' and no '.join(missing)}"
    return {
        "id": part.id, "claim": part.says, "source": claim.source, "criterion": part.criterion.words(),
        "verdict": verdict, "statistic": shown["mean"], "interval": [shown["low"], shown["high"]], "n": shown["n"],
        "figure": figure, "evidence": evidence + (f" (figure {figure})." if figure else "."),
    }  # fmt: skip


def _values(metrics: Mapping[str, Any], name: str) -> list[float | None] | None:
    analysis, _, metric = name.partition("/")
    return metrics.get(analysis, {}).get(metric, {}).get("values")


def _number(found: Interval) -> str:
    if found.n == 0:
        return "no seed has a value"
    spread = f" [{found.low:.3g}, {found.high:.3g}]" if found.n > 1 else ""
    return f"{found.mean:.3g}{spread}, n = {found.n}"


if __name__ == "__main__":
    main()
