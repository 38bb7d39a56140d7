"""The network in floats: an outline of the whole item, and a look around each position.

    states of all positions ── outline ─ block ─ … ─ said ──┬── told, for each position
                                                            │     │
    states of a neighbourhood ─────────────────────────── + ─ + ─ + ─ block ─ … ─ logits

The outline is the same for all positions, so it runs once in a call; the rest runs only where a
symbol is coded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional

from lmcodec.tuning.kernels import square, unit
from lmcodec.tuning.model import matrix, weights
from lmcodec.tuning.quantize import HIDDEN, NORM, Quantizer

if TYPE_CHECKING:
    from lmcodec.ardm.config import Config


def normed(x: torch.Tensor, exact: bool) -> torch.Tensor:
    """Return rows of root mean square 1, rounded as the integers are if ``exact``."""
    y = unit(x)
    return NORM(y) if exact else y


class Layer(nn.Module):
    """A layer of hidden values, added to what came in."""

    def __init__(self, width: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        self.up = matrix(hidden, width, generator)
        self.down = matrix(width, hidden, generator, 0.2)
        self.hidden = Quantizer(hidden, 0, HIDDEN)

    def forward(self, x: torch.Tensor, exact: bool) -> torch.Tensor:
        """Return the output [rows, width]."""
        hidden = square(normed(x, exact) @ weights(exact)(self.up).t())
        out: torch.Tensor = x + self.hidden(hidden, self.down, exact)
        return out


def first_features(config: Config, count: int, generator: torch.Generator) -> nn.Parameter:
    """Return features of all nodes [nodes, count]; those of near values are alike at first."""
    features = torch.randn(config.nodes, count, generator=generator)
    if config.is_scale:
        for level, start in enumerate(config.starts[1:-1], 1):
            nodes = config.alphabet // config.leaves(level)
            at = (torch.arange(nodes) + 0.5) / nodes
            waves = torch.arange(count)
            values = torch.cos(torch.pi * at[:, None] * (1 + waves // 2) + waves * 1.3)
            features[start : start + nodes] = 1.4 * values
    return nn.Parameter(features)


class Ardm(nn.Module):
    """The network.

    Args:
        config: The sizes.
        seed: Of the first values.
    """

    neighbours: torch.Tensor

    def __init__(self, config: Config, seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.config = config
        self.register_buffer("neighbours", torch.from_numpy(config.neighbours()), False)
        width = config.width
        self.near = first_features(config, config.features, generator)
        inputs = self.neighbours.shape[1] * config.features
        if config.outline:
            self.all = first_features(config, config.outline_features, generator)
            whole = config.size * config.outline_features
            self.enter = matrix(config.outline, whole, generator)
            self.layers = nn.ModuleList(
                Layer(config.outline, config.outline_hidden, generator)
                for _ in range(config.outline_blocks)
            )
            self.leave = matrix(config.said, config.outline, generator)
            self.tell = matrix(config.size * config.told, config.said, generator, 0.5)
            self.tell_bias = nn.Parameter(
                torch.randn(config.size * config.told, generator=generator)
            )
            inputs += config.said + config.told
        self.first = matrix(width, inputs, generator)
        self.blocks = nn.ModuleList(
            Layer(width, config.hidden, generator) for _ in range(config.blocks)
        )
        self.out = matrix(config.alphabet, width, generator, 0.3)
        self.out_bias = nn.Parameter(torch.zeros(config.alphabet))

    def forward(
        self, states: torch.Tensor, positions: torch.Tensor, exact: bool = False
    ) -> torch.Tensor:
        """Return logits [items, positions, alphabet].

        Args:
            states: Nodes of the items [items, size].
            positions: Where to look at each item [items, positions], or at all alike
                [1, positions].
            exact: Whether to round as the integers do.
        """
        config, w = self.config, weights(exact)
        items, count = len(states), positions.shape[1]
        near = NORM(self.near) if exact else self.near
        padded = functional.pad(states, (0, 1), value=config.nodes - 1)
        around = self.neighbours[positions].view(len(positions), -1).expand(items, -1)
        inputs = functional.embedding(padded.gather(1, around), near).view(items * count, -1)
        if config.outline:
            said, told = self._outline(states, positions, exact)
            repeated = said[:, None, :].expand(-1, count, -1).reshape(items * count, -1)
            inputs = torch.cat([inputs, repeated, told], 1)
        x = inputs @ w(self.first).t()
        for block in self.blocks:
            x = block(x, exact)
        x = torch.addmm(self.out_bias, normed(x, exact), w(self.out).t())
        return x.view(items, count, -1)

    def _outline(
        self, states: torch.Tensor, positions: torch.Tensor, exact: bool
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what is said to all positions [items, said], and to each [rows, told]."""
        config, w = self.config, weights(exact)
        all = NORM(self.all) if exact else self.all
        x = functional.embedding(states, all).view(len(states), -1) @ w(self.enter).t()
        for layer in self.layers:
            x = layer(x, exact)
        said = normed(normed(x, exact) @ w(self.leave).t(), exact)
        if len(positions) == 1:
            # No others need to be told anything.
            rows = self.tell.view(config.size, config.told, -1)[positions[0]].flatten(0, 1)
            bias = self.tell_bias.view(config.size, -1)[positions[0]].flatten()
            told = torch.addmm(bias, said, w(rows).t())
            return said, normed(told.view(-1, config.told), exact)
        told = torch.addmm(self.tell_bias, said, w(self.tell).t())
        told = told.view(len(states), config.size, config.told)
        at = positions[:, :, None].expand(-1, -1, config.told)
        return said, normed(told.gather(1, at).view(-1, config.told), exact)

    def settle(self, states: torch.Tensor, positions: torch.Tensor) -> None:
        """Take the scales of what is rounded from what these items give."""
        quantizers = [m for m in self.modules() if isinstance(m, Quantizer)]
        for quantizer in quantizers:
            quantizer.watching = True
        with torch.no_grad():
            self(states, positions)
        for quantizer in quantizers:
            quantizer.watching = False
            quantizer.settle()
