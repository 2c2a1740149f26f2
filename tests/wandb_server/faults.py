"""Faults on order: which calls fail, how, from which call on, and how often."""

import re
import threading
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Status:
    """An answer with a status code and the content that W&B gives with it.

    Attributes:
        code: the status code.
        retry_after: seconds after which the client may ask again; only an answer 429 says it.
    """

    code: int
    retry_after: float = 1


@dataclass(frozen=True)
class ErrorInAnswer:
    """A GraphQL error in an answer with the status code 200."""

    message: str = "an internal error occurred"


@dataclass(frozen=True)
class Closed:
    """The connection is closed without an answer.

    Attributes:
        done: whether the server has done what it was asked for.
    """

    done: bool = False


@dataclass(frozen=True)
class Cut:
    """The server does what it was asked for, and closes the connection in the middle of its answer."""


@dataclass(frozen=True)
class Hanging:
    """No answer for some seconds; then the connection is closed.

    Attributes:
        seconds: how long.
        done: whether the server has done what it was asked for.
    """

    seconds: float = 600
    done: bool = False


Effect = Status | ErrorInAnswer | Closed | Cut | Hanging


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        calls: a regular expression that is searched in a call's name: the name of the GraphQL operation, such as
            `UpsertBucket`, or method and path, such as `POST /files/lab/p/abc/file_stream`.
        effect: what happens to the calls.
        after: how many matching calls succeed before the first that fails: 0 is a fault from the first byte, more is
            one half-way.
        times: how many calls fail; by default all further ones.
    """

    calls: str
    effect: Effect
    after: int = 0
    times: int | None = None


@dataclass
class Ordered:
    """A fault that was ordered, and what has become of it.

    Attributes:
        fault: the fault.
        matched: how many matching calls there have been.
        struck: how many of them failed.
    """

    fault: Fault
    matched: int = field(default=0)
    struck: int = field(default=0)


class Faults:
    """The faults of a server. Each call meets the first that applies to it."""

    def __init__(self) -> None:
        self._ordered: list[Ordered] = []
        self._lock = threading.Lock()

    def add(self, calls: str, effect: Effect, *, after: int = 0, times: int | None = None) -> Ordered:
        """Order a fault; `Fault` explains the arguments."""
        ordered = Ordered(Fault(calls, effect, after, times))
        re.compile(calls)
        with self._lock:
            self._ordered.append(ordered)
        return ordered

    def clear(self) -> None:
        """End all faults."""
        with self._lock:
            self._ordered.clear()

    def of_call(self, name: str) -> Fault | None:
        """The fault that a call meets."""
        with self._lock:
            for ordered in self._ordered:
                fault = ordered.fault
                if not re.search(fault.calls, name):
                    continue
                ordered.matched += 1
                if ordered.matched > fault.after and (fault.times is None or ordered.struck < fault.times):
                    ordered.struck += 1
                    return fault
        return None
