"""Snakemake's records travel with the results: restored once, whole, and only for the outputs that they describe."""

import base64
import json
import lzma
import os
import shutil
import signal
import subprocess
import sys

import pytest

from pipeline.results import paths, snakemake_records, store

OUTPUT, SECOND, OTHERS = "results/mine/metrics.json", "results/mine/verdicts.json", "results/theirs/metrics.json"


def place_of(output):
    return snakemake_records.METADATA / base64.urlsafe_b64encode(output.encode()).decode()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A tree with outputs of two studies, each with a record, packed for one study."""
    monkeypatch.chdir(tmp_path)
    for name in (OUTPUT, SECOND, OTHERS):
        store.write_bytes(name, name.encode())
        store.write_bytes(place_of(name), json.dumps({"rule": "summarise", "params": [name]}).encode())
    snakemake_records.pack("mine")
    return tmp_path


def fresh():
    """Leave what a clone has after a pull: no records, and no mark of a restored pack."""
    for path in snakemake_records.METADATA.parent.glob("records-of-*"):
        path.unlink()
    for path in snakemake_records.METADATA.iterdir():
        path.unlink()


def written(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_fresh_clone_has_the_records_of_the_study_and_of_no_other(place):
    fresh()
    assert snakemake_records.restore("mine") == 2
    assert snakemake_records.records().keys() == {OUTPUT, SECOND}
    assert snakemake_records.records()[OUTPUT].params == (OUTPUT,)


def test_it_is_told_once_on_stderr_and_the_second_time_nothing_is_written(place, capsys):
    fresh()
    snakemake_records.restore("mine")
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == f"restored Snakemake's records of 2 outputs of mine from {paths.packed_records('mine')}\n"
    before = written(place)
    assert snakemake_records.restore("mine") == 0
    assert capsys.readouterr() == ("", "")
    assert written(place) == before


def test_each_pack_is_restored_once(place):
    assert snakemake_records.restore("mine") == 0, "the machine that packed has the records"
    fresh()
    snakemake_records.restore("mine")
    place_of(OUTPUT).unlink()
    assert snakemake_records.restore("mine") == 0
    place_of(SECOND).unlink()
    snakemake_records.METADATA.rmdir()
    assert snakemake_records.restore("mine") == 2, "all records are gone: they are needed again"


def test_records_of_a_newer_pack_replace_older_ones(place):
    fresh()
    store.write_bytes(place_of(OUTPUT), b'{"rule": "older"}')
    store.write_bytes(place_of(OTHERS), b'{"rule": "theirs"}')
    assert snakemake_records.restore("mine") == 2
    rules = {output: record.rule for output, record in snakemake_records.records().items()}
    assert rules == {OUTPUT: "summarise", SECOND: "summarise", OTHERS: "theirs"}


def test_an_output_made_here_keeps_its_own_record(place):
    fresh()
    store.write_bytes(OUTPUT, b"made here")
    store.write_bytes(place_of(OUTPUT), b'{"rule": "mine"}')
    assert snakemake_records.restore("mine") == 1
    assert snakemake_records.records()[OUTPUT].rule == "mine"


def test_an_output_that_did_not_travel_has_its_record(place):
    fresh()
    paths.metrics("mine").unlink()
    assert snakemake_records.restore("mine") == 2


def test_a_record_under_a_long_name_is_restored(place):
    deep = place_of(OUTPUT).with_name("@" + place_of(OUTPUT).name[:8]) / place_of(OUTPUT).name[8:]
    deep.parent.mkdir()
    place_of(OUTPUT).rename(deep)
    snakemake_records.pack("mine")
    deep.unlink()
    deep.parent.rmdir()
    fresh()
    assert snakemake_records.restore("mine") == 2
    assert deep.is_file()


KILLED_AT = """
import itertools, os, signal, sys
from pipeline.results import snakemake_records
numbers = itertools.count(1)
def hook(event, arguments):
    here = "/.snakemake" in str(arguments[0]) if arguments else False
    if here and event in ("open", "os.rename", "os.mkdir", "os.rmdir", "os.remove") and next(numbers) == int(sys.argv[1]):
        os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(hook)
snakemake_records.restore("mine")
"""


def test_a_kill_leaves_all_records_or_none_and_the_next_call_makes_it_good(place, root):
    fresh()
    environment = {**os.environ, "PYTHONPATH": str(root)}
    seen = set()
    for number in range(1, 60):
        command = [sys.executable, "-c", KILLED_AT, str(number)]
        code = subprocess.run(command, cwd=place, env=environment, capture_output=True).returncode
        seen.add(found := len(snakemake_records.records()))
        assert found in (0, 2)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        snakemake_records.restore("mine")
        assert len(snakemake_records.records()) == 2
        fresh()
    assert seen == {0, 2}
    assert code == 0


def test_without_a_pack_nothing_happens(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert snakemake_records.restore("mine") == 0
    assert not snakemake_records.METADATA.exists()


def test_the_same_records_give_the_same_bytes(place):
    first = paths.packed_records("mine").read_bytes()
    snakemake_records.pack("mine")
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
        snakemake_records.restore("mine")
    assert not list(snakemake_records.METADATA.iterdir())


def test_a_truncated_pack_is_refused(place):
    source = paths.packed_records("mine")
    source.write_bytes(source.read_bytes()[:-20])
    fresh()
    with pytest.raises(store.DamagedFileError, match="remove it and pull the results again"):
        snakemake_records.restore("mine")


def test_data_prepared_by_an_earlier_command_have_no_record_left(place, root):
    """With it Snakemake would prepare them again, and take the results of older code that were made from them for fresh."""
    shutil.copytree(root / snakemake_records.RULES, snakemake_records.RULES)
    command = snakemake_records.commands()["prepare"]
    images, labels = paths.data("mnist") / "images", paths.data("mnist") / "labels"
    for output, code in ((images, "python -m pipeline.prepare"), (labels, command)):
        store.write_bytes(place_of(str(output)), json.dumps({"rule": "prepare", "code": code}).encode())
    assert snakemake_records.forget_outdated([images, labels, paths.data("mnist") / "none"], "prepare") == 1
    assert not place_of(str(images)).exists()
    assert place_of(str(labels)).exists()
    assert snakemake_records.forget_outdated([images, labels], "prepare") == 0
