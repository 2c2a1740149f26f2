"""A claim in six columns, as `dvc metrics show` prints it."""

from typing import Any

from pipeline.verdicts.claim_rows import ClaimRows


def headline(claim: ClaimRows) -> dict[str, Any]:
    """A claim's verdict, its primary part with its number and n, and how many secondaries bear the claim out."""
    whole, secondaries = claim.whole, claim.whole["secondaries"]
    return {
        "verdict": whole["verdict"],
        "decided by": f"{whole['primary']}: {claim.primary['criterion'].partition(' with ')[0]}",
        "value": whole["statistic"],
        "n": whole["n"],
        "secondaries": f"{secondaries['borne_out']} of {secondaries['of']}",
        "after Holm": secondaries["corrected"],
    }
