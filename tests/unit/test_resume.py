"""Compressing goes on where it was stopped."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import lmcodec
from lmcodec import frame
from lmcodec.block import encode_block
from lmcodec.jobs import Job, run
from lmcodec.terminal import Terminal

CONTENT = b"".join(b"line %d of some text\n" % number for number in range(2000))
BLOCK = 4096
BLOCKS = -(-len(CONTENT) // BLOCK)


class Encoder:
    """Counts blocks, and is stopped before one of them."""

    def __init__(self, stop: int | None = None) -> None:
        self.count = 0
        self._stop = stop
        self._encode = encode_block

    def __call__(self, *arguments: Any, head: bytes) -> bytes:
        if self.count == self._stop:
            raise KeyboardInterrupt
        self.count += 1
        return self._encode(*arguments, head=head)


def compress(folder: Path, stop: int | None = None, **choices: Any) -> int:
    """Compress the file, stopped before a block; return how many were coded."""
    encoder = Encoder(stop)
    job = Job(verb="compress", level=1, block_size=BLOCK, resume=True, **choices)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frame, "encode_block", encoder)
        try:
            run(job, [str(folder / "a.txt")], Terminal("lmcodec", verbosity=-1))
        except KeyboardInterrupt:
            assert stop is not None
        else:
            assert stop is None
    return encoder.count


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.txt").write_bytes(CONTENT)
    return tmp_path


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("stop", [0, 1, 5, BLOCKS - 1])
def test_no_block_is_coded_twice(folder: Path, stop: int, threads: int) -> None:
    expected = lmcodec.compress(CONTENT, 1, block_size=BLOCK)
    compress(folder, stop, threads=threads)
    part = folder / "a.txt.lmz.part"
    assert not (folder / "a.txt.lmz").exists()
    kept = len(part.read_bytes()) if part.exists() else 0
    # At most the header of the frame, where no block was coded.
    assert kept < 20 if stop == 0 else 20 < kept < len(expected) or threads > 1
    coded = compress(folder, threads=threads)
    assert coded == BLOCKS - stop if threads == 1 else coded <= BLOCKS
    assert (folder / "a.txt.lmz").read_bytes() == expected
    assert not part.exists()


def test_it_can_be_stopped_again_and_again(folder: Path) -> None:
    coded = [compress(folder, 2), compress(folder, 1), compress(folder, 3), compress(folder)]
    assert coded == [2, 1, 3, BLOCKS - 6]
    assert lmcodec.decompress((folder / "a.txt.lmz").read_bytes()) == CONTENT


@pytest.mark.parametrize("at", [10, 3 * BLOCK + 7])
def test_changed_content_is_coded_anew_from_there(folder: Path, at: int) -> None:
    compress(folder, 6)
    changed = CONTENT[:at] + b"X" + CONTENT[at + 1 :]
    (folder / "a.txt").write_bytes(changed)
    # Where blocks begin depends on the size, which is the same.
    assert compress(folder) == BLOCKS - at // (len(CONTENT) // BLOCKS + 1)
    assert (folder / "a.txt.lmz").read_bytes() == lmcodec.compress(changed, 1, block_size=BLOCK)


@pytest.mark.parametrize("more", [b"and more", b"y" * 100_000])
def test_another_size_is_another_file(folder: Path, more: bytes) -> None:
    compress(folder, 6)
    (folder / "a.txt").write_bytes(CONTENT + more)
    compress(folder)
    stream = (folder / "a.txt.lmz").read_bytes()
    assert stream == lmcodec.compress(CONTENT + more, 1, block_size=BLOCK)


def test_what_is_kept_may_be_anything(folder: Path) -> None:
    compress(folder, 6)
    part = folder / "a.txt.lmz.part"
    whole = part.read_bytes()
    expected = lmcodec.compress(CONTENT, 1, block_size=BLOCK)
    for kept in (b"", b"x", whole[:-1], whole[:7], whole + b"rest", os.urandom(9000), b"\0" * 9):
        part.write_bytes(kept)
        compress(folder)
        assert (folder / "a.txt.lmz").read_bytes() == expected
        (folder / "a.txt.lmz").unlink()


def test_outputs_get_mode_and_time_of_the_source(folder: Path) -> None:
    source = folder / "a.txt"
    source.chmod(0o640)
    os.utime(source, ns=(10**18, 10**18))
    compress(folder, 2)
    compress(folder, remove=True)
    status = (folder / "a.txt.lmz").stat()
    assert status.st_mode & 0o777 == 0o640
    assert status.st_mtime_ns == 10**18
    assert not source.exists()


def test_files_that_are_there_stay(folder: Path) -> None:
    (folder / "a.txt.lmz").write_bytes(b"precious")
    assert compress(folder) == 0
    assert (folder / "a.txt.lmz").read_bytes() == b"precious"
