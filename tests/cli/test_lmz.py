"""Each convention of the gzip-like commands: exit code, standard output, standard error."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lmcodec

Run = Callable[..., Any]

CONTENT = b"abc\n" * 25
# No model: its import would cost more than the rest.
STREAM = lmcodec.compress(CONTENT, model="stored")
STORED = "--model=stored"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_compress_and_decompress_keep_the_source(run: Run, folder: Path) -> None:
    done = run("lmz", "a.txt", STORED)
    assert (done.code, done.out) == (0, b"")
    assert done.err == f"a.txt: 100 B -> {len(STREAM)} B ({len(STREAM)}.0 %), a.txt.lmz\n"
    assert (folder / "a.txt.lmz").read_bytes() == STREAM
    (folder / "a.txt").unlink()
    done = run("lmz", "-d", "a.txt.lmz")
    assert (done.code, done.out) == (0, b"")
    assert done.err == f"a.txt.lmz: {len(STREAM)} B -> 100 B, a.txt\n"
    assert (folder / "a.txt").read_bytes() == CONTENT
    assert names(folder) == ["a.txt", "a.txt.lmz"]


@pytest.mark.usefixtures("folder")
def test_levels_and_models_round_trip(run: Run) -> None:
    done = run("lmz", "-c1", "a.txt")
    assert (done.code, done.err) == (0, "")
    assert lmcodec.decompress(done.out) == CONTENT
    assert done.out == lmcodec.compress(CONTENT, level=1)


def test_pipes(run: Run) -> None:
    done = run("lmz", STORED, stdin=CONTENT)
    assert (done.code, done.err) == (0, "")
    assert lmcodec.decompress(done.out) == CONTENT
    assert run("lmzcat", stdin=done.out).out == CONTENT
    assert run("unlmz", "-", stdin=done.out).out == CONTENT


def test_short_options_combine(run: Run, folder: Path) -> None:
    (folder / "a.lmz").write_bytes(STREAM * 2)
    done = run("lmz", "-dckqT2", "a.lmz")
    assert (done.code, done.out, done.err) == (0, CONTENT * 2, "")


def test_several_files_are_joined_and_summed_up(run: Run, folder: Path) -> None:
    (folder / "b.LMZ").write_bytes(STREAM)
    (folder / "c.tlmz").write_bytes(STREAM)
    assert run("lmzcat", "b.LMZ", "c.tlmz").out == CONTENT * 2
    done = run("unlmz", "b.LMZ", "c.tlmz")
    assert done.err == f"2 files: {2 * len(STREAM)} B -> 200 B\n"
    assert (folder / "b").read_bytes() == (folder / "c.tar").read_bytes() == CONTENT


@pytest.mark.usefixtures("folder")
def test_words(run: Run) -> None:
    assert run("lmz", "-q", "a.txt", STORED).err == ""
    done = run("lmz", "-vt", "a.txt.lmz")
    assert (done.code, done.out, done.err) == (0, b"", "a.txt.lmz: ok, 100 B of content\n")


def test_dashes_end_options(run: Run, folder: Path) -> None:
    (folder / "-d").write_bytes(CONTENT)
    done = run("lmz", STORED, "-q", "--", "-d")
    assert (done.code, done.err) == (0, "")
    assert (folder / "-d.lmz").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-19", "a.txt"], "level must be 1 to 9: got 19"),
        (["--mem", "a.txt"], "unrecognized arguments: --mem"),
        (
            ["--memory=much", "a.txt"],
            "argument --memory: not a size: 'much'; write for example 64M or 1GiB",
        ),
        (["-T", "-3", "a.txt"], "argument -T/--threads: expected one argument"),
        (["--model=nope", "a.txt"], None),
        (["-o", "x", "a.txt", "b.txt"], "one output (-o) is for one input"),
        (["-c", "-o", "x", "a.txt"], "one output only: to standard output (-c) or to a file (-o)"),
        (["--json"], "records (--json) and content cannot both go to standard output"),
        (["-l"], "a stream in a pipe cannot be listed"),
    ],
)
def test_wrong_arguments(run: Run, folder: Path, arguments: list[str], words: str | None) -> None:
    done = run("lmz", *arguments)
    assert (done.code, done.out) == (1, b"")
    first, second = done.err.splitlines()
    assert first.startswith("lmz: error: ")
    assert words is None or first == f"lmz: error: {words}"
    assert second == "hint: type lmz --help for help"
    assert names(folder) == ["a.txt"]


@pytest.mark.usefixtures("folder")
def test_environment(run: Run) -> None:
    done = run("lmz", "-c", "a.txt", LMCODEC_LEVEL="12")
    assert done.code == 1
    assert done.err.startswith("lmz: error: LMCODEC_LEVEL: level must be 1 to 9: got '12'\n")
    done = run("lmz", "-c", "a.txt", STORED, LMCODEC_NBTHREADS="two")
    assert done.err.startswith("lmz: error: LMCODEC_NBTHREADS: ")
    # It is for compressing alone.
    assert run("lmz", "-d", stdin=STREAM, LMCODEC_LEVEL="12").out == CONTENT


def test_list(run: Run, folder: Path) -> None:
    (folder / "a.lmz").write_bytes(STREAM)
    (folder / "b.lmz").write_bytes(STREAM + STREAM)
    done = run("lmz", "-l", "a.lmz", "b.lmz")
    assert (done.code, done.err) == (0, "")
    lines = [line.split() for line in done.out.decode().splitlines()]
    size = len(STREAM)
    heading = "frames blocks compressed content ratio memory models prior network name"
    assert lines[0] == heading.split()
    assert lines[1][:4] == ["1", "1", str(size), "100"]
    assert lines[1][-4:] == ["stored", "-", "-", "a.lmz"]
    assert lines[2][:4] == ["2", "2", str(2 * size), "200"]
    assert lines[3] == ["3", "3", str(3 * size), "300", f"{size}.0", "%", "2", "files"]
    done = run("lmz", "-l", "--json", "b.lmz", "none")
    assert done.code == 1
    first, second = map(json.loads, done.out.splitlines())
    assert first == {
        "file": "b.lmz",
        "ok": True,
        "frames": 2,
        "skippable_frames": 0,
        "indexed_frames": 0,
        "blocks": 2,
        "coded_bytes": 2 * size,
        "raw_bytes": 200,
        "models": ["stored"],
        "priors": [],
        "networks": [],
        "language_models": [],
        "circuits": [],
        "ardms": [],
        "transforms": ["raw"],
        "portable": True,
        "memory_bytes": lmcodec.info(STREAM).memory_bytes,
        "sha256": [None, None],
    }
    assert second == {
        "file": "none",
        "ok": False,
        "error": "ENOENT",
        "message": "No such file or directory",
    }
    assert done.err == "lmz: error: none: No such file or directory\n"


def test_list_below_folders(run: Run, folder: Path) -> None:
    (folder / "d" / "e").mkdir(parents=True)
    (folder / "d" / "b.lmz").write_bytes(STREAM)
    (folder / "d" / "e" / "c.tlmz").write_bytes(STREAM)
    (folder / "d" / "e" / "plain").write_bytes(CONTENT)
    found = [os.path.join("d", "b.lmz"), os.path.join("d", "e", "c.tlmz")]
    for words in (["lmz", "-lr"], ["lmcodec", "info", "-r"]):
        done = run(*words, "d")
        assert (done.code, done.err) == (0, "")
        lines = done.out.decode().splitlines()
        assert [line.split()[-1] for line in lines[1:3]] == found
        records = run(*words, "--json", "d").out.splitlines()
        assert [json.loads(record)["file"] for record in records] == found
    assert run("lmz", "-l", "d").code == 1


def test_records(run: Run, folder: Path) -> None:
    (folder / "bad.lmz").write_bytes(STREAM[:-4])
    done = run("lmz", "--json", "-q", STORED, "--digest", "a.txt", "bad.lmz")
    assert done.code == 2
    first, second = map(json.loads, done.out.splitlines())
    assert first["output"] == "a.txt.lmz"
    assert first["raw_bytes"] == 100
    assert first["coded_bytes"] == (folder / "a.txt.lmz").stat().st_size
    assert second["error"] == "suffix"
    assert lmcodec.info(folder / "a.txt.lmz").digests[0] is not None
    done = run("lmz", "-t", "--json", "bad.lmz")
    assert done.code == 1
    assert json.loads(done.out)["error"] == "TruncatedError"


def test_version_and_help(run: Run) -> None:
    assert run("lmzcat", "-V").out.decode() == f"lmzcat {lmcodec.__version__}\n"
    assert run("lmz", "-h").out.startswith(b"usage: lmz ")


DAMAGED = bytearray(STREAM)
DAMAGED[-10] ^= 1


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (b"", "ends early"),
        (STREAM[:-5], ""),
        (bytes(DAMAGED), "checksum of the content differs"),
        (STREAM + b"junk", ""),
        (b"no stream at all", ""),
    ],
)
def test_bad_streams(run: Run, folder: Path, stream: bytes, words: str) -> None:
    (folder / "x.lmz").write_bytes(stream)
    done = run("lmz", "-d", "x.lmz")
    assert (done.code, done.out) == (1, b"")
    lines = done.err.splitlines()
    assert lines[0].startswith("lmz: error: x.lmz: ")
    assert words in lines[0]
    assert all(line.startswith("hint: ") for line in lines[1:])
    assert names(folder) == ["a.txt", "x.lmz"]


def test_memory_limit_names_what_is_needed(run: Run, folder: Path) -> None:
    (folder / "x.lmz").write_bytes(STREAM)
    needed = lmcodec.info(STREAM).memory_bytes
    done = run("lmz", "-t", "--memory=99", "x.lmz")
    assert done.code == 1
    assert done.err.splitlines()[1] == f"hint: allow more by --memory={needed}"
    assert run("lmz", "-t", f"--memory={needed}", "x.lmz").code == 0


def test_forced_cat_passes_other_files_through(run: Run, folder: Path) -> None:
    (folder / "x.lmz").write_bytes(STREAM)
    assert run("lmzcat", "-f", "a.txt", "x.lmz").out == CONTENT * 2
    assert run("lmzcat", "a.txt").code == 1


@pytest.mark.usefixtures("folder")
def test_an_output_in_no_folder(run: Run) -> None:
    done = run("lmz", "-o", "missing/folder/x", "a.txt")
    assert (done.code, done.out) == (1, b"")
    assert done.err == "lmz: error: missing/folder/x: No such file or directory\n"
