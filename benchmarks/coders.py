"""Speed and code length of the entropy coders, beside those of the `constriction` package.

    python benchmarks/coders.py [--scale 1.0] [--file PATH]

CPU time of one thread, best of several runs. The column "reference" quotes what peers reached on
one machine that was shared, so read it as an order of magnitude; the columns measured here compare.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmcodec.coder import (
    BIT_PRECISION,
    BinaryDecoder,
    BinaryEncoder,
    RansStack,
    decode_bytes,
    encode_bytes,
    intervals,
)

try:
    import constriction
except ImportError:
    constriction = None

REPEATS = 5
ALPHABET = 256


@dataclass(frozen=True)
class Row:
    """One line of the table; speeds are millions of symbols, bits or bytes a CPU second."""

    coder: str
    encode: float
    decode: float
    bits_per_symbol: float
    asked: str = ""
    reference: str = ""

    @property
    def reached(self) -> str:
        """Say whether both speeds are at least what was asked."""
        if not self.asked:
            return ""
        encode, decode = (float(part) for part in self.asked.split(" / "))
        return "yes" if self.encode >= encode and self.decode >= decode else "no"


def seconds(work: Callable[[], object]) -> float:
    """Return the least CPU time of several runs."""
    best = math.inf
    for _ in range(REPEATS):
        begin = time.thread_time_ns()
        work()
        best = min(best, (time.thread_time_ns() - begin) / 1e9)
    return max(best, 1e-9)


def measure(
    coder: str,
    count: int,
    encode: Callable[[], bytes],
    decode: Callable[[bytes], object],
    **columns: str,
) -> Row:
    """Time one coder in both directions."""
    payload = encode()
    decode(payload)
    return Row(
        coder,
        count / seconds(encode) / 1e6,
        count / seconds(lambda: decode(payload)) / 1e6,
        8 * len(payload) / count,
        **columns,
    )


def bits(scale: float) -> list[Row]:
    """Bits with a probability each."""
    generator = np.random.default_rng(1)
    count = int(2_000_000 * scale)
    probabilities = generator.integers(1, 1 << BIT_PRECISION, count, np.uint32)
    coded = (generator.integers(0, 1 << BIT_PRECISION, count) < probabilities).astype(np.uint8)

    def encode() -> bytes:
        encoder = BinaryEncoder()
        encoder.encode_bits(coded, probabilities)
        return encoder.finish()

    rows = [
        measure(
            "bits, a probability each",
            count,
            encode,
            lambda payload: BinaryDecoder(payload).decode_bits(probabilities),
            asked="100 / 100",
        )
    ]
    if constriction is not None:
        model = constriction.stream.model.Bernoulli(perfect=False)
        floats = probabilities / (1 << BIT_PRECISION)
        symbols = coded.astype(np.int32)

        def encode_range() -> bytes:
            encoder = constriction.stream.queue.RangeEncoder()
            encoder.encode(symbols, model, floats)
            return words(encoder)

        rows.append(
            measure(
                "the same, constriction range coder",
                count,
                encode_range,
                lambda payload: range_decoder(payload).decode(model, floats),
                reference="47.9 / 41.4",
            )
        )
    return rows


def words(coder: Any) -> bytes:
    """Return what a coder of `constriction` wrote."""
    compressed: NDArray[np.uint32] = coder.get_compressed()
    return compressed.tobytes()


def range_decoder(payload: bytes) -> Any:
    """Read what `words` returned."""
    return constriction.stream.queue.RangeDecoder(np.frombuffer(payload, np.uint32))


def ans(payload: bytes) -> Any:
    """Read what `words` returned."""
    return constriction.stream.stack.AnsCoder(np.frombuffer(payload, np.uint32))


def rows_of_weights(count: int) -> tuple[NDArray[np.uint32], NDArray[np.float32]]:
    """Draw peaked rows, and a symbol from each."""
    generator = np.random.default_rng(2)
    rows = generator.standard_gamma(0.05, (count, ALPHABET)).astype(np.float32) + 1e-6
    rows /= rows.sum(axis=1, keepdims=True)
    above = generator.random((count, 1)) > rows.cumsum(axis=1)
    return above.sum(axis=1).clip(0, ALPHABET - 1).astype(np.uint32), rows


def fresh_rows(scale: float) -> list[Row]:
    """A new distribution for each symbol: what every model that learns needs."""
    count = int(20_000 * scale)
    symbols, floats = rows_of_weights(count)
    table = []
    for dtype in (np.uint16, np.uint32, np.float32, np.float64):
        integers = np.floor(floats * np.float32(60_000)).astype(dtype)
        rows = floats.astype(dtype) if np.dtype(dtype).kind == "f" else integers

        def encode(rows: NDArray[Any] = rows) -> bytes:
            stack = RansStack(4)
            stack.push(symbols, rows)
            return stack.to_bytes()

        def decode(payload: bytes, rows: NDArray[Any] = rows) -> object:
            return RansStack.from_bytes(payload, 4).pop(rows)

        name = f"a row of 256 {np.dtype(dtype).name} for each symbol"
        asked = "" if dtype is np.float64 else "10 / 10"
        table.append(measure(name, count, encode, decode, asked=asked))
    if constriction is not None:
        model = constriction.stream.model.Categorical(perfect=False)
        signed = symbols.astype(np.int32)

        def encode_ans() -> bytes:
            coder = constriction.stream.stack.AnsCoder()
            coder.encode_reverse(signed, model, floats)
            return words(coder)

        table.append(
            measure(
                "the same (float32), constriction ANS",
                count,
                encode_ans,
                lambda payload: ans(payload).decode(model, floats),
                reference="2.4 / 4.3",
            )
        )
    return table


def known_intervals(scale: float) -> list[Row]:
    """Intervals that were computed before: the coder alone."""
    count = int(1_000_000 * scale)
    symbols, rows = rows_of_weights(1000)
    starts, freqs = (np.resize(part, count) for part in intervals(symbols, rows))
    table = []
    for lanes in (1, 4, 8):

        def encode(lanes: int = lanes) -> bytes:
            stack = RansStack(lanes)
            stack.push_intervals(starts, freqs)
            return stack.to_bytes()

        payload = encode()
        speed = count / seconds(encode) / 1e6
        bits_per_symbol = 8 * len(payload) / count
        table.append(Row(f"push of intervals, {lanes} lanes", speed, math.nan, bits_per_symbol))
    return table


def static_bytes(scale: float, path: Path | None) -> list[Row]:
    """Bytes under static tables; speeds are MB/s."""
    generator = np.random.default_rng(3)
    weights = np.arange(1, 257.0) ** -1.2
    count = int(8_000_000 * scale)
    zipf = generator.choice(256, count, p=weights / weights.sum()).astype(np.uint8)
    inputs = {"Zipf(1.2)": (zipf.tobytes(), "441 / 1138")}
    if path is not None:
        inputs[path.name] = (path.read_bytes(), "986 / 2095 on book1")
    table = []
    for name, (data, reference) in inputs.items():

        def encode(data: bytes = data) -> bytes:
            return encode_bytes(data)

        def decode(payload: bytes, count: int = len(data)) -> bytes:
            return decode_bytes(payload, count)

        name = f"static bytes, {name}"
        columns = {"asked": "500 / 1000", "reference": reference}
        table.append(measure(name, len(data), encode, decode, **columns))
    return table + static_rival(zipf)


def static_rival(symbols: NDArray[np.uint8]) -> list[Row]:
    """The same bytes under one categorical model of `constriction`."""
    if constriction is None:
        return []
    counts = np.bincount(symbols, minlength=256).astype(np.float64)
    model = constriction.stream.model.Categorical(counts, perfect=False)
    signed = symbols.astype(np.int32)

    def encode() -> bytes:
        coder = constriction.stream.stack.AnsCoder()
        coder.encode_reverse(signed, model)
        return words(coder)

    return [
        measure(
            "the same, constriction ANS",
            len(symbols),
            encode,
            lambda payload: ans(payload).decode(model, len(symbols)),
            reference="196 / 41",
        )
    ]


def excess(scale: float) -> list[str]:
    """Return lines on the code length by precision: coder alone, and with quantization."""
    count = int(100_000 * scale)
    symbols, rows = rows_of_weights(count)
    ideal = -np.log2(rows[np.arange(count), symbols].astype(np.float64)).sum()
    lines = ["| precision | coder alone | with quantization |", "|---|---|---|"]
    for precision in (12, 16, 20, 24, 28):
        _, freqs = intervals(symbols, rows, precision)
        quantized = (precision - np.log2(freqs)).sum()
        stack = RansStack()
        stack.push(symbols, rows, precision)
        coded = 8 * len(stack.to_bytes()) - 31
        lines.append(f"| {precision} | {coded / quantized - 1:.1e} | {coded / ideal - 1:.1e} |")
    return lines


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0, help="factor on all sizes")
    parser.add_argument("--file", type=Path, help="a file for the static coder")
    arguments = parser.parse_args()
    print("Millions of symbols, bits or bytes a CPU second, encode / decode\n")
    print("| coder | encode | decode | bits | asked | reached | reference |")
    print("|---|---|---|---|---|---|---|")
    for table in (bits, fresh_rows, known_intervals):
        for row in table(arguments.scale):
            print_row(row)
    for row in static_bytes(arguments.scale, arguments.file):
        print_row(row)
    print("\nExcess over the code length, alphabet 256\n")
    print("\n".join(excess(arguments.scale)))


def print_row(row: Row) -> None:
    """Print one line of the table."""
    decode = "" if math.isnan(row.decode) else f"{row.decode:.1f}"
    print(
        f"| {row.coder} | {row.encode:.1f} | {decode} | {row.bits_per_symbol:.4f} "
        f"| {row.asked} | {row.reached} | {row.reference} |"
    )


if __name__ == "__main__":
    main()
