"""Steps of the optimizers, and how large they are when."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

WARM_UP = 100


def rate_at(progress: float, step: int, decay: float, warm_up: int = WARM_UP) -> float:
    """Return the factor of all rates: rising at first, then 1, then falling to 0.

    Args:
        progress: The share of the run that is over.
        step: How many steps were done.
        decay: The share of the run, at its end, in which it falls.
        warm_up: Steps in which it rises.
    """
    return min(1.0, (step + 1) / warm_up, max(0.0, (1.0 - progress) / decay))


def orthogonal(g: torch.Tensor, steps: int = 5) -> torch.Tensor:
    """Return matrices [n, rows, columns] with the singular vectors of ``g``, values near 1.

    Source: Jordan et al. 2024, Muon: a quintic Newton-Schulz iteration.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = g.shape[1] > g.shape[2]
    x = g.transpose(1, 2) if tall else g
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    if g.is_cuda:
        x = x.bfloat16()
    for _ in range(steps):
        square = x @ x.transpose(1, 2)
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    x = x.float()
    return x.transpose(1, 2) if tall else x


class Muon(torch.optim.Optimizer):
    """Momentum made orthogonal, for matrices between hidden values.

    Args:
        params: Matrices.
        lr: Root of the mean square of a step, times the root of the longer side. A number, or a
            tensor of one.
        momentum: Of the gradients.
    """

    def __init__(
        self, params: Iterable[torch.nn.Parameter], lr: float = 0.02, momentum: float = 0.95
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self) -> None:
        """Change the matrices; those of a shape together."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[torch.nn.Parameter]] = {}
            for p in group["params"]:
                shapes.setdefault(p.shape, []).append(p)
                if not self.state[p]:
                    self.state[p]["mean"] = torch.zeros_like(p)
            for shape, some in shapes.items():
                means = [self.state[p]["mean"] for p in some]
                grads = [p.grad for p in some]
                torch._foreach_lerp_(means, grads, 1.0 - group["momentum"])
                ahead = torch._foreach_lerp(grads, means, group["momentum"])
                size = max(1.0, shape[0] / shape[1]) ** 0.5
                steps = orthogonal(torch.stack(ahead)).mul_(-group["lr"] * size).unbind()
                torch._foreach_mul_(some, 1.0 - group["lr"] * 0.1)
                torch._foreach_add_(some, steps)
