"""The cluster, a project folder whose jobs run in it, and one whose jobs run locally."""

import cluster as clusters
import pytest
from places import PROFILE, Place


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """The running cluster."""
    pytest.importorskip("snakemake_executor_plugin_slurm", reason="the extra `slurm` isn't installed")
    why = clusters.missing()
    if why:
        pytest.skip(why)
    one = clusters.Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        one.start()
        yield one
    finally:
        one.stop()


@pytest.fixture(autouse=True)
def _nothing_runs_on(local, place):
    """Stop a test's Snakemake, even if the test fails."""
    yield
    for each in (local, place):
        each.stop()


@pytest.fixture(scope="session")
def local(tmp_path_factory):
    """A place whose jobs run on this machine directly, for comparison."""
    return Place(tmp_path_factory.mktemp("local"), profile=())


@pytest.fixture(scope="session")
def place(tmp_path_factory, cluster):
    """A place whose jobs run in the cluster."""
    return Place(tmp_path_factory.mktemp("place"), profile=PROFILE)
