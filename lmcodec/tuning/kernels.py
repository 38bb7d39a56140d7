"""Recurrences, norms and tables, in torch alone; an accelerator may bring faster ones."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

from lmcodec.tuning.quantize import rounded_nibbles

# What computes recurrences and tables on an accelerator, with the functions of
# training/bytelm/cuda.py, or None: then nothing runs on one.
_accelerator: Any = None


def accelerate(kernels: Any) -> None:
    """Let tensors on an accelerator be handled by these kernels."""
    global _accelerator
    _accelerator = kernels


class Recurrence(torch.autograd.Function):
    """Gated linear recurrences of packed sequences.

    h = f h + (1 - f) c, with f = sigmoid(pre[0]), c = tanh(pre[1]); where there are three parts
    y = h sigmoid(pre[2]), else y = h.

    Takes ``pre`` [rows, parts * width], ``start`` [sequences, width] and ``offsets``
    [sequences + 1]: sequence r is rows offsets[r] .. offsets[r + 1]. Gives the output
    [rows, width] and the states [rows, width].
    """

    @staticmethod
    def forward(ctx: Any, pre: Any, start: Any, offsets: Any) -> Any:
        """Run the recurrence."""
        if pre.is_cuda:
            pre = pre.bfloat16().contiguous()
            out, states = _accelerator.recurrence_forward(pre, start, offsets)
            ctx.save_for_backward(start, offsets, pre, states)
            ctx.mark_non_differentiable(states)
            return out, states
        width = start.shape[1]
        at, steps = _places(offsets)
        keep, new, *gate = pre.split(width, 1)
        keep, new = torch.sigmoid(keep), torch.tanh(new)
        # Steps that a sequence does not have keep nothing and add nothing.
        factors, terms = _spread(keep, at, steps), _spread((1.0 - keep) * new, at, steps)
        state = start
        for factor, term in zip(factors, terms, strict=True):
            state = torch.addcmul(term, factor, state, out=term)
        states = terms.view(-1, width).index_select(0, at)
        gate = torch.sigmoid(gate[0]) if gate else None
        ctx.save_for_backward(start, offsets, keep, new, gate, states)
        ctx.mark_non_differentiable(states)
        return states * gate if gate is not None else states.clone(), states

    @staticmethod
    def backward(ctx: Any, grad: Any, _states: Any) -> Any:
        """Run it backwards."""
        if grad.is_cuda:
            start, offsets, pre, states = ctx.saved_tensors
            grad = grad.bfloat16().contiguous()
            return _accelerator.recurrence_backward(grad, pre, start, states, offsets), None, None
        start, offsets, keep, new, gate, states = ctx.saved_tensors
        width = start.shape[1]
        at, steps = _places(offsets)
        factors = _spread(keep, at, steps)
        grads = _spread(grad * gate if gate is not None else grad, at, steps)
        for n in range(len(steps) - 2, -1, -1):
            grads[n].addcmul_(factors[n + 1], grads[n + 1])
        total = grads.view(-1, width).index_select(0, at)
        before = states.roll(1, 0)
        begins, begun = offsets[:-1], offsets[1:] > offsets[:-1]
        before[begins[begun]] = start[begun]
        parts = [total * (before - new) * keep * (1.0 - keep)]
        parts.append(total * (1.0 - keep) * (1.0 - new * new))
        if gate is not None:
            parts.append(grad * states * gate * (1.0 - gate))
        return torch.cat(parts, 1), None, None


def _places(offsets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return where rows stand in an array [steps, sequences], and that array's places."""
    counts = offsets.diff()
    sequences = len(counts)
    owner = torch.repeat_interleave(torch.arange(sequences), counts)
    step = torch.arange(len(owner)) - offsets[owner]
    steps = int(counts.max()) if sequences else 0
    return step * sequences + owner, torch.empty(steps, sequences)


def _spread(rows: torch.Tensor, at: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Return rows [n, width] as [steps, sequences, width], with zeros in between."""
    width = rows.shape[1]
    out = rows.new_zeros(places.numel(), width)
    return out.index_copy_(0, at, rows).view(*places.shape, width)


def norm(x: torch.Tensor) -> torch.Tensor:
    """Return rows [rows, width] divided by the root of their mean square, for a matrix."""
    y = unit(x)
    return y.bfloat16() if y.is_cuda else y


def unit(x: torch.Tensor) -> torch.Tensor:
    """Return rows [rows, width] divided by the root of their mean square, of the type they had."""
    return functional.rms_norm(x, x.shape[1:], eps=1e-6)


def square(x: torch.Tensor) -> torch.Tensor:
    """Return the square of what is above zero."""
    return torch.relu(x).square()


class Table:
    """Embedding rows that are summed; each step changes only the rows that it used.

    Args:
        rows: How many rows.
        width: Values in a row.
    """

    def __init__(self, rows: int, width: int) -> None:
        self.values = torch.zeros(rows, width)
        self.squares = torch.zeros(rows, width)
        self.uses = torch.zeros(rows)
        # What was added since the last step: rows [n, each] and gradients [n, width].
        self._added: list[tuple[torch.Tensor, torch.Tensor]] = []
        # On an accelerator: for all rows, and which of them were used.
        self._sums, self._seen = torch.zeros(0), torch.zeros(0)
        # As they are used while they are rounded.
        self._rounded: torch.Tensor | None = None

    def to(self, device: torch.device) -> None:
        """Move all to a device."""
        for name in ("values", "squares", "uses"):
            setattr(self, name, getattr(self, name).to(device))
        if self.values.is_cuda:
            self._sums, self._seen = torch.zeros_like(self.values), torch.zeros_like(self.uses)
        self._rounded = None

    def rounded(self) -> torch.Tensor:
        """Return the rows as 4 bits hold them."""
        if self._rounded is None:
            self._rounded = rounded_nibbles(self.values)
        return self._rounded

    def sums(self, index: torch.Tensor, exact: bool = False) -> torch.Tensor:
        """Return the sums [n, width] of the rows that ``index`` [n, each] names."""
        values = self.rounded() if exact else self.values
        if values.is_cuda:
            out: torch.Tensor = _accelerator.embed_forward(values, index)
        else:
            out = functional.embedding_bag(index, values, mode="sum")
        return out.requires_grad_()

    def add(self, index: torch.Tensor, grad: torch.Tensor) -> None:
        """Add the gradient [n, width] of such sums."""
        grad = grad.float().contiguous()
        if grad.is_cuda:
            _accelerator.embed_backward(grad, index, self._sums, self._seen)
        elif len(index):
            self._added.append((index, grad))

    def _gathered(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return which rows were used, and the sums of their gradients."""
        index, grads = (torch.cat(part) for part in zip(*self._added, strict=True))
        self._added.clear()
        used, each = torch.unique(index, return_inverse=True)
        zeros = torch.zeros(len(used), grads.shape[1], requires_grad=True)
        with torch.enable_grad():
            summed = functional.embedding_bag(each, zeros, mode="sum")
        return used, torch.autograd.grad(summed, zeros, grads)[0]

    @torch.no_grad()
    def step(self, rate: Any, decay: float = 0.98, half: float = 30.0) -> None:
        """Change the rows whose gradients were added.

        By the root of a running mean of squared gradients, which counts only the steps where a
        row was used; smaller the oftener that was, since what is used often is moved often, and
        soon needs to be still.

        Args:
            rate: About the first step of a value; a number, or a tensor of one.
            decay: Of the mean of squared gradients.
            half: After three times so many uses, steps are half as large.
        """
        if self.values.is_cuda:
            # Rows that were not used have sums of zero.
            used, sums, seen = slice(None), self._sums, self._seen
        elif not self._added:
            return
        else:
            used, sums = self._gathered()
            seen = torch.ones(len(sums))
        uses = self.uses[used] + seen
        squares = self.squares[used].lerp(sums.square(), ((1.0 - decay) * seen)[:, None])
        self.uses[used], self.squares[used] = uses, squares
        fix = 1.0 / (1.0 - decay ** uses.clamp(min=1.0))
        by = -rate / (1.0 + uses / half).sqrt()
        sums.div_((squares * fix[:, None]).sqrt_().add_(1e-10)).mul_(by[:, None])
        values = self.values[used] + sums
        self.values[used] = values
        if self._rounded is not None:
            self._rounded[used] = rounded_nibbles(values)
        if values.is_cuda:
            self._sums.zero_()
            self._seen.zero_()

    def state(self) -> dict[str, torch.Tensor]:
        """Return what a checkpoint must hold."""
        return {"values": self.values, "squares": self.squares, "uses": self.uses}

    def load(self, state: dict[str, torch.Tensor]) -> None:
        """Take the values from a checkpoint."""
        for name, value in state.items():
            getattr(self, name).copy_(value)
        self._rounded = None
