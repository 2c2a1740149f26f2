"""A study's settings as frozen, strict models: no unknown keys, no silent conversion."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pipeline import members
from pipeline.results.paths import NAME
from pipeline.settings_types import Count, Natural, Number, Positive, Share


def _name(text: str) -> str:
    """Names become file names and words on a command line: nothing else than these characters may be in them."""
    if not NAME.fullmatch(text):
        raise ValueError("a name has lower-case letters, digits and underscores only, and begins with no underscore")
    return text


def _member(family: str) -> Callable[[str], str]:
    return lambda name: members.require(family, name)


Name = Annotated[str, AfterValidator(_name)]
Dataset = Annotated[str, AfterValidator(_member("datasets"))]
Estimator = Annotated[str, AfterValidator(_member("estimators"))]


class Strict(BaseModel):
    """Frozen, no unknown keys, no silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)


class Data(Strict):
    """What is learned, and how it is split.

    `settings` is what the data set takes (artificial ones have a number of inputs, say). With `labels: random` each
    point gets a class by chance in place of its own.
    """

    dataset: Dataset
    settings: dict[str, Any] = {}
    labels: Literal["given", "random"] = "given"
    train: Count | None
    validation: Count
    test: Count | None
    split_seed: Natural


class Samples(Strict):
    """The fixed points at which all networks are compared."""

    rdm: Count
    cca: Count
    probe: Count


class Optimiser(Strict):
    """One optimiser; `drops` are steps at which the rate is multiplied by `drop_factor`."""

    name: Literal["adam", "sgd"]
    rate: Positive
    momentum: Annotated[float, Field(ge=0, lt=1)]
    drops: tuple[Count, ...]
    drop_factor: Share


class NetworkSettings(Strict):
    """The network, without its inputs and outputs."""

    hidden: Annotated[int, Field(ge=0, le=50)]
    width: Count
    activation: Literal["relu", "sigmoid", "linear"]
    batch_norm: bool
    shift: Number
    gain: Positive


class Gates(Strict):
    """How synthetic gradients are learned and used."""

    optimiser: Optimiser
    update: Literal["simultaneous", "sequential"]
    apply: bool
    target: Literal["arrived", "true"]


class EarlyLog(Strict):
    """More records of the training loss and accuracy: at every `every`-th step up to `until`."""

    every: Count
    until: Count


class Training(Strict):
    """One training, but for its data, method and seed."""

    network: NetworkSettings
    loss: Literal["cross_entropy", "mse"]
    batch: Count
    steps: Count
    optimiser: Optimiser
    gates: Gates
    log_every: Count
    log_early: EarlyLog | None = None
    log_points: Count
    log_tracking: bool
    checkpoints: Count


class Halving(Strict):
    """The rungs of a search: one of `factor` goes on to the next rung, with `factor` times as many updates."""

    rungs: Annotated[int, Field(ge=1, le=10)]
    factor: Annotated[int, Field(ge=2, le=10)]


class Widening(Strict):
    """How a grid is widened where the best lie on its edge: by a factor, at most so many times each way."""

    factor: Annotated[float, Field(ge=1.25, le=100)]
    most: Annotated[int, Field(ge=0, le=10)]


class Tuning(Strict):
    """How rates are chosen: every method gets the same trials, on the validation part and on seeds never reported.

    `pipeline.learning.rate_search` says how. A trial is a run of fewer updates, `steps` in the last rung, its drops
    moved in proportion; the rates with the lowest mean of `chosen_by` over `seeds` are taken. Trials have at most
    `share` of the updates of all trials and trainings.
    """

    rates: tuple[Positive, ...]
    gate_factors: tuple[Positive, ...]
    widening: Widening
    halving: Halving
    seeds: tuple[Natural, ...]
    steps: Count
    share: Share
    chosen_by: Literal["validation_loss"]


class EveryKth(Strict):
    """Gates after the layers whose number `every` divides."""

    every: Count


Placement = Literal["none", "middle", "every"] | EveryKth | tuple[Count, ...]


class Method(Strict):
    """A method: an estimator, where its gates stand, and which of the sweeps that take all methods it joins."""

    label: str
    estimator: Estimator
    settings: dict[str, Any]
    placement: Placement
    set: dict[str, Any]
    sweeps: Literal["all"] | tuple[Name, ...] = "all"


class Sweep(Strict):
    """All combinations of methods, seeds and varied settings; with `tuned`, each at the rate that tuning chose."""

    methods: Literal["all"] | tuple[Name, ...]
    seeds: tuple[Natural, ...]
    tuned: bool = False
    set: dict[str, Any]
    vary: dict[str, tuple[Any, ...]]


class Analysis(Strict):
    """One analysis: which member of the family, over which runs (of one sweep or several), with which settings.

    Another `draw` gives an analysis that draws its own data other random numbers.
    """

    analysis: str | None = None
    sweep: Name | tuple[Name, ...] | None = None
    where: dict[str, Any] = {}
    settings: dict[str, Any] = {}
    draw: Natural = 0

    @property
    def sweeps(self) -> tuple[str, ...]:
        """The sweeps whose runs are analysed."""
        return (self.sweep,) if isinstance(self.sweep, str) else self.sweep or ()


class Figure(Strict):
    """One figure: which member of the family, with which settings.

    `tables` names other entries under `analyses` to read in place of those that the figure asks for: one, or several by
    the title of their panels, such as `{best rates: tuned_norms, one rate: norms}`. `title` and `note` say for readers
    what is drawn instead.
    """

    figure: str | None = None
    title: str | None = None
    note: str = ""
    tables: dict[Name, Name | dict[str, Name]] = {}
    settings: dict[str, Any] = {}


class Run(Strict):
    """One training, named; everything that it depends on but code."""

    name: str
    sweep: Name
    method: Name
    seed: Natural
    tuned: bool = False
    varied: dict[str, Any]
    data: Data
    training: Training
    estimator: Estimator
    estimator_settings: dict[str, Any]
    placement: Placement


class Study(Strict):
    """A whole study."""

    title: str
    data: Data
    samples: Samples
    training: Training
    tuning: Tuning | None = None
    methods: dict[Name, Method]
    sweeps: dict[Name, Sweep]
    analyses: dict[Name, Analysis]
    figures: dict[Name, Figure]
