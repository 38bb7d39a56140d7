"""Every exception that lmcodec raises about data and models.

::

    LmcodecError(Exception)             hint: what the caller can do
    ├── FormatError (ValueError)        these bytes are not a valid stream; offset
    │   ├── TruncatedError (EOFError)   they ended early; missing
    │   └── CorruptError                checksum, range or base state; expected, got
    ├── UnsupportedError                valid, but the format or model is not known; id, version
    ├── ModelError                      a model broke its contract
    │   ├── WeightsError                weights not found, or their digest differs
    │   └── NotReproducibleError        this machine does not compute what the encoder computed
    └── LimitError                      would exceed a size or memory limit; limit, needed

Wrong arguments raise plain ``TypeError`` and ``ValueError``.
"""

from __future__ import annotations

__all__ = [
    "CorruptError",
    "FormatError",
    "LimitError",
    "LmcodecError",
    "ModelError",
    "NotReproducibleError",
    "TruncatedError",
    "UnsupportedError",
    "WeightsError",
]


class LmcodecError(Exception):
    """Base of every error that is not a wrong argument.

    Args:
        message: What happened, colon, value, where.
        hint: What the caller can do about it, or None.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint

    def __str__(self) -> str:
        """Return the message, followed by a ``hint:`` line where there is one."""
        message = super().__str__()
        return f"{message}\nhint: {self.hint}" if self.hint else message


class FormatError(LmcodecError, ValueError):
    """These bytes are not a valid stream.

    Args:
        message: What happened, colon, value, where.
        offset: Byte offset in the stream, or None where it is not known.
        hint: What the caller can do about it, or None.
    """

    def __init__(self, message: str, *, offset: int | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.offset = offset


class TruncatedError(FormatError, EOFError):
    """The stream ended before it was complete.

    Args:
        message: What happened, colon, value, where.
        missing: A number of bytes without which reading cannot go on, or None.
        offset: Byte offset in the stream, or None where it is not known.
        hint: What the caller can do about it, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        missing: int | None = None,
        offset: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, offset=offset, hint=hint)
        self.missing = missing


class CorruptError(FormatError):
    """A checksum, a range or a coder's base state is not what it must be.

    Args:
        message: What happened, colon, value, where.
        expected: The value that the stream promised, or None.
        got: The value that was found, or None.
        offset: Byte offset in the stream, or None where it is not known.
        hint: What the caller can do about it, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        expected: object = None,
        got: object = None,
        offset: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, offset=offset, hint=hint)
        self.expected = expected
        self.got = got


class UnsupportedError(LmcodecError):
    """The stream is valid, but needs something that this release does not have.

    Args:
        message: What happened, colon, value, where.
        id: Id of the model or transform, or the name of the format feature.
        version: The version that is needed, or None.
        hint: What the caller can do about it, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        id: str | None = None,
        version: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.id = id
        self.version = version


class ModelError(LmcodecError):
    """A model broke its contract: a negative pmf, a symbol outside the alphabet, ..."""


class WeightsError(ModelError):
    """Weights were not found, or their digest differs from the one in the stream."""


class NotReproducibleError(ModelError):
    """This machine does not compute what the encoding machine computed."""


class LimitError(LmcodecError):
    """Going on would exceed a limit.

    Args:
        message: What happened, colon, value, where.
        limit: The limit, in the unit that the message names.
        needed: The value that would be needed, or None where it is not known.
        hint: What the caller can do about it, or None.
    """

    def __init__(
        self,
        message: str,
        *,
        limit: int | None = None,
        needed: int | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.limit = limit
        self.needed = needed
