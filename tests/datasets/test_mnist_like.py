"""Getting, checking and reading data sets."""

import gzip
import hashlib
import io
import os
from pathlib import Path

import numpy as np
import pytest
from idx_files import CONTENT, FILES, IMAGES, LABELS, complete, listing, write

from pipeline import __main__ as commands
from pipeline import members
from pipeline.datasets import digits
from pipeline.datasets.shared import download, idx, splits
from pipeline.results import store
from pipeline.stages import prepare


class Given:
    """A source whose content a test chooses."""

    def __init__(self, content):
        self.content, self.asked = content, []

    def __str__(self):
        return "the given source"

    def read(self, wanted):
        self.asked.append(wanted)
        for name in wanted:
            if name in self.content:
                yield name, io.BufferedReader(io.BytesIO(self.content[name]))


# --- fetch


def test_files_appear_plain_and_nothing_else(tmp_path):
    lines = download.fetch(tmp_path, FILES, (Given({n: gzip.compress(c) for n, c in CONTENT.items()}),))
    assert complete(tmp_path)
    assert listing(tmp_path) == sorted(CONTENT)
    assert len(lines) == 4
    assert "the given source" in lines[0]


def test_what_is_there_and_right_is_left_alone(tmp_path):
    write(tmp_path, CONTENT)
    before = {name: (tmp_path / name).stat().st_mtime_ns for name in CONTENT}
    source = Given(CONTENT)
    download.fetch(tmp_path, FILES, (source,))
    assert source.asked == []
    assert before == {name: (tmp_path / name).stat().st_mtime_ns for name in CONTENT}


def test_the_first_source_that_has_a_file_gives_it_and_later_ones_are_asked_for_the_rest(tmp_path):
    first, second, third = Given({IMAGES: CONTENT[IMAGES]}), Given(CONTENT), Given(CONTENT)
    download.fetch(tmp_path, FILES, (first, second, third))
    assert complete(tmp_path)
    assert second.asked == [tuple(name for name in CONTENT if name != IMAGES)]
    assert third.asked == []


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (CONTENT[IMAGES][:-1], "found sha256"),
        (CONTENT[IMAGES] + b"\0", "found sha256"),
        (b"", "found sha256"),
        (gzip.compress(CONTENT[IMAGES])[:-20], "end-of-stream"),
        (gzip.compress(CONTENT[IMAGES])[:60] + b"\xff" * 200, "the given source"),
        (gzip.compress(CONTENT[LABELS]), "found sha256"),
        (b"\x1f\x8b", "the given source"),
    ],
    ids=["short", "long", "empty", "truncated gz", "corrupted gz", "another file", "only a magic number"],
)
def test_a_bad_file_never_appears_and_the_error_says_why(tmp_path, bad, reason):
    with pytest.raises(download.DownloadError, match=IMAGES) as caught:
        download.fetch(tmp_path, FILES, (Given({**CONTENT, IMAGES: bad}),))
    assert reason in str(caught.value)
    assert "PIPELINE_DATA" in str(caught.value)
    assert listing(tmp_path) == sorted(set(CONTENT) - {IMAGES})


def test_a_small_gz_that_unpacks_to_too_much_is_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(download, "MAX_BYTES", 10_000_000)
    bomb = gzip.compress(bytes(200_000_000), compresslevel=1)
    with pytest.raises(download.DownloadError, match="more than 10000000 bytes"):
        download.fetch(tmp_path, FILES[:1], (Given({IMAGES: bomb}),))
    assert listing(tmp_path) == []


def test_a_damaged_file_is_replaced_only_by_a_good_one(tmp_path):
    write(tmp_path, {**CONTENT, IMAGES: b"damaged"})
    with pytest.raises(download.DownloadError) as caught:
        download.fetch(tmp_path, FILES, (Given({IMAGES: b"also bad"}),))
    for expected in (hashlib.sha256(b"damaged").hexdigest(), dict(FILES)[IMAGES], "the given source"):
        assert expected in str(caught.value)
    assert (tmp_path / IMAGES).read_bytes() == b"damaged"
    download.fetch(tmp_path, FILES, (Given(CONTENT),))
    assert complete(tmp_path)


def test_a_mistake_in_a_source_is_not_taken_for_a_missing_file(tmp_path):
    with pytest.raises(TypeError):
        download.fetch(tmp_path, FILES, (Given({IMAGES: 3.5}),))


# --- idx


def test_idx_bytes_stand_for_the_array_row_by_row():
    array = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    content = idx.encode(array)
    assert content[:16].hex() == "00000803" + "00000002" + "00000003" + "00000004"
    np.testing.assert_array_equal(idx.decode(content, "x"), array)


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c[:-1],
        lambda c: c + b"\0",
        lambda c: b"",
        lambda c: c[:9],
        lambda c: b"\0\0\x0d" + c[3:],
        lambda c: b"\1" + c[1:],
        lambda c: c[:3] + b"\0",
        lambda c: c[:3] + b"\xff" + c[4:],
    ],
)
def test_what_is_no_idx_file_is_refused(change):
    with pytest.raises(store.DamagedFileError, match="name of it"):
        idx.decode(change(idx.encode(np.zeros((2, 3, 4)))), "name of it")


def test_pixels_become_float32_from_0_to_1_and_labels_int64(tmp_path):
    write(tmp_path, CONTENT)
    published = idx.load(tmp_path, FILES, peak=255, classes=3)
    assert published.train.inputs.dtype == np.uint8, "bytes until points are chosen"
    data = splits.split(published, train=None, validation=10, test=None, seed=0)
    assert data.train.inputs.shape == (20, 16)
    assert {part.inputs.dtype for part in (data.train, data.validation, data.test)} == {np.dtype(np.float32)}
    assert data.test.labels.dtype == np.int64
    raw = np.frombuffer(CONTENT["t10k-images-idx3-ubyte"][16:], dtype=np.uint8).reshape(12, 16)
    np.testing.assert_allclose(data.test.inputs, raw / 255, rtol=1e-6)
    np.testing.assert_array_equal(data.test.labels, np.arange(12) % 3)


def test_a_data_set_that_was_altered_after_fetching_is_not_loaded(tmp_path):
    write(tmp_path, CONTENT)
    altered = bytearray(CONTENT[LABELS])
    altered[-1] ^= 1
    (tmp_path / LABELS).write_bytes(altered)
    with pytest.raises(store.DamagedFileError, match="expected"):
        idx.load(tmp_path, FILES, peak=255, classes=3)
    (tmp_path / LABELS).unlink()
    with pytest.raises(FileNotFoundError, match="prepare"):
        idx.load(tmp_path, FILES, peak=255, classes=3)


# --- members and the stage


@pytest.mark.parametrize("name", members.members("datasets"))
def test_every_data_set_says_what_it_is(name):
    member = members.load("datasets", name)
    assert member.LICENCE
    assert member.SOURCE
    assert all(len(sha256) == 64 for _, sha256 in member.FILES)
    assert len({file for file, _ in member.FILES}) == len(member.FILES)


def test_the_stage_writes_the_digits_and_a_second_time_nothing(tmp_path, capsys):
    arguments = ["--dataset", "digits", "--root", str(tmp_path / "digits")]
    prepare.main(arguments)
    assert "1000 training and 797 test points of 64 inputs in 10 classes" in capsys.readouterr().out
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "digits").iterdir()}
    prepare.main(arguments)
    assert capsys.readouterr().out.count("already there") == 4
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "digits").iterdir()}


def test_the_digits_are_scikit_learn_s(tmp_path):
    from sklearn.datasets import load_digits

    download.fetch(tmp_path, digits.FILES, digits.SOURCES)
    data = digits.load(tmp_path)
    assert data.peak == 16
    np.testing.assert_array_equal(np.vstack([data.train.inputs, data.test.inputs]), load_digits().data)
    np.testing.assert_array_equal(np.hstack([data.train.labels, data.test.labels]), load_digits().target)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--dataset", "mnits", "--root", "{}/x"], "did you mean 'mnist'"),
        (["--dataset", "digits", "--root", "{}/file/below"], "file/below: Not a directory"),
    ],
)
def test_the_stage_ends_with_one_message(tmp_path, capsys, arguments, said):
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit) as end:
        commands.main(["prepare", *(word.format(tmp_path) for word in arguments)])
    assert end.value.code == 1
    assert said in capsys.readouterr().err


def test_real_mnist(tmp_path):
    mnist = members.load("datasets", "mnist")
    root = Path(__file__).parents[2] / "data" / "mnist"
    if not root.is_dir():
        if not os.environ.get("PIPELINE_DATA"):
            pytest.skip("no data/mnist and PIPELINE_DATA is not set")
        download.fetch(root := tmp_path, mnist.FILES, mnist.SOURCES[:1])
    data = mnist.load(root)
    assert data.train.labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert data.test.labels[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert data.train.inputs.shape == (60_000, 784)
    assert data.train.inputs.mean(dtype=np.float64) / data.peak == pytest.approx(0.1307, abs=5e-5)
    assert data.train.inputs[::7].std(dtype=np.float64) / data.peak == pytest.approx(0.3081, abs=5e-4)
