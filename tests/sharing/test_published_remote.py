"""The published DVC remote has every file that dvc.lock promises, and is small."""

import hashlib
import json

import pytest
import yaml

LIMIT = 40e6  # bytes


@pytest.fixture(scope="module")
def remote(request):
    folder = request.config.rootpath / "published" / "remote" / "files" / "md5"
    if not folder.is_dir():
        pytest.skip("nothing is published in this copy")
    return folder


@pytest.fixture(scope="module")
def promised(request):
    """The outputs of the stage `results` in dvc.lock by path: their checksums, and how many files a folder has."""
    lock = yaml.safe_load((request.config.rootpath / "dvc.lock").read_text())
    return {out["path"]: (out["md5"], out.get("nfiles", 0)) for out in lock["stages"]["results"]["outs"]}


def content(remote, md5):
    return (remote / md5[:2] / md5[2:]).read_bytes()


def test_every_file_that_the_lock_promises_is_there_and_whole(remote, promised):
    files = []
    for path, (md5, count) in promised.items():
        body = content(remote, md5)
        assert hashlib.md5(body, usedforsecurity=False).hexdigest() == md5.removesuffix(".dir"), path
        inside = [entry["md5"] for entry in json.loads(body)] if md5.endswith(".dir") else []
        assert len(inside) == count, path
        files += inside
    assert {"results/study/analyse", "results/study/draw", "results/study/train"} <= promised.keys()
    assert len(files) > len(promised)
    wrong = [md5 for md5 in set(files) if hashlib.md5(content(remote, md5), usedforsecurity=False).hexdigest() != md5]
    assert wrong == []


def test_it_is_small(remote):
    assert sum(path.stat().st_size for path in remote.rglob("*") if path.is_file()) < LIMIT


def test_no_checkpoint_and_no_activation_is_published(promised):
    assert not any("checkpoints" in path or "represent" in path for path in promised)
