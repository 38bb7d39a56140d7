"""Networks that fill in items of one shape, in any order and many positions at a time."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, ClassVar

from lmcodec.errors import FormatError, ModelError
from lmcodec.fitted import ARDM_SHELF, FittedArdm
from lmcodec.models._pictures import OfSamples, bytes_of, completed, unpacked
from lmcodec.models.base import MODELS, Shape
from lmcodec.packing import Cursor, pack_varint

if TYPE_CHECKING:
    from typing_extensions import Self

    from lmcodec.models.base import AnyShape, Symbols

# Where no number of calls is asked for: so many positions a call, on average.
_POSITIONS_A_CALL = 10


@MODELS.register(id="ardm", version=1)
@dataclass(frozen=True)
class ArdmModel(OfSamples):
    """Codes samples by a network that was trained to fill in what is unknown of one.

    The network says of all unknown positions at once how likely each value is. A call may serve one
    of them or many: few calls are fast, many are small, and the list of steps in the stream says
    how many positions each one serves. Samples are coded by themselves, so that any of them can be
    decoded alone. Networks are trained by `lmcodec train --model ardm`, which needs the extra `lm`;
    coding needs nothing. Samples with symbols that are not of the network's alphabet are coded
    apart.

    Pictures can be coded with the contexts of pixels of `cm` beside the network, pixel by pixel,
    which is smallest, and slowest: what is decoded is then the whole block. A prior of pictures
    serves the contexts.

    Source: E. Hoogeboom, A. Gritsenko, J. Bastings, B. Poole, R. van den Berg, T. Salimans,
    Autoregressive Diffusion Models (ICLR 2022). The network is another one, which runs only where
    symbols are coded.

    Args:
        group: Samples that are decoded together, 1 to 65536. With fewer, one is found sooner; each
            group costs about 6 bytes.
        kind: What pictures are coded with beside the network: 4 or 5, as of `cm`, or 0 for
            nothing. There is a call for each pixel then.
        record: Bytes of a row of a picture.
        row: Rows of a picture.
        steps: How many positions each call serves, as `pack_steps` packs them. Empty to have them
            chosen when it is fitted. Without meaning where there are contexts beside.
        calls: How many calls a sample may take, where steps are to be chosen; 0 for a tenth of the
            positions.
        network: What was trained, or None.
        prior: Pictures that are coded first where there are contexts, or None.
        mixed: Whether pictures are to be coded with contexts beside, as soon as their shape is
            known.
        is_copied: Whether streams have a copy of the network in any case.
    """

    weights: ClassVar[tuple[str, ...]] = ("ardm", "prior")

    steps: bytes = b""
    calls: int = field(default=0, metadata={"packed": False}, kw_only=True)
    network: FittedArdm | None = field(default=None, metadata={"packed": False}, kw_only=True)

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A parameter is outside of its range, or there is no such number of calls.
        """
        super().__post_init__()
        check_calls(self.calls, self.network)

    @classmethod
    def of(
        cls,
        name: str | os.PathLike[str],
        *,
        calls: int | None = None,
        group: int = 128,
        mixed: bool = False,
    ) -> Self:
        """Return the model that codes by a network on disk.

        Args:
            name: The file, or its name without a suffix in a folder of `LMCODEC_MODEL_PATH`.
            calls: How many calls a sample may take: at least one for each stage of the network, at
                most one for each position and stage. None for a tenth of the most.
            group: Samples that are decoded together.
            mixed: Whether pictures are coded with contexts beside, a call for each pixel.

        Raises:
            FormatError: The file is not such a network.
            ValueError: There is no such number of calls, or calls are given with contexts.
            OSError: It cannot be read.
        """
        check_asked(calls)
        if mixed and calls is not None:
            raise ValueError("calls of ardm beside contexts are one for each pixel")
        return cls(group, calls=calls or 0, network=ARDM_SHELF.named(name), mixed=mixed)

    def shaped(self, shape: AnyShape) -> Self:
        """Return the model, which must be of samples of that length.

        Raises:
            ModelError: It is of other samples.
        """
        if not isinstance(shape, Shape) or self.network is None:
            return self
        check_shape(shape, self.network)
        model = self.beside_contexts(shape)
        if model.kind and self.network.core.stages > 1:
            raise ModelError("network of ardm must be of one stage to have contexts beside")
        return model

    def fit(self, symbols: Symbols) -> Self:
        """Return the model with the steps of as many calls as it may take, if it has none.

        Raises:
            ModelError: There is no network.
        """
        del symbols
        if self.steps or self.kind:
            return self
        return replace(self, steps=best_steps(self._network(), self.calls))

    def encode(self, symbols: Symbols) -> bytes:
        """Code bytes.

        Raises:
            ModelError: The symbols are not bytes, there is no network, or there are no steps.
            ValueError: The steps do not cover all positions once.
        """
        network, data = self._network(), bytes_of(symbols, self.id)
        if self.kind:
            return network.core.encode_mixed(data, *self._beside())
        return network.core.encode(data, self._steps, self.group)

    def decode(self, payload: bytes, count: int) -> bytes:
        """Undo `encode`."""
        network = self._network()
        if self.kind:
            return network.core.decode_mixed(payload, count, *self._beside())
        return network.core.decode(payload, count, self._steps, self.group)

    def decode_samples(self, payload: bytes, count: int, first: int, last: int) -> bytes | None:
        """Return some samples; only the groups that hold them are decoded.

        None where there are contexts beside the network, which learn from all samples before.
        """
        if self.kind:
            return None
        network, steps = self._network(), self._steps
        return network.core.decode_samples(payload, count, (first, last), steps, self.group)

    def fitted(self) -> tuple[bytes, int] | None:
        """Return the SHA-256 of the network, and its memory in bytes, or None."""
        return None if self.network is None else (self.network.digest, self.network.memory_bytes)

    @classmethod
    def from_record(cls, params: bytes, digests: tuple[bytes, ...]) -> Self:
        """Build the model that a record describes.

        Raises:
            FormatError: The parameters do not fit, the steps do not cover all positions once, or
                no network is named.
            WeightsError: The network is not here.
        """
        model = unpacked(cls, params, digests, "network")
        network = ARDM_SHELF.by_digest(digests[0])
        model = completed(replace(model, network=network), digests, "network", network.size)
        if bool(model.steps) == bool(model.kind):
            raise FormatError("parameters of ardm are refused: steps, or contexts beside")
        if model.kind and network.core.stages > 1:
            raise FormatError("parameters of ardm are refused: contexts beside several stages")
        if model.steps:
            # Unpacked now, so that what is wrong is found before any work.
            _ = model._steps
        return model

    def _network(self) -> FittedArdm:
        return required(self.network)

    @cached_property
    def _steps(self) -> list[int]:
        return steps_of(self.steps, self._network())


def required(network: FittedArdm | None) -> FittedArdm:
    """Return a network that must be there.

    Raises:
        ModelError: It is not.
    """
    if network is None:
        raise ModelError(
            "ardm has no network",
            hint="train one with lmcodec train --model ardm, and give its file with --model",
        )
    return network


def check_asked(calls: int | None) -> None:
    """Check a number of calls that a caller asks for, or None.

    Raises:
        ValueError: It is below 1.
    """
    if calls is not None and calls < 1:
        raise ValueError(f"calls must be at least 1: got {calls}")


def check_calls(calls: int, network: FittedArdm | None) -> None:
    """Check a number of calls, 0 where none is asked for.

    Raises:
        ValueError: It is negative, or not one of the network.
    """
    if calls < 0:
        raise ValueError(f"calls of ardm must not be negative: got {calls}")
    if calls and network is not None:
        from lmcodec.ardm import schedule

        schedule.check_calls(calls, network.core.stages, network.size)


def check_shape(shape: Shape, network: FittedArdm) -> None:
    """Check that samples are as long as those of a network.

    Raises:
        ModelError: They are not.
    """
    if network.size != shape.sample:
        raise ModelError(
            f"network of ardm is of samples of {network.size} symbols: these have {shape.sample}"
        )


def best_steps(network: FittedArdm, calls: int) -> bytes:
    """Return the packed steps with which so many calls take the least bits.

    Args:
        network: The network.
        calls: How many; 0 for a tenth of the positions.

    Raises:
        FormatError: The file of the network does not say what positions take.
    """
    from lmcodec.ardm.costs import costs_of
    from lmcodec.ardm.schedule import steps_for

    stages = network.core.stages
    calls = calls or max(stages, stages * network.size // _POSITIONS_A_CALL)
    return pack_steps(steps_for(costs_of(network).falling(), calls))


def steps_of(packed: bytes, network: FittedArdm) -> list[int]:
    """Return the steps of a model of a network.

    Raises:
        ModelError: There are none.
        FormatError: They do not cover all positions of each stage once.
    """
    if not packed:
        raise ModelError("ardm has no steps", hint="encode with the model that fit returns")
    return unpack_steps(packed, network.core.stages, network.size)


def pack_steps(steps: tuple[int, ...]) -> bytes:
    """Pack steps: those that are equal and next to each other as one number, and how many.

    Args:
        steps: How many positions each call serves.
    """
    runs = [(step, len(list(run))) for step, run in groupby(steps)]
    return b"".join(pack_varint(step) + pack_varint(many) for step, many in runs)


def unpack_steps(packed: bytes, stages: int, size: int) -> list[int]:
    """Undo `pack_steps`.

    Args:
        packed: What it returned.
        stages: How often each position is refined.
        size: Positions.

    Raises:
        FormatError: The steps do not cover all positions of each stage once.
    """
    wrong = f"steps of ardm do not cover {size} positions {stages} times"
    cursor = Cursor(packed, complete=True)
    steps: list[int] = []
    total = 0
    while cursor.remaining:
        step, many = cursor.varint("steps of ardm"), cursor.varint("steps of ardm")
        total += step * many
        if not step or not many or total > stages * size:
            raise FormatError(wrong)
        steps += [step] * many
    place = 0
    for step in steps:
        place += step
        if place > size:
            raise FormatError(wrong)
        place %= size
    if total != stages * size:
        raise FormatError(wrong)
    return steps
