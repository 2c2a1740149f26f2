"""Snakemake's records travel with the results: restored once, only for outputs that are those they are of."""

import base64
import json
import lzma

import pytest

from pipeline.results import packed_records, paths, recorded, store

OUTPUT, OTHERS = "results/mine/metrics.json", "results/theirs/metrics.json"


def place_of(output):
    return recorded.METADATA / base64.urlsafe_b64encode(output.encode()).decode()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A tree with an output of two studies, each with a record, packed for one."""
    monkeypatch.chdir(tmp_path)
    for name in (OUTPUT, OTHERS):
        store.write_bytes(name, name.encode())
        store.write_bytes(place_of(name), json.dumps({"rule": "summarise", "params": [name]}).encode())
    packed_records.pack("mine")
    return tmp_path


def fresh():
    """What a clone has after a pull: no record, and nothing of what was known about packs."""
    for path in recorded.METADATA.parent.glob("records-of-*"):
        path.unlink()
    for path in recorded.METADATA.iterdir():
        path.unlink()


def test_a_fresh_clone_has_the_records_of_the_study_and_of_no_other(place):
    fresh()
    assert packed_records.restore("mine") == 1
    assert recorded.records().keys() == {OUTPUT}
    assert recorded.records()[OUTPUT].params == (OUTPUT,)


def test_it_is_done_once(place):
    assert packed_records.restore("mine") == 0, "who has packed has the records"
    fresh()
    packed_records.restore("mine")
    place_of(OUTPUT).unlink()
    assert packed_records.restore("mine") == 0
    recorded.METADATA.rmdir()
    assert packed_records.restore("mine") == 1, "all records are gone: they are needed again"


def test_records_of_a_newer_pack_take_the_place_of_older_ones(place):
    fresh()
    store.write_bytes(place_of(OUTPUT), b'{"rule": "older"}')
    assert packed_records.restore("mine") == 1
    assert recorded.records()[OUTPUT].rule == "summarise"


def test_an_output_made_here_keeps_its_own_record(place):
    fresh()
    store.write_bytes(OUTPUT, b"made here")
    store.write_bytes(place_of(OUTPUT), b'{"rule": "mine"}')
    assert packed_records.restore("mine") == 0
    assert recorded.records()[OUTPUT].rule == "mine"


def test_an_output_that_did_not_travel_has_its_record(place):
    fresh()
    paths.metrics("mine").unlink()
    assert packed_records.restore("mine") == 1


def test_without_a_pack_nothing_happens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert packed_records.restore("mine") == 0
    assert not recorded.METADATA.exists()


def test_the_same_records_give_the_same_bytes(place):
    first = paths.packed_records("mine").read_bytes()
    packed_records.pack("mine")
    assert paths.packed_records("mine").read_bytes() == first


def planted(**changes):
    source = paths.packed_records("mine")
    content = json.loads(lzma.decompress(source.read_bytes())) | changes
    source.write_bytes(lzma.compress(json.dumps(content).encode()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "expected records of version 1"),
        ({"more": 1}, "expected records of version 1"),
        ({"records": []}, "expected records of version 1"),
        ({"records": {"../../evil": {}}, "outputs": {"../../evil": ["a", "b"]}}, "expected a record under its name"),
        ({"records": {"/tmp/evil": {}}, "outputs": {"/tmp/evil": ["a", "b"]}}, "expected a record under its name"),
        ({"records": {"abcd": "text"}, "outputs": {"abcd": ["a", "b"]}}, "expected a record under its name"),
        ({"outputs": {}}, "and its sha256, found None"),
        ({"records": {"abcd": {}}, "outputs": {"abcd": [1, 2]}}, "and its sha256, found"),
    ],
)
def test_a_pack_of_something_else_is_refused_and_nothing_is_written(place, changes, message):
    fresh()
    planted(**changes)
    with pytest.raises(store.DamagedFileError, match=message):
        packed_records.restore("mine")
    assert not list(recorded.METADATA.iterdir())


def test_a_pack_cut_short_is_refused(place):
    source = paths.packed_records("mine")
    source.write_bytes(source.read_bytes()[:-20])
    fresh()
    with pytest.raises(store.DamagedFileError, match="remove it and pull the results again"):
        packed_records.restore("mine")
