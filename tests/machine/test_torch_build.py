"""tools/torch.sh installs only builds of torch whose checksum is known."""

import os
import re
import subprocess
import sys

import pytest
from small_study import ROOT

VERSION = re.findall(r"^torch==(\S+)", (ROOT / "requirements-torch.lock").read_text(), re.MULTILINE)[0]


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    place = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    (place / "bin" / "uv").symlink_to(ROOT / ".venv" / "bin" / "uv")
    return place


def install(environment, wheels, **variables):
    """Run torch.sh with no other wheels than those in a folder."""
    alone = {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "UV_OFFLINE": "1",
        "UV_NO_CONFIG": "1",
        "UV_CACHE_DIR": str(wheels / "cache"),
        "TORCH": "cpu",
    }
    done = subprocess.run(
        ["bash", ROOT / "tools" / "torch.sh", environment],
        env={**os.environ, **alone, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    left = [path.name for path in environment.glob("lib/python3*/site-packages/torch*")]
    return done.returncode, done.stdout + done.stderr, left


def test_an_unknown_build_is_refused_with_a_hint_how_to_use_it(environment, tmp_path):
    (tmp_path / f"torch-{VERSION}+cpu-py3-none-any.whl").write_bytes(b"not what was locked")
    code, said, left = install(environment, tmp_path)
    assert code == 1
    assert "another checksum than those in requirements-torch-cpu.lock: refused" in said
    assert re.search(r"Got\s+[0-9a-f]{64}", said)
    assert f"-m pip install torch=={VERSION}" in said, "how to use it nevertheless"
    assert left == []


@pytest.mark.parametrize("build", ["cpu", "cuda"])
def test_without_any_build_it_says_so(environment, tmp_path, build):
    code, said, left = install(environment, tmp_path, TORCH=build)
    assert code == 1
    assert f"No build of torch {VERSION} for this machine" in said
    assert left == []


def test_an_unknown_choice_is_refused(environment, tmp_path):
    code, said, _ = install(environment, tmp_path, TORCH="gpu")
    assert (code, said) == (1, "TORCH is 'gpu'; it can be cpu, cuda or auto\n")


def test_an_installed_build_is_kept(environment, tmp_path):
    (place,) = environment.glob("lib/python3*/site-packages")
    module = place / "torch.py"
    module.write_text(f"from types import SimpleNamespace as S\nversion = S(cuda=None)\n__version__ = '{VERSION}+ours'")
    try:
        for choice in ("cpu", "auto"):
            assert install(environment, tmp_path, TORCH=choice)[:2] == (0, "")
        code, said, _ = install(environment, tmp_path, TORCH="cuda")
        assert code == 1
        assert "has another build of torch: remove" in said
        module.write_text("__version__ = '1.0'")
        assert install(environment, tmp_path)[0] == 1
    finally:
        module.unlink()
