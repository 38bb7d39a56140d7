"""Circuits that were fitted: what samples of one shape are like, as a tree of hidden states.

Streams name a circuit by its SHA-256, as they do with priors and networks, or have a copy of it.
None is in the package: they are fitted to arrays, by `lmcodec.circuit.Circuit` or while something
is compressed, and found by their digest in the folders of `LMCODEC_MODEL_PATH`, or once they have
been loaded.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from lmcodec import _core
from lmcodec.shelf import OwnedFile, Shelf

if TYPE_CHECKING:
    import os

    from typing_extensions import Buffer

SUFFIX = ".circuit"
FORMAT = "lmcodec-circuit"
# Of a file: as many weights as the coder takes.
MAX_FILE_BYTES = 1 << 30
_HEADER_BYTES = 8


class FittedCircuit(OwnedFile):
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

    @cached_property
    def card(self) -> dict[str, str]:
        """What its file says of how it was made."""
        # Not at the top: most that import this never ask.
        import json

        size = int.from_bytes(self._data[:_HEADER_BYTES], "little")
        header = json.loads(self._data[_HEADER_BYTES : _HEADER_BYTES + size])
        return dict(header.get("__metadata__", {}))


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
