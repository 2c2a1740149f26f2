"""Jobs and W&B's process run the same whatever variables are set where Snakemake was started, and wherever the tree is."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import small_study
from tracked_runs import start

from pipeline.results import store
from pipeline.tracking import run_content

PROBE = """

rule probe:
    output:
        "results/small/probe.txt",
    shell:
        "(python -m pipeline summarise --help && env) > {output} 2>&1"
"""
MEMORY = Path("/dev/shm")  # another file system than the disk's on Linux
OTHER = MEMORY if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
PRIVATE = 0o077  # a umask


@pytest.fixture
def tree(tmp_path):
    """A copy of the code without git, in a folder with a name to be quoted, with a job that prints its environment."""
    place = small_study.tree(tmp_path / "Gräser & 'mehr' ☃")
    with (place / "Snakefile").open("a") as file:
        file.write(PROBE)
    return place


@pytest.fixture
def elsewhere():
    """A folder for temporary files, on another file system if there is one."""
    place = Path(tempfile.mkdtemp(dir=OTHER))
    yield place
    shutil.rmtree(place)


@pytest.fixture
def planted(tmp_path):
    """Variables that each, alone, changed or ended a job."""
    (tmp_path / "start.sh").write_text("python() { echo planted; exit 3; }")
    (tmp_path / "decoy").mkdir()
    (tmp_path / "decoy" / "sitecustomize.py").write_text("import os\nos.environ['PLANTED'] = 'here'")
    return {
        "BASH_ENV": str(tmp_path / "start.sh"),
        "BASH_FUNC_python%%": "() { echo planted; exit 3; }",
        "SHELLOPTS": "noexec",
        "PYTHONPATH": str(tmp_path / "decoy"),
        "PYTHONSAFEPATH": "1",
        "PYTHONOPTIMIZE": "2",
        "GIT_DIR": "/nowhere",
        "MPLBACKEND": "nonsense",
    }


@pytest.mark.parametrize("names", [{"PYTHONSAFEPATH"}, None], ids=["safe path", "all"])
def test_a_job_is_not_changed_by_the_user_s_variables(tree, elsewhere, planted, names):
    """Nor by a umask, by temporary files on another file system, or by what the tree's folder is called."""
    variables = {name: value for name, value in planted.items() if names is None or name in names}
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "results/small/probe.txt", "--config", "study=small"],
        cwd=tree,
        env=small_study.environment(**{"PYTHONPATH": "", "TMPDIR": str(elsewhere), **variables}),
        umask=PRIVATE,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    output = tree / "results" / "small" / "probe.txt"
    said = output.read_text()
    assert "usage: python -m pipeline summarise" in said
    assert "planted" not in said
    seen = dict(line.partition("=")[::2] for line in said.splitlines())
    assert not planted.keys() & seen.keys()
    assert seen["TMPDIR"] == str(elsewhere)
    assert stat.S_IMODE(output.stat().st_mode) == 0o600


@pytest.mark.parametrize(("umask", "mode"), [(PRIVATE, 0o600), (0o022, 0o644), (0o002, 0o664)])
def test_results_have_the_permissions_that_the_umask_leaves(tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        store.write_json(tmp_path / "result.json", {"a": 1})
    finally:
        assert os.umask(before) == umask, "as it was"
    assert stat.S_IMODE((tmp_path / "result.json").stat().st_mode) == mode


def record(place, monkeypatch, **variables):
    """The W&B run that is recorded with these variables set."""
    with start(place, monkeypatch, **variables) as tracker:
        tracker.log(1, {"loss": 2.0})
    (folder,) = (place / "wandb").glob("offline-run-*")
    return folder


@pytest.mark.parametrize(
    "variables",
    [
        {"mode": "", "WANDB_DIR": "", "WANDB_DATA_DIR": "", "WANDB_CONSOLE": "", "WANDB_BASE_URL": ""},
        {"WANDB_SWEEP_ID": "another", "WANDB_RUN_ID": "another", "WANDB_RESUME": "must"},
        {"WANDB_CONFIG_PATHS": "/nowhere.yaml"},
        {"PYTHONPATH": "decoy", "PYTHONHOME": "decoy", "PYTHONWARNINGS": "error"},
    ],
)
def test_w_and_b_records_the_job_s_run(tmp_path, monkeypatch, capfd, variables):
    (tmp_path / "decoy" / "wandb").mkdir(parents=True)
    (tmp_path / "decoy" / "wandb" / "__init__.py").write_text("raise ImportError('planted')")
    monkeypatch.chdir(tmp_path)
    folder = record(tmp_path, monkeypatch, **variables)
    assert folder.name.endswith(run_content.run_id("train", "abc"))
    assert capfd.readouterr().err == ""


def test_an_empty_folder_of_data_is_none_in_messages(monkeypatch):
    from pipeline.datasets.shared import sources

    monkeypatch.setenv("PIPELINE_DATA", "")
    assert str(sources.LocalCopy(("mnist",))) == "PIPELINE_DATA"


def test_an_empty_workspace_of_cublas_is_the_project_s():
    """Without a size of its own cuBLAS is not deterministic."""
    code = "import os, pipeline; print(os.environ['CUBLAS_WORKSPACE_CONFIG'])"
    environment = small_study.environment(CUBLAS_WORKSPACE_CONFIG="")
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == ":4096:8\n"
