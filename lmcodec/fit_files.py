"""Fits to arrays in files and says what that gains: `lmcodec train --model circuit`."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmcodec.checkpoints import check_free, stoppable
from lmcodec.errors import FormatError
from lmcodec.fitted import SUFFIX, FittedCircuit
from lmcodec.models.cm import Cm
from lmcodec.names import STDIN, expand
from lmcodec.outputs import open_output
from lmcodec.terminal import Terminal, human, shown
from lmcodec.train_files import is_same, read_samples
from lmcodec.transforms.array import Array

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from lmcodec.circuit.trainer import EpochReport
    from lmcodec.models.base import Model

# Of what was held back, what level 9 is tried on: it is slow.
_TRIED_BYTES = 1 << 20


@dataclass(frozen=True)
class Job:
    """What to fit to, and where the file goes.

    Args:
        names: Files with arrays of samples of one shape, or folders where it is recursive; "-" is
            standard input.
        output: Where the file goes; a checkpoint stands beside it until then.
        hold_back_percent: How many of the samples are held back: 0 to 50.
        recursive: Whether to look into folders.
        force: Whether to replace output and checkpoint.
        resume: Whether to go on from the checkpoint.
    """

    names: list[str]
    output: str
    hold_back_percent: int
    recursive: bool
    force: bool
    resume: bool


def fit_files(
    job: Job,
    terminal: Terminal,
    *,
    states: int,
    structure: str,
    epochs: int,
    seed: int,
    threads: int | None,
) -> None:
    """Fit to arrays, write the circuit, and say what it gains.

    Args:
        job: What to fit to, and where the circuit goes.
        terminal: Where words go.
        states: Hidden states of each node.
        structure: Kind of the tree; see `lmcodec.circuit.Circuit`.
        epochs: How often to see the samples, at most.
        seed: Of all that is drawn.
        threads: Threads, or None for one each processor.

    Raises:
        OSError: A file cannot be read, or the output cannot be written.
        ValueError: There are no samples, or the output has a wrong name.
        FormatError: A file has no array of bytes, or one of other samples; the checkpoint is
            damaged.
        UnsupportedError: numba is not installed.
    """
    checkpoint = f"{job.output.removesuffix(SUFFIX)}.checkpoint.npz"

    def fit(kept: NDArray[np.uint8], _held: NDArray[np.uint8]) -> bytes:
        return _fit(
            kept,
            terminal,
            checkpoint,
            states=states,
            structure=structure,
            epochs=epochs,
            seed=seed,
            threads=threads,
            resume=job.resume,
        )

    data, count, held = fit_to_arrays(
        job, fit, kind="a circuit", suffix=SUFFIX, checkpoint=checkpoint
    )
    circuit = FittedCircuit(data)
    terminal.note(
        f"{shown(job.output)}: {human(len(data))}, {circuit.core.edges:,} edges, from {count:,} "
        f"samples of {circuit.variables:,} symbols"
    )
    from lmcodec.models.circuit import CircuitModel

    terminal.note(gain(CircuitModel(circuit=circuit), circuit.variables, held))


def fit_to_arrays(
    job: Job,
    fit: Callable[[NDArray[np.uint8], NDArray[np.uint8]], bytes],
    *,
    kind: str,
    suffix: str,
    checkpoint: str,
) -> tuple[bytes, int, NDArray[np.uint8]]:
    """Read arrays, fit to them, and write the file.

    Args:
        job: What to fit to, and where the file goes.
        fit: Called with the samples to fit to, and with those that are held back; returns the
            bytes of the file. It may leave a checkpoint, which is removed when the file is there.
        kind: What is fitted, with an article.
        suffix: That of the output.
        checkpoint: Where `fit` leaves a checkpoint.

    Returns:
        The bytes of the file, the number of samples that it was fitted to, and the others.

    Raises:
        OSError: A file cannot be read, or the output cannot be written; or there is a checkpoint,
            and neither `force` nor `resume`.
        ValueError: There are no samples, or the output has a wrong name.
        FormatError: A file has no array of bytes, or one of other samples.
    """
    if not job.output.endswith(suffix):
        raise ValueError(f"output of {kind} must end in {suffix}: {job.output}")
    check_free(checkpoint, resume=job.resume, force=job.force)
    target = open_output(job.output, replace=job.force, sparse=False, like=None, sync=True)
    try:
        samples = read_arrays(job)
        count = len(samples) - len(samples) * job.hold_back_percent // 100
        held = samples[count:]
        data = fit(samples[:count], held)
        target.write(data)
        target.commit()
    except BaseException:
        target.abandon()
        raise
    if os.path.exists(checkpoint):
        os.remove(checkpoint)
    return data, count, held


def read_arrays(job: Job) -> NDArray[np.uint8]:
    """Return the samples of all files but the output, one after the other.

    Shapes:
        returns: uint8 [samples, ...]

    Raises:
        OSError: A file cannot be read.
        ValueError: There are no samples.
        FormatError: A file has no array of bytes, or one of other samples.
    """
    import numpy as np

    paths = [
        path
        for name in job.names
        for path in expand(name, recursive=job.recursive, compressed=False)
        if path == STDIN or not is_same(path, job.output)
    ]
    found: list[NDArray[np.uint8]] = []
    for path in paths:
        for raw in read_samples(path, by_line=False):
            array = Array.probe(raw)
            if array is None:
                raise FormatError(
                    f"{path}: not an array of bytes",
                    hint="give files of NumPy (.npy, uint8) or IDX, or images in PGM or PPM",
                )
            sample = array.shape.axes
            count = array.size // array.shape.sample
            values = np.frombuffer(raw, np.uint8, count * array.shape.sample, array.offset)
            samples = values.reshape(count, *sample)
            if found and found[0].shape[1:] != sample:
                raise FormatError(
                    f"{path}: samples have the shape {sample}: {found[0].shape[1:]} in others"
                )
            found.append(samples)
    if not any(map(len, found)):
        raise ValueError("there are no samples to fit to")
    return np.concatenate(found)


def _fit(
    samples: NDArray[np.uint8],
    terminal: Terminal,
    checkpoint: str,
    *,
    states: int,
    structure: str,
    epochs: int,
    seed: int,
    threads: int | None,
    resume: bool,
) -> bytes:
    """Fit where one can follow it, and a signal leaves a checkpoint."""
    from lmcodec.circuit import Circuit

    done = 0
    circuit = Circuit(states=states, structure=structure, epochs=epochs, seed=seed, threads=threads)
    with stoppable(terminal, checkpoint) as stop:

        def progress(report: EpochReport) -> None:
            nonlocal done
            # In bytes that were seen, for these are what is shown.
            done = samples.nbytes * report.epoch // max(report.epochs, 1)
            held = report.held_bits_per_dimension
            beside = "" if math.isnan(held) else f", {held:.4f} of others"
            terminal.note(
                f"epoch {report.epoch} of {report.epochs}: {report.bits_per_dimension:.4f} bits a "
                f"symbol{beside}",
                level=1,
            )
            if stop.is_set():
                raise KeyboardInterrupt

        terminal.begin("fitting", samples.nbytes, lambda: done)
        circuit.fit(samples, progress=progress, checkpoint=checkpoint, resume=resume)
    return circuit.to_bytes()


def gain(model: Model, size: int, held: NDArray[np.uint8]) -> str:
    """Return a line on what samples that were held back take.

    Args:
        model: What codes them.
        size: Symbols of a sample.
        held: The samples.
    """
    symbols = held[: max(1, _TRIED_BYTES // size)].tobytes()
    if not symbols:
        return "nothing was held back, so what it gains is not known"
    coded = len(model.encode(symbols))
    other = len(Cm.for_level(9).fit(symbols).encode(symbols))
    return (
        f"held back: {len(symbols) // size:,} samples of {human(len(symbols))} take "
        f"{human(coded)} with it, {8 * coded / len(symbols):.3f} bits a symbol, {human(other)} at "
        "level 9"
    )
