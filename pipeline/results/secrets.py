"""What looks like a key or password, and how to keep it out of messages and files."""

import os
import re
from collections.abc import Iterator

SECRET_NAME = re.compile(r"KEY|TOKEN|SECRET|PASSW", re.IGNORECASE)  # in the names of environment variables
SECRET_LENGTH = 8  # shorter values of such variables are no keys, and occur in any text
# Long runs of letters and digits, credentials in an address, and W&B's newer keys.
SECRET = re.compile(r"[A-Za-z0-9]{32,}|(?<=//)[^/\s@]+(?=@)|wandb_v\d_\w+|(?<=local-)\w{8,}")


def variables() -> Iterator[tuple[str, str]]:
    """Name and value of each environment variable that is named like a secret and long enough to be one."""
    for name, value in os.environ.items():
        if SECRET_NAME.search(name) and len(value) >= SECRET_LENGTH:
            yield name, value


def scrub(text: str) -> str:
    """Replace the values of `variables`, and anything else that looks like a key, by `[hidden]`."""
    for _, value in variables():
        text = text.replace(value, "[hidden]")
    return SECRET.sub("[hidden]", text)
