"""Ends that the program does not choose: interrupts, closed pipes, terminals."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

import lmcodec
from lmcodec import synthetic

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and terminals of POSIX")


@pytest.fixture(autouse=True)
def _interrupts_arrive() -> Iterator[None]:
    # A shell starts what runs in its background with interrupts ignored, and nohup with hang-ups,
    # which children inherit.
    interrupt = signal.signal(signal.SIGINT, signal.default_int_handler)
    hang_up = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGHUP, hang_up)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_removes_the_passing_file(process: Any, folder: Path, number: int) -> None:
    child = subprocess.Popen(
        [*process.words, "--model=stored", "-o", "x.lmz"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=process.environment,
    )
    assert child.stdin is not None
    child.stdin.write(b"some content")
    child.stdin.flush()
    for _ in range(1000):
        if len(list(folder.glob(".lmz-*.tmp"))) == 1:
            break
        time.sleep(0.02)
    assert [path.name for path in folder.glob(".lmz-*.tmp")]
    child.send_signal(number)
    assert child.wait(60) == -number
    assert sorted(path.name for path in folder.iterdir()) == ["a.txt"]
    assert child.stderr is not None
    assert child.stderr.read() == b""
    child.stdin.close()
    child.stderr.close()


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_ends_a_model_at_work(process: Any, folder: Path, threads: int) -> None:
    """The block would take minutes: the model itself has to stop."""
    (folder / "large").write_bytes(b"".join(islice(synthetic.markov(1), 400)))
    child = subprocess.Popen(
        [*process.words, "-9", "--model=cm", f"-T{threads}", "large"],
        cwd=folder,
        stderr=subprocess.PIPE,
        env=process.environment,
    )
    for _ in range(1000):
        if len(list(folder.glob(".lmz-*.tmp"))) == 1:
            break
        time.sleep(0.02)
    time.sleep(1)
    child.send_signal(signal.SIGINT)
    assert child.wait(40) == -signal.SIGINT
    assert sorted(path.name for path in folder.iterdir()) == ["a.txt", "large"]
    assert child.stderr is not None
    assert child.stderr.read() == b""
    child.stderr.close()


def test_a_closed_pipe_ends_quietly(process: Any, folder: Path) -> None:
    (folder / "zeros").write_bytes(bytes(1 << 20))
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [*process.words, "-c", "--model=stored", "zeros"],
        cwd=folder,
        stdout=writing,
        stderr=subprocess.PIPE,
        env=process.environment,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")


def test_streams_that_take_nothing(process: Any, folder: Path) -> None:
    """A full disk or a closed stream behind what is printed: one line, no traceback."""
    (folder / "x.lmz").write_bytes(lmcodec.compress(b"abc", model="stored"))
    command = shlex.join(process.words)
    for words, code, seen in (
        ("-l x.lmz > /dev/full", 1, "lmz: error: standard output: No space left on device\n"),
        ("-c --model=stored a.txt > /dev/full", 1, None),
        ("-c --model=stored a.txt >&-", 1, "lmz: error: a.txt: standard output is closed\n"),
        ("--model=stored <&-", 1, "lmz: error: standard input: is closed\n"),
        ("-q none 2>&-", 1, ""),
    ):
        if "/dev/full" in words and not Path("/dev/full").exists():
            continue
        done = subprocess.run(
            ["sh", "-c", f"{command} {words}"],
            cwd=folder,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            env=process.environment,
            text=True,
        )
        seen = "lmz: error: standard output: No space left on device\n" if seen is None else seen
        assert (done.returncode, done.stderr) == (code, seen), words


def on_terminal(process: Any, folder: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    import pty

    leader, follower = pty.openpty()
    child = subprocess.Popen(
        [*process.words, *arguments],
        cwd=folder,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=process.environment | {"TERM": "xterm"} | variables,
    )
    os.close(follower)
    seen = b""
    while True:
        try:
            part = os.read(leader, 4096)
        except OSError:
            break
        if not part:
            break
        seen += part
    os.close(leader)
    return child.wait(60), seen.decode().replace("\r\n", "\n")


def test_terminals_are_refused(process: Any, folder: Path) -> None:
    code, seen = on_terminal(process, folder, "-c", "a.txt", NO_COLOR="1")
    assert (code, seen) == (
        1,
        "lmz: error: a.txt: compressed data is not written to a terminal\n"
        "hint: force it by -f, or type -h for help\n",
    )
    code, seen = on_terminal(process, folder, "-d")
    assert (code, seen) == (
        1,
        "lmz: \x1b[31merror:\x1b[0m standard input: compressed data is not read from a terminal\n"
        "hint: name a file, or type -h for help\n",
    )


def test_progress_is_for_terminals(process: Any, folder: Path) -> None:
    code, seen = on_terminal(process, folder, "--model=stored", "a.txt")
    assert code == 0
    assert "\ra.txt: 0 %, 0 of 100 B" in seen
    assert seen.rstrip().endswith("a.txt.lmz")


def test_progress_can_be_turned_off(process: Any, folder: Path) -> None:
    code, seen = on_terminal(process, folder, "--no-progress", "--model=stored", "a.txt")
    assert code == 0
    assert "\r" not in seen


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupt_ends_training(process: Any, folder: Path, threads: int) -> None:
    (folder / "large").write_bytes(b"".join(islice(synthetic.markov(1), 400)))
    child = subprocess.Popen(
        [
            process.words[0],
            "-c",
            "import sys; from lmcodec.cli import main; sys.exit(main())",
            *("train", f"-T{threads}", "--base", "none", "large", "-o", "own.prior"),
        ],
        cwd=folder,
        stderr=subprocess.PIPE,
        env=process.environment,
    )
    for _ in range(1000):
        if len(list(folder.glob(".lmz-*.tmp"))) == 1:
            break
        time.sleep(0.02)
    time.sleep(1)
    child.send_signal(signal.SIGINT)
    assert child.wait(40) == -signal.SIGINT
    assert sorted(path.name for path in folder.iterdir()) == ["a.txt", "large"]
    assert child.stderr is not None
    assert child.stderr.read() == b""
    child.stderr.close()
