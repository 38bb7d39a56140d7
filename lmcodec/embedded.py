"""Copies of weights in a frame, for streams that need nothing else.

They are priors, circuits and networks of `ardm`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from lmcodec import fitted
from lmcodec.errors import CorruptError, FormatError, LimitError
from lmcodec.fitted import FittedArdm, FittedCircuit
from lmcodec.header import (
    MAX_WEIGHTS_BYTES,
    MAX_WEIGHTS_RATIO,
    WEIGHTS_CODED,
    WEIGHTS_STORED,
    WeightsRecord,
)
from lmcodec.models.base import MODELS
from lmcodec.prior import MAGIC, SHELF, Prior, is_shipped
from lmcodec.shelf import Shelf, sha256

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from lmcodec.models.base import Model

Embeddable: TypeAlias = Prior | FittedCircuit | FittedArdm

# Small, fast and always there; a prior has next to no text in it for a better one to gain from.
_CODER = "bwt", 1


def can_embed(model: Model) -> bool:
    """Return whether frames may have a copy of what a model starts from, or is.

    What is of the package is everywhere: a copy would cost megabytes and help nobody.
    """
    digests = model.digests()
    if _shelf(type(model)) is not SHELF:
        return bool(digests)
    return model.can_be_primed() and bool(digests) and not SHELF.is_shipped(digests[0])


def find(id: str, digest: bytes) -> Embeddable:
    """Return what is to be copied for a model that names it.

    Raises:
        WeightsError: It is not here.
    """
    found: Embeddable = _shelf(MODELS.get(id)).by_digest(digest)
    return found


def _shelf(model: type[Model]) -> Shelf[Any]:
    # The first digest is that of which there is a copy.
    first = model.weights[0] if model.weights else ""
    return fitted.SHELVES.get(first, SHELF)


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
            f"{_word(weights)} is too large to be embedded: {weights.file_bytes} of "
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
    coding, copy = WEIGHTS_CODED, MODELS.get(*_CODER)().encode(raw)
    if not len(copy) < len(raw) <= MAX_WEIGHTS_RATIO * len(copy):
        coding, copy = WEIGHTS_STORED, raw
    return WeightsRecord(coding, len(raw), len(copy), weights.digest).pack() + copy


def _word(weights: Embeddable) -> str:
    shelf = SHELF if isinstance(weights, Prior) else fitted.SHELVES[weights.kind]
    return shelf.word


def memory_bytes(record: WeightsRecord) -> int:
    """Return about how much memory decoding a copy needs."""
    coded = record.coding == WEIGHTS_CODED
    decoder = MODELS.get(*_CODER)().memory_bytes(record.raw_size) if coded else 0
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
    if record.coding == WEIGHTS_CODED:
        try:
            data = bytes(MODELS.get(*_CODER)().decode(data, record.raw_size))
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
        return Prior(data) if data.startswith(MAGIC) else fitted.of_bytes(data, left)
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
