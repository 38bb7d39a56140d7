"""Files of circuits: weights as integers of up to 16 bits, in the format safetensors.

A weight is its integer divided by the sum of the integers of its row, in 32 bits: what is loaded is
what streams are coded with. Source of the container: https://github.com/huggingface/safetensors,
README, "Format".
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lmcodec.circuit.tree import Tree
from lmcodec.circuit.weights import Weights
from lmcodec.errors import FormatError, LimitError, TruncatedError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from typing_extensions import Buffer

FORMAT, VERSION = "lmcodec-circuit", "1"
MAX_FILE_BYTES = 1 << 30
MAX_HEADER_BYTES = 1 << 20
# Below 8 bits, whole rows become uniform; 16 are what the file holds.
MIN_BITS, MAX_BITS = 8, 16
_TENSORS = {
    "parents": "I32",
    "states": "U16",
    "variables": "I32",
    "categories": "U16",
    "transitions": "U16",
    "emissions": "U16",
}
_TENSORS_OF_WEIGHTS = ("transitions", "emissions")
_DTYPES: dict[str, np.dtype[np.integer]] = {"I32": np.dtype("<i4"), "U16": np.dtype("<u2")}


@dataclass(frozen=True)
class Quantized:
    """A circuit in integers.

    Args:
        tree: Its nodes.
        transitions: uint16, node after node: states of the parent x states; 0 where there is no
            edge.
        emissions: uint16, node after node: states x categories; at least 1.
        card: What it was fitted to, and how. Names and values are text.
    """

    tree: Tree
    transitions: NDArray[np.uint16]
    emissions: NDArray[np.uint16]
    card: dict[str, str]

    def weights(self) -> Weights:
        """Return what the integers mean: each divided by the sum of its row, in 32 bits."""
        tree = self.tree
        lengths = np.repeat(tree.states.astype(np.int64), tree.row_counts)
        values = _divided(self.transitions, lengths)
        kept = self.transitions != 0
        places = np.arange(len(values)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        row_edges = np.zeros(len(lengths) + 1, np.int64)
        np.cumsum(np.add.reduceat(kept, np.cumsum(lengths) - lengths), out=row_edges[1:])
        widths = np.repeat(
            np.where(tree.variables >= 0, tree.categories[tree.variables], 0),
            np.where(tree.variables >= 0, tree.states, 0),
        )
        rows = _divided(self.emissions, widths.astype(np.int64))
        emissions = np.empty_like(rows)
        starts = tree.emission_starts
        for node in tree.observing:
            part = slice(starts[node], starts[node + 1])
            emissions[part] = rows[part].reshape(tree.states[node], -1).T.ravel()
        return Weights(tree, row_edges, places[kept].astype(np.int32), values[kept], emissions)


def _divided(integers: NDArray[np.uint16], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
    sums = np.add.reduceat(integers, np.cumsum(lengths) - lengths, dtype=np.int64)
    divisors = np.repeat(sums.astype(np.float32), lengths)
    divided: NDArray[np.float32] = integers.astype(np.float32) / divisors
    return divided


def quantize(weights: Weights, card: dict[str, str], bits: int = MAX_BITS) -> Quantized:
    """Return a circuit in integers, the largest of each row as large as the bits allow.

    Args:
        weights: Those of the circuit. Edges that are there keep at least 1, as do emissions.
        card: What goes with it.
        bits: 8 to 16.
    """
    if not MIN_BITS <= bits <= MAX_BITS:
        raise ValueError(f"weights have {MIN_BITS} to {MAX_BITS} bits: {bits}")
    tree = weights.tree
    largest = (1 << bits) - 1
    row_lengths = np.repeat(tree.states.astype(np.int64), tree.row_counts)
    dense = np.zeros(int(row_lengths.sum()), np.uint16)
    edges = np.diff(weights.row_edges)
    places = np.repeat(np.cumsum(row_lengths) - row_lengths, edges) + weights.targets
    dense[places] = _scaled(weights.transitions, edges, largest)
    widths = np.repeat(
        np.where(tree.variables >= 0, tree.categories[tree.variables], 0),
        np.where(tree.variables >= 0, tree.states, 0),
    )
    return Quantized(tree, dense, _scaled(weights.emission_rows(), widths, largest), card)


def _scaled(
    values: NDArray[np.float32], lengths: NDArray[np.integer], largest: int
) -> NDArray[np.uint16]:
    tops = np.maximum.reduceat(values, np.cumsum(lengths) - lengths)
    scales = np.repeat(largest / tops.astype(np.float64), lengths)
    return np.clip(np.rint(values * scales), 1, largest).astype(np.uint16)


def write(circuit: Quantized) -> bytes:
    """Return the bytes of the file of a circuit."""
    tree = circuit.tree
    arrays: dict[str, NDArray[np.integer]] = {
        "parents": tree.parents,
        "states": tree.states,
        "variables": tree.variables,
        "categories": tree.categories,
        "transitions": circuit.transitions,
        "emissions": circuit.emissions,
    }
    entries: dict[str, object] = {
        "__metadata__": {"format": FORMAT, "version": VERSION, **circuit.card}
    }
    pieces, at = [], 0
    # Wider integers first, so that all tensors lie at multiples of their width.
    for name in sorted(arrays, key=lambda name: _TENSORS[name]):
        kind = _TENSORS[name]
        piece = arrays[name].astype(_DTYPES[kind]).tobytes()
        entries[name] = {
            "dtype": kind,
            "shape": [len(arrays[name])],
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
    fields = {name: _array(name, header, body) for name in _TENSORS}
    if sum(len(field) * field.itemsize for field in fields.values()) != len(body):
        raise FormatError("not a circuit: there are bytes of no tensor")
    tree = Tree.of(fields["parents"], fields["states"], fields["variables"], fields["categories"])
    transitions, emissions = (fields[name].astype(np.uint16) for name in _TENSORS_OF_WEIGHTS)
    circuit = Quantized(tree, transitions, emissions, card)
    _check_rows(circuit)
    return circuit


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
    if version != VERSION:
        raise FormatError(f"circuit is of a version that is not known: {version!r}")
    if not all(isinstance(value, str) for value in card.values()):
        raise FormatError("not a circuit: its card has values that are no text")
    if set(header) != set(_TENSORS):
        raise FormatError(f"not a circuit: its tensors are {', '.join(sorted(header))}")
    return header, card


def _array(name: str, header: dict[str, object], body: memoryview) -> NDArray[np.integer]:
    entry = header[name]
    if not isinstance(entry, dict) or entry.get("dtype") != _TENSORS[name]:
        raise FormatError(f"not a circuit: tensor {name} is not of the kind {_TENSORS[name]}")
    shape, offsets = entry.get("shape"), entry.get("data_offsets")
    if not isinstance(shape, list) or [type(side) for side in shape] != [int]:
        raise FormatError(f"not a circuit: tensor {name} is no row: {shape!r}")
    if not isinstance(offsets, list) or [type(offset) for offset in offsets] != [int, int]:
        raise FormatError(f"not a circuit: tensor {name} has no offsets: {offsets!r}")
    dtype = _DTYPES[_TENSORS[name]]
    start, end = offsets
    if not 0 <= start <= end or end - start != shape[0] * dtype.itemsize:
        raise FormatError(f"not a circuit: tensor {name} has {end - start} bytes for {shape[0]}")
    if end > len(body):
        missing = end - len(body)
        raise TruncatedError(f"circuit ends early, in its tensor {name}", missing=missing)
    found: NDArray[np.integer] = np.frombuffer(body[start:end], dtype)
    return found


def _check_rows(circuit: Quantized) -> None:
    tree = circuit.tree
    rows, states = tree.row_counts, tree.states.astype(np.int64)
    if len(circuit.transitions) != int((rows * states).sum()):
        raise FormatError(f"circuit has {len(circuit.transitions)} transitions for its states")
    if len(circuit.emissions) != int(tree.emission_counts.sum()):
        raise FormatError(f"circuit has {len(circuit.emissions)} emissions for its states")
    lengths = np.repeat(states, rows)
    sums = np.add.reduceat(circuit.transitions, np.cumsum(lengths) - lengths, dtype=np.int64)
    if not sums.all():
        raise FormatError(f"circuit has a row of transitions without weight: {sums.argmin()}")
    if not circuit.emissions.all():
        raise FormatError("circuit has an emission without weight")
