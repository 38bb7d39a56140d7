"""Short messages: no header, no checksum, and where the model can do so no length.

A stream says everything that decoding needs, which costs more than many messages are long. Here
both sides agree on the model outside of the message.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Literal

from lmcodec import network as networks
from lmcodec.errors import CorruptError, LimitError
from lmcodec.models.base import MODELS
from lmcodec.models.bytelm import Bytelm
from lmcodec.models.cm import Cm
from lmcodec.network import Network
from lmcodec.options import find_network
from lmcodec.packing import MAX_U64, Cursor, pack_varint
from lmcodec.prior import Prior, find

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from lmcodec.models.base import Model
    from lmcodec.options import NetworkChoice, PriorChoice

# By its full name: a newer one would not decode older messages.
_PRIOR = "general-1"
_NETWORK = "bytelm-2.1"
# The first byte of a message with a length: 0 where it is stored, 255 where that does not fit.
_STORED = 0
_LONG = 255
# The same where payloads tell where they end, and so begin with other bytes.
_ENDING_STORED = 255
_ENDING_LONG = 254


class MessageCodec:
    r"""Codes short messages with a model that both sides have agreed on.

    Both sides must make it with the same arguments. Decoding with another model gives other bytes,
    or an error: nothing in the message says which model wrote it.

    Args:
        model: The model, or the id of one, which then has its default parameters. "bytelm" is the
            network of the package beside `cm` at level 9, and alone without a prior: a
            fifth smaller than "cm", at some milliseconds a message.
        prior: What text starts from: "auto" for `general-1`, which later releases have too, "none",
            the name or file of a prior, or a prior. With "auto", a model that is not given by its
            id says itself what it starts from.
        network: What predicts text, where the model uses a network: "auto" for that of the
            package, the name or file of a network, or a network; "none" for none.
        length: Bytes of every message where all have the same length. Where models need to be told
            it, it takes no byte then.
        checksum_bytes: How many bytes of a CRC-32 follow each message: 0 to 4.

    Raises:
        UnsupportedError: The model is not known.
        ValueError: An argument is out of range, or the model uses no network.

    Example:
        >>> codec = MessageCodec()
        >>> message = b"Thank you for your message. I will be back on Monday."
        >>> len(message), len(codec.encode(message))
        (53, 13)
        >>> codec.decode(codec.encode(message)) == message
        True
        >>> codec = MessageCodec("order0")
        >>> codec.decode(codec.encode(b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"))
        b'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
        >>> codec.encode(b"short")
        b'\x00short'
    """

    def __init__(
        self,
        model: Model | str = "cm",
        *,
        prior: PriorChoice = "auto",
        network: NetworkChoice = "auto",
        length: int | None = None,
        checksum_bytes: int = 0,
    ) -> None:
        named = isinstance(model, str)
        beside = model == Bytelm.id and prior != "none"
        if isinstance(model, str):
            model = Cm(Cm.NETWORK_LEVEL) if beside else MODELS.get(model)()
        if prior == "auto":
            # A model of the caller's own making says itself what it starts from.
            prior = _PRIOR if named else "none"
        if model.can_be_primed() and prior != "none":
            model = model.primed(prior if isinstance(prior, Prior) else find(prior))
        model = _networked(model, find_network(network), beside)
        if model.width != 1:
            raise ValueError(f"model of messages must be a model of bytes: got {model!r}")
        if not 0 <= checksum_bytes <= 4:
            raise ValueError(f"checksum_bytes must be 0 to 4: got {checksum_bytes}")
        if length is not None and length < 0:
            raise ValueError(f"length must not be negative: got {length}")
        self._model = model
        self._length = length
        self._checksum_bytes = checksum_bytes

    def encode(self, message: Buffer) -> bytes:
        """Code a message.

        Args:
            message: Its bytes.

        Returns:
            At most one byte more than the message, besides the checksum.

        Raises:
            ValueError: The message has not the agreed length.
            ModelError: The model cannot code it.
        """
        raw = bytes(memoryview(message).cast("B"))
        if self._length not in (None, len(raw)):
            raise ValueError(f"message has {len(raw)} bytes: {self._length} were agreed")
        checksum = zlib.crc32(raw).to_bytes(4, "little")[: self._checksum_bytes]
        return self._encode_body(raw) + checksum

    def _encode_body(self, raw: bytes) -> bytes:
        if self._length is not None:
            # Only a coded message is shorter than the agreed length.
            payload = self._model.encode(raw)
            return payload if len(payload) < len(raw) else raw
        if not raw:
            return b""
        ending = self._model.message_symbols()
        if ending:
            stored = _ENDING_STORED
            if len(raw) <= ending:
                coded = self._model.encode_message(raw)
            else:
                coded = bytes((_ENDING_LONG,)) + pack_varint(len(raw) - ending)
                coded += self._model.encode(raw)
        else:
            stored = _STORED
            coded = bytes((min(len(raw), _LONG),))
            if len(raw) >= _LONG:
                coded += pack_varint(len(raw) - _LONG)
            coded += self._model.encode(raw)
        return coded if len(coded) <= len(raw) else bytes((stored,)) + raw

    def decode(self, data: Buffer, *, max_output_size: int | None = 1 << 16) -> bytes:
        """Undo `encode`.

        Args:
            data: What `encode` returned; where it ends must be known from outside.
            max_output_size: Bytes of the message at most, or None for any number.

        Returns:
            The message.

        Raises:
            FormatError: The message is damaged, as far as that can be seen.
            LimitError: The message is longer than allowed.
        """
        cursor = Cursor(data)
        end = cursor.remaining - self._checksum_bytes
        if end < 0:
            raise CorruptError(f"message is shorter than its checksum: {cursor.remaining} bytes")
        body = Cursor(cursor.take(end, "message"))
        raw = self._decode_body(body, max_output_size)
        computed = zlib.crc32(raw).to_bytes(4, "little")[: self._checksum_bytes]
        stored = cursor.peek(self._checksum_bytes)
        if stored != computed:
            raise CorruptError(
                f"checksum of the message differs: {stored.hex()} in it, {computed.hex()} here",
                expected=stored,
                got=computed,
            )
        return raw

    def _decode_body(self, body: Cursor, limit: int | None) -> bytes:
        count, is_coded = self._length, True
        ending = self._model.message_symbols() if count is None else 0
        if ending:
            head = body.peek(1)
            if head and head[0] < _ENDING_LONG:
                raw = self._model.decode_message(bytes(body.take(body.remaining, "message")))
                _check_length(len(raw), limit)
                return raw
            body.take(len(head), "message")
            is_coded = head == bytes((_ENDING_LONG,))
            count = body.remaining
            if is_coded:
                count = body.varint("length of the message") + ending
                if count == ending:
                    raise CorruptError("message with a length is too short to have one")
        elif count is None:
            first = body.u8("message") if body.remaining else _STORED
            is_coded = first != _STORED
            count = first if is_coded else body.remaining
            if first == _LONG:
                count += body.varint("length of the message")
        else:
            is_coded = body.remaining < count
        if count > MAX_U64:
            raise CorruptError(f"length of the message is too large: {count}")
        _check_length(count, limit)
        rest = bytes(body.take(body.remaining, "message"))
        raw = bytes(self._model.decode(rest, count)) if is_coded else rest
        if len(raw) != count:
            raise CorruptError(
                f"message has {len(raw)} bytes: expected {count}", expected=count, got=len(raw)
            )
        return raw


def _check_length(count: int, limit: int | None) -> None:
    if limit is not None and count > limit:
        raise LimitError(
            f"message is too long: {count} bytes, the limit is {limit}",
            limit=limit,
            needed=count,
            hint="pass a larger max_output_size",
        )


def _networked(model: Model, network: Network | Literal["auto"] | None, beside: bool) -> Model:
    """Return the model with the network that both sides agreed on."""
    if network is None and (beside or isinstance(model, Bytelm)):
        raise ValueError("model bytelm needs a network: got none")
    if network == "auto":
        return model.networked(networks.find(_NETWORK)) or model if beside else model
    if network is None:
        return model
    chosen = model.networked(network)
    if chosen is None:
        raise ValueError(f"model uses no network: {model!r}")
    return chosen
