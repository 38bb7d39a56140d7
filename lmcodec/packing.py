"""Integers, blobs and dataclass fields as bytes: the alphabet in which the container is written.

Integers are unsigned LEB128 varints of at most ten bytes, in their shortest form, or fixed-width
little-endian. The fields of a model are packed in their order, without names; fields at the end
that hold their default are left out.
"""

from __future__ import annotations

import dataclasses
import zlib
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints

from lmcodec.errors import CorruptError, FormatError, TruncatedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Buffer

T = TypeVar("T")

MAX_U64 = (1 << 64) - 1
# ceil(64 / 7): the longest varint of a 64-bit number.
MAX_VARINT_BYTES = 10


def pack_varint(value: int) -> bytes:
    """Pack an unsigned number, seven bits a byte, the lowest first.

    Args:
        value: From 0 to 2**64 - 1.

    Returns:
        One to ten bytes.

    Raises:
        ValueError: The number does not fit.
    """
    if not 0 <= value <= MAX_U64:
        raise ValueError(f"a varint holds 0 to 2**64 - 1: got {value}")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def pack_blob(data: bytes) -> bytes:
    """Pack bytes behind their length."""
    return pack_varint(len(data)) + data


def pack_u32(value: int) -> bytes:
    """Pack a number below 2**32 into four bytes, little-endian."""
    return value.to_bytes(4, "little")


def seal(data: bytes) -> bytes:
    """Append the CRC-32 that `Cursor.check_seal` reads."""
    return data + pack_u32(zlib.crc32(data))


def zigzag(value: int) -> int:
    """Map 0, -1, 1, -2, ... to 0, 1, 2, 3, ..."""
    return value * 2 if value >= 0 else -value * 2 - 1


def unzigzag(value: int) -> int:
    """Undo `zigzag`."""
    return value >> 1 if value & 1 == 0 else -(value >> 1) - 1


class Cursor:
    """Reads packed fields from a buffer, and knows where it is.

    Args:
        data: The buffer.
        base: Offset in the stream of the first byte of `data`; only for messages.
        complete: True where no bytes can follow, as in a header whose checksum was right: then
            running out of bytes means that the header contradicts itself.
    """

    __slots__ = ("base", "complete", "data", "position")

    def __init__(self, data: Buffer, *, base: int = 0, complete: bool = False) -> None:
        self.data = memoryview(data)
        self.position = 0
        self.base = base
        self.complete = complete

    @property
    def offset(self) -> int:
        """Offset of the next byte in the stream."""
        return self.base + self.position

    @property
    def remaining(self) -> int:
        """Number of bytes not yet read."""
        return len(self.data) - self.position

    def peek(self, size: int) -> bytes:
        """Return up to `size` of the next bytes without reading them."""
        return bytes(self.data[self.position : self.position + size])

    def take(self, size: int, what: str) -> memoryview:
        """Read `size` bytes.

        Raises:
            TruncatedError: Fewer are there; `missing` says how many are.
            CorruptError: Fewer are there, and none can follow.
        """
        missing = size - self.remaining
        if missing > 0:
            message = f"{what} ends early: {missing} bytes are missing"
            if self.complete:
                raise CorruptError(message, offset=self.offset)
            raise TruncatedError(message, missing=missing, offset=self.offset)
        self.position += size
        return self.data[self.position - size : self.position]

    def u8(self, what: str) -> int:
        """Read one byte."""
        return self.take(1, what)[0]

    def u32(self, what: str) -> int:
        """Read four bytes, little-endian."""
        return int.from_bytes(self.take(4, what), "little")

    def u64(self, what: str) -> int:
        """Read eight bytes, little-endian."""
        return int.from_bytes(self.take(8, what), "little")

    def varint(self, what: str) -> int:
        """Read a varint.

        Raises:
            FormatError: It is longer than it need be, or its value exceeds 64 bits.
        """
        start = self.offset
        value = 0
        for index in range(MAX_VARINT_BYTES):
            byte = self.u8(what)
            value |= (byte & 0x7F) << (7 * index)
            if byte < 0x80:
                if (byte == 0 and index > 0) or value > MAX_U64:
                    break
                return value
        raise FormatError(f"{what} is not a varint in its shortest form", offset=start)

    def blob(self, what: str) -> bytes:
        """Read bytes behind their length."""
        return bytes(self.take(self.varint(what), what))

    def check_seal(self, start: int, what: str) -> None:
        """Read a CRC-32 of everything since the position `start`.

        Raises:
            CorruptError: It differs.
        """
        computed = zlib.crc32(self.data[start : self.position])
        stored = self.u32(f"checksum of the {what}")
        if stored != computed:
            raise CorruptError(
                f"checksum of the {what} differs: {stored:#010x} in the stream, "
                f"{computed:#010x} here",
                expected=stored,
                got=computed,
                offset=self.base + start,
            )

    def end(self, what: str) -> None:
        """Check that every byte was read.

        Raises:
            FormatError: Some were not.
        """
        if self.remaining:
            raise FormatError(f"{what} has {self.remaining} bytes too many", offset=self.offset)


def _pack_int(value: Any) -> bytes:
    return pack_varint(zigzag(int(value)))


def _unpack_bool(cursor: Cursor, what: str) -> bool:
    value = cursor.u8(what)
    if value > 1:
        raise FormatError(f"{what} must be 0 or 1: got {value}", offset=cursor.offset - 1)
    return value == 1


def _unpack_str(cursor: Cursor, what: str) -> str:
    try:
        return cursor.blob(what).decode()
    except UnicodeDecodeError as error:
        raise FormatError(f"{what} is not UTF-8", offset=cursor.offset) from error


_PACK: dict[Any, Callable[[Any], bytes]] = {
    bool: lambda value: b"\1" if value else b"\0",
    int: _pack_int,
    bytes: pack_blob,
    str: lambda value: pack_blob(value.encode()),
}
_UNPACK: dict[Any, Callable[[Cursor, str], Any]] = {
    bool: _unpack_bool,
    int: lambda cursor, what: unzigzag(cursor.varint(what)),
    bytes: Cursor.blob,
    str: _unpack_str,
}


# Finding out the types takes longer than coding a short message.
_FIELDS: dict[type, tuple[tuple[dataclasses.Field[Any], Any], ...]] = {}


def _typed_fields(cls: type) -> tuple[tuple[dataclasses.Field[Any], Any], ...]:
    if cls in _FIELDS:
        return _FIELDS[cls]
    hints = get_type_hints(cls)
    fields = tuple(
        (field, hints[field.name])
        for field in dataclasses.fields(cls)
        if field.init and field.metadata.get("packed", True)
    )
    for field, kind in fields:
        if kind not in _PACK:
            raise TypeError(f"{cls.__name__}.{field.name} must be int, bool, bytes or str: {kind}")
    _FIELDS[cls] = fields
    return fields


def pack_fields(instance: Any) -> bytes:
    """Pack the fields of a dataclass in their order, without defaults at the end.

    Args:
        instance: A dataclass whose fields are `int` (64 bits), `bool`, `bytes` or `str`; those
            whose metadata say ``packed=False`` are left out.

    Returns:
        What `unpack_fields` needs, besides the class, to build it again.

    Raises:
        TypeError: A field has another type.
    """
    fields = list(_typed_fields(type(instance)))
    while fields and getattr(instance, fields[-1][0].name) == fields[-1][0].default:
        fields.pop()
    return b"".join(_PACK[kind](getattr(instance, field.name)) for field, kind in fields)


def unpack_fields(cls: type[T], params: bytes) -> T:
    """Build a dataclass from what `pack_fields` returned.

    Args:
        cls: The class; fields for which `params` has no bytes take their default.
        params: The packed fields.

    Returns:
        The instance.

    Raises:
        FormatError: The bytes do not fit the fields, or the class refuses the values.
    """
    cursor = Cursor(params, complete=True)
    values: dict[str, Any] = {}
    for field, kind in _typed_fields(cls):
        if not cursor.remaining:
            break
        values[field.name] = _UNPACK[kind](cursor, f"parameter {field.name}")
    cursor.end(f"parameters of {cls.__name__}")
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        raise FormatError(f"parameters of {cls.__name__} are refused: {error}") from error
