"""What was fitted to samples of one shape: circuits, and networks that fill in what is unknown.

Streams name them by their SHA-256, as they do with priors and networks, or have a copy. None is in
the package: they are fitted to arrays, by `lmcodec train` or, circuits, while something is
compressed, and found by their digest in the folders of `LMCODEC_MODEL_PATH`, or once they have
been loaded.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from lmcodec import _core
from lmcodec.shelf import OwnedFile, Shelf

if TYPE_CHECKING:
    from typing_extensions import Buffer

SUFFIX, ARDM_SUFFIX = ".circuit", ".ardm"
FORMAT, ARDM_FORMAT = "lmcodec-circuit", "ardm-1"
# Of a file: as many weights as the coder takes.
MAX_FILE_BYTES = 1 << 30
_HEADER_BYTES = 8


class _Fitted(OwnedFile):
    """What was fitted, in a file of the format safetensors.

    Attributes:
        kind: Which of `SHELVES` it is on.
        name: What it is called.
        digest: SHA-256 of the file, by which streams name it.
        core: What codes with it.
    """

    kind: ClassVar[str]
    core: _core.Circuit | _core.Ardm

    @cached_property
    def _header(self) -> dict[str, Any]:
        return _read_header(self._data)

    @cached_property
    def card(self) -> dict[str, str]:
        """What its file says of how it was made."""
        return dict(self._header.get("__metadata__", {}))

    @property
    def memory_bytes(self) -> int:
        """Bytes in memory while it is in use, about."""
        return len(self._data) + self.core.memory_bytes


def _read_header(data: bytes) -> dict[str, Any]:
    # Not at the top: most that import this never ask.
    import json

    size = int.from_bytes(data[:_HEADER_BYTES], "little")
    header: dict[str, Any] = json.loads(data[_HEADER_BYTES : _HEADER_BYTES + size])
    return header


class FittedCircuit(_Fitted):
    """A circuit in memory; `core` codes variables in the order of the tree.

    Args:
        data: The bytes of its file, in the format safetensors.
        max_memory: Bytes that its weights may take, or None for any number: a small file may have
            many.

    Raises:
        FormatError: The bytes are not those of a circuit.
        LimitError: Its weights take more memory than allowed.
    """

    kind: ClassVar[str] = "circuit"
    core: _core.Circuit

    def __init__(self, data: Buffer, *, max_memory: int | None = None) -> None:
        # A view, since `bytes` of a number would be so many zeros.
        raw = bytes(memoryview(data))
        self.core = _core.Circuit(raw, by_number=False, max_memory=max_memory)
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


class FittedArdm(_Fitted):
    """A network of `ardm` in memory.

    Args:
        data: The bytes of its file, in the format safetensors.

    Raises:
        FormatError: The bytes are not those of such a network.
    """

    kind: ClassVar[str] = "ardm"
    core: _core.Ardm

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

    def tensor(self, name: str, dtype: str) -> bytes:
        """Return the bytes of a tensor; none where there is no such one.

        Args:
            name: What it is called.
            dtype: Of what, as the format safetensors names it.
        """
        entry = self._header.get(name, {})
        if entry.get("dtype") != dtype:
            return b""
        start = _HEADER_BYTES + int.from_bytes(self._data[:_HEADER_BYTES], "little")
        begin, end = entry["data_offsets"]
        return self._data[start + begin : start + end]


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
SHELVES: dict[str, Shelf[Any]] = {
    FittedCircuit.kind: SHELF,
    FittedArdm.kind: ARDM_SHELF,
}
"""Where each kind is, by the word that models have for it in `Model.weights`."""


def format_of(data: bytes) -> str:
    """Return what a file in the format safetensors says it is; nothing where it is none."""
    try:
        return str(_read_header(data)["__metadata__"]["format"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def of_bytes(data: bytes, max_memory: int | None = None) -> FittedCircuit | FittedArdm:
    """Return what a file has, whichever it is.

    Args:
        data: The bytes of the file.
        max_memory: Bytes that weights may take, or None for any number. Those of a network are no
            more than its file has.

    Raises:
        FormatError: It is neither.
        LimitError: Weights take more memory than allowed.
    """
    if format_of(data) == ARDM_FORMAT:
        return FittedArdm(data)
    return FittedCircuit(data, max_memory=max_memory)
