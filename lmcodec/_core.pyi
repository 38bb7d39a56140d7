"""Types of the extension module."""

from typing_extensions import Buffer

__version__: str

def crc32(data: Buffer, value: int = 0) -> int: ...
