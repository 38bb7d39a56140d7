"""The training loop: steps until the time is over, held-back text, weights to go on with."""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import save_file

from lmcodec.tuning.optimize import Muon, rate_at
from training.llm.data import Batches, about, after_begin, load
from training.llm.model import Config, Llama

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from training.llm.data import Tokens

# Of a file of weights, so that each is easily carried about.
_PIECE_BYTES = 15 << 20
# Losses are looked at this often; more often, and the accelerator waits for that.
_LOOK = 8


@dataclass(frozen=True)
class Plan:
    """How to train.

    Args:
        rows: Of a batch, each as long as the model's context.
        rate: Of AdamW, for the tokens' vectors and the norms.
        matrix_rate: Of Muon, for all other matrices.
        decay: The share of the run, at its end, in which steps shrink to nothing.
        seed: Of first weights and of what is read.
        minutes: Stop after this time, all that the run does included.
        steps: Or after so many.
        pieces: Of each held-back text, as long as the context, that are tried for the log.
        last_pieces: And at the end.
        device: Where to compute: ``cpu`` or ``cuda``.
        compile: Let torch make kernels for this model, if it can.
    """

    rows: int = 64
    rate: float = 3e-3
    matrix_rate: float = 0.02
    decay: float = 0.5
    seed: int = 1
    minutes: float = 0.0
    steps: int = 0
    pieces: int = 32
    last_pieces: int = 256
    device: str = "cpu"
    compile: bool = False


def autocast(device: torch.device) -> torch.autocast:
    """Return what makes products of 16 bits on an accelerator."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type != "cpu")


@torch.no_grad()
def held_bits(
    model: Any, held: Mapping[str, Tokens], lengths: Sequence[int], pieces: int
) -> dict[str, float]:
    """Return the bits for each byte of pieces of each held-back text, each begun from nothing.

    Args:
        model: Returns logits of tokens [batch, length].
        held: Tokens by kind.
        lengths: Bytes of each token.
        pieces: How many, as long as the model's context.
    """
    length, device = model.config.context, model.embed.weight.device
    bits = {}
    for kind, tokens in held.items():
        size = min(length, len(tokens))
        starts = np.linspace(0, len(tokens) - size, min(pieces, len(tokens) // size)).astype(int)
        rows = np.stack([tokens[at : at + size] for at in starts]).astype(np.int64)
        sizes = np.asarray(lengths)[rows].sum()
        total = 0.0
        for part in torch.from_numpy(rows).split(32):
            targets = part.to(device)
            with autocast(device):
                loss = model.loss(after_begin(targets), targets)
            total += float(loss) * targets.numel()
        bits[kind] = total / math.log(2) / float(sizes)
    return bits


def mean(bits: Mapping[str, float], shares: Mapping[str, float]) -> float:
    """Return the mean over kinds, by their shares."""
    return sum(shares[kind] * value for kind, value in bits.items()) / sum(
        shares[kind] for kind in bits
    )


def write_weights(model: Llama, folder: Path, metadata: dict[str, str]) -> None:
    """Write ``weights-N.safetensors``, 32 bits a weight, of at most 15 MiB each."""
    pieces: list[dict[str, torch.Tensor]] = [{}]
    room = _PIECE_BYTES
    for name, p in model.named_parameters():
        size = p.numel() * 4
        if size > room:
            pieces.append({})
            room = _PIECE_BYTES
        room -= size
        pieces[-1][name] = p.detach().cpu().contiguous()
    for number, piece in enumerate(pieces, 1):
        part = folder / "weights.part"
        save_file(piece, part, {**metadata, "pieces": str(len(pieces))})
        part.replace(folder / f"weights-{number}.safetensors")


class Trainer:
    """A run.

    Args:
        config: Sizes of the model.
        plan: How to train it.
        data: Folder with tokens.
        output: Folder for weights and the log.
        state: Where all else is kept that going on needs.
        say: Takes lines of progress.
    """

    def __init__(
        self,
        config: Config,
        plan: Plan,
        data: Path,
        output: Path,
        state: Path,
        say: Callable[[str], None],
    ) -> None:
        self._clock = time.monotonic()
        self.plan, self.say = plan, say
        self.step, self.tokens, self.spent = 0, 0, 0.0
        self.commands: list[str] = []
        self.log: list[dict[str, Any]] = []
        self._output, self._state = output, state
        self._begun, self._slower = 0.0, 1.0
        self._device = torch.device(plan.device)
        torch.set_float32_matmul_precision("high")
        self.model = Llama(config, plan.seed).to(self._device)
        self._about = about(data)
        self._train, self._held = load(data, "train"), load(data, "held")
        matrices, others = [], []
        for name, p in self.model.named_parameters():
            (matrices if p.ndim == 2 and name != "embed.weight" else others).append(p)
        self._adam = torch.optim.AdamW(
            others, lr=plan.rate, betas=(0.9, 0.98), weight_decay=0.02, fused=True
        )
        self._muon = Muon(matrices, lr=plan.matrix_rate)
        self._reserve = 0.0
        output.mkdir(parents=True, exist_ok=True)

    def resume(self) -> None:
        """Go on from what was saved; other text is drawn than before it."""
        state = torch.load(self._state, weights_only=True, map_location=self._device)
        self.model.load_state_dict(state["model"])
        self._adam.load_state_dict(state["adam"])
        self._muon.load_state_dict(state["muon"])
        self.step, self.tokens, self.spent = state["at"]
        self.log, self.commands = state["log"], state["commands"]
        self._begun = self.spent

    def save(self) -> None:
        """Write weights, and what going on needs."""
        metadata = {
            "config": json.dumps(asdict(self.model.config)),
            "plan": json.dumps(asdict(self.plan)),
            "commands": json.dumps(self.commands),
            "log": json.dumps(self.log),
            "step": str(self.step),
            "tokens": str(self.tokens),
            "seconds": f"{self.spent:.0f}",
        }
        write_weights(self.model, self._output, metadata)
        state = {
            "model": self.model.state_dict(),
            "adam": self._adam.state_dict(),
            "muon": self._muon.state_dict(),
            "at": (self.step, self.tokens, self.spent),
            "log": self.log,
            "commands": self.commands,
        }
        part = self._state.with_suffix(".part")
        torch.save(state, part)
        part.replace(self._state)

    def _progress(self) -> float:
        """Return the share of the run that is over; what it does at its end is left out."""
        self.spent = self._begun + time.monotonic() - self._clock
        if self.plan.steps:
            return self.step / self.plan.steps
        return self.spent / max(1.0, 60.0 * self.plan.minutes - self._reserve)

    def _gradients(
        self, loss_of: Callable[..., torch.Tensor], batch: tuple[torch.Tensor, torch.Tensor]
    ) -> torch.Tensor:
        with autocast(self._device):
            loss = loss_of(*batch)
        loss.backward()
        return loss.detach()

    def _loss(self, draw: Batches) -> Callable[..., torch.Tensor]:
        """Return what computes the loss, compiled if that is wanted and works."""
        if self.plan.compile:
            compiled: Callable[..., torch.Tensor] = torch.compile(self.model.loss)
            try:
                float(self._gradients(compiled, draw()))
            except Exception as error:
                # Compilers fail in many ways, and none of these is a reason not to train.
                self.say(f"not compiled: {type(error).__name__}: {error}")
            else:
                self.say(f"compiled after {time.monotonic() - self._clock:.0f} s")
                return compiled
            finally:
                self._forget()
        return self.model.loss

    def _forget(self) -> None:
        self._adam.zero_grad(set_to_none=True)
        self._muon.zero_grad(set_to_none=True)

    def _apply(self, progress: float) -> None:
        factor = self._slower * rate_at(progress, self.step, self.plan.decay)
        for optimizer, rate in (
            (self._adam, self.plan.rate),
            (self._muon, self.plan.matrix_rate),
        ):
            for group in optimizer.param_groups:
                group["lr"] = rate * factor
            optimizer.step()
        self._forget()

    def _draws(self) -> Batches:
        context, plan = self.model.config.context, self.plan
        seed = (plan.seed, self.step)
        shares = self._about["shares"]
        return Batches(self._train, shares, plan.rows, context, seed, self._device)

    def run(self, every_s: float = 30.0, save_s: float = 60.0) -> None:
        """Train to the end of the plan.

        Args:
            every_s: Seconds between two lines of the log.
            save_s: Seconds between two times that weights are written.
        """
        draw = self._draws()
        sizes = {kind: len(tokens) for kind, tokens in self._train.items()}
        self.say(f"{self.model.config.weights():,} weights, tokens: {sizes}")
        loss_of = self._loss(draw)
        self.say(f"ready after {time.monotonic() - self._clock:.1f} s")
        if self.plan.minutes:
            self._held_bits(self.plan.pieces)
        said = saved = time.monotonic()
        recent: list[torch.Tensor] = []
        while (progress := self._progress()) < 1.0:
            loss = self._gradients(loss_of, draw())
            self._apply(progress)
            self.step += 1
            self.tokens += self.plan.rows * self.model.config.context
            recent.append(loss)
            # Without a look the steps would pile up, and the clock would not be theirs.
            if self.step % _LOOK and self._device.type != "cpu":
                continue
            if not math.isfinite(float(loss)):
                self._go_back()
                recent = []
                continue
            now = time.monotonic()
            if now - said > every_s:
                self._report(recent, self.plan.pieces)
                recent, said = [], now
            if now - saved > save_s:
                self.save()
                saved = now
        self._report(recent, self.plan.last_pieces)
        self.save()
        self.say(f"ended after {self.spent:.1f} s")

    def _go_back(self) -> None:
        """Take the weights that were last saved, and smaller steps from there."""
        if not self._state.exists():
            raise ArithmeticError(f"loss is not finite: step {self.step}")
        spent, begun = self.spent, self._begun
        self.resume()
        self.spent, self._begun = spent, begun
        self._slower *= 0.5
        self.say(f"loss was not finite, back to step {self.step}")

    def _held_bits(self, pieces: int) -> dict[str, float]:
        """Return what held-back text costs, and take note of the time that it takes."""
        begun = time.monotonic()
        bits = held_bits(self.model, self._held, self._about["lengths"], pieces)
        took = time.monotonic() - begun
        # Half as much again for noise, and a second for weights to be written.
        self._reserve = 1.0 + 1.5 * took * self.plan.last_pieces / pieces
        return bits

    def _report(self, recent: list[torch.Tensor], pieces: int) -> None:
        bits = self._held_bits(pieces)
        self._progress()
        entry = {
            "step": self.step,
            "tokens": self.tokens,
            "seconds": round(self.spent, 1),
            "train_nats": round(float(torch.stack(recent).mean()), 4) if recent else None,
            "held": round(mean(bits, self._about["shares"]), 4),
            "kinds": {kind: round(value, 4) for kind, value in bits.items()},
        }
        self.log.append(entry)
        lines = [{"plan": asdict(self.plan), "config": asdict(self.model.config)}, *self.log]
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (self._output / "log.jsonl").write_text(text, encoding="utf-8")
        before = self.log[-2] if len(self.log) > 1 else {"tokens": 0, "seconds": 0.0}
        rate = (self.tokens - before["tokens"]) / max(0.1, self.spent - before["seconds"])
        self.say(
            f"step {self.step}, {self.tokens / 1e6:.1f} M tokens, {self.spent:.0f} s, "
            f"{rate / 1e6:.3f} M/s: train {entry['train_nats']} nats a token, "
            f"held {entry['held']:.4f} bits a byte, "
            + " ".join(f"{kind} {value:.3f}" for kind, value in bits.items())
        )
