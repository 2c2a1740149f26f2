"""Updates of a stack up to the steps at which somebody looks."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from pipeline.learning.stack import Separate, Stack, stacked
from pipeline.learning.trainer import Trainer

Batch = tuple[Float[Tensor, "runs n inputs"], Float[Tensor, "runs n k"]]


def descend(
    stack: Stack | Separate, batch: Callable[[int], Batch], looks: Iterable[int]
) -> Iterator[tuple[int, Float[Tensor, "updates runs"]]]:
    """Update all runs, and stop at each of `looks`.

    Args:
        stack: the runs, which are changed in place. One that has diverged goes on with the others.
        batch: for each step, counted from 0, a batch for each run.
        looks: numbers of finished updates.

    Yields:
        Each look, ascending, and the batches' losses before the updates that were made since the one before.
    """
    for look in sorted(set(looks)):
        losses = [stack.update(*batch(step)) for step in range(stack.step, look)]
        yield look, torch.stack(losses) if losses else torch.empty(0, len(stack.trainers))


def full_batch(
    trainers: Sequence[Trainer],
    x: Sequence[Tensor],
    y: Sequence[Tensor],
    looks: Iterable[int],
    *,
    estimator: Any = None,
) -> Iterator[tuple[int, Float[Tensor, "updates runs"]]]:
    """`descend` where each update of a run takes all of its points.

    Args:
        trainers: of runs that differ in their weights, data and losses.
        x: the inputs of each run, (n, inputs).
        y: the targets of each run, (n, k).
        looks: numbers of finished updates.
        estimator: the member of the family from which the gates were built; none if there are no gates.
    """
    every = torch.stack(list(x)), torch.stack(list(y))
    stack = stacked(trainers, per_run=getattr(estimator, "PER_RUN", ""))
    return descend(stack, lambda step: every, looks)
