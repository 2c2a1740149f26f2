"""The site, built once for all tests of it."""

import os

import pytest
from built_site import build
from filelock import FileLock


@pytest.fixture(scope="session")
def site(pytestconfig, tmp_path_factory):
    """The folder of the built site."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent  # one site for all of pytest's processes
    with FileLock(shared / "site.lock"):
        if not (shared / "site.said").is_file():
            code, said = build(pytestconfig.rootpath, shared / "site")
            assert code == 0, said
            (shared / "site.said").write_text(said)
    return shared / "site"
