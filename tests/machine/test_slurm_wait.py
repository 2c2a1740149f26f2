"""Snakemake waits for the SLURM jobs of a killed Snakemake, according to a fake `squeue`.

`tests/slurm` uses a real one.
"""

import os
import stat

import pytest

from pipeline.machine import slurm

DOWN = "unable"  # in SLURM's message when its controller doesn't answer


@pytest.fixture
def queue(tmp_path, monkeypatch):
    """Set the answers of `squeue`, one per call; the last one is repeated."""
    monkeypatch.chdir(tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")

    def answers(*texts):
        for number, text in enumerate(texts):
            (tools / f"answer{number}").write_text(text)
        script = tools / "squeue"
        script.write_text(
            f'#!/bin/sh\ncd {tools}\necho "$@" >> calls\nn=$(($(wc -l < calls) - 1))\n'
            f"[ -f answer$n ] || n={len(texts) - 1}\ncat answer$n\n! grep -q {DOWN} answer$n\n"
        )
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return tools / "calls"

    return answers


def row(folder, job="7", comment="rule_train_wildcards_x"):
    return f"{job}|{comment}|{folder}\n"


def test_it_waits_until_the_queue_is_empty(queue, tmp_path, capsys):
    calls = queue(row(tmp_path) + row(tmp_path, "8"), row(tmp_path), "")
    assert slurm.wait(["reproduce", "all"], seconds=0.01) == 2
    assert len(calls.read_text().splitlines()) == 3
    said = capsys.readouterr().err
    assert "for this folder: 2. Waiting" in said
    assert "scancel 7 8" in said


def test_jobs_of_other_folders_and_other_kinds_are_ignored(queue, tmp_path, capsys):
    queue(row("/elsewhere") + row(tmp_path, comment="(null)") + "nonsense\n")
    assert slurm.wait([]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "argument", ["--dry-run", "--unlock", "-n", "-np", "--lint", "--dag", "--report=x", "-S", "--list-untracked"]
)
def test_options_that_run_no_jobs_do_not_wait(queue, tmp_path, argument):
    calls = queue(row(tmp_path))
    assert slurm.wait(["reproduce", argument]) == 0
    assert not calls.exists()


def test_a_locked_folder_is_left_to_snakemake(queue, tmp_path):
    calls = queue(row(tmp_path))
    (tmp_path / slurm.LOCKS).mkdir(parents=True)
    (tmp_path / slurm.LOCKS / "0.output.lock").touch()
    assert slurm.wait([]) == 0
    assert not calls.exists()


def test_a_queue_that_does_not_answer_is_not_waited_for(queue, tmp_path):
    queue(f"slurm_load_jobs error: {DOWN} to contact slurm controller\n" + row(tmp_path))
    assert slurm.wait([]) == 0


def test_a_restart_of_the_controller_does_not_end_the_wait(queue, tmp_path):
    calls = queue(row(tmp_path), f"{DOWN}\n", f"{DOWN}\n", row(tmp_path), "")
    assert slurm.wait([], seconds=0.01) == 1
    assert len(calls.read_text().splitlines()) == 5


def test_without_slurm_nothing_is_asked(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert slurm.wait([]) == 0
