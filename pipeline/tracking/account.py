"""Find the W&B account to publish to: a key, a server that answers, and the entity that owns the project."""

import contextlib
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import ExplainedError
from pipeline.tracking.limits import Limits
from pipeline.tracking.server import Server, ServerError

PROBE_SECONDS = 3
VIEWER = "query Viewer { viewer { id entity } }"


class PublishError(ExplainedError, RuntimeError):
    """The study can't be published."""


def credentials() -> tuple[str, str]:
    """The address of W&B's server and the key for it, from W&B's own settings; asks nobody.

    Raises:
        PublishError: if there is no key.
    """
    url, key = os.environ.get("WANDB_BASE_URL"), os.environ.get("WANDB_API_KEY")
    if url and key:
        return url, key
    import wandb
    from wandb.sdk.lib import wbauth

    with _stderr_closed():
        settings = wandb.setup().settings
        url = url or settings.base_url
        key = key or settings.api_key or wbauth.read_netrc_auth(host=url)
    if not key:
        raise PublishError(
            "found no key for W&B, neither in WANDB_API_KEY nor in a netrc file; log in with `wandb login`, or use "
            "--dry-run to see what would be sent"
        )
    return url, key


def connect(wanted: str | None, *, limits: Limits) -> tuple[Server, str]:
    """W&B's server, and the user or team that owns the project, after checking that the server accepts the key.

    Args:
        wanted: the entity that the user named; by default the key's own.
        limits: how long to wait.

    Raises:
        PublishError: within seconds, if there is no key, or if the server doesn't answer or refuses the key.
    """
    url, key = credentials()
    problem = probe(url)
    if problem:
        raise PublishError(
            f"W&B's server does not answer within {PROBE_SECONDS} s ({problem}); check the network, or set "
            "WANDB_BASE_URL to your own server"
        )
    server = Server(url, key, limits)
    try:
        viewer = (
            server.ask("Viewer", VIEWER).get("viewer") or {}
        )  # asked in any case: it shows whether the key is valid
    except ServerError as error:
        raise PublishError(f"W&B's server refuses: {error}") from None
    found = wanted or viewer.get("entity")
    if not found:
        raise PublishError("the key belongs to no entity; name one with --entity")
    return server, found


def probe(url: str) -> str | None:
    """Why a server doesn't answer, None if it does; takes PROBE_SECONDS at most, with the look-up of its name."""
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
def _stderr_closed() -> Iterator[None]:
    """Hide W&B's messages about where it found a key."""
    with Path(os.devnull).open("w") as null, contextlib.redirect_stderr(null):
        yield
