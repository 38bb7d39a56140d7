"""Networks: what text is like, as a small network that was trained before it shipped.

A network predicts each byte from all bytes before it, in integers only, so that streams decode on
any machine. Streams name it by its SHA-256, as they do with priors. The one of the package is
there on every machine; others are found by their digest in the folders of `LMCODEC_MODEL_PATH`, or
once they have been loaded.
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
    from typing_extensions import Buffer

SUFFIX = ".safetensors"
# Name and SHA-256 of each network of the package, the default one first.
SHIPPED = {
    "bytelm-1": "de8594c2b0b737a26c3a8ad30a81025eeda61faa33be889d45894284931e02c0",
}
# Of a file: far above what is fast enough to be useful.
MAX_FILE_BYTES = 1 << 28
_PATH_VARIABLE = "LMCODEC_MODEL_PATH"
_DATA = Path(__file__).parent / "data"

_loaded: WeakValueDictionary[int, Network] = WeakValueDictionary()
_lock = threading.Lock()


class Network:
    """A network in memory.

    Args:
        data: The bytes of its file, in the format safetensors.

    Attributes:
        digest: SHA-256 of the file, by which streams name it.

    Raises:
        FormatError: The bytes are not those of a network.
    """

    def __init__(self, data: Buffer) -> None:
        # A view, since `bytes` of a number would be so many zeros.
        raw = bytes(memoryview(data))
        self.core = _core.Network(raw)
        self.digest = _sha256(raw)
        self._data = raw
        with _lock:
            _loaded[id(self)] = self

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Network:
        """Read a file.

        Raises:
            FormatError: The file is not a network.
            OSError: It cannot be read.
        """
        try:
            with open(path, "rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
            if len(data) > MAX_FILE_BYTES:
                raise FormatError(f"network is too large: more than {MAX_FILE_BYTES} bytes")
            return cls(data)
        except FormatError as error:
            raise FormatError(f"{os.fspath(path)}: {error}") from error

    def __bytes__(self) -> bytes:
        """Return the bytes of its file."""
        return self._data

    @property
    def memory_bytes(self) -> int:
        """Bytes in memory while it is in use, about."""
        return 2 * len(self._data)

    def __eq__(self, other: object) -> bool:
        """Return whether the other is a network with the same bytes."""
        return isinstance(other, Network) and self.digest == other.digest

    def __hash__(self) -> int:
        """Return a hash of the digest."""
        return hash(self.digest)

    def __reduce__(self) -> tuple[type[Network], tuple[bytes]]:
        """Return what makes it again, in another process."""
        return Network, (bytes(self),)

    def __repr__(self) -> str:
        """Return the start of the digest."""
        return f"<Network {self.digest.hex()[:12]}>"


def find(name: str | os.PathLike[str]) -> Network:
    """Return a network by its name, or by the path of its file.

    Args:
        name: "bytelm-1", "bytelm" for the newest of that name, or a path.

    Raises:
        FormatError: The file is not a network.
        OSError: It cannot be read.
    """
    text = os.fspath(name)
    for shipped in SHIPPED:
        if text in (shipped, re.sub(r"-\d+$", "", shipped)):
            return _shipped(shipped)
    return Network.load(text)


def default() -> Network:
    """Return the network that is used where none is asked for."""
    return _shipped(next(iter(SHIPPED)))


def by_digest(digest: bytes) -> Network:
    """Return the network that a stream names.

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
    for network in loaded:
        if network.digest == digest:
            return network
    folders = [folder for folder in os.environ.get(_PATH_VARIABLE, "").split(os.pathsep) if folder]
    for folder in folders:
        for path in filter(os.path.isfile, sorted(Path(folder).glob(f"*{SUFFIX}"))):
            try:
                network = Network.load(path)
            except (OSError, FormatError):
                continue
            if network.digest == digest:
                return network
    places = "in the package, among those that are loaded"
    places += f", in {', '.join(folders)}" if folders else f"; {_PATH_VARIABLE} is not set"
    raise WeightsError(
        f"network is not here: {digest.hex()}: looked {places}",
        hint=f"set {_PATH_VARIABLE} to a folder that has its file",
    )


def _sha256(data: bytes) -> bytes:
    # Not at the top: most that import this never load a network.
    import hashlib

    return hashlib.sha256(data).digest()


@functools.cache
def _shipped(name: str) -> Network:
    path = _DATA / f"{name}{SUFFIX}"
    try:
        network = Network.load(path)
    except (OSError, FormatError) as error:
        raise WeightsError(
            f"network of the package cannot be read: {name}: {error}", hint="install lmcodec again"
        ) from error
    if network.digest.hex() != SHIPPED[name]:
        raise WeightsError(
            f"network of the package is damaged: {name}: its SHA-256 is {network.digest.hex()}, "
            f"not {SHIPPED[name]}",
            hint="install lmcodec again",
        )
    return network
