"""Draws batches in processes of their own, so that an accelerator never waits for them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import torch
from torch import multiprocessing

from lmcodec.tuning.data import Batch, Contexts, Rows, Streams
from training.bytelm.data import SHARES, texts

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# Batches that a process has ready.
_READY = 3


def _fields(streams: int, length: int, contexts: int, words: int) -> list[tuple[str, int]]:
    rows = streams * length
    return [
        ("index", rows * contexts),
        ("slots", rows),
        ("targets", rows),
        ("fresh", streams),
        ("offsets", streams + 1),
        ("words", words),
        ("ends", words),
    ]


def _draw(
    slots: list[torch.Tensor],
    free: Any,
    ready: Any,
    folder: Path,
    rows: Rows,
    used: Sequence[int],
    shape: tuple[int, int],
    seed: Sequence[int],
) -> None:
    """Fill slots with batches, as numbers of 32 bits one array after the other."""
    torch.set_num_threads(1)
    drawn = Streams(texts(folder, "train"), SHARES, Contexts(rows, used), *shape, seed)
    while True:
        at = free.get()
        if at is None:
            return
        batch = drawn()
        start = 0
        for name, size in _fields(*shape, len(used), len(batch.ends)):
            slots[at][start : start + size] = getattr(batch, name).reshape(-1)
            start += size
        ready.put((at, len(batch.ends)))


def _pin(slot: torch.Tensor) -> bool:
    """Let a device read shared memory while nobody waits; whether it can."""
    cudart = torch.cuda.cudart()
    return not int(cudart.cudaHostRegister(slot.data_ptr(), slot.numel() * slot.element_size(), 0))


class Loader:
    """Batches from several processes in turn; each has streams of its own.

    Args:
        folder: With prepared texts.
        rows: The sizes of the tables.
        used: Which contexts, by number.
        shape: Streams of a batch, and bytes of each.
        seed: Of the draws.
        processes: How many.
        device: Where the batches are wanted.
    """

    def __init__(
        self,
        folder: Path,
        rows: Rows,
        used: Sequence[int],
        shape: tuple[int, int],
        seed: Sequence[int],
        processes: int,
        device: torch.device,
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self._shape, self._contexts, self._device = shape, len(used), device
        # At most each byte ends a word.
        size = sum(n for _, n in _fields(*shape, len(used), shape[0] * shape[1]))
        self._slots = [
            [torch.empty(size, dtype=torch.int32).share_memory_() for _ in range(_READY)]
            for _ in range(processes)
        ]
        self._pinned = device.type == "cuda" and all(
            _pin(slot) for slots in self._slots for slot in slots
        )
        # Copies to the device under way: the event of each, and whose slot it is of.
        self._copied: deque[tuple[torch.cuda.Event, int, int]] = deque()
        self._free = [context.SimpleQueue() for _ in range(processes)]
        self._ready = [context.SimpleQueue() for _ in range(processes)]
        self._processes = []
        for n in range(processes):
            for at in range(_READY):
                self._free[n].put(at)
            arguments = (self._slots[n], self._free[n], self._ready[n])
            process = context.Process(
                target=_draw,
                args=(*arguments, folder, rows, used, shape, (*seed, n)),
                daemon=True,
            )
            process.start()
            self._processes.append(process)

    def take(self, turn: int) -> Batch:
        """Return the next batch of process ``turn``."""
        at, words = self._ready[turn].get()
        fields = _fields(*self._shape, self._contexts, words)
        packed = self._slots[turn][at][: sum(size for _, size in fields)]
        if self._pinned:
            # From memory that stays in its place, so that nobody waits for the copy.
            moved = packed.to(self._device, non_blocking=True)
            event = torch.cuda.Event()
            event.record()
            self._copied.append((event, turn, at))
            if len(self._copied) > 1:
                event, turn, at = self._copied.popleft()
                event.synchronize()
                self._free[turn].put(at)
        else:
            moved = packed.to(self._device, copy=True)
            self._free[turn].put(at)
        parts: dict[str, torch.Tensor] = {}
        start = 0
        for name, size in fields:
            part = moved[start : start + size]
            start += size
            if name == "index":
                part = part.view(-1, self._contexts)
            elif name == "words":
                part = part[:, None].contiguous()
            elif name == "fresh":
                part = part.bool()
            else:
                part = part.long()
            parts[name] = part.contiguous()
        return Batch(**parts)

    def close(self) -> None:
        """End the processes."""
        for free in self._free:
            free.put(None)
        for process in self._processes:
            process.join(1.0)
            process.kill()
