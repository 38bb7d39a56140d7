"""Where weights are looked for: what models need and streams name by its SHA-256.

Weights are priors and networks. Those of the package are on every machine; others are found by
their digest among those that are loaded, and in the folders of `LMCODEC_MODEL_PATH`.
"""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

from lmcodec.errors import FormatError, WeightsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PATH_VARIABLE = "LMCODEC_MODEL_PATH"
DATA = Path(__file__).parent / "data"


class Weights(Protocol):
    """What a shelf holds.

    Attributes:
        name: What it is called.
        digest: SHA-256 of its file.
    """

    name: str
    digest: bytes


W = TypeVar("W", bound=Weights)


class OwnedFile:
    """Weights that hold the bytes of their file; these make them what they are.

    Args:
        data: The bytes of the file.

    Attributes:
        name: What they are called.
        digest: SHA-256 of the file, by which streams name them.
    """

    name = "own"

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.digest = sha256(data)

    def __bytes__(self) -> bytes:
        """Return the bytes of the file."""
        return self._data

    @property
    def file_bytes(self) -> int:
        """Bytes of the file."""
        return len(self._data)

    def __eq__(self, other: object) -> bool:
        """Return whether the other is of the same kind, with the same bytes."""
        return isinstance(other, type(self)) and self.digest == other.digest

    def __hash__(self) -> int:
        """Return a hash of the digest."""
        return hash(self.digest)

    def __reduce__(self) -> tuple[type[OwnedFile], tuple[bytes]]:
        """Return what makes it again, in another process."""
        return type(self), (self._data,)

    def __repr__(self) -> str:
        """Return name and the start of the digest."""
        return f"<{type(self).__name__} {self.name} {self.digest.hex()[:12]}>"


def own_folders() -> list[str]:
    """Return the folders in which files are looked for: those of `LMCODEC_MODEL_PATH`."""
    return [folder for folder in os.environ.get(PATH_VARIABLE, "").split(os.pathsep) if folder]


class Shelf(Generic[W]):
    """All weights of one kind.

    Args:
        word: What the kind is called.
        suffix: How the names of files end.
        shipped: Name and SHA-256 of those of the package, the default one first.
        start: What each file begins with.
        max_bytes: Of a file, at most.
        make: Makes weights of the bytes of a file; raises `FormatError` where it is none.
        hint: What helps besides the folders, for the error that says that some are not here.

    Attributes:
        word: What the kind is called.
        loaded: Those in use. By identity: of two with the same bytes, either may go first.
        found: The one that was found in a folder last: the next block needs it again.
    """

    def __init__(
        self,
        word: str,
        suffix: str,
        shipped: Mapping[str, str],
        *,
        start: bytes,
        max_bytes: int,
        make: Callable[[bytes], W],
        hint: str = "",
    ) -> None:
        self.word, self._suffix, self._hint = word, suffix, hint
        self._names = shipped
        self._start, self._max_bytes, self._make = start, max_bytes, make
        self._shipped: dict[str, W] = {}
        self._lock = threading.Lock()
        self.loaded: WeakValueDictionary[int, W] = WeakValueDictionary()
        self.found: list[W] = []

    def put(self, weights: W) -> None:
        """Let weights be found as long as they are in use."""
        with self._lock:
            self.loaded[id(weights)] = weights

    def load(self, path: str | os.PathLike[str]) -> W:
        """Read a file.

        Raises:
            FormatError: It is none of the kind.
            OSError: It cannot be read.
        """
        try:
            return self._make(self._read(path))
        except FormatError as error:
            raise FormatError(f"{os.fspath(path)}: {error}") from error

    def find(self, name: str | os.PathLike[str]) -> W:
        """Return weights by the name of those of the package, or by the path of a file.

        Args:
            name: The whole name, or that without its number for the newest, or a path.

        Raises:
            ValueError: There are none of that name.
            FormatError: The file is none of the kind.
            OSError: It cannot be read.
        """
        text = os.fspath(name)
        if isinstance(name, str):
            for shipped in self._names:
                if text in (shipped, re.sub(r"-[\d.]+$", "", shipped)):
                    return self.of_package(shipped)
        path = Path(text)
        is_word = isinstance(name, str) and os.sep not in text and not path.suffix
        if is_word and not os.path.exists(text):
            known = ", ".join(("auto", "none", *self._names))
            raise ValueError(f"{self.word} is not known: {text!r}; known are {known}, and files")
        return self.load(path)

    def named(self, name: str | os.PathLike[str]) -> W:
        """Return weights by the path of a file, or by its name in one of the folders.

        Args:
            name: A path, or the name of a file without its suffix in a folder of
                `LMCODEC_MODEL_PATH`.

        Raises:
            FormatError: The file is none of the kind.
            OSError: It is not there, or cannot be read.
        """
        if isinstance(name, str) and not os.path.isfile(name):
            for folder in own_folders():
                path = os.path.join(folder, f"{name.removesuffix(self._suffix)}{self._suffix}")
                if os.path.isfile(path):
                    return self.load(path)
        return self.load(name)

    def default(self) -> W:
        """Return those that are used where none are asked for."""
        return self.of_package(next(iter(self._names)))

    def is_shipped(self, digest: bytes) -> bool:
        """Return whether those of a digest are of the package."""
        return digest.hex() in self._names.values()

    def by_digest(self, digest: bytes) -> W:
        """Return the weights that a stream names.

        Args:
            digest: SHA-256 of their file.

        Raises:
            WeightsError: They are neither shipped nor loaded, nor in a folder.
        """
        for name, shipped in self._names.items():
            if shipped == digest.hex():
                return self.of_package(name)
        with self._lock:
            loaded = list(self.loaded.values())
        for weights in loaded:
            if weights.digest == digest:
                return weights
        folders = own_folders()
        for path in self._files(folders):
            try:
                data = self._read(path)
            except (OSError, FormatError):
                continue
            # The others are not made: one of them may need what is looked for itself.
            if data.startswith(self._start) and sha256(data) == digest:
                weights = self._make(data)
                self.found[:] = [weights]
                return weights
        own = [weights for weights in loaded if not self.is_shipped(weights.digest)]
        others = sorted({f"{weights.name} {weights.digest.hex()[:12]}" for weights in own})
        places = f"in the package, among those that are loaded ({', '.join(others) or 'none'})"
        places += f", in {', '.join(folders)}" if folders else f"; {PATH_VARIABLE} is not set"
        raise WeightsError(
            f"{self.word} is not here: {digest.hex()}: looked {places}",
            hint=f"set {PATH_VARIABLE} to a folder that has its file{self._hint}",
        )

    def of_package(self, name: str) -> W:
        """Return those of the package, read once.

        Raises:
            WeightsError: Their file is missing or damaged.
        """
        if name not in self._shipped:
            self._shipped[name] = self._read_shipped(name)
        return self._shipped[name]

    def forget(self) -> None:
        """Read those of the package anew when they are needed."""
        self._shipped.clear()

    def _read_shipped(self, name: str) -> W:
        try:
            weights = self.load(DATA / f"{name}{self._suffix}")
        except (OSError, FormatError) as error:
            raise WeightsError(
                f"{self.word} of the package cannot be read: {name}: {error}",
                hint="install lmcodec again",
            ) from error
        if weights.digest.hex() != self._names[name]:
            raise WeightsError(
                f"{self.word} of the package is damaged: {name}: its SHA-256 is "
                f"{weights.digest.hex()}, not {self._names[name]}",
                hint="install lmcodec again",
            )
        return weights

    def _read(self, path: str | os.PathLike[str]) -> bytes:
        with open(path, "rb") as file:
            # Of a file that is something else, no more is read.
            data = file.read(len(self._start))
            if data == self._start:
                if file.seekable():
                    # Read anew, so that the rest need not be copied behind it.
                    file.seek(0)
                    data = b""
                data += file.read(self._max_bytes + 1 - len(data))
        if len(data) > self._max_bytes:
            raise FormatError(f"{self.word} is too large: more than {self._max_bytes} bytes")
        return data

    def _files(self, folders: list[str]) -> Iterator[Path]:
        for folder in folders:
            # A pipe of that name would be waited for.
            yield from filter(os.path.isfile, sorted(Path(folder).glob(f"*{self._suffix}")))


def sha256(data: bytes) -> bytes:
    """Return the SHA-256 of the bytes of a file."""
    # Not at the top: most that import this never load weights.
    import hashlib

    return hashlib.sha256(data).digest()
