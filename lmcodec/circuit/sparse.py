"""Pruning of edges that samples hardly use, and growing of states by noisy copies.

Source: M. Dang, A. Liu, G. Van den Broeck, 2022, "Sparse Probabilistic Circuits via Pruning and
Growing". Emissions are not pruned here, since every value must be possible; states that no edge
leads to any more go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lmcodec.circuit.shapes import Shapes
from lmcodec.circuit.tree import MAX_STATES
from lmcodec.circuit.weights import Weights

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from lmcodec.circuit.em import Flows
    from lmcodec.circuit.tree import Tree

# Of what logarithms are taken.
_LEAST = np.float32(1e-30)


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
    left = replace(tree, states=states.astype(np.int32))
    # Of each node, which of the old states the new ones are.
    origins = [np.flatnonzero(alive[starts[node] : starts[node + 1]]) for node in range(len(tree))]
    return _with_emissions(
        weights,
        left,
        origins,
        row_edges,
        places[edges.targets[kept]].astype(np.int32),
        (transitions / np.repeat(totals, lengths)).astype(np.float32),
    )


def _with_emissions(
    weights: Weights,
    tree: Tree,
    origins: list[NDArray[np.int64]],
    row_edges: NDArray[np.int64],
    targets: NDArray[np.int32],
    transitions: NDArray[np.float32],
    factors: Callable[[int], NDArray[np.float32]] | None = None,
) -> Weights:
    """Return weights whose states have the emissions of others.

    Args:
        weights: Of these.
        tree: Of the new weights.
        origins: Of each node, which of the old states each new one is.
        row_edges: Of the new weights, as the next two.
        targets: The same.
        transitions: The same.
        factors: Returns so many numbers by which what a state has is multiplied.
    """
    old, shapes = weights.tree, weights.shapes
    found = []
    for node in tree.observing:
        table = weights.emission_matrix(node).T if shapes is None else shapes.matrix(old, node)
        table = table[:, origins[node]]
        if factors is not None:
            table = table * factors(table.size).reshape(table.shape)
            table /= table.sum(axis=0)
        found.append(table.ravel())
    entries = np.concatenate(found).astype(np.float32)
    if shapes is None:
        return Weights(tree, row_edges, targets, transitions, entries)
    mixed = Shapes(shapes.tables, entries)
    return Weights(tree, row_edges, targets, transitions, mixed.emissions(tree), mixed)


def grow(
    weights: Weights, costs: NDArray[np.float32], share: float, noise: float, seed: int
) -> Weights:
    """Return a circuit in which the states that cost most are there twice.

    Args:
        weights: Of the circuit.
        costs: float32 [states of all nodes], see `costs_of`.
        share: Of the states of all nodes that are copied, 0 to 1.
        noise: Standard deviation of what each weight of a copy is multiplied by.
        seed: Of the noise.
    """
    if not 0 <= share <= 1:
        raise ValueError(f"the share of states to copy is from 0 to 1: {share}")
    tree = weights.tree
    starts, count = tree.state_starts, int(tree.state_starts[-1])
    copied = np.zeros(count, np.bool_)
    copied[np.argsort(-costs, kind="stable")[: int(np.ceil(count * share))]] = True
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
    origins = []
    for node in range(len(tree)):
        twins = np.flatnonzero(copied[starts[node] : starts[node + 1]])
        origins.append(np.concatenate([np.arange(tree.states[node]), twins]))
    return _with_emissions(
        weights,
        grown,
        origins,
        row_edges,
        targets.astype(np.int32),
        (transitions / np.repeat(totals, lengths)).astype(np.float32),
        lambda count: _factors(generator, count, noise),
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


def costs_of(weights: Weights, flows: Flows) -> NDArray[np.float32]:
    """Return what all samples together still cost in each state of all nodes: nats.

    These are the surprises of its value, and of the states below it. A state that leaves nothing
    open needs no copy, however many samples are in it.

    Args:
        weights: Of the circuit.
        flows: Of all samples.
    """
    tree, edges = weights.tree, Edges.of(weights)
    spent = flows.transitions * -np.log(np.maximum(weights.transitions, _LEAST))
    below = edges.sources >= 0
    count = int(tree.state_starts[-1])
    costs = np.bincount(edges.sources[below], spent[below], count)
    states, starts = tree.state_starts, tree.emission_starts
    for node in tree.observing:
        part = slice(starts[node], starts[node + 1])
        seen, table = (each[part] for each in (flows.emissions, weights.emissions))
        surprise = seen * -np.log(np.maximum(table, _LEAST))
        costs[states[node] : states[node + 1]] += surprise.reshape(-1, tree.states[node]).sum(0)
    return costs.astype(np.float32)
