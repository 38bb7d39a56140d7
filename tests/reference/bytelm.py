"""The network of `bytelm` in integers, written from docs/models/bytelm.md with numpy alone.

    Network(path) ── start(lanes) ─ step(state, bytes) ─ logits ─ weights

Each lane is a text of its own. What a lane gives does not depend on the others.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_TYPES = {"U16": np.uint16, "I8": np.int8, "U8": np.uint8, "I32": np.int32}
_MASK = 0xFFFFFFFF


def read_safetensors(path: Path) -> tuple[dict[str, str], dict[str, NDArray[Any]]]:
    """Return the metadata and the tensors of a file."""
    data = path.read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8 : 8 + size])
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + size + at for at in entry["data_offsets"])
        values = np.frombuffer(data[start:end], np.dtype(_TYPES[entry["dtype"]]).newbyteorder("<"))
        tensors[name] = values.reshape(entry["shape"])
    return metadata, tensors


def hashed(value: int, bits: int) -> int:
    """Return the row of a table of 2^bits rows for a context."""
    value = value * 0x9E3779B1 & _MASK
    value ^= value >> 15
    return (value * 0x85EBCA77 & _MASK) >> (32 - bits)


class Contexts:
    """Section 2: the rows that the bytes of one lane select."""

    def __init__(self, bits: list[int], word_bits: int, most: int) -> None:
        self.bits, self.word_bits, self.most = bits, word_bits, most
        self.history = self.word = self.last = self.gap = self.pair = self.length = 0
        self.inside = False

    def push(self, byte: int) -> tuple[list[int], int]:
        """Take a byte; return the row in each table, and the word's where one ends, else -1."""
        letter = ord("a") <= byte | 32 <= ord("z") and byte < 128
        inside = letter or byte >= 128
        ends = self.inside and not inside
        self.history = (self.history << 8 | byte) & _MASK
        self.length += 1
        if inside:
            if not self.inside:
                self.word = 0
            self.word = (self.word + (byte | 32 if letter else byte) + 1) * 0x2C1B3C6D & _MASK
            key = self.word
        else:
            if ends:
                self.pair, self.last = self.last, self.word
                self.gap = self.word ^ 0x5BD1E995
            self.gap = (self.gap + byte + 1) * 0x297A2D39 & _MASK
            key = self.gap
        self.inside = inside
        before = self.last if inside else self.pair
        values = [
            byte,
            (self.history & 0xFFFF) + 0x10000,
            (self.history & 0xFFFFFF) + 0x3000000,
            self.history ^ 0x6C8E9CF5,
            key,
            key + before * 0x1B873593 + 1 & _MASK,
        ]
        rows = [byte]
        rows += [hashed(value, bits) for value, bits in zip(values[1:], self.bits[1:], strict=True)]
        word = -1
        if ends or self.length == self.most:
            word = hashed(self.last if ends else key ^ 0x38495AB5, self.word_bits)
            self.length = 0
        return rows, word


class State:
    """What lanes remember: contexts, states of the recurrences, and what the words last said."""

    def __init__(self, contexts: list[Contexts]) -> None:
        self.contexts = contexts
        self.states: dict[str, Ints] = {}
        self.said: Ints = np.zeros(0, np.int64)


class Network:
    """Sections 3 and 4.

    Args:
        path: A safetensors file.
    """

    def __init__(self, path: Path) -> None:
        self.metadata, tensors = read_safetensors(path)
        self.config: dict[str, Any] = json.loads(self.metadata["config"])
        self.tensors = {name: values.astype(np.int64) for name, values in tensors.items()}
        if self.metadata["format"] == "bytelm-3":
            for name, values in tensors.items():
                if name.endswith(".weight") and values.dtype == np.uint8:
                    self.tensors[name] = halves_of(self.tensors[name])
        for name in ("table", "words"):
            self.tensors[name] = rows_of(self.tensors[name], self.tensors[f"{name}.scale"])
        bits = self.config["rows"]["bits"]
        self.starts = np.cumsum([0, *(1 << bits[k] for k in self.config["contexts"])])[:-1]

    def start(self, lanes: int) -> State:
        """Return the state before the first byte, which is that after one newline."""
        rows = self.config["rows"]
        state = State([Contexts(rows["bits"], rows["words"], rows["most"]) for _ in range(lanes)])
        for name, scale in self.tensors.items():
            if name.endswith(".state"):
                state.states[name] = np.zeros((lanes, len(scale)), np.int64)
        state.said = np.zeros((lanes, self.config["width"]), np.int64)
        return state

    def product(self, name: str, values: Ints) -> Ints:
        """Return the sums of products of a matrix [out, in] and 8-bit values [lanes, in]."""
        result: Ints = values @ self.tensors[f"{name}.weight"].T
        return result

    def matrix(self, name: str, values: Ints) -> Ints:
        """Return a product in the units of its result."""
        product = self.product(name, values)
        result: Ints = (product * self.tensors[f"{name}.scale"] + (1 << 19)) >> 20
        bias = self.tensors.get(f"{name}.bias")
        return result if bias is None else result + bias

    def recurrence(self, name: str, state: State, lanes: Ints, pre: Ints) -> Ints:
        """Advance the states of some lanes; return their 7-bit output."""
        key = f"{name}.state"
        width = len(self.tensors[key])
        sigmoid, tanh = self.tensors["sigmoid"], self.tensors["tanh"]
        keep = sigmoid[np.clip(pre[:, :width], -1024, 1024) + 1024]
        new = tanh[np.clip(pre[:, width : 2 * width], -512, 512) + 512] << 5
        h = new + ((keep * (state.states[key][lanes] - new) + (1 << 15)) >> 16)
        state.states[key][lanes] = h
        if pre.shape[1] == 3 * width:
            h = (h * sigmoid[np.clip(pre[:, 2 * width :], -1024, 1024) + 1024]) >> 16
        steps: Ints = np.clip((h * self.tensors[key] + (1 << 27)) >> 28, -64, 63)
        return steps

    def block(self, name: str, state: State, lanes: Ints, x: Ints) -> Ints:
        """Return x [lanes, width] after a block."""
        pre = self.matrix(f"{name}.gates", norm(x))
        x = x + self.matrix(f"{name}.mix", self.recurrence(name, state, lanes, pre))
        up = np.clip(self.matrix(f"{name}.up", norm(x)), 0, 2039)
        hidden = np.minimum((up * up + (1 << 14)) >> 15, 127)
        return x + self.matrix(f"{name}.down", hidden)

    def step(self, state: State, symbols: NDArray[np.uint8]) -> Ints:
        """Take the next byte of each lane; return logits [lanes, 256], in 1/1024 bit."""
        config, tensors = self.config, self.tensors
        pushed = [
            contexts.push(int(byte)) for contexts, byte in zip(state.contexts, symbols, strict=True)
        ]
        rows = np.array([[row[k] for k in config["contexts"]] for row, _ in pushed]) + self.starts
        x: Ints = tensors["table"][rows].sum(1)
        lanes = np.arange(len(x))
        inner = norm(x)
        first = self.recurrence("first", state, lanes, self.matrix("first.gates", inner))
        x = x + self.matrix("first.mix", first)
        words = np.array([word for _, word in pushed])
        ending = np.flatnonzero(words >= 0)
        if len(ending):
            word = tensors["words"][words[ending]]
            word = word + self.matrix("enter", inner[ending])
            word = word + self.matrix("enter.first", first[ending])
            for n in range(config["word_blocks"]):
                word = self.block(f"words.{n}", state, ending, word)
            state.said[ending] = self.matrix("leave", norm(word))
        x = x + state.said
        for n in range(config["blocks"]):
            x = self.block(f"blocks.{n}", state, lanes, x)
        return self.matrix("out", norm(x))

    def weights(self, logits: Ints) -> Ints:
        """Return weights [lanes, 256], each 1 to 2^23, in proportion to the probabilities."""
        below = logits.max(1, keepdims=True) - logits
        exp2 = self.tensors["exp2"][below & 1023]
        result: Ints = np.maximum(exp2 >> np.minimum(below >> 10, 31), 1)
        return result


def rows_of(packed: Ints, scale: Ints) -> Ints:
    """Return tables [rows, width] of packed values [rows, width / 2], times their scales."""
    return halves_of(packed) * scale[:, None]


def halves_of(packed: Ints) -> Ints:
    """Return the values [rows, columns] of bytes [rows, columns / 2], two of 4 bits in each."""
    values: Ints = np.stack((packed & 15, packed >> 4), -1).reshape(len(packed), -1) - 8
    return values


def norm(x: Ints) -> Ints:
    """Return 10 x / root mean square of each row, rounded to 7 bits."""
    x = np.clip(x, -(1 << 24), 1 << 24)
    mean = (x * x).sum(1) // x.shape[1] + 4096
    root = np.array([[isqrt(int(value))] for value in mean])
    steps: Ints = np.clip((x * ((10 << 32) // root) + (1 << 31)) >> 32, -64, 63)
    return steps


def isqrt(value: int) -> int:
    """Return the largest integer whose square is not larger."""
    root = int(value**0.5)
    while root * root > value:
        root -= 1
    while (root + 1) * (root + 1) <= value:
        root += 1
    return root
