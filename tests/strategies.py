"""Inputs that are hard on a compressor."""

from __future__ import annotations

import random
import struct

from hypothesis import strategies as st

# Block size of the tests: small, so that a few kilobytes make several blocks.
BLOCK_BYTES = 256


def random_bytes(seed: int, size: int) -> bytes:
    """Bytes that no model can make smaller."""
    return random.Random(seed).randbytes(size)


def dna(seed: int, size: int) -> bytes:
    return bytes(random.Random(seed).choices(b"ACGT", k=size))


def log_lines(seed: int, count: int) -> bytes:
    rng = random.Random(seed)
    levels = ("INFO", "INFO", "INFO", "WARN", "ERROR")
    return b"".join(
        b"2026-01-%02d 12:%02d:%02d %s request %d took %d ms\n"
        % (
            1 + number // 100 % 28,
            number // 60 % 60,
            number % 60,
            rng.choice(levels).encode(),
            1000 + number,
            rng.randrange(500),
        )
        for number in range(count)
    )


def machine_code(seed: int, count: int) -> bytes:
    """Instructions like those of a compiler; some call, jump and load, all by distances."""
    rng = random.Random(seed)
    functions = [rng.randrange(4 * count) for _ in range(20)]
    out = bytearray()
    for _ in range(count):
        kind = rng.randrange(12)
        if kind > 3:
            out += rng.choice((b"\x55", b"\x48\x89\xe5", b"\x31\xc0", b"\x5d\xc3", b"\x90"))
            continue
        out += (b"\xe8", b"\xe9", b"\x0f\x84", b"\x48\x8d\x05")[kind]
        out += (rng.choice(functions) - len(out) - 4).to_bytes(4, "little", signed=True)
    return bytes(out)


def prose(seed: int, count: int, width: int = 70, end: str = "\n") -> bytes:
    """Sentences of common words, broken into lines of a width, in paragraphs."""
    rng = random.Random(seed)
    words = "the of and another house that would never before LONDON Mary people".split()
    paragraphs = []
    while count > 0:
        lines, line, begins = [], "", True
        for _ in range(min(count, rng.randrange(5, 200))):
            word = rng.choice(words)
            word = word.capitalize() if begins and word.islower() else word
            begins = rng.random() < 0.1
            word += "." if begins else ""
            if line and len(line) + 1 + len(word) > width:
                lines.append(line)
                line = word
            else:
                line = f"{line} {word}" if line else word
            count -= 1
        paragraphs.append(end.join([*lines, line]) + end + end)
    return "".join(paragraphs).encode()


# Named inputs, for tests that are parametrized and for golden streams.
def records(seed: int, count: int) -> bytes:
    """Return records of 12 bytes: a counter, a small number, a number that wanders."""
    rng = random.Random(seed)
    value = 30_000
    rows = []
    for row in range(count):
        value += rng.randrange(-40, 41)
        rows.append(struct.pack("<IHBBI", 7 * row, rng.randrange(5), row % 7, 255, value))
    return b"".join(rows)


def spots(seed: int, count: int, rows: int, columns: int, channels: int = 1) -> bytes:
    """Return pictures with a bright spot each, in several colours, and some noise."""
    places = random_bytes(seed, 2 * count)
    noise = random_bytes(seed + 1, count * rows * columns * channels)
    pictures = bytearray()
    for at in range(count):
        row, column = places[2 * at] % rows, places[2 * at + 1] % columns
        for y in range(rows):
            for x in range(columns):
                bright = 255 * 9 // (9 + (y - row) ** 2 + (x - column) ** 2)
                for k in range(channels):
                    pictures.append(max(0, bright // (1 + k) - noise[len(pictures)] % 3))
    return bytes(pictures)


def pixels(width_bytes: int, height: int) -> bytes:
    """Return a bilevel image of rings, eight pixels a byte."""
    rows = []
    for y in range(height):
        bits = 0
        for x in range(8 * width_bytes):
            bits = bits << 1 | int((x - 90) ** 2 + (y - 50) ** 2 >> 13 & 1 == 0)
        rows.append(bits.to_bytes(width_bytes, "big"))
    return b"".join(rows)


SAMPLES: dict[str, bytes] = {
    "empty": b"",
    "one-byte": b"a",
    "zero-byte": b"\0",
    "run": b"\xff" * 1000,
    "two-runs": b"a" * 300 + b"b" * 300,
    "all-bytes": bytes(range(256)),
    "random": random_bytes(1, 600),
    "dna": dna(2, 800),
    "log": log_lines(3, 20),
    "utf-8": "Übergrößenträger — ein Wörterbuch; словарь; 辞書. ".encode() * 8,
    "block-minus-1": random_bytes(4, BLOCK_BYTES - 1),
    "block": b"ab" * (BLOCK_BYTES // 2),
    "block-plus-1": b"ab" * (BLOCK_BYTES // 2) + b"c",
    "three-blocks": log_lines(5, 16)[: 3 * BLOCK_BYTES],
}

# Long enough for adaptive models to learn something.
LONG_SAMPLES: dict[str, bytes] = {
    "long-log": log_lines(6, 1000),
    "long-dna": dna(7, 20_000),
}

hard_bytes = st.one_of(
    st.binary(max_size=64),
    st.sampled_from(sorted(SAMPLES.values())),
    st.builds(lambda byte, count: bytes([byte]) * count, st.integers(0, 255), st.integers(0, 2000)),
    st.builds(random_bytes, st.integers(0, 99), st.integers(0, 1500)),
    st.builds(dna, st.integers(0, 99), st.integers(0, 1500)),
    st.builds(log_lines, st.integers(0, 99), st.integers(0, 30)),
    st.text(max_size=200).map(str.encode),
)

# How a caller may cut content or a stream into pieces.
cuts = st.lists(st.integers(0, 700), max_size=12)


def pieces(data: bytes, lengths: list[int]) -> list[bytes]:
    """Cut data into pieces of these lengths, and the rest."""
    out = []
    for length in lengths:
        out.append(data[:length])
        data = data[length:]
    return [*out, data]
