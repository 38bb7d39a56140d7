"""Trains the network of the package further on text of one's own. Needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lmcodec.errors import UnsupportedError
from lmcodec.network import Network, find
from lmcodec.shelf import sha256

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from typing_extensions import Buffer

DEFAULT_BASE = "bytelm"
DEFAULT_MINUTES = 10.0
DEFAULT_PASSES = 4.0
# Of less nothing can be learnt that holds for other text.
LEAST_BYTES = 1 << 13


@dataclass(frozen=True)
class TuningStep:
    """What was done so far.

    Args:
        step: How many steps.
        seen: Bytes of text that they saw.
        seconds: That they took.
        bits_per_byte: Of the text of the last step, by the network before it, in floats.
    """

    step: int
    seen: int
    seconds: float
    bits_per_byte: float


def train_network(
    samples: Iterable[Buffer],
    *,
    base: str | os.PathLike[str] | Network = DEFAULT_BASE,
    minutes: float | None = DEFAULT_MINUTES,
    passes: float = DEFAULT_PASSES,
    seed: int = 1,
    threads: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: Callable[[int, int], None] | None = None,
    note: Callable[[TuningStep], None] | None = None,
) -> Network:
    """Train a network further on text of one kind: what a megabyte of it, or more, is like.

    It then predicts that kind better than before, and other text worse. Streams that are coded with
    it need it for decoding: keep its file. Needs torch: ``pip install "lmcodec[lm]"``.

    Args:
        samples: Texts, each a whole file or message; a line should end each message.
        base: The name or file of the network to start from, or a network.
        minutes: Stop after this time at the latest, or None for any time. What is learnt then
            depends on the machine's speed.
        passes: How often to see all samples, about.
        seed: Of what is read when.
        threads: Threads of torch, or None for as many as it takes by itself.
        checkpoint: Where to leave, each minute and when training is interrupted, what is needed to
            go on; removed at the end. None for no such file.
        resume: Whether to go on from the checkpoint: with the same samples and base.
        progress: Called with (bytes seen, in all) in the calling thread, after every step. Where
            the time is up before, the first number goes faster. What it raises ends the training.
        note: Called after every step.

    Returns:
        The network: use it as ``network=`` of `lmcodec.compress` or `lmcodec.MessageCodec`, and
        write ``bytes(network)`` to a file. It predicts the same on every machine, but other
        machines and versions of torch train another one from the same samples.

    Raises:
        UnsupportedError: torch or safetensors are not installed.
        TypeError: A sample is not a buffer.
        ValueError: A number is out of range, there is too little text, the base is not known, or
            the checkpoint is of other samples or another base.
        FormatError: The file of the base is not a network, or the checkpoint is damaged.
        OSError: A file cannot be read or written.
    """
    _check(minutes=minutes, passes=passes, seed=seed, threads=threads)
    if resume and checkpoint is None:
        raise ValueError("resume needs a checkpoint")
    # Views, since `bytes` of a number would be so many zeros.
    texts = [bytes(memoryview(sample)) for sample in samples]
    # A text of its own begins as if after the end of a line.
    text = b"".join(one if one.endswith(b"\n") else one + b"\n" for one in texts if one)
    if len(text) < LEAST_BYTES:
        raise ValueError(
            f"there is too little text to train a network on: {len(text)} of {LEAST_BYTES} bytes"
        )
    start = base if isinstance(base, Network) else find(base)
    check_installed()
    from lmcodec.tuning.run import Plan, Run, use_threads

    total = round(len(text) * passes)
    name = sha256(start.digest + sha256(text)).hex()
    run = Run(bytes(start), Plan(text, total, minutes, seed, name))
    path = Path(checkpoint) if checkpoint is not None else None
    if path is not None and resume:
        run.resume(path)

    def tell() -> None:
        if note is not None:
            note(TuningStep(run.step, run.seen, run.spent, run.bits))
        if progress is not None:
            progress(round(run.progress * total), total)

    with use_threads(threads):
        run.train(tell, path)
    network = Network(run.file())
    if path is not None:
        path.unlink(missing_ok=True)
    return network


def _check(*, minutes: float | None, passes: float, seed: int, threads: int | None) -> None:
    for name, share in (("minutes", minutes), ("passes", passes)):
        if share is not None and not share > 0:
            raise ValueError(f"{name} must be more than 0: got {share}")
    for name, number in (("threads", threads), ("seed", seed)):
        if number is not None and number < 0:
            raise ValueError(f"{name} must not be negative: got {number}")


def check_installed() -> None:
    """Check that what training needs is there.

    Raises:
        UnsupportedError: It is not.
    """
    try:
        import safetensors  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise UnsupportedError(
            f"training a network needs torch and safetensors: {error.name} is not installed",
            id=error.name,
            hint='install both by: pip install "lmcodec[lm]"',
        ) from error
