"""The targets for the prior: a part of ``python -m benchmarks figures``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from benchmarks import gains, matrix, messages
from benchmarks.findings import Finding, bits_per_byte, missing
from benchmarks.gains import pairs
from benchmarks.messages import (
    FIRST,
    LENGTHS,
    NETWORK,
    OWN_ALL,
    OWN_FIRST,
    SAMPLES,
    SPEED,
    Own,
    label,
    message_times,
)
from benchmarks.results import Store
from lmcodec.bench import Measurement

__all__ = ["evaluate", "measure", "message_bytes"]

_SMALL_BYTES = 200_000
_GAIN_KINDS, _GAIN_PERCENT = ("text", "code", "markup", "json"), 13
_LOSS_KINDS, _LOSS_PERCENT = ("binary", "tabular", "dna"), 0.1
_BITS = {5: (1.66, 1.92, 1.70), 9: (1.60, 1.82, 1.50)}
_BITS_FILES = ("alice29.txt", "book1", "enwik6")
_SPEED = 0.85
_MESSAGE_BYTES = (600, 1500, 4400)
# Of the network beside the contexts.
_NETWORK_BYTES = (490, 1250, 3700)
_OWN_BYTES = (430, 1200, 4000)
_FIRST_S, _LATER_S = 0.060, 0.0005
_PEAK_BYTES = 24 << 20


def measure(store: Store, *, jobs: int = 1, note: Callable[[str], None]) -> None:
    """Add the rows that the targets need and that are not there yet."""
    level_5 = matrix.choose([*_GAIN_KINDS, *_LOSS_KINDS])
    level_9 = matrix.choose(_BITS_FILES)
    for chosen, level in ((level_5, 5), (level_9, 9)):
        settings = gains.both(level)
        gains.measure(chosen, store, settings=settings, sizes=(), jobs=jobs, note=note)
    messages.measure_all(store, note=note)


def evaluate(rows: Iterable[Measurement]) -> list[Finding]:
    """Return a finding for each target."""
    known = [row for row in rows if row.ok]
    findings: list[Finding] = []
    for check in (_gain, _loss, _bits_per_byte, _speed, _messages, _own, _first, _memory):
        findings += check(known)
    return findings


def _gain(rows: Sequence[Measurement]) -> list[Finding]:
    asked = (
        f"level 5, text, code, markup and JSON up to {_SMALL_BYTES // 1000} kB: "
        f"at least {_GAIN_PERCENT} % smaller in total with the prior"
    )
    found = [
        pair
        for pair in pairs(rows, 5, None)
        if pair[0].kind in _GAIN_KINDS and pair[0].raw_bytes <= _SMALL_BYTES
    ]
    if not found:
        return missing(asked)
    plain, primed = map(_bytes, zip(*found, strict=True))
    gain = 100 * (1 - primed / plain)
    reached = f"{plain:,} to {primed:,} bytes on {len(found)} files: {gain:.1f} %"
    return [Finding(asked, reached, gain >= _GAIN_PERCENT)]


def _loss(rows: Sequence[Measurement]) -> list[Finding]:
    kinds = "binaries, tables and DNA"
    asked = f"level 5, {kinds}: at most {_LOSS_PERCENT} % larger in total with the prior"
    found = [pair for pair in pairs(rows, 5, None) if pair[0].kind in _LOSS_KINDS]
    if not found:
        return missing(asked)
    plain, primed = map(_bytes, zip(*found, strict=True))
    loss = 100 * (primed / plain - 1)
    losses = [(100 * (_bytes([b]) / _bytes([a]) - 1), a.corpus) for a, b in found]
    worst, where = max(losses)
    over = sum(each > _LOSS_PERCENT for each, _ in losses)
    return [
        Finding(
            asked,
            f"{plain:,} to {primed:,} bytes on {len(found)} files: {loss:+.2f} %",
            loss <= _LOSS_PERCENT,
        ),
        Finding(
            f"level 5, {kinds}: at most {_LOSS_PERCENT} % larger, each",
            f"at most {worst:+.2f} % ({where}); {over} are above",
            worst <= _LOSS_PERCENT,
        ),
    ]


def _bits_per_byte(rows: Sequence[Measurement]) -> list[Finding]:
    findings: list[Finding] = []
    for level, limits in _BITS.items():
        primed = {with_prior.corpus: with_prior for _, with_prior in pairs(rows, level, None)}
        for name, limit in zip(_BITS_FILES, limits, strict=True):
            findings += bits_per_byte(f"level {level}, {name}", primed.get(name), limit)
    return findings


def _speed(rows: Sequence[Measurement]) -> list[Finding]:
    name, size = SPEED
    found = {
        row.label: row
        for row in rows
        if (row.corpus, row.raw_bytes) == SPEED and row.compress_cpu_s is not None
    }
    labels = [gains.Setting(5, choice).codec.label for choice in ("none", "auto")]
    findings = []
    for way in ("compress", "decompress"):
        asked = (
            f"level 5, first {size:,} bytes of {name}, {way}: at least {_SPEED} of the speed "
            "without the prior, by CPU time"
        )
        times = [getattr(found[one], f"{way}_cpu_s") for one in labels if one in found]
        if len(times) < 2 or not all(times):
            findings += missing(asked)
            continue
        ratio = times[0] / times[1]
        reached = f"{ratio:.2f} ({times[1]:.2f} s against {times[0]:.2f} s)"
        findings.append(Finding(asked, reached, ratio >= _SPEED))
    return findings


def message_bytes(rows: Iterable[Measurement], name: str) -> list[int] | None:
    """Return the sums of a codec over all samples for each length, None where a row is missing.

    Args:
        rows: The rows.
        name: Label of the codec.
    """
    sizes = {
        (row.corpus, row.raw_bytes): _bytes([row]) for row in rows if row.ok and row.label == name
    }
    keys = [[(sample, length) for sample in SAMPLES] for length in LENGTHS]
    if not all(key in sizes for length in keys for key in length):
        return None
    return [sum(sizes[key] for key in length) for length in keys]


def _messages(rows: Sequence[Measurement]) -> list[Finding]:
    beside = _of_messages(rows, NETWORK, _NETWORK_BYTES)
    return _of_messages(rows, "general-1", _MESSAGE_BYTES) + beside


def _own(rows: Sequence[Measurement]) -> list[Finding]:
    return [
        finding for one in (OWN_ALL, OWN_FIRST) for finding in _of_messages(rows, one, _OWN_BYTES)
    ]


def _of_messages(
    rows: Sequence[Measurement], choice: str | Own, limits: Sequence[int]
) -> list[Finding]:
    sums = message_bytes(rows, f"lmcodec {label(choice)}")
    findings = []
    for at, (length, limit) in enumerate(zip(LENGTHS, limits, strict=True)):
        asked = (
            f"messages of {length} bytes, {len(SAMPLES)} files, prior "
            f"{choice if isinstance(choice, str) else choice.name}: at most {limit:,} bytes"
        )
        if sums is None:
            findings += missing(asked)
        else:
            above = 100 * (sums[at] / limit - 1)
            reached = f"{sums[at]:,} bytes ({above:+.1f} %)"
            findings.append(Finding(asked, reached, sums[at] <= limit))
    return findings


def _first(rows: Sequence[Measurement]) -> list[Finding]:
    return message_times(rows, "general-1", _FIRST_S, _LATER_S)


def _memory(rows: Sequence[Measurement]) -> list[Finding]:
    asked = f"peak memory that the prior adds: at most {_PEAK_BYTES >> 20} MiB"
    sides = [_find(rows, f"lmcodec {FIRST}, {choice}") for choice in ("none", "general-1")]
    peaks = [row.compress_peak_bytes for row in sides if row and row.compress_peak_bytes]
    if len(peaks) < 2:
        return missing(asked)
    plain, primed = (peak / (1 << 20) for peak in peaks)
    reached = f"{primed - plain:.1f} MiB ({primed:.1f} against {plain:.1f} MiB)"
    return [Finding(asked, reached, peaks[1] - peaks[0] <= _PEAK_BYTES)]


def _find(rows: Iterable[Measurement], name: str) -> Measurement | None:
    return next((row for row in rows if row.label == name), None)


def _bytes(rows: Iterable[Measurement]) -> int:
    return sum(row.coded_bytes or 0 for row in rows)
