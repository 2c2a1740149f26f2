"""The published results as DVC's record names them, as links into the repository's own remote; no command of DVC's runs."""

import json
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
STUDY = "study"
REMOTE = ROOT / "published" / "remote" / "files" / "md5"


def lay_out(place, names):
    """Put some outputs of the default study into a folder, under their names below results/study.

    Args:
        place: the folder.
        names: such as `analyse` or `report.html`; those that aren't published are left out.
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
            target.symlink_to(_stored(md5))


def _stored(md5):
    return REMOTE / md5[:2] / md5[2:]
