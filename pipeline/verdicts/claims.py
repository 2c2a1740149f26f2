"""The ledger of claims, `configs/claims.yaml`, parsed strictly."""

from pathlib import Path
from typing import Annotated, Literal

import pydantic
import yaml
from pydantic import AfterValidator, Field

from pipeline.study import strict_yaml
from pipeline.study.errors import ConfigError, explain
from pipeline.study.schema import Strict
from pipeline.verdicts.criteria import Criterion

PATH = Path("configs/claims.yaml")


class Part(Strict):
    """A measurable part of a claim, its criterion, and its figure if that differs from the claim's."""

    id: Annotated[str, Field(pattern=r"^[CF]\d+\.[a-z]$")]
    says: str
    metric: str
    minus: str | None = None
    above: float | None = None
    below: float | None = None
    exact: bool = False
    figure: str | None = None

    @property
    def criterion(self) -> Criterion:
        """The criterion that `above` or `below` states."""
        if self.above is not None:
            return Criterion("above", self.above, self.exact)
        assert self.below is not None
        return Criterion("below", self.below, self.exact)


def _one_bound(part: Part) -> Part:
    if (part.above is None) == (part.below is None):
        raise ValueError(f"{part.id}: expected one of `above` and `below`")
    return part


class Claim(Strict):
    """A claim of the paper, or one of ours, and its measurable parts.

    Attributes:
        id: the name that code, configs, figures and report use.
        claim: the claim in our words.
        source: where it is stated: A, the abstract; S, public summaries; R, recollection of the body; ours.
        figure: the figure of its parts.
        tested_by: the file of tests that check the claim, if it is a statement of algebra.
        departs: how this project's test departs from the paper's.
        needs: what a test would need, if there is none.
        parts: its measurable parts.
    """

    id: Annotated[str, Field(pattern=r"^[CF]\d+$")]
    claim: str
    source: Literal["A", "S", "R", "ours"]
    figure: str | None = None
    tested_by: str | None = None
    departs: str | None = None
    needs: str | None = None
    parts: tuple[Annotated[Part, AfterValidator(_one_bound)], ...]


class Ledger(Strict):
    """All claims, and the version of their criteria."""

    version: int
    claims: tuple[Claim, ...]

    def comparisons(self) -> int:
        """The number of criteria on random numbers: each may be met by chance."""
        return sum(not part.exact for claim in self.claims for part in claim.parts)


def load_claims(path: Path = PATH) -> Ledger:
    """Read the ledger.

    Raises:
        ConfigError: naming every fault, including ids that occur twice.
    """
    try:
        ledger = Ledger.model_validate(yaml.safe_load(strict_yaml.text(path)), strict=False)
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {error}") from None
    except pydantic.ValidationError as error:
        raise ConfigError(explain(error, f"{path}: ", model=Ledger)) from None
    ids = [each.id for claim in ledger.claims for each in (claim, *claim.parts)]
    twice = sorted({id for id in ids if ids.count(id) > 1})
    strange = [part.id for claim in ledger.claims for part in claim.parts if part.id.partition(".")[0] != claim.id]
    if twice or strange:
        raise ConfigError(f"{path}: ids that occur twice: {twice}; parts under another claim: {strange}")
    return ledger
