"""Messages up and down a hidden tree, compiled by numba: sixty-four samples at a time.

All messages are [states, samples], so that each edge of the tree is one step on a row of samples,
which the compiler turns into vectors, whether the edges of a node are all there or few of them.
Messages are scaled by node and sample to sum to 1; the scales go into the logarithm.
"""

from __future__ import annotations

import numba
import numpy as np

BLOCK = 64
# Relative to the sum of a message: below that a state does not matter. It keeps products away from
# numbers below the normal ones, which are slow, and quotients from zero.
_FLOOR = np.float32(1e-20)
_TINY = np.float32(1e-25)
_ONE, _ZERO = np.float32(1), np.float32(0)
# Scales whose product stays above the least double: 1e-20 times a small weight, eight times.
_SCALES = 8

_jit = numba.njit(
    nogil=True, fastmath={"nnan", "ninf", "nsz", "arcp", "contract", "afn", "reassoc"}, cache=True
)


@_jit
def _gather(samples, index, begin, values):
    """Put samples into columns; -1 is what is missing, and all of a sample that is not there."""
    variables = values.shape[0]
    for b in range(BLOCK):
        at = begin + b
        if at < len(index):
            row = index[at]
            for v in range(variables):
                values[v, b] = samples[row, v]
        else:
            for v in range(variables):
                values[v, b] = -1


@_jit
def _emit(values, emissions, at, states, width, mode, out, others):
    """Set messages to the emissions of what is observed. The most frequent value is cheap."""
    count = 0
    for b in range(BLOCK):
        if values[b] != mode:
            others[count] = b
            count += 1
    for j in range(states):
        row = at + j * width
        usual = emissions[row + mode]
        for b in range(BLOCK):
            out[j, b] = usual
        for k in range(count):
            b = others[k]
            x = values[b]
            out[j, b] = emissions[row + x] if x >= 0 else _ONE


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
def _rows_up(first, rows, row_edges, targets, transitions, below, out):
    """Set out[i] to the sum over the edges of row i of weight times message."""
    for i in range(rows):
        edge, end = row_edges[first + i], row_edges[first + i + 1]
        for b in range(BLOCK):
            out[i, b] = _ZERO
        while edge + 4 <= end:
            j0, j1 = targets[edge], targets[edge + 1]
            j2, j3 = targets[edge + 2], targets[edge + 3]
            w0, w1 = transitions[edge], transitions[edge + 1]
            w2, w3 = transitions[edge + 2], transitions[edge + 3]
            for b in range(BLOCK):
                out[i, b] += (
                    w0 * below[j0, b] + w1 * below[j1, b] + w2 * below[j2, b] + w3 * below[j3, b]
                )
            edge += 4
        while edge < end:
            j, w = targets[edge], transitions[edge]
            for b in range(BLOCK):
                out[i, b] += w * below[j, b]
            edge += 1


@_jit
def _up(
    values,
    parents,
    state_starts,
    row_starts,
    variables,
    modes,
    widths,
    emission_starts,
    row_edges,
    targets,
    transitions,
    emissions,
    below,
    above,
    total,
    scale,
    logs,
    others,
):
    """Send messages up: below[state] of each node, above[row] of each transition."""
    nodes = len(parents)
    logs[:] = 0.0
    scale[:] = 1.0
    for node in range(nodes):
        start, end = state_starts[node], state_starts[node + 1]
        if variables[node] >= 0:
            _emit(
                values[variables[node]],
                emissions,
                emission_starts[node],
                end - start,
                widths[node],
                modes[node],
                below[start:end],
                others,
            )
        else:
            below[start:end] = _ONE
    fresh = np.ones(nodes, np.bool_)
    pending = 0
    for node in range(nodes - 1, -1, -1):
        start, end = state_starts[node], state_starts[node + 1]
        if fresh[node]:
            pending = _normalize(below[start:end], end - start, total, scale, pending)
        first, last = row_starts[node], row_starts[node + 1]
        message = above[first:last]
        _rows_up(first, last - first, row_edges, targets, transitions, below[start:end], message)
        if node > 0:
            parent = parents[node]
            fresh[parent] = False
            onto = below[state_starts[parent] : state_starts[parent + 1]]
            for i in range(last - first):
                for b in range(BLOCK):
                    onto[i, b] *= message[i, b]
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
    values,
    sample_weights,
    parents,
    state_starts,
    row_starts,
    variables,
    modes,
    widths,
    emission_starts,
    row_edges,
    targets,
    transitions,
    below,
    above,
    sums,
    transition_flows,
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
            edge, edge_end = row_edges[first + i], row_edges[first + i + 1]
            while edge + 2 <= edge_end:
                j0, j1 = targets[edge], targets[edge + 1]
                w0, w1 = transitions[edge], transitions[edge + 1]
                flow0, flow1 = _ZERO, _ZERO
                for b in range(BLOCK):
                    flow0 += ratio[b] * message[j0, b]
                    flow1 += ratio[b] * message[j1, b]
                    sums[j0, b] += w0 * ratio[b]
                    sums[j1, b] += w1 * ratio[b]
                transition_flows[edge] += w0 * flow0
                transition_flows[edge + 1] += w1 * flow1
                edge += 2
            while edge < edge_end:
                j, w = targets[edge], transitions[edge]
                flow = _ZERO
                for b in range(BLOCK):
                    flow += ratio[b] * message[j, b]
                    sums[j, b] += w * ratio[b]
                transition_flows[edge] += w * flow
                edge += 1
        for j in range(states):
            for b in range(BLOCK):
                posterior = message[j, b] * sums[j, b]
                message[j, b] = posterior if posterior > _TINY else _ZERO
        if variables[node] >= 0:
            _count(
                values[variables[node]],
                emission_starts[node],
                states,
                widths[node],
                modes[node],
                message,
                emission_flows,
            )


@_jit
def _count(values, at, states, width, mode, posterior, flows):
    """Add posteriors to the emissions of what was observed."""
    is_mode = np.empty(BLOCK, np.float32)
    others = np.empty(BLOCK, np.int32)
    count = 0
    for b in range(BLOCK):
        is_mode[b] = _ONE if values[b] == mode else _ZERO
        if values[b] != mode and values[b] >= 0:
            others[count] = b
            count += 1
    for j in range(states):
        row = at + j * width
        total = _ZERO
        for b in range(BLOCK):
            total += is_mode[b] * posterior[j, b]
        flows[row + mode] += total
        for k in range(count):
            b = others[k]
            flows[row + values[b]] += posterior[j, b]


@_jit
def log_likelihoods(
    samples,
    index,
    part,
    parts,
    parents,
    state_starts,
    row_starts,
    variables,
    modes,
    widths,
    emission_starts,
    row_edges,
    targets,
    transitions,
    emissions,
    out,
):
    """Set out to the natural logarithms of the probabilities of the samples of a part."""
    values = np.empty((samples.shape[1], BLOCK), np.int16)
    below = np.empty((state_starts[-1], BLOCK), np.float32)
    above = np.empty((row_starts[-1], BLOCK), np.float32)
    total = np.empty(BLOCK, np.float32)
    scale, logs = np.empty(BLOCK, np.float64), np.empty(BLOCK, np.float64)
    others = np.empty(BLOCK, np.int32)
    for begin in range(part * BLOCK, len(index), parts * BLOCK):
        _gather(samples, index, begin, values)
        _up(
            values,
            parents,
            state_starts,
            row_starts,
            variables,
            modes,
            widths,
            emission_starts,
            row_edges,
            targets,
            transitions,
            emissions,
            below,
            above,
            total,
            scale,
            logs,
            others,
        )
        for b in range(min(BLOCK, len(index) - begin)):
            out[begin + b] = logs[b]


@_jit
def add_flows(
    samples,
    index,
    part,
    parts,
    parents,
    state_starts,
    row_starts,
    variables,
    modes,
    widths,
    emission_starts,
    row_edges,
    targets,
    transitions,
    emissions,
    out,
    transition_flows,
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
    for begin in range(part * BLOCK, len(index), parts * BLOCK):
        _gather(samples, index, begin, values)
        _up(
            values,
            parents,
            state_starts,
            row_starts,
            variables,
            modes,
            widths,
            emission_starts,
            row_edges,
            targets,
            transitions,
            emissions,
            below,
            above,
            total,
            scale,
            logs,
            others,
        )
        for b in range(BLOCK):
            ones[b] = _ONE if begin + b < len(index) else _ZERO
        for b in range(min(BLOCK, len(index) - begin)):
            out[begin + b] = logs[b]
        _down(
            values,
            ones,
            parents,
            state_starts,
            row_starts,
            variables,
            modes,
            widths,
            emission_starts,
            row_edges,
            targets,
            transitions,
            below,
            above,
            sums,
            transition_flows,
            emission_flows,
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
def maximize_emissions(variables, states, widths, starts, flows, prior, count, out):
    """Set each row of emissions to its flows and parts of a count, summing to 1."""
    for node in range(len(variables)):
        variable = variables[node]
        if variable < 0:
            continue
        width = widths[variable]
        for j in range(states[node]):
            row = starts[node] + j * width
            total = _ZERO
            for x in range(width):
                total += flows[row + x] + count * prior[variable, x]
            scale = _ONE / total
            for x in range(width):
                out[row + x] = (flows[row + x] + count * prior[variable, x]) * scale
