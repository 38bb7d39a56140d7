"""Latent classes: found where they are, refused where not, the same with and without numba."""

from __future__ import annotations

import itertools
import math
import sys
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lmcodec.latent import Latents, counting, row_latents
from lmcodec.latent.blocks import Classes, View, measured, merged, refined
from lmcodec.latent.estimator import Progress
from lmcodec.latent.length import STEPS, counted_bits, label_bits, log2_gamma

SHARES = np.array([[0.05, 0.5, 0.95], [0.9, 0.1, 0.5], [0.5, 0.9, 0.1]])


def blocks(size: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[Any], NDArray[Any]]:
    random = np.random.default_rng(seed)
    rows, columns = random.integers(0, 3, size), random.integers(0, 3, size)
    table = random.random((size, size)) < SHARES[rows[:, None], columns[None]]
    return table.astype(np.uint8), rows, columns


def same_classes(found: NDArray[np.uint8], true: NDArray[Any]) -> float:
    """Return the share of labels that are right, under the best names for classes."""
    names = itertools.permutations(range(3))
    return max(float(np.mean(np.array(order)[found] == true)) for order in names)


def test_logarithms_of_the_gamma_function() -> None:
    values = np.array([0.02, 0.5, 1.0, 2.0, 3.5, 170.0, 1e6])
    expected = [math.lgamma(value) / math.log(2) for value in values]
    np.testing.assert_allclose(log2_gamma(values), expected, rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("step", STEPS)
def test_code_lengths_are_those_of_counting(step: int) -> None:
    symbols = np.random.RandomState(step).randint(0, 5, 200) // 2
    counts, bits = np.zeros(3), 0.0
    for symbol in symbols:
        bits -= math.log2((1 + step * counts[symbol]) / (3 + step * counts.sum()))
        counts[symbol] += 1
    found = counted_bits(np.bincount(symbols, minlength=3)[None], np.zeros(1, np.int64), step)
    assert found[0] == pytest.approx(bits, abs=1e-6)
    assert label_bits(np.zeros(50, np.uint8)) == 0


@pytest.mark.parametrize("seed", range(3))
def test_classes_of_blocks_are_found(seed: int) -> None:
    table, rows, columns = blocks(200, seed)
    latents = Latents().fit(table)
    assert (latents.k_, latents.l_, latents.is_kept_) == (3, 3, False)
    assert same_classes(latents.rows_, rows) > 0.99
    assert same_classes(latents.columns_, columns) > 0.99
    view = View(table.astype(np.int32), np.full(1, 2, np.int64), False, latents.step_)
    given = measured(view, Classes(rows.astype(np.uint8), columns.astype(np.uint8)))
    assert latents.bits_ <= given.bits + 1
    assert latents.code_length().total == pytest.approx(latents.bits_)


def test_blocks_that_differ_in_shape_alone_are_found() -> None:
    # Both classes have the same mean, so that one map of symbols to numbers would not see them.
    random = np.random.default_rng(1)
    rows = random.integers(0, 2, 300)
    wide = random.choice([0, 3], (300, 40))
    narrow = random.choice([1, 2], (300, 40))
    table = np.where(rows[:, None] == 0, wide, narrow).astype(np.uint16)
    latents = Latents().fit(table)
    assert latents.k_ == 2
    assert np.array_equal(latents.rows_ != latents.rows_[0], rows != rows[0])


def test_columns_that_are_unlike_keep_their_counts() -> None:
    random = np.random.default_rng(2)
    rows = random.integers(0, 2, 800)
    # Each column has symbols of its own.
    table = 10 * np.arange(12) + np.where(
        random.random((800, 12)) < 0.9, rows[:, None], 2 + random.integers(0, 3, (800, 12))
    )
    latents = Latents().fit(table)
    assert latents.is_kept_
    assert latents.k_ == 2
    found = row_latents(table)
    assert np.mean((found == found[0]) == (rows == rows[0])) > 0.99


@pytest.mark.parametrize("columns", ["auto", "alike", "unlike"])
@pytest.mark.parametrize("shape", [(0, 3), (1, 5), (3, 0), (2, 2), (40, 1), (1, 1), (60, 30)])
def test_noise_has_one_class(columns: str, shape: tuple[int, int]) -> None:
    table = np.random.RandomState(3).randint(0, 4, shape).astype(np.uint8)
    latents = Latents(columns).fit(table)
    assert latents.k_ * latents.l_ == 1
    assert latents.rows_.shape == shape[:1]
    assert latents.columns_.shape == shape[1:]


def test_one_class_is_always_tried() -> None:
    table, _, _ = blocks(60, 4)
    seen: list[Progress] = []
    latents = Latents(seed=5).fit(table, progress=seen.append)
    alone = [one for one in seen if (one.k, one.cols) == (1, 1)]
    assert {one.is_kept for one in alone} == {False, True}
    assert latents.bits_ <= min(one.bits for one in seen) + 1e-6
    again = Latents(seed=5).fit(table)
    assert np.array_equal(again.rows_, latents.rows_)
    assert again.bits_ == latents.bits_


def test_refinement_repairs_a_bad_start() -> None:
    table, rows, columns = blocks(150, 6)
    random = np.random.default_rng(0)
    wrong = np.where(random.random(150) < 0.3, random.integers(0, 3, 150), rows)
    view = View(table.astype(np.int32), np.full(1, 2, np.int64), False, 2)
    start = Classes(wrong.astype(np.uint8), columns.astype(np.uint8))
    found = refined(view, start, 10)
    assert same_classes(found.rows, rows) > 0.97
    assert found.bits < measured(view, start).bits


def test_classes_that_are_the_same_are_merged() -> None:
    table, rows, columns = blocks(120, 7)
    view = View(table.astype(np.int32), np.full(1, 2, np.int64), False, 2)
    halves = (rows + 3 * (np.arange(120) % 2)).astype(np.uint8)
    found = merged(view, measured(view, Classes(halves, columns.astype(np.uint8))))
    assert (found.k, found.cols) == (3, 3)
    assert same_classes(found.rows, rows) == 1


def test_large_tables_are_counted_by_compiled_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    random = np.random.RandomState(8)
    ids = random.randint(0, 4, (500, 30)).astype(np.int32)
    labels = random.randint(0, 3, 500).astype(np.uint8)
    starts = np.arange(30, dtype=np.int64) % 2 * 4
    weights = random.random_sample((3, 8)).astype(np.float32)
    plain = counting.count(ids, labels, 3, starts, 8), counting.costs(ids, starts, weights)
    monkeypatch.setattr(counting, "_LARGE", 0)
    assert np.array_equal(counting.count(ids, labels, 3, starts, 8), plain[0])
    np.testing.assert_allclose(counting.costs(ids, starts, weights), plain[1], rtol=1e-5)


def test_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lmcodec.latent.kernels", None)
    counting._compiled.cache_clear()
    monkeypatch.setattr(counting, "_LARGE", 0)
    table, rows, _ = blocks(100, 9)
    try:
        assert same_classes(Latents("alike").fit(table).rows_, rows) > 0.95
    finally:
        counting._compiled.cache_clear()


def test_of_a_table_that_is_too_large_some_rows_are_the_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lmcodec.latent.estimator._ROOM", 60 * 200)
    table, rows, _ = blocks(200, 10)
    assert same_classes(Latents("alike").fit(table).rows_, rows) > 0.99


def test_wrong_arguments_are_refused() -> None:
    for wrong in ({"columns": "some"}, {"candidates": (0,)}, {"restarts": 0}, {"sweeps": -1}):
        with pytest.raises(ValueError, match="must be"):
            Latents(**wrong)
    with pytest.raises(ValueError, match="two axes"):
        Latents().fit(np.zeros(3, np.uint8))
    with pytest.raises(TypeError, match="integers"):
        Latents().fit(np.zeros((2, 2)))
