"""Trains a network on arrays in files and says what it gains: `lmcodec train --model ardm`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lmcodec.checkpoints import stoppable
from lmcodec.errors import UnsupportedError
from lmcodec.fit_files import Job, fit_to_arrays, gain
from lmcodec.fitted import ARDM_SUFFIX, FittedArdm
from lmcodec.terminal import Terminal, human, shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

DEFAULT_MINUTES = 10
# Between two reports, after each of which it can be stopped.
_EVERY = 50
# Stands in for no limit: time ends the training.
_STEPS = 1 << 30


def learn_files(
    job: Job,
    terminal: Terminal,
    *,
    stages: int,
    minutes: float,
    seed: int,
    threads: int | None,
) -> None:
    """Train on arrays, write the network, and say what it gains.

    Args:
        job: What to train on, and where the network goes.
        terminal: Where words go.
        stages: How often a symbol is refined.
        minutes: How long to train.
        seed: Of all that is drawn.
        threads: Threads, or None for one each processor.

    Raises:
        OSError: A file cannot be read, or the output cannot be written.
        ValueError: There are no samples, or the output has a wrong name.
        FormatError: A file has no array of bytes, or one of other samples; the checkpoint is
            damaged.
        UnsupportedError: torch is not installed.
    """
    checkpoint = f"{job.output.removesuffix(ARDM_SUFFIX)}.checkpoint.safetensors"

    def fit(kept: NDArray[np.uint8], held: NDArray[np.uint8]) -> bytes:
        return _train(
            kept,
            held if len(held) else kept,
            terminal,
            Path(checkpoint),
            stages=stages,
            minutes=minutes,
            seed=seed,
            threads=threads,
            resume=job.resume,
        )

    data, count, held = fit_to_arrays(
        job, fit, kind="a network of ardm", suffix=ARDM_SUFFIX, checkpoint=checkpoint
    )
    from lmcodec.models.ardm import ArdmModel

    network = FittedArdm(data)
    terminal.note(
        f"{shown(job.output)}: {human(len(data))}, from {count:,} samples of "
        f"{network.size:,} symbols"
    )
    terminal.note(gain(ArdmModel(network=network).fit(b""), network.size, held))


def _train(
    kept: NDArray[np.uint8],
    held: NDArray[np.uint8],
    terminal: Terminal,
    checkpoint: Path,
    *,
    stages: int,
    minutes: float,
    seed: int,
    threads: int | None,
    resume: bool,
) -> bytes:
    """Train where one can follow it, and a signal leaves a checkpoint."""
    try:
        from lmcodec.ardm.fit import alphabet_of, train
        from lmcodec.ardm.trainer import Plan
        from lmcodec.tuning.run import use_threads
    except ImportError as error:
        raise UnsupportedError(
            f"training needs torch: {error}", hint="pip install 'lmcodec[lm]'"
        ) from error
    from lmcodec.ardm.config import Config

    axes = tuple(side for side in kept.shape[1:] if side > 1) or (1,)
    kept, held = kept.reshape(len(kept), -1), held.reshape(len(held), -1)
    # Of all samples, for the few that are held back must have numbers, too.
    symbols = alphabet_of(np.concatenate([kept, held]))
    config = Config.suited(axes, len(symbols), stages)
    plan = Plan(steps=_STEPS, minutes=minutes, seed=seed)
    done = 0
    with stoppable(terminal, os.fspath(checkpoint)) as stop:

        def tell(step: int, bits: float, held_bits: float) -> None:
            nonlocal done
            # In bytes that were seen, for these are what is shown.
            done = step * plan.items * kept.shape[1]
            words = f"step {step:,}: {bits:.4f} bits a symbol, {held_bits:.4f} of others"
            terminal.note(words, level=1)
            if stop.is_set():
                raise KeyboardInterrupt

        terminal.begin("training", 0, lambda: done)
        with use_threads(threads):
            return train(
                kept,
                held,
                config,
                plan,
                symbols,
                tell,
                checkpoint=checkpoint,
                resume=resume,
                every=_EVERY,
            )
