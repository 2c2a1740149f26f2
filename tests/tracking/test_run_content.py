"""What a W&B run holds: names of metrics, rows, their summary, and comparing them to the bit."""

import math

import pytest

from pipeline.tracking import metric_names, runs_there
from pipeline.tracking.run_content import digest, first_difference

NEXT = math.nextafter(0.1, 1)
ROWS = [(0, {"step": 0.0, "train/loss": 0.1}), (10, {"step": 10.0, "train/loss": math.nan})]


@pytest.mark.parametrize(
    ("found", "first"),
    [
        (ROWS, None),
        ([(0, {"train/loss": 0.1, "step": 0.0}), ROWS[1]], None),
        ([(0, {"step": 0.0, "train/loss": NEXT}), ROWS[1]], 0),
        ([ROWS[0], (10, {"step": 10.0, "train/loss": math.inf})], 1),
        ([ROWS[0], (20, ROWS[1][1])], 1),
        (ROWS[:1], 1),
        ([], 0),
        ([*ROWS, (20, {})], 2),
    ],
)
def test_histories_are_compared_to_the_bit(found, first):
    assert first_difference(ROWS, found) == first
    assert (digest(ROWS) == digest(found)) == (first is None)


def test_rows_are_put_together_by_step_and_layers_have_names():
    rows = [(0, 0, "train_loss", 1.0), (0, 7, "cosine", 0.5), (10, 0, "train_loss", 0.5), (0, 0, "update_flops", 3.0)]
    assert metric_names.by_step(rows) == [
        (0, {"step": 0.0, "train/loss": 1.0, "sg/cosine/layer_07": 0.5, "cost/update_flops": 3.0}),
        (10, {"step": 10.0, "train/loss": 0.5}),
    ]
    assert metric_names.metric("unheard_of", 3) == "other/unheard_of/layer_03"


def test_the_summary_keeps_the_best_and_the_last():
    rows = [(0, {"train/loss": 2.0, "train/accuracy": 0.5, "norm/weights/layer_01": 3.0})]
    rows += [(1, {"train/loss": 1.0, "train/accuracy": 0.7}), (2, {"train/loss": math.nan, "train/accuracy": 0.6})]
    found = metric_names.summary(rows)
    assert found["train/accuracy"] == {"max": 0.7, "last": 0.6}
    assert (found["train/loss"]["min"], found["norm/weights/layer_01"]) == (1.0, 3.0)
    assert math.isnan(found["train/loss"]["last"])
    assert metric_names.last(found, "train_accuracy") == 0.6
    assert metric_names.last(found, "test_loss") is None


@pytest.mark.parametrize(
    ("value", "number"), [(1, 1.0), ("NaN", math.nan), ("-Infinity", -math.inf), ("1", None), (True, None), ({}, None)]
)
def test_numbers_that_are_not_finite_are_words_in_w_and_b_s_json(value, number):
    found = metric_names.number(value)
    assert found == number or (math.isnan(number) and math.isnan(found))


def test_definitions_are_written_as_w_and_b_s_client_writes_them():
    """By the numbers of the fields of its records."""
    from wandb.proto import wandb_internal_pb2 as proto

    def number(message, field):
        return getattr(proto, message).DESCRIPTOR.fields_by_name[field].number

    loss, cosine = runs_there.definitions(["step", "train/loss", "sg/cosine/layer_01"])[1:]
    names = {field: str(number("MetricRecord", field)) for field in ("name", "step_metric_index", "options", "summary")}
    assert names == {"name": "1", "step_metric_index": "5", "options": "6", "summary": "7"}
    assert loss[names["summary"]] == [number("MetricSummary", each) for each in ("min", "last")]
    assert loss[names["options"]] == [number("MetricOptions", each) for each in ("step_sync", "defined")]
    assert (loss["1"], cosine["1"], cosine["7"]) == ("train/loss", "sg/cosine/layer_01", [])
