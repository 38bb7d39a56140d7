"""Files of circuits: weights as integers of up to 16 bits, in the format safetensors.

A weight is its integer divided by the sum of the integers of its row, in 32 bits: what is loaded is
what streams are coded with. Version 1 stores each row whole. Version 2 may store only the weights
that are not zero, and emissions as shares of shapes; it is written where that is smaller. Source of
the container: https://github.com/huggingface/safetensors, README, "Format".
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from lmcodec.circuit.shapes import Shapes
from lmcodec.circuit.tree import Tree
from lmcodec.circuit.weights import Weights
from lmcodec.errors import FormatError, LimitError, TruncatedError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Buffer

FORMAT, VERSIONS = "lmcodec-circuit", ("1", "2")
MAX_FILE_BYTES = 1 << 30
MAX_HEADER_BYTES = 1 << 20
# Below 8 bits, whole rows become uniform; 16 are what the file holds.
MIN_BITS, MAX_BITS = 8, 16
_TREE = {"parents": "I32", "states": "U16", "variables": "I32", "categories": "U16"}
_WEIGHTS = {"transitions": "U16", "emissions": "U16"}
_TENSORS = _TREE | _WEIGHTS
# Of version 2: edges of each row and where they lead, both or none; and what replaces emissions.
_EDGES = {"counts": "U16", "targets": "U16"}
_SHAPES = {"shapes": "U16", "shares": "U16"}
_KINDS = _TENSORS | _EDGES | _SHAPES
# So few that sums of products of 16 bits are exact in 64-bit floats.
MAX_SHAPES = 1024
# Places for edges that a file without zeros may have: so many, and so many more for each edge.
_FREE_PLACES, _PLACES_AN_EDGE = 1 << 22, 1 << 8
# Of values in all states: what shares of shapes become.
_MAX_WEIGHTS = 1 << 28
_DTYPES: dict[str, np.dtype[np.integer]] = {"I32": np.dtype("<i4"), "U16": np.dtype("<u2")}


@dataclass(frozen=True)
class Quantized:
    """A circuit in integers.

    Args:
        tree: Its nodes.
        row_edges: int64 [rows + 1], edges of all rows before each, as `Weights` has them.
        targets: int32 [edges], the state that each leads to.
        transitions: uint16 [edges], at least 1.
        emissions: uint16, node after node: states x categories, at least 1; where there are shapes,
            states x shapes: the shares of these.
        card: What it was fitted to, and how. Names and values are text.
        shapes: uint16 [shapes, categories], distributions that all variables have in common; None
            where each state has its own table.
    """

    tree: Tree
    row_edges: NDArray[np.int64]
    targets: NDArray[np.int32]
    transitions: NDArray[np.uint16]
    emissions: NDArray[np.uint16]
    card: dict[str, str]
    shapes: NDArray[np.uint16] | None = None

    @staticmethod
    def dense(
        tree: Tree,
        transitions: NDArray[np.uint16],
        emissions: NDArray[np.uint16],
        card: dict[str, str],
    ) -> Quantized:
        """Return the circuit of whole rows: states of the parent x states, 0 where no edge is.

        Raises:
            FormatError: There are not as many transitions as the tree has places for.
        """
        lengths = np.repeat(tree.states.astype(np.int64), tree.row_counts)
        starts = np.cumsum(lengths) - lengths
        if len(transitions) != int(lengths.sum()):
            raise FormatError(f"circuit has {len(transitions)} transitions for its states")
        kept = transitions != 0
        places = np.arange(len(kept)) - np.repeat(starts, lengths)
        row_edges = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(np.add.reduceat(kept, starts, dtype=np.int64), out=row_edges[1:])
        return Quantized(
            tree, row_edges, places[kept].astype(np.int32), transitions[kept], emissions, card
        )

    @property
    def places(self) -> int:
        """How many edges there could be."""
        return int((self.tree.row_counts * self.tree.states).sum())

    @property
    def widths(self) -> NDArray[np.int64]:
        """int64 [states of nodes with variables]: entries of each row of emissions."""
        tree = self.tree
        observing = tree.observing
        if self.shapes is not None:
            widths = np.full(len(observing), len(self.shapes))
        else:
            widths = tree.categories[tree.variables[observing]].astype(np.int64)
        repeated: NDArray[np.int64] = np.repeat(widths, tree.states[observing])
        return repeated

    def whole_rows(self) -> NDArray[np.uint16]:
        """Return the transitions with a 0 for each edge that is not there."""
        tree = self.tree
        lengths = np.repeat(tree.states.astype(np.int64), tree.row_counts)
        whole = np.zeros(int(lengths.sum()), np.uint16)
        starts = np.cumsum(lengths) - lengths
        whole[np.repeat(starts, np.diff(self.row_edges)) + self.targets] = self.transitions
        return whole

    def weights(self) -> Weights:
        """Return what the integers mean: each divided by the sum of its row, in 32 bits."""
        tree = self.tree
        transitions = _divided(self.transitions, np.diff(self.row_edges))
        starts = tree.emission_starts
        emissions = np.empty(int(starts[-1]), np.float32)
        mixed, at = [], 0
        for node in tree.observing:
            count = int(tree.states[node])
            width = int(tree.categories[tree.variables[node]])
            kinds = width if self.shapes is None else len(self.shapes)
            rows = self.emissions[at : at + count * kinds].reshape(count, kinds)
            at += rows.size
            table = rows.astype(np.float64)
            if self.shapes is not None:
                mixed.append(_divided(rows.ravel(), np.full(count, kinds)).reshape(rows.shape).T)
                # Whole numbers below 2^42, of which floats of 64 bits have all.
                table = table @ self.shapes.astype(np.float64)
            values = _divided(table.ravel(), np.full(count, width)).reshape(table.shape)
            emissions[starts[node] : starts[node + 1]] = values.T.ravel()
        shapes = None
        if self.shapes is not None:
            tables = _divided(self.shapes.ravel(), np.full(*self.shapes.shape))
            shares = np.concatenate([shares.ravel() for shares in mixed])
            shapes = Shapes(tables.reshape(self.shapes.shape), shares)
        return Weights(tree, self.row_edges, self.targets, transitions, emissions, shapes)


def _divided(
    integers: NDArray[np.integer | np.floating], lengths: NDArray[np.int64]
) -> NDArray[np.float32]:
    sums = np.add.reduceat(integers, np.cumsum(lengths) - lengths, dtype=np.float64)
    divisors = np.repeat(sums.astype(np.float32), lengths)
    divided: NDArray[np.float32] = integers.astype(np.float32) / divisors
    return divided


def quantize(weights: Weights, card: dict[str, str], bits: int = MAX_BITS) -> Quantized:
    """Return a circuit in integers, the largest of each row as large as the bits allow.

    Each shape adds up to what 16 bits hold, so that shares mean the same beside each.

    Args:
        weights: Those of the circuit. Edges that are there keep at least 1, as do emissions.
        card: What goes with it.
        bits: 8 to 16.
    """
    if not MIN_BITS <= bits <= MAX_BITS:
        raise ValueError(f"weights have {MIN_BITS} to {MAX_BITS} bits: {bits}")
    tree, mixed = weights.tree, weights.shapes
    largest = (1 << bits) - 1
    shapes, rows = None, weights.emission_rows()
    if mixed is not None:
        whole = (1 << MAX_BITS) - 1
        shapes = np.rint(mixed.tables * np.float64(whole)).astype(np.int64)
        shapes[(shapes == 0) & (mixed.tables > 0)] = 1
        rounded = whole - shapes.sum(axis=1)
        shapes[np.arange(len(shapes)), shapes.argmax(axis=1)] += rounded
        shapes = shapes.astype(np.uint16)
        rows = np.concatenate([mixed.matrix(tree, node).T.ravel() for node in tree.observing])
    edges = np.diff(weights.row_edges)
    empty = np.empty(0, np.uint16)
    transitions = _scaled(weights.transitions, edges, largest)
    frame = Quantized(tree, weights.row_edges, weights.targets, transitions, empty, card, shapes)
    return replace(frame, emissions=_scaled(rows, frame.widths, largest))


def _scaled(
    values: NDArray[np.float32], lengths: NDArray[np.integer], largest: int
) -> NDArray[np.uint16]:
    tops = np.maximum.reduceat(values, np.cumsum(lengths) - lengths)
    scales = np.repeat(largest / tops.astype(np.float64), lengths)
    return np.clip(np.rint(values * scales), 1, largest).astype(np.uint16)


def write(circuit: Quantized) -> bytes:
    """Return the bytes of the file of a circuit."""
    return pack(tensors_of(circuit), circuit.card)


def tensors_of(circuit: Quantized) -> dict[str, NDArray[np.integer]]:
    """Return the tensors of the file of a circuit, in the form that is smaller."""
    tree = circuit.tree
    tensors: dict[str, NDArray[np.integer]] = {
        "parents": tree.parents,
        "states": tree.states,
        "variables": tree.variables,
        "categories": tree.categories,
    }
    counts = np.diff(circuit.row_edges)
    edges, places = len(circuit.targets), circuit.places
    if 2 * edges + len(counts) < places <= _FREE_PLACES + _PLACES_AN_EDGE * edges:
        tensors["transitions"] = circuit.transitions
        tensors |= {"counts": counts, "targets": circuit.targets}
    else:
        tensors["transitions"] = circuit.whole_rows()
    if circuit.shapes is None:
        tensors["emissions"] = circuit.emissions
    else:
        tensors |= {"shapes": circuit.shapes.ravel(), "shares": circuit.emissions}
    return tensors


def pack(tensors: dict[str, NDArray[np.integer]], card: dict[str, str]) -> bytes:
    """Return the bytes of a file of tensors.

    Args:
        tensors: By their names; their values fit into what the file has for them.
        card: What goes with them.
    """
    version = VERSIONS[set(tensors) != set(_TENSORS)]
    entries: dict[str, object] = {"__metadata__": {"format": FORMAT, "version": version, **card}}
    pieces, at = [], 0
    # Wider integers first, so that all tensors lie at multiples of their width.
    for name in sorted(tensors, key=lambda name: _KINDS[name]):
        kind = _KINDS[name]
        piece = tensors[name].astype(_DTYPES[kind]).tobytes()
        entries[name] = {
            "dtype": kind,
            "shape": [len(tensors[name])],
            "data_offsets": [at, at + len(piece)],
        }
        pieces.append(piece)
        at += len(piece)
    header = json.dumps(entries, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + b"".join(pieces)


def read(data: Buffer) -> Quantized:
    """Return the circuit of a file.

    Raises:
        FormatError: These are not the bytes of one: wrong kinds or lengths of tensors, no tree, a
            row without weight.
        TruncatedError: They end early.
        LimitError: It is larger than any may be.
    """
    view = memoryview(data).cast("B")
    if len(view) > MAX_FILE_BYTES:
        raise too_large(len(view))
    if len(view) < 8:
        raise TruncatedError(f"circuit ends early: {len(view)} bytes", missing=8 - len(view))
    length = int.from_bytes(view[:8], "little")
    if length > MAX_HEADER_BYTES:
        raise FormatError(f"not a circuit: its header has {length} bytes")
    if length > len(view) - 8:
        raise TruncatedError(f"circuit ends early: its header has {length} bytes")
    header, card = _header(bytes(view[8 : 8 + length]))
    body = view[8 + length :]
    fields = {name: _array(name, header, body) for name in header}
    if sum(len(field) * field.itemsize for field in fields.values()) != len(body):
        raise FormatError("not a circuit: there are bytes of no tensor")
    tree = Tree.of(*(fields[name] for name in _TREE))
    if int(tree.emission_starts[-1]) > _MAX_WEIGHTS:
        raise LimitError(
            f"circuit has too many weights of values: {tree.emission_starts[-1]}",
            limit=_MAX_WEIGHTS,
            needed=int(tree.emission_starts[-1]),
        )
    circuit = _with_transitions(tree, fields, card)
    if "shapes" in fields:
        shares = fields["shares"].astype(np.uint16)
        circuit = replace(circuit, emissions=shares, shapes=_shapes(tree, fields))
    else:
        circuit = replace(circuit, emissions=fields["emissions"].astype(np.uint16))
    if len(circuit.emissions) != int(circuit.widths.sum()):
        raise FormatError(f"circuit has {len(circuit.emissions)} emissions for its states")
    if not circuit.emissions.all():
        raise FormatError("circuit has an emission without weight")
    return circuit


def _with_transitions(
    tree: Tree, fields: dict[str, NDArray[np.integer]], card: dict[str, str]
) -> Quantized:
    empty = np.empty(0, np.uint16)
    transitions = fields["transitions"].astype(np.uint16)
    if "targets" not in fields:
        circuit = Quantized.dense(tree, transitions, empty, card)
        bare = np.diff(circuit.row_edges) == 0
        if bare.any():
            raise FormatError(f"circuit has a row of transitions without weight: {bare.argmax()}")
        return circuit
    counts, targets = fields["counts"].astype(np.int64), fields["targets"].astype(np.int32)
    rows = int(tree.row_starts[-1])
    if len(counts) != rows or not counts.all():
        raise FormatError(f"circuit has edges in each of {rows} rows: {np.count_nonzero(counts)}")
    row_edges = np.concatenate([[0], np.cumsum(counts)])
    if len(targets) != row_edges[-1] or len(transitions) != row_edges[-1]:
        raise FormatError(f"circuit has {row_edges[-1]} edges: {len(targets)}, {len(transitions)}")
    if not transitions.all():
        raise FormatError("circuit has an edge without weight")
    states = np.repeat(np.repeat(tree.states, tree.row_counts), counts)
    if (targets >= states).any():
        raise FormatError("an edge of a circuit leads to a state that is not there")
    first = np.zeros(len(targets), np.bool_)
    first[row_edges[:-1]] = True
    if (np.diff(targets, prepend=-1)[~first] <= 0).any():
        raise FormatError("edges of a row of a circuit are not in order")
    return Quantized(tree, row_edges, targets, transitions, empty, card)


def _shapes(tree: Tree, fields: dict[str, NDArray[np.integer]]) -> NDArray[np.uint16]:
    width = int(tree.categories[0])
    shapes = fields["shapes"].astype(np.uint16)
    if (tree.categories != width).any() or not 0 < len(shapes) <= MAX_SHAPES * width:
        raise FormatError("circuit has shapes of other values than its variables")
    if len(shapes) % width:
        raise FormatError(f"circuit has shapes of {width} values: {len(shapes)}")
    tables: NDArray[np.uint16] = shapes.reshape(-1, width)
    if not tables.any(axis=0).all() or not tables.any(axis=1).all():
        raise FormatError("circuit has a value that no shape has, or a shape without values")
    return tables


def too_large(size: int) -> LimitError:
    """Return the error that says so of a file of a size in bytes."""
    return LimitError(f"circuit is too large: {size} bytes", limit=MAX_FILE_BYTES, needed=size)


def shape_of(card: dict[str, str], variables: int) -> tuple[int, ...]:
    """Return the shape of a sample.

    Raises:
        FormatError: It is not the shape of that many variables.
    """
    text = card.get("shape", str(variables))
    sides = text.split(",")
    if len(sides) > 32 or not all(side.isascii() and side.isdigit() for side in sides):
        raise FormatError(f"circuit has no shape of samples: {text[:80]!r}")
    if any(len(side) > 9 for side in sides) or math.prod(map(int, sides)) != variables:
        raise FormatError(f"circuit has {variables} variables for a shape of {text[:80]!r}")
    return tuple(map(int, sides))


def _header(data: bytes) -> tuple[dict[str, object], dict[str, str]]:
    try:
        header = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"not a circuit: {error}") from error
    card = header.pop("__metadata__", None) if isinstance(header, dict) else None
    if not isinstance(card, dict) or card.pop("format", None) != FORMAT:
        raise FormatError("not a circuit: its header does not say so")
    version = card.pop("version", None)
    if version not in VERSIONS:
        raise FormatError(f"circuit is of a version that is not known: {version!r}")
    if not all(isinstance(value, str) for value in card.values()):
        raise FormatError("not a circuit: its card has values that are no text")
    names = set(_TENSORS)
    if version != VERSIONS[0]:
        if not _EDGES.keys().isdisjoint(header):
            names |= set(_EDGES)
        if not _SHAPES.keys().isdisjoint(header):
            names = names - {"emissions"} | set(_SHAPES)
    if set(header) != names:
        raise FormatError(f"not a circuit: its tensors are {', '.join(sorted(header))}")
    return header, card


def _array(name: str, header: dict[str, object], body: memoryview) -> NDArray[np.integer]:
    entry = header[name]
    if not isinstance(entry, dict) or entry.get("dtype") != _KINDS[name]:
        raise FormatError(f"not a circuit: tensor {name} is not of the kind {_KINDS[name]}")
    shape, offsets = entry.get("shape"), entry.get("data_offsets")
    if not isinstance(shape, list) or [type(side) for side in shape] != [int]:
        raise FormatError(f"not a circuit: tensor {name} is no row: {shape!r}")
    if not isinstance(offsets, list) or [type(offset) for offset in offsets] != [int, int]:
        raise FormatError(f"not a circuit: tensor {name} has no offsets: {offsets!r}")
    dtype = _DTYPES[_KINDS[name]]
    start, end = offsets
    if not 0 <= start <= end or end - start != shape[0] * dtype.itemsize:
        raise FormatError(f"not a circuit: tensor {name} has {end - start} bytes for {shape[0]}")
    if end > len(body):
        missing = end - len(body)
        raise TruncatedError(f"circuit ends early, in its tensor {name}", missing=missing)
    found: NDArray[np.integer] = np.frombuffer(body[start:end], dtype)
    return found
