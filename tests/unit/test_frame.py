from __future__ import annotations

import threading
import time

import pytest

import lmcodec
from lmcodec.errors import CorruptError
from lmcodec.frame import Feed, decode_frames
from lmcodec.progress import Meter
from lmcodec.workers import Workers
from tests.strategies import random_bytes

CONTENT = random_bytes(9, 1000)
STREAM = lmcodec.compress(CONTENT, model="stored", block_size=100)


def test_workers_keep_the_order() -> None:
    workers = Workers(3)
    out: list[bytes] = []
    for number in range(20):

        def call(_: Meter, number: int = number) -> bytes:
            time.sleep(0.001 * (number % 3))
            return bytes([number])

        out += workers.submit(call, 5)
    out += workers.drain()
    workers.close()
    assert b"".join(out) == bytes(range(20))
    assert workers.done == 100


def test_workers_hold_a_bounded_number_of_calls() -> None:
    workers = Workers(2)
    started: list[int] = []
    gate = threading.Event()

    def call(number: int) -> bytes:
        started.append(number)
        gate.wait(10)
        return b""

    for number in range(3):
        assert workers.submit(lambda _, number=number: call(number), 1) == []  # type: ignore[misc]
    assert len(started) <= 2
    gate.set()
    assert workers.submit(lambda _: b"", 1) == [b""]
    workers.close()


def test_one_worker_starts_no_thread() -> None:
    before = threading.active_count()
    workers = Workers()
    assert workers.submit(lambda _: b"x", 1) == [b"x"]
    assert list(workers.drain()) == []
    assert threading.active_count() == before


def test_errors_of_workers_come_in_order() -> None:
    damaged = bytearray(STREAM)
    damaged[lmcodec.info(STREAM).blocks[5].offset + 60] ^= 1
    for threads in (1, 4):
        parts = []
        with pytest.raises(CorruptError):  # noqa: PT012
            for part in decode_frames(Feed(damaged), workers=Workers(threads)):
                parts.append(part)
        assert b"".join(parts) == CONTENT[:500][: 100 * len(parts)]
        assert len(parts) == 5
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lmcodec")]


@pytest.mark.parametrize("size", [1, 3, 1000, 1 << 20])
def test_feed_reads_what_it_needs(size: int) -> None:
    rest = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    asked: list[int] = []

    def read(wanted: int) -> bytes:
        asked.append(wanted)
        return rest.pop(0) if rest else b""

    assert b"".join(decode_frames(Feed(read=read))) == CONTENT
    assert max(asked) <= 1 << 24


def test_feed_does_not_believe_claims() -> None:
    asked: list[int] = []
    header = b"\xb5LMa" + (1 << 60).to_bytes(8, "little")
    feed = Feed(header, lambda size: asked.append(size) or b"")  # type: ignore[func-returns-value]
    with pytest.raises(EOFError):
        feed.take(1 << 60, "payload")
    assert max(asked) <= 1 << 24


def test_threads_end_when_reading_stops_early() -> None:
    content = decode_frames(Feed(STREAM), workers=Workers(3))
    assert next(content) == CONTENT[:100]
    content.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lmcodec")]
