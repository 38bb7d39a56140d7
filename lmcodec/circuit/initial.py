"""Where fitting starts: weights that break the symmetry between hidden states."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lmcodec.circuit.em import Flows, Smoothing, maximize
from lmcodec.circuit.weights import Weights

if TYPE_CHECKING:
    from lmcodec.circuit.tree import Tree


def noisy(tree: Tree, smoothing: Smoothing, seed: int) -> Weights:
    """Return weights drawn from flat Dirichlet distributions; emissions are times the prior.

    Args:
        tree: What the weights are of.
        smoothing: The prior of emissions.
        seed: Of the drawing.
    """
    weights = Weights.dense(tree)
    generator = np.random.default_rng(seed)
    transitions = generator.standard_exponential(len(weights.transitions), np.float32)
    emissions = generator.standard_exponential(len(weights.emissions), np.float32)
    starts = tree.emission_starts
    for node in tree.observing:
        variable = tree.variables[node]
        table = emissions[starts[node] : starts[node + 1]].reshape(-1, tree.states[node])
        table *= smoothing.prior[variable, : len(table), None]
    start = replace(smoothing, transitions=1e-3, emissions=1e-3)
    maximize(weights, Flows(transitions, emissions, 1, 0.0), start)
    return weights
