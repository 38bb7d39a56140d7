"""Circuits over samples of one shape."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from lmcodec import _core
from lmcodec.errors import FormatError, ModelError
from lmcodec.fitted import FittedCircuit, by_digest
from lmcodec.models.base import MODELS, Model, Shape
from lmcodec.models.cm import Cm
from lmcodec.packing import unpack_fields
from lmcodec.prior import Prior
from lmcodec.prior import by_digest as prior_by_digest

if TYPE_CHECKING:
    from typing_extensions import Self

    from lmcodec.models.base import AnyShape, Symbols

_MAX_GROUP = 1 << 16


@MODELS.register(id="circuit", version=1)
@dataclass(frozen=True)
class CircuitModel(Model):
    """Codes samples by a probabilistic circuit: a tree of hidden states, each with a distribution.

    A circuit knows exactly how likely each value of a sample is, given those before it. It is
    fitted to samples, and then fixed: each sample is coded by itself, so that any of them can be
    decoded alone. Where none is given, one is fitted to what is compressed, and a copy of it is in
    the stream; that needs the extra `circuits`, decoding needs nothing. Samples with values that
    the circuit has never seen are coded apart. What is not known to consist of samples is left to
    other models.

    Pictures can be coded with the contexts of pixels of `cm` beside the circuit, which is smaller,
    and slower: what is decoded is then the whole block. A prior of pictures serves the contexts.

    Source: A. Liu, S. Mandt, G. Van den Broeck, Lossless Compression with Probabilistic Circuits
    (ICLR 2022); a walk through the tree takes the place of their scheme, and passes each edge but
    twice.

    Args:
        group: Samples that are decoded together, 1 to 65536. With fewer, one is found sooner; each
            group costs about 6 bytes.
        kind: What pictures are coded with beside the circuit: 4 or 5, as of `cm`, or 0 for
            nothing.
        record: Bytes of a row of a picture.
        row: Rows of a picture.
        states: Hidden states of a node, at most, where a circuit is to be fitted.
        shape: What a sample is like, where a circuit is to be fitted.
        circuit: What was fitted before, or None.
        prior: Pictures that are coded first where there are contexts, or None.
        mixed: Whether pictures are to be coded with contexts beside, as soon as their shape is
            known.
        is_copied: Whether streams have a copy of the circuit in any case.
    """

    weights: ClassVar[tuple[str, ...]] = ("circuit", "prior")
    # Where it is not given, it is fitted, which needs an extra.
    external: ClassVar[bool] = True
    needs_shape = Shape
    fits_once: ClassVar[bool] = True
    # One circuit is fitted to all of it, and groups of samples are worked on side by side.
    block_bytes: ClassVar[int | None] = 1 << 26

    group: int = 128
    kind: int = 0
    record: int = 1
    row: int = 1
    states: int = field(default=32, metadata={"packed": False})
    shape: Shape | None = field(default=None, metadata={"packed": False}, kw_only=True)
    circuit: FittedCircuit | None = field(default=None, metadata={"packed": False}, kw_only=True)
    prior: Prior | None = field(default=None, metadata={"packed": False}, kw_only=True)
    mixed: bool = field(default=False, metadata={"packed": False}, kw_only=True)
    is_copied: bool = field(default=False, metadata={"packed": False}, kw_only=True)

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A parameter is outside of its range.
        """
        if not 1 <= self.group <= _MAX_GROUP:
            raise ValueError(f"group of circuit must be 1 to {_MAX_GROUP}: got {self.group}")
        if self.kind and not self._contexts().is_of_pixels():
            raise ValueError(f"kind of circuit must be one of pixels: got {self.kind}")

    @classmethod
    def of(cls, path: str | os.PathLike[str], *, group: int = 128, mixed: bool = False) -> Self:
        """Return the model that codes by a circuit on disk.

        Args:
            path: The file.
            group: Samples that are decoded together.
            mixed: Whether pictures are coded with contexts beside.

        Raises:
            FormatError: The file is not a circuit.
            OSError: It cannot be read.
        """
        return cls(group, circuit=FittedCircuit.load(path), mixed=mixed)

    def shaped(self, shape: AnyShape) -> Self:
        """Return the model, which must be of samples of that length, if it has a circuit.

        Raises:
            ModelError: It is of other samples.
        """
        if not isinstance(shape, Shape):
            return self
        if self.circuit is not None and self.circuit.variables != shape.sample:
            raise ModelError(
                f"circuit is of samples of {self.circuit.variables} symbols: these have "
                f"{shape.sample}"
            )
        model = self if self.circuit is not None else replace(self, shape=shape)
        contexts = Cm.for_level(9).shaped(shape)
        if not self.mixed or self.kind or not contexts.is_of_pixels():
            return model
        return replace(model, kind=contexts.kind, record=contexts.record, row=contexts.row)

    def fit(self, symbols: Symbols) -> Self:
        """Return the model with a circuit that was fitted to the symbols, if it has none.

        Raises:
            ModelError: It is not known what a sample is, or the extra `circuits` is not installed.
        """
        if self.circuit is not None:
            return self
        if self.shape is None:
            raise ModelError("circuit needs to know what a sample is", hint="give an array")
        from lmcodec.circuit.embed import fit

        circuit = fit(_bytes(symbols), self.shape.axes, self.states)
        if circuit is None:
            raise ModelError(f"circuit needs a whole sample: {self.shape.sample} symbols")
        return replace(self, circuit=circuit, is_copied=True)

    def encode(self, symbols: Symbols) -> bytes:
        """Code bytes.

        Raises:
            ModelError: The symbols are not bytes, or there is no circuit.
        """
        circuit = self._circuit()
        if self.kind:
            return circuit.core_by_number.encode_mixed(_bytes(symbols), *self._beside())
        return circuit.core.encode(_bytes(symbols), self.group)

    def decode(self, payload: bytes, count: int) -> bytes:
        """Undo `encode`."""
        circuit = self._circuit()
        if self.kind:
            return circuit.core_by_number.decode_mixed(payload, count, *self._beside())
        return circuit.core.decode(payload, count, self.group)

    def decode_samples(self, payload: bytes, count: int, first: int, last: int) -> bytes | None:
        """Return some samples; only the groups that hold them are decoded.

        None where there are contexts beside the circuit, which learn from all samples before.
        """
        if self.kind:
            return None
        return self._circuit().core.decode_samples(payload, count, (first, last), self.group)

    def memory_bytes(self, count: int) -> int:
        """Return the memory of the circuit, of symbols in groups, and of contexts and prior."""
        contexts = self._contexts().memory_bytes(count) if self.kind else count
        return contexts + (self.circuit.memory_bytes if self.circuit is not None else 0)

    def can_be_primed(self) -> bool:
        """Return whether there are contexts beside."""
        return bool(self.kind)

    def primed(self, prior: Prior) -> Self:
        """Return the model whose contexts start from a prior, if it is of such pictures."""
        return replace(self, prior=self._contexts().primed(prior).prior) if self.kind else self

    def digests(self) -> tuple[bytes, ...]:
        """Return the SHA-256 of the circuit, and of the prior if there is one."""
        known = (self.circuit, self.prior)
        return tuple(part.digest for part in known if part is not None)

    @classmethod
    def from_record(cls, params: bytes, digests: tuple[bytes, ...]) -> Self:
        """Build the model that a record describes.

        Raises:
            FormatError: The parameters do not fit, or no circuit is named.
            WeightsError: The circuit is not here.
        """
        model = unpack_fields(cls, params)
        if not 1 <= len(digests) <= (2 if model.kind else 1):
            raise FormatError(f"circuit needs one circuit: {len(digests)} are named")
        circuit = by_digest(digests[0])
        if model.kind and model.record * model.row != circuit.variables:
            raise FormatError(
                f"parameters of circuit are refused: pictures of {model.record * model.row} "
                f"symbols, a circuit of {circuit.variables}"
            )
        model = replace(model, circuit=circuit)
        if len(digests) == 1:
            return model
        model = model.primed(prior_by_digest(digests[1]))
        if model.prior is None:
            raise FormatError("parameters of circuit are refused: the prior is of other content")
        return model

    def _contexts(self) -> Cm:
        return Cm(9, self.kind, self.record, self.row, prior=self.prior)

    def _beside(self) -> tuple[int, int, int, _core.Prior | None]:
        table = self.prior.table if self.prior is not None else None
        return self.kind, self.record, self.row, table

    def _circuit(self) -> FittedCircuit:
        if self.circuit is None:
            raise ModelError(
                "circuit has not been fitted", hint="encode with the model that fit returns"
            )
        return self.circuit


def _bytes(symbols: Symbols) -> bytes:
    if not isinstance(symbols, bytes):
        raise ModelError(f"circuit codes bytes: got {type(symbols).__name__}")
    return symbols
