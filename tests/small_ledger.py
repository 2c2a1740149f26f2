"""Claims with few parts for the tests of judging and of pages, and numbers to judge them by."""

from pipeline.verdicts.claims import Claim

WORDS = {
    **{"claim": "x", "short": "x holds", "topic": "theory", "source": "S", "test": "by looking", "why": "it decides"},
    **{"against": "less", "open": "more"},
}
NEAR = [0.30, 0.29, 0.31, 0.30, 0.32, 0.28, 0.30, 0.29, 0.31, 0.33, 0.27, 0.30]
WIDE = [0.9, -0.7, 0.8, -0.6, 0.7, -0.5, 0.6, -0.4, 0.5, -0.3, 0.4, 0.1]
ONE = [1.0] * 12


def number(values, range="real", **more):
    """A headline number as metrics.json has it."""
    return {"values": values, "range": range, **more}


METRICS = {
    "a": {
        "up": number(NEAR),
        "down": number([-value for value in NEAR]),
        "wide": number(WIDE),
        "share": number([1.0 - value / 10 for value in NEAR], "share"),
        "one": number(ONE),
        "learns": number([0.95] * 11 + [0.2], "share"),
        "fails": number([0.1] * 7 + [0.95] * 5, "share"),
    }
}


def part(id="C1.a", **changes):
    """A part as the ledger has it: `a/up` is claimed to be above 0."""
    base = {"id": id, "says": f"part {id[-1]}", "metric": "a/up", "above": 0.0}
    return {**base, **changes}


def claim(*parts, **changes):
    """A claim whose first part is its primary."""
    parts = [dict(each) for each in parts or (part(),)]
    if not parts[0].get("exact"):
        parts[0].setdefault("planned", {"n": 12})
    content = {**WORDS, "id": parts[0]["id"].partition(".")[0], "paper": ["[S] Words."], "primary": parts[0]["id"]}
    return Claim.model_validate({**content, "parts": parts, **changes}, strict=False)
