"""Training sessions that come to a sudden end."""


class StopError(Exception):
    """As if the process had been killed."""


def stopped(session, step):
    """Train until after `step` updates, and return what a checkpoint would have kept there."""

    def end():
        if session.trainer.step == step:
            raise StopError

    try:
        session.go(end)
    except StopError:
        return session.state()
    raise AssertionError(f"the session ended before step {step}")
