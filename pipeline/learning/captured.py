"""An update that is captured once and then replayed, as a CUDA graph.

An update of a stack is some hundred small operations, and a GPU does each of them faster than Python starts the next.
A graph starts all of them at once. The same operations are replayed on the same memory: the numbers are those of an
update that Python starts, and what Python decided at the capture stays decided: rates, frozen runs, shapes.
"""

import warnings
from collections.abc import Callable, Hashable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

WARM_UP = 3  # updates before one is captured: the first make what stays, such as an optimiser's moments
WAITS = "called a synchronizing CUDA operation"  # torch's words for an operation that waits for the GPU

Work = Callable[[Tensor, Tensor], Tensor]


@runtime_checkable
class Recorder(Protocol):
    """How an update is made before it is captured, and captured."""

    def waits(self, work: Callable[[], Tensor]) -> tuple[Tensor, str]:
        """What `work` returns, and why it can't be captured; empty if it can."""
        ...

    def record(self, work: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        """Capture `work` without doing it: what replays it, and the tensor that it then fills."""
        ...


class Captured:
    """Updates that are replayed as long as nothing but their batch differs from the one that was captured."""

    def __init__(self, recorder: Recorder) -> None:
        """Nothing is captured yet."""
        self.recorder, self.refused = recorder, ""
        self._fixed: Hashable = None
        self.forget()

    def forget(self) -> None:
        """Drop what was captured; call it when a tensor that an update reads or writes is replaced."""
        self._made = 0  # updates since
        self._replay: Callable[[], None] | None = None
        self._batch: tuple[Tensor, Tensor] | None = None
        self._found: Tensor | None = None

    def __call__(self, work: Work, x: Tensor, y: Tensor, *, fixed: Hashable) -> Tensor:
        """What `work(x, y)` returns, made or replayed.

        Args:
            work: the update.
            x: the inputs of its batch.
            y: their targets.
            fixed: what decides the update beside the batch and the tensors that stay. If it has changed, the update is
                captured anew.
        """
        if self.refused:
            return work(x, y)
        if (fixed := (fixed, x.shape, y.shape)) != self._fixed:
            self.forget()
            self._fixed = fixed
        if self._replay is None and self._made < WARM_UP:
            self._made += 1
            found, self.refused = self.recorder.waits(lambda: work(x, y))
            if self.refused:
                print(f"updates are not captured as a CUDA graph: {self.refused}", flush=True)
            return found
        if self._replay is None or self._batch is None or self._found is None:
            batch = self._batch = (x.clone(), y.clone())
            self._replay, self._found = self.recorder.record(lambda: work(*batch))
        for kept, new in zip(self._batch, (x, y), strict=True):
            kept.copy_(new)
        self._replay()
        return self._found.clone()


class CUDAGraphs:
    """CUDA graphs, on a stream of their own."""

    def __init__(self, on: torch.device) -> None:
        """On a GPU."""
        self.stream = torch.cuda.Stream(on)

    def waits(self, work: Callable[[], Tensor]) -> tuple[Tensor, str]:
        """As `Recorder.waits`: an update that waits for the GPU, to read a number or to copy one, can't be captured."""
        before = torch.cuda.get_sync_debug_mode()
        self.stream.wait_stream(torch.cuda.current_stream())
        with warnings.catch_warnings(record=True) as said, torch.cuda.stream(self.stream):
            warnings.simplefilter("always")
            torch.cuda.set_sync_debug_mode("warn")
            try:
                found = work()
            finally:
                torch.cuda.set_sync_debug_mode(before)
        torch.cuda.current_stream().wait_stream(self.stream)
        waiting = [each for each in said if WAITS in str(each.message)]
        for each in said:
            if each not in waiting and "prototype" not in str(each.message):
                warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)
        return found, f"{waiting[0].filename}, line {waiting[0].lineno}, waits for the GPU" if waiting else ""

    def record(self, work: Callable[[], Tensor]) -> tuple[Callable[[], None], Tensor]:
        """As `Recorder.record`."""
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=self.stream):
            found = work()
        return graph.replay, found
