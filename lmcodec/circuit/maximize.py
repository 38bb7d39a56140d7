"""Weights from flows, compiled by numba: rows of transitions, tables, and shares of shapes."""

from __future__ import annotations

import numpy as np

from lmcodec.circuit.kernels import jit

# Of flows and shares: what keeps quotients from zero.
_TINY = np.float32(1e-25)
# Of what emissions are drawn to, however rarely a state comes with what is nearby.
_LEAST = np.float32(1e-3)
# What speaks for the usual share of a state: a tenth of what a frequent value says.
_FAR = np.float32(0.1)
_ONE, _ZERO = np.float32(1), np.float32(0)


@jit
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


@jit
def maximize_emissions(  # noqa: C901
    variables, states, widths, starts, flows, prior, evidence, near, decay, count, out
):
    """Set the emissions of each state to its flows and parts of a count, summing to 1.

    The count is spread as the variable's values are, times how often the values nearby went with
    the state: that ratio is smooth even where some values are frequent and others never come.

    Args:
        variables: int32 [nodes], what each observes, or -1.
        states: int32 [nodes], hidden states of each.
        widths: int32 [variables], how many values each has.
        starts: int64 [nodes + 1], where the entries of each node begin.
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
    usual = np.empty(largest, np.float32)
    drawn = np.empty((np.max(widths), largest), np.float32)
    for node in range(len(variables)):
        v = variables[node]
        if v < 0:
            continue
        width, size, at = widths[v], states[node], starts[node]
        parts[:] = _ZERO
        usual[:] = _ZERO
        for x in range(width):
            row = flows[at + x * size : at + (x + 1) * size]
            for j in range(size):
                parts[j] = parts[j] * decay + evidence[v, x] * row[j]
                drawn[x, j] = parts[j]
                usual[j] += row[j]
        # Where no value nearby says anything, states have their usual share.
        scale = _FAR / max(np.sum(usual[:size]), _TINY)
        for j in range(size):
            usual[j] *= scale
        parts[:] = _ZERO
        totals[:] = _ZERO
        for x in range(width - 1, -1, -1):
            row = flows[at + x * size : at + (x + 1) * size]
            scale = prior[v, x] / (near[v, x] + _FAR)
            for j in range(size):
                ratio = drawn[x, j] + decay * parts[j] + usual[j]
                drawn[x, j] = ratio * scale + prior[v, x] * _LEAST
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


@jit
def maximize_shares(  # noqa: C901
    variables, states, starts, places, tables, flows, usual, count, emissions, shares
):
    """Set the shares of shapes to what makes the flows more likely, with parts of a count.

    Args:
        variables: int32 [nodes], what each observes, or -1.
        states: int32 [nodes], hidden states of each.
        starts: int64 [nodes + 1], where the emissions of each node begin.
        places: int64 [nodes + 1], where its shares begin.
        tables: float32 [shapes, values].
        flows: float32 [entries], of the emissions.
        usual: float32 [variables, shapes], parts of the count.
        count: Pseudocount of each state.
        emissions: float32 [entries]; those of the shares before, and then after.
        shares: float32 [entries]; they are changed.
    """
    kinds, width = tables.shape
    largest = np.max(states)
    ratios, totals = np.empty(largest, np.float32), np.empty(largest, np.float32)
    found = np.empty((kinds, largest), np.float32)
    for node in range(len(variables)):
        v = variables[node]
        if v < 0:
            continue
        size, at, place = states[node], starts[node], places[node]
        found[:] = _ZERO
        for x in range(width):
            row = flows[at + x * size : at + (x + 1) * size]
            now = emissions[at + x * size : at + (x + 1) * size]
            for j in range(size):
                ratios[j] = row[j] / max(now[j], _TINY)
            for c in range(kinds):
                part = tables[c, x]
                if part > _ZERO:
                    for j in range(size):
                        found[c, j] += part * ratios[j]
        totals[:] = _ZERO
        for c in range(kinds):
            old = shares[place + c * size : place + (c + 1) * size]
            part = count * usual[v, c]
            for j in range(size):
                found[c, j] = found[c, j] * old[j] + part
                totals[j] += found[c, j]
        for j in range(size):
            totals[j] = _ONE / totals[j]
        for c in range(kinds):
            new = shares[place + c * size : place + (c + 1) * size]
            for j in range(size):
                new[j] = found[c, j] * totals[j]
        for x in range(width):
            now = emissions[at + x * size : at + (x + 1) * size]
            now[:] = _ZERO
            for c in range(kinds):
                part = tables[c, x]
                if part > _ZERO:
                    new = shares[place + c * size : place + (c + 1) * size]
                    for j in range(size):
                        now[j] += part * new[j]


@jit
def follow(mean, new, kept, taken):
    """Set a mean to kept times itself plus taken times what is new."""
    for at in range(len(mean)):
        mean[at] = kept * mean[at] + taken * new[at]
