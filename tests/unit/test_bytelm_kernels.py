"""The kernels for an accelerator, compiled for the processor, against those in torch."""

from __future__ import annotations

import ctypes
import importlib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("safetensors", reason="safetensors is not installed")
torch: Any = importlib.import_module("torch")
kernels: Any = importlib.import_module("lmcodec.tuning.kernels")

pytestmark = [
    pytest.mark.nn,
    pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed"),
]

SOURCE = Path(__file__).parents[2] / "training" / "bytelm" / "kernels.cu"
# What CUDA has and C++ has not; a block is a loop over its threads.
BEFORE = """
#include <cmath>
#include <cstring>
struct Place { int x, y, z; };
static thread_local Place blockIdx, threadIdx, blockDim;
#define __device__
#define __global__
#define __expf expf
static float __uint_as_float(unsigned u) { float f; memcpy(&f, &u, 4); return f; }
static unsigned __float_as_uint(float f) { unsigned u; memcpy(&u, &f, 4); return u; }
static void atomicAdd(float *p, float v) { *p += v; }
"""
AFTER = """
#define ALL(columns, rows) \\
    for (int a = 0; a < columns; a++) for (int b = 0; b < rows; b++) for (int c = 0; c < 64; c++) \\
        if (blockIdx = {a, b, 0}, threadIdx = {c, 0, 0}, blockDim = {64, 1, 1}, true)
extern "C" void forward(int columns, int rows, const count_t *o, int w, int g, const half_t *p,
                        const float *s, float *h, half_t *y) {
    ALL(columns, rows) recurrence_forward(o, w, g, p, s, h, y);
}
extern "C" void backward(int columns, int rows, const count_t *o, int w, int g, const half_t *dy,
                         const half_t *p, const float *s, const float *h, half_t *d) {
    ALL(columns, rows) recurrence_backward(o, w, g, dy, p, s, h, d);
}
extern "C" void sums(int n, int e, int w, const float *t, const int *i, float *o) {
    ALL(n, 1) embed_forward(e, w, t, i, o);
}
extern "C" void gradients(int n, int e, int w, const float *d, const int *i, float *s, float *q) {
    ALL(n, 1) embed_backward(e, w, d, i, s, q);
}
"""
WIDTH = 70


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("kernels")
    (folder / "kernels.cpp").write_text(BEFORE + SOURCE.read_text(encoding="utf-8") + AFTER)
    built = folder / "kernels.so"
    command = ["g++", "-O1", "-w", "-shared", "-fPIC", "-o", "kernels.so", "kernels.cpp"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(built))


def at(*tensors: Any) -> list[ctypes.c_void_p]:
    return [ctypes.c_void_p(tensor.data_ptr()) for tensor in tensors]


@pytest.mark.parametrize("gated", [0, 1])
def test_recurrences(library: ctypes.CDLL, gated: int) -> None:
    generator = torch.Generator().manual_seed(gated)
    offsets = torch.tensor([0, 5, 5, 21, 40, 48])
    half = torch.bfloat16
    pre = (torch.randn(48, (2 + gated) * WIDTH, generator=generator) * 2).to(half)
    start = torch.randn(5, WIDTH, generator=generator)
    states, out = torch.zeros(48, WIDTH), torch.zeros(48, WIDTH, dtype=half)
    library.forward(2, 5, *at(offsets), WIDTH, gated, *at(pre, start, states, out))
    plain = pre.float().requires_grad_()
    expected, expected_states = kernels.Recurrence.apply(plain, start, offsets)
    torch.testing.assert_close(states, expected_states)
    torch.testing.assert_close(out.float(), expected, atol=0.01, rtol=0.01)
    grad = torch.randn(48, WIDTH, generator=generator).to(half)
    (expected_grad,) = torch.autograd.grad(expected, plain, grad.float())
    found = torch.zeros_like(pre)
    library.backward(2, 5, *at(offsets), WIDTH, gated, *at(grad, pre, start, states, found))
    torch.testing.assert_close(found.float(), expected_grad, atol=0.01, rtol=0.01)


def test_tables(library: ctypes.CDLL) -> None:
    generator = torch.Generator().manual_seed(1)
    table = torch.randn(50, WIDTH, generator=generator)
    index = torch.randint(0, 50, (33, 5), dtype=torch.int32, generator=generator)
    out = torch.zeros(33, WIDTH)
    library.sums(33, 5, WIDTH, *at(table, index, out))
    torch.testing.assert_close(out, table[index.long()].sum(1))
    grad, sums, seen = torch.randn(33, WIDTH), torch.zeros(50, WIDTH), torch.zeros(50)
    library.gradients(33, 5, WIDTH, *at(grad, index, sums, seen))
    expected = torch.zeros(50, WIDTH)
    expected.index_add_(0, index.long().reshape(-1), grad.repeat_interleave(5, 0))
    torch.testing.assert_close(sums, expected)
    assert set(seen.nonzero()[:, 0].tolist()) == set(index.reshape(-1).tolist())
    rows = kernels.Table(50, WIDTH)
    rows.add(index, grad)
    used, gathered = rows._gathered()
    torch.testing.assert_close(gathered, expected[used])
