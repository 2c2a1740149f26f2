"""Training sessions that stop suddenly."""


class StopError(Exception):
    """Stands for a kill of the process."""


def stopped(session, step):
    """Train for `step` updates and return the state that a checkpoint would have there."""

    def end():
        if session.stack.step == step:
            raise StopError

    try:
        session.train(end)
    except StopError:
        return session.state()
    raise AssertionError(f"the session ended before step {step}")
