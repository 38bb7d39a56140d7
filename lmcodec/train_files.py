"""Trains a prior on files and says what it gains: `lmcodec train`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lmcodec.models.cm import Cm
from lmcodec.names import STDIN, expand
from lmcodec.outputs import Output, Stdout, open_output
from lmcodec.pictures import pack as pack_pictures
from lmcodec.pictures import read as read_pictures
from lmcodec.terminal import Terminal, human, shown
from lmcodec.train import (
    DEFAULT_TEXT_BYTES,
    Step,
    check_memory,
    check_text_memory,
    train_prior,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lmcodec.prior import Prior

# What is tried on the part that was held back: enough to tell, and done in a second.
_TRIED_BYTES = 1 << 20
# Of pictures, which take longer.
_TRIED_PICTURES = 100
# A part of a long text is held back as a whole, not as single samples.
_FEW_SAMPLES = 20


def train_files(
    names: list[str],
    output: str,
    terminal: Terminal,
    *,
    name: str,
    base: str,
    text: int | None,
    size: int,
    threads: int | None,
    hold_back_percent: int,
    max_memory: int | None,
    by_line: bool,
    recursive: bool,
    force: bool,
) -> None:
    """Train on files, write the prior, and say what it gains on text that was held back.

    Args:
        names: Files, or folders where it is recursive; "-" is standard input.
        output: Where the prior goes; "-" is standard output.
        terminal: Where words go.
        name: What the prior is called.
        base: Name or file of the prior that it starts from, or "none" for a table.
        text: Bytes of its text at most, or None for what suits it.
        size: Bytes of its table at most, where there is no base.
        threads: Threads that count, or None for one for each processor.
        hold_back_percent: How much of the text is held back: 0 to 50.
        max_memory: Bytes of memory that training may need, or None for most of the machine's.
        by_line: Whether each line is a sample, not each file.
        recursive: Whether to look into folders.
        force: Whether to replace the output.

    Raises:
        OSError: A file cannot be read, or the output cannot be written.
        ValueError: The name is not well formed, or there is no text.
        LimitError: Training needs more memory than allowed.
    """
    paths = [path for file in names for path in expand(file, recursive=recursive, compressed=False)]
    # Below a folder there may be the prior of an earlier run.
    paths = [path for path in paths if path == STDIN or not is_same(path, output)]
    max_memory = max_memory or _most_memory()
    count = sum(os.stat(path).st_size for path in paths if path != STDIN)
    if base == "none":
        check_memory(count, len(paths), size=size, threads=threads, max_memory=max_memory)
    else:
        check_text_memory(count, len(paths), text=text or DEFAULT_TEXT_BYTES, max_memory=max_memory)
    target: Output
    if output == STDIN:
        target = Stdout()
    else:
        # Before the work, not after it.
        target = open_output(output, replace=force, sparse=False, like=None, sync=True)
    try:
        samples = [sample for path in paths for sample in read_samples(path, by_line)]
        pictures = read_pictures(samples)
        if pictures is not None:
            shape, samples = pictures
        kept, held = split(samples, hold_back_percent)
        if not any(kept):
            raise ValueError("there is no text to train on")
        prior = _train(
            kept if pictures is None else [pack_pictures(shape, kept)],
            terminal,
            name=name,
            base=base,
            text=text,
            size=size,
            threads=threads,
            max_memory=max_memory,
        )
        target.write(bytes(prior))
    except BaseException:
        target.abandon()
        raise
    target.commit()
    raw = sum(map(len, kept))
    terminal.note(
        f"{shown(output)}: {human(prior.file_bytes)} from {len(kept):,} samples of {human(raw)}"
    )
    if held:
        models = (Cm(), Cm(prior=prior))
        if pictures is not None:
            plain = Cm.for_level(9).shaped(shape)
            models, held = (plain, plain.primed(prior)), [b"".join(held[:_TRIED_PICTURES])]
        terminal.note(_gain(models, held))
    else:
        terminal.note("nothing was held back, so what it gains is not known")


def _train(
    samples: list[bytes],
    terminal: Terminal,
    *,
    name: str,
    base: str,
    text: int | None,
    size: int,
    threads: int | None,
    max_memory: int | None,
) -> Prior:
    """Train where one can follow it."""
    done = 0

    def progress(so_far: int, total: int) -> None:
        nonlocal done
        if not done:
            terminal.begin("training", total, lambda: done)
        done = so_far

    def note(step: Step) -> None:
        words = f"{step.kind}: {step.records:,} counted, {step.entries:,} chosen"
        terminal.note(words, level=1)

    try:
        return train_prior(
            samples,
            name=name,
            base=base,
            text=text,
            size=size,
            threads=threads,
            max_memory=max_memory,
            progress=progress,
            note=note,
        )
    finally:
        terminal.end()


def is_same(path: str, output: str) -> bool:
    """Return whether a file is the output."""
    return output != STDIN and os.path.abspath(path) == os.path.abspath(output)


def read_samples(path: str, by_line: bool) -> Iterator[bytes]:
    """Yield the samples of a file: its lines, or all of it; "-" is standard input."""
    if path == STDIN:
        import sys

        data = sys.stdin.buffer.read()
    else:
        with open(path, "rb") as file:
            data = file.read()
    if by_line:
        yield from (line for line in data.splitlines(keepends=True) if line.strip())
    elif data:
        yield data


def _most_memory() -> int | None:
    """Return three quarters of the machine's memory, or None where that is not known."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 3 // 4
    except (AttributeError, OSError, ValueError):
        return None


def split(samples: list[bytes], percent: int) -> tuple[list[bytes], list[bytes]]:
    """Return the samples to train on, and those that are held back; the list may be emptied."""
    if percent == 0:
        return samples, []
    if len(samples) >= _FEW_SAMPLES:
        every = round(100 / percent)
        held = [sample for at, sample in enumerate(samples) if at % every == every - 1]
        kept = [sample for at, sample in enumerate(samples) if at % every != every - 1]
        return kept, held
    kept, held = [], []
    while samples:
        # Not both: one copy of the text is enough.
        sample = samples.pop(0)
        cut = len(sample) * (100 - percent) // 100
        kept.append(sample[:cut])
        held.append(sample[cut:])
    return kept, [sample for sample in held if sample]


def _gain(models: tuple[Cm, Cm], held: list[bytes]) -> str:
    tried: list[bytes] = []
    size = 0
    for sample in held:
        if size >= _TRIED_BYTES:
            break
        tried.append(sample[:_TRIED_BYTES])
        size += len(tried[-1])
    without, primed = (sum(len(model.encode(sample)) for sample in tried) for model in models)
    change = 100 * (primed / without - 1) if without else 0.0
    return (
        f"held back: {len(tried):,} samples of {human(size)} take {human(primed)} with it, "
        f"{human(without)} without: {change:+.1f} %"
    )
