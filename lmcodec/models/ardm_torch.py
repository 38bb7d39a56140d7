"""Networks that fill in items of one shape, run by torch."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, ClassVar

from lmcodec import host
from lmcodec.errors import FormatError
from lmcodec.fitted import ARDM_SHELF, FittedArdm
from lmcodec.models._pictures import MAX_GROUP, bytes_of
from lmcodec.models.ardm import (
    ArdmModel,
    best_steps,
    check_asked,
    check_calls,
    check_shape,
    required,
    steps_of,
)
from lmcodec.models.base import MODELS, Model, Shape
from lmcodec.packing import unpack_fields

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Self

    from lmcodec.ardm.groups import Groups
    from lmcodec.ardm.host import HostNetwork
    from lmcodec.models.base import AnyShape, Symbols

# Bytes in memory for each symbol of a group: states, and intervals of each stage; what layers take
# at most, with the distributions that they make.
_STATE_BYTES, _INTERVAL_BYTES, _LAYER_BYTES = 8, 8, 3 << 27


@MODELS.register(id="ardm_torch", version=1)
@dataclass(frozen=True)
class ArdmTorch(Model):
    """Codes samples as `ardm` does, by torch: for accelerators, and for one machine only.

    The network is the same, in floats: its weights times their scales, and nothing in between is
    rounded. The samples of a group go in step: each call serves all of them. What torch computes
    depends on device, library and threads. All of these are in the stream: it is decoded after
    encoding and compared, and refused where anything differs. `lmcodec convert` makes it portable.

    Args:
        group: Samples that are decoded together, 1 to 65536. With more, accelerators are faster;
            each group costs about 10 bytes.
        steps: How many positions each call serves, as `pack_steps` packs them. Empty to have them
            chosen when it is fitted.
        fingerprint: What results depend on, as JSON.
        calls: How many calls a sample may take, where steps are to be chosen; 0 for a tenth of the
            positions.
        network: What was trained, or None.
    """

    host_bound: ClassVar[bool] = True
    # Training needs an extra.
    external: ClassVar[bool] = True
    needs_shape = (Shape,)
    fits_once: ClassVar[bool] = True
    block_bytes: ClassVar[int | None] = ArdmModel.block_bytes
    weights: ClassVar[tuple[str, ...]] = ("ardm",)

    group: int = 1024
    steps: bytes = b""
    fingerprint: str = "{}"
    calls: int = field(default=0, metadata={"packed": False}, kw_only=True)
    network: FittedArdm | None = field(default=None, metadata={"packed": False}, kw_only=True)

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A parameter is outside of its range, or there is no such number of calls.
        """
        if not 1 <= self.group <= MAX_GROUP:
            raise ValueError(f"group of {self.id} must be 1 to {MAX_GROUP}: got {self.group}")
        check_calls(self.calls, self.network)

    @classmethod
    def of(
        cls,
        name: str | os.PathLike[str],
        *,
        device: str = "auto",
        dtype: str = "float32",
        calls: int | None = None,
        group: int = 1024,
    ) -> Self:
        """Return the model that codes by a network on disk.

        Args:
            name: As of `ArdmModel.of`.
            device: "cpu", "cuda", "mps", or "auto" for an accelerator where there is one.
            dtype: "float32", "float16" or "bfloat16".
            calls: As of `ArdmModel.of`.
            group: Samples that are coded together.

        Raises:
            ModelError: Torch is not installed, or has no such device.
            FormatError: The file is not such a network.
            ValueError: There is no such number of calls, or the group is out of range.
            OSError: It cannot be read.
        """
        check_asked(calls)
        known = host.fingerprint(host.device_name(device), dtype)
        network = ARDM_SHELF.named(name)
        return cls(group, fingerprint=known, calls=calls or 0, network=network)

    @classmethod
    def from_record(cls, params: bytes, digests: tuple[bytes, ...]) -> Self:
        """Build the model that a record describes.

        Raises:
            FormatError: The parameters do not fit, the steps do not cover all positions once, or
                not one network is named.
            WeightsError: The network is not here.
            NotReproducibleError: The stream was written elsewhere.
        """
        model = unpack_fields(cls, params)
        if len(digests) != 1:
            raise FormatError(f"{cls.id} needs one network: {len(digests)} are named")
        if not model.steps:
            raise FormatError(f"parameters of {cls.id} are refused: no steps")
        model = replace(model, network=ARDM_SHELF.by_digest(digests[0]))
        # Unpacked now, so that what is wrong is found before any work.
        _ = model._steps
        here = host.fingerprint(host.device_name(model._known("device")), model._known("dtype"))
        host.check_fingerprint(model.fingerprint, here)
        return model

    def shaped(self, shape: AnyShape) -> Self:
        """Return the model, which must be of samples of that length.

        Raises:
            ModelError: It is of other samples.
        """
        if isinstance(shape, Shape) and self.network is not None:
            check_shape(shape, self.network)
        return self

    def fit(self, symbols: Symbols) -> Self:
        """Return the model with the steps of as many calls as it may take, if it has none.

        Raises:
            ModelError: There is no network.
        """
        del symbols
        if self.steps:
            return self
        return replace(self, steps=best_steps(required(self.network), self.calls))

    def portable(self) -> ArdmModel:
        """Return `ardm` with the same network and steps."""
        return ArdmModel(steps=self.steps, calls=self.calls, network=self.network)

    def encode(self, symbols: Symbols) -> bytes:
        """Code bytes.

        Raises:
            ModelError: The symbols are not bytes, there is no network, or there are no steps.
            ValueError: The steps do not cover all positions once.
        """
        data, steps, network = bytes_of(symbols, self.id), self._steps, self._host()

        def code(numbers: NDArray[np.uint8], before: int) -> bytes:
            return network.encode(numbers, before, steps)

        return self._groups().encode(data, code)

    def decode(self, payload: bytes, count: int) -> bytes:
        """Undo `encode`.

        Raises:
            NotReproducibleError: Something else is computed here than when encoding.
        """
        return self._groups().decode(payload, count, self._decode_group)

    def decode_samples(self, payload: bytes, count: int, first: int, last: int) -> bytes:
        """Return some samples; only the groups that hold them are decoded."""
        return self._groups().decode_samples(payload, count, first, last, self._decode_group)

    def memory_bytes(self, count: int) -> int:
        """Return the memory of symbols, of a group, and of weights in integers and in float32."""
        if self.network is None:
            return 2 * count
        group = min(count, self.group * self.network.size)
        weights = self.network.memory_bytes + 4 * self.network.file_bytes
        each = _STATE_BYTES + _INTERVAL_BYTES * self.network.core.stages
        return 2 * count + each * group + _LAYER_BYTES + weights

    def digests(self) -> tuple[bytes, ...]:
        """Return the SHA-256 of the network, if there is one."""
        return () if self.network is None else (self.network.digest,)

    def _decode_group(self, coded: memoryview, samples: int, before: int) -> NDArray[np.uint8]:
        return self._host().decode(coded, samples, before, self._steps)

    def _groups(self) -> Groups:
        from lmcodec.ardm.groups import Groups

        network = required(self.network)
        return Groups(network.tensor("symbols", "U8"), network.size, self.group)

    def _host(self) -> HostNetwork:
        return _load(required(self.network), self._known("device"), self._known("dtype"))

    @cached_property
    def _steps(self) -> list[int]:
        return steps_of(self.steps, required(self.network))

    def _known(self, name: str) -> str:
        return host.known(self.fingerprint, name)


@lru_cache(maxsize=1)
def _load(network: FittedArdm, device: str, dtype: str) -> HostNetwork:
    from lmcodec.ardm.host import HostNetwork

    return HostNetwork(network, device, dtype)
