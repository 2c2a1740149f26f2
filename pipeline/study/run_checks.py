"""Settings of one run that don't fit each other, each with the bound that it breaks."""

from collections.abc import Iterator

from pipeline import members
from pipeline.study.schema import EveryKth, Optimiser, Run, Samples, Tuning

Fault = tuple[str, str]  # the key's path, what was found and what was expected

LEAST_CHECKPOINTS = 2  # the start and the end
LEAST_FOR_BATCH_NORM = 2  # points: one alone has no variance
POINTS_PER_UNIT = 10  # the correlations of unrelated layers fall with the square root of the number of points
IMMEDIATE = {"h", "y"}  # what an estimator may wait for if layers below it move before the layers above have run


def faults(run: Run, tuning: Tuning | None) -> Iterator[Fault]:
    """Everything that is wrong with a run's settings."""
    yield from _data(run)
    yield from _batch(run)
    yield from _schedule(run)
    yield from _optimiser("training.optimiser", run.training.optimiser, run.training.steps)
    yield from _optimiser("training.gates.optimiser", run.training.gates.optimiser, run.training.steps)
    yield from _placement(run)
    yield from _sequential(run)
    if run.tuned and tuning and tuning.steps > run.training.steps:
        yield (
            "tuning.steps",
            f"found {tuning.steps}, expected at most training.steps, {run.training.steps}: a trial is the run in short",
        )


def sample_faults(run: Run, samples: Samples) -> Iterator[Fault]:
    """What doesn't fit between a run whose activations are analysed and the fixed points at which they are taken."""
    test, train = test_points(run), training_points(run)
    if samples.rdm + samples.cca > test:
        yield (
            "samples",
            f"found {samples.rdm} points for rdm and {samples.cca} for cca, expected at most {test} together, the test "
            "points: no point is in both",
        )
    if samples.probe > train:
        yield "samples.probe", f"found {samples.probe}, expected at most the training points, {train}"
    classes = members.constants("datasets", run.data.dataset)["CLASSES"]
    for name in ("rdm", "probe"):
        if getattr(samples, name) < 2 * classes:
            yield (
                f"samples.{name}",
                f"found {getattr(samples, name)}, expected at least two points for each of the {classes} classes of "
                f"{run.data.dataset}, {2 * classes}",
            )
    needed = POINTS_PER_UNIT * run.training.network.width
    if samples.cca < needed:
        yield (
            "samples.cca",
            f"found {samples.cca}, expected at least {needed}, {POINTS_PER_UNIT} points for each unit of a layer: with "
            "fewer, unrelated layers look alike",
        )


def training_points(run: Run) -> int:
    """How many points a run learns from."""
    published, _ = members.constants("datasets", run.data.dataset)["POINTS"]
    return published - run.data.validation if run.data.train is None else run.data.train


def test_points(run: Run) -> int:
    """How many test points a run has."""
    _, published = members.constants("datasets", run.data.dataset)["POINTS"]
    return published if run.data.test is None else run.data.test


def _data(run: Run) -> Iterator[Fault]:
    train, test = members.constants("datasets", run.data.dataset)["POINTS"]
    left = train - run.data.validation
    if left < 1:
        yield (
            "data.validation",
            f"found {run.data.validation}, expected less than the {train} training points of {run.data.dataset}",
        )
    elif run.data.train is not None and run.data.train > left:
        yield (
            "data.train",
            f"found {run.data.train}, expected at most {left}: of the {train} training points of {run.data.dataset}, "
            f"data.validation takes {run.data.validation}",
        )
    if run.data.test is not None and run.data.test > test:
        yield "data.test", f"found {run.data.test}, expected at most the {test} test points of {run.data.dataset}"


def _batch(run: Run) -> Iterator[Fault]:
    training, points = run.training, training_points(run)
    if training.batch > points > 0:
        yield "training.batch", f"found {training.batch}, expected at most the training points, {points}"
    if training.network.batch_norm and training.network.hidden:
        normalised = "batch normalisation"
    elif _estimator_normalises(run):
        normalised = f"the batch normalisation of {run.estimator}"
    else:
        return
    for name in ("batch", "log_points"):
        if getattr(training, name) < LEAST_FOR_BATCH_NORM:
            yield (
                f"training.{name}",
                f"found {getattr(training, name)}, expected at least {LEAST_FOR_BATCH_NORM} with {normalised}: one "
                "point alone has no variance",
            )


def _estimator_normalises(run: Run) -> bool:
    """Whether a gate's estimator has layers with batch normalisation."""
    setting = members.constants("estimators", run.estimator).get("NORMALISED")
    if setting is None or run.placement == "none" or not run.training.network.hidden:
        return False
    return run.estimator_settings.get(setting, members.settings("estimators", run.estimator)[setting].default) > 0


def _schedule(run: Run) -> Iterator[Fault]:
    training = run.training
    if training.log_every > training.steps:
        yield "training.log_every", f"found {training.log_every}, expected at most training.steps, {training.steps}"
    early = training.log_early
    if early and early.every > early.until:
        yield (
            "training.log_early.every",
            f"found {early.every}, expected at most training.log_early.until, {early.until}: it would log nothing",
        )
    most = training.steps + 1
    if not LEAST_CHECKPOINTS <= training.checkpoints <= most:
        yield (
            "training.checkpoints",
            f"found {training.checkpoints}, expected {LEAST_CHECKPOINTS} (the start and the end) to {most} (the start "
            "and every step)",
        )


def _optimiser(path: str, optimiser: Optimiser, steps: int) -> Iterator[Fault]:
    drops = optimiser.drops
    if list(drops) != sorted(set(drops)):
        yield f"{path}.drops", f"found {list(drops)}, expected steps in ascending order, each once"
    if drops and max(drops) >= steps:
        yield f"{path}.drops", f"found {max(drops)}, expected less than training.steps, {steps}: it would never come"
    if optimiser.name != "sgd" and optimiser.momentum:
        yield f"{path}.momentum", f"found {optimiser.momentum} for {optimiser.name}, expected 0: only sgd uses it"


def _placement(run: Run) -> Iterator[Fault]:
    placement, hidden = run.placement, run.training.network.hidden
    path = f"methods.{run.method}.placement"
    if isinstance(placement, str):
        return
    layers = (placement.every,) if isinstance(placement, EveryKth) else placement
    missing = [layer for layer in layers if layer > hidden]
    if missing:
        yield path, f"no layer {', '.join(map(str, missing))} in a network with {hidden} hidden layers"
    if len(set(layers)) != len(layers) or not layers:
        yield path, f"found {list(layers)}, expected at least one layer, each once"


def _sequential(run: Run) -> Iterator[Fault]:
    gates = run.training.gates
    if gates.update != "sequential" or run.placement == "none" or not run.training.network.hidden:
        return
    path, waits = "training.gates.update", members.constants("estimators", run.estimator)["WAITS_FOR"]
    if gates.target == "true":
        yield (
            path,
            "found sequential with target: true, which no block has before all have run; expected target: arrived",
        )
    if not gates.apply:
        yield path, "found sequential with apply: false, so that no block could move before the backward pass"
    if not set(waits) <= IMMEDIATE:
        yield (
            path,
            f"found sequential with {run.estimator}, which waits for {', '.join(waits)}; expected an estimator that "
            "waits for h and y only",
        )
