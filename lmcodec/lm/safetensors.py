"""Reads files in the format safetensors: a header in JSON, and the bytes of the tensors.

The package of that name is not needed to decode, so that a stream needs nothing but lmcodec and the
weights. Source of the format: https://github.com/huggingface/safetensors, README, "Format".
"""

from __future__ import annotations

import json
import mmap
import os
from typing import Any

from lmcodec.errors import FormatError, TruncatedError
from lmcodec.lm.tensors import KINDS, Tensor, check_shape, row_bytes

MAX_HEADER_BYTES = 100_000_000
# In no weights of a language model, but beside them: masks that old files have.
_IGNORED = {"BOOL", "U8", "I8", "I16", "I32", "I64", "U16", "U32", "U64"}


def read_tensors(path: str | os.PathLike[str]) -> dict[str, Tensor]:
    """Return the tensors of a file by their names; their bytes stay in the file until used.

    Raises:
        FormatError: The file is not in the format; it ends early; a kind is not known.
        OSError: It cannot be read.
    """
    name = os.fspath(path)
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = int.from_bytes(file.read(8), "little")
        if size < 8 or length > min(size - 8, MAX_HEADER_BYTES):
            if size > 8 and file.read(1) != b"{":
                raise FormatError(f"{name}: not a safetensors file")
            raise TruncatedError(f"{name}: header ends early: {length} bytes of {size}")
        header = _header(file.read(length), name)
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    found = {}
    for key, entry in header.items():
        if key != "__metadata__":
            tensor = _tensor(key, entry, view[8 + length :], name)
            if tensor is not None:
                found[key] = tensor
    return found


def _header(data: bytes, name: str) -> dict[str, Any]:
    try:
        header = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{name}: not a safetensors file: {error}") from error
    if not isinstance(header, dict):
        raise FormatError(f"{name}: not a safetensors file: its header is no object")
    return header


def _tensor(key: str, entry: object, data: memoryview, name: str) -> Tensor | None:
    if not isinstance(entry, dict):
        raise FormatError(f"{name}: tensor {key} is not described by an object")
    kind = entry.get("dtype")
    if kind in _IGNORED or entry.get("shape") == []:
        return None
    if kind not in KINDS or kind == "Q8_0":
        raise FormatError(f"{name}: tensor {key} is of a kind that is not known: {kind!r}")
    shape = check_shape(entry.get("shape"), key)
    offsets = entry.get("data_offsets")
    if not isinstance(offsets, list) or [type(offset) for offset in offsets] != [int, int]:
        raise FormatError(f"{name}: tensor {key} has no offsets: {offsets!r}")
    start, end = offsets
    if not 0 <= start <= end or end - start != row_bytes(kind, shape):
        raise FormatError(f"{name}: tensor {key} has {end - start} bytes for {list(shape)} {kind}")
    if end > len(data):
        missing = end - len(data)
        raise TruncatedError(f"{name}: {missing} bytes of tensor {key} are missing")
    return Tensor(kind, shape, data[start:end])
