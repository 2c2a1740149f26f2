"""From settings to things: what the stages that train and represent build alike."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from pipeline import members, random_streams
from pipeline.datasets.shared import splits
from pipeline.learning.gate import Gate, positions
from pipeline.learning.network import Network
from pipeline.learning.trainer import Rule, Trainer
from pipeline.results import paths
from pipeline.study.schema import Data, Optimiser, Run


def single_threaded() -> None:
    """One thread, and algorithms whose sums have a fixed order: the same bits every time.

    On a CPU one thread is enough; the switch for the rest imports a compiler that takes longer than many a run.
    """
    torch.set_num_threads(1)
    if torch.cuda.is_available():
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False


def device() -> torch.device:
    """The GPU if torch sees one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load_data(data: Data) -> splits.Splits:
    """A data set, split as the settings say."""
    raw = members.load("datasets", data.dataset).load(paths.data(data.dataset), **data.settings)
    raw = splits.random_labels(raw, seed=data.split_seed) if data.labels == "random" else raw
    return splits.split(raw, train=data.train, validation=data.validation, test=data.test, seed=data.split_seed)


def tensors(
    points: splits.Points, classes: int, on: torch.device
) -> tuple[Float[Tensor, "n inputs"], Float[Tensor, "n classes"], Int[Tensor, " n"]]:
    """Inputs, one-hot targets and labels on the device."""
    inputs, labels = torch.from_numpy(points.inputs).to(on), torch.from_numpy(points.labels).to(on)
    return inputs, one_hot(labels, classes).float(), labels


def network(run: Run, data: splits.Splits, *, generator: torch.Generator) -> Network:
    """A run's network with fresh weights."""
    wanted = run.training.network
    return Network(
        data.train.inputs.shape[1],
        data.classes,
        hidden=wanted.hidden,
        width=wanted.width,
        activation=wanted.activation,
        batch_norm=wanted.batch_norm,
        shift=wanted.shift,
        gain=wanted.gain,
        generator=generator,
    )


def gates(run: Run, classes: int) -> dict[int, Gate]:
    """A run's gates, by the hidden layer after which each stands."""
    module = members.load("estimators", run.estimator)
    wanted = run.training
    width, hidden = wanted.network.width, wanted.network.hidden
    found = {}
    for layer in positions(run.model_dump()["placement"], hidden=hidden):
        estimator = module.build(
            width,
            classes,
            above=width if layer < hidden else classes,
            generator=random_streams.torch_stream("estimator", run.seed, layer),
            **run.estimator_settings,
        )
        found[layer] = Gate(estimator, waits_for=module.WAITS_FOR, apply=wanted.gates.apply)
    return found


def trainer(run: Run, data: splits.Splits, on: torch.device) -> Trainer:
    """Everything that learns, at step 0. The weights depend on the seed and the shape, not on the method."""
    net = network(run, data, generator=random_streams.torch_stream("weights", run.seed)).to(on)
    above = {layer: gate.to(on) for layer, gate in gates(run, data.classes).items()}
    wanted = run.training
    return Trainer(
        net,
        above,
        loss=wanted.loss,
        rule=_rule(wanted.optimiser),
        gate_rule=_rule(wanted.gates.optimiser),
        update=wanted.gates.update,
        target=wanted.gates.target,
    )


def _rule(optimiser: Optimiser) -> Rule:
    return Rule(**optimiser.model_dump())
