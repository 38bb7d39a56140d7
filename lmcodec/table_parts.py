"""The blocks of a table, and the lines that were cut between them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lmcodec import _core
from lmcodec.block import (
    block_transform,
    check_memory,
    decode_block,
    decode_stream,
    stream_model,
    stream_payloads,
)
from lmcodec.errors import CorruptError, FormatError
from lmcodec.header import BlockHeader
from lmcodec.packing import Cursor
from lmcodec.transforms.table import Table

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from lmcodec.models.base import Model
    from lmcodec.reader import ContentReader

# Of UTF-8, before the first name.
_MARK = b"\xef\xbb\xbf"


class Streams:
    """The streams of a text that was split.

    Args:
        streams: Their bytes, by name.
    """

    def __init__(self, streams: Mapping[str, bytes]) -> None:
        self._streams = streams
        self._cells: tuple[bytes, list[int]] | None = None

    def read(self, name: str) -> bytes:
        """Return a stream, empty where there is none of that name.

        Raises:
            FormatError: It is damaged, or not of bytes.
        """
        return self._streams.get(name, b"")

    def columns(self, table: Table, wanted: Sequence[int]) -> list[bytes]:
        """Return some columns of the cells with their terminators.

        Raises:
            FormatError: The stream is damaged, or has another number of cells.
        """
        if self._cells is None:
            read = self.read("cells")
            ends = _core.table_column_ends(read, table.terminator, table.columns)
            self._cells = read, [0, *ends]
        cells, borders = self._cells
        return [cells[borders[number] : borders[number + 1]] for number in wanted]

    def column_bytes(self) -> list[int] | None:
        """Return the bytes of the code of each column, or None where they have none of their own.

        Raises:
            FormatError: The stream is damaged.
        """
        return None


class CodedStreams(Streams):
    """The streams of a block, each decoded when it is asked for.

    Args:
        header: Of the block.
        payloads: Those of its streams.
    """

    def __init__(self, header: BlockHeader, payloads: Buffer) -> None:
        super().__init__({})
        self._header = header
        self._coded = {
            record.name: (record, payload) for record, payload in stream_payloads(header, payloads)
        }

    def read(self, name: str) -> bytes:
        """Decode a stream."""
        if name not in self._coded:
            return b""
        record, payload = self._coded[name]
        if record.width != 1:
            raise FormatError(f"streams of table are bytes: {name} has symbols of {record.width}")
        return bytes(decode_stream(self._header, record, payload))

    def columns(self, table: Table, wanted: Sequence[int]) -> list[bytes]:
        """Return some columns of the cells; others are not decoded if need be."""
        if self._cells is None and (found := self._cell_model()):
            model, payload, count = found
            if (columns := model.decode_columns(payload, count, wanted)) is not None:
                return columns
        return super().columns(table, wanted)

    def column_bytes(self) -> list[int] | None:
        """Return the bytes of the code of each column."""
        found = self._cell_model()
        return None if found is None else found[0].column_bytes(found[1])

    def _cell_model(self) -> tuple[Model, bytes, int] | None:
        """Return what codes the cells, their payload and the number of its symbols."""
        if "cells" not in self._coded:
            return None
        record, payload = self._coded["cells"]
        model = stream_model(self._header, record)
        return None if model is None else (model, payload, record.count)


class Part:
    """Rows of a table that are together: those of a block, or some in memory.

    Args:
        table: How they are written, and how many there are.
        streams: What returns the streams that hold them.
        apart: Bytes at the beginning that are not of the content.

    Attributes:
        rows: Whole rows; one that may go on in the next block is not counted.
        has_head: Whether what is before the first row belongs to the part.
        has_tail: Whether what is behind the last row does.
        is_joined: Whether they are lines that were cut between blocks.
    """

    def __init__(self, table: Table, streams: Callable[[], Streams], apart: int = 0) -> None:
        self.table = table
        self.rows = table.rows
        self.has_head = True
        self.has_tail = True
        self.is_joined = apart > 0
        self._streams = streams
        self._apart = apart
        # Columns that were read last.
        self._kept: dict[int, list[bytes]] = {}

    def cells(self, wanted: Sequence[int], first: int, last: int) -> list[list[bytes]]:
        """Return the cells of some columns and rows.

        Raises:
            FormatError: The block is damaged.
        """
        missing = [number for number in wanted if number not in self._kept]
        if missing:
            columns = self._streams().columns(self.table, missing)
            kept = {number: cells for number, cells in self._kept.items() if number in wanted}
            for number, column in zip(missing, columns, strict=True):
                cells = column[:-1].split(bytes([self.table.terminator]))
                if len(cells) != self.table.rows:
                    raise FormatError(
                        f"column of a table has {len(cells)} cells: {self.table.rows} are needed"
                    )
                kept[number] = cells
            self._kept = kept
        return [self._kept[number][first:last] for number in wanted]

    def column_bytes(self) -> list[int] | None:
        """Return the bytes of the code of each column, or None where they have none of their own.

        Raises:
            FormatError: The block is damaged.
        """
        return self._streams().column_bytes()

    def forget(self) -> None:
        """Keep no columns that can be read again."""
        self._kept = {}

    def pieces(self) -> tuple[bytes, list[tuple[int, bytes]]]:
        """Return what is before the first row, and other lines with the row before which they are.

        Raises:
            FormatError: The block is damaged.
        """
        streams = self._streams()
        rest, places = streams.read("rest"), Cursor(streams.read("places"))
        head, at = rest[self._apart : self.table.head], self.table.head
        row, pieces = 0, []
        while places.remaining:
            row += places.varint("rows before a line")
            size = places.varint("bytes of lines")
            pieces.append((row, rest[at : at + size]))
            at += size
        return head, pieces

    def others(self) -> Iterator[tuple[int, bytes]]:
        """Yield the lines that are no rows, and the row before which each stands."""
        head, pieces = self.pieces()
        if self.has_head:
            pieces.insert(0, (0, head))
        if not self.has_tail and pieces and pieces[-1][0] == self.table.rows:
            pieces.pop()
        for row, piece in pieces:
            for line in piece.removesuffix(b"\n").split(b"\n") if piece else ():
                yield row, line.removesuffix(b"\r")

    def tail(self, *, at_end: bool) -> bytes:
        """Give away what may go on in the next block: the lines behind the last row, or that row.

        Args:
            at_end: Whether there is no next block; then the row stays.
        """
        pieces = self.pieces()[1]
        if pieces and pieces[-1][0] == self.table.rows:
            self.has_tail = False
            return pieces[-1][1]
        if at_end:
            return b""
        every = range(self.table.columns)
        last = self.cells(every, self.table.rows - 1, self.table.rows)
        self.forget()
        self.rows -= 1
        return self.table.separator.join(cell[0] for cell in last)


class _Blocks:
    """The blocks of a content; that which was read last is kept, as it is in the file.

    Args:
        content: Of a compressed file.
        max_memory: Bytes that decoding a block may need, or None for any number.
    """

    def __init__(self, content: ContentReader, max_memory: int | None) -> None:
        self._content = content
        self._max_memory = max_memory
        self._start = -1
        self._block: tuple[BlockHeader, Buffer] | None = None
        self._streams: CodedStreams | None = None
        # Of the block that was decoded whole last.
        self._decoded = -1, b""

    def at(self, start: int) -> tuple[BlockHeader, Buffer]:
        """Return header and payloads of the block that begins at an offset."""
        if self._block is None or self._start != start:
            header, payloads, self._start = self._content.block_at(start)
            self._block, self._streams = (header, payloads), None
        return self._block

    def streams(self, start: int) -> Streams:
        """Return the streams of a block.

        Raises:
            LimitError: Decoding needs more memory than allowed.
        """
        header, payloads = self.at(start)
        if self._streams is None:
            check_memory(header, self._max_memory)
            self._streams = CodedStreams(header, payloads)
        return self._streams

    def decode(self, start: int) -> bytes:
        """Return the content of a block."""
        if self._decoded[0] != start:
            self._decoded = start, decode_block(*self.at(start), max_memory=self._max_memory)
        return self._decoded[1]


def parts_of(content: ContentReader, max_memory: int | None) -> tuple[list[Part], list[bytes]]:
    """Find the parts of a table.

    Args:
        content: Of a compressed file.
        max_memory: Bytes that decoding a block may need, or None for any number.

    Returns:
        The parts, at least one, and the cells with the names of columns, none if there are none.

    Raises:
        FormatError: The content is no table that is recognised.
    """
    size = content.seek(0, os.SEEK_END)
    blocks = _Blocks(content, max_memory)
    parts: list[Part] = []
    names: list[bytes] = []
    # What may go on: lines that were cut, and whole blocks without a row.
    pending, start = b"", 0
    dialect: Table | None = None
    while start < size:
        raw_size = blocks.at(start)[0].raw_size
        block = _of_block(blocks, start, dialect)
        dialect = dialect or replace(block.table, rows=0, head=0, open=False)
        at_end = start + raw_size == size
        if block.table.rows == 0:
            pending += block.pieces()[0]
        else:
            if start == 0 and block.table.head:
                names = _names(block.pieces()[0], block.table)
            elif start and (block.table.head or pending):
                block.has_head = False
                parts.append(_joined(pending + block.pieces()[0], dialect))
            parts.append(block)
            pending = block.tail(at_end=at_end) if block.table.open else b""
        start += raw_size
    if pending and dialect is not None:
        parts.append(_joined(pending, dialect))
    if dialect is None or not any(part.rows for part in parts):
        raise _no_table()
    return parts, names


def _no_table() -> FormatError:
    return FormatError(
        "content is not a table that is recognised",
        hint="lines with one number of cells are, between commas, tabs, semicolons and the like",
    )


def _of_block(blocks: _Blocks, start: int, dialect: Table | None) -> Part:
    """Return the part that is in a block.

    Args:
        blocks: What it is one of.
        start: Where it begins.
        dialect: How the first block is written, if it is not that.
    """
    header, _ = blocks.at(start)
    found = block_transform(header)
    if isinstance(found, Table):
        cells = sum(record.count for record in header.streams if record.name == "cells")
        # Each has its terminator at least.
        if found.rows * found.columns > cells:
            raise CorruptError(
                f"table has {found.rows} rows of {found.columns} cells: there are {cells} bytes"
            )
        if dialect is None or _key(found) == _key(dialect):
            return Part(found, lambda: blocks.streams(start))
    raw = blocks.decode(start)
    written = dialect or Table.probe(raw)
    if written is None:
        raise _no_table()
    fitted = written.fit(raw, start)
    return Part(fitted, lambda: _split(blocks.decode(start), fitted))


def _key(table: Table) -> tuple[int, bytes]:
    return table.columns, table.separator


def _split(raw: bytes, fitted: Table) -> Streams:
    return Streams({stream.name: bytes(stream.symbols) for stream in fitted.forward(raw)})


def _joined(raw: bytes, dialect: Table) -> Part:
    """Return the part of lines that are whole together."""
    # The first line of what is not the beginning is no row: an empty one is put before.
    raw = b"\n" + raw + (b"" if raw.endswith(b"\n") else b"\r\n" if dialect.returns else b"\n")
    fitted = dialect.fit(raw, 1)
    streams = _split(raw, fitted)
    return Part(fitted, lambda: streams, apart=1)


def _names(head: bytes, table: Table) -> list[bytes]:
    """Return the cells of the last line before the first row, if it has as many."""
    line = head.removesuffix(b"\n").removesuffix(b"\r").rsplit(b"\n", 1)[-1]
    line = line.removeprefix(_MARK)
    part = _joined(line.lstrip(b"# ") if line.startswith(b"#") else line, table)
    if part.rows != 1:
        return []
    return [cells[0] for cells in part.cells(range(table.columns), 0, 1)]
