"""Fitting in rounds: pruned, grown, and fitted again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lmcodec.circuit import sparse
from lmcodec.circuit.trainer import Trainer

if TYPE_CHECKING:
    import os

    from lmcodec.circuit.em import Flows
    from lmcodec.circuit.trainer import Plan
    from lmcodec.circuit.weights import Weights

# Samples by whose flows edges are pruned and states are copied.
_MOST = 20_000


@dataclass(frozen=True)
class Rounds:
    """How often, and how.

    Args:
        count: Of rounds; 0 for none.
        pruned: Share of the edges of transitions that go in each round, by their flows.
        grown: Share of the states that are copied then, by what samples cost in them.
        noise: Standard deviation of what each weight of a copy is multiplied by.
        plan: How weights are fitted after each round.
        last: How after the last one.
    """

    count: int
    pruned: float
    grown: float
    noise: float
    plan: Plan
    last: Plan

    def plan_of(self, stage: int) -> Plan:
        """Return how weights are fitted after a round."""
        return self.last if stage == self.count else self.plan


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
            trainer.plan = rounds.plan_of(trainer.stage)
    while True:
        weights = trainer.run()
        if trainer.stage >= rounds.count:
            return weights, trainer
        trainer = _next(trainer, weights, rounds)


def _next(trainer: Trainer, weights: Weights, rounds: Rounds) -> Trainer:
    stage = trainer.stage + 1
    if rounds.pruned:
        weights = sparse.prune(weights, _flows(trainer, weights).transitions, rounds.pruned)
    costs = sparse.costs_of(weights, _flows(trainer, weights))
    grown = sparse.grow(weights, costs, rounds.grown, rounds.noise, trainer.plan.seed + stage)
    return Trainer(
        grown,
        trainer.samples,
        trainer.held,
        rounds.plan_of(stage),
        trainer.smoothing,
        shape=trainer.shape,
        threads=trainer.threads,
        device=trainer.device,
        stage=stage,
        checkpoint=trainer.checkpoint,
        progress=trainer.progress,
    )


def _flows(trainer: Trainer, weights: Weights) -> Flows:
    """Return flows of at most so many samples as tell edges apart."""
    samples = trainer.samples
    if len(samples) > _MOST:
        chosen = np.random.default_rng((trainer.plan.seed, 4)).permutation(len(samples))[:_MOST]
        samples = samples[np.sort(chosen)]
    return replace(trainer, weights=weights).engine().flows(samples)
