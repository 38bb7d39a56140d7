"""Whole buffers in, whole buffers out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from lmcodec.frame import Feed, FrameWriter, decode_frames
from lmcodec.options import DEFAULT_MAX_OUTPUT_BYTES, NetworkChoice, Options, PriorChoice, settings
from lmcodec.workers import Workers

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from lmcodec.models.base import Model
    from lmcodec.transforms.base import Transform

# Called with the bytes of content done, and of all content where that is known.
Progress = Callable[[int, "int | None"], None]


def compress(
    data: Buffer,
    level: int | None = None,
    options: Options | None = None,
    *,
    model: Model | str = "auto",
    transform: Transform | str = "auto",
    prior: PriorChoice = "auto",
    network: NetworkChoice = "auto",
    embed: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
    block_size: int | None = None,
) -> bytes:
    """Compress bytes.

    Args:
        data: Any contiguous buffer.
        level: 1 (fast) to 9 (small); 5 when neither it nor `options` is given.
        options: Values by `CompressionParameter`; not together with `level`.
        model: "auto" to choose by content, "stored", the id of a model, or a model.
        transform: "auto" to choose by content where the model is, "raw" for none, the id of a
            transform, or a transform.
        prior: What text starts from: "auto" for the prior of the package where it pays, "none", the
            name or file of a prior, or a prior. Decoding needs the same one.
        network: What predicts text at level 9 beside the model, or is the model `bytelm`: "auto"
            for the network of the package where it pays, "none", the name or file of a network, or
            a network. Decoding needs the same one.
        embed: Whether the frame has copies of the prior and of the network, where they are not of
            the package, so that decoding needs nothing else. It has none of what no text needs.
        threads: Blocks that are coded side by side; the bytes do not depend on it.
        progress: Called with (bytes done, bytes in all) in the calling thread, after every 64 KiB
            that a slow model codes and after every block. What it raises ends the work.
        block_size: Bytes of content in a block, or None for that of the level.

    Returns:
        One frame.

    Raises:
        TypeError: An argument has a wrong type, or `level` and `options` are both given.
        ValueError: An argument is outside its bounds, the model or transform is not known, or a
            network is asked for where none can be used, or the prior cannot be embedded.
        ModelError: The model cannot code this content.
        LimitError: The prior or the network is too large to be embedded.

    Example:
        >>> import lmcodec
        >>> lmcodec.decompress(lmcodec.compress(b"banana " * 1000)) == b"banana " * 1000
        True
    """
    chosen = settings(
        level,
        options,
        model=model,
        transform=transform,
        prior=prior,
        network=network,
        embed=embed,
        threads=threads,
        block_size=block_size,
    )
    view = memoryview(data).cast("B")
    report = _Report(progress, lambda: writer.done, len(view))
    workers = Workers(chosen.threads, report if progress is not None else None)
    writer = FrameWriter(
        chosen.plan,
        chosen.block_size,
        content_size=len(view),
        digest=chosen.digest,
        workers=workers,
    )
    parts: list[bytes] = []
    try:
        for part in writer.write(view):
            parts.append(part)
            report()
        parts += writer.finish()
    finally:
        workers.close()
    report(end=True)
    return b"".join(parts)


def decompress(
    data: Buffer,
    *,
    max_output_size: int | None = DEFAULT_MAX_OUTPUT_BYTES,
    max_memory: int | None = None,
    threads: int | None = None,
    progress: Progress | None = None,
) -> bytes:
    """Decompress all frames in a buffer, and join their content.

    Args:
        data: Any contiguous buffer of one or more whole frames.
        max_output_size: Bytes of content to return at most, or None for any number. It is checked
            before anything is decoded.
        max_memory: Bytes that decoding a block may need, or None for any number.
        threads: Blocks that are decoded side by side.
        progress: Called with (bytes done, None) in the calling thread, after every 64 KiB that a
            slow model decodes and after every block. What it raises ends the work.

    Returns:
        The content.

    Raises:
        FormatError: The buffer is not made of whole, undamaged frames.
        UnsupportedError: A frame needs a newer release, or a model that is not installed.
        WeightsError: The prior that a frame started from is not here.
        LimitError: The content is larger than allowed, or a block needs too much memory.
    """
    parts: list[bytes] = []
    report = _Report(progress, lambda: workers.done, None)
    workers = Workers(threads or 1, report if progress is not None else None)
    for part in decode_frames(
        Feed(data), max_output_size=max_output_size, max_memory=max_memory, workers=workers
    ):
        parts.append(part)
        report()
    report(end=True)
    return b"".join(parts)


def decompress_into(
    data: Buffer, out: Buffer, *, max_memory: int | None = None, threads: int | None = None
) -> int:
    """Decompress all frames in a buffer into another buffer.

    Args:
        data: Any contiguous buffer of one or more whole frames.
        out: A writable contiguous buffer; bytes behind the content are left as they are.
        max_memory: Bytes that decoding a block may need, or None for any number.
        threads: Blocks that are decoded side by side.

    Returns:
        How many bytes were written.

    Raises:
        FormatError: The buffer is not made of whole, undamaged frames.
        UnsupportedError: A frame needs a newer release, or a model that is not installed.
        LimitError: The content does not fit into `out`, or a block needs too much memory.
        TypeError: `out` is not writable.
    """
    view = memoryview(out).cast("B")
    if view.readonly:
        raise TypeError("out must be writable")
    position = 0
    for part in decode_frames(
        Feed(data),
        max_output_size=len(view),
        max_memory=max_memory,
        workers=Workers(threads or 1),
    ):
        view[position : position + len(part)] = part
        position += len(part)
    return position


class _Report:
    """Tells a caller how much is done, whenever that is more than before.

    Args:
        progress: What to call, or None.
        done: Returns the bytes done.
        total: Bytes in all, or None where they are not known.
    """

    def __init__(
        self, progress: Progress | None, done: Callable[[], int], total: int | None
    ) -> None:
        self._progress = progress
        self._done = done
        self._total = total
        self._last: int | None = None

    def __call__(self, *, end: bool = False) -> None:
        """Call it, where there is something new; at the end also if that is nothing at all."""
        done = self._done()
        if self._progress is not None and (
            done > (self._last or 0) or (end and done != self._last)
        ):
            self._last = done
            self._progress(done, self._total)
