"""make, bash and Python read the same list, and remove the same variables."""

import os
import re
import shutil
import subprocess

import pytest

from pipeline import environment

LINE = re.compile(r"(UNSET|KEEP) \+= ([A-Z0-9_]+%?)(?: +# (.+))?")
HARMLESS = {
    "SHELLOPTS": "xtrace",
    "BASHOPTS": "nullglob",
    "MAKEFLAGS": "k",
    "BASH_X": "x",
}  # values that bash and make take


def entries(kind):
    """The names in the list of one kind."""
    return [found[2] for line in lines() if (found := LINE.fullmatch(line)) and found[1] == kind]


def lines():
    return environment.LIST.read_text(encoding="utf-8").splitlines()


@pytest.fixture
def planted():
    """A variable for each name in the list, with a function of bash; MAKEFILES is refused before make gets so far."""
    names = {name.replace("%", "X") for kind in ("UNSET", "KEEP") for name in entries(kind)} - {"MAKEFILES"}
    return {"HTTPS_PROXY": "x", "BASH_FUNC_ls%%": "() { echo planted; }"} | {
        name: HARMLESS.get(name, "x") for name in names
    }


@pytest.fixture
def project(root, tmp_path):
    """A folder with the Makefile, the list, and a script that prints its environment."""
    for name in ("Makefile", "pipeline/environment.list", "tools/environment.sh", "tools/setup.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, tmp_path / name)
    (tmp_path / "tools" / "show.sh").write_text('. "$(dirname "$0")/environment.sh"\nenv\n')
    return tmp_path


def left(project, planted, *command):
    """Which planted variables a command prints."""
    variables = {"PATH": os.environ["PATH"], **planted}
    done = subprocess.run(command, cwd=project, env=variables, capture_output=True, text=True, check=True)
    return {name for name in planted if f"\n{name}=" in "\n" + done.stdout}


def test_every_line_is_an_entry_a_comment_or_empty():
    for line in lines():
        assert not line or line.startswith("# ") or LINE.fullmatch(line), line


def test_every_exception_is_one_to_an_entry_and_has_its_reason():
    """A reason counts for the lines below it, up to the next one."""
    unset, reason = [], False
    for line in lines():
        found = LINE.fullmatch(line)
        if not found or found[1] == "UNSET":
            reason = False
            unset += [found[2]] if found else []
            continue
        reason = reason or bool(found[3])
        assert reason, line
        assert any(re.fullmatch(name.replace("%", ".*"), found[2].replace("%", "X")) for name in unset), line


def test_families_are_removed_and_exceptions_kept(planted):
    kept = environment.cleaned(planted)
    assert set(kept) == {"HTTPS_PROXY", *(name.replace("%", "X") for name in entries("KEEP"))}
    assert {"PYTHON", "PIP_INDEX_URL", "UV_DEFAULT_INDEX", "GIT_SSHX"} <= set(kept)
    assert kept.items() <= planted.items()


def test_make_removes_the_same(project, planted):
    shown = left(project, planted, "make", "--eval", "show: ; @env", "show")
    assert shown == set(environment.cleaned(planted))


def test_the_scripts_remove_the_same(project, planted):
    assert left(project, planted, "bash", "tools/show.sh") == set(environment.cleaned(planted))


def test_variables_named_like_the_list_s_own_change_nothing(project):
    planted = {"KEEP": "PYTHONPATH", "UNSET": "HOME", "PYTHONPATH": "x", "HOME": "x"}
    for command in (["make", "--eval", "show: ; @env", "show"], ["bash", "tools/show.sh"]):
        assert left(project, planted, *command) >= {"HOME"}
        assert "PYTHONPATH" not in left(project, planted, *command)


def test_only_the_project_s_own_variables_count_as_unset_when_empty():
    given = {"WANDB_MODE": "", "PIPELINE_DATA": "", "CUDA_VISIBLE_DEVICES": "", "WANDB_PROJECT": "p"}
    assert set(environment.cleaned(given)) == {"CUDA_VISIBLE_DEVICES", "WANDB_PROJECT"}


def test_a_process_cleans_its_own_environment(monkeypatch):
    monkeypatch.setattr(os, "environ", {"PYTHONPATH": "x", "HOME": "x"})
    environment.clean()
    assert os.environ == {"HOME": "x"}
