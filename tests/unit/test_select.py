from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from lmcodec.block import Plan, encode_block
from lmcodec.models.base import Cells, Model
from lmcodec.models.cm import Cm
from lmcodec.models.order0 import Order0
from lmcodec.prior import Prior, default
from lmcodec.select import (
    Chosen,
    _at_end,
    _sample,
    _sample_lines,
    _shaped_sample,
    candidates,
    choose,
    prime,
    shortest,
)
from lmcodec.transforms.table import Table
from tests.priors import ENGLISH, OWN
from tests.strategies import prose, random_bytes


@dataclass(frozen=True)
class Sized(Model):
    """Codes to as many bytes as it is told, and notes what it was given."""

    size: int
    seen: Any = None

    def encode(self, symbols: Any) -> bytes:
        if self.seen is not None:
            self.seen.append(len(symbols))
        return bytes(self.size)

    def decode(self, payload: bytes, count: int) -> Any:
        raise NotImplementedError


@pytest.mark.parametrize("level", range(1, 10))
def test_every_level_has_candidates_for_bytes_only(level: int) -> None:
    assert candidates(level)
    assert all(model.width == 1 for model in candidates(level))
    assert candidates(level, width=4) == []


def test_the_shortest_code_wins() -> None:
    models = [Sized(5), Sized(3), Sized(4)]
    assert choose(b"anything", models) == Chosen(models[1], bytes(3))
    # The first guess wins a tie.
    assert choose(b"anything", [models[0], Sized(5)]).model is models[0]


def test_one_candidate_is_not_tried() -> None:
    seen: list[int] = []
    model = Sized(1, seen)
    assert choose(b"anything", [model]) == Chosen(model)
    assert seen == []
    assert choose(b"anything", []) == Chosen()


def test_short_streams_are_tried_whole_and_long_ones_on_a_sample() -> None:
    seen: list[int] = []
    assert choose(bytes(1000), [Sized(1, seen), Sized(2)]).payload == bytes(1)
    assert choose(bytes(10_000_000), [Sized(1, seen), Sized(2)]).payload is None
    assert seen == [1000, 3 << 16]


def test_samples_cover_the_stream() -> None:
    symbols = bytes(1 << 20) + b"x" * (1 << 20)
    sample = _sample(symbols)
    assert isinstance(sample, bytes)
    assert (sample[0], sample[-1]) == (0, ord("x"))
    wide = np.arange(1 << 20, dtype=np.uint32)
    part = np.asarray(_sample(wide))
    assert (part[0], part[-1], part.itemsize) == (0, (1 << 20) - 1, 4)


def test_choice_is_the_best_for_real_models() -> None:
    models = [Order0(1), Order0(32), Order0(1000)]
    for content in (b"ab" * 200, bytes(range(256)) * 3):
        best = min(len(model.encode(content)) for model in models)
        chosen = choose(content, models)
        assert chosen.model is not None
        assert chosen.payload == chosen.model.encode(content)
        assert len(chosen.payload) == best


@dataclass(frozen=True)
class Primable(Sized):
    """Has another size with a prior, and another when it is quick."""

    with_prior: int = 0
    name: bytes = b""

    def can_be_primed(self) -> bool:
        return True

    def primed(self, prior: Prior) -> Primable:
        return replace(self, size=self.with_prior, name=prior.digest)

    def quick(self) -> Primable:
        return replace(self, size=self.size + 1000)

    def digests(self) -> tuple[bytes, ...]:
        return (self.name,) if self.name else ()


def test_a_prior_that_is_asked_for_is_taken() -> None:
    model = Primable(5, with_prior=1000)
    assert prime(model, b"anything", OWN).digests() == (OWN.digest,)
    assert prime(model, b"anything", None) is model
    assert prime(Order0(), b"anything", OWN) == Order0()


@pytest.mark.parametrize(("gain", "taken"), [(32, False), (33, False), (34, True)])
def test_a_prior_must_gain_more_than_its_name_takes(gain: int, taken: bool) -> None:
    model = Primable(100, with_prior=100 - gain)
    assert bool(prime(model, b"anything", "auto").digests()) == taken


def test_samples_of_content_are_whole_lines() -> None:
    lines = [b"%d,%d\n" % (number, number * number) for number in range(60_000)]
    sample = _sample_lines(b"".join(lines), 24, 1 << 10)
    found = sample.splitlines(keepends=True)
    assert found[0] == lines[0]
    assert found[-1] == lines[-1]
    assert set(found) <= set(lines)
    assert len(set(found)) == len(found)
    assert 24 << 10 <= len(sample) < 25 << 10
    assert _sample_lines(b"no end of line" * 9, 3, 10) == b"no end of line" * 9
    assert _sample_lines(b"short\n", 24, 1 << 10) == b"short\n"


def _rows(count: int, noise: int) -> bytes:
    """Return rows whose third column follows from the second, with so many random digits behind."""
    seconds, digits = random_bytes(2, count), random_bytes(1, count * noise).hex().encode()
    rows = [
        b"%d,%d,%d%s\n" % (at, number, number * 37, digits[2 * at * noise : 2 * (at + 1) * noise])
        for at, number in enumerate(seconds)
    ]
    return b"".join(rows)


def test_of_short_tables_both_codes_tell_what_pays() -> None:
    # Shorter than the first sample, sure, not sure, and too long to be coded both ways.
    for rows, noise, pays in [
        (5000, 0, None),
        (15_000, 0, True),
        (2200, 50, None),
        (4000, 50, True),
    ]:
        raw = _rows(rows, noise)
        suited = Table.probe(raw)
        assert suited is not None
        assert shortest(suited, raw, 5)[1] is pays
    taken = set()
    for raw in (_rows(300, 0), _rows(300, 50), b"a,b\n" + b"1,2\n" * 9):
        found = encode_block(raw, 0, Plan(5))
        ways = [encode_block(raw, 0, Plan(5, split=split)) for split in (Table, "raw")]
        assert found == min(ways, key=len)
        taken.add(ways.index(found))
    assert taken == {0, 1}


@dataclass(frozen=True)
class Growing(Sized):
    """Takes some bytes more for each thousand symbols."""

    more: int = 0

    def encode(self, symbols: Any) -> bytes:
        return super().encode(symbols) + bytes(self.more * len(symbols) // 1000)


@pytest.mark.parametrize(
    ("first", "more", "rows", "parts", "best"),
    [
        # Shorter from the start.
        (0, 47, 1_000_000, [4], 0),
        # Shorter in the end, as half of the first sample and all of it tell.
        (2000, 40, 1_000_000, [4, 8], 0),
        # Not by much, so that all of the cells tell.
        (2000, 49, 1_000_000, [4, 8, 1, 0], 0),
        # Falling behind: not all need be coded to see.
        (0, 51, 1_000_000, [4, 8, 1], 1),
        # Not much longer than the sample, and no longer than it.
        (2000, 40, 190_000, [4, 0], 0),
        (1000, 40, 90_000, [0], 0),
    ],
)
def test_what_cells_take_in_the_end_is_foreseen(
    first: int, more: int, rows: int, parts: list[int], best: int
) -> None:
    seen: list[int] = []
    cells = b"1\n" * rows
    models = [Growing(first, seen, more), Growing(0, None, 50)]
    chosen = choose(cells, models, Cells(1, ord("\n")))
    assert chosen.model is models[best]
    assert len(seen) == len(parts)
    for length, part in zip(seen, parts, strict=True):
        about = min(len(cells), 3 * 65536 // part) if part else len(cells)
        assert abs(length - about) < 100
    assert (chosen.payload is not None) == (parts[-1] == 0)


def test_samples_of_cells_are_whole_rows() -> None:
    columns = [[b"%d;" % (row * step) for row in range(50_000)] for step in (1, 7, 1001)]
    cells = b"".join(map(b"".join, columns))
    sample = _shaped_sample(cells, Cells(3, ord(";")))
    assert isinstance(sample, bytes)
    parts = sample.split(b";")
    rows = len(parts) // 3
    first, second, third = (parts[at : at + rows] for at in (0, rows, 2 * rows))
    assert [int(cell) * 7 for cell in first] == list(map(int, second))
    assert [int(cell) * 1001 for cell in first] == list(map(int, third))
    assert (first[0], first[-1]) == (b"0", b"49999")
    assert 180_000 < len(sample) <= 3 << 16
    assert _shaped_sample(b"1;2;3;", Cells(3, ord(";"))) == b"1;2;3;"


def test_long_streams_are_tried_by_a_quick_model_on_a_sample() -> None:
    seen: list[int] = []
    for size in (1 << 15, (1 << 15) + 1, 1 << 20):
        chosen = prime(Primable(100, seen, with_prior=10), bytes(size), "auto")
        # It is not the quick one that codes.
        assert chosen == Primable(10, seen, with_prior=10, name=default().digest)
    assert seen == [1 << 15] * 6


@dataclass(frozen=True)
class Fading(Primable):
    """Codes to a tenth, but for what a prior saves of so many symbols."""

    saved: Any = None

    def encode(self, symbols: Any) -> bytes:
        self.seen.append(len(symbols))
        kept = self.saved[len(symbols)] if self.name else 0
        return bytes(len(symbols) // 10 - kept)


@pytest.mark.parametrize(
    ("count", "saved", "seen", "taken"),
    [
        # As text does it.
        (1 << 23, [1000], [15], True),
        (1 << 23, [300, 500, 2000], [15, 16, 17], True),
        # The first sample had little text in it.
        (1 << 23, [300, 830], [15, 16], True),
        (1 << 23, [300, 810, 800], [15, 16, 17], False),
        # Lost again, or nearly so.
        (1 << 23, [300, 310, 300], [15, 16, 17], False),
        (1 << 23, [300, 500, 540], [15, 16, 17], False),
        (1 << 23, [300, 400, 500], [15, 16, 17], True),
        (1 << 23, [100, 110, 120], [15, 16, 17], False),
        # Too short for larger samples, or for the largest one.
        ((1 << 21) - 1, [300], [15], True),
        (1 << 21, [300, 290], [15, 16], False),
        (1 << 21, [300, 390], [15, 16], True),
    ],
)
def test_what_a_prior_saves_must_last(
    count: int, saved: list[int], seen: list[int], taken: bool
) -> None:
    sizes = {1 << 15 + at: one + 33 for at, one in enumerate(saved)}
    model = Fading(0, [], saved=sizes)
    assert bool(prime(model, bytes(count), "auto").digests()) == taken
    assert model.seen == [1 << shift for shift in seen for _ in range(2)]


def test_the_difference_at_the_end_is_extrapolated() -> None:
    # What is lost doubles with the length, the last step in part.
    assert _at_end([-30, -20], 100, 400) == -20 + 20 + 40
    assert _at_end([-30, -20], 100, 500) == -20 + 20 + 40 + 80 / 4
    # What is gained shrinks as fast as it did.
    assert _at_end([-30, -60, -70], 100, 400) == -70 + 10 + 30
    assert _at_end([-30, -60, -100], 100, 400) == -100 - 40 - 40


def test_models_that_know_no_prior_are_not_tried() -> None:
    seen: list[int] = []
    model = Sized(5, seen)
    assert prime(model, b"anything", "auto") is model
    assert seen == []


@pytest.mark.parametrize("level", [3, 7])
def test_english_starts_from_a_prior_and_noise_does_not(level: int) -> None:
    model = Cm(level)
    assert prime(model, ENGLISH, "auto") == model.primed(default())
    assert prime(model, ENGLISH * 100 + prose(1, 9000), "auto").digests() == (default().digest,)
    for other in (b"", b"a", random_bytes(1, 2000), bytes(3000)):
        assert prime(model, other, "auto") is model
