"""How long tracking may wait: for the record on this machine, for W&B's server, and in `publish`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits in seconds, except `retries`.

    Attributes:
        record: how long a job's end waits for the record on this machine. What isn't finished then goes on by itself.
        network: how long a job's end waits for W&B's server, at the same time.
        orphan: how long the recording process may go on after the job has ended or stopped waiting.
        answer: for one answer of the server.
        live: for one answer while a job works.
        retries: how often a request is repeated that the server can't answer for now.
        pause: before the first repetition; it doubles each time.
        late: how long a server may take until it shows what it has accepted.
        client: for W&B's own client, which sends pictures, tables and artifacts.
    """

    record: float = 17.0  # with starting and ending processes, a job loses less than 20 s
    network: float = 12.0
    orphan: float = 600.0
    answer: float = 15.0
    live: float = 5.0
    retries: int = 4
    pause: float = 1.0
    late: float = 60.0
    client: float = 300.0
