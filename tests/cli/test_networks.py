"""What the commands do with --network, and training of networks."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lmcodec
from lmcodec import network
from lmcodec.models.bytelm import Bytelm
from lmcodec.names import STDIN
from tests.networks import PATH, TINY
from tests.priors import ENGLISH

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Run = Callable[..., Any]
COMPRESS = {"lmcodec": ["compress", "-L", "9"], "lmz": ["-9"]}
DECOMPRESS = {"lmcodec": ["decompress"], "lmz": ["-d"]}
TEST = {"lmcodec": ["test"], "lmz": ["-t"]}
LIST = {"lmcodec": ["info"], "lmz": ["-l"]}
PROGRAMS = pytest.mark.parametrize("program", COMPRESS)
TRAIN = ["train", "--model", "bytelm"]
LINES = b"".join(b"2026-03-%02d door %d opened by %d\n" % (n % 28, n % 5, n) for n in range(900))


def other() -> bytes:
    """Return the file of a network that nothing has loaded: the same, but for a longer header."""
    file = bytes(TINY)
    size = int.from_bytes(file[:8], "little")
    return (size + 8).to_bytes(8, "little") + file[8 : 8 + size] + b" " * 8 + file[8 + size :]


@pytest.fixture
def place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a text and a network."""
    monkeypatch.delenv("LMCODEC_MODEL_PATH", raising=False)
    (folder / "text").write_bytes(ENGLISH)
    (folder / "own.safetensors").write_bytes(other())
    (folder / "bad.safetensors").write_bytes(b"nothing")
    gc.collect()
    network.SHELF.found.clear()
    return folder


@PROGRAMS
def test_round_trip(program: str, run: Run, place: Path) -> None:
    done = run(program, *COMPRESS[program], "-q", "--network", "own.safetensors", "text")
    assert (done.code, done.out, done.err) == (0, b"", "")
    (place / "text").unlink()
    gc.collect()
    done = run(program, *TEST[program], "text.lmz")
    assert done.code == 1
    assert "network is not here" in done.err
    assert "or load it with --network FILE" in done.err
    done = run(program, *LIST[program], "text.lmz")
    assert (done.code, done.err) == (0, "")
    assert "(missing)" in done.out.decode()
    named = ["--network=own.safetensors", "text.lmz"]
    assert run(program, *TEST[program], *named).code == 0
    done = run(program, *LIST[program], "--json", *named)
    (need,) = json.loads(done.out)["networks"]
    assert (need["name"], need["embedded"], need["here"]) == ("own", False, True)
    lines = run(program, *LIST[program], "-v", *named).out.decode().splitlines()
    assert f"network {need['sha256']}: own" in lines
    assert run(program, *DECOMPRESS[program], "-q", *named).code == 0
    assert (place / "text").read_bytes() == ENGLISH


@PROGRAMS
def test_a_stream_with_a_copy_needs_no_file(program: str, run: Run, place: Path) -> None:
    named = ("--network", "own.safetensors", "--embed")
    assert run(program, *COMPRESS[program], "-q", "--rm", *named, "text").code == 0
    (place / "own.safetensors").unlink()
    gc.collect()
    done = run(program, *LIST[program], "--json", "text.lmz")
    (need,) = json.loads(done.out)["networks"]
    assert (need["name"], need["embedded"], need["here"]) == ("own", True, True)
    assert "own (embedded)" in run(program, *LIST[program], "text.lmz").out.decode()
    gc.collect()
    assert run(program, *TEST[program], "text.lmz").code == 0
    assert run(program, *DECOMPRESS[program], "-q", "text.lmz").code == 0
    assert (place / "text").read_bytes() == ENGLISH


@PROGRAMS
def test_the_file_of_a_network_is_a_model(program: str, run: Run, place: Path) -> None:
    # Enough for a network that knows little.
    (place / "text").write_bytes(ENGLISH * 9)
    named = ("--model", "own.safetensors")
    assert run(program, *COMPRESS[program], "-q", "--rm", *named, "text").code == 0
    gc.collect()
    described = lmcodec.info(place / "text.lmz")
    assert described.models == ("bytelm/1",)
    assert [need.here for need in described.networks] == [False]
    assert run(program, *TEST[program], "text.lmz").code == 1
    assert run(program, *DECOMPRESS[program], "-q", *named, "text.lmz").code == 0
    assert (place / "text").read_bytes() == ENGLISH * 9
    done = run(program, *COMPRESS[program], "--model", "bad.safetensors", "text")
    assert done.code == 1
    assert "bad.safetensors: " in done.err
    if program == "lmcodec":
        done = run(program, *COMPRESS[program], "--backend=torch", *named, "text")
        assert (done.code, "networks are not run by torch" in done.err) == (1, True)
        done = run(program, *COMPRESS[program], "--window=9", *named, "text")
        assert (done.code, "--window: for other models" in done.err) == (1, True)


def test_other_readers(run: Run, place: Path) -> None:
    run("lmz", "-9", "-q", "--network", "own.safetensors", "text")
    (place / "text").unlink()
    gc.collect()
    word = ENGLISH.split()[0].decode()
    assert run("lmzgrep", "-c", word, "text.lmz").code == 2
    assert run("lmzgrep", "--network", "own.safetensors", "-c", word, "text.lmz").code == 0
    done = run("lmzgrep", "--network=bad.safetensors", "-c", word, "text.lmz")
    assert done.code == 2
    assert "bad.safetensors" in done.err
    named = ["--network=own.safetensors", "text.lmz"]
    assert run("lmcodec", "recover", "-o", "back", *named).code == 0
    assert (place / "back").read_bytes() == ENGLISH


@PROGRAMS
def test_what_is_wrong_is_said(program: str, run: Run, place: Path) -> None:
    for name, words in (
        ("bad.safetensors", "bad.safetensors: "),
        ("none.safetensors", "none.safetensors: No such file"),
        ("some", "network is not known: 'some'"),
    ):
        done = run(program, *COMPRESS[program], "--network", name, "text")
        assert done.code == 1
        assert words in done.err
    done = run(program, COMPRESS[program][0].replace("-9", "-5"), "--network", str(PATH), "text")
    assert done.code == 1
    assert "network has no use here" in done.err
    assert not (place / "text.lmz").exists()


def test_training_is_refused_before_the_work(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "lines").write_bytes(LINES)
    before = sorted(path.name for path in place.iterdir())
    for arguments, words in (
        (["-o", "a.prior"], "must end in .safetensors: a.prior"),
        (["-o", STDIN], "must end in .safetensors: -"),
        (["-o", "a.safetensors", "--text", "4K"], "argument --text: has no meaning for networks"),
        (["-o", "a.safetensors", "--minutes", "0"], "must be a number above 0: 0"),
        (["-o", "a.safetensors", "--seed", "-1"], "--seed"),
    ):
        done = run("lmcodec", *TRAIN, "lines", *arguments)
        assert done.code == 1
        assert words in done.err
    done = run("lmcodec", "train", "lines", "-o", "a.prior", "--resume")
    assert "argument --resume: has no meaning for priors" in done.err
    monkeypatch.setitem(sys.modules, "torch", None)
    done = run("lmcodec", *TRAIN, "lines", "-o", "a.safetensors")
    assert done.code == 1
    assert "error: training a network needs torch and safetensors: " in done.err
    assert 'hint: install both by: pip install "lmcodec[lm]"' in done.err
    assert sorted(path.name for path in place.iterdir()) == before


@pytest.fixture
def _torch() -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("safetensors", reason="safetensors is not installed")


@pytest.mark.nn
@pytest.mark.usefixtures("_torch")
def test_training_writes_a_network_and_its_card(run: Run, place: Path) -> None:
    (place / "lines").write_bytes(LINES)
    base = ["--base", str(PATH), "-T1", "--passes", "2"]
    done = run("lmcodec", *TRAIN, "lines", *base, "-o", "new.safetensors", "--progress")
    assert done.code == 0, done.err
    assert "\rtraining: " in done.err
    assert "held back: 1 samples of 2.8" in done.err
    made = lmcodec.Network.load(place / "new.safetensors")
    card = tomllib.loads((place / "new.toml").read_text())
    assert card["base_sha256"] == TINY.digest.hex()
    assert card["network"] == {"bytes": len(bytes(made)), "sha256": made.digest.hex()}
    assert card["text"][0]["name"] == "lines"
    assert card["bytes_seen"] >= 2 * 9 * len(LINES) // 10
    held = LINES[len(LINES) * 90 // 100 :]
    assert card["held_back"]["alone_bytes_after"] == len(Bytelm(made).encode(held))
    assert card["held_back"]["alone_bytes_before"] == len(Bytelm(TINY).encode(held))
    assert not (place / "new.checkpoint").exists()
    again = run("lmcodec", *TRAIN, "lines", *base, "-o", "new.safetensors")
    assert again.code == 1
    assert "new.safetensors: exists" in again.err.lower() or "File exists" in again.err
    (place / "short").write_bytes(b"few")
    done = run("lmcodec", *TRAIN, "short", *base, "-o", "x.safetensors")
    assert "too little text to train a network on: 3 of 8192 bytes" in done.err
    assert not (place / "x.safetensors").exists()


@pytest.mark.nn
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.usefixtures("_torch")
def test_an_interrupt_leaves_a_checkpoint(process: Any, run: Run, place: Path) -> None:
    (place / "lines").write_bytes(LINES)
    arguments = [*TRAIN, "lines", "--base", str(PATH), "-T1", "-o", "new.safetensors", "--progress"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    child = subprocess.Popen(
        [sys.executable, "-m", "lmcodec.cli", *arguments, "--passes", "1000"],
        cwd=place,
        stderr=subprocess.PIPE,
        env=process.environment,
    )
    signal.signal(signal.SIGINT, before)
    assert child.stderr is not None
    words = b""
    while b"%, " not in words and child.poll() is None:
        words += os.read(child.stderr.fileno(), 4096)
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    assert child.wait(60) == -signal.SIGINT
    words += child.stderr.read()
    child.stderr.close()
    assert b"new.checkpoint: go on from here with --resume" in words
    names = {path.name for path in place.iterdir()}
    assert "new.checkpoint" in names
    assert not {"new.safetensors", "new.toml"} & names
    assert not [name for name in names if name.startswith(".lmz-")]
    done = run("lmcodec", *arguments, "--passes", "2")
    assert done.code == 1
    assert "new.checkpoint: exists: --resume goes on from there" in done.err
    done = run("lmcodec", *arguments, "--passes", "1", "--resume")
    assert done.code == 0, done.err
    assert not (place / "new.checkpoint").exists()
    assert (place / "new.safetensors").exists()
