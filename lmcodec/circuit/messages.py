"""Messages of a hidden tree by numpy, node after node: for questions that are asked seldom.

Slower than the compiled kernels, and without numba. Messages are float64 [samples, states], each
scaled to sum to 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lmcodec.circuit.weights import Weights

Messages = list["NDArray[np.float64]"]


def upward(
    weights: Weights, samples: NDArray[np.int16]
) -> tuple[Messages, Messages, NDArray[np.float64]]:
    """Send messages up.

    Args:
        weights: Of the circuit.
        samples: [samples, variables]; -1 where a value is missing.

    Returns:
        Of each node, how likely what is observed at and below it is by its states; of each node,
        the same by the states of its parent; and the logarithms of the probabilities, in nats.
    """
    tree = weights.tree
    count = len(samples)
    logs = np.zeros(count)
    below: Messages = [np.ones((count, int(states))) for states in tree.states]
    above: Messages = [np.empty(0)] * len(tree)
    for node in range(len(tree) - 1, -1, -1):
        message = below[node]
        variable = int(tree.variables[node])
        if variable >= 0:
            values = samples[:, variable]
            seen = values >= 0
            message[seen] *= weights.emission_matrix(node).T[values[seen]]
        sums = message.sum(axis=1, keepdims=True)
        message /= sums
        logs += np.log(sums[:, 0])
        above[node] = message @ weights.transition_matrix(node).T.astype(np.float64)
        if node:
            onto = below[int(tree.parents[node])]
            onto *= above[node]
            # Nodes with many children multiply many small numbers.
            sums = onto.sum(axis=1, keepdims=True)
            onto /= sums
            logs += np.log(sums[:, 0])
    return below, above, logs + np.log(above[0][:, 0])


def posteriors(weights: Weights, below: Messages, above: Messages) -> Messages:
    """Return of each node how probable its states are, given all that is observed."""
    tree = weights.tree
    found: Messages = []
    for node in range(len(tree)):
        over = found[int(tree.parents[node])] if node else np.ones((len(above[0]), 1))
        ratios = over / np.maximum(above[node], 1e-300)
        found.append(below[node] * (ratios @ weights.transition_matrix(node)))
    return found


def draw(
    weights: Weights,
    samples: NDArray[np.int16],
    below: Messages,
    generator: np.random.Generator,
) -> NDArray[np.int16]:
    """Return samples whose missing values are drawn, given those that are not."""
    tree = weights.tree
    filled: NDArray[np.int16] = samples.copy()
    states: list[NDArray[np.int64]] = []
    for node in range(len(tree)):
        matrix = weights.transition_matrix(node)
        over = states[int(tree.parents[node])] if node else np.zeros(len(samples), np.int64)
        states.append(_draw(matrix[over] * below[node], generator))
        variable = int(tree.variables[node])
        if variable >= 0:
            missing = samples[:, variable] < 0
            table = weights.emission_matrix(node)[states[node][missing]]
            filled[missing, variable] = _draw(table, generator)
    return filled


def _draw(shares: NDArray[np.floating], generator: np.random.Generator) -> NDArray[np.int64]:
    """Return an index of each row, drawn in proportion to its shares."""
    sums = np.cumsum(shares, axis=1, dtype=np.float64)
    points = generator.random(len(shares)) * sums[:, -1]
    found = (sums <= points[:, None]).sum(axis=1)
    places: NDArray[np.int64] = np.minimum(found, shares.shape[1] - 1)
    return places
