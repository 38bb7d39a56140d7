"""What models of samples have in common that may stand beside the contexts of pixels of `cm`."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, TypeVar

from lmcodec import _core
from lmcodec.errors import FormatError, ModelError
from lmcodec.models.base import Model, Shape
from lmcodec.models.cm import Cm
from lmcodec.packing import unpack_fields
from lmcodec.prior import Prior
from lmcodec.prior import by_digest as prior_by_digest

if TYPE_CHECKING:
    from typing_extensions import Self

    from lmcodec.models.base import Symbols

MAX_GROUP = 1 << 16
M = TypeVar("M", bound="OfSamples")


@dataclass(frozen=True)
class OfSamples(Model):
    """A model of samples, each coded by itself; of pictures also with contexts beside.

    Args:
        group: Samples that are decoded together, 1 to 65536. With fewer, one is found sooner; each
            group costs about 6 bytes.
        kind: What pictures are coded with beside the model: 4 or 5, as of `cm`, or 0 for nothing.
        record: Bytes of a row of a picture.
        row: Rows of a picture.
        prior: Pictures that are coded first where there are contexts, or None.
        mixed: Whether pictures are to be coded with contexts beside, as soon as their shape is
            known.
        is_copied: Whether streams have a copy of what the model was fitted to in any case.
    """

    # Training needs an extra.
    external: ClassVar[bool] = True
    needs_shape = (Shape,)
    fits_once: ClassVar[bool] = True
    # Groups of samples are worked on side by side.
    block_bytes: ClassVar[int | None] = 1 << 26

    group: int = 128
    kind: int = 0
    record: int = 1
    row: int = 1
    prior: Prior | None = field(default=None, metadata={"packed": False}, kw_only=True)
    mixed: bool = field(default=False, metadata={"packed": False}, kw_only=True)
    is_copied: bool = field(default=False, metadata={"packed": False}, kw_only=True)

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A parameter is outside of its range.
        """
        if not 1 <= self.group <= MAX_GROUP:
            raise ValueError(f"group of {self.id} must be 1 to {MAX_GROUP}: got {self.group}")
        if self.kind and not self._contexts().is_of_pixels():
            raise ValueError(f"kind of {self.id} must be one of pixels: got {self.kind}")

    @abstractmethod
    def fitted(self) -> tuple[bytes, int] | None:
        """Return the SHA-256 of what the model was fitted to, and its memory in bytes, or None."""

    def beside_contexts(self, shape: Shape) -> Self:
        """Return the model with contexts of pixels beside, if that is asked for and they suit."""
        contexts = Cm.for_level(9).shaped(shape)
        if not self.mixed or self.kind or not contexts.is_of_pixels():
            return self
        return replace(self, kind=contexts.kind, record=contexts.record, row=contexts.row)

    def memory_bytes(self, count: int) -> int:
        """Return the memory of what was fitted, of symbols in groups, and of contexts and prior."""
        contexts = self._contexts().memory_bytes(count) if self.kind else 2 * count
        fitted = self.fitted()
        return contexts + (fitted[1] if fitted is not None else 0)

    def can_be_primed(self) -> bool:
        """Return whether there are contexts beside."""
        return bool(self.kind)

    def primed(self, prior: Prior) -> Self:
        """Return the model whose contexts start from a prior, if it is of such pictures."""
        return replace(self, prior=self._contexts().primed(prior).prior) if self.kind else self

    def digests(self) -> tuple[bytes, ...]:
        """Return the SHA-256 of what was fitted, and of the prior if there is one."""
        fitted = self.fitted()
        first = () if fitted is None else (fitted[0],)
        return first if self.prior is None else (*first, self.prior.digest)

    def _contexts(self) -> Cm:
        return Cm(9, self.kind, self.record, self.row, prior=self.prior)

    def _beside(self) -> tuple[int, int, int, _core.Prior | None]:
        table = self.prior.table if self.prior is not None else None
        return self.kind, self.record, self.row, table


def unpacked(cls: type[M], params: bytes, digests: tuple[bytes, ...], what: str) -> M:
    """Return the model of a record, without what it was fitted to.

    Args:
        cls: The class.
        params: Its fields.
        digests: Of what was fitted, and maybe of a prior.
        what: What that is, in messages.

    Raises:
        FormatError: The parameters do not fit, or none or too many are named.
    """
    model = unpack_fields(cls, params)
    if not 1 <= len(digests) <= (2 if model.kind else 1):
        raise FormatError(f"{cls.id} needs one {what}: {len(digests)} are named")
    return model


def completed(model: M, digests: tuple[bytes, ...], what: str, width: int) -> M:
    """Return the model of a record, which has what it was fitted to, with its prior.

    Args:
        model: The model.
        digests: As of `unpacked`.
        what: What was fitted, in messages.
        width: Symbols of a sample.

    Raises:
        FormatError: Pictures are of another size, or the prior of other content.
        WeightsError: The prior is not here.
    """
    refused = f"parameters of {model.id} are refused"
    if model.kind and model.record * model.row != width:
        raise FormatError(
            f"{refused}: pictures of {model.record * model.row} symbols, a {what} of {width}"
        )
    if len(digests) == 1:
        return model
    model = model.primed(prior_by_digest(digests[1]))
    if model.prior is None:
        raise FormatError(f"{refused}: the prior is of other content")
    return model


def bytes_of(symbols: Symbols, id: str) -> bytes:
    """Return symbols, which must be bytes.

    Raises:
        ModelError: They are not.
    """
    if not isinstance(symbols, bytes):
        raise ModelError(f"{id} codes bytes: got {type(symbols).__name__}")
    return symbols
