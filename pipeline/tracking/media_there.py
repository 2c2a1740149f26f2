"""Pictures and tables on a W&B server: which of a run's are there, with their files and artifacts."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.tracking.account import PublishError
from pipeline.tracking.reader import json_object
from pipeline.tracking.runs_there import Place

RUN_MEDIA = """
query RunMedia($project: String!, $entity: String!, $name: String!, $maxStep: Int64!, $files: [String!]) {
  project(name: $project, entityName: $entity) {
    run(name: $name) {
      state
      historyLineCount
      history(minStep: 0, maxStep: $maxStep, samples: 10)
      files(names: $files, first: 1000) { edges { node { name sizeBytes } } }
    }
  }
}
"""
LAST_STEP = 2**31
CLIENT_ARTIFACT = "wandb-client-artifact://"  # begins the address of a table's artifact, with its client's id


def missing(place: Place, id_: str, names: Sequence[str], pictures: Mapping[str, str]) -> list[str]:
    """What of a run with one row of media the server doesn't show.

    Args:
        place: the project.
        id_: the run.
        names: the names of its pictures and tables.
        pictures: the sha256 of each picture, by its name.

    Raises:
        ServerError: if the run can't be read.
        PublishError: if the run has more rows than the one with the media.
    """
    run = _run(place, id_, [])
    lines = [json_object(line) for line in run.get("history") or []]
    count = int(run.get("historyLineCount") or 0)
    if count > 1:
        raise PublishError(
            f"found {count} rows, expected one: something else has written to {place.path(id_)}, such as `wandb sync` "
            "a second time; W&B removes no rows, so send to another project with --project"
        )
    if count != 1 or len(lines) != 1:
        return ["its row"]
    shown = {name: lines[0].get(name) for name in names}
    there = {name: value for name, value in shown.items() if isinstance(value, Mapping) and value.get("path")}
    gone = [name for name in names if name not in there]
    gone += [name for name, sha256 in pictures.items() if name in there and there[name].get("sha256") != sha256]
    gone += _files(place, id_, {value["path"]: value.get("size") for value in there.values()})
    gone += _artifacts(place, {name: str(value.get("artifact_path") or "") for name, value in there.items()})
    return gone + ([] if run.get("state") == "finished" else [f"the end of the run (state {run.get('state')})"])


def _files(place: Place, id_: str, sizes: Mapping[str, Any]) -> list[str]:
    """The files that aren't there, or have another size."""
    edges = (_run(place, id_, list(sizes)).get("files") or {}).get("edges") or []
    found = {edge["node"]["name"]: edge["node"].get("sizeBytes") for edge in edges}
    return [path for path, size in sizes.items() if int(found.get(path) or -1) != int(size or 0)]


def _artifacts(place: Place, addresses: Mapping[str, str]) -> list[str]:
    """The tables whose artifact isn't there; a picture has none."""
    ids = {
        name: address.removeprefix(CLIENT_ARTIFACT).partition("/")[0]
        for name, address in addresses.items()
        if address.startswith(CLIENT_ARTIFACT)
    }
    known = _each(place, "clientIDMapping", "clientID", list(ids.values()), "serverID")
    states = _each(place, "artifact", "id", [id_ for id_ in known if id_], "state")
    committed = dict(zip([id_ for id_ in known if id_], states, strict=True))
    return [
        f"the artifact of {name}" for name, id_ in zip(ids, known, strict=True) if committed.get(id_) != "COMMITTED"
    ]


def _each(place: Place, query: str, argument: str, values: Sequence[str], wanted: str) -> list[Any]:
    """A field of each object that a query finds, asked for in one request; None for one that isn't there."""
    if not values:
        return []
    parts = " ".join(f"a{n}: {query}({argument}: $a{n}) {{ {wanted} }}" for n in range(len(values)))
    declared = ", ".join(f"$a{n}: ID!" for n in range(len(values)))
    call = query[0].upper() + query[1:]
    variables = {f"a{n}": value for n, value in enumerate(values)}
    answer = place.server.ask(call, f"query {call}({declared}) {{ {parts} }}", **variables)
    return [(answer.get(f"a{n}") or {}).get(wanted) for n in range(len(values))]


def _run(place: Place, id_: str, files: Sequence[str]) -> dict[str, Any]:
    asked = {"project": place.project, "entity": place.entity, "name": id_}
    answer = place.server.ask("RunMedia", RUN_MEDIA, **asked, maxStep=LAST_STEP, files=list(files))
    return (answer.get("project") or {}).get("run") or {}
