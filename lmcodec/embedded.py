"""Copies of weights in a frame, for streams that need nothing else.

They are priors, networks, circuits and networks of `ardm`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from lmcodec import fitted, network, prior
from lmcodec.errors import CorruptError, FormatError, LimitError
from lmcodec.fitted import FittedArdm, FittedCircuit
from lmcodec.header import (
    MAX_WEIGHTS_BYTES,
    MAX_WEIGHTS_RATIO,
    WEIGHTS_BY_FREQUENCY,
    WEIGHTS_CODED,
    WEIGHTS_STORED,
    ModelRecord,
    WeightsRecord,
)
from lmcodec.models.base import MODELS
from lmcodec.network import Network
from lmcodec.prior import MAGIC, Prior, is_shipped
from lmcodec.shelf import Shelf, sha256

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from lmcodec.models.base import Model

Embeddable: TypeAlias = Prior | Network | FittedCircuit | FittedArdm

SHELVES: dict[str, Shelf[Any]] = {
    "prior": prior.SHELF,
    "network": network.SHELF,
    **fitted.SHELVES,
}
"""Where each kind is, by the word that models have for it in `Model.weights`."""

# Small, fast and always there; a prior has next to no text in it for a better one to gain from.
# In the weights of a network nothing comes again, so that frequencies are enough, and are quicker.
_CODERS = {WEIGHTS_CODED: ("bwt", 1), WEIGHTS_BY_FREQUENCY: ("freqs", 1)}


def copied(model: Model, *, embed: bool) -> tuple[bytes, ...]:
    """Return the digests of that of which frames have a copy for a model.

    What is of the package is everywhere: a copy would cost megabytes and help nobody.

    Args:
        model: The model.
        embed: Whether it is of all that can be embedded, not only of what is known nowhere else.
    """
    digests = model.digests()
    if not embed:
        return digests[:1] if model.is_copied else ()
    kinds = model.kinds(model.params(), digests)
    return tuple(
        digest
        for kind, digest in zip(kinds, digests, strict=False)
        if kind in SHELVES and not SHELVES[kind].is_shipped(digest)
    )


def find(record: ModelRecord, digest: bytes) -> Embeddable:
    """Return what is to be copied for a model that names it.

    Raises:
        WeightsError: It is not here.
    """
    kinds = MODELS.get(record.id, record.version).kinds(record.params, record.digests)
    found: Embeddable = SHELVES[kinds[record.digests.index(digest)]].by_digest(digest)
    return found


def check(weights: Embeddable) -> None:
    """Check that weights can be embedded.

    Raises:
        ValueError: It is a prior on a base that is not everywhere: a frame has one copy.
        LimitError: It is too large.
    """
    if isinstance(weights, Prior) and weights.base is not None and not is_shipped(weights.base):
        raise ValueError(
            f"prior cannot be embedded: its base is not of the package: {weights.base!r}"
        )
    if weights.file_bytes > MAX_WEIGHTS_BYTES:
        raise LimitError(
            f"{SHELVES[weights.kind].word} is too large to be embedded: {weights.file_bytes} of "
            f"{MAX_WEIGHTS_BYTES} bytes",
            limit=MAX_WEIGHTS_BYTES,
            needed=weights.file_bytes,
        )


def pack(weights: Embeddable) -> bytes:
    """Return what precedes a copy, and the copy.

    Raises:
        ValueError: It is a prior on a base that is not everywhere.
        LimitError: It is too large.
    """
    check(weights)
    raw = bytes(weights)
    coding = WEIGHTS_BY_FREQUENCY if isinstance(weights, Network) else WEIGHTS_CODED
    copy = MODELS.get(*_CODERS[coding])().encode(raw)
    if not len(copy) < len(raw) <= MAX_WEIGHTS_RATIO * len(copy):
        coding, copy = WEIGHTS_STORED, raw
    return WeightsRecord(coding, len(raw), len(copy), weights.digest).pack() + copy


def memory_bytes(record: WeightsRecord) -> int:
    """Return about how much memory decoding a copy needs."""
    coder = _CODERS.get(record.coding)
    decoder = MODELS.get(*coder)().memory_bytes(record.raw_size) if coder else 0
    return decoder + record.raw_size + record.coded_size


def unpack(record: WeightsRecord, copy: Buffer, max_memory: int | None = None) -> Embeddable:
    """Return that of which there is a copy. Models find it by its digest while it is in use.

    Args:
        record: What precedes the copy.
        copy: As many bytes as it announces.
        max_memory: Bytes that decoding may need, or None for any number.

    Raises:
        FormatError: The copy is damaged, or is not one of what can be embedded.
        LimitError: Decoding it needs more memory than allowed.
    """
    data = bytes(copy)
    needed = memory_bytes(record)
    if max_memory is not None and needed > max_memory:
        raise LimitError(
            f"embedded weights need too much memory: {needed} of {max_memory} bytes",
            limit=max_memory,
            needed=needed,
            hint=f"pass max_memory={needed} or more",
        )
    if record.coding != WEIGHTS_STORED:
        try:
            data = bytes(MODELS.get(*_CODERS[record.coding])().decode(data, record.raw_size))
        except FormatError as error:
            # Not a truncated one: all of the copy is there.
            raise CorruptError(f"embedded weights are damaged: {error}") from error
    digest = sha256(data)
    if digest != record.digest:
        raise CorruptError(
            f"embedded weights are damaged: their SHA-256 is {digest.hex()}, not "
            f"{record.digest.hex()}",
            expected=record.digest,
            got=digest,
        )
    left = None if max_memory is None else max_memory - len(data)
    try:
        if data.startswith(MAGIC):
            return Prior(data)
        if fitted.format_of(data).startswith(network.FORMAT_PREFIX):
            return _network(data, left)
        return fitted.of_bytes(data, left)
    except LimitError as error:
        raise LimitError(
            f"embedded weights need too much memory: more than {max_memory} bytes",
            limit=max_memory,
            hint="pass a larger max_memory",
        ) from error
    except FormatError as error:
        raise FormatError(
            f"embedded weights are of no kind that is known: {record.digest.hex()}: {error}"
        ) from error


def _network(data: bytes, max_memory: int | None) -> Network:
    # Its weights take as much as its file, beside it.
    needed = len(data)
    if max_memory is not None and needed > max_memory:
        raise LimitError("network needs too much memory", limit=max_memory, needed=needed)
    return Network(data)
