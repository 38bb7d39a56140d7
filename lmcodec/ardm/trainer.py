"""The training loop."""

from __future__ import annotations

import hashlib
import json
import math
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from lmcodec.ardm.model import Ardm
from lmcodec.errors import FormatError
from lmcodec.tuning.optimize import Muon

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from lmcodec.ardm.config import Config


# Of the highest rate, what is left at the end.
_LEAST_RATE = 0.02


def _is_inner(name: str) -> bool:
    """Return whether a parameter is a matrix between hidden values."""
    return name in ("first", "leave") or name.endswith((".up", ".down"))


@dataclass(frozen=True)
class Plan:
    """How to train.

    Args:
        steps: How many.
        items: Of a batch.
        positions: Of each item that are looked at in a step.
        rate: Of Adam, at its highest.
        matrix_rate: Of Muon, for the matrices between hidden values.
        warm_up: Steps in which it rises; then it falls as a cosine does.
        decay: Of the running mean of the weights, which is what is kept.
        exact: The share of the run, at its end, in which weights and values are rounded.
        seed: Of first values and of all that is drawn.
        minutes: Stop after this time, or 0: then steps count alone.
        raster: Whether positions become known in their own order alone.
    """

    steps: int = 20000
    items: int = 128
    positions: int = 32
    rate: float = 3e-3
    matrix_rate: float = 0.02
    warm_up: int = 200
    decay: float = 0.998
    exact: float = 0.2
    seed: int = 1
    minutes: float = 0.0
    raster: bool = False


class Draw:
    """Draws what is known of items, stratified over the times of a batch."""

    def __init__(self, config: Config, seed: int, *, raster: bool = False) -> None:
        self.config, self.raster = config, raster
        self.generator = torch.Generator().manual_seed(seed)

    def times(self, items: int) -> torch.Tensor:
        """Return times [items] from 0 to stages * size - 1, spread over all."""
        whole = self.config.stages * self.config.size
        at = torch.arange(items) + torch.rand(1, generator=self.generator)
        times = (at * (whole / items)).long().clamp(max=whole - 1)
        return times[torch.randperm(items, generator=self.generator)]

    def __call__(
        self, symbols: torch.Tensor, times: torch.Tensor, count: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return states [items, size], positions [items, count], whether they are unknown, stages.

        Args:
            symbols: Of the items [items, size].
            times: How much is known of each.
            count: Positions of each item.
        """
        config = self.config
        order = torch.rand(symbols.shape, generator=self.generator).argsort(1)
        if self.raster:
            order = torch.arange(config.size).repeat(len(symbols), 1)
        stage, known = times // config.size, times % config.size
        at = known[:, None] + torch.arange(count)
        positions = order.gather(1, at.clamp(max=config.size - 1))
        rank = torch.empty_like(order)
        rank.scatter_(1, order, torch.arange(config.size).expand_as(order))
        level = stage[:, None] + (rank < known[:, None])
        return nodes(config, symbols, level), positions, at < config.size, stage


def nodes(config: Config, symbols: torch.Tensor, level: torch.Tensor) -> torch.Tensor:
    """Return the nodes at which symbols are known so far.

    Args:
        config: The sizes.
        symbols: Of any shape.
        level: How often each was refined, of the same shape.
    """
    leaves = torch.tensor([config.leaves(n) for n in range(config.stages + 1)])
    starts = torch.tensor(config.starts[:-1])
    return starts[level] + symbols // leaves[level]


def losses(
    config: Config, logits: torch.Tensor, symbols: torch.Tensor, stage: torch.Tensor
) -> torch.Tensor:
    """Return the nats of the next branch of each position [items, positions].

    Args:
        config: The sizes.
        logits: Of each position [items, positions, alphabet].
        symbols: What stands there [items, positions].
        stage: Of each item.
    """
    if config.stages == 1:
        flat = logits.view(-1, config.alphabet)
        loss = torch.nn.functional.cross_entropy(flat, symbols.reshape(-1), reduction="none")
        return loss.view(symbols.shape)
    found = torch.empty(symbols.shape, dtype=logits.dtype)
    for n in range(config.stages):
        at = stage == n
        if at.any():
            below, child = config.leaves(n), config.leaves(n + 1)
            part, values = logits[at], symbols[at]
            rows = part.view(*values.shape, -1, config.levels[n], child)
            index = (values // below)[..., None, None, None].expand(-1, -1, 1, *rows.shape[3:])
            branches = rows.gather(2, index).squeeze(2).logsumexp(3)
            scores = branches.log_softmax(2)
            branch = (values % below // child)[..., None]
            found[at] = -scores.gather(2, branch).squeeze(2)
    return found


def _of_optimizer(
    tensors: dict[str, torch.Tensor], prefix: str
) -> dict[int, dict[str, torch.Tensor]]:
    """Return the state of an optimizer, by the number of the parameter."""
    found: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith(prefix):
            index, name = key.removeprefix(prefix).split("/")
            found.setdefault(int(index), {})[name] = value
    return found


class Trainer:
    """A run.

    Args:
        config: Sizes of the network.
        plan: How to train.
        train: Symbols of the items [items, size].
        held: Of items that are held back.
        tell: Takes the step, the bits of each symbol in training and of what is held back.

    Attributes:
        name: What checkpoints must agree in: sizes, plan and items.
    """

    def __init__(
        self,
        config: Config,
        plan: Plan,
        train: torch.Tensor,
        held: torch.Tensor,
        tell: Callable[[int, float, float], None],
    ) -> None:
        self.config, self.plan, self.tell = config, plan, tell
        self.train, self.held = train, held
        self.model, self.mean = Ardm(config, plan.seed), Ardm(config, plan.seed)
        # Matrices between hidden values; the others have a side that is the item or the alphabet.
        inner = [p for n, p in self.model.named_parameters() if _is_inner(n)]
        outer = [p for n, p in self.model.named_parameters() if not _is_inner(n)]
        self.optimizers: list[tuple[torch.optim.Optimizer, float]] = [
            (torch.optim.Adam(outer, plan.rate, (0.9, 0.99)), plan.rate),
            (Muon(inner, plan.matrix_rate), plan.matrix_rate),
        ]
        self.draw = Draw(config, plan.seed, raster=plan.raster)
        self.step, self.spent, self.settled = 0, 0.0, False
        items = hashlib.sha256(train.numpy().tobytes()).hexdigest()
        self.name = json.dumps([asdict(config), asdict(plan), items])

    @property
    def progress(self) -> float:
        """The share of the run that is over."""
        plan = self.plan
        spent = self.spent / (60 * plan.minutes) if plan.minutes else 0.0
        return min(1.0, max(self.step / plan.steps, spent))

    def run(self, every: int = 200, checkpoint: Path | None = None) -> None:
        """Train to the end of the plan.

        Args:
            every: Steps between two reports.
            checkpoint: Where to leave what is needed to go on, or None. It is written before each
                report.
        """
        plan, total, clock = self.plan, 0.0, time.monotonic()
        begun = self.spent
        while self.progress < 1.0:
            exact = self.progress >= 1.0 - plan.exact
            if exact and not self.settled:
                self._settle()
            total += self._step(exact)
            self.step += 1
            self.spent = begun + time.monotonic() - clock
            if self.step % every == 0:
                if checkpoint is not None:
                    self.save(checkpoint)
                self.tell(self.step, total / every, self.bits(exact=exact))
                total = 0.0

    def save(self, path: Path) -> None:
        """Write a checkpoint, which appears whole or not at all."""
        tensors = {"draw": self.draw.generator.get_state()}
        for name, model in (("model", self.model), ("mean", self.mean)):
            tensors |= {f"{name}/{key}": value for key, value in model.state_dict().items()}
        for n, (optimizer, _) in enumerate(self.optimizers):
            for index, state in optimizer.state_dict()["state"].items():
                tensors |= {f"optimizer/{n}/{index}/{key}": value for key, value in state.items()}
        at = json.dumps([self.step, self.spent, self.settled, self.name])
        part = path.with_name(f"{path.name}.part")
        save_file(tensors, part, {"ardm": at})
        part.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            FormatError: It is none, or damaged.
            ValueError: It is of other items, or of another network.
            OSError: It cannot be read.
        """
        path.open("rb").close()
        try:
            with safe_open(path, "pt") as file:
                *at, name = json.loads((file.metadata() or {})["ardm"])
                if name != self.name:
                    raise ValueError(f"checkpoint is of other items or another network: {path}")
                tensors = {key: file.get_tensor(key) for key in file.keys()}
            self.step, self.spent, self.settled = at
            self.draw.generator.set_state(tensors["draw"])
            for kind, model in (("model", self.model), ("mean", self.mean)):
                model.load_state_dict({key: tensors[f"{kind}/{key}"] for key in model.state_dict()})
            for n, (optimizer, _) in enumerate(self.optimizers):
                whole = optimizer.state_dict()
                whole["state"] = _of_optimizer(tensors, f"optimizer/{n}/")
                optimizer.load_state_dict(whole)
        except (SafetensorError, KeyError, RuntimeError) as error:
            raise FormatError(f"checkpoint is damaged, or none: {path}: {error}") from error

    def _step(self, exact: bool) -> float:
        plan, config = self.plan, self.config
        share = min(1.0, (self.step + 1) / plan.warm_up)
        share *= _LEAST_RATE + (1.0 - _LEAST_RATE) * 0.5 * (1.0 + math.cos(math.pi * self.progress))
        for optimizer, rate in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate * share
        picked = torch.randint(len(self.train), (plan.items,), generator=self.draw.generator)
        symbols = self.train[picked].long()
        states, positions, there, stage = self.draw(
            symbols, self.draw.times(plan.items), plan.positions
        )
        logits = self.model(states, positions, exact)
        nats = losses(config, logits, symbols.gather(1, positions), stage)
        loss = ((nats * there).sum(1) / there.sum(1)).mean()
        for optimizer, _ in self.optimizers:
            optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer, _ in self.optimizers:
            optimizer.step()
        with torch.no_grad():
            keep = min(plan.decay, (1 + self.step) / (10 + self.step))
            kept = list(self.mean.parameters())
            torch._foreach_lerp_(kept, list(self.model.parameters()), 1.0 - keep)
        return float(loss.detach()) / math.log(2) * config.stages

    def _settle(self) -> None:
        """Take the scales of what is rounded from a few batches."""
        draw = Draw(self.config, self.plan.seed + 1, raster=self.plan.raster)
        symbols = self.train[: 8 * self.plan.items].long()
        states, positions, _, _ = draw(symbols, draw.times(len(symbols)), self.plan.positions)
        for model in (self.model, self.mean):
            model.settle(states, positions)
        self.settled = True

    @torch.no_grad()
    def bits(self, items: int = 1024, *, exact: bool = False) -> float:
        """Return the bits of a symbol of what is held back, by the running mean of the weights."""
        draw = Draw(self.config, 12345, raster=self.plan.raster)
        symbols = self.held[:items].long()
        times, total = draw.times(len(symbols)), 0.0
        for some in torch.arange(len(symbols)).split(256):
            states, positions, there, stage = draw(symbols[some], times[some], 32)
            logits = self.mean(states, positions, exact)
            nats = losses(self.config, logits, symbols[some].gather(1, positions), stage)
            total += float(((nats * there).sum(1) / there.sum(1)).sum())
        return total / len(symbols) / math.log(2) * self.config.stages
