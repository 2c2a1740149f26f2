"""A wheel of the project has every module and template, and works without the source tree."""

import os
import shutil
import subprocess
import sys

import pytest

from pipeline import __main__ as commands

SOURCES = ("pyproject.toml", "README.md", "LICENSE")


def run(*command, folder, **variables):
    """Run this environment's Python in a folder and return its output."""
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def code_files(folder):
    """The modules and templates of the package below a folder."""
    return {str(path.relative_to(folder)) for ending in ("py", "j2") for path in folder.glob(f"pipeline/**/*.{ending}")}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder in which nothing but the wheel is installed, built from a copy of the sources without a network."""
    root = commands.PACKAGE.parent
    source, wheels, target = (tmp_path_factory.mktemp(name) for name in ("source", "wheels", "installed"))
    for name in SOURCES:
        shutil.copy(root / name, source)
    shutil.copytree(root / "pipeline", source / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    pip = ("-m", "pip", "--disable-pip-version-check")
    build = ("wheel", "--quiet", "--no-index", "--no-build-isolation", "--no-deps", "--wheel-dir", str(wheels))
    run(*pip, *build, str(source), folder=source)
    (wheel,) = wheels.glob("*.whl")
    run(*pip, "install", "--quiet", "--no-index", "--no-deps", "--target", str(target), str(wheel), folder=source)
    return target


def test_the_wheel_has_every_module_and_template_and_nothing_else(installed):
    assert code_files(installed) == code_files(commands.PACKAGE.parent)
    assert {path.name for path in installed.iterdir() if not path.name.endswith(".dist-info")} == {"pipeline"}


def test_every_room_is_imported_from_the_wheel(installed, tmp_path):
    rooms = sorted(folder.parent.name for folder in commands.PACKAGE.glob("*/__init__.py"))
    code = (
        "import importlib, pipeline, sys\n"
        "for room in sys.argv[1:]: print(importlib.import_module(f'pipeline.{room}').__file__)"
    )
    found = run("-P", "-c", code, *rooms, folder=tmp_path, PYTHONPATH=str(installed)).splitlines()
    assert found == [str(installed / "pipeline" / room / "__init__.py") for room in rooms]


def test_the_installed_package_lists_its_verbs_and_rooms(installed, tmp_path):
    printed = run("-P", "-m", "pipeline", folder=tmp_path, PYTHONPATH=str(installed))
    assert printed.splitlines() == commands.overview()
