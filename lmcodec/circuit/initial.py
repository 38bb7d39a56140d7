"""Where fitting starts: weights that break the symmetry between hidden states."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from lmcodec.circuit.em import Flows, Smoothing, maximize
from lmcodec.circuit.shapes import Shapes
from lmcodec.circuit.weights import Weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


def shaped(
    weights: Weights, tables: NDArray[np.float32], usual: NDArray[np.float32], seed: int
) -> Weights:
    """Return weights whose emissions are mixtures of shapes, around what each variable has.

    Args:
        weights: Those of transitions are kept.
        tables: float32 [shapes, values].
        usual: float32 [variables, shapes], shares.
        seed: Of the drawing.
    """
    tree = weights.tree
    generator = np.random.default_rng((seed, 3))
    found = []
    for node in tree.observing:
        size = (len(tables), int(tree.states[node]))
        shares = usual[tree.variables[node], :, None] * generator.standard_exponential(size)
        found.append((shares / shares.sum(axis=0)).ravel())
    shapes = Shapes(tables, np.concatenate(found).astype(np.float32))
    return replace(weights, emissions=shapes.emissions(tree), shapes=shapes)
