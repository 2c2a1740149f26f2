"""Ask a W&B server. Each request has a name, which is that of W&B's own client, a limit, and few repetitions.

W&B's client repeats requests for hours, and takes a refused history for a sent one. Where it matters that numbers have
arrived, this module asks for itself: https://api.wandb.ai/graphql, and the file stream that histories are sent to.
"""

import base64
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import ExplainedError
from pipeline.tracking.limits import Limits

FOR_NOW = frozenset({408, 425, 429, 500, 502, 503, 504})  # statuses of a server that may answer later
LONGEST_MESSAGE = 300  # characters
TOO_MANY, REFUSED_KEY, FORBIDDEN, MISSING, CONFLICT, GONE = 429, 401, 403, 404, 409, 410
DELETED = "deleted"  # in the server's message, if an id belongs to a run that was deleted
MEANING = {
    REFUSED_KEY: "the key isn't accepted; log in with `wandb login`",
    FORBIDDEN: "the key may not write there; check the entity and the project",
    MISSING: "there is no such place; check the entity and the project",
    TOO_MANY: "too many requests; try again in a few minutes",
}


class ServerError(ExplainedError, RuntimeError):
    """A request failed for good.

    Attributes:
        call: the request's name.
        status: of the server's last answer, None if there was none.
    """

    def __init__(self, call: str, problem: str, status: int | None = None) -> None:
        super().__init__(f"{call}: {problem}")
        self.call, self.problem, self.status = call, problem, status

    @property
    def about_deleted(self) -> bool:
        """Whether the server says that the run was deleted."""
        return DELETED in self.problem.lower()


@dataclass(frozen=True)
class Server:
    """A W&B server and the key for it."""

    url: str
    key: str = field(repr=False)
    limits: Limits

    def ask(self, call: str, query: str, **variables: Any) -> dict[str, Any]:
        """The data of a GraphQL request.

        Raises:
            ServerError: if the server refuses, or doesn't answer within the limit.
        """
        body = {"operationName": call, "query": query, "variables": variables}
        answer = self._post(call, "/graphql", body)
        if problems := answer.get("errors"):
            raise ServerError(call, _message(problems))
        if not isinstance(answer.get("data"), Mapping):
            raise ServerError(call, "expected data in the server's answer, found none")
        return dict(answer["data"])

    def stream(self, run: str, body: Mapping[str, Any]) -> None:
        """Send a part of a run's history or summary; `run` is its path, `entity/project/id`.

        Raises:
            ServerError: as `ask`.
        """
        self._post("file_stream", f"/files/{urllib.parse.quote(run)}/file_stream", body)

    def _post(self, call: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request until it is answered. A repetition does no harm: rows have numbers, and runs have names."""
        request = urllib.request.Request(  # noqa: S310 (the user's own setting)
            self.url.rstrip("/") + path, data=json.dumps(body).encode(), headers=self._headers(), method="POST"
        )
        problem, status = "", None
        for repetition in range(self.limits.retries + 1):
            if repetition:
                time.sleep(self.limits.pause * 2 ** (repetition - 1))
            try:
                with urllib.request.urlopen(request, timeout=self.limits.answer) as answer:  # noqa: S310
                    found = json.loads(answer.read() or b"{}")
                return found if isinstance(found, dict) else {}
            except urllib.error.HTTPError as error:
                status, problem = error.code, _refusal(error)
                if status not in FOR_NOW:
                    raise ServerError(call, problem, status) from None
            except (OSError, http.client.HTTPException, ValueError) as error:
                status, problem = None, _no_answer(error, self.limits.answer)
        tries = self.limits.retries + 1
        raise ServerError(call, f"{problem} ({tries} tries)" if tries > 1 else problem, status)

    def _headers(self) -> dict[str, str]:
        secret = base64.b64encode(f"api:{self.key}".encode()).decode()
        return {"Authorization": f"Basic {secret}", "Content-Type": "application/json", "User-Agent": "pipeline"}


def _refusal(error: urllib.error.HTTPError) -> str:
    """What a server says with an error's status."""
    try:
        with error:
            said = _message(json.loads(error.read()).get("errors"))
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        said = ""
    parts = [f"HTTP {error.code}", said, MEANING.get(error.code, "")]
    return "; ".join(dict.fromkeys(part for part in parts if part))


def _no_answer(error: Exception, seconds: float) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, TimeoutError):
        return f"no answer within {seconds:g} s"
    if isinstance(error, ValueError):
        return "expected JSON, found something else"
    if isinstance(error, http.client.IncompleteRead):
        return "the answer was cut off"
    return f"no answer: {str(reason) or type(reason).__name__}"


def _message(problems: Any) -> str:
    """The messages of a GraphQL answer, on one line."""
    found = problems if isinstance(problems, list) else []
    said = "; ".join(str(each.get("message", each)) if isinstance(each, Mapping) else str(each) for each in found)
    return " ".join(said.split())[:LONGEST_MESSAGE]
