"""Corpora times codecs, one measurement at a time, going on where an earlier run stopped."""

from __future__ import annotations

import fnmatch
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results import Store
from lmcodec import corpora
from lmcodec.bench import Measurement, run_codec
from lmcodec.corpora import Corpus
from lmcodec.errors import LmcodecError
from lmcodec.peers import Codec

__all__ = ["Plan", "choose", "run"]

Note = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Args:
        corpora: The corpora.
        codecs: The codecs that are installed here, with their versions.
        head_bytes: Every corpus is cut to so many bytes; None for whole files.
        slow_limit_bytes: Slow codecs skip larger files; None for no limit.
        repeat: How often each pair runs.
    """

    corpora: Sequence[Corpus]
    codecs: Mapping[Codec, str]
    head_bytes: int | None = None
    slow_limit_bytes: int | None = None
    repeat: int = 1

    def pairs(self) -> list[tuple[Corpus, Codec]]:
        """Return all pairs, corpus by corpus."""
        return [
            (corpus, codec)
            for corpus in self.corpora
            for codec in self.codecs
            if not codec.slow
            or self.slow_limit_bytes is None
            or self.size(corpus) <= self.slow_limit_bytes
        ]

    def size(self, corpus: Corpus) -> int:
        """Return how many bytes of a corpus are used."""
        return min(corpus.raw_bytes, self.head_bytes or corpus.raw_bytes)


def choose(patterns: Sequence[str]) -> list[Corpus]:
    """Return the corpora whose name or kind matches a shell pattern; all without patterns.

    Raises:
        ValueError: A pattern matches nothing.
    """
    every = corpora.list_corpora()
    chosen: dict[str, Corpus] = {}
    for pattern in patterns or ["*"]:
        hits = [
            corpus
            for corpus in every
            if fnmatch.fnmatchcase(corpus.name, pattern)
            or fnmatch.fnmatchcase(corpus.kind, pattern)
        ]
        if not hits:
            raise ValueError(f"no corpus has this name or kind: {pattern}")
        chosen.update((corpus.name, corpus) for corpus in hits)
    return [corpus for corpus in every if corpus.name in chosen]


def run(
    plan: Plan, folder: Path, *, resume: bool, again: Sequence[str] = (), note: Note
) -> list[Measurement]:
    """Measure all pairs of a plan.

    Args:
        plan: What to measure.
        folder: Takes ``rows.csv`` and ``machine.json``.
        resume: Keep the rows of an earlier run; only those that failed run again.
        again: Shell patterns of codecs whose earlier rows are dropped.
        note: Called with lines of progress.

    Returns:
        All rows, the kept ones among them.

    Raises:
        FileExistsError: The folder holds rows and `resume` is false.
        ValueError: The rows to go on with are from another machine.
    """
    store = Store(folder, resume=resume, again=again)
    todo = [
        (corpus, codec)
        for corpus, codec in plan.pairs()
        if not store.has(corpus.name, plan.size(corpus), codec.label, plan.codecs[codec])
    ]
    if store.rows:
        note(f"{len(store.rows)} rows are there already")
    start_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lmcodec-corpora-") as scratch:
        raw = Path(scratch) / "raw"
        at_hand = None
        for number, (corpus, codec) in enumerate(todo, 1):
            if at_hand != corpus:
                at_hand = corpus
                missing = _prepare(corpus, plan, raw)
                if missing:
                    note(missing)
            if not raw.exists():
                continue
            elapsed_s = time.monotonic() - start_s
            note(f"[{number}/{len(todo)}] {elapsed_s:.0f} s  {corpus.name}: {codec.label}")
            row = run_codec(
                codec,
                plan.codecs[codec],
                raw,
                corpus=corpus.name,
                kind=corpus.kind,
                repeat=plan.repeat,
            )
            if not row.ok:
                note(f"{corpus.name}: {codec.label}: {row.status}")
            store.add(row)
    return store.rows


def _prepare(corpus: Corpus, plan: Plan, raw: Path) -> str:
    """Write the corpus to `raw`, or remove `raw` and return why it cannot be had."""
    raw.unlink(missing_ok=True)
    try:
        # In a process of its own: what this one ever used shows in the peak memory of its children.
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            pool.submit(corpora.export, corpus.name, raw).result()
    except LmcodecError as error:
        return f"{corpus.name}: skipped: {error}"
    if plan.size(corpus) < corpus.raw_bytes:
        with raw.open("r+b") as file:
            file.truncate(plan.size(corpus))
    return ""
