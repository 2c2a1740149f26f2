"""Judge every claim by its criteria, from the headline numbers."""

from collections.abc import Sequence

from pipeline.results import paths, store
from pipeline.study import arguments
from pipeline.study.jobs import ABOUT


def main(argv: Sequence[str] | None = None) -> None:
    """Write a verdict on each claim and part, a picture of them, each claim's few numbers, and the findings."""
    plan, job = arguments.of_stage("judge", __doc__, argv)
    from pipeline.verdicts.chart import chart
    from pipeline.verdicts.claim_rows import by_claim
    from pipeline.verdicts.claims import load_claims
    from pipeline.verdicts.headline import headline
    from pipeline.verdicts.judge import judge_ledger
    from pipeline.verdicts.sentences import sentences

    metrics = store.read_json(paths.metrics(plan.name))["metrics"]
    rows = judge_ledger(load_claims(), metrics, plan.study.figures)
    grouped = by_claim(rows)
    store.write_json(job.named_outputs["verdicts"], rows)
    store.write_bytes(job.named_outputs["chart"], chart(plan.name, grouped).encode())
    about = ABOUT.read_text(encoding="utf-8").strip() if ABOUT.is_file() else ""
    found = "\n".join(f"- {said}" for said in sentences(grouped))
    store.write_bytes(job.named_outputs["findings"], f"{found}\n\n{about}\n".encode())
    for claim in grouped:
        store.write_json(job.named_outputs[claim.whole["id"]], headline(claim))
    for row in rows:
        print(f"{row['id']}: {row['verdict']}")
