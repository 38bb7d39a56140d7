"""Steps of training as graphs of an accelerator: recorded once, then run as a whole.

A step is some 1,500 kernels, and the host takes longer to ask for them than they take. In a graph
all arrays have a fixed size, so a batch is filled up with words that belong to no text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from lmcodec.tuning.data import Batch
from lmcodec.tuning.model import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from lmcodec.tuning.learner import Learner
    from lmcodec.tuning.model import Config

# Steps before one is recorded: the first ones make what the optimizers keep.
_BEFORE = 3


class Padded(State):
    """A state with places for words that belong to no text, after those of the streams."""

    def __init__(self, config: Config, streams: int, device: torch.device) -> None:
        super().__init__(config, streams, device)
        self.words = [torch.cat([words, words]) for words in self.words]

    def reset(self, fresh: torch.Tensor) -> None:
        """Forget all in the streams that begin anew, and what is of no stream."""
        for tensor in (self.first, *self.blocks, self.said):
            tensor.masked_fill_(fresh[:, None], 0.0)
        none = torch.cat([fresh, torch.ones_like(fresh)])[:, None]
        for tensor in self.words:
            tensor.masked_fill_(none, 0.0)

    def tensors(self) -> list[torch.Tensor]:
        """Return all that is kept."""
        return [self.first, *self.blocks, *self.words, self.said]


def room(size: int) -> int:
    """Return for how many words of batches of so many bytes there is a place.

    In 60 batches of 256 KiB were 40,064 words, with a deviation of 310: this is seven of them more.
    """
    return int(0.153 * size + 4.5 * size**0.5)


def padded(batch: Batch, words: int) -> Batch:
    """Return a batch with so many words: further ones in as many sequences as there are streams."""
    streams, count = len(batch.fresh), len(batch.ends)
    if not 0 < count <= words:
        raise ValueError(f"words of a batch are {count}, not from 1 to {words}")
    parts = torch.arange(1, streams + 1, device=batch.fresh.device)
    further = batch.offsets[-1] + (words - batch.offsets[-1]) * parts // streams

    def filled(values: torch.Tensor) -> torch.Tensor:
        # Of a word that is there, so that no other row of a table counts as used.
        return torch.cat([values, values[-1:].expand(words - count, *values.shape[1:])])

    return Batch(
        batch.fresh,
        batch.index,
        filled(batch.words),
        torch.cat([batch.offsets, further]),
        batch.slots,
        filled(batch.ends),
        batch.targets,
    )


class _Recording:
    """A step in a graph, and where it reads and writes."""

    def __init__(
        self, take: Callable[[Batch, Padded, Any], torch.Tensor], batch: Batch, state: Padded
    ) -> None:
        """Record a step, without taking it; ``state`` is only for this."""
        self._batch = Batch(**{name: value.clone() for name, value in vars(batch).items()})
        self._factor = torch.ones((), device=batch.fresh.device)
        self._before = state.tensors()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._loss = take(self._batch, state, self._factor)
        self._after = state.tensors()

    def run(self, batch: Batch, state: Padded, factor: float) -> torch.Tensor:
        for name, value in vars(batch).items():
            getattr(self._batch, name).copy_(value)
        self._factor.fill_(factor)
        tensors = state.tensors()
        torch._foreach_copy_(self._before, tensors)
        self._graph.replay()
        torch._foreach_copy_(tensors, self._after)
        return self._loss.clone()


class Steps:
    """Takes steps: on an accelerator the first ones kernel by kernel, then as a graph.

    Args:
        learner: What is trained.
        words: Of each batch, once it is padded.
        say: Is told where steps cannot be recorded.
    """

    def __init__(self, learner: Learner, words: int, say: Callable[[str], None]) -> None:
        self._learner, self._words, self._say = learner, words, say
        self._device = learner.model.out.device
        self._is_eager = self._device.type != "cuda"
        self._recording: _Recording | None = None
        self._exact = False
        self._done = 0

    def start(self, streams: int) -> Padded:
        """Return the state of streams before their first byte."""
        return Padded(self._learner.model.config, streams, self._device)

    def __call__(self, batch: Batch, state: Padded, factor: float, exact: bool) -> torch.Tensor:
        """Take a step, after which ``state`` is that of the next batch; return the loss."""
        if exact != self._exact:
            self._recording, self._exact, self._done = None, exact, 0
        count = len(batch.ends)
        batch = padded(batch, max(self._words, count))
        self._done += 1
        if not self._is_eager and self._done > _BEFORE and count <= self._words:
            if self._recording is None:
                self._record(batch)
            if self._recording is not None:
                return self._recording.run(batch, state, factor)
        return self._take(batch, state, factor)

    def _take(self, batch: Batch, state: Padded, factor: Any) -> torch.Tensor:
        gradients = self._learner.gradients(batch, state, self._exact)
        self._learner.apply([gradients], factor)
        return gradients[0]

    def _record(self, batch: Batch) -> None:
        try:
            self._recording = _Recording(self._take, batch, self.start(len(batch.fresh)))
        except RuntimeError as error:
            self._say(f"steps are not recorded: {error}")
            self._is_eager = True
