"""The same rules at many sites: what each site's plugin submits, according to the plugin's own code."""

import json
import logging
import os
import re
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest
import yaml

TRAIN = "results/smoke/train/depth-one_sg-hidden2-b0/summary.json"
REPRESENT = "results/smoke/represent/depth-one_sg-hidden4-b0.safetensors"
SITES = ("default", "slurm", "gpu", "kubernetes", "aws-batch")


@pytest.fixture(autouse=True)
def plugins(root, monkeypatch):
    """Make the plugins in .venv/sites importable for the test and its child processes."""
    apart = str(root / ".venv" / "sites")
    monkeypatch.setattr(sys, "path", [*sys.path, apart])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), apart])))


def installed(site):
    """Skip the test if the site's plugin isn't installed."""
    if site not in ("default", "gpu"):
        name = f"snakemake_executor_plugin_{site.replace('-', '_')}"
        pytest.importorskip(name, reason=f"snakemake-executor-plugin-{site} isn't installed; make test installs it")


def asked(root, site, *targets):
    """The resources that jobs request, by rule."""
    profile = () if site == "default" else ("--profile", f"profiles/{site}")
    if site in ("kubernetes", "aws-batch"):
        profile += ("--executor", "local")  # they plan nothing without a storage for files, which the user has to name
    command = [sys.executable, str(root / "tests" / "ask.py"), *targets, "--forceall", "--nolock", *profile]
    done = subprocess.run([*command, "--config", "study=smoke"], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    jobs = [json.loads(line.removeprefix("JOB ")) for line in done.stdout.splitlines() if line.startswith("JOB ")]
    return {job["rule"]: job for job in jobs}


@pytest.mark.parametrize("site", SITES)
def test_the_rules_request_the_same_at_every_site(root, site):
    installed(site)
    jobs = asked(root, site, TRAIN, REPRESENT)
    train, represent = jobs["train"]["resources"], jobs["represent"]["resources"]
    assert (train["gpu"], train["gpu_manufacturer"], train["mem_mb"], train["runtime"]) == (1, "nvidia", 2048, 10)
    assert "gpu" not in represent, "extracting activations needs no GPU, and some plugins take 0 for a request"
    assert (represent["mem_mb"], represent["runtime"]) == (2048, 15)
    assert jobs["train"]["threads"] == jobs["represent"]["threads"] == 1


def test_profiles_contain_no_science_and_no_account(root):
    for path in (root / "profiles").glob("*/profile.yaml"):
        profile = yaml.safe_load(path.read_text())
        assert not {"config", "configfile"} & set(profile), path
        words = {"slurm_account", "slurm_partition", "aws-batch-job-queue", "kubernetes-namespace", "container-image"}
        assert not words & ({*profile} | {*profile.get("default-resources", {})}), path


RECORD = """#!/bin/sh
case "$0" in
*sbatch) printf '%s\\n' "$*" >> "$RECORDED"; echo "made up: nothing is submitted" >&2; exit 1 ;;
*scontrol) echo "MinJobAge = 3600 sec"; echo "MaxArraySize = 1001" ;;
esac
"""


def test_slurms_plugin_submits_it(root, tmp_path):
    """The command that the plugin runs, recorded by a fake sbatch."""
    installed("slurm")
    for name in ("sbatch", "scontrol", "squeue", "sinfo", "sacct", "sacctmgr", "scancel"):
        (tmp_path / name).write_text(RECORD)
        (tmp_path / name).chmod(0o755)
    folder = tmp_path / "study"
    folder.mkdir()
    for name in ("Snakefile", "workflow", "pipeline", "configs", "profiles"):
        (folder / name).symlink_to(root / name)
    for file in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        data = folder / "data" / "mnist" / f"{file}-ubyte"
        data.parent.mkdir(parents=True, exist_ok=True)
        data.touch()
    calls = tmp_path / "calls"
    command = [sys.executable, "-m", "snakemake", TRAIN, "--config", "study=smoke", "--profile", "profiles/slurm"]
    command += ["--restart-times", "0", "--slurm-status-command", "squeue"]
    command += ["--set-resources", "train:slurm_partition=its_gpus", "train:constraint=a100"]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "RECORDED": str(calls)}
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said, env=environment)
    end = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < end and not (calls.exists() and calls.read_text()[-1:] == "\n"):
        time.sleep(0.1)
    process.kill()  # Snakemake would look after the refused job for a minute more
    process.wait()
    assert calls.exists(), (tmp_path / "said").read_text()
    (call,) = calls.read_text().splitlines()
    options = call.partition(" --wrap")[0]
    for word in ("--gpus=1", "--mem 2048", "-t 10", "--cpus-per-task=1", "--requeue", "-p its_gpus", "-C a100"):
        assert re.search(rf"(^| ){re.escape(word)}( |$)", options), (word, options)
    assert "--signal=TERM@60" in options


class Recorder:
    """Records what a plugin would send."""

    def __init__(self):
        self.sent = []

    def register_job_definition(self, **definition):
        self.sent.append(definition)

    def create_namespaced_job(self, namespace, body):
        self.sent.append(body)


def test_aws_batchs_plugin_submits_it(root):
    installed("aws-batch")
    from snakemake_executor_plugin_aws_batch.batch_job_builder import BatchJobBuilder

    client = Recorder()
    settings = SimpleNamespace(job_role="role", task_timeout=7200, tags=None)
    jobs = asked(root, "aws-batch", TRAIN, REPRESENT)
    for rule in ("train", "represent"):
        job = SimpleNamespace(name=rule, resources=jobs[rule]["resources"])
        BatchJobBuilder(logging.getLogger("t"), job, {}, "image", settings, "command", client).build_job_definition()
    train, represent = (
        {need["type"]: need["value"] for need in sent["containerProperties"]["resourceRequirements"]}
        for sent in client.sent
    )
    assert train == {"VCPU": "1", "MEMORY": "2048", "GPU": "1"}
    assert represent == {"VCPU": "1", "MEMORY": "2048"}


def test_kubernetes_plugin_submits_it(root):
    installed("kubernetes")
    from snakemake_executor_plugin_kubernetes import Executor

    jobs = asked(root, "kubernetes", TRAIN, REPRESENT)
    found = {}
    for rule in ("train", "represent"):
        executor = Executor.__new__(Executor)
        executor.batchapi = client = Recorder()
        executor.logger = logging.getLogger("t")
        executor.format_job_exec = lambda job: "command"
        executor.report_job_submission = lambda info: None
        executor._kubernetes_retry = lambda send: send()
        executor.workflow = SimpleNamespace(deployment_settings=SimpleNamespace(deployment_method=set()))
        executor.run_namespace, executor.namespace, executor.container_image = "u", "n", "image"
        executor.persistent_volumes, executor.secret_envvars = [], {}
        executor.k8s_service_account_name, executor.privileged, executor.k8s_cpu_scalar = None, False, 0.95
        known = {name: value for name, value in jobs[rule]["resources"].items() if value != "<TBD>"}
        resources = {**known, "_cores": jobs[rule]["threads"]}
        executor.run_job(SimpleNamespace(jobid=1, attempt=1, resources=resources, is_containerized=False))
        found[rule] = client.sent[0].spec.template.spec.containers or client.sent[0].spec.containers
    train, represent = (containers[0].resources for containers in found.values())
    assert train.requests["nvidia.com/gpu"] == train.limits["nvidia.com/gpu"] == "1", "no GPU without a limit"
    assert train.requests["memory"] == "2048M"
    assert "nvidia.com/gpu" not in represent.requests
