"""Stage: send a study's offline W&B runs, and build its review there. `python -m pipeline publish --study study`.

A run's id comes from what the run depends on, so that sending it twice gives one run. With `--dry-run` nothing is sent
and neither key nor network is needed: it says what would be sent, and writes the report as JSON.
"""

import argparse
import contextlib
import os
import random
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

from pipeline.results import paths, store
from pipeline.results.fingerprint import digest
from pipeline.study.errors import ConfigError
from pipeline.study.plan import Plan
from pipeline.tracking import client, reader, study_runs, wandb_report

PROBE_SECONDS = 3
SERVER_SECONDS = 20  # a single answer of the server's
REFUSED = 2  # exit code: nothing was sent
UNFINISHED = 1  # exit code: some of it was sent; the same command goes on
KINDS = ("metrics.json", "verdicts.json", "draw/*.csv")


class PublishError(RuntimeError):
    """The study can't be published."""


def main(argv: Sequence[str] | None = None) -> None:
    """Check everything that can be checked, then send the runs, then the artifacts, then the report.

    Raises:
        SystemExit: with exit code 2 if nothing was sent, 1 if some was; and the reason.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--study", required=True)
    parser.add_argument("--entity", default=os.environ.get("WANDB_ENTITY"), help="whose project it is")
    parser.add_argument("--project", default=os.environ.get("WANDB_PROJECT") or client.PROJECT)
    parser.add_argument("--again", action="store_true", help="send what was sent before, too: to another project")
    parser.add_argument("--dry-run", action="store_true", help="send nothing, say what would be sent")
    given = parser.parse_args(argv)
    try:
        wandb_report.library()
        entity = given.entity or ""
        if not given.dry_run:
            entity = _entity(given.entity)
        plan = Plan.load(given.study)
        runs = _runs(given.study, plan)
        content = gather(given.study, plan, runs)
    except (PublishError, wandb_report.NotInstalledError, ConfigError, store.DamagedFileError, OSError) as error:
        _end(REFUSED, f"nothing was sent: {error}")
    if given.dry_run:
        random.seed(given.study)  # the library draws its blocks' names: equal content is to give equal bytes
        text = wandb_report.specification(wandb_report.build(content, entity=entity, project=given.project))
        target = paths.results(given.study) / "wandb_report.json"
        store.write_bytes(target, (text + "\n").encode())
        print(f"{target}: {len(content.verdicts)} verdicts, {len(content.figures)} figures; nothing was sent")
        return
    try:
        _sync(runs if given.again else [run for run in runs if not run.synced], entity, given.project)
        _log_artifacts(given.study, plan, entity, given.project)
        print(_save(given.study, wandb_report.build(content, entity=entity, project=given.project)))
    except Exception as error:  # whatever W&B raises: the reader must know what is left to do
        _end(UNFINISHED, f"not all was sent: {error}; the same command goes on, and sends no run twice")


def _end(code: int, problem: str) -> NoReturn:
    print(f"publish: {client.scrub(problem)}", file=sys.stderr)
    raise SystemExit(code)


def _entity(given: str | None) -> str:
    """Whose project it is, once there is a key, a server that answers, and the server takes the key.

    Raises:
        PublishError: if one of them is missing; within seconds.
    """
    import wandb
    from wandb.sdk.lib import wbauth

    with _quiet():
        settings = wandb.setup().settings
        key = os.environ.get("WANDB_API_KEY") or settings.api_key or wbauth.read_netrc_auth(host=settings.base_url)
    if not key and not os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        raise PublishError(
            "found no key for W&B, neither in WANDB_API_KEY nor in a netrc file; log in with `wandb login`, or look at "
            "what would be sent with --dry-run"
        )
    problem = probe(settings.base_url)
    if problem:
        raise PublishError(
            f"W&B's server does not answer within {PROBE_SECONDS} s ({problem}); look for a network, or set "
            "WANDB_BASE_URL to your own server"
        )
    try:
        own = wandb.Api(timeout=SERVER_SECONDS).default_entity  # asked in any case: it shows whether the key is right
    except Exception as error:  # of many kinds
        raise PublishError(
            f"W&B's server refuses: {error}; look whether the key is right, with `wandb login`"
        ) from None
    entity = given or own
    if not entity:
        raise PublishError("the key belongs to no entity; name one with --entity")
    return entity


def probe(url: str) -> str | None:
    """Why a server does not answer, None if it does; in PROBE_SECONDS at most, with the look-up of its name."""
    problems: list[str | None] = ["no answer"]

    def ask() -> None:
        try:
            urllib.request.urlopen(url, timeout=PROBE_SECONDS).close()  # noqa: S310 (the user's own setting)
            problems.append(None)
        except urllib.error.HTTPError as error:
            error.close()  # any answer will do
            problems.append(None)
        except (OSError, ValueError) as error:
            problems.append(str(error))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PROBE_SECONDS)
    return problems[-1]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """W&B tells on stderr where it found a key; this command speaks for itself."""
    with Path(os.devnull).open("w") as null, contextlib.redirect_stderr(null):
        yield


def _runs(study: str, plan: Plan) -> list[study_runs.Recorded]:
    """The study's runs that are recorded offline, each listed.

    Raises:
        PublishError: if there is none.
    """
    folder = reader.folder()
    wanted = study_runs.wanted(study, list(plan.runs))
    found = [run for each in wanted if (run := study_runs.newest(folder, each.id))]
    there = {run.id for run in found}
    for run in found:
        state = "sent before" if run.synced else "to be sent"
        cut = f", begins at step {run.begins}: an earlier part was cut off and isn't sent" if run.begins else ""
        print(f"{run.id} {run.job_type} {run.name}: {run.size / 1e3:.0f} kB, {state}{cut}")
    for each in wanted:
        if each.id not in there:
            print(f"{each.id} {each.job_type} {each.name}: no offline record in {folder}, not sent")
    if not found:
        raise PublishError(
            f"found no offline record of {len(wanted)} runs of study {study!r} in {folder}/; run the workflow with "
            "WANDB_MODE=offline, or set WANDB_DIR to the folder that has `wandb`"
        )
    size = sum(run.size for run in found if not run.synced)
    print(f"{len(found)} of {len(wanted)} runs are recorded, {size / 1e6:.1f} MB to be sent")
    return found


def gather(study: str, plan: Plan, runs: Sequence[study_runs.Recorded]) -> wandb_report.Review:
    """What the report shows.

    Raises:
        PublishError: if the study has no verdicts yet.
    """
    for path in (paths.metrics(study), paths.verdicts(study)):
        if not path.is_file():
            raise PublishError(f"{path}: expected the study's results, found none; run the workflow first")
    origin = store.provenance_of(paths.metrics(study))
    figures = {}
    for name in plan.study.figures:
        analyses = dict.fromkeys(plan.reads(name).values())
        drawn = [run.name for each in analyses if plan.declared(each)["SCOPE"] != "study" for run in plan.select(each)]
        figures[name] = wandb_report.Shown(plan.title(name), list(dict.fromkeys(drawn)))
    return wandb_report.Review(
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


def _sync(runs: Sequence[study_runs.Recorded], entity: str, project: str) -> None:
    """Send runs by W&B's own command, which leaves a mark beside each record that arrived.

    Raises:
        PublishError: naming the first run that did not arrive. The command's exit code is 0 even then.
    """
    for run in runs:
        run.mark.unlink(missing_ok=True)
    if runs:
        command = [sys.executable, "-P", "-m", "wandb", "sync", "--entity", entity, "--project", project]
        subprocess.run([*command, *(str(run.folder) for run in runs)], check=False)
    left = [run.name for run in runs if not run.synced]
    if left:
        raise PublishError(f"`wandb sync` did not send {len(left)} of {len(runs)} runs, such as {left[0]}")


def artifacts(study: str, plan: Plan) -> tuple[Any, Any]:
    """What the trainings ended with, and what came of it: two W&B artifacts, whose versions go by their content."""
    import wandb

    summaries = [path for name in plan.runs if (path := paths.summary(study, name)).is_file()]
    root = paths.results(study)
    found = [path for kind in KINDS for path in sorted(root.glob(kind))]
    made = []
    for name, files in ((f"{study}-runs", summaries), (f"{study}-results", found)):
        artifact = wandb.Artifact(name, type="results", metadata={"study": study, "settings": plan.settings_hash()})
        for path in files:
            artifact.add_file(str(path), name=path.relative_to(root).as_posix())
        made.append(artifact)
    return made[0], made[1]


def _log_artifacts(study: str, plan: Plan, entity: str, project: str) -> None:
    """Log the artifacts by a run of its own, which takes the trainings' and makes the results'."""
    import wandb

    trainings, results = artifacts(study, plan)
    identity = digest([trainings.digest, results.digest])
    settings = wandb.Settings(
        console="off", silent=True, disable_git=True, disable_code=True, x_disable_stats=True,
        x_disable_machine_info=True, x_save_requirements=False, init_timeout=SERVER_SECONDS,
    )  # fmt: skip
    with wandb.init(
        entity=entity, project=project, name="publish", job_type="publish", group=f"{study}-{plan.settings_hash()}",
        tags=[study], id=client.run_id("publish", identity), mode="online", settings=settings,
    ) as run:  # fmt: skip
        run.use_artifact(trainings)
        run.log_artifact(results)


def _save(study: str, report: Any) -> str:
    """Save the report, in the place of the one that was saved before; returns its address."""
    known = paths.results(study) / "published.json"
    place = {"entity": report.entity, "project": report.project}
    before = store.read_json(known) if known.is_file() else {}
    if before.get("entity") == report.entity and before.get("project") == report.project:
        report.id = before["id"]
    report.save()
    store.write_json(known, {**place, "id": report.id, "url": report.url})
    return report.url


if __name__ == "__main__":
    main()
