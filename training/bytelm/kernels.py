"""Compiles the C parts and gives them to torch, with their gradients."""

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
    loaded = ctypes.CDLL(str(built))
    loaded.embed_backward.restype = ctypes.c_int64
    return loaded


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
        self._seen = torch.zeros(rows, dtype=torch.uint8)
        self._used = torch.zeros(rows, dtype=torch.int32)
        self._count = 0

    def sums(self, index: torch.Tensor) -> torch.Tensor:
        """Return the sums [n, width] of the rows that ``index`` [n, each] names."""
        rows, each = index.shape
        out = torch.empty(rows, self.values.shape[1])
        library().embed_forward(
            *map(_count, (rows, each, out.shape[1])), *map(pointer, (self.values, index, out))
        )
        return out.requires_grad_()

    def add(self, index: torch.Tensor, grad: torch.Tensor) -> None:
        """Add the gradient [n, width] of such sums."""
        rows, each = index.shape
        grad = grad.contiguous()
        self._count = library().embed_backward(
            *map(_count, (rows, each, grad.shape[1])),
            *map(pointer, (grad, index, self._sums, self._seen, self._used)),
            _count(self._count),
        )

    def step(self, rate: float, decay: float = 0.98, half: float = 30.0) -> None:
        """Change the rows whose gradients were added.

        Args:
            rate: About the first step of a value.
            decay: Of the mean of squared gradients.
            half: After three times so many uses, steps are half as large.
        """
        library().embed_step(
            *map(_count, (self._count, self.values.shape[1])),
            ctypes.c_float(rate),
            ctypes.c_float(decay),
            ctypes.c_float(half),
            *map(pointer, (self.values, self.squares, self.uses)),
            *map(pointer, (self._sums, self._seen, self._used)),
        )
        self._count = 0

    def state(self) -> dict[str, torch.Tensor]:
        """Return what a checkpoint must hold."""
        return {"values": self.values, "squares": self.squares, "uses": self.uses}

    def load(self, state: dict[str, torch.Tensor]) -> None:
        """Take the values from a checkpoint."""
        for name, value in state.items():
            getattr(self, name).copy_(value)
