"""Fitting of weights: expectation maximization, in batches and on all samples.

Source: flows as expected counts, A. Choi, G. Van den Broeck, A. Darwiche, 2015, and Y. Choi et al.,
2021. In batches, sums of flows follow a moving mean (O. Cappe, E. Moulines, 2009), so that rows
that few samples of a batch reach change little.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lmcodec.circuit import kernels
from lmcodec.circuit.maximize import maximize_emissions, maximize_rows, maximize_shares

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from lmcodec.circuit.logistic import LogisticMixtures
    from lmcodec.circuit.weights import Weights

# Samples of a value, above which more of them say no more of the values nearby.
EVIDENCE = 10.0
# Samples whose values are widened at one time.
_CHUNK = 4096


@dataclass
class Flows:
    """Expected numbers of uses.

    Args:
        transitions: float32 [edges].
        emissions: float32 [entries].
        count: Samples they are of.
        log_likelihood: Mean of the samples, in nats.
    """

    transitions: NDArray[np.float32]
    emissions: NDArray[np.float32]
    count: float
    log_likelihood: float


@dataclass(frozen=True)
class Smoothing:
    """What weights are drawn to, by counts of samples that were never seen.

    Args:
        prior: float32 [variables, most categories], the shares of the values of each variable; all
            of those that may come are above 0.
        evidence: float32 [variables, most categories], how much a sample of each value says of the
            values nearby.
        near: float32 [variables, most categories], what all samples say of each value.
        modes: int64 [variables], the most frequent value of each.
        transitions: Count of each row of transitions, in equal parts.
        emissions: Count of each state's emissions, in the parts of the prior, as far as the values
            nearby come with the state.
        reach: Steps to the values that are nearby; 0 where values have no order.
        shapes: Count of each state's shares of shapes, in the parts that each variable has.
        usual: float32 [variables, shapes], these parts; None where there are no shapes.
    """

    prior: NDArray[np.float32]
    evidence: NDArray[np.float32]
    near: NDArray[np.float32]
    modes: NDArray[np.int64]
    transitions: float
    emissions: float
    reach: float
    shapes: float = 1.0
    usual: NDArray[np.float32] | None = None

    @staticmethod
    def of(
        samples: NDArray[np.integer],
        categories: NDArray[np.int32],
        *,
        transitions: float,
        emissions: float,
        reach: float,
    ) -> Smoothing:
        """Return what the shares of the values of samples say.

        The prior is each variable's own shares, drawn to those of all variables, drawn to equal
        ones.
        """
        widest = int(categories.max())
        counts = np.zeros((samples.shape[1], widest))
        for variable, row in enumerate(counts):
            column = samples[:, variable]
            row[:] = np.bincount(column[column >= 0], minlength=widest)[:widest]
        shared = counts.sum(axis=0) + 1 / widest
        prior = counts + shared / shared.sum() + 1 / widest
        prior *= np.arange(widest) < categories[:, None]
        prior /= prior.sum(axis=1, keepdims=True)
        # A value that is frequent says more of itself, but not of its neighbours.
        evidence = 1 / (counts + EVIDENCE) if reach > 0 else np.zeros_like(counts)
        decay = _decay(reach)
        near = counts * evidence
        forward, back = near.copy(), near.copy()
        for x in range(1, widest):
            forward[:, x] += decay * forward[:, x - 1]
            back[:, -1 - x] += decay * back[:, -x]
        near = forward + back - near
        return Smoothing(
            prior.astype(np.float32),
            evidence.astype(np.float32),
            near.astype(np.float32),
            counts.argmax(axis=1),
            transitions,
            emissions,
            reach,
        )


def _decay(reach: float) -> float:
    return float(np.exp(-1 / reach)) if reach > 0 else 0.0


class Passes(Protocol):
    """What makes passes over samples."""

    def log_likelihoods(
        self, samples: NDArray[np.integer], index: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Return the natural logarithm of the probability of each sample."""

    def flows(self, samples: NDArray[np.integer], index: NDArray[np.int64] | None = None) -> Flows:
        """Return the flows of samples; their arrays may be used again by the next pass."""


class Engine:
    """Passes over samples.

    Args:
        weights: Of the circuit; they may change between passes, the tree and its edges not.
        modes: int [variables], the most frequent value of each: only speed depends on it.
        threads: How many. Sums are in the same order for the same number.
    """

    def __init__(self, weights: Weights, modes: NDArray[np.int64], threads: int) -> None:
        self.weights, self.threads = weights, threads
        tree = weights.tree
        observed = np.maximum(tree.variables, 0)
        self._layout = kernels.Layout(
            tree.parents,
            tree.state_starts,
            tree.row_starts,
            tree.variables,
            np.where(tree.variables >= 0, modes[observed], 0),
            tree.emission_starts,
            weights.row_edges,
            weights.targets,
        )
        self._sums = [
            (np.zeros_like(weights.transitions), np.zeros_like(weights.emissions))
            for _ in range(threads)
        ]
        self._pool = ThreadPoolExecutor(threads)

    def log_likelihoods(
        self, samples: NDArray[np.integer], index: NDArray[np.int64] | None = None
    ) -> NDArray[np.float64]:
        """Return the natural logarithm of the probability of each sample."""
        index = np.arange(len(samples)) if index is None else index
        out = np.empty(len(index))
        weights = self.weights

        for begin, chunk in _chunks(samples, index):

            def run(part: int, begin: int = begin, chunk: NDArray[np.int16] = chunk) -> None:
                kernels.log_likelihoods(
                    chunk,
                    part,
                    self.threads,
                    self._layout,
                    weights.transitions,
                    weights.emissions,
                    out[begin : begin + len(chunk)],
                )

            list(self._pool.map(run, range(self.threads)))
        return out

    def flows(self, samples: NDArray[np.integer], index: NDArray[np.int64] | None = None) -> Flows:
        """Return the flows of samples."""
        index = np.arange(len(samples)) if index is None else index
        out = np.empty(len(index))
        weights = self.weights

        for begin, chunk in _chunks(samples, index):

            def run(part: int, begin: int = begin, chunk: NDArray[np.int16] = chunk) -> None:
                sums = self._sums[part]
                if not begin:
                    sums[0][:] = 0
                    sums[1][:] = 0
                kernels.add_flows(
                    chunk,
                    part,
                    self.threads,
                    self._layout,
                    weights.transitions,
                    weights.emissions,
                    out[begin : begin + len(chunk)],
                    *sums,
                )

            list(self._pool.map(run, range(self.threads)))
        first = self._sums[0]
        for transitions, emissions in self._sums[1:]:
            first[0][:] += transitions
            first[1][:] += emissions
        return Flows(first[0], first[1], len(index), float(out.mean()))


def _chunks(
    samples: NDArray[np.integer], index: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[np.int16]]]:
    """Yield where a chunk of the samples begins in the index, and its samples."""
    for begin in range(0, len(index), _CHUNK):
        yield begin, samples[index[begin : begin + _CHUNK]].astype(np.int16)


def maximize(
    weights: Weights,
    flows: Flows,
    smoothing: Smoothing,
    mixtures: LogisticMixtures | None = None,
) -> None:
    """Set the weights to what makes the flows most likely, with pseudocounts.

    Args:
        weights: They are changed.
        flows: Of all samples.
        smoothing: What weights are drawn to.
        mixtures: What emissions are, where they are not tables; they are changed.
    """
    tree = weights.tree
    maximize_rows(
        weights.row_edges, flows.transitions, np.float32(smoothing.transitions), weights.transitions
    )
    if weights.shapes is not None and smoothing.usual is not None:
        maximize_shares(
            tree.variables,
            tree.states,
            tree.emission_starts,
            weights.shapes.starts(tree),
            weights.shapes.tables,
            flows.emissions,
            smoothing.usual,
            np.float32(smoothing.shapes),
            weights.emissions,
            weights.shapes.shares,
        )
        return
    if mixtures is not None:
        mixtures.improve(flows.emissions)
        weights.emissions[:] = mixtures.table()
        return
    maximize_emissions(
        tree.variables,
        tree.states,
        tree.categories,
        tree.emission_starts,
        flows.emissions,
        smoothing.prior,
        smoothing.evidence,
        smoothing.near,
        np.float32(_decay(smoothing.reach)),
        np.float32(smoothing.emissions),
        weights.emissions,
    )
