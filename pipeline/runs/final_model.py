"""A published final model, as the network and the gates that were trained."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import torch
from jaxtyping import Float, Int
from numpy import ndarray

from pipeline import members, random_streams
from pipeline.datasets.shared import splits
from pipeline.errors import ExplainedError
from pipeline.learning.gate import Gate
from pipeline.learning.measurements import evaluate
from pipeline.learning.network import Network, Shape
from pipeline.learning.trainer import load_model, to_tensors
from pipeline.results import activations, final_models, paths, store
from pipeline.runs import build, extract
from pipeline.study.schema import Run


class OtherCodeError(ExplainedError, RuntimeError):
    """A model that this version of the code can't build."""


@dataclass(frozen=True)
class FinalModel:
    """A trained network with its gates.

    Attributes:
        run: the settings of the run.
        network: as it was at the end of training; call it with `mode="evaluate"`.
        gates: by the hidden layer, counted from 1, after which each stands; none for backprop.
        about: what the file says of the model: step, rates, final numbers.
        origin: the provenance of the training: commit, code, machine.
    """

    run: Run
    network: Network
    gates: Mapping[int, Gate]
    about: Mapping[str, Any]
    origin: Mapping[str, Any]

    def predict(self, x: Float[ndarray, "n inputs"]) -> Int[ndarray, " n"]:
        """The class of each row of `x`; `data()` has rows as the network was trained on them."""
        return extract.predict(self.network, np.asarray(x, dtype=np.float32))

    def data(self) -> splits.Splits:
        """The data that the run learned, was chosen by and is tested on."""
        return build.load_data(self.run.data)

    @torch.no_grad()
    def test(self) -> dict[str, float]:
        """Loss and accuracy on the test points, as they are computed at the end of a training."""
        data = self.data()
        points = build.tensors(data.test, data.classes, torch.device("cpu"))
        loss, accuracy = evaluate(self.network, *points, self.run.training.loss)
        return {"test_loss": loss, "test_accuracy": accuracy}


def load(study: str, run: str) -> FinalModel:
    """The published model of a run.

    Raises:
        UnknownNameError: if there is none, with the nearest one.
        DamagedFileError: if the file is truncated, altered or of another kind.
        OtherCodeError: if this version of the code has other settings or other networks.
    """
    folder, path = paths.packed_models(study), paths.packed_model(study, run)
    there = sorted(each.stem for each in folder.glob("*.safetensors"))
    if not there:
        raise store.MissingFileError(f"{folder}: found no models; get them with `dvc pull results`")
    if run not in there:
        raise members.UnknownNameError(f"{folder} has no model of {run!r} ({members.nearest(run, there)})")
    return read(path)


def read(path: Path) -> FinalModel:
    """The model in a file; raises as `load`, and MissingFileError if there is no such file."""
    (about, origin), arrays = final_models.about(path), store.read_arrays(path)
    try:
        run = Run.model_validate_json(json.dumps(about["run"]))
        network = _network(run, arrays)
        gates = build.gates(run, network)
        load_model(network, arrays)
        for layer, gate in gates.items():
            gate.estimator.load_state_dict(to_tensors(arrays, activations.gate(layer)))
    except (pydantic.ValidationError, members.UnknownNameError, KeyError, RuntimeError) as error:
        raise OtherCodeError(
            f"{path}: expected a model that this version of the code can build, found {error}; check out the commit "
            f"of its training, {origin.get('commit')}"
        ) from None
    return FinalModel(run, network, gates, about, origin)


def _network(run: Run, arrays: Mapping[str, ndarray]) -> Network:
    """A network of the run's shape, of which only the numbers of inputs and classes depend on the data."""
    settings = run.training.network
    output = arrays[f"{activations.NETWORK}weight"]
    first = arrays[f"{activations.NETWORK}layers.0.weight"] if settings.hidden else output
    shape = Shape(first.shape[1], len(output), **settings.model_dump())
    return Network(shape, generator=random_streams.torch_stream("unused"))
