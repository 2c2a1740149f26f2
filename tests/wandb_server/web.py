"""The server's HTTP side: it reads requests, lets faults strike, answers, and keeps a list of all requests."""

import base64
import contextlib
import gzip
import http.server
import json
import socket
import sys
import threading
import time
import traceback
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLError

from wandb_server import api, error_answers, run_changes
from wandb_server.faults import Closed, Cut, ErrorInAnswer, Fault, Faults, Hanging, Status
from wandb_server.refusals import BAD_REQUEST, NOT_FOUND, RefusalError
from wandb_server.sources import Source

UNAUTHORISED, INTERNAL = 401, 500
POLL_SECONDS = 0.02


@dataclass
class Request:
    """A request that the server got.

    Attributes:
        name: the GraphQL operation's name, or method and path; faults select calls by it.
        variables: of a GraphQL operation.
        body: the content, unpacked.
        status: the answer's status code; None if there was no answer.
        fault: the fault that struck it.
        at: when it arrived, in seconds.
    """

    name: str
    variables: Mapping[str, Any]
    body: bytes = field(repr=False)
    status: int | None = None
    fault: Fault | None = None
    at: float = field(default_factory=time.monotonic)


class Listener(http.server.ThreadingHTTPServer):
    """A server on a free port of this machine, with a thread for each connection."""

    daemon_threads = False  # `close` ends and awaits them
    request_queue_size = 128

    def __init__(self, key: str) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.key = key
        self.faults = Faults()
        self.requests: list[Request] = []
        self.problems: list[str] = []
        self.source: Source
        self.ending = threading.Event()
        self._connections: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": POLL_SECONDS})

    def start(self) -> None:
        """Serve in a thread."""
        self._thread.start()

    def close(self) -> None:
        """End all connections and the server."""
        self.ending.set()
        self.shutdown()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()
        self._thread.join()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Note a fault of this server's own; that a client has gone is none."""
        if not isinstance(sys.exception(), ConnectionError):
            self.problems.append(traceback.format_exc())


@dataclass(frozen=True)
class Answer:
    """What is sent back."""

    status: int
    content: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)


class Handler(http.server.BaseHTTPRequestHandler):
    """The requests of one connection."""

    protocol_version = "HTTP/1.1"
    server: Listener  # pyright: ignore[reportIncompatibleVariableOverride]

    def do_POST(self) -> None:
        body = self._body()
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        call, problem = None, None
        if path == "/graphql":
            try:
                call = api.Call.read(body)
            except (GraphQLError, ValueError, KeyError, StopIteration) as error:
                problem = f"not a GraphQL request: {error}"
        request = Request(call.name if call else f"{self.command} {path}", call.variables if call else {}, body)
        with self.server.source.store.lock:
            self.server.requests.append(request)
        request.fault = self.server.faults.of_call(request.name)
        self._meet(request, lambda: self._answer(path, body, call, problem), path, call)

    do_GET = do_PUT = do_HEAD = do_POST

    def _meet(self, request: Request, answer: Callable[[], Answer], path: str, call: api.Call | None) -> None:
        """Answer, or let the fault strike."""
        effect = request.fault.effect if request.fault else None
        match effect:
            case Status():
                self._reply(request, _refusal(effect, path, call))
            case ErrorInAnswer(message):
                name = call.field if call else "error"
                errors = [{"message": message, "path": [name]}]
                self._reply(request, Answer(200, json.dumps({"errors": errors, "data": {name: None}}).encode()))
            case Closed() | Hanging():
                if effect.done:
                    answer()
                if isinstance(effect, Hanging):
                    self.server.ending.wait(effect.seconds)
                self._hang_up()
            case Cut():
                self._reply(request, answer(), cut=True)
            case _:
                self._reply(request, answer())

    def _answer(self, path: str, body: bytes, call: api.Call | None, problem: str | None) -> Answer:
        source = self.server.source
        try:
            if (call or path.startswith("/files/")) and not self._authorised():
                return _refusal(Status(UNAUTHORISED), path, call)
            with source.store.lock:
                if call:
                    status, content = api.execute(source, call)
                    if content["data"] is None and status == BAD_REQUEST:
                        self.server.problems.append(f"{call.name}: {content['errors']}")
                    return Answer(status, json.dumps(content).encode())
                return self._other(path, body, problem)
        except RefusalError as error:
            return Answer(error.status, json.dumps({"error": error.message}).encode())
        except Exception:
            self.server.problems.append(f"{self.command} {path}:\n{traceback.format_exc()}")
            return Answer(INTERNAL, b'{"error": "the test server has a fault of its own"}')

    def _other(self, path: str, body: bytes, problem: str | None) -> Answer:
        """Answer to what isn't GraphQL: the file stream, the storage of files, and whether the server is there."""
        store = self.server.source.store
        match path.split("/", 2)[1:]:
            case ["files", rest] if rest.endswith("/file_stream") and self.command == "POST":
                entity, project, id, _ = rest.split("/", 3)
                content = run_changes.stream(self.server.source, (entity, project, id), json.loads(body))
                return Answer(200, json.dumps(content).encode())
            case ["storage", rest] if self.command == "PUT":
                store.upload(rest, body)
                return Answer(200, b"")
            case ["storage", rest] if rest in store.uploads:
                return Answer(200, store.uploads[rest].content)
            case ["storage", _]:
                return Answer(NOT_FOUND, error_answers.storage(NOT_FOUND))
            case [""] if self.command in ("GET", "HEAD"):
                return Answer(200)
        self.server.problems.append(problem or f"{self.command} {path}: this server doesn't know that address")
        return Answer(BAD_REQUEST if problem else NOT_FOUND)

    def _authorised(self) -> bool:
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        if kind == "Basic":
            given = base64.b64decode(given).decode(errors="replace").partition(":")[2]
        return given == self.server.key

    def _body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", ""):
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(parts)
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def _reply(self, request: Request, answer: Answer, *, cut: bool = False) -> None:
        """Send an answer; that the client doesn't wait for it any longer is no fault."""
        request.status = answer.status
        content = answer.content[: len(answer.content) // 2] if cut else answer.content
        with contextlib.suppress(ConnectionError):
            self.send_response(answer.status)
            for name, value in {"Content-Type": "application/json", **answer.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else content)
        if cut:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: `Listener.requests` has all."""


def _refusal(status: Status, path: str, call: api.Call | None) -> Answer:
    if call:
        content = error_answers.graphql(status.code, call.field)
    elif path.startswith("/storage/"):
        content = error_answers.storage(status.code)
    else:
        content = error_answers.stream(status.code)
    return Answer(status.code, content, error_answers.headers(status))
