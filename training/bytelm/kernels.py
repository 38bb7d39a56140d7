"""Compiles the C parts and gives them to torch, with their gradients; on an accelerator `cuda.py` has them."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.bytelm import cuda
from training.bytelm.quantize import rounded_nibbles

_SOURCES = ("kernels.c", "features.c")
_OPTIONS = ("-O3", "-march=native", "-ffast-math", "-shared", "-fPIC")


@functools.cache
def library() -> ctypes.CDLL:
    """Return the compiled kernels, compiling them first where they have changed."""
    sources = [Path(__file__).with_name(name) for name in _SOURCES]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    built = Path(tempfile.gettempdir()) / f"bytelm-kernels-{os.getuid()}-{digest}.so"
    if not built.exists():
        part = built.with_suffix(f".{os.getpid()}")
        command = [os.environ.get("CC", "cc"), *_OPTIONS, "-o", str(part), *map(str, sources)]
        subprocess.run([*command, "-lm"], check=True)
        part.replace(built)
    return ctypes.CDLL(str(built))


def pointer(array: torch.Tensor | np.ndarray[Any, Any]) -> ctypes.c_void_p:
    """Return the address of an array, whose values must lie one after the other.

    The caller must keep the array until the call that uses the address is over.
    """
    if isinstance(array, torch.Tensor):
        if not array.is_contiguous():
            raise ValueError("array is not contiguous")
        return ctypes.c_void_p(array.data_ptr())
    if not array.flags.c_contiguous:
        raise ValueError("array is not contiguous")
    return ctypes.c_void_p(array.ctypes.data)


def _count(value: int) -> ctypes.c_int64:
    return ctypes.c_int64(value)


class Recurrence(torch.autograd.Function):
    """Gated linear recurrences of packed sequences.

    Takes ``pre`` [rows, parts * width], ``start`` [sequences, width] and ``offsets``
    [sequences + 1]; gives the output [rows, width] and the states [rows, width].
    """

    @staticmethod
    def forward(ctx: Any, pre: Any, start: Any, offsets: Any) -> Any:
        """Run the recurrence."""
        if pre.is_cuda:
            pre = pre.bfloat16().contiguous()
            out, states = cuda.recurrence_forward(pre, start, offsets)
            ctx.save_for_backward(start, offsets, pre, states)
            ctx.mark_non_differentiable(states)
            return out, states
        sequences, width = start.shape
        gated = int(pre.shape[1] == 3 * width)
        act = torch.empty_like(pre)
        states = torch.empty(pre.shape[0], width)
        out = torch.empty(pre.shape[0], width)
        library().recurrence_forward(
            *map(_count, (sequences,)),
            pointer(offsets),
            _count(width),
            _count(gated),
            *map(pointer, (pre, start, act, states, out)),
        )
        ctx.save_for_backward(start, offsets, act, states)
        ctx.gated = gated
        ctx.mark_non_differentiable(states)
        return out, states

    @staticmethod
    def backward(ctx: Any, grad: Any, _states: Any) -> Any:
        """Run it backwards."""
        start, offsets, act, states = ctx.saved_tensors
        if grad.is_cuda:
            grad = grad.bfloat16().contiguous()
            return cuda.recurrence_backward(grad, act, start, states, offsets), None, None
        sequences, width = start.shape
        grad = grad.contiguous()
        dpre, carry = torch.empty_like(act), torch.empty(width)
        library().recurrence_backward(
            _count(sequences),
            pointer(offsets),
            _count(width),
            _count(ctx.gated),
            *map(pointer, (grad, start, act, states, dpre, carry)),
        )
        return dpre, None, None


class Norm(torch.autograd.Function):
    """Rows divided by the root of their mean square, without a gain."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        """Normalise [rows, width]."""
        x = x.contiguous()
        y, scale = torch.empty_like(x), torch.empty(x.shape[0])
        library().norm_forward(
            *map(_count, x.shape), ctypes.c_float(1e-6), *map(pointer, (x, y, scale))
        )
        ctx.save_for_backward(y, scale)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """Give the gradient."""
        y, scale = ctx.saved_tensors
        grad = grad.contiguous()
        dx = torch.empty_like(y)
        library().norm_backward(*map(_count, y.shape), *map(pointer, (grad, y, scale, dx)))
        return dx


class Square(torch.autograd.Function):
    """The square of what is above zero."""

    @staticmethod
    def forward(ctx: Any, x: Any) -> Any:
        """Square an array of any shape."""
        y = torch.empty_like(x)
        library().square_forward(_count(x.numel()), pointer(x), pointer(y))
        ctx.save_for_backward(x)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Any) -> Any:
        """Give the gradient."""
        (x,) = ctx.saved_tensors
        grad = grad.contiguous()
        dx = torch.empty_like(x)
        library().square_backward(_count(x.numel()), *map(pointer, (x, grad, dx)))
        return dx


def norm(x: torch.Tensor) -> torch.Tensor:
    """Return rows [rows, width] divided by the root of their mean square, for a matrix."""
    if x.is_cuda:
        return torch.nn.functional.rms_norm(x, x.shape[1:], eps=1e-6).bfloat16()
    y: torch.Tensor = Norm.apply(x)
    return y


def square(x: torch.Tensor) -> torch.Tensor:
    """Return the square of what is above zero."""
    if x.is_cuda:
        return torch.relu(x).square()
    y: torch.Tensor = Square.apply(x)
    return y


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
        self._sums = torch.zeros(rows, width)
        self._seen = torch.zeros(rows)
        # As they are used while they are rounded; taken anew after each step.
        self._rounded: torch.Tensor | None = None

    def to(self, device: torch.device) -> None:
        """Move all to a device."""
        for name in ("values", "squares", "uses", "_sums", "_seen"):
            setattr(self, name, getattr(self, name).to(device))
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
            return cuda.embed_forward(values, index).requires_grad_()
        rows, each = index.shape
        out = torch.empty(rows, values.shape[1])
        library().embed_forward(
            *map(_count, (rows, each, out.shape[1])), *map(pointer, (values, index, out))
        )
        return out.requires_grad_()

    def add(self, index: torch.Tensor, grad: torch.Tensor) -> None:
        """Add the gradient [n, width] of such sums."""
        rows, each = index.shape
        grad = grad.float().contiguous()
        if grad.is_cuda:
            cuda.embed_backward(grad, index, self._sums, self._seen)
            return
        library().embed_backward(
            *map(_count, (rows, each, grad.shape[1])),
            *map(pointer, (grad, index, self._sums, self._seen)),
        )

    @torch.no_grad()
    def step(self, rate: float, decay: float = 0.98, half: float = 30.0) -> None:
        """Change the rows whose gradients were added.

        By the root of a running mean of squared gradients, which counts only the steps where a
        row was used; smaller the oftener that was, since what is used often is moved often, and
        soon needs to be still.

        Args:
            rate: About the first step of a value.
            decay: Of the mean of squared gradients.
            half: After three times so many uses, steps are half as large.
        """
        values, squares, sums, seen = self.values, self.squares, self._sums, self._seen
        self.uses += seen
        squares.lerp_(sums.square(), ((1.0 - decay) * seen)[:, None].expand_as(squares))
        fix = 1.0 / (1.0 - decay ** self.uses.clamp(min=1.0))
        by = -rate / (1.0 + self.uses / half).sqrt()
        # Rows that were not used have sums of zero.
        sums.div_((squares * fix[:, None]).sqrt_().add_(1e-10)).mul_(by[:, None])
        values += sums
        sums.zero_()
        seen.zero_()
        self._rounded = None

    def state(self) -> dict[str, torch.Tensor]:
        """Return what a checkpoint must hold."""
        return {"values": self.values, "squares": self.squares, "uses": self.uses}

    def load(self, state: dict[str, torch.Tensor]) -> None:
        """Take the values from a checkpoint."""
        for name, value in state.items():
            getattr(self, name).copy_(value)
        self._rounded = None
