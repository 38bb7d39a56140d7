"""The model in floats: a recurrence over words between two over bytes.

    tables of contexts ── sum ─ x ─ recurrence 1 ─┬──────────────── + ─ block ─ … ─ logits
                                                  └ at ends of words          │
                       table of words ── + ── block ─ block ─ … ─────────────┘

The part over words runs once in some six bytes, so it may be larger at the same cost for each.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from lmcodec.tuning.data import Contexts, Rows
from lmcodec.tuning.kernels import Recurrence, Table, norm, square
from lmcodec.tuning.quantize import HIDDEN, NORM, NORM_STEPS, Grid, Quantizer, rounded_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from lmcodec.tuning.data import Batch


@dataclass(frozen=True)
class Config:
    """Sizes of the model.

    Args:
        width: Values for each byte.
        states: Of the first recurrence over bytes.
        hidden: Of the layer after the last recurrence over bytes.
        blocks: Over bytes, after the words came in.
        word_width: Values for each word; none, if 0.
        word_hidden: Of the layers over words.
        word_blocks: How many.
        word_bits: Of the weights of their matrices: 8 or 4.
        contexts: Which contexts have tables, by number.
        rows: Sizes of the tables.
    """

    width: int = 192
    states: int = 192
    hidden: int = 384
    blocks: int = 1
    word_width: int = 384
    word_hidden: int = 768
    word_blocks: int = 2
    word_bits: int = 8
    contexts: tuple[int, ...] = (0, 1, 2, 3, 4)
    rows: Rows = field(default_factory=Rows)

    @classmethod
    def of(cls, sizes: dict[str, Any]) -> Config:
        """Return sizes, where they are others than the usual ones."""
        rows = sizes.get("rows")
        others: dict[str, Any] = {}
        if rows:
            others["rows"] = Rows(**{**rows, "bits": tuple(rows["bits"])})
        if "contexts" in sizes:
            others["contexts"] = tuple(sizes["contexts"])
        return cls(**{**sizes, **others})

    def products(self, word_bytes: float = 6.5) -> int:
        """Return the multiply-adds of matrices for each byte, if words have so many bytes."""
        width = self.width
        each = self.blocks * (4 * width * width + 2 * width * self.hidden) + 256 * width
        if self.word_width:
            each += 2 * self.states * width + self.states * width
            word = self.word_width * (width + self.states) + width * self.word_width
            word += self.word_blocks * (
                4 * self.word_width**2 + 2 * self.word_width * self.word_hidden
            )
            each += int(word / word_bytes)
        return each


def matrix(rows: int, columns: int, generator: torch.Generator, gain: float = 1.0) -> nn.Parameter:
    """Return a matrix of random values that keeps the size of a vector, times ``gain``."""
    return nn.Parameter(torch.randn(rows, columns, generator=generator) * gain / columns**0.5)


def forget_bias(parts: int, width: int) -> nn.Parameter:
    """Return biases that spread how long values are kept: from two steps to 150."""
    bias = torch.zeros(parts * width)
    bias[:width] = torch.linspace(0.0, 5.0, width)
    return nn.Parameter(bias)


class Block(nn.Module):
    """A gated recurrence and a layer of hidden values, each added to what came in.

    Args:
        width: Of what comes in.
        hidden: Values of the layer.
        generator: Of the first values.
        bits: Of weights: 8 or 4.
    """

    def __init__(self, width: int, hidden: int, generator: torch.Generator, bits: int = 8) -> None:
        super().__init__()
        self.width = width
        self.gates = matrix(3 * width, width, generator)
        self.bias = forget_bias(3, width)
        self.mix = matrix(width, width, generator, 0.5)
        self.up = matrix(hidden, width, generator)
        self.down = matrix(width, hidden, generator, 0.2)
        self.quantize = nn.ModuleDict(
            {"state": Quantizer(width), "hidden": Quantizer(hidden, 0, HIDDEN)}
        )
        rows = {"gates": 3 * width, "mix": width, "up": hidden, "down": width}
        self.grids = nn.ModuleDict({name: Grid(n) for name, n in rows.items()} if bits == 4 else {})

    def grid(self, name: str) -> Grid | None:
        """Return what rounds a matrix to 4 bits, or None."""
        return self.grids[name] if self.grids else None

    def scale(self, name: str) -> torch.Tensor | None:
        """Return the scales [out, 1] of a matrix of 4 bits, or None."""
        grid = self.grid(name)
        return grid.scale if grid else None

    def settle(self) -> None:
        """Take the scales of matrices of 4 bits, after those of activations, from their values."""
        if self.grids:
            self.grids["gates"].settle(self.gates / NORM_STEPS)
            self.grids["mix"].settle(self.mix * self.quantize["state"].scale)
            self.grids["up"].settle(self.up / NORM_STEPS)
            self.grids["down"].settle(self.down * self.quantize["hidden"].scale)

    def forward(
        self, x: torch.Tensor, start: torch.Tensor, offsets: torch.Tensor, exact: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the output [rows, width] and the last states [sequences, width]."""

        def w(name: str) -> Any:
            matrix, grid = getattr(self, name), self.grid(name)
            if not exact:
                return matrix
            return grid(matrix / NORM_STEPS) * NORM_STEPS if grid else rounded_rows(matrix)

        pre = torch.addmm(self.bias, normed(x, exact), w("gates").t())
        y, states = Recurrence.apply(pre, start, offsets)
        x = x + self.quantize["state"](y, self.mix, exact, self.grid("mix"))
        hidden = square(normed(x, exact) @ w("up").t())
        x = x + self.quantize["hidden"](hidden, self.down, exact, self.grid("down"))
        return x, last(states, start, offsets)


def normed(x: torch.Tensor, exact: bool) -> torch.Tensor:
    """Return rows of root mean square 1, rounded as the integers are if ``exact``."""
    y = norm(x)
    return NORM(y) if exact else y


def weights(exact: bool) -> Callable[[Any], Any]:
    """Return what is done to matrices before they are used."""
    return rounded_rows if exact else (lambda w: w)


def last(states: torch.Tensor, start: torch.Tensor, offsets: torch.Tensor) -> torch.Tensor:
    """Return the last state of each sequence, that before it where it is empty."""
    counts = offsets[1:] - offsets[:-1]
    at = (offsets[1:] - 1).clamp(min=0)
    return torch.where((counts > 0)[:, None], states[at] if len(states) else start, start)


class State:
    """What a stream keeps from one batch to the next."""

    def __init__(self, config: Config, streams: int, device: torch.device) -> None:
        def zeros(width: int) -> torch.Tensor:
            return torch.zeros(streams, width, device=device)

        self.first = zeros(config.states)
        self.blocks = [zeros(config.width) for _ in range(config.blocks)]
        self.words = [zeros(config.word_width) for _ in range(config.word_blocks)]
        self.said = zeros(config.width)

    def reset(self, fresh: torch.Tensor) -> None:
        """Forget all in the streams that begin anew."""
        for tensor in (self.first, *self.blocks, *self.words, self.said):
            tensor.masked_fill_(fresh[:, None], 0.0)


class ByteModel(nn.Module):
    """The network; the tables are no parameters, since each step changes few of their rows.

    Args:
        config: The sizes.
        seed: Of the first values.
    """

    def __init__(self, config: Config, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.config = config
        self.contexts = Contexts(config.rows, config.contexts)
        width, words = config.width, config.word_width
        # Contexts never seen say nothing, so only single bytes start from random values.
        self.table = Table(self.contexts.total, width)
        self.table.values[:256] = torch.randn(256, width, generator=generator)
        self.word_table = Table(1 << config.rows.words, max(words, 1))
        if words:
            self.gates = matrix(2 * config.states, width, generator)
            self.bias = forget_bias(2, config.states)
            self.mix = matrix(width, config.states, generator, 0.5)
            self.enter = matrix(words, width, generator, 0.7)
            self.enter_state = matrix(words, config.states, generator, 0.7)
            self.word_blocks = nn.ModuleList(
                Block(words, config.word_hidden, generator, config.word_bits)
                for _ in range(config.word_blocks)
            )
            self.leave = matrix(width, words, generator, 0.5)
            self.quantize = nn.ModuleDict({"state": Quantizer(config.states)})
        self.blocks = nn.ModuleList(
            Block(width, config.hidden, generator) for _ in range(config.blocks)
        )
        self.out = matrix(256, width, generator, 0.3)
        self.out_bias = nn.Parameter(torch.zeros(256))

    def start(self, streams: int) -> State:
        """Return the state of streams before their first byte."""
        return State(self.config, streams, self.out.device)

    def move(self, device: torch.device) -> ByteModel:
        """Move all, the tables too, to a device."""
        for table in self.tables():
            table.to(device)
        return self.to(device)

    def tables(self) -> list[Table]:
        """Return the tables whose rows are learnt."""
        return [self.table, self.word_table] if self.config.word_width else [self.table]

    def forward(
        self, batch: Batch, state: State, exact: bool = False
    ) -> tuple[torch.Tensor, list[tuple[Table, torch.Tensor, torch.Tensor]]]:
        """Return the logits [streams * length, 256], and the sums of rows for their gradients."""
        config, w = self.config, weights(exact)
        state.reset(batch.fresh)
        streams = len(batch.fresh)
        length = len(batch.targets) // streams
        offsets = torch.arange(streams + 1, device=batch.fresh.device) * length
        x = self.table.sums(batch.index, exact)
        sums = [(self.table, batch.index, x)]
        if config.word_width:
            inner = normed(x, exact)
            pre = torch.addmm(self.bias, inner, w(self.gates).t())
            y, states = Recurrence.apply(pre, state.first, offsets)
            state.first = last(states, state.first, offsets)
            quantize = self.quantize["state"]
            x = x + quantize(y, self.mix, exact)
            word = self.word_table.sums(batch.words, exact)
            sums.append((self.word_table, batch.words, word))
            word = word + inner.index_select(0, batch.ends) @ w(self.enter).t()
            word = word + quantize(y.index_select(0, batch.ends), self.enter_state, exact)
            for n, block in enumerate(self.word_blocks):
                word, state.words[n] = block(word, state.words[n], batch.offsets, exact)
            said = normed(word, exact) @ w(self.leave).t()
            said = torch.cat([state.said, said.float()])
            x = x + said.index_select(0, batch.slots)
            state.said = said.index_select(0, batch.slots[length - 1 :: length]).detach()
        for n, block in enumerate(self.blocks):
            x, state.blocks[n] = block(x, state.blocks[n], offsets, exact)
        return torch.addmm(self.out_bias, normed(x, exact), w(self.out).t()), sums
