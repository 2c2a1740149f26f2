"""A claim in five columns, as `dvc metrics show` prints it."""

from typing import Any

from pipeline.verdicts import criteria
from pipeline.verdicts.claim_rows import ClaimRows
from pipeline.verdicts.judge import decisive


def headline(claim: ClaimRows) -> dict[str, Any]:
    """A claim's verdict, how many of its parts are replicated, and the deciding part with its number and its n."""
    replicated = sum(part["verdict"] == criteria.REPLICATED for part in claim.parts)
    deciding = decisive(claim.parts) if claim.parts else None
    return {
        "verdict": claim.whole["verdict"],
        "parts": f"{replicated} of {len(claim.parts)}",
        "decided by": f"{deciding['id']}: {deciding['criterion'].partition(' with ')[0]}" if deciding else "-",
        "value": deciding["statistic"] if deciding else None,
        "n": deciding["n"] if deciding else 0,
    }
