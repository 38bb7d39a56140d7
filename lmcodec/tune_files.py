"""Trains a network on files and says what it gains: `lmcodec train --model bytelm`."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from lmcodec import network as networks
from lmcodec import prior as priors
from lmcodec.checkpoints import check_free, stoppable
from lmcodec.models.bytelm import Bytelm
from lmcodec.models.cm import Cm
from lmcodec.names import STDIN, expand
from lmcodec.outputs import open_output
from lmcodec.shelf import sha256
from lmcodec.terminal import Terminal, human, shown
from lmcodec.train_files import is_same, read_samples, split
from lmcodec.tune import TuningStep, check_installed, train_network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lmcodec.network import Network

# What is tried on the part that was held back: both models are slow.
_TRIED_BYTES, _TRIED_SAMPLES = 1 << 17, 256
_NOTE_S = 30.0


def tune_files(
    names: list[str],
    output: str,
    terminal: Terminal,
    *,
    base: str,
    minutes: float,
    passes: float,
    seed: int,
    threads: int | None,
    hold_back_percent: int,
    by_line: bool,
    recursive: bool,
    force: bool,
    resume: bool,
) -> None:
    """Train on files, write the network and its card, and say what it gains.

    Args:
        names: Files, or folders where it is recursive; "-" is standard input.
        output: Where the network goes; its card and a checkpoint stand beside it.
        terminal: Where words go.
        base: Name or file of the network to start from.
        minutes: Stop after this time at the latest.
        passes: How often to see the text, about.
        seed: Of what is read when.
        threads: Threads of torch, or None for as many as it takes by itself.
        hold_back_percent: How much of the text is held back: 0 to 50.
        by_line: Whether each line is a sample, not each file.
        recursive: Whether to look into folders.
        force: Whether to replace output, card and checkpoint.
        resume: Whether to go on from the checkpoint.

    Raises:
        OSError: A file cannot be read, or the output cannot be written.
        ValueError: There is too little text, or the output has a wrong name.
        FormatError: The base is not a network, or the checkpoint is damaged.
        UnsupportedError: torch is not installed.
    """
    if not output.endswith(networks.SUFFIX):
        raise ValueError(f"output of a network must end in {networks.SUFFIX}: {output}")
    stem = output.removesuffix(networks.SUFFIX)
    card, checkpoint = f"{stem}.toml", f"{stem}.checkpoint"
    check_installed()
    check_free(checkpoint, resume=resume, force=force)
    paths = [path for file in names for path in expand(file, recursive=recursive, compressed=False)]
    # Below a folder there may be the network of an earlier run.
    own = (output, card, checkpoint)
    paths = [path for path in paths if path == STDIN or not any(is_same(path, one) for one in own)]
    start = networks.find(base)
    # Before the work, not after it.
    targets = []
    try:
        for path in (output, card):
            targets.append(open_output(path, replace=force, sparse=False, like=None, sync=True))
        samples = [sample for path in paths for sample in read_samples(path, by_line)]
        texts = _text_lines(paths)
        kept, held = split(samples, hold_back_percent)
        network, last = _train(
            kept,
            terminal,
            checkpoint,
            base=start,
            minutes=minutes,
            passes=passes,
            seed=seed,
            threads=threads,
            resume=resume,
        )
        # What took minutes comes first; what it gains takes one more.
        targets[0].write(bytes(network))
        targets.pop(0).commit()
        raw = sum(map(len, kept))
        terminal.note(
            f"{shown(output)}: {human(len(bytes(network)))} from {len(kept):,} samples of "
            f"{human(raw)}"
        )
        settings: dict[str, object] = {
            "seed": seed,
            "passes": passes,
            "minutes": minutes,
            "hold_back_percent": hold_back_percent,
            "lines": by_line,
            "steps": last.step if last else 0,
            "bytes_seen": last.seen if last else 0,
            "seconds": round(last.seconds) if last else 0,
        }
        gain = _Gain(_tried(held), start, network)
        lines = [*_head(start, settings), *texts, *_tail(network, gain)]
        targets[0].write("\n".join([*lines, ""]).encode())
        targets.pop(0).commit()
    except BaseException:
        for target in targets:
            target.abandon()
        raise
    terminal.note(gain.words())


def _train(
    samples: list[bytes],
    terminal: Terminal,
    checkpoint: str,
    *,
    base: Network,
    minutes: float,
    passes: float,
    seed: int,
    threads: int | None,
    resume: bool,
) -> tuple[Network, TuningStep | None]:
    """Train where one can follow it, and a signal leaves a checkpoint."""
    done, last, said = 0, None, time.monotonic()
    bits: list[float] = []

    with stoppable(terminal, checkpoint) as stop:

        def progress(so_far: int, total: int) -> None:
            nonlocal done
            if not done:
                terminal.begin("training", total, lambda: done)
            done = so_far
            if stop.is_set():
                raise KeyboardInterrupt

        def note(step: TuningStep) -> None:
            nonlocal last, said
            last = step
            bits.append(step.bits_per_byte)
            if time.monotonic() - said > _NOTE_S:
                words = f"step {step.step:,}: {human(step.seen)} seen, "
                terminal.note(words + f"{sum(bits) / len(bits):.3f} bits a byte", level=1)
                bits.clear()
                said = time.monotonic()

        network = train_network(
            samples,
            base=base,
            minutes=minutes,
            passes=passes,
            seed=seed,
            threads=threads,
            checkpoint=checkpoint,
            resume=resume,
            progress=progress,
            note=note,
        )
    return network, last


def _tried(held: list[bytes]) -> list[bytes]:
    """Return some of what was held back, spread evenly."""
    every = max(1, -(-len(held) // _TRIED_SAMPLES))
    chosen = [sample for sample in held[::every] if sample]
    most = _TRIED_BYTES // max(1, len(chosen))
    short = sum(min(len(sample), most) for sample in chosen)
    # What short samples leave goes to the long ones.
    most += max(0, _TRIED_BYTES - short) // max(1, len(chosen))
    return [sample[:most] for sample in chosen]


class _Gain:
    """What samples take before and after, each coded by itself.

    Args:
        held: The samples.
        before: The network that training started from.
        after: The one that it made.
    """

    def __init__(self, held: Sequence[bytes], before: Network, after: Network) -> None:
        self._name = before.name
        self.samples, self.raw_bytes = len(held), sum(map(len, held))
        prior = priors.default()
        self.beside, self.alone = (
            [
                sum(len(make(network).encode(sample)) for sample in held)
                for network in (before, after)
            ]
            for make in (lambda net: Cm(Cm.NETWORK_LEVEL, prior=prior, network=net), Bytelm)
        )

    def words(self) -> str:
        """Return a line."""
        if not self.raw_bytes:
            return "nothing was held back, so what it gains is not known"
        (before, after), raw = self.beside, self.raw_bytes
        return (
            f"held back: {self.samples:,} samples of {human(raw)} take {human(after)} at level 9 "
            f"with it, {human(before)} with {self._name}: {100 * (after / before - 1):+.1f} %"
        )

    def lines(self) -> list[str]:
        """Return what the card says."""
        if not self.raw_bytes:
            return []
        lines = ["", "[held_back]", f"samples = {self.samples}", f"bytes = {self.raw_bytes}"]
        for name, sizes in (("level_9", self.beside), ("alone", self.alone)):
            for when, size in zip(("before", "after"), sizes, strict=True):
                lines.append(f"{name}_bytes_{when} = {size}")
                lines.append(f"{name}_bits_per_byte_{when} = {8 * size / self.raw_bytes:.4f}")
        return lines


def _head(base: Network, settings: dict[str, object]) -> list[str]:
    import torch

    from lmcodec import __version__

    return [
        "# How the network was trained; written by lmcodec train --model bytelm.",
        f'base = "{base.name}"',
        f'base_sha256 = "{base.digest.hex()}"',
        f'lmcodec = "{__version__}"',
        f'torch = "{torch.__version__}"',
        *(f"{name} = {json.dumps(value)}" for name, value in settings.items()),
    ]


def _text_lines(paths: list[str]) -> list[str]:
    lines = []
    for path in paths:
        # Where the files are is nobody's business.
        name = json.dumps(os.path.basename(path))
        lines += ["", "[[text]]", f"name = {name}"]
        if path != STDIN:
            with open(path, "rb") as file:
                content = file.read()
            lines.append(f"bytes = {len(content)}")
            lines.append(f'sha256 = "{sha256(content).hex()}"')
    return lines


def _tail(network: Network, gain: _Gain) -> list[str]:
    lines = ["", "[network]", f"bytes = {len(bytes(network))}"]
    return [*lines, f'sha256 = "{network.digest.hex()}"', *gain.lines()]
