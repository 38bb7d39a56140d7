"""What becomes of files: names, modes, times, links, folders, holes, and disks that are full."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lmcodec
from lmcodec import jobs
from lmcodec.names import STDIN
from lmcodec.outputs import NewFile
from lmcodec.terminal import Terminal

Run = Callable[..., Any]

CONTENT = b"abc\n" * 25
STREAM = lmcodec.compress(CONTENT, model="stored")
STORED = "--model=stored"
posix = pytest.mark.skipif(os.name != "posix", reason="modes and signals of POSIX")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def work(folder: Path, *files: str, **choices: Any) -> tuple[Terminal, list[Any]]:
    """Run a job in this process."""
    results: list[Any] = []
    terminal = Terminal("lmz", verbosity=-1)
    job = jobs.Job(**{"verb": "compress", "model": "stored", **choices})
    paths = [name if name == STDIN else str(folder / name) for name in files]
    jobs.run(job, paths, terminal, lambda _, result: results.append(result))
    return terminal, results


@posix
def test_mode_and_times_are_copied_but_no_setuid(folder: Path) -> None:
    source = folder / "a.txt"
    source.chmod(0o4751)
    os.utime(source, ns=(10**18, 10**18 + 7))
    work(folder, "a.txt")
    status = (folder / "a.txt.lmz").stat()
    assert stat.S_IMODE(status.st_mode) == 0o751
    assert status.st_mtime_ns == 10**18 + 7


@posix
def test_a_new_file_from_a_pipe_has_the_usual_mode(run: Run, folder: Path) -> None:
    mask = os.umask(0)
    os.umask(mask)
    assert run("lmz", STORED, "-o", "x.lmz", stdin=CONTENT).code == 0
    assert stat.S_IMODE((folder / "x.lmz").stat().st_mode) == 0o666 & ~mask


def test_existing_output_is_refused(run: Run, folder: Path) -> None:
    (folder / "a.txt.lmz").write_bytes(b"precious")
    done = run("lmz", "a.txt", STORED)
    assert (done.code, done.out) == (1, b"")
    assert done.err == (
        "lmz: error: a.txt.lmz: File exists\nhint: replace it by -f, or choose another name by -o\n"
    )
    assert (folder / "a.txt.lmz").read_bytes() == b"precious"
    assert run("lmz", "-fq", "a.txt", STORED).code == 0
    assert (folder / "a.txt.lmz").read_bytes() == STREAM


def test_an_output_that_appears_meanwhile_is_kept(folder: Path) -> None:
    output = NewFile(str(folder / "x"), replace=False)
    output.write(b"new")
    (folder / "x").write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        output.commit()
    output.abandon()
    assert (folder / "x").read_bytes() == b"precious"
    assert names(folder) == ["a.txt", "x"]


@pytest.mark.parametrize("verb", ["compress", "decompress"])
def test_remove(folder: Path, verb: str) -> None:
    (folder / "x.lmz").write_bytes(STREAM)
    terminal, _ = work(folder, {"compress": "a.txt"}.get(verb, "x.lmz"), verb=verb, remove=True)
    assert terminal.exit_code == 0
    assert (
        names(folder)
        == {
            "compress": ["a.txt.lmz", "x.lmz"],
            "decompress": ["a.txt", "x"],
        }[verb]
    )


def test_sources_stay_where_the_output_is_standard_output(run: Run, folder: Path) -> None:
    assert run("lmz", "--rm", "-c", STORED, "a.txt").out == STREAM
    assert names(folder) == ["a.txt"]


def test_remove_only_what_reads_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = jobs._write

    def spoil(output: Any, data: bytes) -> int:
        return write(output, lmcodec.compress(b"other", model="stored") if data else data)

    monkeypatch.setattr(jobs, "_write", spoil)
    terminal, (error,) = work(folder, "a.txt", remove=True)
    assert terminal.exit_code == 1
    assert str(error) == "output does not decode to the input"
    assert names(folder) == ["a.txt"]


@posix
def test_links_and_special_files_are_skipped(folder: Path) -> None:
    (folder / "link").symlink_to("a.txt")
    os.mkfifo(folder / "fifo")
    terminal, results = work(folder, "link", "fifo", ".")
    assert [str(result) for result in results] == [
        "is a symbolic link, skipped",
        "is not a regular file, skipped",
        "is a folder, skipped",
    ]
    assert terminal.exit_code == 2
    assert names(folder) == ["a.txt", "fifo", "link"]
    terminal, _ = work(folder, "link", force=True)
    assert terminal.exit_code == 0
    assert (folder / "link.lmz").read_bytes() == STREAM


def test_suffixes(folder: Path) -> None:
    (folder / "x.lmz").write_bytes(STREAM)
    terminal, (skipped,) = work(folder, "x.lmz")
    assert (terminal.exit_code, str(skipped)) == (
        2,
        "has the suffix of a compressed file, skipped",
    )
    terminal, (error,) = work(folder, "a.txt", verb="decompress")
    assert (terminal.exit_code, str(error)) == (1, "suffix is not known")


def test_folders(folder: Path) -> None:
    (folder / "d" / "e").mkdir(parents=True)
    (folder / "d" / "e" / "1").write_bytes(CONTENT)
    (folder / "d" / "2").write_bytes(b"")
    (folder / "d" / "3.lmz").write_bytes(STREAM)
    terminal, results = work(folder, "d", recursive=True)
    assert terminal.exit_code == 0
    assert [Path(result.target).name for result in results] == ["2.lmz", "1.lmz"]
    terminal, results = work(folder, "d", recursive=True, verb="test")
    assert [result.raw_bytes for result in results] == [0, 100, 100]


def test_an_empty_folder_does_not_mean_standard_input(run: Run, folder: Path) -> None:
    (folder / "empty").mkdir()
    done = run("lmz", "-r", "empty", stdin=CONTENT)
    assert (done.code, done.out, done.err) == (0, b"", "")


def test_names_that_are_no_text(run: Run, folder: Path) -> None:
    name = os.fsdecode(b"bad\xff\x1b[31m\n")
    try:
        (folder / name).write_bytes(CONTENT)
    except OSError:
        pytest.skip("the file system takes only text")
    done = run("lmz", "--json", STORED, name)
    assert done.code == 0
    shown = "bad\\udcff\\x1b[31m\\n"
    assert done.err == f"{shown}: 100 B -> {len(STREAM)} B ({len(STREAM)}.0 %), {shown}.lmz\n"
    assert run("lmz", "-lq", name + ".lmz").out.decode().splitlines()[1].endswith(f"{shown}.lmz")


def test_input_and_output_may_not_be_the_same(folder: Path) -> None:
    _, (error,) = work(folder, "a.txt", output=str(folder / "a.txt"), force=True)
    assert str(error) == "input and output are the same file"


class _Changing:
    """A file whose size was another one when it was opened."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def read(self, size: int) -> bytes:
        part, self._data = self._data[:size], self._data[size:]
        return part


@pytest.mark.parametrize("change", [-1, 1])
def test_files_that_change_while_they_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, change: int
) -> None:
    real = jobs._Source

    def source(_file: Any, *others: Any) -> Any:
        return real(_Changing(CONTENT + b"!" if change > 0 else CONTENT[:-1]), *others)  # type: ignore[arg-type]

    monkeypatch.setattr(jobs, "_Source", source)
    terminal, (result,) = work(folder, "a.txt", remove=change > 0)
    if change < 0:
        assert str(result) == "became shorter while it was read"
        assert names(folder) == ["a.txt"]
    else:
        assert (
            result.warning == "grew while it was read: only what was there at first is compressed"
        )
        assert lmcodec.decompress((folder / "a.txt.lmz").read_bytes()) == CONTENT
        # What was not compressed must not be lost.
        assert names(folder) == ["a.txt", "a.txt.lmz"]
    assert terminal.exit_code == (1 if change < 0 else 2)


def test_a_file_that_vanished(folder: Path) -> None:
    _, (error,) = work(folder, "gone")
    assert jobs.kind(error) == "ENOENT"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk(run: Run, folder: Path) -> None:
    done = run("lmz", "-o", "/dev/full", STORED, "a.txt")
    assert (done.code, done.err) == (1, "lmz: error: /dev/full: No space left on device\n")
    _, (error,) = work(folder, "a.txt", output="/dev/full")
    assert jobs.kind(error) == "ENOSPC"
    assert names(folder) == ["a.txt"]


def test_a_disk_that_fills_up_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    _, (error,) = work(folder, "a.txt", remove=True)
    monkeypatch.undo()
    assert error.filename == str(folder / "a.txt.lmz")
    assert names(folder) == ["a.txt"]


@posix
def test_zeros_become_holes(folder: Path) -> None:
    content = b"a" + bytes(1 << 20) + b"b" + bytes(1 << 20)
    (folder / "x.lmz").write_bytes(lmcodec.compress(content, model="stored"))
    work(folder, "x.lmz", verb="decompress")
    work(folder, "x.lmz", verb="decompress", sparse=False, output=str(folder / "dense"))
    assert (folder / "x").read_bytes() == (folder / "dense").read_bytes() == content
    assert (folder / "x").stat().st_blocks < (folder / "dense").stat().st_blocks


def test_verify_reads_back(folder: Path) -> None:
    terminal, _ = work(folder, "a.txt", verify=True)
    assert terminal.exit_code == 0


def test_devices_are_written_in_place(run: Run, folder: Path) -> None:
    done = run("lmz", "-q", "-o", os.devnull, "--rm", STORED, "a.txt")
    assert (done.code, done.err) == (0, "")
    assert names(folder) == ["a.txt"]
