"""Messages up and down a hidden tree, compiled by numba: sixty-four samples at a time.

All messages are [states, samples], so that each edge of the tree is one step on a row of samples,
which the compiler turns into vectors, whether the edges of a node are all there or few of them.
Messages are scaled by node and sample to sum to 1; the scales go into the logarithm.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from lmcodec.circuit.vectors import BLOCK, combine, spread_back

# Relative to the sum of a message: below that a state does not matter. It keeps products away from
# numbers below the normal ones, which are slow, and quotients from zero.
_FLOOR = np.float32(1e-20)
_TINY = np.float32(1e-25)
_ONE, _ZERO = np.float32(1), np.float32(0)
# Scales whose product stays above the least double: 1e-20 times a small weight, eight times.
_SCALES = 8

jit = numba.njit(
    nogil=True, fastmath={"nnan", "ninf", "nsz", "arcp", "contract", "afn", "reassoc"}, cache=True
)


class Layout(NamedTuple):
    """What a circuit is, but for its weights: arrays of `Tree` and `Weights`.

    Args:
        modes: int64 [nodes], the most frequent value of what each node observes.
    """

    parents: NDArray[np.int32]
    state_starts: NDArray[np.int64]
    row_starts: NDArray[np.int64]
    variables: NDArray[np.int32]
    modes: NDArray[np.int64]
    emission_starts: NDArray[np.int64]
    row_edges: NDArray[np.int64]
    targets: NDArray[np.int32]


class Work(NamedTuple):
    """Messages of a block of samples, which are the columns of all arrays.

    Args:
        values: int16 [variables, BLOCK].
        below: float32 [states, BLOCK].
        above: float32 [rows, BLOCK].
        sums: float32 [states of one node, BLOCK].
        total: float32 [BLOCK], sums of a message.
        scale: float64 [BLOCK], what messages were divided by, since it went into the logarithms.
        logs: float64 [BLOCK], logarithms of probabilities.
        others: int32 [BLOCK], columns with values that are not the mode.
        ratios: float32 [states of one node], what another value says beside the mode.
    """

    values: NDArray[np.int16]
    below: NDArray[np.float32]
    above: NDArray[np.float32]
    sums: NDArray[np.float32]
    total: NDArray[np.float32]
    scale: NDArray[np.float64]
    logs: NDArray[np.float64]
    others: NDArray[np.int32]
    ratios: NDArray[np.float32]


@jit
def _gather(samples, begin, values):
    """Put samples into columns; -1 is what is missing, and all of a sample that is not there."""
    variables = values.shape[0]
    for b in range(BLOCK):
        at = begin + b
        if at < len(samples):
            for v in range(variables):
                values[v, b] = samples[at, v]
        else:
            for v in range(variables):
                values[v, b] = -1


@jit
def _emit(values, emissions, at, states, mode, message, others, ratios):
    """Multiply a message by the emissions of what is observed. The usual value is cheap."""
    count = 0
    for b in range(BLOCK):
        if values[b] != mode:
            others[count] = b
            count += 1
    usual = emissions[at + mode * states : at + (mode + 1) * states]
    for j in range(states):
        for b in range(BLOCK):
            message[j, b] *= usual[j]
    for k in range(count):
        b = others[k]
        # Columns are far apart in memory: so each is passed once only.
        if values[b] >= 0:
            row = emissions[at + values[b] * states : at + (values[b] + 1) * states]
            for j in range(states):
                ratios[j] = row[j] / usual[j]
        else:
            for j in range(states):
                ratios[j] = _ONE / usual[j]
        for j in range(states):
            message[j, b] *= ratios[j]


@jit
def _normalize(message, states, total, scale, pending):
    """Make a message sum to 1; its sums go into the scale."""
    for b in range(BLOCK):
        total[b] = _ZERO
    for j in range(states):
        for b in range(BLOCK):
            total[b] += message[j, b]
    for b in range(BLOCK):
        total[b] = max(total[b], np.float32(1e-30))
        scale[b] *= total[b]
        total[b] = _ONE / total[b]
    for j in range(states):
        for b in range(BLOCK):
            message[j, b] = max(message[j, b] * total[b], _FLOOR)
    return pending + 1


@jit
def _work(layout, variables):
    """Return arrays for the messages of a block of samples."""
    return Work(
        np.empty((variables, BLOCK), np.int16),
        np.empty((layout.state_starts[-1], BLOCK), np.float32),
        np.empty((layout.row_starts[-1], BLOCK), np.float32),
        np.empty((np.max(np.diff(layout.state_starts)), BLOCK), np.float32),
        np.empty(BLOCK, np.float32),
        np.empty(BLOCK, np.float64),
        np.empty(BLOCK, np.float64),
        np.empty(BLOCK, np.int32),
        np.empty(np.max(np.diff(layout.state_starts)), np.float32),
    )


@jit
def _up(layout, transitions, emissions, work):  # noqa: C901
    """Send messages up: below[state] of each node, above[row] of each transition."""
    below, above, total, scale, logs = work.below, work.above, work.total, work.scale, work.logs
    logs[:] = 0.0
    scale[:] = 1.0
    fresh = np.ones(len(layout.parents), np.bool_)
    pending = 0
    for node in range(len(layout.parents) - 1, -1, -1):
        start, end = layout.state_starts[node], layout.state_starts[node + 1]
        message, states = below[start:end], end - start
        if fresh[node]:
            message[:] = _ONE
        if layout.variables[node] >= 0:
            values, at = work.values[layout.variables[node]], layout.emission_starts[node]
            mode = layout.modes[node]
            _emit(values, emissions, at, states, mode, message, work.others, work.ratios)
        pending = _normalize(message, states, total, scale, pending)
        first, last = layout.row_starts[node], layout.row_starts[node + 1]
        for row in range(first, last):
            edge, stop = layout.row_edges[row], layout.row_edges[row + 1]
            combine(above, row, message, layout.targets, transitions, edge, stop)
        if node > 0:
            parent = layout.parents[node]
            onto = below[layout.state_starts[parent] : layout.state_starts[parent + 1]]
            if fresh[parent]:
                onto[:] = above[first:last]
                fresh[parent] = False
            else:
                for i in range(last - first):
                    for b in range(BLOCK):
                        onto[i, b] *= above[first + i, b]
                # Nodes with many children multiply many small numbers.
                pending = _normalize(onto, last - first, total, scale, pending)
        if pending >= _SCALES:
            for b in range(BLOCK):
                logs[b] += np.log(scale[b])
                scale[b] = 1.0
            pending = 0
    for b in range(BLOCK):
        logs[b] += np.log(scale[b]) + np.log(above[0, b])


@jit
def _down(  # noqa: C901
    layout, transitions, count, work, transition_flows, emission_flows
):
    """Send posteriors of the first samples down, and add up flows. They overwrite messages."""
    below, above, sums = work.below, work.above, work.sums
    for node in range(len(layout.parents)):
        start, end = layout.state_starts[node], layout.state_starts[node + 1]
        first, last = layout.row_starts[node], layout.row_starts[node + 1]
        message, states = below[start:end], end - start
        for j in range(states):
            for b in range(BLOCK):
                sums[j, b] = _ZERO
        over = layout.state_starts[layout.parents[node]] if node > 0 else 0
        for i in range(last - first):
            ratio = above[first + i]
            if node > 0:
                for b in range(BLOCK):
                    ratio[b] = below[over + i, b] / max(ratio[b], np.float32(1e-30))
            else:
                for b in range(BLOCK):
                    ratio[b] = _ONE / ratio[b] if b < count else _ZERO
            edge, stop = layout.row_edges[first + i], layout.row_edges[first + i + 1]
            spread_back(
                above,
                first + i,
                message,
                sums,
                layout.targets,
                transitions,
                edge,
                stop,
                transition_flows,
            )
        for j in range(states):
            for b in range(BLOCK):
                posterior = message[j, b] * sums[j, b]
                message[j, b] = posterior if posterior > _TINY else _ZERO
        if layout.variables[node] >= 0:
            values, at = work.values[layout.variables[node]], layout.emission_starts[node]
            _count(values, at, states, layout.modes[node], message, emission_flows)


@jit
def _count(values, at, states, mode, posterior, flows):
    """Add posteriors to the emissions of what was observed."""
    is_mode = np.empty(BLOCK, np.float32)
    others = np.empty(BLOCK, np.int32)
    count = 0
    for b in range(BLOCK):
        is_mode[b] = _ONE if values[b] == mode else _ZERO
        if values[b] != mode and values[b] >= 0:
            others[count] = b
            count += 1
    usual = flows[at + mode * states : at + (mode + 1) * states]
    for j in range(states):
        total = _ZERO
        for b in range(BLOCK):
            total += is_mode[b] * posterior[j, b]
        usual[j] += total
    for k in range(count):
        b = others[k]
        row = flows[at + values[b] * states : at + (values[b] + 1) * states]
        for j in range(states):
            row[j] += posterior[j, b]


@jit
def log_likelihoods(samples, part, parts, layout, transitions, emissions, out):
    """Set out to the natural logarithms of the probabilities of the samples of a part."""
    work = _work(layout, samples.shape[1])
    for begin in range(part * BLOCK, len(samples), parts * BLOCK):
        _gather(samples, begin, work.values)
        _up(layout, transitions, emissions, work)
        for b in range(min(BLOCK, len(samples) - begin)):
            out[begin + b] = work.logs[b]


@jit
def add_flows(
    samples, part, parts, layout, transitions, emissions, out, transition_flows, emission_flows
):
    """Add the flows of the samples of a part, and set their logarithms of probabilities."""
    work = _work(layout, samples.shape[1])
    for begin in range(part * BLOCK, len(samples), parts * BLOCK):
        _gather(samples, begin, work.values)
        _up(layout, transitions, emissions, work)
        count = min(BLOCK, len(samples) - begin)
        for b in range(count):
            out[begin + b] = work.logs[b]
        _down(layout, transitions, count, work, transition_flows, emission_flows)
