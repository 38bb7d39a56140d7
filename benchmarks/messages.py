"""Messages: their sizes by prior and beside peers, the time of the first one, and memory."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lmcodec
from benchmarks.findings import Finding, missing
from benchmarks.gains import version
from benchmarks.results import Store
from lmcodec import corpora, network, prior
from lmcodec.bench import Measurement, available, measure, run_codec
from lmcodec.errors import LmcodecError
from lmcodec.peers import lmcodec_codec, select

__all__ = [
    "CHOICES",
    "FIRST",
    "LATER",
    "LENGTHS",
    "NETWORK",
    "OWN_ALL",
    "OWN_FIRST",
    "SAMPLES",
    "SPEED",
    "Own",
    "label",
    "measure_all",
    "message_times",
    "times",
]

Note = Callable[[str], None]

SAMPLES = (
    "alice29.txt",
    "book1",
    "enwik6",
    "hdfs_2k.jsonl",
    "HDFS_2k.log",
    "Linux_2k.log",
    "OpenStack_2k.log",
)
"""Prose, markup, JSON lines and logs; a message is the start of one."""

LENGTHS = (256, 1024, 4096)

FIRST, LATER = "message, first", "message, later"
"""Options of the rows with the times of a message of 256 bytes."""

SPEED = ("dickens", 1_000_000)
"""The text on which the speed with the prior is compared with that without it."""

# Nothing that a message of the sample holds.
_TRAIN_FROM = 1 << 16
_PIECE_BYTES = 512
_DICTIONARY_BYTES = 1 << 15
_PEERS = ("brotli -11", "xz -9e")
_ZSTD = "-19 with a dictionary of 32 KiB"
# Shared machines: the least of several runs counts.
_RUNS = 9
_SPEED_RUNS = 5


@dataclass(frozen=True)
class Own:
    """A prior that is made from a sample itself, behind what its messages hold.

    Args:
        name: What reports call it.
        trained_bytes: How much of the sample it is made from; None for all that is left.
    """

    name: str
    trained_bytes: int | None

    def train(self, data: bytes) -> lmcodec.Prior:
        """Make it from the pieces of a sample: as large as a dictionary of zstd."""
        return lmcodec.train_prior(
            pieces(data, self.trained_bytes), name="own", text=_DICTIONARY_BYTES
        )


OWN_ALL = Own("own, 32 KiB of all", None)
"""Its text is chosen from as much as the dictionary is made from."""

OWN_FIRST = Own("own, 32 KiB of 32 KiB", _DICTIONARY_BYTES)
"""Made from as much text as such a dictionary holds."""

NETWORK = "bytelm"
"""The choice of the network beside the contexts of level 9, which start from the prior."""

CHOICES: tuple[str | Own, ...] = (
    "none",
    "general-1",
    NETWORK,
    OWN_ALL,
    OWN_FIRST,
)
"""What messages start from: so many bytes of text at most, made from so much of the sample."""


def label(choice: str | Own) -> str:
    """Return the options by which rows name a choice."""
    return f"message, {choice if isinstance(choice, str) else choice.name}"


def pieces(data: bytes, trained_bytes: int | None = None) -> list[bytes]:
    """Return what a dictionary of a sample, or a prior, is trained on."""
    end = len(data) if trained_bytes is None else _TRAIN_FROM + trained_bytes
    part = data[_TRAIN_FROM:end]
    return [part[at : at + _PIECE_BYTES] for at in range(0, len(part), _PIECE_BYTES)]


def measure_all(store: Store, *, note: Note) -> None:
    """Add the rows of messages, of their times and of the speed on text that are not there yet."""
    for name in SAMPLES:
        try:
            data = corpora.load(name)
        except LmcodecError as error:
            note(f"{name}: skipped: {error}")
            continue
        note(f"messages of {name}")
        blank = Measurement(name, corpora.find(name).kind, 0, "lmcodec", "", "")
        for rows in (_own(blank, data, store), _peers(blank, data, store, note)):
            for row in rows:
                store.add(row)
        if name == SAMPLES[0]:
            store.add(*times(blank, data[: LENGTHS[0]], store, ("none", "general-1")))
    store.add(*_speed(store, note))


def _own(blank: Measurement, data: bytes, store: Store) -> Iterator[Measurement]:
    for choice in CHOICES:
        networked = choice == NETWORK
        made_by = version("none" if choice == "none" else "auto", networked=networked)
        row = replace(blank, options=label(choice), version=made_by)
        lengths = [n for n in LENGTHS if not store.has(row.corpus, n, row.label, made_by)]
        if not lengths:
            continue
        start = choice.train(data) if isinstance(choice, Own) else choice
        codec = lmcodec.MessageCodec(NETWORK) if networked else lmcodec.MessageCodec(prior=start)
        for length in lengths:
            coded = codec.encode(data[:length])
            status = "ok" if codec.decode(coded) == data[:length] else "decoded bytes differ"
            yield replace(
                row,
                raw_bytes=length,
                status=status,
                coded_bytes=len(coded),
                prior_bytes=_bytes(start),
            )


def _bytes(start: lmcodec.Prior | str) -> int:
    if isinstance(start, str):
        if start == NETWORK:
            return len(bytes(prior.default())) + len(bytes(network.default()))
        return 0 if start == "none" else len(bytes(prior.find(start)))
    return len(bytes(start))


def _peers(blank: Measurement, data: bytes, store: Store, note: Note) -> Iterator[Measurement]:
    codecs = available(select(_PEERS, []), note)
    with tempfile.TemporaryDirectory(prefix="lmcodec-messages-") as folder:
        message = Path(folder, "message")
        for length in LENGTHS:
            message.write_bytes(data[:length])
            for codec, its in codecs.items():
                if codec.label in _PEERS and not store.has(blank.corpus, length, codec.label, its):
                    row = run_codec(codec, its, message, corpus=blank.corpus, kind=blank.kind)
                    yield _without_peaks(row)
    if importlib.util.find_spec("zstandard") is None:
        note("zstd with a dictionary: zstandard is not installed, skipped")
        return
    zstandard = importlib.import_module("zstandard")
    its = str(zstandard.__version__)
    row = replace(blank, codec="zstd", options=_ZSTD, version=its)
    if all(store.has(row.corpus, length, row.label, its) for length in LENGTHS):
        return
    trained = zstandard.train_dictionary(_DICTIONARY_BYTES, pieces(data), level=19)
    dictionary = zstandard.ZstdCompressionDict(trained.as_bytes())
    encoder = zstandard.ZstdCompressor(19, dict_data=dictionary, write_dict_id=False)
    decoder = zstandard.ZstdDecompressor(dict_data=dictionary)
    for length in LENGTHS:
        coded = encoder.compress(data[:length])
        status = "ok" if decoder.decompress(coded) == data[:length] else "decoded bytes differ"
        yield replace(
            row,
            raw_bytes=length,
            status=status,
            coded_bytes=len(coded),
            prior_bytes=len(trained.as_bytes()),
        )


def times(
    blank: Measurement, message: bytes, store: Store, choices: Sequence[str]
) -> list[Measurement]:
    """Measure the first message of a process and later ones, in several ways in turn.

    Args:
        blank: A row with the corpus that the message begins.
        message: Its bytes.
        store: Has the rows that need not be measured.
        choices: Priors, or the network.

    Returns:
        The rows of the first message, and of later ones.
    """
    rows: dict[str, tuple[Measurement, Measurement]] = {}
    with tempfile.TemporaryDirectory(prefix="lmcodec-messages-") as name:
        folder = Path(name)
        (folder / "message").write_bytes(message)
        for _ in range(_RUNS):
            for choice in choices:
                start = "none" if choice == "none" else "auto"
                made_by = version(start, networked=choice == NETWORK)
                options = [f"{what}, {choice}" for what in (FIRST, LATER)]
                known = [f"{blank.codec} {option}" for option in options]
                if all(store.has(blank.corpus, len(message), one, made_by) for one in known):
                    continue
                script = Path(__file__).with_name("first_message.py")
                command = [sys.executable, str(script), choice, "message"]
                whole = measure(command, folder, folder / "report")
                call = json.loads((folder / "report").read_text())
                row = replace(
                    blank,
                    raw_bytes=len(message),
                    version=made_by,
                    coded_bytes=call["coded_bytes"],
                    prior_bytes=_bytes(choice),
                    repeats=_RUNS,
                )
                first = replace(
                    row,
                    options=options[0],
                    compress_cpu_s=call["first"]["cpu_s"],
                    compress_process_cpu_s=call["first"]["process_cpu_s"],
                    compress_wall_s=call["first"]["wall_s"],
                    compress_peak_bytes=call["peak_bytes"] or whole.peak_bytes,
                )
                later = replace(
                    row,
                    options=options[1],
                    compress_cpu_s=call["encode"]["cpu_s"],
                    decompress_cpu_s=call["decode"]["cpu_s"],
                    compress_wall_s=call["encode"]["wall_s"],
                    decompress_wall_s=call["decode"]["wall_s"],
                )
                before = rows.get(choice, (first, later))
                rows[choice] = (least([before[0], first]), least([before[1], later]))
    return [row for both in rows.values() for row in both]


def message_times(
    rows: Iterable[Measurement], choice: str, first_s: float, later_s: float
) -> list[Finding]:
    """Return the findings for the first message of a process and for later ones.

    Args:
        rows: The rows, with those of `times`.
        choice: What messages start from.
        first_s: Seconds of CPU that the first one may take, after the import.
        later_s: The same of each later one, either way.
    """
    found = {row.label: row for row in rows}
    findings = []
    for what, limit, words in (
        (FIRST, first_s, "first message of 256 bytes after the import"),
        (LATER, later_s, "each later message of 256 bytes"),
    ):
        asked = f"{words}, {choice}: at most {1000 * limit:g} ms of CPU"
        row = found.get(f"lmcodec {what}, {choice}")
        if row is None or row.compress_cpu_s is None:
            findings += missing(asked)
            continue
        reached = f"{1000 * row.compress_cpu_s:.2f} ms"
        if row.decompress_cpu_s is not None:
            reached += f", {1000 * row.decompress_cpu_s:.2f} ms to decode"
        if row.compress_process_cpu_s is not None:
            reached += f", {1000 * row.compress_process_cpu_s:.0f} ms since the process began"
        if row.compress_wall_s is not None:
            reached += f" ({1000 * row.compress_wall_s:.2f} ms elapsed)"
        slowest = max(row.compress_cpu_s, row.decompress_cpu_s or 0)
        findings.append(Finding(asked, reached, slowest <= limit))
    return findings


def least(rows: Sequence[Measurement]) -> Measurement:
    """Return one row with the least times and peaks of several runs of the same thing."""
    figures: dict[str, Any] = {
        name: min((v for row in rows if (v := getattr(row, name)) is not None), default=None)
        for way in ("compress", "decompress")
        for name in (f"{way}_cpu_s", f"{way}_process_cpu_s", f"{way}_wall_s", f"{way}_peak_bytes")
    }
    return replace(rows[0], **figures)


def _speed(store: Store, note: Note) -> list[Measurement]:
    """Time level 5 with the prior and without it in turn."""
    name, size = SPEED
    codecs = [(lmcodec_codec(5, prior=choice), version(choice)) for choice in ("none", "auto")]
    if all(store.has(name, size, codec.label, its) for codec, its in codecs):
        return []
    try:
        data = corpora.load(name)[:size]
    except LmcodecError as error:
        note(f"{name}: skipped: {error}")
        return []
    note(f"speed on the first {size:,} bytes of {name}")
    runs: list[list[Measurement]] = []
    with tempfile.TemporaryDirectory(prefix="lmcodec-messages-") as folder:
        raw = Path(folder, "raw")
        raw.write_bytes(data)
        for _ in range(_SPEED_RUNS):
            kind = corpora.find(name).kind
            runs.append(
                [run_codec(codec, its, raw, corpus=name, kind=kind) for codec, its in codecs]
            )
    sides = zip(*runs, strict=True)
    return [replace(_without_peaks(least(side)), repeats=_SPEED_RUNS) for side in sides]


def _without_peaks(row: Measurement) -> Measurement:
    # They start at that of this process, which trains priors.
    return replace(row, compress_peak_bytes=None, decompress_peak_bytes=None)
