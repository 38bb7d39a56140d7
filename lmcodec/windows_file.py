"""The file of windows: an archive of arrays, as `numpy.savez` makes it. See docs/windows.md."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from lmcodec.api import compress, decompress
from lmcodec.errors import CorruptError, FormatError, TruncatedError, UnsupportedError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMAT = 1
TOKENS, COUNTS, ABOUT = "tokens", "packed_counts", "about"
_MAX_ABOUT_BYTES = 1 << 16
_MAX_HEADER_BYTES = 1 << 12
# What reading a damaged archive, or a damaged array, may raise.
_DAMAGED = (
    zipfile.BadZipFile,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    OverflowError,
)


@dataclass(frozen=True)
class About:
    """What a file says of its windows.

    Args:
        bits: Bits of a window.
        bytes: Bytes of the text.
        crc32: CRC-32 of the text.
        model: Id of the model.
        version: Its version.
        params: Its parameters, as in a model record, in hexadecimal.
        digests: SHA-256 of its weights, in hexadecimal.
        format: Version of the format of the file.
    """

    bits: int
    bytes: int
    crc32: int
    model: str
    version: int
    params: str
    digests: list[str]
    format: int = FORMAT


def token_type(bits: int) -> str:
    """Return the type of tokens, least significant byte first."""
    return "<u2" if bits <= 16 else "<u4"


def pack(tokens: NDArray[Any], counts: NDArray[np.uint16], about: About) -> bytes:
    """Return the bytes of a file.

    Shapes:
        tokens: uint16 [n] or uint32 [n]
        counts: uint16 [n]
    """
    import numpy as np

    planes = counts.astype("<u2").view(np.uint8).reshape(-1, 2).T
    packed = np.frombuffer(compress(planes.tobytes()), np.uint8)
    words = np.frombuffer(json.dumps(asdict(about), sort_keys=True).encode(), np.uint8)
    file = io.BytesIO()
    arrays = {TOKENS: tokens.astype(token_type(about.bits)), COUNTS: packed, ABOUT: words}
    np.savez(file, **arrays)  # type: ignore[arg-type]
    return file.getvalue()


def unpack(data: bytes) -> tuple[NDArray[Any], NDArray[np.uint16], About]:
    """Undo `pack`, without a look at what the tokens are.

    Shapes:
        returns: uint16 [n] or uint32 [n], and uint16 [n]

    Raises:
        FormatError: It is no file of windows, or is damaged.
        UnsupportedError: It needs a newer release.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        about = _about(_array(archive, ABOUT, "u1", _MAX_ABOUT_BYTES).tobytes())
        tokens = _array(archive, TOKENS, token_type(about.bits), len(data))
        packed = _array(archive, COUNTS, "u1", len(data)).tobytes()
    except FormatError:
        raise
    except _DAMAGED as error:
        raise FormatError(f"not a file of windows, or a damaged one: {error}") from error
    counts = _counts(packed, len(tokens))
    if tokens.size and int(tokens.max()) >> about.bits:
        raise CorruptError(f"token has more than {about.bits} bits: {int(tokens.max())}")
    return tokens.astype(tokens.dtype.newbyteorder("=")), counts, about


def _array(archive: zipfile.ZipFile, name: str, kind: str, most: int) -> NDArray[Any]:
    """Return an array, for which no memory is taken that the file does not fill."""
    import numpy as np

    found = archive.getinfo(f"{name}.npy")
    if found.compress_type != zipfile.ZIP_STORED or found.file_size > most + _MAX_HEADER_BYTES:
        raise FormatError(f"{name} of windows are compressed, or too long")
    file = io.BytesIO(archive.read(found))
    if np.lib.format.read_magic(file) != (1, 0):
        raise FormatError(f"{name} of windows are an array of another version")
    shape, _, dtype = np.lib.format.read_array_header_1_0(file, _MAX_HEADER_BYTES)
    values = file.read()
    if len(shape) != 1 or dtype != np.dtype(kind) or len(values) != shape[0] * dtype.itemsize:
        raise FormatError(f"{name} of windows are no array of {kind}: {dtype} {list(shape)}")
    return np.frombuffer(values, dtype)


def _counts(packed: bytes, count: int) -> NDArray[np.uint16]:
    import numpy as np

    planes = decompress(packed, max_output_size=2 * count)
    if len(planes) != 2 * count:
        raise TruncatedError(f"there are {count} windows: counts have {len(planes)} bytes")
    pairs = np.frombuffer(planes, np.uint8).reshape(2, -1).T
    return np.ascontiguousarray(pairs).view("<u2").reshape(-1).astype(np.uint16)


def _about(words: bytes) -> About:
    values = json.loads(words)
    if not isinstance(values, dict):
        raise FormatError("about of windows is no JSON object")
    if values.get("format") != FORMAT:
        raise UnsupportedError(
            f"format of windows is not known: {values.get('format')!r}",
            id="windows",
            hint="use a newer release",
        )
    kinds: dict[str, type] = {"model": str, "params": str, "digests": list}
    wanted = {field.name: kinds.get(field.name, int) for field in fields(About)}
    if set(values) != set(wanted) or any(type(values[n]) is not wanted[n] for n in wanted):
        raise FormatError(f"about of windows has other fields: {sorted(values)}")
    about = About(**values)
    digests = all(isinstance(digest, str) for digest in about.digests)
    if not (8 <= about.bits <= 32 and about.bytes >= 0 and about.crc32 >= 0 and digests):
        raise FormatError(f"about of windows is out of range: {about}")
    return about
