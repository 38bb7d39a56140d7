"""Arrays in compressed files, read sample by sample."""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import prod
from typing import IO, TYPE_CHECKING, Any

from lmcodec.block import block_transform, decode_stream, stream_model, stream_payloads
from lmcodec.content_file import ContentFile, Path
from lmcodec.errors import FormatError, ModelError
from lmcodec.header import BlockHeader
from lmcodec.transforms.array import Array, Layout, read_layout
from lmcodec.transforms.base import HEAD_BYTES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Buffer

_SAMPLES = "samples"


class ArrayFile(ContentFile):
    """The samples of an array in a compressed file.

    Of a block that a circuit or `ardm` coded, only the groups that hold samples are read and
    decoded; of any other, the whole block, of which the last one is kept. What is read so has no
    checksum but that its code must come out even.

    Args:
        file: A path, or a binary file object that can seek, which is not closed.
        max_memory: Bytes that decoding a block may need, or None for any number.

    Attributes:
        shape: Of the array, the number of samples first.
        dtype: Of its values.

    Raises:
        FormatError: The content is no array of bytes that is recognised, or has too few.
        OSError: The file cannot be read.
    """

    def __init__(self, file: Path | IO[bytes], *, max_memory: int | None = None) -> None:
        super().__init__(file, max_memory=max_memory)
        # Of the block that was used last.
        self._start = -1
        self._block: tuple[BlockHeader, Buffer] | None = None

    def _recognise(self) -> None:
        """Read the layout of the array."""
        import numpy as np

        size = self._content.seek(0, os.SEEK_END)
        layout = read_layout(self._head(size))
        if layout is None:
            raise FormatError(
                "content is not an array of bytes that is recognised",
                hint="NumPy (.npy, 8 bits, in C order), IDX, PGM and PPM are",
            )
        if layout.begin + prod(layout.axes) > size:
            raise FormatError(
                f"array ends early: {layout.begin + prod(layout.axes)} bytes of {size}"
            )
        self._layout: Layout = layout
        self.shape = tuple(layout.axes)
        self.dtype: np.dtype[Any] = np.dtype(layout.dtype)

    def __len__(self) -> int:
        """Return the number of samples."""
        return self.shape[0]

    def __getitem__(self, index: int | slice, /) -> NDArray[Any]:
        """Return a sample, or several.

        Raises:
            IndexError: There is no such sample.
            FormatError: The file is damaged.
            WeightsError: The circuit is not here.
        """
        import numpy as np

        if isinstance(index, slice):
            numbers = range(*index.indices(len(self)))
            if numbers.step == 1:
                return self._samples(numbers.start, max(numbers.start, numbers.stop))
            found = [self[number] for number in numbers]
            return np.stack(found) if found else self._samples(0, 0)
        number = range(len(self))[index]
        sample: NDArray[Any] = self._samples(number, number + 1)[0]
        return sample

    def __iter__(self) -> Iterator[NDArray[Any]]:
        """Yield all samples."""
        step = max(1, (1 << 20) // max(1, self._size))
        for first in range(0, len(self), step):
            yield from self[first : first + step]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the whole array."""
        del copy
        values = self[:]
        return values if dtype is None else values.astype(dtype)

    @property
    def _size(self) -> int:
        """Bytes of a sample."""
        return prod(self.shape[1:])

    def _samples(self, first: int, last: int) -> NDArray[Any]:
        import numpy as np

        parts = []
        while first < last:
            part = self._of_samples(first, last)
            if part is None:
                begin = self._layout.begin + first * self._size
                part = self._read(begin, (last - first) * self._size)
            parts.append(part)
            # A sample of nothing needs no bytes.
            first = first + len(part) // self._size if self._size else last
        shape = (-1, *self.shape[1:]) if self._size else (last - first, *self.shape[1:])
        return np.frombuffer(b"".join(parts), self.dtype).reshape(shape)

    def _of_samples(self, first: int, last: int) -> bytes | None:
        """Return as many samples as are whole in one block, if they can be had alone; else None."""
        begin = self._layout.begin + first * self._size
        if self._size == 0:
            return None
        if self._block is None or not 0 <= begin - self._start < self._block[0].raw_size:
            header, payloads, self._start = self._content.block_at(begin)
            self._block = header, payloads
        header, payloads = self._block
        cut = block_transform(header)
        if not isinstance(cut, Array):
            return None
        number, apart = divmod(begin - self._start - cut.offset, cut.shape.sample)
        many = min(last - first, cut.size // cut.shape.sample - number)
        if cut.shape.sample != self._size or number < 0 or apart or many < 1:
            return None
        for record, payload in stream_payloads(header, payloads):
            if record.name == _SAMPLES and (model := stream_model(header, record)):
                try:
                    model = model.shaped(cut.shape)
                except ModelError as error:
                    raise FormatError(f"samples of an array are refused: {error}") from error
                found = model.decode_samples(payload, record.count, number, number + many)
                if found is not None and len(found) != many * self._size:
                    raise FormatError(f"{many} samples of {self._size} bytes are {len(found)} here")
                return found
        return None

    def _head(self, size: int) -> bytes:
        """Return the beginning of the content, of which no samples are decoded if need be."""
        if size:
            header, payloads, _ = self._content.block_at(0)
            if header.transform.id == Array.id:
                for record, payload in stream_payloads(header, payloads):
                    if record.name == "header" and record.width == 1:
                        found = bytes(decode_stream(header, record, payload))
                        # A header alone, without a byte behind it, is not recognised.
                        return found + b"\0" * HEAD_BYTES
        return self._read(0, min(size, HEAD_BYTES))

    def _read(self, position: int, size: int) -> bytes:
        self._content.seek(position)
        parts = []
        while size > 0 and (part := self._content.read(size)):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def open_array(file: Path | IO[bytes], *, max_memory: int | None = None) -> ArrayFile:
    """Open an array in a compressed file, to read some of its samples.

    Args:
        file: A path, or a binary file object that can seek, which is not closed.
        max_memory: Bytes that decoding a block may need, or None for any number.

    Returns:
        A sequence of samples, each an array; slices are arrays, too.

    Raises:
        FormatError: The content is no array of bytes that is recognised.
        OSError: The file cannot be read.

    Example:
        >>> import io
        >>> import lmcodec
        >>> import numpy as np
        >>> file = io.BytesIO()
        >>> np.save(file, np.arange(12, dtype=np.uint8).reshape(4, 3))
        >>> array = open_array(io.BytesIO(lmcodec.compress(file.getvalue())))
        >>> array.shape, array[2].tolist()
        ((4, 3), [6, 7, 8])
    """
    return ArrayFile(file, max_memory=max_memory)
