"""The ledger of claims, `configs/claims.yaml`, parsed strictly."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

import pydantic
import yaml
from pydantic import Field, StringConstraints, model_validator

from pipeline.metrics import power
from pipeline.metrics.outcomes import Better, How
from pipeline.settings_types import Natural, Number, Positive, TwoOrMore
from pipeline.study import strict_yaml
from pipeline.study.errors import ConfigError, explain
from pipeline.study.schema import Name, Strict
from pipeline.verdicts.criteria import Criterion

PATH = Path("configs/claims.yaml")
METRIC = r"^[a-z0-9_]+/[A-Za-z0-9_.-]+$"

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Metric = Annotated[str, Field(pattern=METRIC)]
Bounds = tuple[Number, Number]


class Compared(Strict):
    """A number, or two numbers compared seed by seed, and where it is to lie.

    Attributes:
        says: what it is, in words, with its unit.
        metric: `analysis/number`, as in metrics.json.
        minus: the number to subtract.
        over: the number to divide by; the geometric mean of the ratios counts.
        above: the bound, if the claimed side is above it.
        below: the bound, if the claimed side is below it.
    """

    says: Text
    metric: Metric
    minus: Metric | None = None
    over: Metric | None = None
    above: Number | None = None
    below: Number | None = None

    @property
    def other(self) -> str | None:
        """The number that the first is compared with."""
        return self.minus or self.over

    @property
    def how(self) -> How:
        """How the two are compared."""
        return "over" if self.over else "minus"

    @property
    def metrics(self) -> list[str]:
        """The one or two numbers."""
        return [name for name in (self.metric, self.other) if name]

    @model_validator(mode="after")
    def _compares_one_way(self) -> Self:
        if self.minus and self.over:
            raise ValueError("expected at most one of `minus` and `over`")
        bounds = [self.above, self.below]
        if self.over and any(bound is not None and bound <= 0 for bound in bounds):
            raise ValueError("expected a bound above 0, because a ratio always is")
        return self


class Control(Compared):
    """What must hold for a part to be testable: at least half of the seeds lie on the stated side.

    Attributes:
        needed: what a test would need, if the control fails.
    """

    needed: Text | None = None

    @model_validator(mode="after")
    def _has_one_bound(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError("expected one of `above` and `below`")
        return self


class Planned(Strict):
    """What the smallest effect of a primary follows from, stated before the run.

    Attributes:
        n: the number of values: seeds, or problems and seeds.
        spread: the standard deviation of a value that is expected (of a ratio, of its logarithm); None if nothing like
            it was seen before.
        seen: where that spread comes from.
    """

    n: TwoOrMore
    spread: Positive | None = None
    seen: Text | None = None

    @property
    def effect(self) -> float:
        """The smallest effect that n values show with a chance of 80 %, in standard deviations."""
        return power.smallest_effect(self.n)


class Part(Compared):
    """A measurable part of a claim and its criterion.

    Attributes:
        id: the claim's id, a full stop and a letter.
        within: the two bounds between which the number is claimed to lie.
        equal: of `above` and `below`: the bounds between which the effect counts as none.
        exact: the number involves no chance: every value must be on the claimed side.
        better: which values are better, so that a run that diverged ranks worst.
        resolution: the step in which the values are known, if they are discrete.
        under: the names of the controls that must hold.
        varies: of a secondary that speaks for robustness: what differs from the primary.
        figure: its figure, if that differs from the claim's.
        planned: of a primary that isn't exact.
    """

    id: Annotated[str, Field(pattern=r"^[CF]\d+\.[a-z]$")]
    within: Bounds | None = None
    equal: Bounds | None = None
    exact: bool = False
    better: Better | None = None
    resolution: Positive | None = None
    under: tuple[Name, ...] = ()
    varies: (
        Literal["rate", "depth", "activation", "initialisation", "data", "loss", "placement", "measure", "method"]
        | None
    ) = None
    figure: str | None = None
    planned: Planned | None = None

    @property
    def criterion(self) -> Criterion:
        """The criterion that the bounds state."""
        if self.within is not None:
            return Criterion("within", *self.within, exact=self.exact)
        if self.above is not None:
            return Criterion("above", low=self.above, equal=self.equal, exact=self.exact)
        assert self.below is not None
        return Criterion("below", high=self.below, equal=self.equal, exact=self.exact)

    @model_validator(mode="after")
    def _has_one_criterion(self) -> Self:
        if sum(bound is not None for bound in (self.above, self.below, self.within)) != 1:
            raise ValueError("expected one of `above`, `below` and `within`")
        for bounds in (self.within, self.equal):
            if bounds and not bounds[0] < bounds[1]:
                raise ValueError(f"found the bounds {bounds[0]:g} and {bounds[1]:g}; expected the smaller one first")
        if self.over and any(bound <= 0 for bound in (*(self.within or ()), *(self.equal or ()))):
            raise ValueError("expected bounds above 0, because a ratio always is")
        if self.equal and (self.within or self._reaches_the_claimed_side(self.equal)):
            raise ValueError("`equal` is for `above` and `below`, and ends at the bound or before it")
        return self

    def _reaches_the_claimed_side(self, equal: Bounds) -> bool:
        return (self.above is not None and equal[1] > self.above) or (self.below is not None and equal[0] < self.below)


Topic = Literal["learning", "representations", "estimates", "theory", "further"]


class Claim(Strict):
    """A claim of the paper, or one of ours, and its measurable parts.

    Attributes:
        id: the name that code, configs, figures and report use.
        claim: the claim in our words.
        short: the same in few words, as they follow "it holds that".
        topic: which of the sentences that say what was found it is part of.
        source: where it is stated: A, the abstract; S, public summaries; R, recollection of the body; ours.
        paper: what the paper says as far as it is known, each with its source in brackets.
        test: how we test it.
        primary: the part that decides.
        why: why that part.
        against: what would have counted against the claim.
        open: what the test doesn't show.
        figure: the figure of its parts.
        tested_by: the file of tests that check the claim, if it is a statement of algebra.
        departs: how this project's test departs from the paper's.
        controls: what must hold for parts to be testable, by name.
        parts: its measurable parts.
    """

    id: Annotated[str, Field(pattern=r"^[CF]\d+$")]
    claim: Text
    short: Text
    topic: Topic
    source: Literal["A", "S", "R", "ours"]
    paper: tuple[Annotated[str, Field(pattern=r"^\[(A|S|R|ours)\] .")], ...]
    test: Text
    primary: str
    why: Text
    against: Text
    open: Text
    figure: str | None = None
    tested_by: str | None = None
    departs: str | None = None
    controls: dict[Name, Control] = Field(default_factory=dict)
    parts: Annotated[tuple[Part, ...], Field(min_length=1)]

    @property
    def deciding(self) -> Part:
        """The primary part."""
        return next(part for part in self.parts if part.id == self.primary)

    @property
    def secondaries(self) -> list[Part]:
        """All parts but the primary."""
        return [part for part in self.parts if part.id != self.primary]

    @property
    def metrics(self) -> list[str]:
        """The numbers that the claim rests on, its controls' included, each once."""
        compared: list[Compared] = [*self.parts, *self.controls.values()]
        return list(dict.fromkeys(name for each in compared for name in each.metrics))

    def under(self, part: Part) -> dict[str, Control]:
        """The controls of a part, by name."""
        return {name: self.controls[name] for name in part.under}

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        for part in self.parts:
            if part.id.partition(".")[0] != self.id:
                raise ValueError(f"{part.id} stands under another claim, {self.id}")
            if unknown := sorted(set(part.under) - set(self.controls)):
                raise ValueError(f"{part.id}: found no control {', '.join(unknown)}; known: {', '.join(self.controls)}")
        if self.primary not in {part.id for part in self.parts}:
            raise ValueError(f"found the primary {self.primary}; expected one of the parts of {self.id}")
        if self.deciding.varies:
            raise ValueError(f"{self.primary}: found `varies` on the primary; it says how secondaries differ from it")
        if (self.deciding.planned is None) != self.deciding.exact:
            raise ValueError(f"{self.primary}: expected `planned`, on a primary that isn't exact and on no other one")
        if any(part.planned for part in self.secondaries):
            raise ValueError(f"{self.id}: found `planned` on a secondary; expected it on the primary alone")
        return self


class LookedAt(Strict):
    """What had been seen before the criteria were written: seeds of trainings, and draws of analyses that draw data.

    `draws` holds for all analyses; `drawn` has further draws of single ones, whose criteria are newer.
    """

    seeds: tuple[Natural, ...]
    draws: tuple[Natural, ...]
    drawn: Mapping[str, tuple[Natural, ...]] = Field(default_factory=dict)


class Ledger(Strict):
    """All claims, the version of their criteria, and what had been looked at before."""

    version: Literal[5]  # criteria.VERSION
    looked_at: LookedAt
    claims: tuple[Claim, ...]

    def parts(self) -> Iterator[Part]:
        """Every part of every claim."""
        for claim in self.claims:
            yield from claim.parts


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
    if twice := sorted({id for id in ids if ids.count(id) > 1}):
        raise ConfigError(f"{path}: ids that occur twice: {', '.join(twice)}")
    return ledger
