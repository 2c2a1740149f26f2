"""The two W&B artifacts of a study, versioned by content: how the trainings ended, and the results made from them.

They belong to a run `publish`, with the trainings' as its input and the results' as its output.
"""

from pathlib import Path
from typing import Any

from pipeline.results import paths, store
from pipeline.results.fingerprint import digest
from pipeline.study.plan import Plan
from pipeline.tracking import trainings
from pipeline.tracking.client import Tracker
from pipeline.tracking.run_content import Opening
from pipeline.tracking.runs_there import Place

RESULT_FILES = ("metrics.json", "verdicts.json", "draw/*.csv")
NAME = JOB_TYPE = "publish"
INPUT, OUTPUT = "inputArtifacts", "outputArtifacts"  # W&B's names of the lineage
ARTIFACT = """
query ArtifactByName($project: String!, $entity: String!, $name: String!) {
  project(name: $project, entityName: $entity) { artifact(name: $name) { id digest state } }
}
"""
USE = """
mutation UseArtifact($project: String!, $entity: String!, $run: String!, $artifact: ID!) {
  useArtifact(input: {projectName: $project, entityName: $entity, runName: $run, artifactID: $artifact}) {
    artifact { id }
  }
}
"""
LINEAGE = """
query RunLineage($project: String!, $entity: String!, $name: String!) {
  project(name: $project, entityName: $entity) {
    run(name: $name) {
      inputArtifacts(first: 100) { edges { node { digest } } }
      outputArtifacts(first: 100) { edges { node { digest } } }
    }
  }
}
"""


def names(study: str) -> list[str]:
    """The artifacts' names: of the trainings, and of the results."""
    return [f"{study}-runs", f"{study}-results"]


def holds(study: str) -> dict[str, str]:
    """What each artifact holds, in words, by its name."""
    words = ("how each training ended", "the headline numbers, the verdicts and the figures' numbers")
    return dict(zip(names(study), words, strict=True))


def files(plan: Plan) -> list[dict[str, Path]]:
    """The files of both artifacts, by their names in them."""
    root = paths.results(plan.name)
    summaries = [path for name in plan.blocks if (path := paths.summary(plan.name, name)).is_file()]
    found = [path for pattern in RESULT_FILES for path in sorted(root.glob(pattern))]
    return [{path.relative_to(root).as_posix(): path for path in each} for each in (summaries, found)]


def opening(plan: Plan) -> Opening:
    """How the run is opened; its id depends on the artifacts' content."""
    content = [{name: store.sha256(path) for name, path in each.items()} for each in files(plan)]
    config = {"study": plan.name, "settings": plan.settings_hash()}
    return Opening(NAME, trainings.group(plan), JOB_TYPE, config, digest([NAME, content]), (plan.name,))


def record(tracker: Tracker, plan: Plan) -> None:
    """Record the artifacts."""
    about = {"study": plan.name, "settings": plan.settings_hash()}
    for name, content in zip(names(plan.name), files(plan), strict=True):
        tracker.artifact(name, content, about)


def digests(plan: Plan) -> list[str]:
    """W&B's digests of both artifacts."""
    import wandb

    found = []
    for name, content in zip(names(plan.name), files(plan), strict=True):
        artifact = wandb.Artifact(name, type="results")
        for inside, path in content.items():
            artifact.add_file(str(path), name=inside, policy="immutable")  # no copy in W&B's folder
        found.append(artifact.digest)
    return found


def missing(place: Place, plan: Plan, wanted: list[str]) -> list[str]:
    """Which artifacts, and which parts of their lineage, the server doesn't show.

    Args:
        place: the project.
        plan: the study's jobs.
        wanted: the artifacts' digests.

    Raises:
        ServerError: if it can't be read.
    """
    gone = []
    for name, each in zip(names(plan.name), wanted, strict=True):
        found = _newest(place, name)
        if (found.get("digest"), found.get("state")) != (each, "COMMITTED"):
            gone.append(f"artifact {name}")
    asked = {"project": place.project, "entity": place.entity, "name": opening(plan).id}
    run = (place.server.ask("RunLineage", LINEAGE, **asked).get("project") or {}).get("run") or {}
    for way, each in zip((INPUT, OUTPUT), wanted, strict=True):
        edges = (run.get(way) or {}).get("edges") or []
        gone += [] if each in [edge["node"].get("digest") for edge in edges] else [way]
    return gone


def use(place: Place, plan: Plan) -> None:
    """Make the trainings' artifact the input of the run, which W&B's client does only for runs that are online.

    Raises:
        ServerError: if the server refuses.
    """
    found = _newest(place, names(plan.name)[0])
    if found:
        asked = {"project": place.project, "entity": place.entity, "run": opening(plan).id}
        place.server.ask("UseArtifact", USE, **asked, artifact=found["id"])


def _newest(place: Place, name: str) -> dict[str, Any]:
    asked = {"project": place.project, "entity": place.entity, "name": f"{name}:latest"}
    return (place.server.ask("ArtifactByName", ARTIFACT, **asked).get("project") or {}).get("artifact") or {}
