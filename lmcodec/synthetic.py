"""Corpora made by seed: endless byte streams that are the same on every machine.

Every choice is drawn from SHAKE-256 of the seed and decided in integers, so neither a library's
random generator nor floating point can change a corpus; its digest stands in the registry.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Iterator

__all__ = ["GENERATORS"]

_CHUNK_BYTES = 1 << 16

_COMPLEMENT = bytes.maketrans(b"ACGT", b"TGCA")
_HOSTS = ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel")
_LEVELS = ("INFO", "INFO", "INFO", "INFO", "DEBUG", "DEBUG", "WARN", "ERROR")
_TEMPLATES = (
    "connection from 10.{a}.{b}.{c} port {port} accepted",
    "connection from 10.{a}.{b}.{c} closed after {ms} ms",
    "block blk_{big} stored, {bytes} bytes in {ms} ms",
    "request id={hex} method=GET path=/item/{c} status=200 bytes={bytes}",
    "request id={hex} method=POST path=/cart/{b} status=500 bytes={bytes}",
    "worker {a} picked job {port} from queue {b}",
)
_CITIES = ("Berlin", "Lagos", "Lima", "Osaka", "Quito", "Turin")


class _Draw:
    """Integers drawn from SHAKE-256 of a seed and a running block number."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._block = 0
        self._words: Iterator[int] = iter(())

    def bytes(self) -> bytes:
        """Return the next block of pseudo-random bytes."""
        self._block += 1
        return hashlib.shake_256(f"{self._seed}:{self._block}".encode()).digest(_CHUNK_BYTES)

    def below(self, limit: int) -> int:
        """Return an integer in ``[0, limit)``; ``limit`` is far below 2**32, so the bias is nil."""
        for word in self._words:
            return word % limit
        block = self.bytes()
        self._words = iter(struct.unpack(f"<{len(block) // 4}I", block))
        return next(self._words) % limit


def zeros(seed: int) -> Iterator[bytes]:
    """Yield zero bytes: the best case of every codec."""
    del seed
    while True:
        yield bytes(_CHUNK_BYTES)


def noise(seed: int) -> Iterator[bytes]:
    """Yield incompressible bytes: the worst case of every codec."""
    draw = _Draw(seed)
    while True:
        yield draw.bytes()


def periodic(seed: int) -> Iterator[bytes]:
    """Yield one random block of 1009 bytes again and again."""
    block = _Draw(seed).bytes()[:1009]
    while True:
        yield block * 64


def markov(seed: int) -> Iterator[bytes]:
    """Yield an order-1 Markov chain on 256 letters.

    From each letter eight others follow with probabilities 1/2, 1/4, ..., 1/128, 1/128, so the
    entropy is 127/64 = 1.984375 bits per byte: a model's distance from it can be read off.
    """
    draw = _Draw(seed)
    # An odd step modulo 256 makes the eight letters distinct.
    follow = []
    for _ in range(256):
        first, step = draw.below(256), draw.below(256) | 1
        follow.append(bytes((first + step * i) % 256 for i in range(8)))
    # Position of the lowest set bit, seven or more all count as seven.
    rank = bytes(min(7, (value & -value).bit_length() - 1) if value else 7 for value in range(256))
    letter = 0
    while True:
        out = bytearray()
        for value in draw.bytes():
            letter = follow[letter][rank[value]]
            out.append(letter)
        yield bytes(out)


def dna(seed: int) -> Iterator[bytes]:
    """Yield bases in lines of 60, a third of them from mutated, half of those reversed, repeats."""
    draw = _Draw(seed)
    letters = bytes.maketrans(bytes(range(256)), b"ACGT" * 64)
    past = draw.bytes().translate(letters)
    line = past
    while True:
        span = 200 + draw.below(3000)
        if draw.below(3):
            piece = draw.bytes()[:span].translate(letters)
        else:
            start = draw.below(len(past) - span)
            copy = bytearray(past[start : start + span])
            for _ in range(span // 50):
                copy[draw.below(span)] = b"ACGT"[draw.below(4)]
            piece = bytes(copy)
            if draw.below(2):
                piece = piece.translate(_COMPLEMENT)[::-1]
        # Repeats reach back one million bases; the bound keeps the memory constant.
        past = (past + piece)[-1_000_000:]
        line += piece
        whole = len(line) // 60 * 60
        yield b"".join(line[at : at + 60] + b"\n" for at in range(0, whole, 60))
        line = line[whole:]


def log(seed: int) -> Iterator[bytes]:
    """Yield lines of a service log: time stamps, levels, hosts and six message templates."""
    draw = _Draw(seed)
    clock_ms = 0
    while True:
        lines = []
        for _ in range(256):
            clock_ms += draw.below(700)
            seconds, ms = divmod(clock_ms, 1000)
            minutes, second = divmod(seconds, 60)
            hours, minute = divmod(minutes, 60)
            day, hour = divmod(hours, 24)
            message = _TEMPLATES[draw.below(len(_TEMPLATES))].format(
                a=draw.below(4),
                b=draw.below(16),
                c=draw.below(256),
                port=1024 + draw.below(60000),
                ms=draw.below(500),
                big=10**15 + draw.below(1 << 31),
                bytes=draw.below(1 << 20),
                hex=f"{draw.below(1 << 32):08x}",
            )
            level = _LEVELS[draw.below(len(_LEVELS))]
            host = _HOSTS[draw.below(len(_HOSTS))]
            lines.append(
                f"2026-01-{day % 28 + 1:02d} {hour:02d}:{minute:02d}:{second:02d},{ms:03d} "
                f"{level:5} {host} {message}\n"
            )
        yield "".join(lines).encode()


def json_lines(seed: int) -> Iterator[bytes]:
    """Yield JSON records, one on each line, some with a missing key and a nested list."""
    draw = _Draw(seed)
    number = 0
    while True:
        lines = []
        for _ in range(256):
            number += 1 + draw.below(3)
            record: dict[str, object] = {
                "id": number,
                "user": f"u{draw.below(5000)}",
                "city": _CITIES[draw.below(len(_CITIES))],
                "active": bool(draw.below(4)),
                "balance": f"{draw.below(10000)}.{draw.below(100):02d}",
                "tags": [_HOSTS[draw.below(8)] for _ in range(draw.below(4))],
            }
            if not draw.below(8):
                del record["city"]
            lines.append(json.dumps(record) + "\n")
        yield "".join(lines).encode()


GENERATORS: dict[str, Callable[[int], Iterator[bytes]]] = {
    "dna": dna,
    "json": json_lines,
    "log": log,
    "markov": markov,
    "noise": noise,
    "periodic": periodic,
    "zeros": zeros,
}
"""Generator id -> function of the seed."""
