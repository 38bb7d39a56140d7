"""Trains priors on samples."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmcodec import _core
from lmcodec.prior import MAX_BYTES, Prior

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from typing_extensions import Buffer

DEFAULT_BYTES = 1 << 20
_BUCKET_BYTES = 64
# Checked before the work, which may take minutes; reading a file checks it, too.
_NAME = re.compile(r"[a-z0-9._-]{1,48}")
# A text counts once for each stretch of so many bytes.
_SEGMENT_BYTES = 1 << 16
# What was seen in fewer of them is not kept; few samples must not be that choosy.
_DOCUMENTS, _DOCUMENTS_OF_FEW, _FEW = 3, 2, 1000


# Text that is tuned on: enough for the weights to settle.
_TUNING_BYTES = 1 << 22
# Smaller priors are not tuned: what is learnt would be larger than the table.
_LEAST_TUNED_BYTES = 1 << 16
# Levels that start from what was learnt; the others take a part of it.
_LEVELS = (5,)


@dataclass(frozen=True)
class Step:
    """What was done for one kind of context.

    Args:
        kind: The kind: "order 4", "word pair", ...
        records: How many contexts and symbols were counted, each once in a sample.
        entries: How many contexts were chosen, before the size of the table is enforced.
        bytes: What they take.
    """

    kind: str
    records: int
    entries: int
    bytes: int


def train_prior(
    samples: Iterable[Buffer],
    *,
    tuning: Iterable[Buffer] | None = None,
    name: str = "own",
    size: int = DEFAULT_BYTES,
    threads: int | None = None,
    progress: Callable[[Step], None] | None = None,
) -> Prior:
    """Train a prior: what a few thousand records, or megabytes of text, are like.

    Use it where there are many small texts of one kind: each then starts with what is common to
    them, as with a dictionary of zstd. What is in three samples or more counts, or in two where
    there are fewer than a thousand samples.

    Args:
        samples: Texts, each a whole file or message. Longer ones count as several of 64 KiB.
        tuning: Texts that are not among the samples, on which `cm` learns how far to trust the
            prior; by default every other sample, with a prior of the rest.
        name: What the prior is called: lower-case letters, digits, "-", "_" and ".".
        size: Bytes of the table at most; it is smaller where there is less to know. What is learnt
            in tuning adds up to half of that.
        threads: Threads that count, or None for as many as there are processors.
        progress: Called after each kind of context.

    Returns:
        The prior: use it as ``prior=`` of `lmcodec.compress` or `lmcodec.MessageCodec`, and write
        ``bytes(prior)`` to a file. The same samples give the same prior.

    Raises:
        TypeError: A sample is not a buffer.
        ValueError: The name is not well formed, or a number is out of range.

    Example:
        >>> import lmcodec
        >>> samples = [f"user {i} logged in from host {i % 7}".encode() for i in range(500)]
        >>> prior = lmcodec.train_prior(samples, name="logins")
        >>> message = b"user 900 logged in from host 3"
        >>> len(lmcodec.MessageCodec(prior=prior).encode(message)) < 12
        True
    """
    if not _BUCKET_BYTES <= size <= MAX_BYTES:
        raise ValueError(
            f"size of a prior must be at least {_BUCKET_BYTES} and at most {MAX_BYTES}: got {size}"
        )
    if threads is not None and threads < 0:
        raise ValueError(f"threads must not be negative: got {threads}")
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"name of a prior must be 1 to 48 of a-z, 0-9, -, _ and .: got {name!r}")
    # Views, since `bytes` of a number would be so many zeros.
    texts = [bytes(memoryview(sample)) for sample in samples]
    if tuning is not None:
        table = _train(texts, name, size, threads, progress)
        return _tuned(table, table, [bytes(memoryview(text)) for text in tuning], size)
    kept, tuned = _halves(texts)
    part = _train(kept, name, size, threads, None) if tuned else None
    table = _train(texts, name, size, threads, progress)
    return _tuned(table, part or table, tuned, size)


def _tuned(table: _core.Prior, part: _core.Prior, texts: list[bytes], size: int) -> Prior:
    """Return the table with what `cm` learns on texts that are not in its part."""
    if texts and size >= _LEAST_TUNED_BYTES:
        learnt = part.learn(texts, list(_LEVELS))
        if learnt.start_bytes <= size // 2:
            table = table.with_starts_of(learnt)
    return Prior(table.to_bytes())


def _train(
    texts: list[bytes],
    name: str,
    size: int,
    threads: int | None,
    progress: Callable[[Step], None] | None,
) -> _core.Prior:
    segments = sum(-(-len(text) // _SEGMENT_BYTES) for text in texts)
    trainer = _core.PriorTrainer(
        texts,
        buckets=size // _BUCKET_BYTES,
        segment=_SEGMENT_BYTES,
        documents=_DOCUMENTS if segments >= _FEW else _DOCUMENTS_OF_FEW,
        threads=threads or os.cpu_count() or 1,
    )
    while (step := trainer.step()) is not None:
        if progress is not None:
            kind, *counts = step
            progress(Step(trainer.KINDS[kind], *counts))
    data, _ = trainer.finish(name)
    return _core.Prior(data)


def _halves(texts: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Return what a prior to be tuned is trained on, and what it is tuned on."""
    kept: list[bytes] = []
    tuned: list[bytes] = []
    size = 0
    pieces = [
        text[at : at + _SEGMENT_BYTES]
        for text in texts
        for at in range(0, len(text), _SEGMENT_BYTES)
    ]
    # Spread over all, where not every other one is needed.
    every = max(2, sum(map(len, pieces)) // _TUNING_BYTES)
    for at, piece in enumerate(pieces):
        if at % every == 1 and size < _TUNING_BYTES:
            tuned.append(piece)
            size += len(piece)
        else:
            kept.append(piece)
    return kept, tuned
