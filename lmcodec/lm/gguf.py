"""Reads files in the format GGUF: typed metadata, and tensors in blocks.

Source of the format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; kinds F32, F16,
BF16 and Q8_0, which lose nothing or little.
"""

from __future__ import annotations

import mmap
import os
import struct
from dataclasses import dataclass
from typing import Any

from lmcodec.errors import FormatError, TruncatedError, UnsupportedError
from lmcodec.lm.tensors import MAX_DIMENSIONS, Tensor, check_shape, row_bytes

MAGIC = b"GGUF"
VERSIONS = (2, 3)
# Numbers of the format's enumeration `ggml_type`.
_KINDS = {0: "F32", 1: "F16", 8: "Q8_0", 30: "BF16"}
_OTHERS = {
    2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K",
    13: "Q5_K", 14: "Q6_K", 15: "Q8_K", 28: "F64",
}  # fmt: skip
_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q",
    12: "<d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9
_MAX_ENTRIES = 1 << 20
_MAX_STRING_BYTES = 1 << 24
_MAX_ITEMS = 1 << 24
_MAX_ALIGNMENT = 1 << 16


@dataclass(frozen=True, eq=False)
class Gguf:
    """What a file has.

    Args:
        metadata: Values by key: numbers, texts, and lists of them.
        tensors: Tensors by name, with rows as the last dimension, as in other formats.
    """

    metadata: dict[str, Any]
    tensors: dict[str, Tensor]


def read_gguf(path: str | os.PathLike[str]) -> Gguf:
    """Read a file; the bytes of its tensors stay there until used.

    Raises:
        FormatError: The file is not in the format, or ends early.
        UnsupportedError: Its version, or the kind of a tensor, is not known.
        OSError: It cannot be read.
    """
    name = os.fspath(path)
    with open(path, "rb") as file:
        if file.read(4) != MAGIC:
            raise FormatError(f"{name}: not a GGUF file")
        view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    try:
        return _Reader(view).read()
    except TruncatedError as error:
        raise TruncatedError(f"{name}: {error}") from error
    except UnsupportedError as error:
        raise UnsupportedError(f"{name}: {error}", id="gguf", version=error.version) from error
    except FormatError as error:
        raise FormatError(f"{name}: {error}") from error


class _Reader:
    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._at = len(MAGIC)

    def read(self) -> Gguf:
        version = self._scalar("<I")
        if version not in VERSIONS:
            raise UnsupportedError(
                f"version of GGUF is not known: {version}", id="gguf", version=version
            )
        tensors, entries = self._scalar("<Q"), self._scalar("<Q")
        if max(tensors, entries) > _MAX_ENTRIES:
            raise FormatError(f"file has too many parts: {tensors} tensors, {entries} entries")
        metadata = dict(self._entry() for _ in range(entries))
        described = [self._description() for _ in range(tensors)]
        alignment = metadata.get("general.alignment", 32)
        if type(alignment) is not int or not 0 < alignment <= _MAX_ALIGNMENT:
            raise FormatError(f"alignment is not known: {alignment!r}")
        start = -(-self._at // alignment) * alignment
        found = {}
        for name, kind, shape, offset in described:
            size = row_bytes(kind, shape)
            missing = start + offset + size - len(self._view)
            if missing > 0:
                raise TruncatedError(f"{missing} bytes of tensor {name} are missing")
            data = self._view[start + offset : start + offset + size]
            found[name] = Tensor(kind, shape, data)
        return Gguf(metadata, found)

    def _entry(self) -> tuple[str, Any]:
        key = self._string()
        return key, self._value(self._scalar("<I"))

    def _value(self, kind: int) -> Any:
        if kind in _SCALARS:
            return self._scalar(_SCALARS[kind])
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            raise FormatError(f"kind of a value is not known: {kind}")
        kind, count = self._scalar("<I"), self._scalar("<Q")
        if count > _MAX_ITEMS:
            raise FormatError(f"list is too long: {count} values")
        if kind in _SCALARS:
            code = _SCALARS[kind]
            data = self._take(count * struct.calcsize(code))
            return list(struct.unpack(f"<{count}{code[1]}", data))
        if kind == _STRING:
            return [self._string() for _ in range(count)]
        raise FormatError(f"kind of the values of a list is not known: {kind}")

    def _description(self) -> tuple[str, str, tuple[int, ...], int]:
        name = self._string()
        dimensions = self._scalar("<I")
        if not 1 <= dimensions <= MAX_DIMENSIONS:
            raise FormatError(f"tensor {name} has {dimensions} dimensions")
        sizes = [self._scalar("<Q") for _ in range(dimensions)]
        kind, offset = self._scalar("<I"), self._scalar("<Q")
        if kind not in _KINDS:
            raise UnsupportedError(
                f"kind of tensor {name} is not known: {_OTHERS.get(kind, kind)}; "
                f"known are {', '.join(_KINDS.values())}",
                id="gguf",
                version=0,
                hint="convert the model to F16 or Q8_0",
            )
        # The format has the size along a row first.
        return name, _KINDS[kind], check_shape(sizes[::-1], name), offset

    def _string(self) -> str:
        length = self._scalar("<Q")
        if length > _MAX_STRING_BYTES:
            raise FormatError(f"text is too long: {length} bytes")
        # Tokens may be pieces of characters.
        return bytes(self._take(length)).decode("utf-8", "surrogateescape")

    def _scalar(self, code: str) -> Any:
        return struct.unpack(code, self._take(struct.calcsize(code)))[0]

    def _take(self, size: int) -> memoryview:
        if size > len(self._view) - self._at:
            missing = size - (len(self._view) - self._at)
            raise TruncatedError(f"file ends early: {missing} bytes are missing")
        self._at += size
        return self._view[self._at - size : self._at]
