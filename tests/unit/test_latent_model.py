"""Streams of tables with latent classes."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

import lmcodec
from lmcodec import _core, errors
from lmcodec.latent import Latents
from lmcodec.models.base import Cells, Shape
from lmcodec.models.latent import Latent
from lmcodec.models.order0 import Order0
from lmcodec.testing import check_damage, check_model
from tests.unit.test_latent import blocks


def array_file(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("columns", [1, 2, 7, 300, 1 << 24])
def test_the_contract_is_kept(columns: int) -> None:
    check_model(Latent(columns))


def test_classes_are_in_the_stream() -> None:
    table, _, _ = blocks(120, 1)
    content = array_file(table)
    stream = lmcodec.compress(content, model="latent")
    assert "latent/1" in lmcodec.info(stream).models
    assert lmcodec.decompress(stream) == content
    # 0.65 bits an entry, header and all; by counts alone it would be a bit.
    assert len(stream) < 0.75 * table.size / 8
    assert len(lmcodec.compress(content, model=Order0())) > table.size / 8


def test_code_lengths_are_those_that_were_estimated() -> None:
    for table in (blocks(150, 2)[0], np.random.RandomState(1).randint(0, 9, (90, 40))):
        latents = Latents().fit(table)
        raw = table.astype(np.uint8).tobytes()
        labels = latents.rows_.tobytes(), latents.columns_.tobytes()
        payload = _core.latent_encode(raw, *labels, latents.is_kept_, latents.step_)
        # Numbers of labels and the alphabet are not counted.
        assert 0 <= 8 * len(payload) - latents.bits_ < 64
        assert Latent(table.shape[1]).fit(raw).encode(raw) == payload


def test_nothing_is_lost_where_there_are_no_classes() -> None:
    table = np.random.RandomState(2).randint(0, 2, (200, 60)).astype(np.uint8)
    raw = table.tobytes()
    alone = _core.latent_encode(raw, bytes(200), bytes(60), False, 2)
    assert len(Latent(60).fit(raw).encode(raw)) <= len(alone)


def test_a_row_that_is_not_whole() -> None:
    table, _, _ = blocks(80, 3)
    raw = table.tobytes()[:-33]
    model = Latent(80).fit(raw)
    assert model.decode(model.encode(raw), len(raw)) == raw
    # What was fitted to other symbols says nothing of these.
    assert model.decode(model.encode(raw[:100]), 100) == raw[:100]


@given(st.binary(max_size=400), st.integers(1, 40), st.integers(0, 255))
def test_tables_come_back(raw: bytes, columns: int, mask: int) -> None:
    raw = bytes(byte & mask for byte in raw)
    model = Latent(columns).fit(raw)
    assert model.decode(model.encode(raw), len(raw)) == raw


def test_blocks_have_classes_of_their_own() -> None:
    table, _, _ = blocks(100, 4)
    content = array_file(table)
    stream = lmcodec.compress(content, model="latent", block_size=3000)
    assert lmcodec.decompress(stream) == content
    assert stream == lmcodec.compress(content, model="latent", block_size=3000, threads=2)


def test_shapes() -> None:
    assert Latent().shaped(Shape(3, 4, 2)) == Latent(24)
    assert Latent().shaped(Shape(1, 1 << 25)) == Latent()
    assert Latent().shaped(Cells(4, 7)) == Latent(4, 7)
    with pytest.raises(ValueError, match="terminator"):
        Latent(1, 257)
    for columns in (0, (1 << 24) + 1):
        with pytest.raises(ValueError, match="columns"):
            Latent(columns)
    with pytest.raises(errors.ModelError, match="codes bytes"):
        Latent().encode(np.zeros(3, np.uint16))


def cells_of(columns: list[list[str]], end: str = "\n") -> bytes:
    return "".join(cell + end for column in columns for cell in column).encode()


def people(rows: int) -> list[list[str]]:
    """Return columns: two that go together, one of few values, one that is text."""
    random = np.random.RandomState(rows)
    kinds = random.randint(0, 3, rows).tolist()
    return [
        [["red", "green", "blue"][kind] for kind in kinds],
        [["", "low", "high"][kind] if random.random_sample() < 0.9 else "other" for kind in kinds],
        [["yes", "no"][random.randint(2)] for _ in kinds],
        [f"name {random.randint(10**6)}" for _ in kinds],
    ]


@pytest.mark.parametrize("terminator", [10, 0, 256])
def test_the_contract_is_kept_by_cells(terminator: int) -> None:
    check_model(Latent(3, terminator))


def test_cells_have_classes() -> None:
    raw = cells_of(people(400))
    model = Latent().shaped(Cells(4)).fit(raw)
    payload = model.encode(raw)
    assert model.decode(payload, len(raw)) == raw
    again = Latent.from_record(model.params(), model.digests())
    assert again.decode(payload, len(raw)) == raw
    assert model.labels is not None
    assert model.labels.is_kept
    assert len(set(model.labels.rows)) == 3
    assert len(payload) < len(Latent(4, 10).encode(raw))
    check_damage(model, payload, len(raw), "cells")


def test_cells_of_columns_that_are_alike() -> None:
    table, _, _ = blocks(150, 12)
    columns = [["-" if value else "+" for value in column] for column in table.T.tolist()]
    raw = cells_of(columns)
    model = Latent(150, 10).fit(raw)
    assert model.labels is not None
    assert not model.labels.is_kept
    payload = model.encode(raw)
    assert model.decode(payload, len(raw)) == raw
    assert 8 * len(payload) < 0.7 * table.size
    check_damage(model, payload, len(raw), "cells")


def test_a_value_that_comes_often_takes_no_memory_that_is_not_there() -> None:
    # Many rows of a value that is as long as all: refused before anything is copied.
    value = b"x" * 1000
    raw = (value + b"\n") * 900
    payload = Latent(1, 10).encode(raw)
    for count in (len(raw) - 1, len(raw) + 1, 2000, 10**9):
        with pytest.raises(errors.FormatError):
            Latent(1, 10).decode(payload, count)


def test_labels_and_symbols_are_no_more_than_the_table_has() -> None:
    raw = bytes(range(9))
    payload = _core.latent_encode(raw, bytes([0, 1, 2]), bytes([0, 1, 2]), False, 2)
    assert Latent(3).decode(payload, 9) == raw
    for count, columns in [(9, 9), (9, 1), (2, 2), (8, 3)]:
        with pytest.raises(errors.CorruptError, match=r"number of (labels|symbols)"):
            Latent(columns).decode(payload, count)
    assert Latent(10).memory_bytes(100) < 1 << 18


def test_labels_may_be_any_numbers() -> None:
    raw = bytes(range(6))
    few = _core.latent_encode(raw, bytes([0, 1]), bytes([0, 0, 1]), False, 2)
    assert _core.latent_encode(raw, bytes([7, 255]), bytes([3, 3, 4]), False, 2) == few
    assert _core.latent_decode(few, 6, 3) == raw
