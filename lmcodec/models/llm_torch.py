"""A causal language model over tokens, run by torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lmcodec import host
from lmcodec.lm.host import HostModel, Plan, fingerprint
from lmcodec.models.base import MODELS
from lmcodec.models.llm import Llm, TokenModel

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Self

    from lmcodec.lm.model import LanguageModel


@MODELS.register(id="llm_torch", version=1)
@dataclass(frozen=True)
class LlmTorch(TokenModel):
    """Predicts each token as `llm` does, by torch: for accelerators, and for one machine only.

    What torch computes depends on device, library and threads. All of these are in the stream: it
    is decoded after encoding and compared, and refused where anything differs. `lmcodec convert`
    makes it portable.

    Args:
        fingerprint: What results depend on, as JSON.
    """

    host_bound: ClassVar[bool] = True

    fingerprint: str = "{}"

    @classmethod
    def of(
        cls,
        path: str | os.PathLike[str] | LanguageModel,
        *,
        device: str = "auto",
        dtype: str = "float32",
        **parameters: Any,
    ) -> Self:
        """Return the model that codes by a language model on disk.

        Args:
            path: A Hugging Face folder, or what was loaded from one.
            device: "cpu", "cuda", "mps", or "auto" for an accelerator where there is one.
            dtype: "float32", "float16" or "bfloat16".
            parameters: Those of the class that are not to be as suits the language model.

        Raises:
            ModelError: Torch or transformers are not installed, or torch has no such device.
            FormatError: A file is damaged.
            UnsupportedError: The language model is of a family that is not known here.
            WeightsError: A part of it is missing.
            ValueError: A parameter is out of range.
            OSError: A file cannot be read.
        """
        model = super().of(path, **parameters)
        known = fingerprint(host.device_name(device), dtype, model.lanes)
        return replace(model, fingerprint=known)

    @classmethod
    def from_record(cls, params: bytes, digests: tuple[bytes, ...]) -> Self:
        """Build the model that a record describes.

        Raises:
            FormatError: The parameters do not fit.
            WeightsError: The language model is not here.
            NotReproducibleError: The stream was written elsewhere.
        """
        model = super().from_record(params, digests)
        device, dtype = model._known("device"), model._known("dtype")
        here = fingerprint(host.device_name(device), dtype, model.lanes)
        host.check_fingerprint(model.fingerprint, here)
        return model

    def portable(self) -> Llm:
        """Return `llm` with the same language model, window and chunks."""
        return Llm(
            self.window, self.chunk, self.lanes, self.begin, self.level, model=self.language_model()
        )

    def encode_tokens(self, tokens: NDArray[np.uint32]) -> bytes:
        """Code tokens."""
        return self._host().encode(tokens, self._plan())

    def decode_tokens(self, payload: bytes, count: int, size: int) -> NDArray[np.uint32]:
        """Undo `encode_tokens`."""
        del size
        return self._host().decode(payload, count, self._plan())

    def memory_bytes(self, count: int) -> int:
        """Return the memory of weights in float32, of what lanes remember, and of `cm`."""
        known = self.language_model().memory_bytes(self.lanes, self.window)
        return known + self.language_model().file_bytes + super().memory_bytes(count)

    def _host(self) -> HostModel:
        return _load(self.language_model().path, self._known("device"), self._known("dtype"))

    def _plan(self) -> Plan:
        begin = None if self.begin < 0 else self.begin
        return Plan(begin, self.window, self.chunk, self.lanes)

    def _known(self, name: str) -> str:
        return host.known(self.fingerprint, name)


@lru_cache(maxsize=1)
def _load(path: Path, device: str, dtype: str) -> HostModel:
    return HostModel(path, device, dtype)
