"""The Makefile and the scripts do what they say wherever the project is, and whatever variables are set."""

import os
import shutil
import stat
import subprocess
import sys

import pytest

COPIED = (
    "Makefile",
    "pipeline/environment.list",
    "tools/environment.sh",
    "tools/setup.sh",
    "tools/check.sh",
    ".ci/run",
)
PLACES = ("plain", "with spaces", "Gräser ☃", 'a\'b "c" $HOME #d')
STAND_IN = """#!/bin/sh
echo "ran: $(basename "$0") $* in $(pwd)"
"""
PYTHON = f"""#!/bin/sh
# Installs nothing: prints how it is called, answers questions about its version, and passes on what Snakemake says.
[ "$3" = progress ] && exec cat
case "$2" in
  *torch*) echo 0.0 ;;
  *sys*) exec '{sys.executable}' "$@" ;;
  *) echo "ran: python $* with PIP_DRY_RUN=$PIP_DRY_RUN PIP_INDEX_URL=$PIP_INDEX_URL" ;;
esac
"""
OLD = "#!/bin/sh\nexit 1\n"


def executable(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def build(root, place):
    """The Makefile and the scripts in a folder with stand-ins for torch's script and for all that `.venv` has."""
    for name in COPIED:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, place / name)
    (place / "requirements.lock").write_text("uv==0.0 \\\n    --hash=sha256:00\nzz==1\n")
    (place / "tools" / "torch.sh").write_text("")
    for tool in ("snakemake", "uv", "ruff", "basedpyright", "lint-imports", "snakefmt"):
        executable(place / ".venv" / "bin" / tool, STAND_IN)
    executable(place / ".venv" / "bin" / "python", PYTHON)
    (place / ".venv" / ".made-from-lock").touch()
    return place


@pytest.fixture
def project(root, tmp_path):
    return build(root, tmp_path / "project")


def call(place, *command, code=0, **variables):
    """Run a command without a variable of these tests' own environment but PATH, and return what it printed."""
    variables = {"PATH": os.environ["PATH"], "HOME": str(place), **variables}
    done = subprocess.run(command, cwd=place, env=variables, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def planted(tmp_path):
    """Variables that changed, each alone, what `make smoke` or a script did."""
    start = tmp_path / "start.sh"
    start.write_text("snakemake() { echo planted; }; ruff() { echo planted; }; cd() { echo planted; }")
    for folder in ("tools", ".ci"):
        (tmp_path / "elsewhere" / folder).mkdir(parents=True)
    return {
        "start-up file": {"BASH_ENV": str(start)},
        "functions": {
            f"BASH_FUNC_{name}%%": "() { echo planted; }" for name in ("snakemake", "ruff", "cd", "awk", "dirname")
        },
        "folders of cd": {"CDPATH": str(tmp_path / "elsewhere")},
        "options": {"SHELLOPTS": "noglob:nounset:xtrace", "BASHOPTS": "failglob"},
        "POSIX mode": {"POSIXLY_CORRECT": "1"},
        "ignored commands": {"EXECIGNORE": "*/ruff:*/snakemake"},
    }


KINDS = ("start-up file", "functions", "folders of cd", "options", "POSIX mode", "ignored commands")


@pytest.mark.parametrize("kind", KINDS)
def test_a_recipe_runs_its_command(project, planted, kind):
    said = call(project, "make", "smoke", **planted[kind])
    assert f"ran: snakemake reproduce all --config study=smoke in {project}\n" in said
    assert "planted" not in said


@pytest.mark.parametrize("kind", KINDS)
def test_a_script_runs_its_commands_in_the_project(project, planted, kind):
    said = call(project, "bash", "tools/check.sh", **planted[kind])
    assert f"ran: ruff check . in {project}\n" in said
    assert "all checks passed\n" in said
    assert "planted" not in said


def test_a_recipe_runs_although_bash_is_told_to_run_nothing(project):
    assert "ran: snakemake" in call(project, "make", "smoke", SHELLOPTS="noexec")


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"MAKEFILES": "/dev/null"}, "Found MAKEFILES=/dev/null, which can change every target: start make without it"),
        ({"MAKEFLAGS": "e"}, "Found the option -e of make"),
        ({"MAKEFLAGS": "ki"}, "Found the option -i of make"),
        ({"GNUMAKEFLAGS": "-t"}, "Found the option -t of make"),
    ],
)
def test_what_changes_make_itself_is_refused(project, variables, message):
    assert message in call(project, "make", "smoke", code=2, **variables)


def test_other_options_of_make_work(project):
    said = call(project, "make", "-j4", "-k", "smoke", "verify", "why", MAKEFLAGS="--no-print-directory")
    assert said.count("ran: ") == 4, "snakemake, what was found, verify, why"


def test_from_another_folder_make_says_where_to_start_it(project, tmp_path):
    said = call(tmp_path, "make", "-f", str(project / "Makefile"), "smoke", code=2)
    assert f"Found no project in {tmp_path}: start make in the project's folder, or with make -C FOLDER" in said
    assert f"ran: snakemake reproduce all --config study=smoke in {project}\n" in call(
        tmp_path, "make", "-C", str(project), "smoke"
    )


@pytest.mark.parametrize("place", PLACES)
def test_the_project_may_be_in_a_folder_of_any_name(root, tmp_path, place):
    project = build(root, tmp_path / place)
    assert f"ran: snakemake reproduce all --config study=smoke in {project}\n" in call(project, "make", "smoke")
    said = call(tmp_path, "bash", str(project / "tools" / "check.sh"))
    assert f"ran: ruff check . in {project}\n" in said
    assert "all checks passed\n" in said


def test_setup_installs_whatever_options_of_pip_and_uv_are_set(project):
    said = call(
        project, "bash", "tools/setup.sh", PIP_DRY_RUN="1", PIP_INDEX_URL="https://site", UV_NO_VERIFY_HASHES="1"
    )
    assert "ran: python -m pip install --quiet" in said
    assert "with PIP_DRY_RUN= PIP_INDEX_URL=https://site\n" in said


def test_another_python_than_the_environment_s_is_refused(project, tmp_path):
    other = executable(tmp_path / "other", "#!/bin/sh\ncase $2 in *%d*) echo 9.9 ;; esac\n")
    ours = "{}.{}".format(*sys.version_info)
    said = call(project, "make", "smoke", code=2, PYTHON=str(other))
    assert f"PYTHON is Python 9.9, but .venv has Python {ours}: remove .venv and call make setup again\n" in said
    assert "ran: snakemake" in call(project, "make", "smoke", PYTHON=sys.executable)


@pytest.mark.parametrize("text", [None, OLD])
def test_a_python_that_is_none_or_too_old_is_refused(project, tmp_path, text):
    """Another one from PATH would be a surprise."""
    chosen = tmp_path / "chosen"
    if text:
        executable(chosen, text)
    said = call(project, "bash", "tools/setup.sh", code=1, PYTHON=str(chosen))
    assert said == f"PYTHON is {chosen}, which is not a Python 3.11 or newer\n"
