"""Files of weights that are damaged, foreign, or made to do harm."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmcodec.errors import FormatError
from lmcodec.models.bytelm import Bytelm
from lmcodec.network import Network
from tests.networks import PATH

WEIGHTS = PATH.read_bytes()
(_SIZE,) = struct.unpack_from("<Q", WEIGHTS)
HEADER: dict[str, Any] = json.loads(WEIGHTS[8 : 8 + _SIZE])
DATA = WEIGHTS[8 + _SIZE :]


def rebuilt(header: dict[str, Any], data: bytes = DATA) -> bytes:
    packed = json.dumps(header).encode()
    return struct.pack("<Q", len(packed)) + packed + data


def refused(data: bytes, words: str = ".") -> None:
    with pytest.raises(FormatError, match=words):
        Network(data)


def test_the_file_itself_is_read() -> None:
    Network(rebuilt(HEADER))


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 100, 8 + _SIZE, len(WEIGHTS) - 1])
def test_cut_files_are_refused(length: int) -> None:
    refused(WEIGHTS[:length], "not in the format safetensors, or cut")


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    refused(pickle.dumps({"weights": [1, 2, 3]}), "safetensors")
    refused(struct.pack("<Q", 1 << 60) + WEIGHTS[8:], "safetensors")
    refused(struct.pack("<Q", 2) + b"{}", "not those of bytelm")
    refused(WEIGHTS + b"\0", "safetensors")
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\x80\x04")
    with pytest.raises(FormatError, match=r"model\.safetensors: "):
        Network.load(path)
    with pytest.raises(IsADirectoryError):
        Network.load(tmp_path)


@pytest.mark.parametrize(
    "change",
    [
        {"width": 0},
        {"width": 1 << 40},
        {"width": -1},
        {"width": 65},
        {"blocks": 1 << 30},
        {"contexts": [9]},
        {"contexts": list(range(6)) * 100},
        {"rows": {"bits": [8, 40, 6, 6, 6, 6], "words": 6, "most": 16}},
        {"rows": {"bits": [8], "words": 6, "most": 16}},
        {"rows": {"bits": [8, 6, 6, 6, 6, 6], "words": 6, "most": 0}},
        {"hidden": "many"},
    ],
)
def test_sizes_that_do_not_fit_are_refused(change: dict[str, Any]) -> None:
    header = json.loads(json.dumps(HEADER))
    config = json.loads(header["__metadata__"]["config"])
    header["__metadata__"]["config"] = json.dumps(config | change)
    refused(rebuilt(header))


@pytest.mark.parametrize("name", sorted(set(HEADER) - {"__metadata__"}))
def test_each_tensor_is_needed(name: str) -> None:
    header = json.loads(json.dumps(HEADER))
    header["other"] = header.pop(name)
    refused(rebuilt(header), "lack a tensor")


def test_tensors_of_other_types_are_refused() -> None:
    header = json.loads(json.dumps(HEADER))
    # Floats, in which weights that are no numbers could be.
    header["out.scale"]["dtype"] = "F32"
    refused(rebuilt(header), "another type")
    header = json.loads(json.dumps(HEADER))
    header["out.weight"]["shape"] = header["out.weight"]["shape"][::-1]
    refused(rebuilt(header), "another shape")


def changed(name: str, value: bytes, data: bytes = DATA) -> bytes:
    """The file with other values at the start of a tensor."""
    start = HEADER[name]["data_offsets"][0]
    return rebuilt(HEADER, data[:start] + value + data[start + len(value) :])


def test_values_out_of_range_are_refused() -> None:
    refused(changed("out.weight", b"\x80"), "-128")
    refused(changed("out.scale", struct.pack("<i", -1)), "negative")
    largest = struct.pack("<i", (1 << 31) - 1)
    once = changed("blocks.0.down.scale", largest * 64)
    twice = changed("blocks.1.down.scale", largest * 64, once[-len(DATA) :])
    refused(twice, "sums of a network may be too large")
    refused(changed("out.bias", struct.pack("<i", 1 << 30)), "too large")
    refused(changed("first.state", struct.pack("<i", -1)), "negative")
    refused(changed("sigmoid", struct.pack("<i", -1)), "function")
    refused(changed("tanh", struct.pack("<i", 1 << 20)), "function")
    refused(changed("exp2", struct.pack("<i", 0)), "function")
    refused(changed("table.scale", struct.pack("<i", 1 << 30)), "scale of a table")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(WEIGHTS) - 1), st.integers(1, 255)), max_size=9))
def test_changed_files_are_refused_or_code(places: list[tuple[int, int]]) -> None:
    data = bytearray(WEIGHTS)
    for place, change in places:
        data[place] ^= change
    try:
        model = Bytelm(Network(data))
    except FormatError:
        return
    content = b"some words, \xff\x00 and others" * 3
    assert model.decode(model.encode(content), len(content)) == content
