"""What was found, in a few plain sentences: the same on README, the pages, the terminal and in W&B."""

from collections import Counter
from collections.abc import Iterator, Sequence

from pipeline.metrics import formatting
from pipeline.verdicts import claim_rows, criteria
from pipeline.verdicts.claim_rows import ClaimRows

TOPICS = {
    "learning": "On learning",
    "representations": "On what the layers represent",
    "estimates": "On how good the estimates are",
    "theory": "On theory and its small models",
    "further": "Beyond the paper",
}
WORDS = {  # of one claim, of more
    criteria.SUPPORTED: ("is supported", "are supported"),
    criteria.EQUIVALENT: ("has a difference too small to count", "have a difference too small to count"),
    criteria.CONTRADICTED: ("is contradicted", "are contradicted"),
    criteria.UNDECIDED: ("is undecided", "are undecided"),
    criteria.NOT_TESTABLE: ("could not be tested", "could not be tested"),
}


def sentences(claims: Sequence[ClaimRows]) -> list[str]:
    """A sentence that counts the verdicts, and one for each topic that says which claims hold and which don't."""
    if not claims:
        return []
    return [_counted(claims), *(_topic(topic, claims) for topic in TOPICS if _about(topic, claims))]


def _counted(claims: Sequence[ClaimRows]) -> str:
    counts = claim_rows.count(claims)
    said = [f"{number} {WORDS[verdict][number > 1]}" for verdict, number in counts.items() if number]
    judged = f"each judged by one number{_seeds(claims)} and by a criterion that was written before the runs"
    return f"Of {len(claims)} claims, {judged}, {formatting.listed(said)}."


def _seeds(claims: Sequence[ClaimRows]) -> str:
    """Over how many seeds the number of most claims is; empty if no count is that of most."""
    ((count, times),) = Counter(claim.primary["n"] for claim in claims).most_common(1)
    return f", mostly over {count} seeds," if count and count > 1 and times > len(claims) / 2 else ""


def _about(topic: str, claims: Sequence[ClaimRows]) -> list[ClaimRows]:
    return [claim for claim in claims if claim.whole["topic"] == topic]


def _topic(topic: str, claims: Sequence[ClaimRows]) -> str:
    """One sentence, with the clauses of each verdict together."""
    return f"{TOPICS[topic]}, {'; '.join(_clauses(_about(topic, claims)))}."


def _clauses(claims: Sequence[ClaimRows]) -> Iterator[str]:
    by_verdict: dict[str, list[str]] = {}
    for claim in claims:
        by_verdict.setdefault(claim.whole["verdict"], []).append(f"{claim.whole['short']} ({claim.whole['id']})")
    opening = {
        criteria.SUPPORTED: "it holds that",
        criteria.CONTRADICTED: "it does not hold that",
        criteria.EQUIVALENT: "the difference is too small to count where we asked whether",
        criteria.UNDECIDED: "it is undecided whether",
        criteria.NOT_TESTABLE: "it could not be tested whether",
    }
    for verdict, words in opening.items():
        if verdict in by_verdict:
            again = "that" if words.endswith("that") else "whether"
            yield f"{words} {formatting.listed(by_verdict[verdict], again=again)}"
