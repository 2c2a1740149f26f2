"""Check, list and send what `publish` uploads: offline runs, artifacts and the report."""

import random
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.results import paths, store
from pipeline.results.fingerprint import digest
from pipeline.study.plan import Plan
from pipeline.tracking import account, client, reader, study_runs, wandb_report
from pipeline.tracking.account import PublishError
from pipeline.tracking.reader import OfflineRun

RESULT_FILES = ("metrics.json", "verdicts.json", "draw/*.csv")
REFUSALS = (PublishError, wandb_report.NotInstalledError, store.DamagedFileError, OSError)


@dataclass(frozen=True)
class Upload:
    """A study that has been checked and can be sent.

    Attributes:
        study: the study's name.
        plan: its jobs.
        entity: the W&B user or team that owns the project; empty if a dry run doesn't know it.
        runs: the offline runs, sent before or not.
        content: what the report shows.
    """

    study: str
    plan: Plan
    entity: str
    runs: Sequence[OfflineRun]
    content: wandb_report.ReportContent


def check(study: str, plan: Plan, *, entity: str | None, dry_run: bool) -> Upload:
    """Check everything that can be checked before anything is sent, and list the runs.

    Args:
        study: the study's name.
        plan: its jobs.
        entity: the entity that the user named.
        dry_run: whether to do without a key and a server.

    Raises:
        Any of `REFUSALS`.
    """
    wandb_report.library()
    owner = (entity or "") if dry_run else account.entity(entity)
    runs = list_runs(study, plan)
    return Upload(study, plan, owner, runs, report_content(study, plan, runs))


def write_report(upload: Upload, *, project: str) -> str:
    """Write the report that would be sent as JSON; returns a line that describes it."""
    random.seed(upload.study)  # the library draws names of blocks: equal content has to give equal bytes
    report = wandb_report.build(upload.content, entity=upload.entity, project=project)
    target = paths.results(upload.study) / "wandb_report.json"
    store.write_bytes(target, (wandb_report.specification(report) + "\n").encode())
    shown = upload.content
    return f"{target}: {len(shown.verdicts)} verdicts, {len(shown.figures)} figures; nothing was sent"


def send(upload: Upload, *, project: str, again: bool) -> str:
    """Send the runs, the artifacts and the report; returns the report's address.

    Args:
        upload: what to send.
        project: the W&B project.
        again: whether to send runs that were sent before, too.

    Raises:
        PublishError: if a run didn't arrive.
    """
    sync(upload.runs if again else [run for run in upload.runs if not run.synced], upload.entity, project)
    _log_artifacts(upload, project)
    return save_report(upload.study, wandb_report.build(upload.content, entity=upload.entity, project=project))


def list_runs(study: str, plan: Plan) -> list[OfflineRun]:
    """The study's runs that are recorded offline; prints a line for each run of the study.

    Raises:
        PublishError: if there is none.
    """
    folder = reader.folder()
    wanted = study_runs.expected(study, plan.blocks)
    found = [run for each in wanted if (run := study_runs.newest_offline(folder, each.id))]
    recorded = {run.id for run in found}
    for run in found:
        state = "sent before" if run.synced else "to be sent"
        first = run.first_step
        cut = f", begins at step {first}: an earlier part was cut off and isn't sent" if first else ""
        print(f"{run.id} {run.job_type} {run.name}: {run.size / 1e3:.0f} kB, {state}{cut}")
    for each in wanted:
        if each.id not in recorded:
            print(f"{each.id} {each.job_type} {each.name}: no offline record in {folder}, not sent")
    if not found:
        raise PublishError(
            f"found no offline record of {len(wanted)} runs of study {study!r} in {folder}/; run the workflow with "
            "WANDB_MODE=offline, or set WANDB_DIR to the folder that contains `wandb`"
        )
    size = sum(run.size for run in found if not run.synced)
    print(f"{len(found)} of {len(wanted)} runs are recorded, {size / 1e6:.1f} MB to be sent")
    return found


def report_content(study: str, plan: Plan, runs: Sequence[OfflineRun]) -> wandb_report.ReportContent:
    """What the report shows."""
    origin = store.provenance_of(paths.metrics(study))
    figures = {}
    for name in plan.study.figures:
        analyses = dict.fromkeys(plan.reads(name).values())
        drawn = [run.name for each in analyses if plan.declared(each)["SCOPE"] != "study" for run in plan.select(each)]
        figures[name] = wandb_report.ReportFigure(plan.title(name), list(dict.fromkeys(drawn)))
    return wandb_report.ReportContent(
        title=f"{plan.study.title} (study {study}, settings {plan.settings_hash()})",
        facts=[
            ("Study", f"`{study}`"),
            ("Hash of its settings", f"`{plan.settings_hash()}`"),
            ("Headline numbers made at commit", f"`{origin.get('commit') or 'not recorded'}`"),
            ("Runs sent", str(len(runs))),
        ],
        verdicts=store.read_json(paths.verdicts(study)),
        figures=figures,
        groups=sorted({run.group for run in runs if run.job_type == "train"}),
        results=next((run.id for run in runs if run.job_type == "results"), None),
        artifacts=[f"{study}-results", f"{study}-runs"],
    )


def sync(runs: Sequence[OfflineRun], entity: str, project: str) -> None:
    """Send runs with W&B's own command, which leaves a mark beside each record that arrived.

    Raises:
        PublishError: if a run did not arrive, which the command's exit code doesn't tell.
    """
    for run in runs:
        run.sync_mark.unlink(missing_ok=True)
    if runs:
        command = [sys.executable, "-P", "-m", "wandb", "sync", "--entity", entity, "--project", project]
        subprocess.run([*command, *(str(run.folder) for run in runs)], check=False)
    left = [run.name for run in runs if not run.synced]
    if left:
        raise PublishError(f"`wandb sync` did not send {len(left)} of {len(runs)} runs, such as {left[0]}")


def artifacts(study: str, plan: Plan) -> tuple[Any, Any]:
    """Two W&B artifacts, versioned by content: how the trainings ended, and the results made from them."""
    import wandb

    summaries = [path for name in plan.blocks if (path := paths.summary(study, name)).is_file()]
    root = paths.results(study)
    found = [path for pattern in RESULT_FILES for path in sorted(root.glob(pattern))]
    made = []
    for name, files in ((f"{study}-runs", summaries), (f"{study}-results", found)):
        artifact = wandb.Artifact(name, type="results", metadata={"study": study, "settings": plan.settings_hash()})
        for path in files:
            artifact.add_file(str(path), name=path.relative_to(root).as_posix())
        made.append(artifact)
    return made[0], made[1]


def _log_artifacts(upload: Upload, project: str) -> None:
    """Log the artifacts in a run of their own, with the trainings' as its input and the results' as its output."""
    import wandb

    trainings, results = artifacts(upload.study, upload.plan)
    identity = digest([trainings.digest, results.digest])
    settings = wandb.Settings(
        console="off",
        silent=True,
        disable_git=True,
        disable_code=True,
        x_disable_stats=True,
        x_disable_machine_info=True,
        x_save_requirements=False,
        init_timeout=account.SERVER_SECONDS,
    )
    with wandb.init(
        entity=upload.entity,
        project=project,
        name="publish",
        job_type="publish",
        group=f"{upload.study}-{upload.plan.settings_hash()}",
        tags=[upload.study],
        id=client.run_id("publish", identity),
        mode="online",
        settings=settings,
    ) as run:
        run.use_artifact(trainings)
        run.log_artifact(results)


def save_report(study: str, report: Any) -> str:
    """Save the report in place of the one that was saved before to the same project; returns its address."""
    known = paths.results(study) / "published.json"
    place = {"entity": report.entity, "project": report.project}
    before = store.read_json(known) if known.is_file() else {}
    if before.get("entity") == report.entity and before.get("project") == report.project:
        report.id = before["id"]
    report.save()
    store.write_json(known, {**place, "id": report.id, "url": report.url})
    return report.url
