"""A clone pulls the results, has nothing to run, and makes again only what it is asked for.

The author's folder has the finished study and pushed it to the remote inside the repository; reviewers have clones of
that folder. Each test continues from the state that the previous one left.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from studies import LARGE, call, commit, ran, snakemake

from pipeline.results import store
from pipeline.verdicts.claims import load_claims

NO_NETWORK = {
    "http_proxy": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "PIPELINE_DATA": "",
    "HOME": "/nonexistent",
}
# As `make document` does, without the parts of README.
RENEW = "from pipeline.audit import fingerprints as f; f.PATH.write_text(f.text(f.present()), encoding='utf-8')"
LIMIT = 40e6  # bytes of the remote inside the repository


@pytest.fixture(scope="module")
def author(finished, tmp_path_factory):
    """The finished study, its small results pushed to the remote inside the repository and committed."""
    folder = tmp_path_factory.mktemp("author") / "study"
    shutil.copytree(finished, folder, symlinks=True)
    call(folder, "dvc", "push", "results")
    commit(folder)
    return folder


@pytest.fixture(scope="module")
def reviewer(author, tmp_path_factory):
    """A fresh clone that has pulled the results, with no account and no network."""
    folder = tmp_path_factory.mktemp("reviewer") / "clone"
    subprocess.run(["git", "clone", "-q", str(author), str(folder)], check=True)
    said = call(folder, "dvc", "pull", "results", **NO_NETWORK)
    assert re.fullmatch(r"\d+ files fetched and \d+ files added", said.splitlines()[-1]), said
    assert "remote" not in said
    return folder


CLEAN = "Data and pipelines are up to date."


def status(place):
    """What `dvc status results` says."""
    return call(place, "dvc", "status", "results", **NO_NETWORK).strip()


def test_dvc_says_that_nothing_changed_after_a_commit_and_after_a_pull(author, reviewer):
    assert status(author) == CLEAN
    assert status(reviewer) == CLEAN


@pytest.mark.parametrize(
    ("file", "old", "new", "named", "stages"),
    [
        ("pipeline/learning/gate.py", '"""', '"""Another text. ', [], []),
        (
            "pipeline/learning/gate.py",
            "sum(dim=1).mean()",
            "sum(dim=1).mean() * 2",
            ["studies.smoke.code"],
            ["analyse", "draw", "represent", "train", "tune"],
        ),
        ("pipeline/verdicts/criteria.py", "1 - intervals", "2 - intervals", ["studies.smoke.code"], ["draw", "judge"]),
        ("pipeline/pages/report.py", "import ", "import this, ", [], []),
        ("configs/smoke.yaml", 'title: "Smoke', 'title: "Another smoke', [], []),
        ("configs/smoke.yaml", "network.shift: 1.0", "network.shift: 0.9", ["sweeps"], []),
    ],
)
def test_dvc_calls_changed_only_what_decides_a_number(reviewer, file, old, new, named, stages):
    """As soon as the hashes are renewed, which `make check` and the audit ask for."""
    hashes = "fingerprints.yaml"
    kept = {name: (reviewer / name).read_text() for name in (file, hashes)}
    assert old in kept[file]
    (reviewer / file).write_text(kept[file].replace(old, new, 1))
    try:
        call(reviewer, sys.executable, "-c", RENEW)
        said = status(reviewer)
        before, after = (
            yaml.safe_load(text)["studies"]["smoke"]["code"] for text in (kept[hashes], (reviewer / hashes).read_text())
        )
    finally:
        for name, text in kept.items():
            (reviewer / name).write_text(text)
    assert re.findall(r"modified: +(\S+)", said) == named, said
    assert [stage for stage in before if before[stage] != after[stage]] == stages
    assert (said == CLEAN) == (not named)


def test_dvc_shows_a_row_for_each_claim(reviewer):
    head, *rows = call(reviewer, "dvc", "metrics", "show").splitlines()
    assert re.split(r"  +", head.strip()) == [
        "Path",
        "after Holm",
        "decided by",
        "n",
        "secondaries",
        "value",
        "verdict",
    ]
    ids = [claim.id for claim in load_claims().claims]
    assert sorted(row.split()[0] for row in rows) == sorted(f"results/smoke/claims/{id}.json" for id in ids)
    assert max(map(len, rows)) < 120


def test_dvc_shows_accuracies_and_verdicts_on_a_page_without_a_network(reviewer):
    call(reviewer, "dvc", "plots", "show", **NO_NETWORK)
    page = reviewer / "dvc_plots" / "index.html"
    shown = re.findall(r'<img src="([^"]+)"', page.read_text())
    assert sorted(Path(name).name for name in shown) == [
        "workspace_results_smoke_draw_accuracy_by_depth.png",
        "workspace_results_smoke_verdicts.svg",
    ]
    assert all((page.parent / name).stat().st_size > 0 for name in shown)
    assert "http" not in page.read_text()
    seen = subprocess.run(["git", "status", "--porcelain"], cwd=reviewer, capture_output=True, text=True, check=True)
    assert seen.stdout == ""


def test_the_published_remote_is_small_and_has_no_large_files(author):
    remote = author / "published" / "remote"
    assert 0 < sum(path.stat().st_size for path in remote.rglob("*") if path.is_file()) < LIMIT
    assert not any(path.suffix == ".safetensors" for path in remote.rglob("*"))


def looking(place, *words):
    """Ask Snakemake for something that runs nothing: its standard output and its standard error."""
    environment = {**os.environ, **NO_NETWORK, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    command = ["snakemake", "reproduce", "all", "--config", "study=smoke", *words]
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=True)
    return done.stdout, done.stderr


def written(place):
    """When each file was last written, except for Snakemake's own logs."""
    found = {path.relative_to(place): path for path in place.rglob("*") if path.is_file()}
    kept = {name: path for name, path in found.items() if name.parts[:2] != (".snakemake", "log")}
    return {name: path.stat().st_mtime_ns for name, path in kept.items() if "__pycache__" not in name.parts}


def test_the_first_look_after_the_pull_puts_data_and_records_in_place_and_says_so_on_stderr(reviewer):
    """A graph that goes to a file or a pipe must have nothing else in it."""
    out, said = looking(reviewer, "--dag")
    assert out.startswith("digraph snakemake_dag {")
    assert out.rstrip().endswith("}")
    assert "records" in said
    assert "mnist" in said


@pytest.mark.parametrize(
    ("words", "first"), [(["--dag"], "digraph"), (["--rulegraph"], "digraph"), (["--summary"], "output_file")]
)
def test_the_second_look_writes_nothing_and_prints_what_was_asked_for_only(reviewer, words, first):
    before = written(reviewer)
    out, said = looking(reviewer, *words)
    assert out.startswith(first)
    assert "records" not in said
    assert "unpacked" not in said
    assert written(reviewer) == before


def test_after_the_pull_nothing_has_to_run(reviewer):
    results = reviewer / "results" / "smoke"
    assert (results / "report.html").is_file()
    assert (reviewer / "published" / "data" / "mnist" / "train-images-idx3-ubyte.xz").is_file()
    assert not any((results / name).exists() for name in LARGE)
    out, said = looking(reviewer, "--dry-run")
    assert "Nothing to be done" in out + said
    assert "Nothing to be done" in snakemake(reviewer, **NO_NETWORK)
    assert (reviewer / "data" / "mnist" / "train-images-idx3-ubyte").is_file(), "unpacked, for new trainings"


@pytest.mark.parametrize(
    ("old", "new", "trainings", "others"),
    [
        # Text for readers only.
        ("epsilon_tracking: {settings: {}}", 'epsilon_tracking: {title: "Other", settings: {}}', 0, set()),
        ("network.shift: 1.0", "network.shift: 0.9", 2, {"analyse"}),
    ],
)
def test_a_changed_setting_runs_only_its_jobs(reviewer, old, new, trainings, others):
    path = reviewer / "configs" / "smoke.yaml"
    before = path.read_text()
    assert old in before
    path.write_text(before.replace(old, new))
    try:
        counts = ran(snakemake(reviewer, "--dry-run"))
    finally:
        path.write_text(before)
    assert counts.pop("train", 0) == trainings
    assert counts.keys() - others <= {"summarise", "judge", "track", "report"}, "their pages show the settings"
    assert others <= counts.keys()


def test_a_changed_figure_needs_tables_only(reviewer):
    path = reviewer / "pipeline" / "figures" / "similarity_maps.py"
    before = path.read_text()
    path.write_text(before + "\nUNUSED = 1\n")
    try:
        assert ran(snakemake(reviewer, "--dry-run")) == {"draw": 1, "track": 1, "report": 1}
    finally:
        path.write_text(before)


def test_a_requested_large_file_is_made_again_from_the_pulled_files(author, reviewer):
    """Its data come from the pulled pack: there is no network and no local copy."""
    wanted = "results/smoke/represent/depth-one_sg-hidden4-b0.safetensors"
    said = call(reviewer, "snakemake", wanted, "--config", "study=smoke", **NO_NETWORK)
    assert ran(said) == {"train": 1, "represent": 1}
    theirs, ours = (store.read_arrays(place / wanted) for place in (author, reviewer))
    assert theirs.keys() == ours.keys()
    assert all((theirs[name] == ours[name]).all() for name in theirs), "the same machine gives the same bits"


def large(place):
    """The large files of a folder, by path."""
    root = place / "results" / "smoke"
    return {
        str(path.relative_to(root)): store.sha256(path)
        for name in LARGE
        for path in (root / name).rglob("*")
        if path.is_file()
    }


def travel(author, folder, remote, *, settings=(), **variables):
    """Push the large files from the author's folder to a remote, and pull them from it into a fresh clone."""
    for place in (author, folder):
        if place is folder:
            subprocess.run(["git", "clone", "-q", str(author), str(folder)], check=True)
        call(place, "dvc", "remote", "add", "--local", "--force", "large", remote)
        for key, value in settings:
            call(place, "dvc", "remote", "modify", "--local", "large", key, value)
        call(place, "dvc", "push" if place is author else "pull", "large", **variables)
    assert large(folder) == large(author) != {}


def test_large_files_travel_through_a_shared_folder(author, tmp_path):
    travel(author, tmp_path / "clone", str(tmp_path / "shared"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def server(*command, port, log, **options):
    """A server on loopback that runs until the block ends."""
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, stdin=subprocess.DEVNULL, **options)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait()


def test_large_files_travel_through_s3(author, tmp_path):
    pytest.importorskip("moto", reason="moto, which serves the S3 API, is not installed")
    pytest.importorskip("dvc_s3", reason="dvc-s3 is not installed")
    import boto3

    port, keys = (
        free_port(),
        {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"},
    )
    with server(sys.executable, "-m", "moto.server", "-p", str(port), port=port, log=tmp_path / "moto.log"):
        address = f"http://127.0.0.1:{port}"
        client = boto3.client(
            "s3", endpoint_url=address, aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
        )
        client.create_bucket(Bucket="results")
        travel(author, tmp_path / "clone", "s3://results/study", settings=[("endpointurl", address)], **keys)


def test_large_files_travel_through_ssh(author, tmp_path):
    pytest.importorskip("dvc_ssh", reason="dvc-ssh is not installed")
    sshd, keygen = (
        shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:" + os.environ["PATH"]),
        shutil.which("ssh-keygen"),
    )
    if not sshd or not keygen:
        pytest.skip("no SSH server is installed (Debian: openssh-server)")
    port = free_port()
    for name in ("host", "user"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    shutil.copy(tmp_path / "user.pub", tmp_path / "authorized_keys")
    lines = (
        f"Port {port}",
        "ListenAddress 127.0.0.1",
        f"HostKey {tmp_path / 'host'}",
        f"AuthorizedKeysFile {tmp_path / 'authorized_keys'}",
        f"PidFile {tmp_path / 'pid'}",
        "StrictModes no",
        "UsePAM no",
        "PasswordAuthentication no",
        "Subsystem sftp internal-sftp",
    )
    (tmp_path / "sshd_config").write_text("\n".join(lines) + "\n")
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(parents=True, exist_ok=True)  # sshd requires it
    with server(sshd, "-D", "-e", "-f", str(tmp_path / "sshd_config"), port=port, log=tmp_path / "sshd.log"):
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        settings = [("keyfile", str(tmp_path / "user")), ("user", user), ("port", str(port))]
        travel(author, tmp_path / "clone", f"ssh://127.0.0.1{tmp_path}/shelf", settings=settings)


def test_a_missing_file_on_a_remote_is_a_clear_error_and_loses_nothing(author, tmp_path):
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(author), str(clone)], check=True)
    said = call(clone, "dvc", "pull", "large", fails=True)
    assert "Checkout failed for following targets:" in said
    assert "results/smoke/checkpoints" in said
    shutil.rmtree(clone / "published" / "remote")
    said = call(clone, "dvc", "pull", "results", fails=True)
    assert "published" in said or "missing" in said.lower()
    assert not (clone / "results" / "smoke" / "verdicts.json").exists()
    assert ran(snakemake(clone, "--dry-run"))["train"] == 36, "everything can still be computed"
