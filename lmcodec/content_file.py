"""What files are that are read by parts of their content: arrays by samples, tables by columns."""

from __future__ import annotations

import builtins
import os
from abc import ABC, abstractmethod
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, TypeAlias

from lmcodec.reader import ContentReader

if TYPE_CHECKING:
    from typing_extensions import Self

Path: TypeAlias = "str | os.PathLike[str]"


class ContentFile(ABC):
    """A compressed file that is opened to read parts of its content; a context manager.

    Args:
        file: A path, or a binary file object that can seek, which is not closed.
        max_memory: Bytes that decoding a block may need, or None for any number.

    Raises:
        FormatError: The content is not of the kind.
        OSError: The file cannot be read.
    """

    def __init__(self, file: Path | IO[bytes], *, max_memory: int | None = None) -> None:
        with ExitStack() as stack:
            if isinstance(file, (str, os.PathLike)):
                file = stack.enter_context(builtins.open(file, "rb"))
            self._content = stack.enter_context(ContentReader(file, max_memory, 1))
            self._max_memory = max_memory
            self._recognise()
            self._closing = stack.pop_all()

    @abstractmethod
    def _recognise(self) -> None:
        """Find out how the content is made.

        Raises:
            FormatError: It is of another kind.
        """

    def close(self) -> None:
        """Close the file, if it was opened here."""
        self._closing.close()

    def __enter__(self) -> Self:
        """Return the file."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()
