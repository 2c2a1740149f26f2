"""An easy data set for training sessions, and sessions that stop suddenly."""

import numpy as np

from pipeline.datasets.shared import splits

CLASSES, INPUTS = 3, 6


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


def clouds(train, validation, test):
    """Three clouds of points, as a data set with so many points in each part."""
    generator = np.random.default_rng(0)
    centres = generator.normal(size=(CLASSES, INPUTS)) * 2

    def points(n):
        labels = np.arange(n) % CLASSES
        return splits.Points((centres[labels] + generator.normal(size=(n, INPUTS))).astype(np.float32), labels)

    return splits.Splits(points(train), points(validation), points(test), CLASSES)
