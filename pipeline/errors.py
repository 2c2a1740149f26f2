"""Errors that their message explains: they end a command with that sentence, where a bug shows its traceback."""

import errno
import os
import re

# What the system calls an error, and what to do about it. Other errors have the system's own words.
REMEDIES = {
    errno.ENOSPC: "no space left on the device; make room and run the same command again",
    errno.EDQUOT: "the disk quota is used up; make room and run the same command again",
    errno.EACCES: "permission denied; change the permissions and run the same command again",
    errno.EPERM: "not permitted; change the permissions and run the same command again",
    errno.EROFS: "read-only file system; run the same command again where the disk is writable",
}
MEMORY = "not enough memory; take a smaller batch or network, or a machine with more memory"
AMOUNT = re.compile(r"(?:tried to|unable to) allocate (\d[\d.,]* ?\w+)", re.IGNORECASE)  # torch's and numpy's words
NO_MEMORY = re.compile(r"out of memory|can't allocate memory")  # what torch's RuntimeError says then


class ExplainedError(Exception):
    """What the user or the machine did; the message says what was found, what was expected and what to do."""


class SettingError(ExplainedError, ValueError):
    """A value of a config or an environment variable that can't be used."""


def sentence(error: BaseException) -> str | None:
    """What to tell the user of an error; None for a bug, whose traceback is needed."""
    if isinstance(error, ExplainedError):
        return str(error)
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and NO_MEMORY.search(str(error))):
        amount = AMOUNT.search(str(error))
        return MEMORY + (f" (asked for {amount[1]})" if amount else "")
    return _of_the_system(error) if isinstance(error, OSError) else None


def _of_the_system(error: OSError) -> str:
    if error.errno is None:  # raised with a text alone
        return str(error) or type(error).__name__
    said = REMEDIES.get(error.errno) or error.strerror or os.strerror(error.errno)
    names = [name for name in (error.filename, error.filename2) if isinstance(name, str | bytes | os.PathLike)]
    return f"{' -> '.join(map(os.fsdecode, names))}: {said}" if names else said
