"""What was fitted to samples of one shape: circuits, and networks that fill in what is unknown.

Streams name them by their SHA-256, as they do with priors and networks, or have a copy. None is in
the package: they are fitted to arrays, by `lmcodec train` or, circuits, while something is
compressed, and found by their digest in the folders of `LMCODEC_MODEL_PATH`, or once they have
been loaded.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lmcodec import _core
from lmcodec.errors import FormatError
from lmcodec.shelf import OwnedFile, Shelf

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Buffer

SUFFIX, ARDM_SUFFIX = ".circuit", ".ardm"
FORMAT, ARDM_FORMAT = "lmcodec-circuit", "ardm-1"
# Of a file: as many weights as the coder takes.
MAX_FILE_BYTES = 1 << 30
_HEADER_BYTES = 8
# Of the curve of a network: parts of a bit.
_CURVE_ONE = 1 << 16


class _Fitted(OwnedFile):
    """What was fitted, in a file of the format safetensors."""

    @cached_property
    def _header(self) -> dict[str, Any]:
        return _read_header(self._data)

    @cached_property
    def card(self) -> dict[str, str]:
        """What its file says of how it was made."""
        return dict(self._header.get("__metadata__", {}))


def _read_header(data: bytes) -> dict[str, Any]:
    # Not at the top: most that import this never ask.
    import json

    size = int.from_bytes(data[:_HEADER_BYTES], "little")
    header: dict[str, Any] = json.loads(data[_HEADER_BYTES : _HEADER_BYTES + size])
    return header


class FittedCircuit(_Fitted):
    """A circuit in memory.

    Args:
        data: The bytes of its file, in the format safetensors.

    Attributes:
        name: What it is called.
        digest: SHA-256 of the file, by which streams name it.
        core: What codes with it, variables in the order of the tree.

    Raises:
        FormatError: The bytes are not those of a circuit.
    """

    def __init__(self, data: Buffer) -> None:
        # A view, since `bytes` of a number would be so many zeros.
        raw = bytes(memoryview(data))
        self.core = _core.Circuit(raw, by_number=False)
        super().__init__(raw)
        SHELF.put(self)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> FittedCircuit:
        """Read a file.

        Raises:
            FormatError: The file is not a circuit.
            OSError: It cannot be read.
        """
        return SHELF.load(path)

    @cached_property
    def core_by_number(self) -> _core.Circuit:
        """What codes with it, variables as they are numbered."""
        return _core.Circuit(self._data, by_number=True)

    @property
    def variables(self) -> int:
        """Symbols of a sample."""
        return self.core.variables

    @property
    def memory_bytes(self) -> int:
        """Bytes in memory while it is in use, about."""
        return len(self._data) + self.core.memory_bytes


class FittedArdm(_Fitted):
    """A network of `ardm` in memory.

    Args:
        data: The bytes of its file, in the format safetensors.

    Attributes:
        name: What it is called.
        digest: SHA-256 of the file, by which streams name it.
        core: What codes with it.

    Raises:
        FormatError: The bytes are not those of such a network.
    """

    def __init__(self, data: Buffer) -> None:
        # A view, since `bytes` of a number would be so many zeros.
        raw = bytes(memoryview(data))
        self.core = _core.Ardm(raw)
        super().__init__(raw)
        ARDM_SHELF.put(self)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> FittedArdm:
        """Read a file.

        Raises:
            FormatError: The file is not such a network.
            OSError: It cannot be read.
        """
        return ARDM_SHELF.load(path)

    @property
    def size(self) -> int:
        """Symbols of an item."""
        return self.core.size

    @property
    def memory_bytes(self) -> int:
        """Bytes in memory while it is in use, about."""
        return len(self._data) + self.core.memory_bytes

    @cached_property
    def curve(self) -> NDArray[np.float64]:
        """Bits of a position at each stage after so many others are known [stages, size].

        Raises:
            FormatError: The file has none.
        """
        # Not at the top: decoding needs no curve.
        import numpy as np

        entry = self._header.get("curve", {})
        begin, end = entry.get("data_offsets", (0, 0))
        count = self.core.stages * self.core.size
        if entry.get("dtype") != "I32" or end - begin != 4 * count:
            raise FormatError("network of ardm has no curve of bits")
        start = _HEADER_BYTES + int.from_bytes(self._data[:_HEADER_BYTES], "little")
        values = np.frombuffer(self._data[start + begin : start + end], "<i4")
        if (values < 0).any():
            raise FormatError("curve of a network of ardm has negative bits")
        return values.reshape(self.core.stages, -1) / _CURVE_ONE


SHELF = Shelf(
    "circuit",
    SUFFIX,
    {},
    # The format has none: it begins with the length of its header.
    start=b"",
    max_bytes=MAX_FILE_BYTES,
    make=FittedCircuit,
    hint=", or load it with --model FILE",
)
by_digest = SHELF.by_digest
ARDM_SHELF = Shelf(
    "network of ardm",
    ARDM_SUFFIX,
    {},
    start=b"",
    max_bytes=MAX_FILE_BYTES,
    make=FittedArdm,
    hint=", or load it with --model FILE",
)


def of_bytes(data: bytes) -> FittedCircuit | FittedArdm:
    """Return what a file has, whichever it is.

    Raises:
        FormatError: It is neither.
    """
    try:
        format = _read_header(data)["__metadata__"]["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        format = None
    return FittedArdm(data) if format == ARDM_FORMAT else FittedCircuit(data)
