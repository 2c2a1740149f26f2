"""The simulated cluster: closed forms for a single limit, and the printed table."""

import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))

from simulate_cluster import Site, simulate

PLENTY = {"gpus": 1000, "jobs": 10_000, "submissions": 1e9, "start": 0.0, "query": 1e-6}


def site(**limits):
    return Site(**{**PLENTY, **limits})


@pytest.mark.parametrize(
    ("limits", "group", "makespan", "limit"),
    [
        ({"gpus": 4}, 1, 250.0, "GPUs"),
        ({"gpus": 4, "start": 5.0}, 1, 375.0, "GPUs"),
        ({"gpus": 4, "start": 5.0}, 5, 275.0, "GPUs"),
        ({"submissions": 60}, 1, 109.0, "submissions per minute"),
        ({"submissions": 60}, 10, 109.0, "the longest job"),
        ({"jobs": 2}, 1, 500.0, "jobs at once"),
        ({}, 1, 10.0, "the longest job"),
    ],
)
def test_a_single_limit_determines_the_makespan(limits, group, makespan, limit):
    found = simulate([10.0] * 100, site(**limits), group=group)
    assert found.makespan == pytest.approx(makespan, abs=1e-3)
    assert found.limit() == limit
    assert found.submitted == 100 // group
    assert found.useful == 1000


def test_no_gpu_has_two_jobs_and_full_gpus_are_fully_used():
    assert simulate([10.0] * 100, site(gpus=4)).utilisation(4) == pytest.approx(1)
    assert simulate([3.0, 7.0, 5.0], site(gpus=1)).makespan == pytest.approx(15)


def test_no_more_is_submitted_in_a_minute_than_allowed():
    assert simulate([1.0] * 300, site(submissions=60)).busiest == 60


def test_the_table_is_printed_from_measured_times(tmp_path, root):
    timing = tmp_path / "results" / "smoke" / "timing" / "train"
    timing.mkdir(parents=True)
    (timing / "a.tsv").write_text("s\tcpu_time\tmax_rss\n20.0\t10.0\t100.0\n")
    command = [sys.executable, str(root / "tools" / "simulate_cluster.py"), "--study", "smoke", "--groups", "1"]
    said = subprocess.run([*command, "--longer", "1"], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1].startswith("| 20 s | 1 | 1000 |")


def test_without_times_it_says_what_to_do(tmp_path, root):
    command = [sys.executable, str(root / "tools" / "simulate_cluster.py"), "--study", "smoke"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "no timings; run the study first" in done.stderr
