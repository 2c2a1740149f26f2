"""SLURM jobs that a Snakemake which was killed still has in this folder: the next one waits for them.

Snakemake's plugin doesn't take up jobs of another process, and would submit them a second time. What they finish
meanwhile counts as done.
"""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

LOCKS = Path(".snakemake/locks")
LOOKING = re.compile(
    r"-[a-zA-Z]*n[a-zA-Z]*|-S|-D|-l|--(dry-?run|unlock|lint|list|list-.*|summary|detailed-summary|report|dag|d3dag|rulegraph|"
    r"filegraph|print-compilation)(=.*)?"
)
FIELDS = "%A|%k|%Z"  # id, comment, folder
COMMENT = "rule_"  # with which the comments of the plugin's jobs begin
SECONDS = 5.0
PATIENCE = 60  # seconds that the queue's answer may take


def wait(arguments: Sequence[str], *, seconds: float = SECONDS) -> int:
    """Wait until no such job is left; returns how many there were.

    Nothing is waited for by a Snakemake that only looks, or while this folder is locked: then another one is at work,
    and Snakemake itself says what to do.

    Args:
        arguments: Snakemake's own.
        seconds: between two looks at the queue.
    """
    if shutil.which("squeue") is None or _only_looks(arguments) or (LOCKS.is_dir() and any(LOCKS.iterdir())):
        return 0
    found = jobs() or []  # where it can't be asked at all there is no SLURM to wait for
    if found:
        print(
            f"jobs of an earlier Snakemake are in SLURM's queue for this folder: {len(found)}. Waiting for them; what "
            f"they finish counts as done. To go on without them: scancel {' '.join(found)}",
            file=sys.stderr,
            flush=True,
        )
    left = found
    while left:
        time.sleep(seconds)
        now = jobs()
        left = left if now is None else now  # a queue that answered before is only busy, or its controller restarted
    return len(found)


def jobs() -> list[str] | None:
    """The ids of this user's jobs that Snakemake's plugin submitted from this folder and that haven't ended; sorted.

    None if the queue can't be asked.
    """
    command = ["squeue", "--me", "--noheader", "--format", FIELDS]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    here = Path.cwd()
    rows = [line.split("|", 2) for line in done.stdout.splitlines() if line.count("|") >= FIELDS.count("|")]
    return sorted(
        {job for job, comment, folder in rows if comment.startswith(COMMENT) and Path(folder).resolve() == here}
    )


def _only_looks(arguments: Sequence[str]) -> bool:
    return any(LOOKING.fullmatch(argument) for argument in arguments)
