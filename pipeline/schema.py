"""A study's settings as frozen, strict models: no unknown keys, no silent conversion."""

import re
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pipeline import plugins

NAME = re.compile(r"[a-z0-9][a-z0-9_]*")


def _name(text: str) -> str:
    """Names become file names and words on a command line: nothing else than these characters may be in them."""
    if not NAME.fullmatch(text):
        raise ValueError("a name has lower-case letters, digits and underscores only, and begins with no underscore")
    return text


def _member(family: str) -> Callable[[str], str]:
    return lambda name: plugins.check(family, name)


Name = Annotated[str, AfterValidator(_name)]
Dataset = Annotated[str, AfterValidator(_member("datasets"))]
Estimator = Annotated[str, AfterValidator(_member("estimators"))]
Count = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Strict(BaseModel):
    """Frozen, no unknown keys, no silent conversion."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)


class Data(Strict):
    """What is learned, and how it is split."""

    dataset: Dataset
    train: Count | None
    validation: Count
    test: Count | None
    split_seed: int


class Samples(Strict):
    """The fixed points at which all networks are compared."""

    rdm: Count
    cca: Count
    probe: Count


class Optimiser(Strict):
    """One optimiser; `drops` are steps at which the rate is multiplied by `drop_factor`."""

    name: Literal["adam", "sgd"]
    rate: Rate
    momentum: Annotated[float, Field(ge=0, lt=1)]
    drops: tuple[Count, ...]
    drop_factor: Rate


class Network(Strict):
    """The network, without its inputs and outputs."""

    hidden: Annotated[int, Field(ge=0, le=50)]
    width: Count
    activation: Literal["relu", "sigmoid", "linear"]
    batch_norm: bool
    shift: float
    gain: Rate


class Gates(Strict):
    """How synthetic gradients are learned and used."""

    optimiser: Optimiser
    update: Literal["simultaneous", "sequential"]
    apply: bool
    target: Literal["arrived", "true"]


class Training(Strict):
    """One training, but for its data, method and seed."""

    network: Network
    loss: Literal["cross_entropy", "mse"]
    batch: Count
    steps: Count
    optimiser: Optimiser
    gates: Gates
    log_every: Count
    log_points: Count
    checkpoints: Count


class Method(Strict):
    """A method: an estimator, where its gates stand, and which of the sweeps that take all methods it joins."""

    label: str
    estimator: Estimator
    settings: dict[str, Any]
    placement: Literal["none", "middle", "every"] | tuple[Count, ...]
    set: dict[str, Any]
    sweeps: Literal["all"] | tuple[Name, ...] = "all"


class Sweep(Strict):
    """All combinations of methods, seeds and varied settings."""

    methods: Literal["all"] | tuple[Name, ...]
    seeds: tuple[int, ...]
    set: dict[str, Any]
    vary: dict[str, tuple[Any, ...]]


class Analysis(Strict):
    """One analysis: which member of the family, over which runs, with which settings."""

    analysis: str | None = None
    sweep: Name | None = None
    where: dict[str, Any] = {}
    settings: dict[str, Any] = {}


class Figure(Strict):
    """One figure: which member of the family, with which settings.

    `tables` names other entries under `analyses` to read in place of those that the figure asks for.
    """

    figure: str | None = None
    tables: dict[Name, Name] = {}
    settings: dict[str, Any] = {}


class Run(Strict):
    """One training, named; everything that it depends on but code."""

    name: str
    sweep: Name
    method: Name
    seed: int
    varied: dict[str, Any]
    data: Data
    training: Training
    estimator: Estimator
    estimator_settings: dict[str, Any]
    placement: Literal["none", "middle", "every"] | tuple[Count, ...]


class Study(Strict):
    """A whole study."""

    title: str
    data: Data
    samples: Samples
    training: Training
    methods: dict[Name, Method]
    sweeps: dict[Name, Sweep]
    analyses: dict[Name, Analysis]
    figures: dict[Name, Figure]
