"""Build data, networks and trainers from a run's settings."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import one_hot

from pipeline import members, random_streams
from pipeline.datasets.shared import splits
from pipeline.learning.build import build_gates
from pipeline.learning.gate import Gate
from pipeline.learning.network import Network, Shape
from pipeline.learning.optimisers import OptimiserSettings
from pipeline.learning.placement import positions
from pipeline.learning.stack import Separate, Stack, stacked
from pipeline.learning.trainer import Trainer
from pipeline.results import paths
from pipeline.study.schema import Data, Run


def single_threaded() -> None:
    """Use one thread, and on a GPU deterministic algorithms, so that sums have a fixed order and equal runs equal bits.

    On a CPU one thread is enough; torch's switch imports a compiler, which takes longer than many runs.
    """
    torch.set_num_threads(1)
    if torch.cuda.is_available():
        torch.use_deterministic_algorithms(True)
        torch.backends.cudnn.benchmark = False
        # Otherwise torch first fills each new tensor with NaN: an operation more. None is read before it is written.
        torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]


def device() -> torch.device:
    """The GPU if torch finds one, else the CPU."""
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
    shape = Shape(data.train.inputs.shape[1], data.classes, **run.training.network.model_dump())
    return Network(shape, generator=generator)


def gates(run: Run, network: Network) -> dict[int, Gate]:
    """A run's gates for its network, by the hidden layer after which each stands."""
    return build_gates(
        network,
        members.load("estimators", run.estimator),
        positions(run.model_dump()["placement"], hidden=network.shape.hidden),
        generator=lambda layer: random_streams.torch_stream("estimator", run.seed, layer),
        settings=run.estimator_settings,
        apply=run.training.gates.apply,
    )


def trainer(run: Run, data: splits.Splits, on: torch.device) -> Trainer:
    """A run's trainer at step 0. The weights depend on the seed and the network's shape, not on the method."""
    net = network(run, data, generator=random_streams.torch_stream("weights", run.seed)).to(on)
    wanted = run.training
    return Trainer(
        net,
        gates(run, net),
        loss=wanted.loss,
        optimiser=OptimiserSettings(**wanted.optimiser.model_dump()),
        gate_optimiser=OptimiserSettings(**wanted.gates.optimiser.model_dump()),
        update=wanted.gates.update,
        target=wanted.gates.target,
    )


def stack(run: Run, trainers: Sequence[Trainer]) -> Stack | Separate:
    """The trainers of runs like `run`, which differ in no more than their seeds and rates, as one stack."""
    return stacked(trainers, per_run=members.constants("estimators", run.estimator).get("PER_RUN", ""))
