from __future__ import annotations

import csv
import io
import os
import pickle
import shutil
import tarfile
import zlib
from pathlib import Path
from typing import Any

import pytest

import lmcodec
from lmcodec import CompressionParameter, LmcodecFile
from lmcodec.block import decode_block
from lmcodec.container import End, FrameHeader
from lmcodec.errors import CorruptError, ModelError, TruncatedError
from lmcodec.header import BlockHeader, StreamRecord
from lmcodec.models.order0 import Order0
from tests.strategies import log_lines, random_bytes

CONTENT = log_lines(1, 60)


def stored(content: bytes, block_size: int = 500) -> bytes:
    return lmcodec.compress(content, model="stored", block_size=block_size)


class Pipe(io.RawIOBase):
    """A file that cannot seek, and returns less than asked for."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._data.read(min(len(buffer), 37))
        buffer[: len(part)] = part
        return len(part)


def test_write_and_read_a_path(tmp_path: Path) -> None:
    path = tmp_path / "file.lmz"
    for name in (path, str(path), os.fsencode(path)):
        with lmcodec.open(name, "wb", model="stored") as file:
            assert file.write(CONTENT) == len(CONTENT)
            assert file.tell() == len(CONTENT)
            assert file.mode == "wb"
            assert file.writable()
            assert not file.readable()
            assert not file.seekable()
        with lmcodec.open(name) as file:
            assert file.read() == CONTENT
            assert file.mode == "rb"
            assert file.name == os.fspath(name)
            assert isinstance(file.fileno(), int)
            assert file.readable()
            assert not file.writable()
            assert file.seekable()
        assert file.closed
        file.close()


def test_modes(tmp_path: Path) -> None:
    path = tmp_path / "file.lmz"
    with lmcodec.open(path, "xb") as file:
        file.write(b"one ")
    with pytest.raises(FileExistsError):
        lmcodec.open(path, "xb")
    with lmcodec.open(path, "ab") as file:
        file.write(b"two")
    assert lmcodec.info(path).frames == 2
    with LmcodecFile(path, "r") as file:
        assert file.read() == b"one two"
    for mode in ("rw", "q", "rbb", "rbt", "+"):
        with pytest.raises(ValueError, match="mode is not known"):
            lmcodec.open(path, mode)
    with pytest.raises(TypeError, match="file must be a path"):
        lmcodec.open(3)  # type: ignore[call-overload]


def test_level_and_options_are_for_writing(tmp_path: Path) -> None:
    path = tmp_path / "file.lmz"
    with lmcodec.open(path, "wb", options={CompressionParameter.content_digest: 1}) as file:
        file.write(b"some")
    assert lmcodec.info(path).digests != (None,)
    with pytest.raises(TypeError, match="for writing"):
        lmcodec.open(path, level=3)
    with pytest.raises(TypeError, match="for writing"):
        lmcodec.open(path, options={})
    with pytest.raises(TypeError, match="only one"):
        lmcodec.open(path, "wb", level=3, options={})


def test_text(tmp_path: Path) -> None:
    path = tmp_path / "file.lmz"
    with lmcodec.open(path, "wt", encoding="utf-8", newline="\r\n") as text:
        text.write("grün\nblau\n")
    with lmcodec.open(path) as file:
        assert file.read() == "grün\r\nblau\r\n".encode()
    with lmcodec.open(path, "rt", encoding="ascii", errors="replace") as text:
        assert text.readline() == "gr��n\n"
    for argument in ("encoding", "errors", "newline"):
        with pytest.raises(ValueError, match=f"argument {argument} is for text modes"):
            lmcodec.open(path, "rb", **{argument: "utf-8"})  # type: ignore[call-overload]


def test_a_file_object_is_not_closed() -> None:
    buffer = io.BytesIO()
    with lmcodec.open(buffer, "wb") as file:
        file.write(b"content")
    assert not buffer.closed
    buffer.seek(0)
    with lmcodec.open(buffer) as file:
        assert file.read() == b"content"
    assert not buffer.closed


def test_a_stream_may_begin_inside_a_file() -> None:
    buffer = io.BytesIO(b"before" + stored(CONTENT))
    buffer.seek(6)
    with lmcodec.open(buffer) as file:
        assert file.seek(-10, io.SEEK_END) == len(CONTENT) - 10
        assert file.read() == CONTENT[-10:]
        file.seek(0)
        assert file.read() == CONTENT


def test_reading_ways() -> None:
    with lmcodec.open(io.BytesIO(stored(CONTENT))) as file:
        lines = CONTENT.splitlines(keepends=True)
        assert file.peek(1)[:5] == lines[0][:5]
        assert file.readline() == lines[0]
        assert next(file) == lines[1]
        assert file.readlines()[-1] == lines[-1]
        file.seek(0)
        assert len(file.read1(10)) == 10
        assert len(file.read1()) > 0
        file.seek(0)
        buffer = bytearray(20)
        assert file.readinto(buffer) == 20
        assert file.readinto1(buffer) == 20
        assert buffer == CONTENT[20:40]
        assert [*file][-1] == lines[-1]
        with pytest.raises(StopIteration):
            next(file)


def test_other_readers_accept_it() -> None:
    with lmcodec.open(io.BytesIO(stored(b"a,b\n1,2\n")), "rt", newline="") as text:
        assert list(csv.reader(text)) == [["a", "b"], ["1", "2"]]
    archive = io.BytesIO()
    with (
        lmcodec.open(archive, "wb", model="stored", block_size=700) as writer,
        tarfile.open(fileobj=writer, mode="w") as tar,
    ):
        member = tarfile.TarInfo("log")
        member.size = len(CONTENT)
        tar.addfile(member, io.BytesIO(CONTENT))
    archive.seek(0)
    with lmcodec.open(archive) as file, tarfile.open(fileobj=file) as tar:
        extracted = tar.extractfile("log")
        assert extracted is not None
        assert extracted.read() == CONTENT
    pickled = io.BytesIO()
    with lmcodec.open(pickled, "wb") as file:
        pickle.dump({"key": [1, 2]}, file)
    pickled.seek(0)
    with lmcodec.open(pickled) as file:
        assert pickle.load(file) == {"key": [1, 2]}
    copied = io.BytesIO()
    with lmcodec.open(io.BytesIO(stored(CONTENT))) as file:
        shutil.copyfileobj(file, copied)
    assert copied.getvalue() == CONTENT
    assert io.BufferedReader(lmcodec.open(io.BytesIO(stored(CONTENT)))).read(5) == CONTENT[:5]


def test_sources_that_only_read() -> None:
    class Source:
        def __init__(self) -> None:
            self.read = io.BytesIO(stored(CONTENT)).read

    source: Any = Source()
    with lmcodec.open(source) as file:
        assert not file.seekable()
        assert file.read() == CONTENT


def test_files_that_cannot_seek() -> None:
    with lmcodec.open(Pipe(stored(CONTENT) * 2)) as file:  # type: ignore[call-overload]
        assert not file.seekable()
        assert file.read() == CONTENT * 2
        with pytest.raises(io.UnsupportedOperation):
            file.seek(0)


def test_seek_decodes_only_the_block_that_is_needed() -> None:
    stream = bytearray(stored(CONTENT))
    blocks = lmcodec.info(stream).blocks
    stream[blocks[1].offset + 60] ^= 1
    with lmcodec.open(io.BytesIO(stream)) as file:
        file.seek(blocks[2].start)
        assert file.read(5) == CONTENT[blocks[2].start :][:5]
        file.seek(3)
        assert file.read(5) == CONTENT[3:8]
        file.seek(blocks[1].start)
        with pytest.raises(CorruptError):
            file.read(1)


def test_seeks_inside_a_block_decode_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []

    def count(header: BlockHeader, payloads: Any, *meter: Any, **limits: Any) -> bytes:
        decoded.append(header.start)
        return decode_block(header, payloads, *meter, **limits)

    monkeypatch.setattr("lmcodec.frame.decode_block", count)
    monkeypatch.setattr("lmcodec.reader.decode_block", count)
    content = random_bytes(3, 1_000_000)
    with lmcodec.open(io.BytesIO(stored(content, 500_000))) as file:
        for position in (0, 400_000, 10, 499_999, 200_000):
            file.seek(position)
            assert file.read(1) == content[position : position + 1]
        assert decoded == [0]
        file.seek(700_000)
        for position in (900_000, 500_000):
            file.seek(position)
            assert file.read(1) == content[position : position + 1]
        assert decoded == [0, 500_000]


@pytest.mark.parametrize("damage", [None, -1, -10, -30])
def test_a_damaged_index_costs_nothing_but_time(damage: int | None) -> None:
    stream = bytearray(stored(CONTENT))
    if damage is not None:
        stream[damage] ^= 1
    with lmcodec.open(io.BytesIO(stream)) as file:
        if damage is None:
            assert file.seek(0, io.SEEK_END) == len(CONTENT)
        else:
            # The headers are read, and come upon the damage at the end.
            with pytest.raises(CorruptError):
                file.seek(0, io.SEEK_END)


def test_seeks_in_several_frames() -> None:
    stream = stored(CONTENT[:100]) + stored(CONTENT[100:]) + stored(b"")
    with lmcodec.open(io.BytesIO(stream)) as file:
        for position in (95, 300, 0, len(CONTENT), 50):
            assert file.seek(position) == position
            assert file.read(10) == CONTENT[position : position + 10]
        with pytest.raises(ValueError, match="negative seek"):
            file.seek(-1)
        with pytest.raises(ValueError, match="whence"):
            file.seek(0, 7)


def test_files_that_end_early() -> None:
    stream = stored(CONTENT)
    for size in (0, 3, 100, len(stream) - 1):
        with (
            lmcodec.open(io.BytesIO(stream[:size])) as file,
            pytest.raises((TruncatedError, EOFError)),
        ):
            file.read()


def test_an_error_is_not_the_end_of_the_file() -> None:
    stream = bytearray(stored(CONTENT))
    stream[lmcodec.info(stream).blocks[1].offset + 60] ^= 1
    for threads in (1, 3):
        with lmcodec.open(io.BytesIO(stream), threads=threads) as file:
            for _ in range(3):
                with pytest.raises(CorruptError):
                    file.read()


def test_a_block_without_content_is_not_the_end_of_the_file() -> None:
    empty = BlockHeader(0, 0, 0, streams=(StreamRecord("", 0, 1, 0, 0),)).pack()
    block = BlockHeader(0, 1, zlib.crc32(b"a"), streams=(StreamRecord("", 0, 1, 1, 1),)).pack()
    stream = FrameHeader().pack() + empty + block + b"a" + End().pack()
    with lmcodec.open(io.BytesIO(stream)) as file:
        assert file.read() == b"a"
        assert file.seek(-1, io.SEEK_END) == 0
        assert file.read() == b"a"


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_threads_read_the_same(threads: int) -> None:
    with lmcodec.open(io.BytesIO(stored(CONTENT) * 3), threads=threads) as file:
        assert file.read(700) == CONTENT[:700]
        assert file.read() == (CONTENT * 3)[700:]
    with lmcodec.open(io.BytesIO(stored(CONTENT)), threads=threads) as file:
        assert file.read(10) == CONTENT[:10]


def test_a_failed_frame_is_not_ended() -> None:
    class Refusing(Order0):
        def encode(self, symbols: Any) -> bytes:
            raise ModelError(f"refused: {len(symbols)} symbols")

    buffer = io.BytesIO()
    file = lmcodec.open(buffer, "wb", model=Refusing(), block_size=10)
    with pytest.raises(ModelError, match="refused: 10 symbols"):
        file.write(CONTENT)
    with pytest.raises(ValueError, match="has failed before"):
        file.write(CONTENT)
    file.close()
    with pytest.raises(TruncatedError):
        lmcodec.decompress(buffer.getvalue())


def test_flush_makes_everything_readable() -> None:
    buffer = io.BytesIO()
    file = lmcodec.open(buffer, "wb")
    file.write(b"first")
    file.flush()
    assert lmcodec.recover(buffer.getvalue()).content == b"first"
    file.flush(file_mode := lmcodec.LmcodecCompressor.FLUSH_FRAME)
    assert file_mode == 2
    assert lmcodec.decompress(buffer.getvalue()) == b"first"
    file.write(b" second")
    file.close()
    assert lmcodec.decompress(buffer.getvalue()) == b"first second"


def test_wrong_direction_and_closed_files() -> None:
    reader = lmcodec.open(io.BytesIO(stored(b"x")))
    with pytest.raises(io.UnsupportedOperation, match="not opened for writing"):
        reader.write(b"")
    reader.flush()
    writer = lmcodec.open(io.BytesIO(), "wb")
    with pytest.raises(io.UnsupportedOperation, match="not opened for reading"):
        writer.read()
    for file in (reader, writer):
        file.close()
        for call in (file.read, file.tell, file.readable, file.writable, file.fileno):
            with pytest.raises(ValueError, match="closed file"):
                call()
