"""Messages up and down a hidden tree, compiled by numba: sixty-four samples at a time.

All messages are [states, samples], so that each edge of the tree is one step on a row of samples,
which the compiler turns into vectors, whether the edges of a node are all there or few of them.
Messages are scaled by node and sample to sum to 1; the scales go into the logarithm.
"""

from __future__ import annotations

import numba
import numpy as np

from lmcodec.circuit.vectors import BLOCK, combine, spread_back

# Relative to the sum of a message: below that a state does not matter. It keeps products away from
# numbers below the normal ones, which are slow, and quotients from zero.
_FLOOR = np.float32(1e-20)
_TINY = np.float32(1e-25)
# Of what emissions are drawn to, however rare a state is.
_LEAST = np.float32(1e-3)
_ONE, _ZERO = np.float32(1), np.float32(0)
# Scales whose product stays above the least double: 1e-20 times a small weight, eight times.
_SCALES = 8

_jit = numba.njit(
    nogil=True, fastmath={"nnan", "ninf", "nsz", "arcp", "contract", "afn", "reassoc"}, cache=True
)


@_jit
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


@_jit
def _emit(values, emissions, at, states, mode, message, others):
    """Multiply a message by the emissions of what is observed. The usual value is cheap."""
    count = 0
    for b in range(BLOCK):
        if values[b] != mode:
            others[count] = b
            count += 1
    if count < BLOCK:
        usual = emissions[at + mode * states : at + (mode + 1) * states]
        for j in range(states):
            for b in range(BLOCK):
                message[j, b] *= usual[j]
        for k in range(count):
            b = others[k]
            for j in range(states):
                message[j, b] /= usual[j]
    for k in range(count):
        b = others[k]
        if values[b] >= 0:
            row = emissions[at + values[b] * states : at + (values[b] + 1) * states]
            for j in range(states):
                message[j, b] *= row[j]


@_jit
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


@_jit
def _up(
    values, parents, state_starts, row_starts, variables, modes, emission_starts,
    row_edges, targets, transitions, emissions, below, above, total, scale, logs, others,
):
    """Send messages up: below[state] of each node, above[row] of each transition."""
    nodes = len(parents)
    logs[:] = 0.0
    scale[:] = 1.0
    fresh = np.ones(nodes, np.bool_)
    pending = 0
    for node in range(nodes - 1, -1, -1):
        start, end = state_starts[node], state_starts[node + 1]
        message = below[start:end]
        if fresh[node]:
            message[:] = _ONE
        if variables[node] >= 0:
            _emit(
                values[variables[node]], emissions, emission_starts[node], end - start,
                modes[node], message, others,
            )
        pending = _normalize(message, end - start, total, scale, pending)
        first, last = row_starts[node], row_starts[node + 1]
        for row in range(first, last):
            combine(
                above, row, message, targets, transitions, row_edges[row], row_edges[row + 1]
            )
        if node > 0:
            parent = parents[node]
            onto = below[state_starts[parent] : state_starts[parent + 1]]
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


@_jit
def _down(
    values, sample_weights, parents, state_starts, row_starts, variables, modes,
    emission_starts, row_edges, targets, transitions, below, above, sums, transition_flows,
    emission_flows,
):
    """Send posteriors down, and add up flows. Messages are overwritten by them."""
    for node in range(len(parents)):
        start, end = state_starts[node], state_starts[node + 1]
        first, last = row_starts[node], row_starts[node + 1]
        message = below[start:end]
        states = end - start
        for j in range(states):
            for b in range(BLOCK):
                sums[j, b] = _ZERO
        over = state_starts[parents[node]] if node > 0 else 0
        for i in range(last - first):
            ratio = above[first + i]
            if node > 0:
                for b in range(BLOCK):
                    ratio[b] = below[over + i, b] / max(ratio[b], np.float32(1e-30))
            else:
                for b in range(BLOCK):
                    ratio[b] = sample_weights[b] / ratio[b]
            begin, stop = row_edges[first + i], row_edges[first + i + 1]
            spread_back(
                above, first + i, message, sums, targets, transitions, begin, stop,
                transition_flows,
            )
        for j in range(states):
            for b in range(BLOCK):
                posterior = message[j, b] * sums[j, b]
                message[j, b] = posterior if posterior > _TINY else _ZERO
        if variables[node] >= 0:
            _count(
                values[variables[node]], emission_starts[node], states, modes[node], message,
                emission_flows,
            )


@_jit
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


@_jit
def log_likelihoods(
    samples, part, parts, parents, state_starts, row_starts, variables, modes,
    emission_starts, row_edges, targets, transitions, emissions, out,
):
    """Set out to the natural logarithms of the probabilities of the samples of a part."""
    values = np.empty((samples.shape[1], BLOCK), np.int16)
    below = np.empty((state_starts[-1], BLOCK), np.float32)
    above = np.empty((row_starts[-1], BLOCK), np.float32)
    total = np.empty(BLOCK, np.float32)
    scale, logs = np.empty(BLOCK, np.float64), np.empty(BLOCK, np.float64)
    others = np.empty(BLOCK, np.int32)
    for begin in range(part * BLOCK, len(samples), parts * BLOCK):
        _gather(samples, begin, values)
        _up(
            values, parents, state_starts, row_starts, variables, modes, emission_starts,
            row_edges, targets, transitions, emissions, below, above, total, scale, logs, others,
        )
        for b in range(min(BLOCK, len(samples) - begin)):
            out[begin + b] = logs[b]


@_jit
def add_flows(
    samples, part, parts, parents, state_starts, row_starts, variables, modes,
    emission_starts, row_edges, targets, transitions, emissions, out, transition_flows,
    emission_flows,
):
    """Add the flows of the samples of a part, and set their logarithms of probabilities."""
    values = np.empty((samples.shape[1], BLOCK), np.int16)
    below = np.empty((state_starts[-1], BLOCK), np.float32)
    above = np.empty((row_starts[-1], BLOCK), np.float32)
    sums = np.empty((np.max(np.diff(state_starts)), BLOCK), np.float32)
    total, ones = np.empty(BLOCK, np.float32), np.empty(BLOCK, np.float32)
    scale, logs = np.empty(BLOCK, np.float64), np.empty(BLOCK, np.float64)
    others = np.empty(BLOCK, np.int32)
    for begin in range(part * BLOCK, len(samples), parts * BLOCK):
        _gather(samples, begin, values)
        _up(
            values, parents, state_starts, row_starts, variables, modes, emission_starts,
            row_edges, targets, transitions, emissions, below, above, total, scale, logs, others,
        )
        for b in range(BLOCK):
            ones[b] = _ONE if begin + b < len(samples) else _ZERO
        for b in range(min(BLOCK, len(samples) - begin)):
            out[begin + b] = logs[b]
        _down(
            values, ones, parents, state_starts, row_starts, variables, modes,
            emission_starts, row_edges, targets, transitions, below, above, sums,
            transition_flows, emission_flows,
        )


@_jit
def maximize_rows(row_edges, flows, count, out):
    """Set each row of transitions to its flows and equal parts of a count, summing to 1."""
    for row in range(len(row_edges) - 1):
        edge, end = row_edges[row], row_edges[row + 1]
        part = count / np.float32(end - edge)
        total = _ZERO
        for at in range(edge, end):
            total += flows[at] + part
        scale = _ONE / total
        for at in range(edge, end):
            out[at] = (flows[at] + part) * scale


@_jit
def maximize_emissions(
    variables, states, widths, starts, flows, prior, evidence, near, decay, count, out
):
    """Set the emissions of each state to its flows and parts of a count, summing to 1.

    The count is spread as the variable's values are, times how often the values nearby went with
    the state: that ratio is smooth even where some values are frequent and others never come.

    Args:
        variables, states, widths, starts: Of the tree.
        flows: float32 [entries].
        prior: float32 [variables, categories], shares of values.
        evidence: float32 [variables, categories], how much each value counts for those nearby.
        near: float32 [variables, categories], evidence times frequency of the values nearby.
        decay: Share of its weight that a value nearby has at one step more.
        count: Pseudocount of each state.
        out: float32 [entries].
    """
    largest = np.max(states)
    totals, parts = np.empty(largest, np.float32), np.empty(largest, np.float32)
    drawn = np.empty((np.max(widths), largest), np.float32)
    for node in range(len(variables)):
        v = variables[node]
        if v < 0:
            continue
        width, size, at = widths[v], states[node], starts[node]
        parts[:] = _ZERO
        for x in range(width):
            row = flows[at + x * size : at + (x + 1) * size]
            for j in range(size):
                parts[j] = parts[j] * decay + evidence[v, x] * row[j]
                drawn[x, j] = parts[j]
        parts[:] = _ZERO
        totals[:] = _ZERO
        for x in range(width - 1, -1, -1):
            row = flows[at + x * size : at + (x + 1) * size]
            scale = prior[v, x] / near[v, x]
            for j in range(size):
                drawn[x, j] = (drawn[x, j] + decay * parts[j]) * scale + prior[v, x] * _LEAST
                parts[j] = parts[j] * decay + evidence[v, x] * row[j]
                totals[j] += drawn[x, j]
        for j in range(size):
            parts[j] = count / totals[j]
        totals[:] = _ZERO
        for x in range(width):
            row = flows[at + x * size : at + (x + 1) * size]
            for j in range(size):
                drawn[x, j] = row[j] + drawn[x, j] * parts[j]
                totals[j] += drawn[x, j]
        for j in range(size):
            totals[j] = _ONE / totals[j]
        for x in range(width):
            new = out[at + x * size : at + (x + 1) * size]
            for j in range(size):
                new[j] = drawn[x, j] * totals[j]
