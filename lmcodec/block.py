"""One block: bytes to streams, models and payloads, and back."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Literal, TypeAlias

from lmcodec.embedded import copied
from lmcodec.errors import CorruptError, FormatError, LimitError, LmcodecError, ModelError
from lmcodec.header import STORED, BlockHeader, ModelRecord, StreamRecord, TransformRecord
from lmcodec.models.base import MODELS, Model, symbol_width
from lmcodec.progress import Meter
from lmcodec.select import Chosen, candidates, choose, prime, shortest
from lmcodec.transforms.base import TRANSFORMS, Stream, Transform

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typing_extensions import Buffer

    from lmcodec.models.base import Symbols
    from lmcodec.network import Network
    from lmcodec.prior import Prior

# A model that codes every block, or the way in which it is found for each stream.
Choice: TypeAlias = Model | Literal["auto", "stored"]
# A transform for every block, or its class, which finds the parameters of each, or the way in which
# it is found.
Split: TypeAlias = Transform | type[Transform] | Literal["auto", "raw"]

# Called with a number of symbols: the context in which a model codes them.
Followed: TypeAlias = Callable[[int], AbstractContextManager[None]]


@dataclass(frozen=True)
class Plan:
    """How blocks are to be coded.

    Args:
        level: 1 to 9.
        choice: A model for every block, "stored", or "auto".
        verify: Whether to decode each block at once and compare.
        split: A transform for every block, its class, "raw", or "auto": one where it pays, and
            only where the model is found in the same way.
        prior: What models of text start from: "auto" for the prior of the package where it pays.
        embed: Whether frames are to have copies of weights that are not of the package.
        network: What predicts text beside a model: "auto" for that of the package where it pays.
    """

    level: int
    choice: Choice = "auto"
    verify: bool = False
    split: Split = "auto"
    prior: Prior | Literal["auto"] | None = None
    embed: bool = False
    network: Network | Literal["auto"] | None = "auto"


def encode_block(
    raw: bytes, start: int, plan: Plan, meter: Meter | None = None, *, head: bytes = b""
) -> bytes:
    """Code one block.

    Args:
        raw: Its content.
        start: Offset of the content in the frame's content.
        plan: How to code it.
        meter: What follows how far it is.
        head: The beginning of the frame's content, where the block is not there itself.

    Returns:
        Block header and payloads: the same bytes for the same arguments, always.

    Raises:
        ModelError: The model cannot code this content, or does not decode what it encoded.
    """
    transform, streams, pays = _split(raw, plan, start, head)
    coded = _encode_streams(raw, start, plan, transform, streams, meter)
    if not pays:
        plain = _encode_streams(raw, start, plan, None, [Stream("", raw)], None)
        return min(coded, plain, key=len)
    return coded


def _encode_streams(
    raw: bytes,
    start: int,
    plan: Plan,
    transform: Transform | None,
    streams: Sequence[Stream],
    meter: Meter | None,
) -> bytes:
    """Code the streams of a block behind its header."""
    records: list[ModelRecord] = []
    table: list[StreamRecord] = []
    payloads: list[bytes] = []
    sizes = [len(stream.symbols) * symbol_width(stream.symbols) for stream in streams]
    for stream, followed in zip(streams, _follow(meter, sizes), strict=True):
        payload, record = _encode_stream(stream, plan, followed)
        reference = STORED
        if record is not None:
            if record not in records:
                records.append(record)
            reference = records.index(record) + 1
        width = symbol_width(stream.symbols)
        table.append(StreamRecord(stream.name, reference, width, len(stream.symbols), len(payload)))
        payloads.append(payload)
    header = BlockHeader(
        start,
        len(raw),
        zlib.crc32(raw),
        TransformRecord(transform.id, transform.version, transform.params())
        if transform
        else TransformRecord(),
        tuple(records),
        tuple(table),
    )
    # A float runtime that does not repeat itself must be found out while the content is there.
    if plan.verify or any(record.host_bound for record in records):
        _verify(header, b"".join(payloads), raw)
    return b"".join((header.pack(), *payloads))


def decode_block(
    header: BlockHeader,
    payloads: Buffer,
    meter: Meter | None = None,
    *,
    max_memory: int | None = None,
) -> bytes:
    """Undo `encode_block`.

    Args:
        header: The parsed block header.
        payloads: As many bytes as the header announces.
        meter: What follows how far it is.
        max_memory: Bytes that decoding may need, or None for any number.

    Returns:
        The content.

    Raises:
        FormatError: The payloads are damaged.
        UnsupportedError: A model or transform is not known here.
        LimitError: Decoding needs more memory than allowed.
    """
    transform = block_transform(header)
    models = [find_model(record) for record in header.models]
    _check_memory(_memory_bytes(header, models), max_memory)
    symbols: dict[str, Symbols] = {}
    sizes = [record.count * record.width for record in header.streams]
    coded = zip(stream_payloads(header, payloads), _follow(meter, sizes), strict=True)
    for (record, payload), followed in coded:
        model = None if record.model == STORED else models[record.model - 1]
        symbols[record.name] = _decode_stream(record, payload, model, followed)
    raw = transform.inverse(symbols) if transform else bytes(symbols[""])
    computed = zlib.crc32(raw)
    if len(raw) != header.raw_size or computed != header.crc:
        raise CorruptError(
            f"checksum of the content differs: {header.crc:#010x} in the stream, "
            f"{computed:#010x} here, in the block at {header.start}",
            expected=header.crc,
            got=computed,
        )
    return raw


def stream_payloads(header: BlockHeader, payloads: Buffer) -> Iterator[tuple[StreamRecord, bytes]]:
    """Yield the record of each stream of a block, and its payload.

    Args:
        header: The parsed block header.
        payloads: As many bytes as it announces.
    """
    view = memoryview(payloads)
    position = 0
    for record in header.streams:
        yield record, bytes(view[position : position + record.coded_size])
        position += record.coded_size


def decode_stream(header: BlockHeader, record: StreamRecord, payload: bytes) -> Symbols:
    """Return the symbols of one stream of a block.

    Args:
        header: The parsed block header.
        record: That of the stream.
        payload: Its payload.

    Raises:
        FormatError: The payload is damaged.
        UnsupportedError: The model is not known here.
    """
    return _decode_stream(record, payload, stream_model(header, record), lambda _: nullcontext())


def block_transform(header: BlockHeader) -> Transform | None:
    """Return the transform that a block was split by, or None where it was not.

    Raises:
        UnsupportedError: It is not known here.
        FormatError: Its parameters do not fit.
    """
    if not header.transform.id:
        return None
    cls = TRANSFORMS.get(header.transform.id, header.transform.version)
    return cls.from_record(header.transform.params)


def stream_model(header: BlockHeader, record: StreamRecord) -> Model | None:
    """Return the model that coded a stream, or None where it is stored.

    Raises:
        UnsupportedError: The model is not known here.
        FormatError: Its parameters do not fit.
    """
    return None if record.model == STORED else find_model(header.models[record.model - 1])


def find_model(record: ModelRecord) -> Model:
    """Build the model that a record describes.

    Raises:
        UnsupportedError: It is not known here, or decodes only on the machine that encoded.
        FormatError: Its parameters do not fit.
    """
    cls = MODELS.get(record.id, record.version)
    if record.host_bound != cls.host_bound:
        raise FormatError(f"profile of model {record.id} is not the one that is recorded")
    return cls.from_record(record.params, record.digests)


def check_memory(header: BlockHeader, max_memory: int | None) -> None:
    """Check that a block can be decoded, with its content, in some memory.

    Args:
        header: The parsed block header.
        max_memory: Bytes that decoding may need, or None for any number.

    Raises:
        LimitError: It needs more.
        UnsupportedError: A model is not known here.
    """
    if max_memory is not None:
        _check_memory(memory_bytes(header), max_memory)


def memory_bytes(header: BlockHeader) -> int:
    """Return about how much memory decoding a block needs, with its content.

    Raises:
        UnsupportedError: A model is not known here.
    """
    return _memory_bytes(header, [find_model(record) for record in header.models])


def _check_memory(needed: int, max_memory: int | None) -> None:
    if max_memory is not None and needed > max_memory:
        raise LimitError(
            f"block needs too much memory: {needed} of {max_memory} bytes",
            limit=max_memory,
            needed=needed,
            hint=f"pass max_memory={needed} or more",
        )


def _memory_bytes(header: BlockHeader, models: Sequence[Model]) -> int:
    # Streams are decoded one after the other, so the greediest model counts.
    needs = [
        models[stream.model - 1].memory_bytes(stream.count)
        for stream in header.streams
        if stream.model != STORED
    ]
    symbols = sum(stream.count * stream.width for stream in header.streams)
    return max(needs, default=0) + header.payload_size + symbols + header.raw_size


def _verify(header: BlockHeader, payloads: bytes, raw: bytes) -> None:
    ids = ", ".join(f"{record.id}/{record.version}" for record in header.models) or "stored"
    try:
        same = decode_block(header, payloads) == raw
    except LmcodecError as error:
        raise ModelError(f"block does not decode after encoding: {ids}: {error}") from error
    if not same:
        raise ModelError(f"block decodes to other bytes after encoding: {ids}")


def fitted(plan: Plan, raw: bytes) -> Plan:
    """Return the plan for all blocks of a frame; a model that fits once has seen the first.

    Args:
        plan: How to code the frame.
        raw: Its first block.

    Raises:
        ModelError: The model cannot be fitted to it.
    """
    if not isinstance(plan.choice, Model) or not plan.choice.fits_once:
        return plan
    _, streams, _ = _split(raw, plan, 0, b"")
    for stream in streams:
        if stream.shape is not None and _suits(plan.choice, stream):
            model = plan.choice.shaped(stream.shape).fit(stream.symbols)
            return replace(plan, choice=model)
    return plan


def _split(
    raw: bytes, plan: Plan, start: int, head: bytes
) -> tuple[Transform | None, Sequence[Stream], bool]:
    """Apply the first transform that takes this content, gives it back and pays.

    Returns:
        The transform, the streams, and whether it is known that they are better than the block.
    """

    def probe(cls: type[Transform]) -> Transform | None:
        return cls.probe_later(raw, start, head) if start else cls.probe(raw)

    for found, pays in _transforms(raw, plan, probe, start):
        transform = found.fit(raw, start)
        streams = transform.forward(raw)
        total = sum(len(stream.symbols) * symbol_width(stream.symbols) for stream in streams)
        try:
            restored = transform.inverse({stream.name: stream.symbols for stream in streams})
        except LmcodecError:
            continue
        # The bound is the one that the format sets for a decoder's memory.
        if restored == raw and total <= 16 * len(raw) + (1 << 16):
            return transform, streams, pays
    return None, [Stream("", raw)], True


def _transforms(
    raw: bytes, plan: Plan, probe: Callable[[type[Transform]], Transform | None], start: int
) -> Iterator[tuple[Transform, bool]]:
    """Yield the transforms that a block is to be tried with, and whether they are known to pay."""
    if isinstance(plan.split, Transform):
        yield plan.split, True
    elif isinstance(plan.split, type):
        found = probe(plan.split) or plan.split()
        yield shortest(found.for_level(plan.level) or found, raw, plan.level, start)[0], True
    elif plan.split == "auto" and isinstance(plan.choice, Model) and plan.choice.needs_shape:
        needed = plan.choice.needs_shape
        shapes = (cls for cls in TRANSFORMS.list() if cls.finds_shapes in needed)
        yield from ((found, True) for found in map(probe, shapes) if found is not None)
    elif plan.split == "auto" and plan.choice == "auto":
        for cls in TRANSFORMS.list():
            suited = probe(cls)
            suited = suited and suited.for_level(plan.level)
            if suited is not None:
                transform, pays = shortest(suited, raw, plan.level, start)
                if pays is not False:
                    yield transform, bool(pays)


def _suits(model: Model, stream: Stream) -> bool:
    """Return whether a stream has a shape of the kind that a model needs, if it needs one."""
    return not model.needs_shape or isinstance(stream.shape, model.needs_shape)


def _follow(meter: Meter | None, sizes: Sequence[int]) -> Iterator[Followed]:
    """Yield for each stream what its model is to run in, so that its share of the block counts."""
    meter = meter or Meter()
    total = sum(sizes) or 1
    done = 0
    for size in sizes:
        yield partial(meter.stream, done / total, (done + size) / total)
        done += size


def _encode_stream(
    stream: Stream, plan: Plan, followed: Followed
) -> tuple[bytes, ModelRecord | None]:
    """Code one stream, or store it where no model makes it smaller."""
    symbols = stream.symbols
    stored = symbols if isinstance(symbols, bytes) else _to_little_endian(symbols)
    shape = stream.shape
    chosen = Chosen()
    if plan.choice == "stored":
        return stored, None
    if plan.choice == "auto" or not _suits(plan.choice, stream):
        if len(symbols):
            width = symbol_width(symbols)
            models = candidates(plan.level, stream.hint, width, shape)
            chosen = choose(symbols, models, shape)
    else:
        model = plan.choice if shape is None else plan.choice.shaped(shape)
        chosen = Chosen(model.fit(symbols))
    if chosen.model is None:
        return stored, None
    model = prime(chosen.model, symbols, plan.prior, plan.network)
    with followed(len(symbols)):
        payload = chosen.payload if model is chosen.model else None
        if payload is None:
            payload = model.encode(symbols)
    record = ModelRecord(
        model.id,
        model.version,
        model.params(),
        model.host_bound,
        model.digests(),
        copied(model, embed=plan.embed),
    )
    if len(payload) + len(record.pack()) >= len(stored):
        return stored, None
    return payload, record


def _decode_stream(
    record: StreamRecord, payload: bytes, model: Model | None, followed: Followed
) -> Symbols:
    """Decode a stream, or take it as it is where it has no model."""
    if model is None:
        return _from_little_endian(payload, record.width)
    with followed(record.count):
        symbols = model.decode(payload, record.count)
    if len(symbols) != record.count or symbol_width(symbols) != record.width:
        raise CorruptError(
            f"model {model.id} decoded {len(symbols)} symbols of {symbol_width(symbols)} bytes: "
            f"{record.count} of {record.width} were coded",
            expected=record.count,
            got=len(symbols),
        )
    return symbols


def _to_little_endian(symbols: Symbols) -> bytes:
    import numpy as np

    array = np.asarray(symbols)
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def _from_little_endian(payload: bytes, width: int) -> Symbols:
    if width == 1:
        return payload
    import numpy as np

    return np.frombuffer(payload, f"<u{width}").astype(f"u{width}")
