"""Fitting in rounds: pruned, grown, and fitted again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lmcodec.circuit import sparse
from lmcodec.circuit.trainer import Trainer

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import NDArray

    from lmcodec.circuit.trainer import Plan
    from lmcodec.circuit.weights import Weights


@dataclass(frozen=True)
class Rounds:
    """How often, and how.

    Args:
        count: Of rounds; 0 for none.
        pruned: Share of the edges of transitions that go in each round, by their flows.
        grown: Share of the states that are copied then, by how many samples are in them.
        noise: Standard deviation of what each weight of a copy is multiplied by.
        plan: How weights are fitted after each round.
    """

    count: int
    pruned: float
    grown: float
    noise: float
    plan: Plan


def run(
    trainer: Trainer, rounds: Rounds, resume: str | os.PathLike[str] | None
) -> tuple[Weights, Trainer]:
    """Fit, and do so again after each round.

    Args:
        trainer: Of the first fitting.
        rounds: What follows it.
        resume: A checkpoint to go on from, or None.

    Returns:
        The weights, and the trainer of the last round.
    """
    if resume is not None:
        trainer.resume(resume)
        if trainer.stage:
            trainer.plan = rounds.plan
    while True:
        weights = trainer.run()
        if trainer.stage >= rounds.count:
            return weights, trainer
        trainer = _next(trainer, weights, rounds)


def _next(trainer: Trainer, weights: Weights, rounds: Rounds) -> Trainer:
    stage = trainer.stage + 1
    if rounds.pruned:
        weights = sparse.prune(weights, _flows(trainer, weights), rounds.pruned)
    uses = sparse.uses_of(weights, _flows(trainer, weights))
    grown = sparse.grow(weights, uses, rounds.grown, rounds.noise, trainer.plan.seed + stage)
    return Trainer(
        grown,
        trainer.samples,
        trainer.held,
        rounds.plan,
        trainer.smoothing,
        threads=trainer.threads,
        device=trainer.device,
        stage=stage,
        checkpoint=trainer.checkpoint,
        progress=trainer.progress,
    )


def _flows(trainer: Trainer, weights: Weights) -> NDArray[np.float32]:
    engine = replace(trainer, weights=weights).engine()
    return engine.flows(trainer.samples).transitions
