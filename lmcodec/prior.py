"""Priors: what text of a kind is like, for streams to start from.

A context mixer knows nothing at its first byte. A prior is a table of what followed millions of
contexts in other text: read only, named by its SHA-256 in every stream that starts from it, and
needed to decode that stream. The one that ships with the package is there on every machine; others
are trained by `train` from samples, and found by their digest in the folders of
`LMCODEC_MODEL_PATH`, or once they have been loaded. A stream may also carry a copy of its own.

One of your own is most often a text that predictors code before the first symbol, and the digest of
the prior of the package, its base: all else is looked up there.
"""

from __future__ import annotations

import functools
import os
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from lmcodec import _core
from lmcodec.errors import FormatError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Buffer

SUFFIX = ".prior"
# Name and SHA-256 of each prior of the package, the default one first.
SHIPPED = {
    "general-1": "2b850f7bf84ed7c1e3f3bd84c1fb47a523d281abccd58a3343aba5af6bb14ff8",
}
# Of a table: far above what a useful prior has, far below what reading one could break.
MAX_BYTES = 1 << 30
# Of a text: as much is coded before each stream that is not short.
MAX_TEXT_BYTES = 1 << 24
# Of a file: what is learnt in tuning is at most half of the table.
MAX_FILE_BYTES = MAX_BYTES + MAX_BYTES // 2 + MAX_TEXT_BYTES + 100
_MAGIC = b"\xb5LMPRI\n"
_PATH_VARIABLE = "LMCODEC_MODEL_PATH"
_DATA = Path(__file__).parent / "data"

# By identity: of two with the same bytes, either may go first.
_loaded: WeakValueDictionary[int, Prior] = WeakValueDictionary()
# The one that was found in a folder last: the next block needs it again.
_found: list[Prior] = []
_lock = threading.Lock()


class Prior:
    """A prior in memory.

    Args:
        data: The bytes of its file.

    Attributes:
        name: What it is called.
        digest: SHA-256 of the file, by which streams name it.
        base: The prior where what this one does not know is looked up, or None.

    Raises:
        FormatError: The bytes are not those of a prior, or its base has one itself.
        WeightsError: Its base is neither shipped nor loaded, nor in a folder of
            `LMCODEC_MODEL_PATH`.
    """

    def __init__(self, data: Buffer) -> None:
        # A view, since `bytes` of a number would be so many zeros.
        raw = bytes(memoryview(data))
        named = _core.Prior.base_of(raw)
        self.base: Prior | None = _base(named) if named is not None else None
        below = self.base.table if self.base is not None else None
        self.table: _core.Prior = _core.Prior(raw, below)
        self.name = self.table.name
        self.digest = _sha256(raw)
        self._file_bytes = len(raw)
        with _lock:
            _loaded[id(self)] = self

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Prior:
        """Read a file.

        Raises:
            FormatError: The file is not a prior, or its base has one itself.
            WeightsError: Its base is not here.
            OSError: It cannot be read.
        """
        try:
            return cls(_read(path))
        except FormatError as error:
            raise FormatError(f"{os.fspath(path)}: {error}") from error

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
    return prior.digest.hex() in SHIPPED.values()


def find(name: str | os.PathLike[str]) -> Prior:
    """Return a prior by its name, or by the path of its file.

    Args:
        name: "general-1", "general" for the newest of that name, or a path.

    Raises:
        ValueError: There is none of that name.
        FormatError: The file is not a prior.
        OSError: It cannot be read.
    """
    text = os.fspath(name)
    if isinstance(name, str):
        for shipped in SHIPPED:
            if text in (shipped, re.sub(r"-\d+$", "", shipped)):
                return _shipped(shipped)
    path = Path(text)
    is_word = isinstance(name, str) and os.sep not in text and not path.suffix
    if is_word and not os.path.exists(text):
        known = ", ".join(("auto", "none", *SHIPPED))
        raise ValueError(f"prior is not known: {text!r}; known are {known}, and files")
    return Prior.load(path)


def default() -> Prior:
    """Return the prior that is used where none is asked for."""
    return _shipped(next(iter(SHIPPED)))


def by_digest(digest: bytes) -> Prior:
    """Return the prior that a stream names.

    Args:
        digest: SHA-256 of its file.

    Raises:
        WeightsError: It is neither shipped nor loaded, nor in a folder of `LMCODEC_MODEL_PATH`.
    """
    for name, shipped in SHIPPED.items():
        if shipped == digest.hex():
            return _shipped(name)
    with _lock:
        loaded = list(_loaded.values())
    for prior in loaded:
        if prior.digest == digest:
            return prior
    folders = [folder for folder in os.environ.get(_PATH_VARIABLE, "").split(os.pathsep) if folder]
    for path in _files(folders):
        try:
            data = _read(path)
        except (OSError, FormatError):
            continue
        # The others are not made: one of them may name what is looked for as its base.
        if data.startswith(_MAGIC) and _sha256(data) == digest:
            prior = Prior(data)
            _found[:] = [prior]
            return prior
    own = [prior for prior in loaded if not is_shipped(prior)]
    others = sorted({f"{prior.name} {prior.digest.hex()[:12]}" for prior in own})
    places = f"in the package, among those that are loaded ({', '.join(others) or 'none'})"
    places += f", in {', '.join(folders)}" if folders else f"; {_PATH_VARIABLE} is not set"
    raise WeightsError(
        f"prior is not here: {digest.hex()}: looked {places}",
        hint=f"set {_PATH_VARIABLE} to a folder that has its file, or load it with --prior FILE",
    )


def _sha256(data: bytes) -> bytes:
    # Not at the top: most that import this never load a prior.
    import hashlib

    return hashlib.sha256(data).digest()


def _read(path: str | os.PathLike[str]) -> bytes:
    with open(path, "rb") as file:
        # Of a file that is something else, no more is read.
        data = file.read(len(_MAGIC))
        if data == _MAGIC:
            data += file.read(MAX_FILE_BYTES + 1 - len(data))
    if len(data) > MAX_FILE_BYTES:
        raise FormatError(f"prior is too large: more than {MAX_FILE_BYTES} bytes")
    return data


def _files(folders: list[str]) -> Iterator[Path]:
    for folder in folders:
        # A pipe of that name would be waited for.
        yield from filter(os.path.isfile, sorted(Path(folder).glob(f"*{SUFFIX}")))


@functools.cache
def _shipped(name: str) -> Prior:
    path = _DATA / f"{name}{SUFFIX}"
    try:
        prior = Prior.load(path)
    except (OSError, FormatError) as error:
        raise WeightsError(
            f"prior of the package cannot be read: {name}: {error}", hint="install lmcodec again"
        ) from error
    if prior.digest.hex() != SHIPPED[name]:
        raise WeightsError(
            f"prior of the package is damaged: {name}: its SHA-256 is {prior.digest.hex()}, "
            f"not {SHIPPED[name]}",
            hint="install lmcodec again",
        )
    return prior
