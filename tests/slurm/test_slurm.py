"""The workflow in a real SLURM: a GPU per job, the bits of a local run, and recovery from interruptions.

Run by `make test-slurm`, not by `make test`; `.ci/run` leaves out the whole study. The tests share one cluster and one
folder; each uses runs of its own.
"""

import os
import re
import signal

import numpy as np
import pytest
from cluster import said, wait_for
from places import Place, Watch, running_job

from pipeline.results import store

pytestmark = pytest.mark.slurm
ONE, OTHER = "depth-backprop-hidden2-b0", "depth-one_sg-hidden2-b0"

GROUPED = (
    *("--groups", "train=runs"),
    *("--group-components", "runs=20"),
    *("--resources", "gpu=1"),
    *("--set-resource-scopes", "gpu=local"),
)


def target(study, run):
    return f"results/{study}/train/{run}/summary.json"


def same_bits(a: Place, b: Place, study, run):
    """Whether a run has the same history and the same models in two places."""
    histories = [store.read_table(p.folder / f"results/{study}/train/{run}/history.parquet") for p in (a, b)]
    models = [store.read_arrays(p.folder / f"results/{study}/checkpoints/{run}.safetensors") for p in (a, b)]
    assert models[0]
    return (
        histories[0].equals(histories[1])
        and models[0].keys() == models[1].keys()
        and all(np.array_equal(models[0][name], models[1][name]) for name in models[0])
    )


@pytest.fixture
def begun(place, local):
    """A function that starts a long training in the cluster, waits for a checkpoint and returns Snakemake's process.

    The same training starts outside the cluster, for `compared`.
    """

    def begin(run):
        local.start("long", target("long", run))
        process = place.start("long", target("long", run))
        wait_for(lambda: place.checkpointed("long", run), f"{run}'s first checkpoint")
        return process

    return begin


@pytest.fixture
def compared(place, local):
    """A function that compares a run bit by bit with the local one and returns the step after which it resumed, or None."""

    def compare(run):
        local.wait()
        assert "going on" not in local.log("long", run)
        assert same_bits(local, place, "long", run)
        print(place.log("long", run))
        step = re.search(r"going on after step (\d+)", place.log("long", run))
        return int(step[1]) if step else None

    return compare


def test_trainings_hold_a_gpu_each_and_have_the_bits_of_a_local_run(place, local):
    runs = [ONE, OTHER, "depth-every_sg-hidden2-b0", "depth-backprop-hidden4-b0"]
    targets = [target("smoke", run) for run in runs]
    with Watch(place) as watch:
        place.make("smoke", *targets)
    print(f"CUDA_VISIBLE_DEVICES by training: {watch.seen}")
    assert set(watch.seen.values()) == {"0", "1"}
    assert watch.together, "no two trainings ran at once, so this test shows nothing"
    assert all(len(set(devices)) == len(devices) for devices in watch.together)
    local.make("smoke", *targets)
    assert all(same_bits(local, place, "smoke", run) for run in runs)


def test_a_second_time_nothing_runs(place, local):
    assert "Nothing to be done" in place.make("smoke", target("smoke", ONE))


def test_small_runs_share_a_job_and_its_gpu(place, local):
    """They run one after the other on one GPU: a limit of scope `local` holds within a job, not in the whole cluster."""
    runs = ["estimators-kickback-hidden2-b0", "estimators-backprop-hidden2-b0", "estimators-every_sg-hidden2-b0"]
    targets = [target("smoke", run) for run in runs]
    with Watch(place) as watch:
        said_by_it = place.make("smoke", *targets, *GROUPED)
    assert said_by_it.count("slurm_logs/group_runs") == 1, "one job for all three"
    assert (len(watch.seen), len(set(watch.seen.values()))) == (3, 1)
    assert not watch.together
    local.make("smoke", *targets)
    assert all(same_bits(local, place, "smoke", run) for run in runs)


def test_a_cancelled_job_goes_on(place, begun, compared):
    begun("depth-backprop-hidden4-b0")
    said("scancel", running_job())
    place.wait()
    assert compared("depth-backprop-hidden4-b0")


def test_a_requeued_job_goes_on(place, begun, compared):
    begun("depth-one_sg-hidden4-b0")
    said("scontrol", "requeue", running_job())
    text = place.wait()
    assert "Trying to restart" not in text, "SLURM starts it again, not Snakemake"
    assert compared("depth-one_sg-hidden4-b0")


def test_a_job_whose_node_is_lost_goes_on(place, cluster, begun, compared):
    begun("depth-every_sg-hidden4-b0")
    cluster.lose_node()
    cluster.start_node()
    place.wait()
    assert compared("depth-every_sg-hidden4-b0")


def test_a_job_at_its_time_limit_goes_on(place, begun, compared):
    """The training is stopped at a checkpoint, and the limit is set to a minute; SLURM checks it every half minute."""
    run = "depth_more-backprop-hidden4-b0"
    begun(run)
    (training,) = place.trainings()
    os.kill(training, signal.SIGSTOP)
    said("scontrol", "update", f"JobId={running_job()}", "TimeLimit=1")
    text = place.wait()
    assert "Trying to restart" in text
    assert compared(run)


def test_a_new_controller_adopts_running_jobs(place, cluster, begun, compared):
    run = "depth_more-one_sg-hidden4-b0"
    begun(run)
    (before,) = place.trainings()
    cluster.stop_controller()
    cluster.start_controller()
    assert list(place.trainings()) == [before], "it ran on meanwhile"
    place.wait()
    assert compared(run) is None


def test_a_new_snakemake_does_nothing_twice(place, begun, compared):
    """Its predecessor was killed: it waits for that one's jobs and recognises their results as done."""
    run = "depth_more-every_sg-hidden4-b0"
    process = begun(run)
    (before,) = place.trainings()
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    place.make("long", "--unlock")
    assert list(place.trainings()) == [before], "it runs on"
    with Watch(place) as watch:
        text = place.make("long", target("long", run))
    assert "for this folder: 1. Waiting" in text
    assert "Nothing to be done" in text
    assert list(watch.seen) == [before]
    assert compared(run) is None


def test_an_interrupted_snakemake_cancels_its_jobs_and_they_go_on(place, begun, compared):
    """By Ctrl-C; at SIGTERM it would wait for them instead."""
    run = "depth-backprop-hidden2-b0"
    process = begun(run)
    process.send_signal(signal.SIGINT)
    process.wait(300)
    wait_for(lambda: not said("squeue", "-h", "-t", "running,pending,completing"), "the job to end")
    assert place.checkpointed("long", run)
    place.make("long", target("long", run))
    assert compared(run)


@pytest.mark.slow
def test_the_whole_study_has_the_numbers_of_a_local_run(place, local):
    """The whole smoke study in few jobs, each running its steps one after the other by limits of scope `local`."""
    small = [f"{rule}={rule}" for rule in ("tune", "train", "represent", "analyse", "draw")]
    sizes = [f"{rule.partition('=')[0]}=20" for rule in small]
    scopes = ("--resources", "gpu=1", "mem_mb=2048", "--set-resource-scopes", "gpu=local", "mem_mb=local")
    local.start("smoke", "reproduce", "all")
    place.make("smoke", "reproduce", "all", "--groups", *small, "--group-components", *sizes, *scopes)
    local.wait()
    assert numbers(place)
    assert numbers(place) == numbers(local)


def numbers(one: Place):
    """Every number of the smoke study: tables, figures' csv and metrics, but no hardware and no times."""
    results = one.folder / "results" / "smoke"
    found = {str(p.relative_to(results)): store.read_table(p).to_json() for p in sorted(results.rglob("*.parquet"))}
    found |= {str(p.relative_to(results)): p.read_text() for p in sorted(results.rglob("draw/*.csv"))}
    return found | {"metrics": store.read_json(results / "metrics.json")["metrics"]}
