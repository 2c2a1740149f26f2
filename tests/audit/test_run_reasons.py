"""Why jobs ran, in words: from logs that Snakemake wrote and from lines in its form."""

import subprocess
import sys

import pytest

from pipeline.audit import run_reasons
from pipeline.study.errors import ConfigError

SNAKEFILE = """
def settings(wildcards):
    return {"training": {"steps": STEPS, "rate": 0.1}, "layers": [1, 2]}

rule all:
    input: "results/small/sum.txt"

rule train:
    input: "data.txt"
    output: "results/{study}/train/{block}.txt"
    wildcard_constraints: block="[a-z0-9-]+"
    params: settings=settings, code=CODE
    shell: "cat {input} > {output}"

rule summarise:
    input: expand("results/{{study}}/train/one-sg-b{number}.txt", number=[0, 1])
    output: "results/{study}/sum.txt"
    shell: "cat {input} > {output}"
"""
HEAD = "SNAKEMAKE\n=========\n  Command: snakemake reproduce all --config study={study}\n\n"
PARAMS = "Params have changed since last execution: Union of exclusive params before and now across all output: "


def job(reason, *, rule="train", wildcards="study=small, block=r0", output="results/small/r0.txt"):
    """A job as Snakemake logs it."""
    return (
        f"[Tue Nov 24 21:14:56 2026]\nlocalrule {rule}:\n    input: data.txt\n    output: {output}\n    jobid: 7\n"
        f"    reason: {reason}\n    wildcards: {wildcards}\n    resources: tmpdir=x\n"
    )


@pytest.fixture
def log(tmp_path):
    """Write the log of another run, with these parts after the head."""
    folder = tmp_path / run_reasons.LOGS
    folder.mkdir(parents=True)

    def written(*parts, study="small"):
        name = f"2026-11-24T{len(list(folder.iterdir())):06d}.snakemake.log"
        (folder / name).write_text(HEAD.format(study=study) + "".join(parts))

    return written


def test_snakemakes_own_logs(tmp_path):
    def run(steps=10, code="a" * 16, *more):
        text = f'STEPS, CODE = {steps}, "{code}"\n{SNAKEFILE}'
        (tmp_path / "Snakefile").write_text(text)
        command = [sys.executable, "-m", "snakemake", "--cores", "1", *more]
        subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
        return run_reasons.last_run(tmp_path)

    (tmp_path / "data.txt").write_text("1\n")
    trainings = ["train one-sg-b0", "train one-sg-b1"]
    first = {reason: sorted(jobs) for reason, jobs in run()}
    assert first == {"missing: never made here before": ["summarise", *trainings]}
    assert run() == []
    (tmp_path / "results" / "small" / "sum.txt").unlink()
    assert [(reason, sorted(jobs)) for reason, jobs in run(20, "b" * 16)] == [
        ("code changed; settings changed (training.steps 10 -> 20)", trainings),
        ("missing: made before, then deleted", ["summarise"]),
    ]
    quiet = run(30, "b" * 16, "--quiet", "rules")
    assert [(reason, sorted(jobs)) for reason, jobs in quiet] == [
        (run_reasons.UNRECORDED, ["summarise", "train", "train"])
    ]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("Missing output files: results/small/r0.txt", ("missing: never made here before",)),
        ("Updated input files: a.txt, b.txt", ("an input changed: a.txt, b.txt",)),
        ("Updated input files: a, b, c, d, e", ("an input changed: a, b, c and 2 more",)),
        ("Forced execution", ("forced",)),
        ("Incomplete output files: results/small/r0.txt", ("interrupted before",)),
        ("Set of input files has changed since last execution", ("reads other files than before",)),
        ("Code has changed since last execution", ("the rule's command changed",)),
        ("Input files updated by another job: a.txt", ("inputs were made again in this run",)),
        ("Missing output files: x; Input files updated by another job: a.txt", ("missing: never made here before",)),
        ("Something that is not known", ("Something that is not known",)),
        (
            "Updated input files: a.txt; Code has changed since last execution",
            ("the rule's command changed", "an input changed: a.txt"),
        ),
    ],
)
def test_reasons_in_words(reason, words):
    (found,) = run_reasons._jobs(job(reason))
    assert run_reasons.reasons(found, set(), unknown=False) == words


def test_reasons_for_missing_files_depend_on_earlier_runs(log, tmp_path):
    missing = "Missing output files: results/small/r0.txt"
    log(job(missing))
    assert run_reasons.last_run(tmp_path) == [("missing: never made here before", ["train r0"])]
    log(job(missing))
    assert run_reasons.last_run(tmp_path) == [("missing: made before, then deleted", ["train r0"])]
    log("Finished jobid: 7 (Rule: train)\n")
    log(job("Missing output files: other", output="other"))
    assert run_reasons.last_run(tmp_path) == [("missing: never made, deleted or not pulled", ["train r0"])]


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ("'aaaaaaaaaaaaaaaa'", "'bbbbbbbbbbbbbbbb'", ["code changed"]),
        ("'aaaaaaaaaaaa'", "'bbbbbbbbbbbb'", ["settings changed"]),
        ("{'a': {'b': 1}, 'c': 2}", "{'a': {'b': 3}, 'c': 2}", ["settings changed (a.b 1 -> 3)"]),
        ("{'a': {}}", "{'a': {'b': 'x; y'}}", ["settings changed (a.b not set -> x; y)"]),
        ("{'a': 1}", "{'a': 'x now: y'}", ["settings changed"]),
        (
            "{'a': 1,'b':1,'c':1,'d':1}",
            "{'a': 2,'b':2,'c':2,'d':2}",
            ["settings changed (a 1 -> 2, b 1 -> 2, c 1 -> 2 and 1 more)"],
        ),
        ("{'a': True}", "{'a': 1}", ["settings changed (a True -> 1)"]),
        ("['a']", "['a', 'b']", ["settings changed"]),
        ("{'a': 1},{'a': 2}", "{'a': 3}", ["settings changed"]),
        ("<nothing exclusive>", "{'a': 3}", ["settings changed"]),
        ("inf", "__import__('os').abort()", ["settings changed"]),
        ("'aaaaaaaaaaaaaaaa',{'a': 1}", "{'a': 2},'bbbbbbbbbbbbbbbb'", ["code changed", "settings changed (a 1 -> 2)"]),
    ],
)
def test_which_setting_changed(before, now, words):
    (found,) = run_reasons._jobs(job(f"{PARAMS}before: {before} now: {now} "))
    assert list(run_reasons.reasons(found, set(), unknown=False)) == words


def test_changes_come_first_and_what_followed_last(log, tmp_path):
    log(
        job("Input files updated by another job: x", rule="draw", wildcards="study=small, figure=norms"),
        job("Forced execution", rule="track", wildcards="study=small"),
        job("Updated input files: x", rule="analyse", wildcards="study=small, analysis=norms, job=runs"),
        job(f"{PARAMS}before: {{'a': 1}} now: {{'a': 2}} "),
        job(f"{PARAMS}before: 'aaaaaaaaaaaaaaaa' now: 'bbbbbbbbbbbbbbbb' ", wildcards="study=small, block=r1"),
        job("Missing output files: x", wildcards="study=small, block=r2"),
        job("Forced execution", rule="reproduce", wildcards=""),
    )
    assert [jobs for _, jobs in run_reasons.last_run(tmp_path)] == [
        ["train r1"],
        ["train r0"],
        ["analyse norms runs"],
        ["train r2"],
        ["track"],
        ["draw norms"],
    ]


def test_calls_that_run_nothing_and_other_studies_do_not_count(log, tmp_path):
    assert run_reasons.last_run(tmp_path) is None
    log(job("Forced execution"), study="other")
    log("Nothing to be done (all requested files are present and up to date).\n")
    (tmp_path / run_reasons.LOGS / "2026-11-25T000000.snakemake.log").write_text("Building DAG of jobs...\n")
    assert run_reasons.last_run(tmp_path) == []
    assert run_reasons.last_run(tmp_path, "other") == [("forced", ["train r0"])]
    assert run_reasons.last_run(tmp_path, "study") is None


def test_a_run_without_a_config_is_of_the_default_study(log, tmp_path):
    log(job("Forced execution"))
    path = next((tmp_path / run_reasons.LOGS).iterdir())
    path.write_text(path.read_text().replace(" --config study=small", ""))
    assert run_reasons.last_run(tmp_path, "study")
    assert run_reasons.last_run(tmp_path, "small") is None


def test_lines_for_a_terminal():
    jobs = [f"train r{i}" for i in range(12)]
    assert list(run_reasons.lines([("code changed", jobs), ("forced", ["track"])], 2)) == [
        "12 train: code changed",
        "  train r0",
        "  train r1",
        "  and 10 more (`--all` lists all)",
        "track: forced",
    ]
    assert len(list(run_reasons.lines([("code changed", jobs)], None))) == 13
    assert list(run_reasons.lines([], 2)) == ["Nothing ran: all results were up to date."]
    assert list(run_reasons.lines([(run_reasons.UNRECORDED, ["train", "train", "draw"])], 2)) == [
        f"2 train, 1 draw: {run_reasons.UNRECORDED}"
    ]
    assert "No run is on record" in next(iter(run_reasons.lines(None, 2)))


def test_the_command(log, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    log(job("Forced execution"))
    run_reasons.main(["--study", "small"])
    assert capsys.readouterr().out == "train r0: forced\n"
    with pytest.raises(ConfigError, match="did you mean 'small'"):
        run_reasons.main(["--study", "smal"])
