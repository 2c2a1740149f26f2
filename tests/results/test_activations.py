"""The keys of checkpoint and activation files: each is written and parsed by one module."""

import numpy as np

from pipeline.results import activations


def test_a_models_arrays_are_found_by_step():
    written = [activations.model_key(name, step) for step in (10, 0, 12345) for name in ("network/weight", "gate/2/A")]
    assert written[0] == "step00000010/network/weight"
    assert activations.model_steps(written) == [0, 10, 12345]
    assert activations.network_keys(written, 10) == {"step00000010/network/weight": "network/weight"}
    assert activations.network_keys(written, 1) == {}


def test_a_samples_steps_are_found_and_its_labels_are_no_step():
    written = [activations.key(sample, 2, step) for sample, step in (("cca", 7), ("cca", 0), ("probe", 9))]
    written += [activations.labels_key("cca"), activations.labels_key("rdm")]
    assert written[0] == "cca/step00000007/layer02"
    assert activations.sample_steps(written, "cca") == [0, 7]
    assert activations.sample_steps(written, "probe") == [9]
    assert activations.sample_steps(written, "rdm") == []


def test_arrays_below_a_prefix_lose_it():
    arrays = {"a/b": np.zeros(1), "a/a/b": np.ones(1), "b/a/": np.ones(2)}
    assert list(activations.below(arrays, "a/")) == ["b", "a/b"]
