"""Makes priors from samples.

A prior of one's own is a text that is chosen from the samples, on a base that knows what all text
is like. Without a base it has a table, too, as the priors of the package have.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmcodec import _core
from lmcodec.errors import LimitError
from lmcodec.pictures import choose as choose_pictures
from lmcodec.pictures import read as read_pictures
from lmcodec.prior import MAX_BYTES, MAX_TEXT_BYTES, Prior, find

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Buffer

DEFAULT_BYTES = 1 << 20
DEFAULT_TEXT_BYTES = 1 << 15
# Of pictures: more of them help more, but all are coded before each stream.
DEFAULT_PICTURES_BYTES = 1 << 20
DEFAULT_BASE = "general-1.1"
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
# How much longer tuning takes than counting as many bytes, about.
_TUNING_WORK = 4

# Counted at a time, of 8 bytes each. Where memory is short there are fewer, and more passes.
_MOST_RECORDS, _LEAST_RECORDS = 1 << 27, 1 << 22
# A text as an object and as a segment, besides its bytes.
_TEXT_BYTES = 160


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
    base: str | os.PathLike[str] | Prior = DEFAULT_BASE,
    text: int | None = None,
    tuning: Iterable[Buffer] | None = None,
    name: str = "own",
    size: int = DEFAULT_BYTES,
    threads: int | None = None,
    max_memory: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    note: Callable[[Step], None] | None = None,
) -> Prior:
    """Make a prior from samples: what a few records, or megabytes of text, are like.

    Use it where there are many small texts of one kind: each then starts with what is common to
    them, as with a dictionary of zstd. The prior has a text, chosen from the samples, that is coded
    before each stream or message and thrown away; all else is looked up in its base.

    Where all samples are arrays of pictures of one size, in files of IDX, NumPy, PGM or PPM, the
    text is of whole pictures, from everywhere, and there is neither a base nor a table. `cm` codes
    pictures of that size after them, at level 9.

    Without a base it has a table as well. What is in three samples or more counts there, or in two
    where there are fewer than a thousand samples.

    Args:
        samples: Texts, each a whole file or message. In a table longer ones count as several of 64
            KiB.
        base: The name or file of the prior below this one, or a prior, which has no base itself;
            "none" for a table instead. Streams need it as well.
        text: Bytes of the text at most, up to 2**24; 0 for none; None for 32 KiB, or 1 MiB of
            pictures. As much is coded before each stream, and before the first message.
        tuning: Texts that are not among the samples, on which `cm` learns how far to trust the
            table; by default every other sample, with a table of the rest.
        name: What the prior is called: lower-case letters, digits, "-", "_" and ".".
        size: Bytes of the table at most, where there is no base; it is smaller where there is less
            to know. What is learnt in tuning adds up to half of that.
        threads: Threads that count, or None for as many as there are processors.
        max_memory: Bytes of memory that training may need, or None for any number. It is checked
            before the work. With less, text is counted in more passes, which takes longer.
        progress: Called with (bytes of work done, in all) in the calling thread, after every
            thousandth or so; texts may be gone through twice. What it raises ends the training.
        note: Called after each kind of context of a table.

    Returns:
        The prior: use it as ``prior=`` of `lmcodec.compress` or `lmcodec.MessageCodec`, and write
        ``bytes(prior)`` to a file. The same samples give the same prior.

    Raises:
        TypeError: A sample is not a buffer.
        ValueError: The name is not well formed, a number is out of range, the base is not known or
            has one itself, or there is no room for a picture.
        FormatError: The file of the base is not a prior.
        OSError: It cannot be read.
        LimitError: Training needs more memory than allowed.

    Example:
        >>> import lmcodec
        >>> samples = [f"user {i} logged in from host {i % 7}".encode() for i in range(500)]
        >>> prior = lmcodec.train_prior(samples, name="logins")
        >>> message = b"user 900 logged in from host 3"
        >>> len(lmcodec.MessageCodec(prior=prior).encode(message)) < 10
        True
    """
    _check(size, threads, name, text)
    below = None
    if base != "none":
        below = base if isinstance(base, Prior) else find(base)
        if below.base is not None and not below.has_only_starts:
            raise ValueError(
                "base must be a prior without a base, or one that only has what levels learnt: "
                f"got {below!r}"
            )
    texts = [_bytes(sample) for sample in samples]
    found = read_pictures(texts) if text != 0 else None
    if found is not None:
        chosen = choose_pictures(*found, DEFAULT_PICTURES_BYTES if text is None else text)
        return Prior(_core.Prior.empty(name).with_text(chosen).to_bytes())
    text = DEFAULT_TEXT_BYTES if text is None else text
    if below is None:
        table = _table(texts, tuning, name, size, threads, max_memory, progress, note)
    else:
        count = sum(map(len, texts))
        check_text_memory(count, len(texts), text=text, max_memory=max_memory)
        table = _core.Prior.empty(name).on(below.digest, below.table)
    if text:
        # Not at the top: most that import this make no prior, and have no need of numpy.
        from lmcodec.excerpt import choose

        table = table.with_text(choose(texts, text))
    if below is not None and progress is not None:
        progress(count, count)
    return Prior(table.to_bytes())


def _check(size: int, threads: int | None, name: str, text: int | None) -> None:
    """Check the arguments of `train_prior` that are simple."""
    if not _BUCKET_BYTES <= size <= MAX_BYTES:
        raise ValueError(
            f"size of a prior must be at least {_BUCKET_BYTES} and at most {MAX_BYTES}: got {size}"
        )
    if threads is not None and threads < 0:
        raise ValueError(f"threads must not be negative: got {threads}")
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"name of a prior must be 1 to 48 of a-z, 0-9, -, _ and .: got {name!r}")
    if text is not None and not 0 <= text <= MAX_TEXT_BYTES:
        raise ValueError(f"text must be 0 to {MAX_TEXT_BYTES} bytes: got {text}")


def _table(
    texts: list[bytes],
    tuning: Iterable[Buffer] | None,
    name: str,
    size: int,
    threads: int | None,
    max_memory: int | None,
    progress: Callable[[int, int], None] | None,
    note: Callable[[Step], None] | None,
) -> _core.Prior:
    """Train a table."""
    count = sum(map(len, texts))
    training = _Training(texts, name, size, threads or os.cpu_count() or 1, max_memory, progress)
    without: set[tuple[int, int]] = set()
    tuned: list[bytes] = []
    if tuning is not None:
        tuned = [_bytes(text) for text in tuning]
    if size < _LEAST_TUNED_BYTES:
        tuned = []
    elif tuning is None:
        without, tuned = _tuned_part(texts)
    tuning_work = _TUNING_WORK * sum(map(len, tuned))
    training.work = count * (2 if without else 1) + tuning_work
    part = training.train(without, None) if without else None
    table = training.train(set(), note)
    if tuned:
        learnt = (part or table).learn(tuned, list(_LEVELS))
        if learnt.start_bytes <= size // 2:
            table = table.with_starts_of(learnt)
    training.tell(tuning_work)
    return table


def check_text_memory(count: int, texts: int, *, text: int, max_memory: int | None) -> None:
    """Check the memory that choosing a text needs.

    Args:
        count: Bytes of all samples.
        texts: How many there are.
        text: Bytes of the text.
        max_memory: Bytes of memory that it may need, or None for any number.

    Raises:
        LimitError: It needs more memory than allowed.
    """
    from lmcodec.excerpt import chooser_bytes

    needed = chooser_bytes(count, text) + count + texts * _TEXT_BYTES
    if max_memory is not None and needed > max_memory:
        raise _too_large(count, needed, max_memory)


def check_memory(
    count: int, texts: int, *, size: int, threads: int | None, max_memory: int | None
) -> int:
    """Return how many records may be counted at a time.

    Args:
        count: Bytes of all texts.
        texts: How many there are.
        size: Bytes of the table.
        threads: Threads that count, or None for as many as there are processors.
        max_memory: Bytes of memory that training may need, or None for any number.

    Raises:
        LimitError: Training needs more memory than allowed.
    """
    records = _MOST_RECORDS
    while True:
        needed = count + texts * _TEXT_BYTES
        needed += _core.PriorTrainer.memory_bytes(
            count,
            texts,
            buckets=size // _BUCKET_BYTES,
            segment=_SEGMENT_BYTES,
            documents=_DOCUMENTS_OF_FEW,
            threads=threads or os.cpu_count() or 1,
            records=records,
        )
        if max_memory is None or needed <= max_memory:
            return records
        if records <= _LEAST_RECORDS:
            raise _too_large(count, needed, max_memory)
        records //= 2


def _too_large(count: int, needed: int, max_memory: int) -> LimitError:
    return LimitError(
        f"text is too large to train on: {count} bytes need {needed} bytes of memory, "
        f"the limit is {max_memory}",
        limit=max_memory,
        needed=needed,
        hint=f"train on a part of it, or pass max_memory={needed} or more",
    )


class _Training:
    """Trains on the same texts more than once.

    Args:
        texts: The texts.
        name: What the priors are called.
        size: Bytes of the table at most.
        threads: Threads that count.
        max_memory: Bytes of memory that training may need, or None for any number.
        progress: Called with (bytes of work done, in all).
    """

    def __init__(
        self,
        texts: list[bytes],
        name: str,
        size: int,
        threads: int,
        max_memory: int | None,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self._texts = texts
        self._count = sum(map(len, texts))
        self._name = name
        self._size = size
        self._threads = threads
        self._records = check_memory(
            self._count, len(texts), size=size, threads=threads, max_memory=max_memory
        )
        self._progress = progress
        self.work = self._count
        self._done = 0

    def tell(self, done: int) -> None:
        """Say that so much work more is done."""
        self._done += done
        if self._progress is not None:
            self._progress(self._done, self.work)

    def train(
        self, without: set[tuple[int, int]], note: Callable[[Step], None] | None
    ) -> _core.Prior:
        """Train on all segments but some."""
        segments = sum(-(-len(text) // _SEGMENT_BYTES) for text in self._texts) - len(without)
        trainer = _core.PriorTrainer(
            self._texts,
            without,
            buckets=self._size // _BUCKET_BYTES,
            segment=_SEGMENT_BYTES,
            documents=_DOCUMENTS if segments >= _FEW else _DOCUMENTS_OF_FEW,
            threads=self._threads,
            records=self._records,
        )
        told = 0

        def listen(thousandths: int) -> None:
            nonlocal told
            done = self._count * thousandths // 1000
            self.tell(done - told)
            told = done

        while True:
            # Not during the calls of `note`, which may itself code something.
            before = _core.set_listener(listen)
            try:
                step = trainer.step()
            finally:
                _core.set_listener(before)
            if step is None:
                break
            if note is not None:
                kind, *counts = step
                note(Step(trainer.KINDS[kind], *counts))
        self.tell(self._count - told)
        data, _ = trainer.finish(self._name)
        return _core.Prior(data)


def _bytes(text: Buffer) -> bytes:
    # Views, since `bytes` of a number would be so many zeros.
    return text if isinstance(text, bytes) else bytes(memoryview(text))


def _tuned_part(texts: list[bytes]) -> tuple[set[tuple[int, int]], list[bytes]]:
    """Return which segments a prior to be tuned is not trained on, and their bytes."""
    without: set[tuple[int, int]] = set()
    tuned: list[bytes] = []
    size = at = 0
    # Spread over all, where not every other one is needed.
    every = max(2, sum(map(len, texts)) // _TUNING_BYTES)
    for number, text in enumerate(texts):
        for begin in range(0, len(text), _SEGMENT_BYTES):
            if at % every == 1 and size < _TUNING_BYTES:
                tuned.append(text[begin : begin + _SEGMENT_BYTES])
                without.add((number, begin))
                size += len(tuned[-1])
            at += 1
    return without, tuned
