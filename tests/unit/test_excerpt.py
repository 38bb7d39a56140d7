"""The text that is chosen from samples."""

from __future__ import annotations

import random

import pytest

from lmcodec.excerpt import choose
from tests.strategies import log_lines

RECORDS = log_lines(3, 400).splitlines(keepends=True)


def test_all_samples_in_their_order_where_there_is_room() -> None:
    assert choose(RECORDS, 1 << 20) == b"".join(RECORDS)
    assert choose([b"one", b"two\n", b"", b"three"], 100) == b"one\ntwo\nthree\n"
    # Without ends of lines, where these find no room.
    assert choose([b"one", b"two"], 7) == b"onetwo"
    assert choose([], 100) == choose([b""], 100) == b""


@pytest.mark.parametrize("size", [0, 1, 20, 64, 1000, 8000])
def test_whole_samples_up_to_the_size(size: int) -> None:
    text = choose(RECORDS, size)
    assert len(text) <= size
    lines = text.splitlines(keepends=True)
    assert set(lines) <= set(RECORDS)
    assert len(text) > size - 2 * max(map(len, RECORDS)) or not text
    assert choose(RECORDS, size) == text


def test_what_many_samples_have_is_chosen_and_stands_last() -> None:
    rng = random.Random(1)
    common = [b"the door of room %d was opened\n" % i for i in range(50)]
    odd = [bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz", k=30)) + b"\n" for _ in range(50)]
    text = choose([line for pair in zip(odd, common, strict=True) for line in pair], 600)
    assert set(text.splitlines(keepends=True)) <= set(common)
    text = choose([*common, *common, *odd], sum(map(len, common)) + 300)
    assert text.splitlines(keepends=True)[-1] in common


def test_of_long_samples_there_are_parts() -> None:
    long = [b"".join(RECORDS[at::2]) for at in range(2)]
    text = choose(long, 4000)
    assert 2000 < len(text) <= 4000
    assert set(text.splitlines(keepends=True)) <= set(RECORDS)
    endless = b"0123456789" * 1000
    assert 1000 < len(choose([endless], 3000)) <= 3000


def test_of_many_samples_some_are_looked_at() -> None:
    samples = [b"%06d is the number of this one\n" % i for i in range(5000)]
    text = choose(samples, 500)
    numbers = [int(line.split()[0]) for line in text.splitlines()]
    assert len(numbers) == 500 // len(samples[0])
    assert max(numbers) - min(numbers) > 1000
