"""What streams are bound to that are coded by torch: the machine that encoded.

Floats of torch depend on the device, its library and the number of threads, so that streams name
all of these, and check words tell where a decoder begins to compute something else.
"""

from __future__ import annotations

import json
import platform
import zlib
from typing import TYPE_CHECKING, Any

from lmcodec.errors import CorruptError, ModelError, NotReproducibleError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Bytes of a check word.
CHECK_BYTES = 2
DEVICES = ("auto", "cpu", "cuda", "mps")
_DTYPES = ("float32", "float16", "bfloat16")


def device_name(device: str) -> str:
    """Return the device that "auto" stands for, or the one that is asked for.

    Raises:
        ModelError: Torch is not installed, or has no such device.
    """
    torch = torch_module()
    if device not in DEVICES:
        raise ModelError(f"device must be one of {', '.join(DEVICES)}: got {device!r}")
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    there = {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available}
    if device in there and not there[device]():
        raise ModelError(f"torch has no such device here: {device}")
    return device


def check_dtype(dtype: str) -> None:
    """Check that torch is to compute with floats of a kind that is known here.

    Raises:
        ModelError: It is not.
    """
    if dtype not in _DTYPES:
        raise ModelError(f"dtype must be one of {', '.join(_DTYPES)}: got {dtype!r}")


def fingerprint(device: str, dtype: str, **more: str | int) -> str:
    """Return what the results of torch depend on, as JSON.

    Args:
        device: "cpu", "cuda" or "mps".
        dtype: "float32", "float16" or "bfloat16".
        more: What else they depend on.
    """
    torch = torch_module()
    known: dict[str, str | int] = {
        **more,
        "device": device,
        "dtype": dtype,
        "machine": platform.machine(),
        "torch": torch.__version__,
    }
    if device == "cuda":
        known["accelerator"] = torch.cuda.get_device_name()
        known["cuda"] = str(torch.version.cuda)
        known["cudnn"] = str(torch.backends.cudnn.version())
    else:
        known["instructions"] = torch.backends.cpu.get_cpu_capability()
        known["threads"] = torch.get_num_threads()
    return json.dumps(known, sort_keys=True)


def known(fingerprint: str, name: str) -> str:
    """Return what a fingerprint says of something.

    Raises:
        CorruptError: It says nothing, or is none.
    """
    try:
        value = json.loads(fingerprint)[name]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CorruptError(f"fingerprint has no {name}: {fingerprint[:100]!r}") from error
    return str(value)


def check_fingerprint(recorded: str, here: str) -> None:
    """Refuse a stream that was written elsewhere.

    Raises:
        NotReproducibleError: Something differs; it says what.
        CorruptError: What is recorded is no fingerprint.
    """
    try:
        there, now = json.loads(recorded), json.loads(here)
    except (ValueError, RecursionError) as error:
        raise CorruptError(f"fingerprint is not well formed: {recorded[:100]!r}") from error
    if not isinstance(there, dict):
        raise CorruptError(f"fingerprint is not well formed: {recorded[:100]!r}")
    differ = [key for key in sorted({*there, *now}) if there.get(key) != now.get(key)]
    if differ:
        words = "; ".join(f"{key} {there.get(key)!r}, here {now.get(key)!r}" for key in differ)
        raise NotReproducibleError(
            f"stream was written by torch elsewhere: {words}",
            hint="decode it where it was written; lmcodec convert makes it portable there",
        )


class Checks:
    """Words of 16 bits over all distributions so far, one after each so many symbols.

    Args:
        every: After how many.
        what: Symbols, in messages.
        recorded: The words of the encoder, or None where there are none yet.

    Attributes:
        words: Those so far.
    """

    def __init__(self, every: int, what: str, recorded: bytes | None = None) -> None:
        self.words = bytearray()
        self._every = every
        self._what = what
        self._recorded = recorded
        self._crc = 0
        self._count = 0

    def add(self, rows: NDArray[np.float32]) -> None:
        """Take the distributions of symbols in.

        Raises:
            NotReproducibleError: A word differs from the one that is recorded.

        Shapes:
            rows: float32 [k, V]
        """
        while len(rows):
            some = rows[: self._every - self._count % self._every]
            self._crc = zlib.crc32(some.tobytes(), self._crc)
            self._count += len(some)
            if self._count % self._every == 0:
                self._end()
            rows = rows[len(some) :]

    def finish(self) -> None:
        """End the last word.

        Raises:
            NotReproducibleError: It differs from the one that is recorded.
        """
        if self._count % self._every:
            self._end()

    def _end(self) -> None:
        self.words += (self._crc & 0xFFFF).to_bytes(CHECK_BYTES, "little")
        at = len(self.words)
        if self._recorded is not None and self._recorded[at - CHECK_BYTES : at] != self.words[-2:]:
            position = (at // CHECK_BYTES - 1) * self._every
            raise NotReproducibleError(
                f"other probabilities are computed here than when encoding: between the "
                f"{self._what} {position} and {position + self._every}"
            )


def torch_module() -> Any:
    """Return torch.

    Raises:
        ModelError: It is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise ModelError("torch is not installed", hint="pip install 'lmcodec[lm]'") from error
    return torch
