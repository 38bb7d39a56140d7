"""Rounding as the integers do it, with gradients as if it were not there."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

# The largest magnitude of 8 bits that is used, so that pairs of products fit 16 bits.
UNIT = 127
# Steps of a normalised value: one is 1 / 20, so values up to 6.35 are told apart.
NORM_STEPS = 20.0


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Any, scale: Any) -> Any:
        steps = torch.round(x / scale)
        ctx.save_for_backward(steps.abs() <= UNIT)
        return steps.clamp_(-UNIT, UNIT) * scale

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        (inside,) = ctx.saved_tensors
        return grad * inside, None


def NORM(x: torch.Tensor) -> torch.Tensor:  # noqa: N802
    """Round normalised values to their 8 bits."""
    return _Round.apply(x, 1.0 / NORM_STEPS)


def rounded_rows(w: torch.Tensor) -> torch.Tensor:
    """Round a matrix to 8 bits, with a scale for each row."""
    scale = w.detach().abs().amax(1, keepdim=True).clamp(min=1e-8) / UNIT
    return _Round.apply(w, scale)


class Quantizer(nn.Module):
    """Rounds values to 8 bits before a matrix, with a scale for each column.

    The matrix takes the scales before its own rounding, so the integers need no multiplication.

    Args:
        width: Columns.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.full((width,), 1.0 / UNIT))
        self.register_buffer("peak", torch.zeros(width))
        self.watching = False

    def forward(self, x: Any, matrix: Any, added: Any, exact: bool) -> Any:
        """Return ``added`` and the product of a matrix [out, width] and x [rows, width]."""
        if self.watching:
            self.peak = torch.maximum(self.peak * 0.98, x.detach().abs().amax(0))
        if exact:
            x = _Round.apply(x, self.scale) / self.scale
            matrix = rounded_rows(matrix * self.scale)
        return torch.addmm(added, x, matrix.t())

    def settle(self) -> None:
        """Take scales from the peaks that were seen."""
        self.scale = (self.peak / UNIT).clamp(min=2.0**-14)
