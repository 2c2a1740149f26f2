"""Files are complete or missing, have checksums and provenance, and reading them never runs code."""

import errno
import os
import pickle

import numpy as np
import pandas as pd
import pytest

from pipeline.results import store

ORIGIN = {"stage": "test", "commit": "abc"}
TABLE = pd.DataFrame({"step": [1, 2], "value": [0.5, np.nan], "name": ["a", "ü"]})
ARRAYS = {"a/b": np.arange(12, dtype=np.float32).reshape(3, 4), "c": np.array(7), "d": np.zeros((0, 3))}


def test_tables_come_back(tmp_path):
    path = tmp_path / "deep" / "t.parquet"
    store.write_table(path, TABLE, ORIGIN)
    pd.testing.assert_frame_equal(store.read_table(path), TABLE)
    assert store.provenance_of(path) == ORIGIN


def test_an_empty_table_comes_back(tmp_path):
    store.write_table(tmp_path / "t.parquet", pd.DataFrame(), ORIGIN)
    assert store.read_table(tmp_path / "t.parquet").empty


def test_arrays_come_back(tmp_path):
    path = tmp_path / "a.safetensors"
    store.write_arrays(path, ARRAYS, ORIGIN)
    found = store.read_arrays(path)
    assert found.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(found[name], array)
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
    assert list(store.read_arrays(path, ["c"])) == ["c"]
    assert store.array_names(path) == sorted(ARRAYS)
    assert store.provenance_of(path) == ORIGIN


def test_equal_content_gives_equal_bytes(tmp_path):
    for name in [f"copy{number}" for number in range(8)]:
        store.write_arrays(tmp_path / f"{name}.safetensors", ARRAYS, ORIGIN)
        store.write_table(tmp_path / f"{name}.parquet", TABLE, ORIGIN)
        store.write_json(tmp_path / f"{name}.json", {"b": 1, "a": [1.5]})
    for ending in ("safetensors", "parquet", "json"):
        assert len({store.sha256(path) for path in tmp_path.glob(f"*.{ending}")}) == 1


def test_an_unknown_array_is_named(tmp_path):
    store.write_arrays(tmp_path / "a.safetensors", ARRAYS, ORIGIN)
    with pytest.raises(
        store.DamagedFileError, match=r"a\.safetensors: expected the array 'x', found .*; remove it and run"
    ):
        store.read_arrays(tmp_path / "a.safetensors", ["x"])


@pytest.mark.parametrize(
    ("content", "found"),
    [({}, "none"), ({"b": 1, "a": 2}, "a, b"), (dict.fromkeys("abcdef", 1), r"a, .*, e, … \(6 in all\)")],
)
def test_an_unknown_key_of_json_is_named(tmp_path, content, found):
    path = tmp_path / "a.json"
    store.write_json(path, {"whole": [content]})
    read = store.read_json(path)
    assert read == {"whole": [content]}
    assert read.get("x") is None
    for part, said in ((read, "whole"), (read["whole"][0], found)):
        with pytest.raises(
            store.DamagedFileError, match=rf"a\.json: expected the key 'x', found {said}; remove it and run"
        ):
            part["x"]


@pytest.mark.parametrize("position", [-1, -20])
def test_an_altered_array_is_found(tmp_path, position):
    path = tmp_path / "a.safetensors"
    store.write_arrays(path, ARRAYS, ORIGIN)
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(store.DamagedFileError, match=r"a\.safetensors: array '.*checksum differs"):
        store.read_arrays(path)


def test_an_altered_table_is_found(tmp_path):
    path = tmp_path / "t.parquet"
    store.write_table(path, pd.DataFrame({"value": np.random.default_rng(0).normal(size=1000)}), ORIGIN)
    content = bytearray(path.read_bytes())
    content[3000] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(store.DamagedFileError, match=r"t\.parquet: expected a parquet table"):
        store.read_table(path)


@pytest.mark.parametrize("content", [b"", b"half", pickle.dumps({"a": 1})])
def test_truncated_and_foreign_files_are_refused(tmp_path, content):
    for ending, read in [("safetensors", store.read_arrays), ("parquet", store.read_table), ("json", store.read_json)]:
        path = tmp_path / f"x.{ending}"
        path.write_bytes(content)
        with pytest.raises(store.DamagedFileError, match=rf"x\.{ending}: expected"):
            read(path)


def test_a_failed_write_leaves_nothing_and_loses_nothing(tmp_path):
    path = tmp_path / "x.json"
    store.write_json(path, {"old": 1})
    with pytest.raises(ValueError, match="Out of range"):
        store.write_json(path, {"new": float("nan")})

    def break_off():
        with store.atomic(path) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert store.read_json(path) == {"old": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_a_folder_is_put_in_place_whole_and_other_files_in_it_stay(tmp_path):
    target = tmp_path / "deep" / "folder"
    for number in (1, 2):
        with store.atomic_folder(target) as staged:
            (staged / "sub").mkdir()
            (staged / "sub" / str(number)).write_text("x")
            (staged / "same").write_text(str(number))
            assert number == 2 or not target.exists()
        (target / "own").touch()
    assert sorted(p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()) == [
        "own",
        "same",
        "sub/1",
        "sub/2",
    ]
    assert (target / "same").read_text() == "2"
    assert list(target.parent.iterdir()) == [target]


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    def break_off():
        with store.atomic_folder(tmp_path / "folder") as staged:
            (staged / "file").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        break_off()
    assert not list(tmp_path.iterdir())


def test_a_folder_behind_a_link_is_filled(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with store.atomic_folder(tmp_path / "link") as staged:
        (staged / "file").touch()
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "elsewhere" / "file").is_file()


def test_a_missing_file_is_told_from_a_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        store.read_arrays(tmp_path / "no.safetensors")


LARGE = np.random.default_rng(0).normal(size=20_000)  # 160 kB
WRITERS = {
    "a.safetensors": lambda path: store.write_arrays(path, {"x": LARGE}, ORIGIN),
    "t.parquet": lambda path: store.write_table(path, pd.DataFrame({"x": LARGE}), ORIGIN),
    "j.json": lambda path: store.write_json(path, LARGE.tolist()),
    "p.html": lambda path: store.write_bytes(path, LARGE.tobytes()),
}
FULL = r"^{}: no space left on the device; make room and run the same command again$"


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_named_with_the_file(tmp_path, disk, name):
    remount = disk(tmp_path / "small", "64k")
    path = tmp_path / "small" / "folder" / name
    with pytest.raises(store.FullDiskError, match=FULL.format(path)) as caught:
        WRITERS[name](path)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    assert list(path.parent.iterdir()) == []
    remount("size=1m")
    WRITERS[name](path)
    assert path.is_file()


def test_a_full_disk_is_named_with_the_folder_whose_files_are_put_in_place_at_once(tmp_path, disk):
    disk(tmp_path / "small", "64k")
    target = tmp_path / "small" / "data"

    def fill():
        with store.atomic_folder(target) as staged:
            store.write_bytes(staged / "x", LARGE.tobytes())

    with pytest.raises(store.FullDiskError, match=FULL.format(target)):
        fill()
    assert list((tmp_path / "small").iterdir()) == []


def full(number):
    def fail(*args, **options):
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("call", ["fsync", "mkdir"])
def test_a_disk_that_is_full_at_another_moment_is_named_too(tmp_path, monkeypatch, name, call):
    monkeypatch.setattr(os, call, full(errno.ENOSPC))
    with pytest.raises(store.FullDiskError, match=FULL.format(tmp_path / "new" / name)):
        WRITERS[name](tmp_path / "new" / name)


def test_a_full_disk_quota_is_named_with_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full(errno.EDQUOT))
    with pytest.raises(store.FullDiskError, match=r"x\.json: the disk quota is used up; make room"):
        store.write_json(tmp_path / "x.json", {})


def test_other_errors_stay_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", full(errno.EIO))
    with pytest.raises(OSError, match="Input/output error") as caught:
        store.write_json(tmp_path / "x.json", {})
    assert not isinstance(caught.value, store.FullDiskError)
