"""Text as integers that have the same number of bits of information, each: for models over them.

A window takes as many symbols as fit into its bits, coded by a model that has seen all before; the
next window begins anew, but the model goes on. So each window is one integer, a token, and texts
are sequences of few tokens. Symbols are bytes under the network of the package, or the tokens of a
language model. How many symbols a window has is not in its token: it is kept beside it.

Source: B. Lester et al., Training LLMs over Neurally Compressed Text (2024), arXiv:2404.03626,
Equal-Info Windows. Models, coder and counts are our own.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lmcodec.errors import CorruptError, FormatError, UnsupportedError
from lmcodec.models.base import MODELS
from lmcodec.models.bytelm import Bytelm
from lmcodec.options import is_model_path, model_of_path
from lmcodec.packing import pack_fields

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Buffer

    from lmcodec.models.llm import Llm
    from lmcodec.windows_file import About

MIN_BITS, MAX_BITS = 8, 32
DEFAULT_BITS = 16
# Of tokens that two bytes hold.
SHORT_BITS = 16


@dataclass(frozen=True, eq=False)
class Windows:
    """A text in windows.

    Args:
        tokens: The integer of each window, less than `1 << bits`.
        counts: How many symbols each window has, 0 where a window is part of a symbol that is too
            rare for one: bytes, or tokens of the language model.
        bits: Bits of a window.
        size_bytes: Bytes of the text.
        checksum: CRC-32 of the text.
        model: What predicted the symbols; decoding needs the same.

    Shapes:
        tokens: uint16 [n], or uint32 [n] where a window has more than 16 bits
        counts: uint16 [n]

    Example:
        >>> windows = tokenize(b"It was a bright cold day in April.")
        >>> len(windows), windows.tokens.dtype.name, windows.counts.tolist()
        (5, 'uint16', [8, 9, 8, 4, 5])
        >>> windows.text()
        b'It was a bright cold day in April.'
    """

    tokens: NDArray[np.uint16] | NDArray[np.uint32]
    counts: NDArray[np.uint16]
    bits: int
    size_bytes: int
    checksum: int
    model: Bytelm | Llm

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.tokens)

    @property
    def bytes_per_token(self) -> float:
        """Bytes of text for each window."""
        return self.size_bytes / max(len(self), 1)

    @property
    def bits_per_byte(self) -> float:
        """Bits of windows for each byte of text."""
        return len(self) * self.bits / max(self.size_bytes, 1)

    def text(self) -> bytes:
        """Return the text.

        Raises:
            CorruptError: Tokens or counts are not those of the text.
            WeightsError: The language model is not here any more.
        """
        symbols = int(self.counts.sum(dtype="u8"))
        if symbols > self.size_bytes:
            raise CorruptError(
                f"windows have {symbols} symbols: the text has {self.size_bytes} bytes",
                expected=self.size_bytes,
                got=symbols,
            )
        text = detokenize(self.tokens, self.counts, bits=self.bits, model=self.model)
        if len(text) != self.size_bytes:
            raise CorruptError(
                f"windows have {len(text)} bytes: the text has {self.size_bytes}",
                expected=self.size_bytes,
                got=len(text),
            )
        computed = zlib.crc32(text)
        if computed != self.checksum:
            raise CorruptError(
                f"checksum of the text differs: {self.checksum:#010x} was recorded, "
                f"{computed:#010x} here",
                expected=self.checksum,
                got=computed,
            )
        return text

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a file: `numpy.load` reads its tokens, `Windows.load` all of it.

        Args:
            path: Its name, with the suffix `.npz` by custom.

        Raises:
            OSError: It cannot be written.
        """
        with open(path, "wb") as file:
            file.write(bytes(self))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Windows:
        """Read a file.

        Args:
            path: Its name.

        Raises:
            FormatError: It is no file of windows, or is damaged.
            UnsupportedError: It needs a newer release, or a model that is not known.
            WeightsError: The network or language model that it needs is not here.
            OSError: It cannot be read.
        """
        with open(path, "rb") as file:
            return Windows.from_bytes(file.read())

    def __bytes__(self) -> bytes:
        """Return what `save` writes."""
        from lmcodec import windows_file

        about = windows_file.About(
            self.bits,
            self.size_bytes,
            self.checksum,
            self.model.id,
            self.model.version,
            pack_fields(self.model).hex(),
            [digest.hex() for digest in self.model.digests()],
        )
        return windows_file.pack(self.tokens, self.counts, about)

    @staticmethod
    def from_bytes(data: bytes) -> Windows:
        """Read what `save` wrote; see `load` for errors.

        Args:
            data: The bytes of a file.
        """
        from lmcodec import windows_file

        tokens, counts, about = windows_file.unpack(data)
        model = _recorded(about)
        return Windows(tokens, counts, about.bits, about.bytes, about.crc32, model)

    def __repr__(self) -> str:
        """Return the sizes."""
        return f"<Windows {len(self)} of {self.bits} bits, {self.size_bytes} bytes>"


def tokenize(
    text: Buffer,
    *,
    bits: int = DEFAULT_BITS,
    model: Bytelm | Llm | str | os.PathLike[str] = Bytelm.id,
) -> Windows:
    """Split a text into windows that have the same number of bits, each of which is one token.

    Args:
        text: Its bytes.
        bits: Bits of a window, 8 to 32: there are `1 << bits` different tokens.
        model: What predicts: "bytelm" for the network of the package, or a `Bytelm` with another
            one; the folder or GGUF file of a language model, or an `Llm` with parameters of your
            own, of which `chunk`, `lanes` and `mixed` have no meaning here.

    Returns:
        The tokens, and what is needed to decode them.

    Raises:
        ModelError: The language model has no tokens for a part that is no text.
        ValueError: The number of bits is out of range, or the model is not known.
        OSError: A file of the language model cannot be read.

    Example:
        >>> tokenize(b"It was a bright cold day in April.", bits=32).tokens.dtype.name
        'uint32'
    """
    raw = bytes(memoryview(text).cast("B"))
    _check_bits(bits)
    chosen = _find(model)
    tokens, counts = chosen.to_windows(raw, bits)
    narrow = tokens.astype("u2" if bits <= SHORT_BITS else "u4")
    return Windows(narrow, counts, bits, len(raw), zlib.crc32(raw), chosen)


def detokenize(
    tokens: ArrayLike,
    counts: ArrayLike,
    *,
    bits: int = DEFAULT_BITS,
    model: Bytelm | Llm | str | os.PathLike[str] = Bytelm.id,
) -> bytes:
    """Return the text of windows; nothing tells whether they are the right ones.

    Args:
        tokens: The integer of each window.
        counts: How many symbols each has.
        bits: Bits of a window, as given to `tokenize`.
        model: As given to `tokenize`.

    Returns:
        The text; that of a beginning of all windows is the beginning of the text.

    Shapes:
        tokens: integers [n]
        counts: integers [n]

    Raises:
        CorruptError: A window that has no symbol is not part of one.
        ValueError: Arrays or bits are out of range, or the model is not known.
        TypeError: An array does not have integers.

    Example:
        >>> windows = tokenize(b"It was a bright cold day in April.")
        >>> detokenize(windows.tokens[:3], windows.counts[:3])
        b'It was a bright cold day '
    """
    import numpy as np

    _check_bits(bits)
    values = _integers("tokens", tokens, (1 << bits) - 1).astype(np.uint32)
    numbers = _integers("counts", counts, (1 << 16) - 1).astype(np.uint16)
    if len(values) != len(numbers):
        raise ValueError(f"counts must be one for each token: {len(numbers)} of {len(values)}")
    return _find(model).of_windows(values, numbers, bits)


def _integers(name: str, given: ArrayLike, most: int) -> NDArray[np.integer[Any]]:
    import numpy as np

    array = np.ascontiguousarray(given)
    if array.size == 0:
        array = array.astype(np.uint32)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be integers: got {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{name} must have one dimension: got {array.ndim}")
    if array.size and not 0 <= int(array.min()) <= int(array.max()) <= most:
        raise ValueError(f"{name} must be 0 to {most}: got {array.min()} to {array.max()}")
    return array


def _check_bits(bits: int) -> None:
    if not MIN_BITS <= bits <= MAX_BITS:
        raise ValueError(f"bits must be {MIN_BITS} to {MAX_BITS}: got {bits}")


def _recorded(about: About) -> Bytelm | Llm:
    """Return the model that a file names.

    Raises:
        FormatError: Parameters or digests are damaged.
        UnsupportedError: The model is not known.
        WeightsError: Its network or language model is not here.
    """
    from lmcodec.models.llm import Llm

    cls = MODELS.get(about.model, about.version)
    if not issubclass(cls, (Bytelm, Llm)):
        raise UnsupportedError(
            f"windows cannot be of the model {about.model}", id=about.model, version=about.version
        )
    try:
        params = bytes.fromhex(about.params)
        digests = tuple(bytes.fromhex(digest) for digest in about.digests)
    except ValueError as error:
        raise FormatError(f"model of windows is damaged: {error}") from error
    return _alone(cls.from_record(params, digests))


def _alone(model: Bytelm | Llm) -> Bytelm | Llm:
    """Return a model that is not mixed with contexts."""
    return model if isinstance(model, Bytelm) else replace(model, mixed=0)


def _find(model: Bytelm | Llm | str | os.PathLike[str]) -> Bytelm | Llm:
    """Return the model that is named; a language model is never mixed with contexts."""
    if isinstance(model, Bytelm):
        return model
    if model == Bytelm.id:
        return Bytelm()
    from lmcodec.models.llm import Llm

    found: object = model
    if isinstance(model, (str, os.PathLike)):
        if not is_model_path(os.fspath(model)):
            raise ValueError(
                f"model of windows is not known: {model!r}; known are {Bytelm.id!r}, files of "
                "networks, and folders of language models"
            )
        found = model_of_path(os.fspath(model))
    if not isinstance(found, (Bytelm, Llm)):
        raise TypeError(f"model of windows must be Bytelm or Llm: got {model!r}")
    return _alone(found)
