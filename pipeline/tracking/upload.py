"""Send a study's W&B runs and build its report there, from its results.

What is there already, to the bit, is left alone; what is missing or differs is sent and read back. A run's id is made
from what the run depends on, so that a run that is sent twice is still one run. `--dry-run` needs neither key nor
network: it lists the runs and writes the report as JSON.
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
from pipeline.tracking.limits import Limits

REFUSED = 2  # exit code of an error: nothing was sent
UNFINISHED = 1  # exit code: something isn't there yet; the same command sends the rest
INTERRUPTED = 130  # exit code after Ctrl-C


def main(argv: Sequence[str] | None = None) -> None:
    """Check everything that can be checked, then send the runs, the artifacts and the report.

    Raises:
        PublishError: with the reason, if nothing was sent.
        SystemExit: with exit code 1, if something isn't there.
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
    parser.add_argument("--patience", type=float, default=Limits().late, metavar="SECONDS", help=_PATIENCE)
    parser.add_argument("--dry-run", action="store_true", help="send nothing; list what would be sent")
    given = parser.parse_args(argv)
    plan = Plan.load(given.study)
    require_results(plan)
    from pipeline.tracking import account, sending  # imports pandas and W&B, which help and refusals needn't wait for
    from pipeline.tracking.runs_there import Place

    try:
        ready = sending.check(plan)
        if given.dry_run:
            print(sending.write_report(ready, entity=given.entity, project=given.project))
            return
        server, entity = account.connect(given.entity, limits=Limits(late=given.patience))
        done = sending.send(ready, Place(server, entity, given.project))
    except sending.REFUSALS as error:
        raise PublishError(scrub(f"nothing was sent: {error}")) from None
    except KeyboardInterrupt:
        print("interrupted; the same command goes on, and sends nothing twice", file=sys.stderr)
        sys.stdout.flush()
        os._exit(INTERRUPTED)  # without waiting for requests in progress
    for problem in done.problems:
        print(scrub(problem), file=sys.stderr)
    if done.problems:
        print(f"not all is there: {len(done.problems)} problems; {sending.NOT_ALL}", file=sys.stderr)
        sys.exit(UNFINISHED)
    print(done.address or "all runs are there")


_PATIENCE = "how long to wait until the server shows what it has accepted (default: %(default)s)"


def require_results(plan: Plan) -> None:
    """Check that some training of a study has ended.

    Raises:
        PublishError: if none has.
    """
    if not any(paths.summary(plan.name, block).is_file() for block in plan.blocks):
        raise PublishError(
            f"{paths.results(plan.name)}: expected the study's results, found none; run the workflow, or "
            "`dvc pull results`"
        )
