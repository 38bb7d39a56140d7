"""Priors: what text of a kind is like, for streams to start from.

A context mixer knows nothing at its first byte. A prior is a table of what followed millions of
contexts in other text: read only, named by its SHA-256 in every stream that starts from it, and
needed to decode that stream. The one that ships with the package is there on every machine; others
are trained by `train` from samples, and found by their digest in the folders of
`LMCODEC_MODEL_PATH`, or once they have been loaded. A stream may also carry a copy of its own.

One of your own is most often a text that predictors code before the first symbol, and the digest of
the prior of the package, its base: all else is looked up there. That of the package, `general-1.1`,
is itself what `cm` learnt at more levels, on `general-1`, which has the table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lmcodec import _core
from lmcodec.errors import WeightsError
from lmcodec.shelf import Shelf, sha256

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from typing_extensions import Buffer

SUFFIX = ".prior"
# Name and SHA-256 of each prior of the package, the default one first.
SHIPPED = {
    "general-1.1": "63e492770c5b3ac51933886b4099718e44378b2b2e811864e66b84b9bacca30c",
    "general-1": "2b850f7bf84ed7c1e3f3bd84c1fb47a523d281abccd58a3343aba5af6bb14ff8",
}
# Of a table: far above what a useful prior has, far below what reading one could break.
MAX_BYTES = 1 << 30
# Of a text: as much is coded before each stream that is not short.
MAX_TEXT_BYTES = 1 << 24
# Of a file: what is learnt in tuning is at most half of the table.
MAX_FILE_BYTES = MAX_BYTES + MAX_BYTES // 2 + MAX_TEXT_BYTES + 100
MAGIC = b"\xb5LMPRI\n"


class Prior:
    """A prior in memory.

    Args:
        data: The bytes of its file.

    Attributes:
        kind: The word that models have for it in `Model.weights`.
        name: What it is called.
        digest: SHA-256 of the file, by which streams name it.
        base: The prior where what this one does not know is looked up, or None.

    Raises:
        FormatError: The bytes are not those of a prior, or its base has one itself, and more than
            what levels learnt.
        WeightsError: Its base is neither shipped nor loaded, nor in a folder of
            `LMCODEC_MODEL_PATH`.
    """

    kind: ClassVar[str] = "prior"

    def __init__(self, data: Buffer) -> None:
        # A view, since `bytes` of a number would be so many zeros.
        raw = data if isinstance(data, bytes) else bytes(memoryview(data))
        named = _core.Prior.base_of(raw)
        self.base: Prior | None = _base(named) if named is not None else None
        below = self.base.table if self.base is not None else None
        self.table: _core.Prior = _core.Prior(raw, below)
        self.name = self.table.name
        self.digest = sha256(raw)
        self._file_bytes = len(raw)
        SHELF.put(self)

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Prior:
        """Read a file.

        Raises:
            FormatError: The file is not a prior, or its base has one itself, and more than what
                levels learnt.
            WeightsError: Its base is not here.
            OSError: It cannot be read.
        """
        return SHELF.load(path)

    def __bytes__(self) -> bytes:
        """Return the bytes of its file."""
        return self.table.to_bytes()

    def __len__(self) -> int:
        """Return the number of bytes of its table, without that of the base."""
        return self.table.table_bytes

    def __bool__(self) -> bool:
        """Return true: without a table it is still a prior."""
        return True

    @property
    def text_bytes(self) -> int:
        """Bytes of the text that is coded before the first symbol."""
        return self.table.text_bytes

    @property
    def has_only_starts(self) -> bool:
        """Whether it adds no more to its base than what levels learnt beside that."""
        return self.base is not None and not len(self) and not self.text_bytes

    @property
    def file_bytes(self) -> int:
        """Bytes of its file."""
        return self._file_bytes

    @property
    def memory_bytes(self) -> int:
        """Bytes in memory while it is in use, with its base."""
        return self.table.memory_bytes

    def __eq__(self, other: object) -> bool:
        """Return whether the other is a prior with the same bytes."""
        return isinstance(other, Prior) and self.digest == other.digest

    def __hash__(self) -> int:
        """Return a hash of the digest."""
        return hash(self.digest)

    def __reduce__(self) -> tuple[Callable[..., Prior], tuple[bytes, Prior | None]]:
        """Return what makes it again, in another process."""
        # That of the package is everywhere, and much larger.
        own = self.base if self.base is not None and not is_shipped(self.base) else None
        return _again, (bytes(self), own)

    def __repr__(self) -> str:
        """Return name and the start of the digest."""
        return f"<Prior {self.name} {self.digest.hex()[:12]}>"


def _again(data: bytes, _base: Prior | None) -> Prior:
    # The base is found by its digest, since it is in use.
    return Prior(data)


def _base(digest: bytes) -> Prior:
    try:
        return by_digest(digest)
    except WeightsError as error:
        raise WeightsError(f"base of the {error}", hint=error.hint) from error


def is_shipped(prior: Prior) -> bool:
    """Return whether a prior is one of the package."""
    return SHELF.is_shipped(prior.digest)


SHELF = Shelf(
    "prior",
    SUFFIX,
    SHIPPED,
    start=MAGIC,
    max_bytes=MAX_FILE_BYTES,
    make=Prior,
    hint=", or load it with --prior FILE",
)
find, default, by_digest = SHELF.find, SHELF.default, SHELF.by_digest
