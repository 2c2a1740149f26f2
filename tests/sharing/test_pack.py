"""Data that travels with the results: packed once, and unpacked whole or not at all."""

import base64
import gzip
import hashlib
import lzma

import pytest

from pipeline import members
from pipeline.datasets import mnist
from pipeline.datasets.shared import download, sources
from pipeline.datasets.shared.unpack import unpack
from pipeline.results import paths, snakemake_records, store
from pipeline.sharing import pack

CONTENT = {name: bytes([number]) * 1000 for number, (name, _) in enumerate(mnist.FILES)}
FILES = tuple((name, hashlib.sha256(content).hexdigest()) for name, content in CONTENT.items())


@pytest.fixture
def place(root, tmp_path, monkeypatch):
    """A folder with small files instead of MNIST's, no source to fetch them from, and a study without models."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(root / "configs")
    monkeypatch.setattr(mnist, "FILES", FILES)
    monkeypatch.setattr(mnist, "SOURCES", ())
    declared = members.constants

    def constants(family, name):
        return {**declared(family, name), **({"FILES": FILES} if name == "mnist" else {})}

    monkeypatch.setattr(members, "constants", constants)
    paths.data("mnist").mkdir(parents=True)
    store.write_bytes("results/smoke/metrics.json", b"{}")
    record = base64.urlsafe_b64encode(b"results/smoke/metrics.json").decode()
    store.write_bytes(snakemake_records.METADATA / record, b'{"rule": "summarise"}')
    for name, content in CONTENT.items():
        (paths.data("mnist") / name).write_bytes(content)
    return tmp_path


def packed(name):
    return paths.packed("mnist") / f"{name}.xz"


def test_packed_data_is_unpacked_without_any_source(place, capsys):
    pack.main(["--study", "smoke", "--dataset", "mnist"])
    fresh = place / "fresh"
    unpack("mnist", fresh)
    assert {path.name: path.read_bytes() for path in fresh.iterdir()} == CONTENT
    assert capsys.readouterr().err == f"unpacked {len(CONTENT)} files from {paths.packed('mnist')} into {fresh}\n"
    unpack("mnist", fresh)
    assert capsys.readouterr() == ("", ""), "the second time there is nothing to do"


def test_only_missing_files_are_unpacked(place, capsys):
    pack.main(["--study", "smoke", "--dataset", "mnist"])
    first, *others = CONTENT
    for name in others:
        (paths.data("mnist") / name).unlink()
    (paths.data("mnist") / first).write_bytes(b"the user's own")
    unpack("mnist")
    assert (paths.data("mnist") / first).read_bytes() == b"the user's own"
    assert {name: (paths.data("mnist") / name).read_bytes() for name in others} == {n: CONTENT[n] for n in others}
    assert "unpacked 3 files" in capsys.readouterr().err
    assert list(paths.DATA.iterdir()) == [paths.data("mnist")]


def test_a_file_is_packed_once_and_a_damaged_pack_is_replaced(place, capsys):
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
    with pytest.raises(store.DamagedFileError, match=r"found sha256 .*, expected .*; fetch it again"):
        pack.main(["--study", "smoke", "--dataset", "mnist"])
    assert not paths.packed("mnist").exists()


def test_of_a_damaged_pack_nothing_is_unpacked_and_the_reason_is_told(place, capsys):
    pack.main(["--study", "smoke", "--dataset", "mnist"])
    name = "t10k-labels-idx1-ubyte"
    packed(name).write_bytes(lzma.compress(b"something else"))
    capsys.readouterr()
    unpack("mnist", place / "fresh")
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert f"{name}: found sha256" in said.err
    assert not (place / "fresh").exists()


def test_a_truncated_pack_is_not_used(place, capsys):
    pack.main(["--study", "smoke", "--dataset", "mnist"])
    for name in CONTENT:
        packed(name).write_bytes(packed(name).read_bytes()[:-10])
    unpack("mnist", place / "fresh")
    assert "the packed data of mnist are not used" in capsys.readouterr().err
    assert not (place / "fresh").exists()


def test_a_folder_that_can_not_be_made_is_told(place, capsys):
    pack.main(["--study", "smoke", "--dataset", "mnist"])
    (place / "file").touch()
    unpack("mnist", place / "file" / "fresh")
    assert "warning: the packed data of mnist are not used: " in capsys.readouterr().err


def test_gzip_content_is_recognised_under_the_name_of_xz(place):
    folder = place / "g"
    folder.mkdir()
    for name, content in CONTENT.items():
        (folder / f"{name}.xz").write_bytes(gzip.compress(content))
    download.fetch(place / "fresh", FILES, (sources.Packed(folder),))
    assert {path.name: path.read_bytes() for path in (place / "fresh").iterdir()} == CONTENT


def test_a_study_that_was_not_made_is_a_clear_error(place):
    with pytest.raises(FileNotFoundError, match=r"no record in .* of an output of paper: make the study first"):
        pack.main(["--study", "paper", "--dataset", "mnist"])
    assert not paths.packed_records("paper").exists()
