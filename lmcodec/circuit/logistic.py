"""Emissions with few parameters: mixtures of logistic distributions, cut into values.

A value has what the distribution has within half a step of it; the first and the last value have
what is beyond them too. Source: T. Salimans et al., 2017, PixelCNN++, section 2.1. Each step of
fitting is one of Fisher's scoring on the expected counts, taken back where it does not help.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lmcodec.circuit.tree import Tree

# What each value has besides, so that all can be coded.
_EVERYWHERE = 1e-4
_MIN_LOG_SCALE = -3.0
# Information of a logistic distribution of scale 1 about its place, and about the logarithm of its
# scale.
_ABOUT_PLACE, _ABOUT_SCALE = 1 / 3, (3 + np.pi**2) / 9
_CHUNK_STATES = 1024


@dataclass
class LogisticMixtures:
    """Emissions of all states of a tree.

    Args:
        tree: Of the circuit.
        places: float64 [states, components], in values.
        log_scales: float64 [states, components].
        shares: float64 [states, components], rows sum to 1.
    """

    tree: Tree
    places: NDArray[np.float64]
    log_scales: NDArray[np.float64]
    shares: NDArray[np.float64]

    @staticmethod
    def start(
        tree: Tree, prior: NDArray[np.float32], components: int, seed: int
    ) -> LogisticMixtures:
        """Return mixtures whose places are drawn from the values of each variable.

        Args:
            tree: Of the circuit.
            prior: float32 [variables, categories], shares of values.
            components: Of each state.
            seed: Of the drawing.
        """
        if components < 1:
            raise ValueError(f"a mixture has at least one component: {components}")
        generator = np.random.default_rng((seed, 2))
        places, scales = [], []
        values = np.arange(prior.shape[1])
        for node in tree.observing:
            shares = prior[tree.variables[node]].astype(np.float64)
            mean = (shares * values).sum()
            spread = np.sqrt((shares * (values - mean) ** 2).sum())
            size = (int(tree.states[node]), components)
            points = generator.choice(values, size, p=shares / shares.sum())
            places.append(points + generator.normal(0, 0.5, size))
            scales.append(np.full(size, np.log(max(spread / 2, 0.3))))
        located = np.concatenate(places)
        return LogisticMixtures(
            tree, located, np.concatenate(scales), np.full(located.shape, 1 / components)
        )

    def improve(self, flows: NDArray[np.float32], steps: int = 2) -> None:
        """Make flows more likely, or leave a state as it is where that was not found.

        Args:
            flows: float32 [entries], of the emissions.
            steps: How many times.
        """
        for part, counts, widths in self._chunks(flows):
            for _ in range(steps):
                self._step(part, counts, widths)

    def table(self) -> NDArray[np.float32]:
        """Return what each state says of each value: float32 [entries], as weights hold them."""
        tree = self.tree
        found, at = [], 0
        for node in tree.observing:
            size, width = int(tree.states[node]), int(tree.categories[tree.variables[node]])
            part = slice(at, at + size)
            shares, _ = _mixture(
                self.places[part], self.log_scales[part], self.shares[part],
                np.full(size, width), width,
            )  # fmt: skip
            found.append(_floored(shares, np.full(size, width)).T.ravel())
            at += size
        return np.concatenate(found).astype(np.float32)

    def _chunks(
        self, flows: NDArray[np.float32]
    ) -> list[tuple[slice, NDArray[np.float64], NDArray[np.int64]]]:
        """Return states of some nodes, with their counts [states, values] and numbers of values."""
        tree = self.tree
        widest, chunks, at, begin = int(tree.categories.max()), [], 0, 0
        counts: list[NDArray[np.float64]] = []
        widths: list[int] = []
        starts = tree.emission_starts
        nodes = tree.observing
        for node in nodes:
            size, width = int(tree.states[node]), int(tree.categories[tree.variables[node]])
            table = np.zeros((size, widest))
            table[:, :width] = flows[starts[node] : starts[node + 1]].reshape(width, size).T
            counts.append(table)
            widths += [width] * size
            at += size
            if at - begin >= _CHUNK_STATES or node == nodes[-1]:
                chunks.append((slice(begin, at), np.concatenate(counts), np.array(widths)))
                counts, widths, begin = [], [], at
        return chunks

    def _step(self, part: slice, counts: NDArray[np.float64], widths: NDArray[np.int64]) -> None:
        places, scales, shares = self.places[part], self.log_scales[part], self.shares[part]
        total, pieces = _mixture(places, scales, shares, widths, counts.shape[1])
        before = (counts * np.log(_floored(total, widths))).sum(axis=1)
        # [states, components, values]: expected counts of each component.
        each = counts[:, None] * pieces.shares / np.maximum(total, 1e-12)[:, None]
        used = each.sum(axis=2)
        pull = each / np.maximum(pieces.plain, 1e-12)
        gain_place = (pull * pieces.by_place).sum(axis=2)
        gain_scale = (pull * pieces.by_scale).sum(axis=2)
        enough = np.maximum(used, 1e-6)
        move = gain_place * np.exp(2 * scales) / (enough * _ABOUT_PLACE)
        widen = np.clip(gain_scale / (enough * _ABOUT_SCALE), -1, 1)
        mixed = (used + 0.1) / (used + 0.1).sum(axis=1, keepdims=True)
        left = np.ones(len(counts), np.bool_)
        for size in (1.0, 0.5, 0.125):
            new = (
                np.clip(places + size * move, -widths[:, None], 2 * widths[:, None]),
                np.clip(scales + size * widen, _MIN_LOG_SCALE, np.log(widths)[:, None] + 1),
                shares + size * (mixed - shares),
            )
            found, _ = _mixture(*new, widths, counts.shape[1])
            after = (counts * np.log(_floored(found, widths))).sum(axis=1)
            taken = left & (after >= before)
            for old, better in zip((places, scales, shares), new, strict=True):
                old[taken] = better[taken]
            left &= ~taken
            if not left.any():
                break


@dataclass(frozen=True)
class _Pieces:
    """Components of mixtures, and how they change: all [states, components, values].

    Args:
        plain: What each component has of each value.
        shares: That times the share of the component.
        by_place: Change of the plain ones with the place.
        by_scale: Change with the logarithm of the scale.
    """

    plain: NDArray[np.float64]
    shares: NDArray[np.float64]
    by_place: NDArray[np.float64]
    by_scale: NDArray[np.float64]


def _mixture(
    places: NDArray[np.float64],
    log_scales: NDArray[np.float64],
    shares: NDArray[np.float64],
    widths: NDArray[np.int64],
    widest: int,
) -> tuple[NDArray[np.float64], _Pieces]:
    """Return the shares of all values [states, values], and those of the components."""
    values = np.arange(widest)
    rate = np.exp(-log_scales)[..., None]
    edge = (values + 0.5 - places[..., None]) * rate
    below = 1 / (1 + np.exp(-np.clip(edge, -60, 60)))
    slope = below * (1 - below)
    last = values >= widths[:, None, None] - 1
    below = np.where(last, 1.0, below)
    slope = np.where(last, 0.0, slope)
    bent = slope * edge
    plain, by_place, by_scale = (
        np.diff(field, axis=2, prepend=0.0) for field in (below, -slope * rate, -bent)
    )
    weighted = plain * shares[..., None]
    return weighted.sum(axis=1), _Pieces(plain, weighted, by_place, by_scale)


def _floored(shares: NDArray[np.float64], widths: NDArray[np.int64]) -> NDArray[np.float64]:
    floored: NDArray[np.float64] = (1 - _EVERYWHERE) * shares + _EVERYWHERE / widths[:, None]
    return floored
