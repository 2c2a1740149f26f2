"""Checkpoints to go on from: whole, of this run, and one more behind."""

import json
import os
import signal
import struct

import numpy as np
import pytest
from fault_page import told

from pipeline.results import store
from pipeline.runs import checkpoints
from pipeline.runs.checkpoints import Checkpoints

ORIGIN = {"settings": "s", "code": "c", "inputs": {"rate.json": "0"}, "lock": "l", "versions": {"torch": "1"}}


@pytest.fixture
def keeper(tmp_path):
    return Checkpoints(tmp_path / "r.safetensors", ORIGIN, seconds=1e9)


def state(value):
    return {"step": np.array(value), "x": np.arange(4.0) + value}


def test_what_was_saved_is_found_again_and_forgotten_at_the_end(keeper, tmp_path):
    assert keeper.newest() is None
    keeper.save(state(1))
    keeper.save(state(2))
    found = keeper.newest()
    assert found["step"] == 2
    assert np.array_equal(found["x"], [2, 3, 4, 5])
    keeper.done()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", checkpoints.DECIDE)
def test_a_checkpoint_of_something_else_is_refused_with_the_reason(keeper, name, capsys):
    keeper.save(state(1))
    other = Checkpoints(keeper.path, {**ORIGIN, name: "other"}, seconds=1e9)
    assert other.newest() is None
    said = capsys.readouterr().out
    told("a checkpoint of other settings, code, data or versions", said)
    assert f"from other {name}, not used" in said
    assert keeper.newest() is not None, "it is kept, in case someone goes back to the old settings"


def damage(path, how):
    content = path.read_bytes()
    if how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "altered":
        path.write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
    else:
        path.write_bytes(b"\x80\x04K\x01." * 20)


@pytest.mark.parametrize("how", ["truncated", "empty", "altered", "a pickle"])
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_it_is_used(keeper, how, capsys, tmp_path):
    keeper.save(state(1))
    keeper.save(state(2))
    damage(keeper.path, how)
    assert keeper.newest()["step"] == 1
    said = capsys.readouterr().out
    told("a damaged checkpoint", said)
    assert "damaged, set aside as r.safetensors.damaged" in said
    assert (tmp_path / "r.safetensors.damaged").is_file()
    keeper.save(state(3))
    damage(keeper.path, how)
    damage(keeper.previous, how)
    assert keeper.newest() is None
    assert len(list(tmp_path.glob("*.damaged*"))) == 3


def test_an_array_that_is_gone_is_damage(keeper):
    path = keeper.path
    store.write_arrays(path, state(1), ORIGIN)
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    head = json.loads(content[8 : 8 + size])
    start, end = head.pop("x")["data_offsets"]
    if head["step"]["data_offsets"][0] >= end:
        head["step"]["data_offsets"] = [n - (end - start) for n in head["step"]["data_offsets"]]
    text = json.dumps(head).encode()
    data = content[8 + size :]
    path.write_bytes(struct.pack("<Q", len(text)) + text + data[:start] + data[end:])
    with pytest.raises(store.DamagedFileError, match="was written and is not there"):
        store.read_arrays(path)
    assert keeper.newest() is None


def test_killed_between_the_two_renames_the_one_before_is_used(keeper):
    keeper.save(state(1))
    keeper.path.replace(keeper.previous)
    store.write_arrays(keeper.coming, state(2), ORIGIN)
    assert keeper.newest()["step"] == 1
    keeper.save(state(3))
    assert keeper.newest()["step"] == 3
    keeper.done()
    assert not list(keeper.path.parent.iterdir())


def test_a_checkpoint_is_written_when_it_is_due(tmp_path):
    keeper = Checkpoints(tmp_path / "r.safetensors", ORIGIN, seconds=0)
    keeper.after_step(lambda: state(7))
    assert keeper.newest()["step"] == 7


def test_and_not_before(keeper):
    keeper.after_step(lambda: pytest.fail("no checkpoint was due"))
    assert not keeper.path.exists()


@pytest.mark.parametrize("number", checkpoints.SIGNALS)
def test_a_signal_is_answered_after_the_step_with_a_checkpoint_and_an_exit_code(keeper, number, capsys):
    before = signal.getsignal(number)
    with keeper:
        os.kill(os.getpid(), number)
        with pytest.raises(SystemExit) as end:
            keeper.after_step(lambda: state(5))
    assert end.value.code == 128 + number
    assert keeper.newest()["step"] == 5
    assert f"{signal.Signals(number).name}: stopped" in capsys.readouterr().out
    assert signal.getsignal(number) is before


def test_the_interval_is_a_variable_and_has_to_be_a_number(tmp_path, monkeypatch):
    monkeypatch.setenv(checkpoints.SECONDS_VARIABLE, "5")
    assert Checkpoints(tmp_path / "r", ORIGIN).seconds == 5
    monkeypatch.setenv(checkpoints.SECONDS_VARIABLE, "soon")
    with pytest.raises(ValueError, match="found 'soon', expected a number of seconds"):
        Checkpoints(tmp_path / "r", ORIGIN)
