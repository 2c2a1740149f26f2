"""Data that travels with the results: packed, and unpacked before any other place is asked."""

import base64
import gzip
import hashlib
import lzma

import pytest

from pipeline.datasets import mnist
from pipeline.datasets.shared import download, sources
from pipeline.datasets.shared.unpack import unpack
from pipeline.results import paths, recorded, store
from pipeline.sharing import pack

CONTENT = {name: bytes([number]) * 1000 for number, (name, _) in enumerate(mnist.FILES)}
FILES = tuple((name, hashlib.sha256(content).hexdigest()) for name, content in CONTENT.items())


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with small files in the place of MNIST's, and nowhere to fetch them from."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mnist, "FILES", FILES)
    monkeypatch.setattr(mnist, "SOURCES", ())
    monkeypatch.setattr(pack.members, "constants", lambda family, name: {"FILES": FILES})
    paths.data("mnist").mkdir(parents=True)
    store.write_bytes("results/smoke/metrics.json", b"{}")
    record = base64.urlsafe_b64encode(b"results/smoke/metrics.json").decode()
    store.write_bytes(recorded.METADATA / record, b'{"rule": "summarise"}')
    for name, content in CONTENT.items():
        (paths.data("mnist") / name).write_bytes(content)
    return tmp_path


def packed(name):
    return paths.packed("mnist") / f"{name}.xz"


def test_what_was_packed_is_unpacked_where_nothing_can_be_fetched(place, capsys):
    pack.main(["--study", "smoke", "--dataset", "mnist"])
    fresh = place / "fresh"
    unpack("mnist", fresh)
    assert {path.name: path.read_bytes() for path in fresh.iterdir()} == CONTENT
    assert f"from {paths.packed('mnist')}" in capsys.readouterr().out


def test_packing_twice_does_it_once_and_a_damaged_pack_is_made_anew(place, capsys):
    pack.main(["--study", "smoke", "--dataset", "mnist"])
    first = {name: packed(name).read_bytes() for name in CONTENT}
    broken, *_ = CONTENT
    packed(broken).write_bytes(first[broken][:-4])
    capsys.readouterr()
    pack.main(["--study", "smoke", "--dataset", "mnist"])
    assert capsys.readouterr().out.count("already there") == len(CONTENT) - 1
    assert {name: packed(name).read_bytes() for name in CONTENT} == first


def test_a_damaged_file_is_not_packed(place):
    (paths.data("mnist") / "train-images-idx3-ubyte").write_bytes(b"other")
    with pytest.raises(SystemExit, match=r"found sha256 .*, expected .*; fetch it again"):
        pack.main(["--study", "smoke", "--dataset", "mnist"])
    assert not paths.packed("mnist").exists()


def test_a_damaged_pack_is_passed_over_with_the_reason(place, capsys):
    pack.main(["--study", "smoke", "--dataset", "mnist"])
    name = "t10k-labels-idx1-ubyte"
    packed(name).write_bytes(lzma.compress(b"something else"))
    unpack("mnist", place / "fresh")
    assert f"{name}: found sha256" in capsys.readouterr().out
    assert not (place / "fresh" / name).exists()
    assert len(list((place / "fresh").iterdir())) == len(CONTENT) - 1


def test_a_pack_cut_short_is_passed_over(place, capsys):
    pack.main(["--study", "smoke", "--dataset", "mnist"])
    for name in CONTENT:
        packed(name).write_bytes(packed(name).read_bytes()[:-10])
    unpack("mnist", place / "fresh")
    assert "could not get" in capsys.readouterr().out
    assert not list((place / "fresh").iterdir())


def test_gzip_under_the_name_of_xz_is_what_its_first_bytes_say(place):
    folder = place / "g"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / f"{name}.xz").write_bytes(gzip.compress(content))
    download.fetch(place / "fresh", FILES, (sources.Packed(folder),))
    assert {path.name: path.read_bytes() for path in (place / "fresh").iterdir()} == CONTENT


def test_a_study_that_was_not_made_is_a_clear_error(place):
    with pytest.raises(SystemExit, match=r"no output of paper has a record .* make the study first"):
        pack.main(["--study", "paper", "--dataset", "mnist"])
    assert not paths.packed_records("paper").exists()
