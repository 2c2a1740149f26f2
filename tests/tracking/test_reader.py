"""Reading files that W&B itself has written, whole and damaged."""

import math
import shutil
import zlib

import pytest
from tracked_runs import start

from pipeline.tracking import reader, run_content
from pipeline.tracking.reader import DamagedRunError

LONG = "x" * (3 * reader.BLOCK)  # its record spans several blocks


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The file of a run that W&B has recorded."""
    place = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch:
        tracker = start(place, patch)
        for step in range(0, 300, 10):
            tracker.log(step, {"step": step, "train/loss": 300.0 - step, "acc/train": step, "odd": float("nan")})
        tracker.summary({"test_accuracy": 0.5, "long": LONG, "status": "finished"})
        for step in range(300, 600, 10):
            tracker.log(step, {"step": step, "train/loss": 1 / step})
        tracker.finish()
    (path,) = place.glob("wandb/" + reader.FILES)
    return path


@pytest.fixture
def file(written, tmp_path):
    """A copy of the file in a folder of the same name."""
    return shutil.copytree(written.parent, tmp_path / "wandb" / written.parent.name) / written.name


def test_a_run_is_read_as_it_was_recorded(written):
    run = reader.read(written)
    assert (run.id, run.name, run.job_type) == (run_content.run_id("train", "abc"), "every_sg-s0", "train")
    assert run.curves["train/loss"] == [
        *((step, 300.0 - step) for step in range(0, 300, 10)),
        *((step, 1 / step) for step in range(300, 600, 10)),
    ]
    assert run.curves["acc/train"] == [(step, float(step)) for step in range(0, 300, 10)]
    assert set(run.curves) == {"step", "train/loss", "acc/train"}
    assert [step for step, _ in run.rows] == list(range(0, 600, 10))
    assert [name for name, value in run.rows[0][1].items() if math.isnan(value)] == ["odd"]
    assert run.rows[-1] == (590, {"step": 590.0, "train/loss": 1 / 590})
    assert [sorted(times) for times in run.times.values()] == [["_runtime", "_timestamp"]] * 60
    assert not run.is_old
    assert [row["_step"] for row in reader.history(written)] == list(range(0, 600, 10))
    assert (run.summary["test_accuracy"], run.summary["long"], run.summary["status"]) == (0.5, LONG, "finished")
    assert (run.exit_code, run.status) == (0, "finished")
    assert len(written.read_bytes()) > 3 * reader.BLOCK


def test_a_record_with_the_names_of_an_older_version_is_recognised(tmp_path, monkeypatch):
    with start(tmp_path, monkeypatch) as tracker:
        tracker.log(0, {"samples": 0, "train_loss": 2.0})
    (path,) = tmp_path.glob("wandb/" + reader.FILES)
    assert reader.read(path).is_old


def test_a_run_that_failed_is_told_from_one_that_finished(tmp_path, monkeypatch):
    start(tmp_path, monkeypatch).finish("failed")
    (path,) = tmp_path.glob("wandb/" + reader.FILES)
    assert reader.read(path).status == "failed"


@pytest.mark.parametrize("rest", range(reader.FRAGMENT.size))
def test_padding_at_the_end_of_a_block_is_skipped(tmp_path, rest):
    from wandb.proto import wandb_internal_pb2 as proto

    def framed(record):
        content = record.SerializeToString()
        kind = reader.WHOLE
        checksum = zlib.crc32(bytes([kind]) + content)
        return reader.FRAGMENT.pack(checksum, len(content), kind) + content

    first, last = proto.Record(), proto.Record()
    first.run.run_id, last.exit.exit_code = "abc", 1
    wanted = reader.BLOCK - len(reader.HEADER) - rest
    first.run.notes = "x" * (wanted - 100)
    first.run.notes += "x" * (wanted - len(framed(first)))
    assert len(framed(first)) == wanted
    path = tmp_path / "run-abc.wandb"
    path.write_bytes(reader.HEADER + framed(first) + bytes(rest) + framed(last))
    run = reader.read(path)
    assert (run.id, run.status) == ("abc", "failed")


@pytest.mark.parametrize("at", [0, 7, 12, 13, 5000, reader.BLOCK + 3, -100])
def test_an_altered_byte_is_found(file, at):
    content = bytearray(file.read_bytes())
    content[at] ^= 0x55
    file.write_bytes(content)
    with pytest.raises(DamagedRunError) as raised:
        reader.read(file)
    assert str(file) in str(raised.value)


def test_a_killed_run_has_its_complete_records(file):
    content = file.read_bytes()
    file.write_bytes(content[:-2000])
    run = reader.read(file)
    assert run.status == "unfinished"
    assert 30 < len(run.curves["train/loss"]) < 60
    assert run.curves["train/loss"][0] == (0, 300.0)


@pytest.mark.parametrize("content", [b"", b"abc", reader.HEADER, reader.HEADER + bytes(100)])
def test_files_without_a_run_are_refused(file, content):
    file.write_bytes(content)
    with pytest.raises(DamagedRunError, match=r"run-\w+\.wandb: damaged"):
        reader.read(file)


def test_the_newest_of_one_id_counts(file):
    place, id_ = file.parents[1], run_content.run_id("train", "abc")
    older = shutil.copytree(file.parent, place / f"offline-run-20010101_000000-{id_}") / file.name
    online = shutil.copytree(file.parent, place / f"run-20990101_000000-{id_}") / file.name
    older.write_bytes(b"not looked at")
    online.write_bytes(file.read_bytes()[:-2000])
    found, problems = reader.newest([id_, "another"], place)
    assert problems == []
    assert [(each.folder.name, each.status) for each in found.values()] == [(online.parent.name, "unfinished")]


def test_a_damaged_file_is_named_and_the_rest_is_read(file):
    place, id_ = file.parents[1], run_content.run_id("train", "abc")
    other = place / "offline-run-20200101_000000-bad" / "run-bad.wandb"
    other.parent.mkdir()
    other.write_bytes(b"bad")
    found, (problem,) = reader.newest([id_, "bad"], place)
    assert set(found) == {id_}
    assert str(other) in problem
    assert reader.newest(["bad"], place / "nothing") == ({}, [])
    assert reader.newest([], place) == ({}, [])


def test_reading_changes_nothing(file):
    before = {path: path.stat().st_mtime_ns for path in file.parents[1].rglob("*")}
    reader.newest([run_content.run_id("train", "abc")], file.parents[1])
    assert {path: path.stat().st_mtime_ns for path in file.parents[1].rglob("*")} == before


def test_the_folder_is_the_one_that_jobs_use(monkeypatch):
    monkeypatch.delenv("WANDB_DIR", raising=False)
    assert reader.folder().as_posix() == "wandb"
    monkeypatch.setenv("WANDB_DIR", "elsewhere")
    assert reader.folder().as_posix() == "elsewhere/wandb"
