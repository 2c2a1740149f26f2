"""Half-written files of killed processes are removed once they are so old that no process is at work on them."""

import os
import time

import pytest

from pipeline.results import leftovers, paths, store


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def planted(path, *, age):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    os.utime(path, (time.time() - age,) * 2)
    return path


def left_by_a_kill(target, *, age):
    """The file that `store.atomic` leaves when it is killed."""
    with store.atomic(target) as partial:
        name = partial.name
    target.unlink()
    return planted(target.with_name(name), age=age)


def test_old_ones_go_and_all_else_stays(here):
    old = [
        left_by_a_kill(paths.history("smoke", "one"), age=2 * leftovers.OLD),
        left_by_a_kill(paths.checkpoints("smoke", "one"), age=2 * leftovers.OLD),
        left_by_a_kill(paths.resume("smoke", "one"), age=2 * leftovers.OLD),
    ]
    kept = [
        left_by_a_kill(paths.history("smoke", "two"), age=10),
        planted(paths.history("smoke", "three"), age=2 * leftovers.OLD),
        planted(paths.history("smoke", "three").with_name(".hidden"), age=2 * leftovers.OLD),
        left_by_a_kill(paths.history("study", "one"), age=2 * leftovers.OLD),
    ]
    assert sorted(leftovers.sweep("smoke")) == sorted(old)
    assert all(path.name.startswith(".") for path in old)
    assert not any(path.exists() for path in old)
    assert all(path.exists() for path in kept)


@pytest.mark.parametrize("folder", [paths.data("mnist"), paths.SNAKEMAKE / "metadata"])
def test_old_half_written_folders_go(here, folder):
    """The folders that `store.atomic_folder` leaves when it is killed."""
    made = []
    for age in (2 * leftovers.OLD, 10):
        with store.atomic_folder(folder) as staged:
            partial = staged.parent
        (partial / folder.name).mkdir(parents=True)
        (partial / folder.name / "file").write_bytes(b"half")
        os.utime(partial, (time.time() - age,) * 2)
        made.append(partial.relative_to(partial.cwd()))
    assert leftovers.sweep("smoke") == made[:1]
    assert [path.exists() for path in made] == [False, True]


def test_nothing_is_there(here):
    assert leftovers.sweep("smoke") == []
