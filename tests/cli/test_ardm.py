"""Networks of `ardm` by the command: files, names, numbers of calls, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.ardm import Stored, small

if TYPE_CHECKING:
    from tests.cli.conftest import Run


@pytest.fixture
def array(folder: Path) -> bytes:
    """Write a network and an array of its samples; return the bytes of the array."""
    (folder / "tiny.ardm").write_bytes(Stored(small(), bytes(range(16))).file())
    samples = np.random.RandomState(1).randint(0, 16, (40, 4, 5)).astype(np.uint8)
    np.save(folder / "a.npy", samples)
    return (folder / "a.npy").read_bytes()


def test_files_and_names(run: Run, folder: Path, array: bytes) -> None:
    done = run("lmcodec", "compress", "-q", "--model=ardm:tiny.ardm", "--calls=6", "a.npy")
    assert (done.code, done.err) == (0, "")
    first = (folder / "a.npy.lmz").read_bytes()
    done = run("lmcodec", "decompress", "-c", "--model=tiny.ardm", "a.npy.lmz")
    assert done.out == array
    by_name = ["compress", "-cq", "--model=ardm:tiny", "--calls=6", "a.npy"]
    assert run("lmcodec", *by_name, LMCODEC_MODEL_PATH=str(folder)).out == first
    done = run("lmcodec", "compress", "-cq", "--model=tiny.ardm", "--embed", "a.npy")
    assert run("lmcodec", "decompress", "-c", stdin=done.out).out == array
    (folder / "tiny.ardm").unlink()
    done = run("lmcodec", "info", "--json", "a.npy.lmz")
    assert [len(need["sha256"]) for need in json.loads(done.out)["ardms"]] == [64]


@pytest.mark.usefixtures("array")
def test_circuits_are_not_run_by_torch(run: Run, folder: Path) -> None:
    (folder / "a.circuit").write_bytes(b"")
    done = run("lmcodec", "compress", "--model=a.circuit", "--backend=torch", "a.npy")
    assert (done.code, "circuits are not run by torch: 'a.circuit'" in done.err) == (1, True)


@pytest.mark.usefixtures("array")
def test_networks_are_shown(run: Run) -> None:
    done = run("lmcodec", "models", "show", "tiny.ardm")
    assert (done.code, done.err) == (0, "")
    assert "4 x 5: 20 symbols of 16 values" in done.out.decode()
    record = json.loads(run("lmcodec", "models", "--json", "show", "tiny.ardm").out)
    assert (record["shape"], record["stages"], record["symbols"]) == ([4, 5], 2, 20)


@pytest.mark.usefixtures("array")
@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--model=tiny.ardm", "--calls=0"], "calls must be at least 1: got 0"),
        (["--model=tiny.ardm", "--calls=1"], "calls must be 2 to 40: got 1"),
        (["--model=tiny.ardm", "--calls=41"], "calls must be 2 to 40: got 41"),
        (["--model=tiny.ardm", "--window=9"], "--window: for other models, not for 'tiny.ardm'"),
        (["--model=cm", "--calls=3"], "--calls: for networks of ardm only, not for 'cm'"),
        (["--model=tiny.ardm", "--device=cpu"], "--device: for --backend torch only"),
        (["--model=ardm_torch:tiny.ardm", "--mixed"], "--mixed: for --backend portable only"),
        (
            ["--model=ardm_torch:tiny.ardm", "--window=9"],
            "--window: for other models, not for 'ardm_torch:tiny.ardm'",
        ),
        (["--model=ardm:none"], "none: No such file or directory"),
        (["--model=ardm"], "ardm has no network"),
    ],
)
def test_what_is_refused(run: Run, folder: Path, words: list[str], error: str) -> None:
    done = run("lmcodec", "compress", *words, "a.npy")
    assert done.code == 1
    assert error in done.err
    assert not (folder / "a.npy.lmz").exists()


@pytest.mark.usefixtures("array")
def test_samples_of_another_length_are_refused(run: Run, folder: Path) -> None:
    np.save(folder / "b.npy", np.zeros((9, 4, 6), np.uint8))
    done = run("lmcodec", "compress", "--model=tiny.ardm", "b.npy")
    assert done.code == 1
    assert "network of ardm is of samples of 20 symbols: these have 24" in done.err
    assert not (folder / "b.npy.lmz").exists()


@pytest.mark.usefixtures("array")
def test_training_refuses_before_any_work(run: Run, folder: Path) -> None:
    for words, error in (
        (["-o", "x.bin"], "output of a network of ardm must end in .ardm"),
        (["-o", "x.ardm", "--states=3"], "argument --states: has no meaning for networks of ardm"),
        (["-o", "x.ardm", "--lines"], "argument --lines: has no meaning for networks of ardm"),
    ):
        done = run("lmcodec", "train", "--model=ardm", "a.npy", *words)
        assert done.code == 1
        assert error in done.err
    (folder / "x.checkpoint.safetensors").write_bytes(b"")
    done = run("lmcodec", "train", "--model=ardm", "a.npy", "-o", "x.ardm")
    assert done.code == 1
    assert "--resume goes on from there" in done.err


def test_contexts_beside(run: Run, folder: Path, array: bytes) -> None:
    (folder / "one.ardm").write_bytes(Stored(small(levels=(16,)), bytes(range(16))).file())
    done = run("lmcodec", "compress", "-cq", "--model=ardm:one.ardm", "--mixed", "a.npy")
    assert (done.code, done.err) == (0, "")
    assert run("lmcodec", "decompress", "-c", "--model=one.ardm", stdin=done.out).out == array
    for words, error in (
        (["--model=one.ardm", "--calls=3"], "calls of ardm beside contexts are one for each pixel"),
        (["--model=tiny.ardm"], "network of ardm must be of one stage to have contexts beside"),
    ):
        done = run("lmcodec", "compress", "--mixed", *words, "a.npy")
        assert done.code == 1
        assert error in done.err


def test_by_torch(run: Run, folder: Path, array: bytes) -> None:
    pytest.importorskip("torch")
    named = run("lmcodec", "compress", "-cq", "--model=ardm_torch:tiny.ardm", "--calls=6", "a.npy")
    assert (named.code, named.err) == (0, "")
    words = ["--model=tiny.ardm", "--backend=torch", "--device=auto", "--calls=6"]
    assert run("lmcodec", "compress", "-cq", *words, "a.npy").out == named.out
    (folder / "a.npy.lmz").write_bytes(named.out)
    done = run("lmcodec", "decompress", "-c", "--model=tiny.ardm", "a.npy.lmz")
    assert done.out == array
    words = ["convert", "-q", "a.npy.lmz", "-o", "b.lmz"]
    done = run("lmcodec", *words, LMCODEC_MODEL_PATH=str(folder))
    assert (done.code, done.err) == (0, "")
    done = run("lmcodec", "info", "--json", "b.lmz")
    assert "ardm/1" in json.loads(done.out)["models"]
