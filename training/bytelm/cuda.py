"""Compiles `kernels.cu` for the accelerator, and gives its parts to torch."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import torch

_SOURCE = Path(__file__).with_name("kernels.cu")
_THREADS = 64


@functools.cache
def _module() -> Any:
    import cupy

    module = cupy.RawModule(code=_SOURCE.read_text(encoding="utf-8"), options=("--std=c++14",))
    names = ("recurrence_forward", "recurrence_backward", "embed_forward", "embed_backward")
    return {name: module.get_function(name) for name in names}


def _run(name: str, grid: tuple[int, ...], *values: Any) -> None:
    """Run a kernel where torch runs its own."""
    import cupy
    import numpy as np

    for value in values:
        if isinstance(value, torch.Tensor) and not value.is_contiguous():
            raise ValueError("array is not contiguous")
    arguments = tuple(
        np.uint64(v.data_ptr()) if isinstance(v, torch.Tensor) else np.int32(v) for v in values
    )
    with cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream):
        _module()[name](grid, (_THREADS,), arguments)


def recurrence_forward(
    pre: torch.Tensor, start: torch.Tensor, offsets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return outputs [rows, width], as wide as ``pre``'s values, and states [rows, width]."""
    sequences, width = start.shape
    states = torch.empty(len(pre), width, device=pre.device)
    out = torch.empty(len(pre), width, dtype=torch.bfloat16, device=pre.device)
    gated = int(pre.shape[1] == 3 * width)
    grid = (-(-width // _THREADS), sequences)
    _run("recurrence_forward", grid, offsets, width, gated, pre, start, states, out)
    return out, states


def recurrence_backward(
    grad: torch.Tensor,
    pre: torch.Tensor,
    start: torch.Tensor,
    states: torch.Tensor,
    offsets: torch.Tensor,
) -> torch.Tensor:
    """Return the gradient of ``pre``."""
    sequences, width = start.shape
    gated = int(pre.shape[1] == 3 * width)
    out = torch.empty_like(pre)
    grid = (-(-width // _THREADS), sequences)
    _run("recurrence_backward", grid, offsets, width, gated, grad, pre, start, states, out)
    return out


def embed_forward(table: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Return the sums [n, width] of the rows that ``index`` [n, each] names."""
    rows, each = index.shape
    out = torch.empty(rows, table.shape[1], device=table.device)
    if rows:
        _run("embed_forward", (rows,), each, table.shape[1], table, index, out)
    return out


def embed_backward(
    grad: torch.Tensor, index: torch.Tensor, sums: torch.Tensor, seen: torch.Tensor
) -> None:
    """Add the gradient [n, width] of such sums to those of the rows, and mark the rows."""
    rows, each = index.shape
    if rows:
        _run("embed_backward", (rows,), each, grad.shape[1], grad, index, sums, seen)
