"""Sizes with and without what ships with the package, by size of the input, summed by kind.

Only sizes are measured, so that corpora may be coded side by side; every stream is decoded and
compared. What is timed goes through `lmcodec.bench`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import lmcodec
from benchmarks.results import Store, read_rows
from lmcodec import corpora, network, prior
from lmcodec.bench import Measurement
from lmcodec.corpora import Corpus
from lmcodec.errors import LmcodecError
from lmcodec.network import Network
from lmcodec.peers import Lmcodec, lmcodec_codec
from lmcodec.prior import Prior

__all__ = [
    "HEAD_BYTES",
    "KINDS",
    "SIZES",
    "Gain",
    "Note",
    "Setting",
    "beside",
    "both",
    "current",
    "gains",
    "measure",
    "rows_of",
    "run",
    "version",
    "whole",
]

Note = Callable[[str], None]

KINDS = ("text", "markup", "code", "json", "logs", "tabular", "dna", "binary")
"""Kinds of corpora that a prior may be used for, or that it must not harm."""

SIZES = tuple(1 << bits for bits in range(8, 24, 2))
"""Bytes of the heads that are coded besides the whole: 256 to 4 MiB."""

HEAD_BYTES = 16 * 10**6
"""Larger corpora are cut to so many bytes."""

_NONE = "none"
_NETWORK_LEVEL = 9


@dataclass(frozen=True)
class Setting:
    """A level, with what its streams start from, or a model."""

    level: int
    prior: str = "auto"
    network: str = "auto"
    model: str = "auto"

    @property
    def codec(self) -> Lmcodec:
        """Return the codec of this setting."""
        return lmcodec_codec(self.level, model=self.model, prior=self.prior, network=self.network)

    @property
    def version(self) -> str:
        """Return the version of its rows."""
        alone = self.model == "bytelm"
        networked = _NONE not in (self.prior, self.network) and self.level == _NETWORK_LEVEL
        return version(_NONE if alone else self.prior, networked=alone or networked)


@dataclass(frozen=True)
class Gain:
    """What one kind of corpora takes at one size, with the prior and without it.

    Args:
        kind: The kind.
        files: How many corpora are at least so long.
        primed: How many of them start from the prior.
        raw_bytes: Bytes of content.
        plain_bytes: What they take without the prior.
        coded_bytes: What they take with it.
        prior_bytes: What a decoder ships for that.
    """

    kind: str
    files: int
    primed: int
    raw_bytes: int
    plain_bytes: int
    coded_bytes: int
    prior_bytes: int

    @property
    def percent(self) -> float:
        """Return by how many percent they are smaller."""
        return 100 * (1 - self.coded_bytes / self.plain_bytes)


def version(choice: str = "auto", *, networked: bool = False) -> str:
    """Return the version of a setting's rows: a prior that was trained anew is another one."""
    names = [lmcodec.__version__]
    if choice != _NONE:
        names.append(_named(prior.default()))
    if networked:
        names.append(_named(network.default()))
    return " ".join(names)


def _named(weights: Prior | Network) -> str:
    return f"{weights.name} {weights.digest.hex()[:12]}"


def current(rows: Iterable[Measurement]) -> list[Measurement]:
    """Return the rows of peers, and those of this package that were not made by another prior."""
    known = {version(choice, networked=on) for choice in ("auto", _NONE) for on in (False, True)}
    return [row for row in rows if row.codec != "lmcodec" or row.version in known]


def whole(corpus: Corpus) -> int:
    """Return how many bytes count as the whole of a corpus."""
    return min(corpus.raw_bytes, HEAD_BYTES)


def measure(
    chosen: Sequence[Corpus],
    store: Store,
    *,
    settings: Sequence[Setting],
    sizes: Sequence[int] = SIZES,
    end: Callable[[Corpus], int] = whole,
    jobs: int = 1,
    note: Note,
) -> None:
    """Code corpora in several ways, and add the rows that are not there yet.

    Args:
        chosen: The corpora.
        store: Takes the rows.
        settings: The ways.
        sizes: Bytes of the heads, besides the whole.
        end: How many bytes count as the whole of a corpus.
        jobs: How many corpora are coded side by side.
        note: Called with a line for each corpus.
    """
    todo: dict[Corpus, list[tuple[int, Setting]]] = {}
    for corpus in sorted(chosen, key=lambda corpus: corpus.raw_bytes):
        last = end(corpus)
        wanted = [
            (size, setting)
            for size in (*(size for size in sizes if size < last), last)
            for setting in settings
            if not store.has(corpus.name, size, setting.codec.label, setting.version)
        ]
        if wanted:
            todo[corpus] = wanted
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        pending = {pool.submit(code, name, todo[name]): name for name in todo}
        try:
            for number, future in enumerate(as_completed(pending), 1):
                corpus = pending[future]
                try:
                    rows = future.result()
                except LmcodecError as error:
                    note(f"{corpus.name}: skipped: {error}")
                    continue
                note(f"[{number}/{len(todo)}] {corpus.name}: {len(rows)} sizes")
                for row in rows:
                    if not row.ok:
                        note(f"{corpus.name}: {row.label}: {row.status}")
                store.add(*rows)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def run(
    options: argparse.Namespace, work: Callable[[Store, Note], None]
) -> list[Measurement] | None:
    """Add rows to a folder, unless --no-run was given, and return those that count.

    Args:
        options: With those of `benchmarks.options.add_results`.
        work: Adds the rows.

    Returns:
        The rows, or None after an error or Ctrl-C, of which the user was told.
    """

    def note(line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    try:
        if options.run:
            store = Store(options.out, resume=options.resume, again=options.again)
            # Rows of weights that have been trained anew since are no longer true.
            store.keep(current(store.rows))
            work(store, note)
        return rows_of(options.out)
    except (LmcodecError, ValueError, OSError) as error:
        note(f"benchmarks: {error}")
    except KeyboardInterrupt:
        note(f"stopped; --resume goes on with {options.out}")
    return None


def code(corpus: Corpus, wanted: Sequence[tuple[int, Setting]]) -> list[Measurement]:
    """Code heads of a corpus, and check that they decode.

    Args:
        corpus: The corpus.
        wanted: Bytes of each head, and how to code it.

    Returns:
        A row for each.

    Raises:
        LmcodecError: The corpus is not on this machine.
    """
    data = corpora.load(corpus.name)
    # Where the prior is not used both settings give one stream: it need not decode twice.
    seen: dict[tuple[int, bytes], str] = {}
    rows = []
    for size, setting in wanted:
        head = data[:size]
        encode, _ = setting.codec.both()
        coded = encode(head)
        if (size, coded) not in seen:
            seen[size, coded] = _status(head, coded)
        rows.append(_row(corpus, size, setting, coded, seen[size, coded]))
    return rows


def _status(raw: bytes, coded: bytes) -> str:
    try:
        decoded = lmcodec.decompress(coded, threads=1, max_output_size=None)
    except LmcodecError as error:
        return str(error)
    return "ok" if decoded == raw else "decoded bytes differ"


def _row(corpus: Corpus, size: int, setting: Setting, coded: bytes, status: str) -> Measurement:
    about = lmcodec.info(coded)
    # Streams name what they start from.
    start = [one.name for one in (prior.default(), network.default()) if one.digest in coded]
    return Measurement(
        corpus=corpus.name,
        kind=corpus.kind,
        raw_bytes=size,
        codec=setting.codec.id,
        options=setting.codec.options,
        version=setting.version,
        status=status,
        coded_bytes=len(coded) if status == "ok" else None,
        prior_bytes=setting.codec.prior_bytes,
        declared_bytes=about.memory_bytes,
        models=" ".join([*about.models, *start]),
    )


def both(level: int) -> list[Setting]:
    """Return a level without the prior and with it."""
    return [Setting(level, choice) for choice in (_NONE, "auto")]


def pairs(
    rows: Iterable[Measurement], level: int, size: int | None
) -> list[tuple[Measurement, ...]]:
    """Return the rows of each corpus without the prior and with it.

    Args:
        rows: The rows.
        level: The level.
        size: Bytes of the heads, or None for whole corpora.
    """
    ends = {corpus.name: whole(corpus) for corpus in corpora.list_corpora()}
    return [
        found
        for found in beside(rows, both(level))
        if found[0].raw_bytes == (size or ends[found[0].corpus])
    ]


def beside(
    rows: Iterable[Measurement], settings: Sequence[Setting]
) -> list[tuple[Measurement, ...]]:
    """Return the rows of each corpus and size that was coded in all of several ways."""
    labels = [setting.codec.label for setting in settings]
    found: dict[tuple[str, int], dict[str, Measurement]] = {}
    for row in rows:
        # Rows with times are of their own sizes.
        if row.ok and row.label in labels and row.compress_cpu_s is None:
            found.setdefault((row.corpus, row.raw_bytes), {})[row.label] = row
    return [
        tuple(sides[label] for label in labels)
        for sides in found.values()
        if len(sides) == len(labels)
    ]


def rows_of(folder: Path) -> list[Measurement]:
    """Return the rows of a folder that count, none where it has none."""
    table = folder / "rows.csv"
    return current(read_rows(table)) if table.exists() else []


def gains(rows: Sequence[Measurement], level: int, size: int | None) -> list[Gain]:
    """Return the sums of each kind at one size, in the order of `KINDS`.

    Args:
        rows: The rows.
        level: The level.
        size: Bytes of the heads, or None for whole corpora.
    """
    sums = []
    every = pairs(rows, level, size)
    for kind in KINDS:
        mine = [(plain, primed) for plain, primed in every if plain.kind == kind]
        if not mine:
            continue
        name = prior.default().name
        sums.append(
            Gain(
                kind,
                len(mine),
                sum(name in primed.models.split() for _, primed in mine),
                sum(plain.raw_bytes for plain, _ in mine),
                sum(plain.coded_bytes or 0 for plain, _ in mine),
                sum(primed.coded_bytes or 0 for _, primed in mine),
                max(primed.prior_bytes for _, primed in mine),
            )
        )
    return sums
