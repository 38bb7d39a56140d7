"""Machine code of x86 and x86-64."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lmcodec import _core
from lmcodec.transforms.base import TRANSFORMS, Stream, Transform, byte_streams

if TYPE_CHECKING:
    from lmcodec.models.base import Symbols

_NAMES = ("code", "calls", "jumps", "data")


@TRANSFORMS.register(id="x86", version=1)
@dataclass(frozen=True)
class X86(Transform):
    """Takes the targets of calls, jumps and references to data out of x86 code.

    An instruction names its target by the distance from its own end, so that many calls of one
    function look like many numbers. Each distance becomes the offset of its target in the block,
    and goes to a stream of its own. `docs/transforms/x86.md` is the specification. It takes some
    nanoseconds a byte.

    Source: I. Pavlov's BCJ2 filter (7-Zip) also parts calls and jumps from the code; the mark for
    distances that stay, the references to data and the format are our own.

    Args:
        data: Whether references to data are taken out too: they are relative in 64-bit code only.
    """

    data: bool = False

    @classmethod
    def probe(cls, raw: bytes) -> X86 | None:
        """Return the transform where calls name the same targets again and again."""
        is_code, data = _core.x86_survey(raw)
        return cls(data) if is_code else None

    def forward(self, raw: bytes) -> Sequence[Stream]:
        """Split a block into code and targets."""
        parts = _core.x86_forward(raw, self.data)
        return [Stream(name, part) for name, part in zip(self._names(), parts, strict=False)]

    def inverse(self, streams: Mapping[str, Symbols]) -> bytes:
        """Undo `forward`.

        Raises:
            FormatError: A stream is missing or unknown, or its symbols are not bytes, or there are
                too few or too many targets.
        """
        code, calls, jumps, *rest = byte_streams("x86", self._names(), streams)
        return _core.x86_inverse(code, calls, jumps, rest[0] if rest else None)

    def _names(self) -> tuple[str, ...]:
        return _NAMES if self.data else _NAMES[:-1]
