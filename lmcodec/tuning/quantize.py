"""Rounding as the integers do it, with gradients as if it were not there."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

# The largest magnitude of 8 bits that is used in matrices.
UNIT = 127
# Steps of activations are 7 bits: with 64 added they are positive, and two products with 8 bits
# fit 16 bits.
LOW, HIGH = -64, 63
# Hidden values are never negative.
HIDDEN = 127
# Steps of a normalised value: one is 1 / 10, so values up to 6.3 are told apart.
NORM_STEPS = 10.0
# The largest magnitude of 4 bits that is used in tables.
NIBBLE = 7
# The least and the largest of 4 bits in matrices.
NIBBLES = (-8, 7)
# Steps of 4 bits that are tried, by the root of the mean square of a row: small ones clip large
# values, large ones tell little apart.
_STEPS = (0.26, 0.29, 0.32, 0.35, 0.38, 0.42, 0.46, 0.5)


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, scale: Any, low: int, high: int) -> Any:
        steps = torch.round(x / scale)
        ctx.save_for_backward((steps >= low) & (steps <= high))
        return steps.clamp_(low, high) * scale

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (inside,) = ctx.saved_tensors
        return grad * inside, None, None, None


def NORM(x: torch.Tensor) -> torch.Tensor:  # noqa: N802
    """Round normalised values to their 7 bits."""
    return _Round.apply(x, 1.0 / NORM_STEPS, LOW, HIGH)


def rounded_rows(w: torch.Tensor) -> torch.Tensor:
    """Round a matrix to 8 bits, with a scale for each row."""
    scale = w.detach().abs().amax(1, keepdim=True).clamp(min=1e-8) / UNIT
    return _Round.apply(w, scale, -UNIT, UNIT)


def nibble_scales(values: torch.Tensor) -> torch.Tensor:
    """Return the scale [rows, 1] of each row of a table in 4 bits."""
    return values.abs().amax(1, keepdim=True).clamp(min=1e-8) / NIBBLE


def rounded_nibbles(values: torch.Tensor) -> torch.Tensor:
    """Round a table to 4 bits, with a scale for each row."""
    scale = nibble_scales(values)
    return torch.round(values / scale) * scale


class Grid(nn.Module):
    """Rounds a matrix, whose inputs are steps, to 4 bits.

    The scale of a row stays while its values move.

    Args:
        rows: Of the matrix.
    """

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.scale: torch.Tensor
        self.register_buffer("scale", torch.full((rows, 1), 1e-3))

    def forward(self, w: Any) -> Any:
        """Return the rounded matrix."""
        return _Round.apply(w, self.scale, *NIBBLES)

    @torch.no_grad()
    def settle(self, w: torch.Tensor) -> None:
        """Take the scales by which the rows of a matrix lose least."""
        size = w.square().mean(1, keepdim=True).sqrt().clamp(min=1e-8)
        tried = [step * size for step in _STEPS]
        lost = [(_Round.apply(w, scale, *NIBBLES) - w).square().sum(1) for scale in tried]
        best = torch.stack(lost).argmin(0)
        self.scale.copy_(torch.stack(tried).squeeze(2).gather(0, best[None]).t())


class Quantizer(nn.Module):
    """Rounds values to 7 bits before a matrix, with a scale for each column.

    The matrix takes the scales before its own rounding, so the integers need no multiplication.

    Args:
        width: Columns.
        low: The least step.
        high: The largest.
    """

    def __init__(self, width: int, low: int = LOW, high: int = HIGH) -> None:
        super().__init__()
        self.low, self.high = low, high
        self.scale: torch.Tensor
        self.peak: torch.Tensor
        self.register_buffer("scale", torch.full((width,), 1.0 / high))
        self.register_buffer("peak", torch.zeros(width))
        self.watching = False

    def forward(self, x: Any, matrix: Any, exact: bool, grid: Grid | None = None) -> Any:
        """Return the product of a matrix [out, width] and x [rows, width].

        Args:
            x: Values.
            matrix: Of 8 bits where it is rounded.
            exact: Whether to round.
            grid: Rounds the matrix to 4 bits instead.
        """
        if self.watching and len(x):
            self.peak = torch.maximum(self.peak * 0.98, x.detach().abs().amax(0).float())
        if exact:
            x = _Round.apply(x, self.scale, self.low, self.high) / self.scale
            matrix = matrix * self.scale
            matrix = grid(matrix) if grid else rounded_rows(matrix)
        return x @ matrix.t()

    def settle(self) -> None:
        """Take scales from the peaks that were seen."""
        self.scale.copy_((self.peak / self.high).clamp(min=2.0**-14))
