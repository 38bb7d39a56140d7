"""Networks: what text is like, as a small network that was trained before it shipped.

A network predicts each byte from all bytes before it, in integers only, so that streams decode on
any machine. Streams name it by its SHA-256, as they do with priors. The one of the package is
there on every machine; others are trained from it by `tune`, and found by their digest in the
folders of `LMCODEC_MODEL_PATH`, or once they have been loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lmcodec import _core
from lmcodec.shelf import OwnedFile, Shelf

if TYPE_CHECKING:
    import os

    from typing_extensions import Buffer

SUFFIX = ".safetensors"
# How the name begins of the format that a file says it has.
FORMAT_PREFIX = "bytelm-"
# Name and SHA-256 of each network of the package, the default one first.
SHIPPED = {
    "bytelm-2.1": "da51b4f73bc4b4175ac362c7376115b33c35e12b32918f66d0fba495e1c36f29",
}
# Of a file: far above what is fast enough to be useful.
MAX_FILE_BYTES = 1 << 28


class Network(OwnedFile):
    """A network in memory.

    Args:
        data: The bytes of its file, in the format safetensors.

    Attributes:
        kind: The word that models have for it in `Model.weights`.
        name: That in the package, or "own".
        digest: SHA-256 of the file, by which streams name it.

    Raises:
        FormatError: The bytes are not those of a network.
    """

    kind: ClassVar[str] = "network"

    def __init__(self, data: Buffer) -> None:
        # A view, since `bytes` of a number would be so many zeros.
        raw = data if isinstance(data, bytes) else bytes(memoryview(data))
        self.core = _core.Network(raw)
        super().__init__(raw)
        names = (name for name, digest in SHIPPED.items() if digest == self.digest.hex())
        self.name = next(names, self.name)
        SHELF.put(self)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Network:
        """Read a file.

        Raises:
            FormatError: The file is not a network.
            OSError: It cannot be read.
        """
        return SHELF.load(path)

    @property
    def memory_bytes(self) -> int:
        """Bytes in memory while it is in use, about: with what is kept for the next messages."""
        return 2 * len(self._data) + self.core.kept_bytes


def is_shipped(network: Network) -> bool:
    """Return whether a network is one of the package."""
    return SHELF.is_shipped(network.digest)


SHELF = Shelf(
    "network",
    SUFFIX,
    SHIPPED,
    # The format has none: it begins with the length of its header.
    start=b"",
    max_bytes=MAX_FILE_BYTES,
    make=Network,
    hint=", or load it with --network FILE",
)
find, default, by_digest = SHELF.find, SHELF.default, SHELF.by_digest
