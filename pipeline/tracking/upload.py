"""Upload a study's offline W&B runs and build its report there.

A run's id is made from what the run depends on, so that a run that is sent twice is still one run. `--dry-run` needs
neither key nor network: it lists what would be sent and writes the report as JSON.
"""

import os
import sys
from collections.abc import Sequence

from pipeline.results import paths
from pipeline.results.secrets import scrub
from pipeline.study import arguments
from pipeline.study.plan import Plan
from pipeline.tracking.account import PublishError
from pipeline.tracking.client import PROJECT

REFUSED = 2  # exit code of an error: nothing was sent
UNFINISHED = 1  # exit code: some runs were sent; the same command sends the rest


def main(argv: Sequence[str] | None = None) -> None:
    """Check everything that can be checked, then send the runs, the artifacts and the report.

    Raises:
        PublishError: with the reason, if nothing was sent.
        SystemExit: with exit code 1, if some of it was sent.
    """
    parser = arguments.parser(__doc__)
    parser.add_argument(
        "--entity",
        default=os.environ.get("WANDB_ENTITY"),
        help="W&B user or team that owns the project (default: WANDB_ENTITY, or the key's own)",
    )
    parser.add_argument(
        "--project",
        default=os.environ.get("WANDB_PROJECT") or PROJECT,
        help=f"W&B project to send to (default: WANDB_PROJECT, or {PROJECT})",
    )
    parser.add_argument("--again", action="store_true", help="also send runs that were sent before: to another project")
    parser.add_argument("--dry-run", action="store_true", help="send nothing; list what would be sent")
    given = parser.parse_args(argv)
    plan = Plan.load(given.study)
    require_results(given.study)
    from pipeline.tracking import sending  # imports pandas and W&B, which help and refusals needn't wait for

    try:
        ready = sending.check(given.study, plan, entity=given.entity, dry_run=given.dry_run)
    except sending.REFUSALS as error:
        raise PublishError(scrub(f"nothing was sent: {error}")) from None
    if given.dry_run:
        print(sending.write_report(ready, project=given.project))
        return
    try:
        print(sending.send(ready, project=given.project, again=given.again))
    except Exception as error:  # whatever W&B raises, the user has to know what is left to do
        print(scrub(f"not all was sent: {error}; the same command goes on, and sends no run twice"), file=sys.stderr)
        sys.exit(UNFINISHED)


def require_results(study: str) -> None:
    """Check that a study has its headline numbers and verdicts.

    Raises:
        PublishError: if it doesn't.
    """
    for path in (paths.metrics(study), paths.verdicts(study)):
        if not path.is_file():
            raise PublishError(f"{path}: expected the study's results, found none; run the workflow first")
