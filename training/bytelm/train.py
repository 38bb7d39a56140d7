"""The training loop: batches split among threads, checkpoints, held-back text."""

from __future__ import annotations

import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from lmcodec.tuning import kernels
from lmcodec.tuning.data import Streams, batch
from lmcodec.tuning.learner import Learner, Rates, autocast
from lmcodec.tuning.model import Block
from lmcodec.tuning.optimize import rate_at
from lmcodec.tuning.quantize import Quantizer
from training.bytelm import cuda, graphs
from training.bytelm.data import SHARES, texts
from training.bytelm.loader import Loader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from lmcodec.tuning.learner import Gradients

kernels.accelerate(cuda)


@dataclass(frozen=True)
class Plan:
    """How to train.

    Args:
        streams: Rows of a batch, over all threads.
        length: Bytes of a row.
        threads: A batch is split among them; on an accelerator, processes that draw batches.
        rate: Of AdamW.
        matrix_rate: Of Muon, for the matrices between hidden values; 0 leaves them to AdamW.
        table_rate: Of the tables.
        table_half: Uses of a row after which its steps are seven tenths as large.
        seed: Of first values and of what is read.
        bytes: Stop after so many.
        minutes: Or after this time.
        decay: The share of the run, at its end, in which steps shrink to nothing.
        exact: The share of the run, at its end, in which weights and activations are rounded.
        pieces: Of each held-back text that are tried for the log.
        device: Where to compute: ``cpu`` or ``cuda``.
    """

    streams: int = 32
    length: int = 256
    threads: int = 2
    rate: float = 3e-3
    matrix_rate: float = 0.02
    table_rate: float = 2e-2
    table_half: float = 30.0
    seed: int = 1
    bytes: int = 0
    minutes: float = 0.0
    decay: float = 0.4
    exact: float = 0.08
    pieces: int = 4
    device: str = "cpu"


@torch.no_grad()
def held_bits(
    model: Any, held: dict[str, NDArray[np.uint8]], *, exact: bool, pieces: int, size: int
) -> dict[str, float]:
    """Return the bits for each byte of pieces of each held-back text, each begun from nothing."""
    bits = {}
    device = model.out.device
    for kind, text in held.items():
        starts = np.linspace(0, len(text) - size, pieces).astype(int)
        stack = np.stack([np.append(np.uint8(10), text[at : at + size]) for at in starts])
        state = model.start(pieces)
        contexts = [model.contexts.of(row[:-1]) for row in stack]
        total = 0.0
        for at in range(0, size, 512):
            end = min(at + 512, size)
            part = batch(
                stack[:, at : end + 1],
                np.full(pieces, at == 0),
                np.stack([rows[at:end] for rows, _ in contexts]),
                np.stack([words[at:end] for _, words in contexts]),
            ).to(device)
            with autocast(device):
                logits, _ = model(part, state, exact)
            logits = logits.float()
            total += float(functional.cross_entropy(logits, part.targets, reduction="sum"))
        bits[kind] = total / math.log(2) / (pieces * size)
    return bits


def mean(bits: dict[str, float]) -> float:
    """Return the mean over kinds, by their shares."""
    return sum(SHARES[kind] * value for kind, value in bits.items()) / sum(
        SHARES[kind] for kind in bits
    )


@torch.no_grad()
def settle(model: Any, train: dict[str, NDArray[np.uint8]], seed: int, batches: int = 24) -> None:
    """Take the scales of what is rounded from values that are seen in a few batches."""
    quantizers = [m for m in model.modules() if isinstance(m, Quantizer)]
    for q in quantizers:
        q.watching = True
    device = model.out.device
    streams = Streams(train, SHARES, model.contexts, 16, 256, (seed, 1 << 20))
    state = model.start(16)
    for _ in range(batches):
        with autocast(device):
            model(streams().to(device), state)
    for q in quantizers:
        q.watching = False
        q.settle()
    # After the scales of activations, which are in some of the matrices.
    for block in (m for m in model.modules() if isinstance(m, Block)):
        block.settle()


class Trainer:
    """A run.

    Args:
        model: What to train.
        plan: How.
        folder: With prepared texts.
        output: Where checkpoints and the log go; its name without a suffix.
        say: Takes lines of progress.
    """

    def __init__(
        self, model: Any, plan: Plan, folder: Path, output: Path, say: Callable[[str], None]
    ) -> None:
        self.model, self.plan, self.output, self.say = model, plan, output, say
        self.step, self.seen, self.spent = 0, 0, 0.0
        self.exact = False
        self.commands: list[str] = []
        self.log: list[dict[str, Any]] = []
        self._folder, self._device = folder, torch.device(plan.device)
        self._train, self._held = texts(folder, "train"), texts(folder, "held")
        model.move(self._device)
        rates = Rates(plan.rate, plan.matrix_rate, plan.table_rate, plan.table_half)
        self._learner = Learner(model, rates)

    def save(self, name: str = "") -> None:
        """Write a checkpoint, ``name`` behind that of the run."""
        state = {
            **self._learner.state(),
            "at": (self.step, self.seen, self.spent, self.exact),
            "log": self.log,
            "commands": self.commands,
            "plan": asdict(self.plan),
            "config": asdict(self.model.config),
        }
        part = self.output.with_suffix(".part")
        torch.save(state, part)
        part.replace(self.output.with_name(f"{self.output.name}{name}.pt"))

    def resume(self) -> None:
        """Go on from the checkpoint; other text is drawn than before it."""
        state = torch.load(self.output.with_suffix(".pt"), weights_only=True)
        self._learner.load(state)
        self.step, self.seen, self.spent, self.exact = state["at"]
        self.log, self.commands = state["log"], state["commands"]

    def _progress(self) -> float:
        if self.plan.minutes:
            return self.spent / (60.0 * self.plan.minutes)
        return self.seen / self.plan.bytes

    @contextmanager
    def _steps(self) -> Iterator[Callable[[float], torch.Tensor]]:
        """Give what draws the next batches, takes a step, and returns the loss."""
        plan, contexts = self.plan, self.model.contexts

        def gradients(streams: Streams, state: Any) -> Gradients:
            return self._learner.gradients(streams(), state, self.exact)

        if self._device.type == "cpu":
            each = plan.streams // plan.threads
            torch.set_num_threads(1)
            parts = [
                (
                    Streams(
                        self._train,
                        SHARES,
                        contexts,
                        each,
                        plan.length,
                        (plan.seed, self.step, n),
                    ),
                    self.model.start(each),
                )
                for n in range(plan.threads)
            ]
            with ThreadPoolExecutor(plan.threads) as pool:

                def split(factor: float) -> torch.Tensor:
                    results = list(pool.map(lambda part: gradients(*part), parts))
                    self._learner.apply(results, factor)
                    return torch.stack([loss for loss, _, _ in results]).mean()

                yield split
            return
        loader = Loader(
            self._folder,
            contexts.rows,
            contexts.used,
            (plan.streams, plan.length),
            (plan.seed, self.step),
            plan.threads,
            self._device,
        )
        steps = graphs.Steps(self._learner, graphs.room(plan.streams * plan.length), self.say)
        states = [steps.start(plan.streams) for _ in range(plan.threads)]

        def whole(factor: float) -> torch.Tensor:
            turn = self.step % plan.threads
            return steps(loader.take(turn), states[turn], factor, self.exact)

        try:
            yield whole
        finally:
            loader.close()

    def run(self, every_s: float = 60.0, save_s: float = 240.0, stop_s: float = math.inf) -> None:
        """Train to the end of the plan, or until it is to go on elsewhere.

        Args:
            every_s: Seconds between two lines of the log.
            save_s: Seconds between two checkpoints.
            stop_s: Seconds of the whole run after which it stops.
        """
        plan = self.plan
        begun, recent, settled = self.spent, [], 0.0
        decaying = self._progress() > 1.0 - plan.decay
        with self._steps() as step:
            # What starting took is not part of the time to plan with.
            clock = saved = said = time.monotonic()
            while (progress := self._progress()) < 1.0 and self.spent < stop_s:
                if progress > 1.0 - plan.decay and not decaying:
                    # From here a longer run can go on as if this one had not ended.
                    decaying = True
                    self.save("-stable")
                    self.say(f"decaying from step {self.step} on")
                last = progress > 1.0 - plan.exact / 3
                if progress > 1.0 - plan.exact and progress - settled > 0.02 and not last:
                    # Scales follow the values while these still move.
                    settle(self.model, self._train, plan.seed)
                    settled = progress
                    if not self.exact:
                        self.say(f"rounded from step {self.step} on")
                    self.exact = True
                recent.append(step(rate_at(progress, self.step, plan.decay)))
                self.step += 1
                self.seen += plan.streams * plan.length
                now = time.monotonic()
                self.spent = begun + now - clock
                if now - said > every_s:
                    self._report(recent)
                    recent, said = [], now
                if now - saved > save_s:
                    self.save()
                    saved = now
            if recent:
                self._report(recent)
        self.save()

    def _report(self, recent: list[torch.Tensor]) -> None:
        bits = held_bits(
            self.model, self._held, exact=self.exact, pieces=self.plan.pieces, size=4096
        )
        entry = {
            "step": self.step,
            "bytes": self.seen,
            "seconds": round(self.spent, 1),
            "train": round(float(torch.stack(recent).mean()) / math.log(2), 4),
            "held": round(mean(bits), 4),
            "exact": self.exact,
            "kinds": {kind: round(value, 3) for kind, value in bits.items()},
        }
        self.log.append(entry)
        self.output.with_suffix(".jsonl").write_text(
            "".join(json.dumps(line) + "\n" for line in [{"plan": asdict(self.plan)}, *self.log])
        )
        rate = self.seen / self.spent / 1000
        self.say(
            f"step {self.step}, {self.seen / 1e6:.1f} MB, {self.spent:.0f} s, {rate:.1f} kB/s: "
            f"train {entry['train']:.3f}, held {entry['held']:.3f} "
            + " ".join(f"{kind} {value:.2f}" for kind, value in bits.items())
        )
