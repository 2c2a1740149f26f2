"""Save a study's report in W&B, always in the same place, and read it back."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pipeline.results import paths, store
from pipeline.results.fingerprint import digest
from pipeline.tracking import wandb_report
from pipeline.tracking.account import PublishError
from pipeline.tracking.runs_there import Place

REPORTS = """
query ProjectViews($project: String!, $entity: String!) {
  project(name: $project, entityName: $entity) {
    allViews(viewType: "runs", first: 500) { edges { node { id name displayName } } }
  }
}
"""
SAVE = """
mutation upsertView($id: ID, $entityName: String, $projectName: String, $type: String, $name: String,
  $displayName: String, $description: String, $spec: String!) {
  upsertView(input: {id: $id, entityName: $entityName, projectName: $projectName, name: $name,
    displayName: $displayName, description: $description, type: $type, createdUsing: WANDB_SDK, spec: $spec}) {
    view { id }
    inserted
  }
}
"""
READ = "query SpecificReport($reportId: ID!) { view(id: $reportId) { id spec } }"


def known(study: str) -> Path:
    """Where it is noted what was published last."""
    return paths.results(study) / "published.json"


def save(study: str, report: Any, place: Place) -> str:
    """Save the report in place of the one that is there; returns its address.

    The report is found by its name, which is made from the study's, or by the id that was noted when it was saved.

    Raises:
        ServerError: if the server refuses.
        PublishError: if the server shows another report afterwards.
    """
    name = digest(["report", study])
    spec = wandb_report.specification(report)
    id_ = place.server.ask(
        "upsertView",
        SAVE,
        id=_there(study, name, place),
        entityName=place.entity,
        projectName=place.project,
        type="runs",
        name=name,
        displayName=report.title,
        description=report.description,
        spec=spec,
    )["upsertView"]["view"]["id"]
    shown = place.server.ask("SpecificReport", READ, reportId=id_).get("view") or {}
    if not _equal(spec, shown.get("spec")):
        raise PublishError("SpecificReport: the server shows another report than was saved; try again")
    return place.address(f"reports/{quote(report.title.replace(' ', '-'))}--{id_}")


def _there(study: str, name: str, place: Place) -> str | None:
    """The id of the study's report in this project, None if there is none."""
    answer = place.server.ask("ProjectViews", REPORTS, project=place.project, entity=place.entity)
    edges = ((answer.get("project") or {}).get("allViews") or {}).get("edges") or []
    names: Mapping[str, str] = {edge["node"]["id"]: edge["node"].get("name") for edge in edges}
    noted = _noted(study, "id")
    return noted if noted in names else next((id_ for id_, each in names.items() if each == name), None)


def published_at(study: str) -> str | None:
    """The address at which the report was published last; None if none is noted."""
    address = _noted(study, "url")
    return address if address and address.startswith(("https://", "http://")) else None


def _noted(study: str, key: str) -> str | None:
    """What was noted; None if the note is missing, damaged or of another kind."""
    try:
        return str(store.read_json(known(study))[key])
    except (OSError, store.DamagedFileError, TypeError):
        return None


def _equal(spec: str, shown: Any) -> bool:
    try:
        return json.loads(spec) == (json.loads(shown) if isinstance(shown, str) else shown)
    except ValueError:
        return False


def note(study: str, place: Place, url: str, digests: Mapping[str, str]) -> None:
    """Note what was published and read back."""
    content = {
        "entity": place.entity,
        "project": place.project,
        "id": url.rpartition("--")[2],
        "url": url,
        "runs": dict(digests),
    }
    store.write_json(known(study), content)
