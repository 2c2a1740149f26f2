"""The W&B artifacts of a study, the runs that they belong to, and their lineage, on a server.

Each step of `lineage` has an artifact and a run `publish`, which uses the earlier artifacts and logs its own. The
study's trainings use the data's artifact, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.results.fingerprint import digest
from pipeline.study.plan import Plan
from pipeline.tracking import trainings
from pipeline.tracking.client import Tracker
from pipeline.tracking.lineage import Step
from pipeline.tracking.run_content import Opening
from pipeline.tracking.runs_there import Place

JOB_TYPE = "publish"
INPUT, OUTPUT = "inputArtifacts", "outputArtifacts"  # W&B's names of the lineage
AT_ONCE = 50  # runs whose inputs are asked for in one request
ARTIFACT = """
query ArtifactByName($project: String!, $entity: String!, $name: String!) {
  project(name: $project, entityName: $entity) { artifact(name: $name) { id digest state aliases { alias } } }
}
"""
USE = """
mutation UseArtifact($project: String!, $entity: String!, $run: String!, $artifact: ID!) {
  useArtifact(input: {projectName: $project, entityName: $entity, runName: $run, artifactID: $artifact}) {
    artifact { id }
  }
}
"""
ALIASES = """
mutation AddAliases($artifact: ID!, $aliases: [ArtifactCollectionAliasInput!]!) {
  addAliases(input: {artifactID: $artifact, aliases: $aliases}) { success }
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
INPUTS = "%s: run(name: $%s) { inputArtifacts(first: 100) { edges { node { digest } } } }"


def opening(plan: Plan, step: Step) -> Opening:
    """How a step's run is opened; its id depends on the artifact's content."""
    config = {"study": plan.name, "settings": plan.settings_hash(), "step": step.name}
    identity = digest([JOB_TYPE, step.name, step.content])
    return Opening(f"{JOB_TYPE} {step.name}", trainings.group(plan), JOB_TYPE, config, identity, (plan.name,))


def record(trackers: Mapping[str, Tracker], plan: Plan, steps: Sequence[Step]) -> None:
    """Record the artifacts of some steps, each in its own run."""
    about = {"study": plan.name, "settings": plan.settings_hash()}
    for step in steps:
        trackers[opening(plan, step).name].artifact(step.artifact, step.files, about)


def digests(steps: Sequence[Step]) -> dict[str, str]:
    """W&B's digests of the steps' artifacts, by the artifacts' names."""
    import wandb

    found = {}
    for step in steps:
        artifact = wandb.Artifact(step.artifact, type=step.type)
        for inside, path in step.files.items():
            artifact.add_file(str(path), name=inside, policy="immutable")  # no copy in W&B's folder
        found[step.artifact] = artifact.digest
    return found


def absent(place: Place, plan: Plan, step: Step, wanted: Mapping[str, str]) -> list[str]:
    """What the server lacks of a step's artifact, or of the run that has logged it.

    Args:
        place: the project.
        plan: the study's jobs.
        step: the step.
        wanted: the digests of all artifacts.

    Raises:
        ServerError: if it can't be read.
    """
    found = _newest(place, step.artifact)
    if (found.get("digest"), found.get("state")) != (wanted[step.artifact], "COMMITTED"):
        return [f"artifact {step.artifact}"]
    shown = _connected(_lineage(place, plan, step), OUTPUT)
    return [] if wanted[step.artifact] in shown else [f"{OUTPUT} of {JOB_TYPE} {step.name}"]


def unconnected(place: Place, plan: Plan, step: Step, wanted: Mapping[str, str]) -> list[str]:
    """Which aliases of a step's artifact, and which inputs of its run, the server lacks, in words.

    The arguments are those of `absent`.

    Raises:
        ServerError: if they can't be read.
    """
    aliases, inputs = _loose(place, plan, step, wanted)
    gone = [f"alias {each} of {step.artifact}" for each in aliases]
    return gone + [f"{INPUT} of {JOB_TYPE} {step.name}: {name}" for name in inputs]


def _loose(place: Place, plan: Plan, step: Step, wanted: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """The aliases of a step's artifact, and the inputs of its run, that the server lacks."""
    aliases = {each.get("alias") for each in _newest(place, step.artifact).get("aliases") or ()}
    shown = _connected(_lineage(place, plan, step), INPUT)
    return [each for each in step.commits if each not in aliases], [
        name for name in step.uses if wanted[name] not in shown
    ]


def _lineage(place: Place, plan: Plan, step: Step) -> Mapping[str, Any]:
    asked = {"project": place.project, "entity": place.entity, "name": opening(plan, step).id}
    return (place.server.ask("RunLineage", LINEAGE, **asked).get("project") or {}).get("run") or {}


def unlinked(place: Place, runs: Sequence[str], wanted: str) -> list[str]:
    """The ids of the runs that don't use an artifact yet.

    Args:
        place: the project.
        runs: the ids of runs.
        wanted: the artifact's digest.

    Raises:
        ServerError: if they can't be read.
    """
    return [id_ for id_, run in _runs(place, runs) if wanted not in _connected(run, INPUT)]


def _runs(place: Place, ids: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each run with its inputs, asked for many at a time."""
    for start in range(0, len(ids), AT_ONCE):
        part = {f"n{number}": id_ for number, id_ in enumerate(ids[start : start + AT_ONCE])}
        declared = ", ".join(f"${name}: String!" for name in part)
        fields = " ".join(INPUTS % (name, name) for name in part)
        query = (
            f"query RunInputs($project: String!, $entity: String!, {declared}) "
            f"{{ project(name: $project, entityName: $entity) {{ {fields} }} }}"
        )
        found = place.server.ask("RunInputs", query, project=place.project, entity=place.entity, **part)
        shown = found.get("project") or {}
        yield from ((id_, shown.get(name) or {}) for name, id_ in part.items())


def connect(place: Place, plan: Plan, step: Step, wanted: Mapping[str, str]) -> None:
    """Give a step's artifact its aliases, and its run its inputs, which W&B's client does only for online runs.

    The arguments are those of `absent`.

    Raises:
        ServerError: if the server refuses.
    """
    aliases, inputs = _loose(place, plan, step, wanted)
    if aliases and (found := _newest(place, step.artifact)):
        at = {"entityName": place.entity, "projectName": place.project, "artifactCollectionName": step.artifact}
        named = [{**at, "alias": each} for each in aliases]
        place.server.ask("AddAliases", ALIASES, artifact=found["id"], aliases=named)
    for name in inputs:
        use(place, name, [opening(plan, step).id])


def use(place: Place, name: str, runs: Sequence[str]) -> None:
    """Make the newest version of an artifact an input of runs.

    Raises:
        ServerError: if the server refuses.
    """
    found = _newest(place, name) if runs else {}
    for id_ in runs if found else ():
        asked = {"project": place.project, "entity": place.entity, "run": id_}
        place.server.ask("UseArtifact", USE, **asked, artifact=found["id"])


def _connected(run: Mapping[str, Any], way: str) -> list[str | None]:
    return [edge["node"].get("digest") for edge in (run.get(way) or {}).get("edges") or []]


def _newest(place: Place, name: str) -> dict[str, Any]:
    asked = {"project": place.project, "entity": place.entity, "name": f"{name}:latest"}
    return (place.server.ask("ArtifactByName", ARTIFACT, **asked).get("project") or {}).get("artifact") or {}
