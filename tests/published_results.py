"""The published results as DVC's record names them, from the repository's own remote; no command of DVC's runs."""

import json
import shutil
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
STUDY = "study"
REMOTE = ROOT / "published" / "remote" / "files" / "md5"


def lay_out(place, names, *, put=Path.symlink_to):
    """Put some outputs of the default study into a folder, under their names below results/study.

    Args:
        place: the folder.
        names: such as `analyse` or `report.html`; those that aren't published are left out.
        put: puts a file of the remote in a place; by default a link.
    """
    for out in yaml.safe_load((ROOT / "dvc.lock").read_text())["stages"]["results"]["outs"]:
        name = out["path"].removeprefix(f"results/{STUDY}/")
        if name not in names:
            continue
        files = {"": out["md5"]}
        if out["md5"].endswith(".dir"):
            files = {entry["relpath"]: entry["md5"] for entry in json.loads(_stored(out["md5"]).read_text())}
        for below, md5 in files.items():
            target = place / name / below if below else place / name
            target.parent.mkdir(parents=True, exist_ok=True)
            put(target, _stored(md5))


def copy(target, source):
    """A copy, for programs that go by the ending of the file that a link leads to, such as browsers."""
    shutil.copy(source, target)


def _stored(md5):
    return REMOTE / md5[:2] / md5[2:]
