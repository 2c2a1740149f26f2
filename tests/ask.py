"""Print the resources that Snakemake would request for each job, as JSON: `python ask.py <Snakemake's arguments>`.

It makes a dry run with a site's profile and prints each job's resources as the executor would get them.
"""

import json
import sys
from typing import Any

from snakemake import cli
from snakemake.executors import dryrun


def write_down(self: dryrun.Executor, job: Any) -> None:
    """Replaces the dry run's own output for a job."""
    print("JOB " + json.dumps({"rule": job.rule.name, "threads": job.threads, "resources": dict(job.resources)}))


dryrun.Executor.printjob = write_down
cli.main(["--dry-run", *sys.argv[1:]])
