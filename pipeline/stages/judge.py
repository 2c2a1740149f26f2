"""Stage: a verdict on every claim, from the headline numbers. `python -m pipeline judge --study smoke`."""

import argparse
from collections.abc import Sequence

from pipeline.results import paths, store
from pipeline.study.load import load_study
from pipeline.verdicts.claims import load_claims
from pipeline.verdicts.judge import judge_claim


def main(argv: Sequence[str] | None = None) -> None:
    """Parse, read, call, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    study = parser.parse_args(argv).study
    claims = load_claims()
    metrics = store.read_json(paths.metrics(study))["metrics"]
    figures = load_study(study).figures
    rows = [row for claim in claims.claims for row in judge_claim(claim, metrics, figures, claims.comparisons())]
    store.write_json(paths.verdicts(study), rows)
    for row in rows:
        print(f"{row['id']}: {row['verdict']}")


if __name__ == "__main__":
    main()
