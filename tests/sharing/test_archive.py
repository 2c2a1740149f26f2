"""The archive has the same bytes each time, contains exactly what its manifest lists, and no secrets."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from pipeline import __main__ as commands
from pipeline.results import paths, run_summaries, store
from pipeline.sharing import archive, crate

COPIED = ("CITATION.cff", "LICENSE", "configs", "pyproject.toml", "requirements.lock", "tools")
RUN = "depth-backprop-hidden2-s0"
BLOCK = "depth-backprop-hidden2-b0"
ORIGIN = {"settings": "abc", "commit": "1" * 40, "dirty": False, "hardware": {"cpu": "c"}, "versions": {"python": "3"}}
WHEN = "2026-01-02T03:04:05+00:00"


def git(*command):
    environment = {**os.environ, "GIT_COMMITTER_DATE": WHEN, "GIT_AUTHOR_DATE": WHEN}
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *command], check=True, env=environment
    )


@pytest.fixture
def place(root, tmp_path, monkeypatch):
    """A repository with the project's metadata and settings, and results of the smoke study."""
    monkeypatch.chdir(tmp_path)
    for name in COPIED:
        source = root / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, tmp_path / name)
    store.write_json(paths.metrics("smoke"), {"metrics": {}, "provenance": ORIGIN})
    ended = run_summaries.content(BLOCK, {RUN: {"status": "finished"}}, {**ORIGIN, "commit": "2" * 40})
    store.write_json(paths.summary("smoke", BLOCK), ended)
    store.write_bytes(paths.drawing("smoke", "learning curves", "csv"), b"a,b\n1,2\n")
    store.write_bytes(paths.checkpoints("smoke", BLOCK), b"large")
    store.write_bytes(paths.activations("smoke", RUN), b"large")
    for name in ("wandb_report.json", "wandb_report.html"):
        store.write_bytes(paths.results("smoke") / name, b"{}")
    (tmp_path / ".gitignore").write_text("/results/\n/dist/\n")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-qm", "x")
    return tmp_path


def made(**options):
    """Name and bytes of the archive, which is removed again."""
    archive.make("smoke", **options)
    (path,) = Path("dist").iterdir()
    content = path.read_bytes()
    path.unlink()
    return path.name, content


def unpacked(content, folder):
    """The top folder of an archive and its files by path, unpacked with Python's filter for untrusted archives."""
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        # Python before 3.11.4 has no filter, but has to unpack it too.
        tar.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    (top,) = folder.iterdir()
    return top, {path.relative_to(top).as_posix(): path for path in top.rglob("*") if path.is_file()}


def test_the_same_input_gives_the_same_bytes_whatever_the_clock_and_the_umask(place):
    name, first = made()
    for path in place.rglob("*"):
        if ".git" not in path.parts:
            os.utime(path, (1, 1))
    before = os.umask(0o077)
    try:
        (place / "LICENSE").chmod(0o600)
        assert made() == (name, first)
    finally:
        os.umask(before)
    head = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout
    assert name == f"synthetic-gradients-study-smoke-{head[:12]}.tar.gz"
    assert first[3:10] == bytes([0, 0, 0, 0, 0, 2, 255]), "gzip's header: no name, no time, no system"


def test_other_results_give_other_bytes(place):
    before = made()[1]
    store.write_bytes(paths.drawing("smoke", "learning curves", "csv"), b"a,b\n1,3\n")
    assert made()[1] != before


def test_files_are_sorted_and_have_no_owner(place):
    content = made()[1]
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        entries = tar.getmembers()
    assert [entry.name for entry in entries] == sorted(entry.name for entry in entries)
    time = 1767323045  # of the commit
    assert {(e.uid, e.gid, e.uname, e.gname, e.mtime) for e in entries} == {(0, 0, "", "", time)}
    modes = {entry.name.partition("/")[2]: entry.mode for entry in entries}
    assert modes["tools/setup.sh"] == (0o755 if os.access("tools/setup.sh", os.X_OK) else 0o644)
    assert modes["LICENSE"] == 0o644


def test_it_contains_exactly_what_the_manifest_lists(place, tmp_path_factory):
    _, found = unpacked(made()[1], tmp_path_factory.mktemp("out"))
    told = json.loads(found["PROVENANCE.json"].read_text())
    sums = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()}
    del sums["PROVENANCE.json"]
    assert told["sha256"] == sums
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True).stdout.split()
    results = {
        "results/smoke/metrics.json",
        f"results/smoke/train/{BLOCK}/summary.json",
        "results/smoke/draw/learning curves.csv",
    }
    assert set(found) == {*tracked, *results, ".zenodo.json", "PROVENANCE.json", "ro-crate-metadata.json"}
    assert told["results"]["commits"] == ["1" * 40, "2" * 40]
    assert told["results"]["versions"] == [{"python": "3"}]
    assert (told["dirty"], told["results"]["settings"]) == (False, "abc")


def test_the_crate_names_each_file_once_and_nothing_else(place, tmp_path_factory):
    top, found = unpacked(made()[1], tmp_path_factory.mktemp("out"))
    content = json.loads(found["ro-crate-metadata.json"].read_text())
    graph = {entity["@id"]: entity for entity in content["@graph"]}
    assert len(graph) == len(content["@graph"])
    assert content["@context"] == "https://w3id.org/ro/crate/1.1/context"
    descriptor, whole = graph["ro-crate-metadata.json"], graph["./"]
    assert descriptor["conformsTo"] == {"@id": "https://w3id.org/ro/crate/1.1"}
    assert descriptor["about"] == {"@id": "./"}
    assert {"name", "description", "datePublished", "license"} <= set(whole)
    parts = [part["@id"] for part in whole["hasPart"]]
    assert sorted(map(unquote, parts)) == sorted(set(found) - {"ro-crate-metadata.json"})
    for part in parts:
        entity = graph[part]
        assert entity["@type"] == "File"
        assert int(entity.get("contentSize", -1)) in (-1, (top / unquote(part)).stat().st_size)
    for entity in content["@graph"]:
        for value in entity.values():
            for reference in value if isinstance(value, list) else [value]:
                if isinstance(reference, dict) and entity is not descriptor:
                    assert reference["@id"] in graph


def test_the_deposit_agrees_with_the_citation(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    found = crate.deposit(citation, date=WHEN)
    assert (found["title"], found["version"]) == (citation["title"], citation["version"])
    assert found["creators"] == [{"name": citation["authors"][0]["name"]}]
    assert found["publication_date"] == "2026-01-02"
    assert [each["identifier"] for each in found["related_identifiers"]] == ["arXiv:1703.00522"]


def test_a_person_is_named_family_name_first():
    assert crate.deposit(
        {
            "title": "t",
            "abstract": "a",
            "license": "MIT",
            "version": 1,
            "authors": [{"family-names": "B", "given-names": "A"}],
        },
        date=WHEN,
    )["creators"] == [{"name": "B, A"}]


def test_a_tree_that_differs_from_its_commit_is_refused_unless_that_is_allowed(place):
    (place / "LICENSE").write_text("other")
    with pytest.raises(archive.ArchiveError, match=r"differ from the commit.*--allow-dirty"):
        archive.make("smoke")
    name, _ = made(allow_dirty=True)
    assert name.endswith("-dirty.tar.gz")


@pytest.mark.parametrize("link", ["results/smoke/link.json", "results/smoke/folder", "linked"])
def test_links_are_refused(place, tmp_path_factory, link):
    outside = tmp_path_factory.mktemp("outside")
    (outside / "file").write_text("x")
    (place / link).symlink_to(outside if link.endswith("folder") else outside / "file")
    git("add", "-A")
    git("commit", "-qm", "y", "--allow-empty")
    with pytest.raises(archive.ArchiveError, match="link"):
        archive.make("smoke")
    assert not (place / "dist").exists()


def test_results_below_a_link_are_refused(place, tmp_path_factory):
    moved = tmp_path_factory.mktemp("outside") / "results"
    (place / "results").rename(moved)
    (place / "results").symlink_to(moved)
    with pytest.raises(archive.ArchiveError, match="results: found a link"):
        archive.make("smoke")


@pytest.mark.parametrize("name", ["WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY"])
def test_no_secret_of_the_environment_is_in_it(place, monkeypatch, name, tmp_path_factory):
    monkeypatch.setenv(name, "planted-value-1234")
    _, found = unpacked(made()[1], tmp_path_factory.mktemp("out"))
    assert not [path for path in found.values() if b"planted-value" in path.read_bytes()]
    store.write_bytes(paths.results("smoke") / "train" / "note.txt", b"key: planted-value-1234")
    with pytest.raises(archive.ArchiveError, match=f"train/note.txt: has the value of the variable {name}") as error:
        archive.make("smoke")
    assert "planted" not in str(error.value)


def test_added_files_contain_no_path_of_this_machine(place, tmp_path_factory):
    _, found = unpacked(made()[1], tmp_path_factory.mktemp("out"))
    for name in ("PROVENANCE.json", "ro-crate-metadata.json", ".zenodo.json"):
        assert str(place) not in found[name].read_text()


def test_missing_results_are_named(place, capsys):
    shutil.rmtree(place / "results")
    with pytest.raises(SystemExit) as end:
        commands.main(["archive", "--study", "smoke"])
    assert end.value.code == 1
    said = capsys.readouterr().err
    assert "results/smoke/: found no results, expected a finished study" in said
    assert not (place / "dist").exists()


def test_an_unfinished_study_is_refused(place):
    paths.metrics("smoke").unlink()
    with pytest.raises(archive.ArchiveError, match=r"metrics\.json: found none"):
        archive.make("smoke")


def test_outside_of_a_checkout_git_is_named(place):
    shutil.rmtree(place / ".git")
    with pytest.raises(archive.ArchiveError, match="expected a git checkout"):
        archive.make("smoke")
