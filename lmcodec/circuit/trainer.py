"""The course of fitting: batches first, then passes over all samples, until it helps no more."""

from __future__ import annotations

import json
import math
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

from lmcodec.circuit.em import Engine, Flows, Passes, Smoothing, maximize
from lmcodec.circuit.logistic import LogisticMixtures
from lmcodec.circuit.maximize import follow
from lmcodec.circuit.shapes import Shapes
from lmcodec.circuit.tree import Tree
from lmcodec.circuit.weights import Weights
from lmcodec.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Plan:
    """How weights are fitted.

    Args:
        epochs: Passes in batches.
        full: Passes over all samples after these.
        batch: Samples in a batch.
        first: Share of a batch in the moving mean of flows, in the beginning; it falls to what
            one batch is of all samples, as a cosine does.
        patience: Epochs without gain on the samples held back, after which fitting ends; 0 for
            never.
        moved: Share of the samples of a batch that are moved by one step along their axes, at
            random, in the first three quarters of the epochs.
        seed: Of the order of the samples.
    """

    epochs: int = 60
    full: int = 3
    batch: int = 2048
    first: float = 1.0
    patience: int = 8
    moved: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class EpochReport:
    """What was reached.

    Args:
        epoch: How many epochs are done.
        epochs: Of how many.
        bits_per_dimension: Of the samples of the epoch, by the weights before each batch.
        held_bits_per_dimension: Of the samples held back, by the weights after it; NaN where there
            are none.
    """

    epoch: int
    epochs: int
    bits_per_dimension: float
    held_bits_per_dimension: float


@dataclass
class Trainer:
    """Fits weights to samples.

    Args:
        weights: Where to start; they are changed.
        samples: uint8 [samples, variables].
        held: Those by which fitting ends, none of the others; may be empty.
        plan: How.
        smoothing: What weights are drawn to.
        mixtures: What emissions are, where they are not tables.
        shape: Of a sample.
        threads: How many.
        device: "cpu", or one of torch.
        stage: How many times the tree was pruned and grown before.
        checkpoint: A file that is written after each epoch, or None.
        progress: Called after each epoch. What it raises ends the fitting.
    """

    weights: Weights
    samples: NDArray[np.integer]
    held: NDArray[np.integer]
    plan: Plan
    smoothing: Smoothing
    mixtures: LogisticMixtures | None = None
    shape: tuple[int, ...] = ()
    threads: int = 1
    device: str = "cpu"
    stage: int = 0
    checkpoint: str | os.PathLike[str] | None = None
    progress: Callable[[EpochReport], None] | None = None
    history: list[EpochReport] = field(default_factory=list)
    _mean: Flows | None = None
    _best: Weights | None = None

    def run(self) -> Weights:
        """Fit, and return the weights that were best on the samples held back, or the last."""
        plan = self.plan
        engine = self.engine()
        total = plan.epochs + plan.full
        for epoch in range(len(self.history), total):
            if self._is_over():
                break
            bits = self._batches(engine, epoch) if epoch < plan.epochs else self._all(engine)
            held = self._bits(engine.log_likelihoods(self.held)) if len(self.held) else math.nan
            self.history.append(EpochReport(epoch + 1, total, bits, held))
            if len(self.held) and held <= min(
                each.held_bits_per_dimension for each in self.history
            ):
                self._best = self.weights.copy()
            if self.checkpoint is not None:
                self.save(self.checkpoint)
            if self.progress is not None:
                self.progress(self.history[-1])
        return self._best or self.weights

    def engine(self) -> Passes:
        """Return what makes passes over samples with the weights."""
        if self.device == "cpu":
            return Engine(self.weights, self.smoothing.modes, self.threads)
        from lmcodec.circuit.device import TorchEngine

        return TorchEngine(self.weights, self.device)

    def _bits(self, logs: NDArray[np.float64]) -> float:
        return float(-logs.mean() / math.log(2) / self.samples.shape[1])

    def _is_over(self) -> bool:
        patience = self.plan.patience
        if not patience or not len(self.held) or len(self.history) <= patience:
            return False
        held = [each.held_bits_per_dimension for each in self.history]
        return min(held[-patience:]) >= min(held[:-patience])

    def _batches(self, engine: Passes, epoch: int) -> float:
        plan, count = self.plan, len(self.samples)
        order = np.random.default_rng((plan.seed, epoch)).permutation(count)
        steps = -(-count // plan.batch)
        logs = 0.0
        for step, index in enumerate(np.array_split(order, steps)):
            flows = self._flows(engine, index, epoch)
            logs += flows.log_likelihood * len(index)
            done = (epoch * steps + step) / (plan.epochs * steps)
            least = len(index) / count
            share = least + max(plan.first - least, 0) * (1 + math.cos(math.pi * done)) / 2
            mean = self._follow(flows, share)
            maximize(self.weights, mean, self.smoothing, self.mixtures)
        return float(-logs / count / math.log(2) / self.samples.shape[1])

    def _follow(self, flows: Flows, share: float) -> Flows:
        """Let the moving mean of flows take a share of those of a batch, scaled to all samples."""
        scale = len(self.samples) / flows.count
        if self._mean is None:
            self._mean = Flows(
                flows.transitions * np.float32(scale),
                flows.emissions * np.float32(scale),
                len(self.samples),
                flows.log_likelihood,
            )
            return self._mean
        for mean, new in (
            (self._mean.transitions, flows.transitions),
            (self._mean.emissions, flows.emissions),
        ):
            follow(mean, new, np.float32(1 - share), np.float32(share * scale))
        return self._mean

    def _flows(self, engine: Passes, index: NDArray[np.int64], epoch: int) -> Flows:
        plan = self.plan
        if not plan.moved or 4 * epoch >= 3 * plan.epochs:
            return engine.flows(self.samples, index)
        generator = np.random.default_rng((plan.seed, epoch, int(index[0])))
        some = self.samples[index].reshape(-1, *self.shape)
        return engine.flows(moved(some, plan.moved, generator).reshape(len(index), -1))

    def _all(self, engine: Passes) -> float:
        flows = engine.flows(self.samples)
        maximize(self.weights, flows, self.smoothing, self.mixtures)
        return float(-flows.log_likelihood / math.log(2) / self.samples.shape[1])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that is needed to go on."""
        arrays = _arrays("weights", self.weights)
        if self._best is not None:
            arrays |= _arrays("best", self._best)
        if self._mean is not None:
            arrays["mean.transitions"] = self._mean.transitions
            arrays["mean.emissions"] = self._mean.emissions
        if self.mixtures is not None:
            arrays["places"] = self.mixtures.places
            arrays["log_scales"] = self.mixtures.log_scales
            arrays["shares"] = self.mixtures.shares
        state = {
            "plan": asdict(self.plan),
            "stage": self.stage,
            "history": [asdict(each) for each in self.history],
        }
        part = Path(f"{os.fspath(path)}.part")
        with part.open("wb") as file:
            np.savez(file, state=np.array(json.dumps(state)), **arrays)  # type: ignore[arg-type]
        part.replace(path)

    def resume(self, path: str | os.PathLike[str]) -> None:
        """Go on from a file that was written by `save`.

        Raises:
            FormatError: It is none, or of another circuit.
            OSError: It cannot be read.
        """
        try:
            # Opened here, since numpy leaves open what is not in its format.
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
                state = json.loads(str(arrays["state"]))
                weights = _weights("weights", arrays)
                best = _weights("best", arrays) if "best.parents" in arrays else None
                mean = (
                    Flows(
                        arrays["mean.transitions"], arrays["mean.emissions"], len(self.samples), 0
                    )
                    if "mean.transitions" in arrays
                    else None
                )
                mixtures = self.mixtures and LogisticMixtures(
                    weights.tree, arrays["places"], arrays["log_scales"], arrays["shares"]
                )
        except (ValueError, KeyError, EOFError, BadZipFile) as error:
            raise FormatError(f"not a checkpoint: {os.fspath(path)}: {error}") from error
        tree, stage = self.weights.tree, int(state["stage"])
        same = np.array_equal(tree.categories, weights.tree.categories)
        if not stage:
            same &= np.array_equal(tree.parents, weights.tree.parents)
            same &= np.array_equal(tree.states, weights.tree.states)
        if not same:
            raise FormatError(f"checkpoint is of another circuit: {os.fspath(path)}")
        self.weights, self._best, self._mean, self.mixtures = weights, best, mean, mixtures
        self.stage = stage
        self.history = [EpochReport(**each) for each in state["history"]]


def moved(
    samples: NDArray[np.integer], share: float, generator: np.random.Generator
) -> NDArray[np.integer]:
    """Return samples, some of them moved by one step or none along each axis.

    What moves in at an edge is what was there.

    Args:
        samples: [samples, ...].
        share: Of the samples that move.
        generator: Of what is drawn.
    """
    found: NDArray[np.integer] = samples.copy()
    some = np.flatnonzero(generator.random(len(samples)) < share)
    for axis in range(1, samples.ndim):
        steps = generator.integers(-1, 2, len(some))
        length = samples.shape[axis]
        for step in (-1, 1):
            chosen = some[steps == step]
            places = np.clip(np.arange(length) - step, 0, length - 1)
            found[chosen] = np.take(found[chosen], places, axis=axis)
    return found


def _arrays(prefix: str, weights: Weights) -> dict[str, NDArray[np.generic]]:
    tree = weights.tree
    fields: dict[str, NDArray[np.generic]] = {
        "parents": tree.parents,
        "states": tree.states,
        "variables": tree.variables,
        "categories": tree.categories,
        "row_edges": weights.row_edges,
        "targets": weights.targets,
        "transitions": weights.transitions,
        "emissions": weights.emissions,
    }
    if weights.shapes is not None:
        fields |= {"shapes": weights.shapes.tables, "shares": weights.shapes.shares}
    return {f"{prefix}.{name}": value for name, value in fields.items()}


def _weights(prefix: str, arrays: object) -> Weights:
    def get(name: str) -> NDArray[np.generic]:
        found: NDArray[np.generic] = arrays[f"{prefix}.{name}"]  # type: ignore[index]
        return found

    tree = Tree.of(get("parents"), get("states"), get("variables"), get("categories"))
    weights = Weights(
        tree,
        get("row_edges").astype(np.int64),
        get("targets").astype(np.int32),
        get("transitions").astype(np.float32),
        get("emissions").astype(np.float32),
    )
    if f"{prefix}.shapes" in arrays:  # type: ignore[operator]
        weights.shapes = Shapes(get("shapes").astype(np.float32), get("shares").astype(np.float32))
    weights.check()
    return weights
