"""The content of answers with an error's status code, as W&B gives it for each kind of call.

Sources: issues of wandb/wandb that quote answers (GraphQL: 8609 for 403, 4948 for 409, 10497 for 404; file stream:
6084 for 429), the client's reader of errors, which takes `error` and `errors` (core/internal/api/backenderrors.go), and
for files the answers of S3, to which W&B's addresses of files lead (wandb/server issue 108).
"""

import json
import math

from wandb_server.faults import Status

MESSAGES = {
    400: "bad request",
    401: "user is not logged in",
    403: "permission denied",
    404: "not found",
    409: "conflict",
    413: "request entity too large",
    429: "rate limit exceeded",
    500: "An internal error occurred. Please contact support.",
}
CODES = {401: "PERMISSION_ERROR", 403: "PERMISSION_ERROR"}
STORAGE = {
    400: "BadRequest", 401: "AccessDenied", 403: "AccessDenied", 404: "NoSuchBucket", 409: "OperationAborted",
    429: "SlowDown", 500: "InternalError", 503: "SlowDown",
}  # fmt: skip
LIMIT = 60  # requests per minute


def headers(status: Status) -> dict[str, str]:
    """The headers with which W&B asks clients to wait; a status code other than 429 has none."""
    if status.code != 429:
        return {}
    seconds = str(math.ceil(status.retry_after))
    return {
        "Retry-After": seconds,
        "RateLimit-Limit": str(LIMIT),
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": seconds,
    }


def graphql(code: int, field: str) -> bytes:
    """The answer to a call of the GraphQL API, whose first field is given."""
    error: dict[str, object] = {"message": _message(code), "path": [field]}
    if code in CODES:
        error["extensions"] = {"code": CODES[code]}
    return json.dumps({"errors": [error], "data": {field: None}}).encode()


def stream(code: int) -> bytes:
    """The answer to a part of the file stream."""
    return json.dumps({"error": _message(code)}).encode()


def storage(code: int) -> bytes:
    """The answer of the storage of files."""
    kind = STORAGE.get(code, "InternalError")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{kind}</Code></Error>'.encode()


def _message(code: int) -> str:
    return MESSAGES.get(code, f"status {code}")
