"""The command with subcommands."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lmcodec
from lmcodec import demo
from lmcodec.models.base import MODELS
from tests.circuits import random_circuit

Run = Callable[..., Any]

CONTENT = b"abc\n" * 25
STREAM = lmcodec.compress(CONTENT, model="stored")


@pytest.mark.usefixtures("folder")
def test_round_trip(run: Run) -> None:
    assert run("lmcodec", "compress", "-qL9", "--model=stored", "a.txt").code == 0
    assert run("lmcodec", "decompress", "-c", "a.txt.lmz").out == CONTENT
    assert run("lmcodec", "test", "a.txt.lmz").err == "a.txt.lmz: ok, 100 B of content\n"
    done = run("lmcodec", "info", "--json", "a.txt.lmz")
    assert json.loads(done.out)["raw_bytes"] == 100
    done = run("lmcodec", "info", "-v", "--", "a.txt.lmz")
    assert "\nblock  offset" in done.out.decode()


def test_errors_name_the_subcommand(run: Run) -> None:
    done = run("lmcodec", "compress", "--bad")
    assert (done.code, done.err) == (
        1,
        "lmcodec: error: unrecognized arguments: --bad\n"
        "hint: type lmcodec compress --help for help\n",
    )
    done = run("lmcodec")
    assert (done.code, done.out[:14]) == (1, b"usage: lmcodec")


def test_recover(run: Run, folder: Path) -> None:
    content = b"a" * 99 + b"b" * 99
    stream = bytearray(lmcodec.compress(content, model="stored", block_size=99))
    stream[60] ^= 1
    (folder / "x.lmz").write_bytes(stream)
    done = run("lmcodec", "recover", "x.lmz")
    assert (done.code, done.out) == (2, b"")
    first, second = done.err.splitlines()
    assert first.startswith("lmcodec: warning: x.lmz: bytes 0 to 99 lost: ")
    assert second == "x.lmz: 99 B recovered, x"
    assert (folder / "x").read_bytes() == b"b" * 99
    done = run("lmcodec", "recover", "--fill", "x.lmz", "-o", "-")
    assert (done.code, done.out) == (2, bytes(99) + b"b" * 99)
    (folder / "y.lmz").write_bytes(b"nothing")
    done = run("lmcodec", "recover", "y.lmz")
    assert (done.code, done.err) == (1, "lmcodec: error: y.lmz: nothing in it can be recovered\n")


def test_models(run: Run) -> None:
    done = run("lmcodec", "models", "--json")
    records = [json.loads(line) for line in done.out.splitlines()]
    assert [record["id"] for record in records] == [cls.id for cls in MODELS.list()]
    assert all(record["summary"] for record in records)
    assert len(run("lmcodec", "models").out.splitlines()) == len(records) + 1


def test_models_show(run: Run, folder: Path) -> None:
    stored = random_circuit(5, 12, states=3, categories=4)
    edges = int((stored.transitions > 0).sum()) + len(stored.emissions)
    (folder / "a.circuit").write_bytes(stored.file(shape="3,4", seed="9"))
    done = run("lmcodec", "models", "--json", "show", "a.circuit")
    (record,) = map(json.loads, done.out.splitlines())
    assert record["shape"] == [3, 4]
    assert record["states"] == [int(stored.states.min()), int(stored.states.max())]
    assert (record["variables"], record["nodes"], record["edges"]) == (12, 12, edges)
    assert record["card"] == {"shape": "3,4", "seed": "9"}
    assert record["sha256"] == hashlib.sha256((folder / "a.circuit").read_bytes()).hexdigest()
    done = run("lmcodec", "models", "show", "a.circuit", "none.circuit")
    lines = done.out.decode().splitlines()
    assert lines[0] == "a.circuit:"
    assert lines[3].split(None, 2)[2] == "3 x 4: 12 variables of 1 to 4 values"
    pruned = len(stored.transitions) - int((stored.transitions > 0).sum())
    assert lines[6].endswith(f"; {pruned} more were pruned")
    assert lines[8].split() == ["seed", "9"]
    assert (done.code, done.err) == (
        1,
        "lmcodec: error: none.circuit: No such file or directory\n",
    )
    assert run("lmcodec", "models", "show").code == 1


def test_doctor(run: Run) -> None:
    done = run("lmcodec", "doctor", LMCODEC_CACHE_DIR="/cache")
    lines = done.out.decode().splitlines()
    assert done.code == 0
    assert lines[0].split()[:2] == ["lmcodec", f"{lmcodec.__version__},"]
    assert any(line.split() == ["cache", "/cache"] for line in lines)
    for cls in MODELS.list():
        known = "needs weights of your own" if cls.external else "ok"
        assert f"{cls.id}/{cls.version}: {known}" in lines


@pytest.mark.usefixtures("folder")
def test_bench(run: Run) -> None:
    done = run("lmcodec", "bench", "none")
    assert (done.code, done.err) == (1, "lmcodec: error: none: No such file or directory\n")
    done = run("lmcodec", "bench")
    assert done.err.startswith("lmcodec: error: name a file\n")
    done = run("lmcodec", "bench", "--codec=lmcodec*", "--model=stored", "-L1", "a.txt")
    assert done.code == 0
    rows = [line.split() for line in done.out.decode().splitlines()]
    assert ["lmcodec", "-1", "-m", "stored"] in [row[:4] for row in rows]


def test_corpora(run: Run, folder: Path) -> None:
    from lmcodec.corpora import list_corpora

    lines = run("lmcodec", "corpora", "list").out.decode().splitlines()
    assert [line.split()[1] for line in lines[1:]] == [each.name for each in list_corpora()]
    for arguments, words in (
        (["get"], "name the corpora to get"),
        (["verify", "none"], "corpus is not known: none"),
    ):
        done = run("lmcodec", "corpora", *arguments)
        assert (done.code, done.err.splitlines()[0]) == (1, f"lmcodec: error: {words}")
    # What is not on this machine does not keep the next one from being got.
    far = next(each.name for each in list_corpora() if each.url)
    made = next(each.name for each in list_corpora() if each.generator and each.raw_bytes < 1 << 21)
    place = {"LMCODEC_OFFLINE": "1", "LMCODEC_CORPORA": "", "LMCODEC_CACHE_DIR": str(folder)}
    done = run("lmcodec", "corpora", "get", far, made, **place)
    assert done.code == 1
    assert done.err.startswith(f"lmcodec: error: corpus is not on this machine: {far}\nhint: ")
    assert [Path(line).name for line in done.out.decode().splitlines()] == [made]
    assert run("lmcodec", "corpora", "verify", made).out == f"ok      {made}\n".encode()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(run: Run, shell: str) -> None:
    for name in ("lmz", "lmcodec"):
        done = run("lmcodec", "completion", shell, f"--command={name}")
        shipped = Path(lmcodec.__path__[0], "data", "completion", f"{name}.{shell}")
        assert (done.code, done.out) == (0, shipped.read_bytes())


def test_demo(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "PEERS", ())
        patch.setattr(demo, "LEVELS", (1,))
        assert demo.main([str(folder / "a.txt")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{folder / 'a.txt'}: 100 bytes"
    assert sum(" lmcodec -1 " in line and line.endswith("identical") for line in lines) == 1
    assert demo.topics().name.startswith("topics.")


@pytest.mark.parametrize("entry", ["lmcodec.lmz:main", "lmcodec.cli:main"])
def test_help_imports_little(entry: str) -> None:
    heavy = ("numpy", "json", "torch", "logging", "concurrent.futures", "hashlib", "lmcodec.jobs")
    module, name = entry.split(":")
    code = (
        f"import sys\nfrom {module} import {name} as main\n"
        "assert main(['--help']) == 0\n"
        "print(*[name for name in sys.argv[1:] if name in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True
    )
    assert done.stderr.strip() == ""
