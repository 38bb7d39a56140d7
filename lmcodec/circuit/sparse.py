"""Pruning of edges that samples hardly use, and growing of states by noisy copies.

Source: M. Dang, A. Liu, G. Van den Broeck, 2022, "Sparse Probabilistic Circuits via Pruning and
Growing". Emissions are not pruned here, since every value must be possible; states that no edge
leads to any more go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lmcodec.circuit.tree import MAX_STATES
from lmcodec.circuit.weights import Weights

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Edges:
    """Where each edge of the transitions is.

    Args:
        nodes: int64 [edges], the node below.
        rows: int64 [edges], the row, of those of all nodes.
        sources: int64 [edges], the state of the parent, of those of all nodes; -1 at the root.
        targets: int64 [edges], the state of the node, of those of all nodes.
    """

    nodes: NDArray[np.int64]
    rows: NDArray[np.int64]
    sources: NDArray[np.int64]
    targets: NDArray[np.int64]

    @staticmethod
    def of(weights: Weights) -> Edges:
        """Return those of a circuit."""
        tree = weights.tree
        rows = np.repeat(np.arange(len(weights.row_edges) - 1), np.diff(weights.row_edges))
        nodes = np.repeat(np.arange(len(tree)), tree.row_counts)[rows]
        state_starts = tree.state_starts
        sources = state_starts[tree.parents[nodes]] + rows - tree.row_starts[nodes]
        sources[nodes == 0] = -1
        return Edges(nodes, rows, sources, state_starts[nodes] + weights.targets)


def prune(weights: Weights, flows: NDArray[np.float32], share: float) -> Weights:
    """Return a circuit without the edges of the least flow.

    Each row keeps its largest edge. States that cannot be reached are left out.

    Args:
        weights: Of the circuit.
        flows: float32 [edges], of its transitions.
        share: Of the edges that go, 0 to 1.
    """
    if not 0 <= share < 1:
        raise ValueError(f"the share of edges to prune is from 0 to 1: {share}")
    edges = Edges.of(weights)
    kept = np.ones(len(flows), np.bool_)
    kept[np.argsort(flows, kind="stable")[: int(len(flows) * share)]] = False
    # By flow, then by weight: of rows that no sample reaches, the weights still say which.
    order = np.lexsort((weights.transitions, flows, edges.rows))
    kept[order[weights.row_edges[1:] - 1]] = True
    return _rebuilt(weights, edges, kept)


def _rebuilt(weights: Weights, edges: Edges, kept: NDArray[np.bool_]) -> Weights:
    """Return a circuit of some of the edges, and of the states that these reach."""
    tree = weights.tree
    starts, row_starts = tree.state_starts, tree.row_starts
    alive = np.zeros(int(starts[-1]), np.bool_)
    for node in range(len(tree)):
        part = slice(*weights.row_edges[row_starts[[node, node + 1]]])
        if node:
            kept[part] &= alive[edges.sources[part]]
        alive[edges.targets[part][kept[part]]] = True
    node_of_state = np.repeat(np.arange(len(tree)), tree.states)
    states = np.bincount(node_of_state[alive], minlength=len(tree))
    places = _ranks(alive, tree.states)
    # A row stays where its state does.
    row_nodes = np.repeat(np.arange(len(tree)), tree.row_counts)
    parents = np.maximum(tree.parents, 0)
    row_states = starts[parents[row_nodes]] + np.arange(len(row_nodes)) - row_starts[row_nodes]
    row_alive = alive[row_states]
    row_alive[0] = True
    lengths = np.bincount(edges.rows[kept], minlength=len(row_nodes))[row_alive]
    row_edges = np.concatenate([[0], np.cumsum(lengths)])
    transitions = weights.transitions[kept]
    totals = np.add.reduceat(transitions, row_edges[:-1])
    emissions = [
        weights.emission_matrix(node)[alive[starts[node] : starts[node + 1]]].T.ravel()
        for node in tree.observing
    ]
    return Weights(
        replace(tree, states=states.astype(np.int32)),
        row_edges,
        places[edges.targets[kept]].astype(np.int32),
        (transitions / np.repeat(totals, lengths)).astype(np.float32),
        np.concatenate(emissions),
    )


def grow(
    weights: Weights, uses: NDArray[np.float32], share: float, noise: float, seed: int
) -> Weights:
    """Return a circuit in which the states that are used most are there twice.

    Args:
        weights: Of the circuit.
        uses: float32 [states of all nodes], how many samples are in each.
        share: Of the states of all nodes that are copied, 0 to 1.
        noise: Standard deviation of what each weight of a copy is multiplied by.
        seed: Of the noise.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"the share of states to copy is from 0 to 1: {share}")
    tree = weights.tree
    starts, count = tree.state_starts, int(tree.state_starts[-1])
    copied = np.zeros(count, np.bool_)
    copied[np.argsort(-uses, kind="stable")[: int(np.ceil(count * share))]] = True
    node_of_state = np.repeat(np.arange(len(tree)), tree.states)
    # Of a node, no more copies than there is room for.
    rank = _ranks(copied, tree.states)
    copied &= tree.states[node_of_state] + rank < MAX_STATES
    copies = np.bincount(node_of_state[copied], minlength=len(tree))
    states = tree.states + copies
    local = np.arange(count) - starts[node_of_state]
    twin = np.where(copied, tree.states[node_of_state] + _ranks(copied, tree.states), -1)
    edges = Edges.of(weights)
    grown = replace(tree, states=states.astype(np.int32))
    generator = np.random.default_rng(seed)
    row_starts = grown.row_starts
    pieces = []
    # The one row of the root has no twin.
    local_above = np.where(edges.sources < 0, 0, local[edges.sources])
    twin_above = np.where(edges.sources < 0, -1, twin[edges.sources])
    for above in (local_above, twin_above):
        for below in (local[edges.targets], twin[edges.targets]):
            there = (above >= 0) & (below >= 0)
            pieces.append(
                (
                    (row_starts[edges.nodes] + above)[there],
                    below[there],
                    weights.transitions[there],
                )
            )
    rows, targets, transitions = (np.concatenate(part) for part in zip(*pieces, strict=True))
    order = np.lexsort((targets, rows))
    rows, targets, transitions = rows[order], targets[order], transitions[order]
    transitions = transitions * _factors(generator, len(transitions), noise)
    lengths = np.bincount(rows, minlength=int(row_starts[-1]))
    row_edges = np.concatenate([[0], np.cumsum(lengths)])
    totals = np.add.reduceat(transitions, row_edges[:-1])
    emissions = []
    for node in tree.observing:
        table = weights.emission_matrix(node)
        twins = table[copied[starts[node] : starts[node + 1]]]
        both = np.concatenate([table, twins])
        both = both * _factors(generator, both.size, noise).reshape(both.shape)
        both /= both.sum(axis=1, keepdims=True)
        emissions.append(both.T.ravel())
    return Weights(
        grown,
        row_edges,
        targets.astype(np.int32),
        (transitions / np.repeat(totals, lengths)).astype(np.float32),
        np.concatenate(emissions).astype(np.float32),
    )


def _ranks(chosen: NDArray[np.bool_], states: NDArray[np.int32]) -> NDArray[np.int64]:
    """Return how many states of the same node are chosen before each."""
    before: NDArray[np.int64] = np.cumsum(chosen) - chosen
    firsts = np.cumsum(states) - states
    ranks: NDArray[np.int64] = before - np.repeat(before[firsts], states)
    return ranks


def _factors(generator: np.random.Generator, count: int, noise: float) -> NDArray[np.float32]:
    drawn = 1 + np.float32(noise) * generator.standard_normal(count, np.float32)
    factors: NDArray[np.float32] = np.maximum(drawn, np.float32(0.1))
    return factors


def uses_of(weights: Weights, flows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return how many samples are in each state of all nodes, by flows of the transitions."""
    count = int(weights.tree.state_starts[-1])
    return np.bincount(Edges.of(weights).targets, flows, count).astype(np.float32)
