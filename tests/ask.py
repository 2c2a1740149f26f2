"""Prints what Snakemake would ask of a site for each job, as JSON: `python ask.py <Snakemake's arguments>`.

A dry run with the site's own profile, in which each job's resources are written down as the executor would get them.
"""

import json
import sys
from typing import Any

from snakemake import cli
from snakemake.executors import dryrun


def write_down(self: dryrun.Executor, job: Any) -> None:
    """In place of printing a job for readers."""
    print("JOB " + json.dumps({"rule": job.rule.name, "threads": job.threads, "resources": dict(job.resources)}))


dryrun.Executor.printjob = write_down
cli.main(["--dry-run", *sys.argv[1:]])
