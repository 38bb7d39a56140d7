"""Circuits over samples of one shape."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar

from lmcodec.errors import ModelError
from lmcodec.fitted import SHELF, FittedCircuit, by_digest
from lmcodec.models._pictures import OfSamples, bytes_of, completed, unpacked
from lmcodec.models.base import MODELS, Shape

if TYPE_CHECKING:
    from typing_extensions import Self

    from lmcodec.models.base import AnyShape, Symbols


@MODELS.register(id="circuit", version=1)
@dataclass(frozen=True)
class CircuitModel(OfSamples):
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

    states: int = field(default=32, metadata={"packed": False})
    shape: Shape | None = field(default=None, metadata={"packed": False}, kw_only=True)
    circuit: FittedCircuit | None = field(default=None, metadata={"packed": False}, kw_only=True)

    @classmethod
    def of(cls, name: str | os.PathLike[str], *, group: int = 128, mixed: bool = False) -> Self:
        """Return the model that codes by a circuit on disk.

        Args:
            name: Its file, or the name of one in a folder of `LMCODEC_MODEL_PATH`.
            group: Samples that are decoded together.
            mixed: Whether pictures are coded with contexts beside.

        Raises:
            FormatError: The file is not a circuit.
            OSError: It cannot be read.
        """
        return cls(group, circuit=SHELF.named(name), mixed=mixed)

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
        return model.beside_contexts(shape)

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

        circuit = fit(bytes_of(symbols, self.id), self.shape.axes, self.states)
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
            return circuit.core_by_number.encode_mixed(bytes_of(symbols, self.id), *self._beside())
        return circuit.core.encode(bytes_of(symbols, self.id), self.group)

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

    def fitted(self) -> tuple[bytes, int] | None:
        """Return the SHA-256 of the circuit, and its memory in bytes, or None."""
        return None if self.circuit is None else (self.circuit.digest, self.circuit.memory_bytes)

    @classmethod
    def from_record(cls, params: bytes, digests: tuple[bytes, ...]) -> Self:
        """Build the model that a record describes.

        Raises:
            FormatError: The parameters do not fit, or no circuit is named.
            WeightsError: The circuit is not here.
        """
        model = unpacked(cls, params, digests, "circuit")
        circuit = by_digest(digests[0])
        model = replace(model, circuit=circuit)
        return completed(model, digests, "circuit", circuit.variables)

    def _circuit(self) -> FittedCircuit:
        if self.circuit is None:
            raise ModelError(
                "circuit has not been fitted", hint="encode with the model that fit returns"
            )
        return self.circuit
