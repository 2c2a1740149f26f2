"""Wait for SLURM jobs that were submitted from this folder by an earlier Snakemake, which was killed.

Snakemake's SLURM plugin doesn't adopt jobs of another process and would submit them a second time. Their finished
results count as done.
"""

import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

LOCKS = Path(".snakemake/locks")
READ_ONLY_OPTION = re.compile(  # options with which Snakemake runs no jobs
    r"-[a-zA-Z]*n[a-zA-Z]*|-S|-D|-l|--(dry-?run|unlock|lint|list|list-.*|summary|detailed-summary|report|dag|d3dag|rulegraph|"
    r"filegraph|print-compilation)(=.*)?"
)
FIELDS = "%A|%k|%Z"  # job id, comment, working folder
COMMENT = "rule_"  # prefix of the comments of the plugin's jobs
SECONDS = 5.0
PATIENCE = 60  # seconds to wait for an answer of `squeue`


def wait(arguments: Sequence[str], *, seconds: float = SECONDS) -> int:
    """Wait until no such job is left; returns how many there were.

    Returns at once if Snakemake was called with an option such as --dry-run that runs no jobs, or if this folder is
    locked: then another Snakemake is running, and Snakemake itself says what to do.

    Args:
        arguments: Snakemake's command line arguments.
        seconds: between two queries of the queue.
    """
    if shutil.which("squeue") is None or _runs_no_jobs(arguments) or (LOCKS.is_dir() and any(LOCKS.iterdir())):
        return 0
    found = jobs() or []  # if `squeue` fails at the first query, there is no SLURM to wait for
    if found:
        print(
            f"jobs of an earlier Snakemake are in SLURM's queue for this folder: {len(found)}. Waiting for them; their "
            f"finished results count as done. To go on without them: scancel {' '.join(found)}",
            file=sys.stderr,
            flush=True,
        )
    left = found
    while left:
        time.sleep(seconds)
        now = jobs()
        left = left if now is None else now  # the controller answered before: it is only busy or restarting
    return len(found)


def jobs() -> list[str] | None:
    """The sorted ids of this user's unfinished jobs that Snakemake's plugin submitted from this folder.

    None if `squeue` fails.
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


def _runs_no_jobs(arguments: Sequence[str]) -> bool:
    return any(READ_ONLY_OPTION.fullmatch(argument) for argument in arguments)
