"""Passes over samples by torch, level after level of the tree: for an accelerator.

All nodes are padded to the same numbers of states and values, so that a level is a few products of
stacks of matrices. Sums are not in the same order each time on an accelerator: fits differ in their
last digits there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from lmcodec.circuit.em import Flows
from lmcodec.circuit.sparse import Edges

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lmcodec.circuit.weights import Weights

# Of messages at one time.
_BYTES = 1 << 31
_TINY = 1e-30


class TorchEngine:
    """Passes over samples, as `Engine` makes them.

    Args:
        weights: Of the circuit; they may change between passes, the tree and its edges not.
        device: Of torch, such as "cuda".
    """

    def __init__(self, weights: Weights, device: str) -> None:
        self.weights, self._device = weights, torch.device(device)
        tree = weights.tree
        self._nodes, self._states = len(tree), int(tree.states.max())
        self._values = int(tree.categories.max())
        edges = Edges.of(weights)
        rows = edges.rows - tree.row_starts[edges.nodes]
        self._edges = self._index(
            (edges.nodes * self._states + rows) * self._states + weights.targets
        )
        self._entries = self._index(self._places_of_emissions())
        self._parents = self._index(np.maximum(tree.parents, 0))
        self._variables = self._index(np.maximum(tree.variables, 0))
        self._observing = torch.tensor(tree.variables >= 0, device=self._device)
        depths = np.zeros(self._nodes, np.int64)
        for node in range(1, self._nodes):
            depths[node] = depths[tree.parents[node]] + 1
        self._levels = [
            self._index(np.flatnonzero(depths == depth)) for depth in range(depths.max() + 1)
        ]

    def _index(self, array: NDArray[np.integer]) -> torch.Tensor:
        return torch.tensor(np.asarray(array, np.int64), device=self._device)

    def _places_of_emissions(self) -> NDArray[np.int64]:
        tree = self.weights.tree
        places = []
        for node in tree.observing:
            values = np.arange(tree.categories[tree.variables[node]])[:, None]
            states = np.arange(tree.states[node])[None, :]
            places.append(((node * self._values + values) * self._states + states).ravel())
        return np.concatenate(places)

    def _tables(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return transitions [nodes, states, states] and emissions [nodes * values, states]."""
        transitions = torch.zeros(self._nodes * self._states**2, device=self._device)
        transitions[self._edges] = torch.tensor(self.weights.transitions, device=self._device)
        emissions = torch.zeros(self._nodes * self._values * self._states, device=self._device)
        emissions[self._entries] = torch.tensor(self.weights.emissions, device=self._device)
        return (
            transitions.view(self._nodes, self._states, self._states),
            emissions.view(-1, self._states),
        )

    def _parts(self, index: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        size = 12 * self._nodes * self._states
        return np.array_split(index, max(1, -(-len(index) * size // _BYTES)))

    def log_likelihoods(
        self, samples: NDArray[np.integer], index: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Return the natural logarithm of the probability of each sample."""
        index = np.arange(len(samples)) if index is None else index
        tables = self._tables()
        logs = [self._up(samples[part], *tables)[2].cpu().numpy() for part in self._parts(index)]
        return np.concatenate(logs)

    def flows(self, samples: NDArray[np.integer], index: NDArray[np.int64] | None = None) -> Flows:
        """Return the flows of samples."""
        index = np.arange(len(samples)) if index is None else index
        tables = self._tables()
        sums = tuple(torch.zeros_like(table) for table in tables)
        logs = 0.0
        for part in self._parts(index):
            below, above, found = self._up(samples[part], *tables)
            self._down(samples[part], *tables, below, above, *sums)
            logs += float(found.sum())
        return Flows(
            sums[0].view(-1)[self._edges].cpu().numpy(),
            sums[1].view(-1)[self._entries].cpu().numpy(),
            len(index),
            logs / len(index),
        )

    def _values_at(self, samples: NDArray[np.integer], nodes: torch.Tensor) -> torch.Tensor:
        """Return what the nodes of a level observe: [nodes, samples], -1 for nothing."""
        values = torch.tensor(samples.astype(np.int16), device=self._device)
        found = values[:, self._variables[nodes]].T.long()
        return torch.where(self._observing[nodes, None], found, -1)

    def _up(
        self, samples: NDArray[np.integer], transitions: torch.Tensor, emissions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        count = len(samples)
        below = torch.ones(self._nodes, count, self._states, device=self._device)
        above = torch.empty_like(below)
        sums = torch.zeros_like(below)
        logs = torch.zeros(count, dtype=torch.float64, device=self._device)
        padding = torch.zeros(self._nodes, self._states, device=self._device)
        for node, states in enumerate(self.weights.tree.states):
            padding[node, int(states) :] = -torch.inf
        for nodes in reversed(self._levels):
            message = sums[nodes] + padding[nodes, None]
            values = self._values_at(samples, nodes)
            rows = nodes[:, None] * self._values + values.clamp(min=0)
            seen = emissions[rows].log().nan_to_num(neginf=0.0)
            message += torch.where(values[..., None] >= 0, seen, 0.0)
            top = message.amax(dim=2, keepdim=True)
            shares = (message - top).exp()
            below[nodes] = shares
            up = torch.bmm(shares, transitions[nodes].transpose(1, 2)).clamp(min=_TINY)
            above[nodes] = up
            logs += top.double().sum(dim=(0, 2))
            sums.index_add_(0, self._parents[nodes], up.log())
        return below, above, logs + above[0, :, 0].double().log()

    def _down(
        self,
        samples: NDArray[np.integer],
        transitions: torch.Tensor,
        emissions: torch.Tensor,
        below: torch.Tensor,
        above: torch.Tensor,
        edge_sums: torch.Tensor,
        entry_sums: torch.Tensor,
    ) -> None:
        del emissions
        for depth, nodes in enumerate(self._levels):
            if depth:
                ratios = below[self._parents[nodes]] / above[nodes]
            else:
                ratios = torch.zeros_like(above[nodes])
                ratios[..., 0] = 1 / above[nodes][..., 0]
            flows = torch.bmm(ratios.transpose(1, 2), below[nodes])
            edge_sums[nodes] += flows * transitions[nodes]
            below[nodes] *= torch.bmm(ratios, transitions[nodes])
            values = self._values_at(samples, nodes)
            rows = nodes[:, None] * self._values + values.clamp(min=0)
            seen = torch.where(values[..., None] >= 0, below[nodes], 0.0)
            entry_sums.index_add_(0, rows.reshape(-1), seen.reshape(-1, self._states))
