"""Which tree: what depends on what, found in samples or known from their shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lmcodec.circuit.tree import Tree

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

# Mutual information of many values takes many samples to see; few bins do.
DEFAULT_BINS = 16
DEFAULT_SAMPLES = 10_000
# Multiplications in counting; fewer bins and samples than these are not worth it.
_MOST_PRODUCTS, _LEAST_BINS, _LEAST_SAMPLES = 2 * 10**12, 4, 1000
# Of counts at one time.
_BLOCK_BYTES = 1 << 25


def bin_values(
    samples: NDArray[np.uint8], categories: NDArray[np.int32], bins: int
) -> NDArray[np.uint8]:
    """Return samples whose values are put into few bins, about equally full ones.

    A value that is frequent has a bin of its own. Each variable has its own bins.

    Args:
        samples: [samples, variables].
        categories: int [variables].
        bins: The most that a variable may have.
    """
    binned = np.empty_like(samples)
    for variable in range(samples.shape[1]):
        width = int(categories[variable])
        column = samples[:, variable]
        if width <= bins:
            binned[:, variable] = column
            continue
        counts = np.bincount(column, minlength=width)
        binned[:, variable] = equal_bins(counts, bins)[column]
    return binned


def equal_bins(counts: NDArray[np.int64], bins: int) -> NDArray[np.uint8]:
    """Return the bin of each value, in the order of the values."""
    table = np.zeros(len(counts), np.uint8)
    left, number, full = int(counts.sum()), 0, 0
    for value, count in enumerate(counts):
        # The next bin begins where this one is as full as those to come will be.
        if full and 2 * full + count > 2 * max(left, 1) / max(bins - number, 1):
            left -= full
            number, full = min(number + 1, bins - 1), 0
        table[value] = number
        full += int(count)
    return table


def mutual_information(samples: NDArray[np.uint8], bins: int = DEFAULT_BINS) -> NDArray[np.float32]:
    """Return the mutual information of each two variables.

    Args:
        samples: [samples, variables], values below bins.
        bins: How many values there are.

    Returns:
        float32 [variables, variables], in nats; entropies on the diagonal.

    Complexity:
        variables^2 * bins^2 * samples, as matrix products; memory is variables^2 * 4 bytes and a
        few blocks.
    """
    count, variables = samples.shape
    # [variables * bins, samples]: which value each sample has.
    hot = np.zeros((variables * bins, count), np.float32)
    rows = np.arange(variables) * bins
    hot[rows[None, :] + samples, np.arange(count)[:, None]] = 1
    shares = hot.mean(axis=1, dtype=np.float64).astype(np.float32)
    logs = np.log(np.maximum(shares, 1e-30))
    information = np.empty((variables, variables), np.float32)
    step = max(1, _BLOCK_BYTES // (4 * bins * bins * variables))
    for begin in range(0, variables, step):
        end = min(begin + step, variables)
        part = slice(begin * bins, end * bins)
        joint = hot[part] @ hot.T
        joint /= count
        terms = np.log(np.maximum(joint, 1e-30))
        terms -= logs[part, None]
        terms -= logs[None, :]
        terms *= joint
        folded = terms.reshape(end - begin, bins, variables, bins)
        information[begin:end] = folded.sum(axis=(1, 3))
    return information


def spanning_tree(information: NDArray[np.float32]) -> list[list[int]]:
    """Return the neighbours of each variable in the tree of the largest sum (Prim, 1957)."""
    variables = len(information)
    neighbours: list[list[int]] = [[] for _ in range(variables)]
    best = information[0].astype(np.float64)
    source = np.zeros(variables, np.int64)
    best[0] = -np.inf
    for _ in range(variables - 1):
        node = int(np.argmax(best))
        neighbours[node].append(int(source[node]))
        neighbours[int(source[node])].append(node)
        better = (information[node] > best) & (best > -np.inf)
        source[better] = node
        best[better] = information[node][better]
        best[node] = -np.inf
    return neighbours


def centroid(neighbours: Sequence[Sequence[int]]) -> int:
    """Return a node of a tree without which no part of it has more than half of the nodes."""
    order, parents = _order(neighbours, 0)
    sizes = np.ones(len(order), np.int64)
    largest = np.zeros(len(order), np.int64)
    for node in reversed(order):
        parent = parents[node]
        if parent >= 0:
            sizes[parent] += sizes[node]
            largest[parent] = max(largest[parent], sizes[node])
    largest = np.maximum(largest, len(order) - sizes)
    return int(np.argmin(largest))


def _order(neighbours: Sequence[Sequence[int]], root: int) -> tuple[list[int], list[int]]:
    """Return the nodes depth first, and the parent of each."""
    parents = [-1] * len(neighbours)
    order, stack = [], [root]
    while stack:
        node = stack.pop()
        order.append(node)
        for other in neighbours[node]:
            if other != parents[node]:
                parents[other] = node
                stack.append(other)
    return order, parents


def chow_liu(
    samples: NDArray[np.uint8],
    categories: NDArray[np.int32],
    states: int,
    *,
    bins: int = DEFAULT_BINS,
    most: int = DEFAULT_SAMPLES,
    seed: int = 0,
) -> Tree:
    """Return a hidden Chow-Liu tree: a node for each variable, tied to what says most about it.

    Source: C. Chow and C. Liu, 1968; with hidden states: A. Liu and G. Van den Broeck, 2021.

    Args:
        samples: [samples, variables].
        categories: int [variables].
        states: Of each node.
        bins: Values of a variable that are told apart; fewer where there are very many variables.
        most: Samples that are looked at, at most.
        seed: Which these are.
    """
    bins, most = _affordable(samples.shape[1], min(bins, int(categories.max())), most)
    if len(samples) > most:
        chosen = np.random.default_rng(seed).choice(len(samples), most, replace=False)
        samples = samples[np.sort(chosen)]
    information = mutual_information(bin_values(samples, categories, bins), bins)
    return rooted(spanning_tree(information), categories, states)


def _affordable(variables: int, bins: int, most: int) -> tuple[int, int]:
    """Return so few bins and samples that all pairs can be counted in about a minute."""
    while bins > _LEAST_BINS and (variables * bins) ** 2 * most > _MOST_PRODUCTS:
        bins //= 2
    return bins, min(most, max(_LEAST_SAMPLES, _MOST_PRODUCTS // (variables * bins) ** 2))


def rooted(neighbours: Sequence[Sequence[int]], categories: NDArray[np.int32], states: int) -> Tree:
    """Return a tree of variables with its root at a centroid, nodes depth first."""
    order, parents = _order(neighbours, centroid(neighbours))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    above = [-1 if parents[variable] < 0 else place[parents[variable]] for variable in order]
    return Tree.of(above, np.full(len(order), states), order, categories)


def chain(categories: NDArray[np.int32], states: int) -> Tree:
    """Return a hidden Markov model: each variable hangs on the one before it."""
    variables = len(categories)
    places = np.arange(variables)
    return Tree.of(places - 1, np.full(variables, states), places, categories)


def split(shape: Sequence[int], categories: NDArray[np.int32], states: int) -> Tree:
    """Return a balanced tree that halves the longest side of a box of variables each time.

    Variables are at the leaves. Neighbours in a sample are close in the tree, but for those that
    the first cuts part.

    Args:
        shape: Of a sample; the number of variables is its product.
        categories: int [variables].
        states: Of each node.
    """
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    parents: list[int] = []
    variables: list[int] = []
    stack: list[tuple[NDArray[np.int64], int]] = [(numbers, -1)]
    while stack:
        box, parent = stack.pop()
        node = len(parents)
        parents.append(parent)
        if box.size == 1:
            variables.append(int(box.flat[0]))
            continue
        variables.append(-1)
        axis = int(np.argmax(box.shape))
        first, second = np.array_split(box, 2, axis)
        stack += [(second, node), (first, node)]
    return Tree.of(parents, np.full(len(parents), states), variables, categories)
