"""Steps of the optimizers, and how large they are when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

WARM_UP = 100
# The share of the run, at its end, in which weights are rounded.
EXACT = 0.08


def rate_at(progress: float, step: int, decay: float) -> float:
    """Return the factor of all rates: rising at first, then 1, then falling to 0.

    Args:
        progress: The share of the run that is over.
        step: How many steps were done.
        decay: The share of the run, at its end, in which it falls.
    """
    return min(1.0, (step + 1) / WARM_UP, max(0.0, (1.0 - progress) / decay))


def orthogonal(g: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Return a matrix with the singular vectors of ``g`` and singular values near 1.

    Source: Jordan et al. 2024, Muon: a quintic Newton-Schulz iteration.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = g.shape[0] > g.shape[1]
    x = g.t() if tall else g
    x = x / (x.norm() + 1e-7)
    for _ in range(steps):
        square = x @ x.t()
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.t() if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum made orthogonal, for matrices between hidden values.

    Args:
        params: Matrices.
        lr: Root of the mean square of a step, times the root of the longer side.
        momentum: Of the gradients.
    """

    def __init__(
        self, params: Iterable[torch.nn.Parameter], lr: float = 0.02, momentum: float = 0.95
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Change the matrices."""
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["mean"] = torch.zeros_like(p)
                mean = state["mean"].lerp_(p.grad, 1.0 - group["momentum"])
                step = orthogonal(p.grad.lerp(mean, group["momentum"]))
                p.mul_(1.0 - group["lr"] * 0.1)
                p.add_(step, alpha=-group["lr"] * max(1.0, p.shape[0] / p.shape[1]) ** 0.5)
