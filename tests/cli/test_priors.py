"""What the commands do with --prior."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lmcodec
from tests.priors import ENGLISH, GENERAL, OWN, RECORDS, digests, forget

Run = Callable[..., Any]

# The words with which each command does a thing.
COMPRESS = {"lmcodec": ["compress"], "lmz": []}
DECOMPRESS = {"lmcodec": ["decompress"], "lmz": ["-d"]}
TEST = {"lmcodec": ["test"], "lmz": ["-t"]}
PROGRAMS = pytest.mark.parametrize("program", COMPRESS)


@pytest.fixture
def place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with records and a prior, which no earlier command has loaded."""
    (folder / "log").write_bytes(RECORDS)
    (folder / "log.prior").write_bytes(bytes(OWN))
    (folder / "bad.prior").write_bytes(b"nothing")
    forget(monkeypatch)
    return folder


@pytest.fixture
def coded(place: Path) -> Path:
    """The same with the records coded, and gone."""
    (place / "log").unlink()
    (place / "log.lmz").write_bytes(lmcodec.compress(RECORDS, prior=OWN))
    gc.collect()
    return place


@PROGRAMS
def test_round_trip(program: str, run: Run, place: Path) -> None:
    done = run(program, *COMPRESS[program], "-q", "--prior", "log.prior", "log")
    assert (done.code, done.out, done.err) == (0, b"", "")
    stream = (place / "log.lmz").read_bytes()
    assert stream == lmcodec.compress(RECORDS, prior=OWN)
    assert digests(stream) == {OWN.digest}
    (place / "log").unlink()
    done = run(program, *DECOMPRESS[program], "-q", "--prior=log.prior", "log.lmz")
    assert (done.code, done.out, done.err) == (0, b"", "")
    assert (place / "log").read_bytes() == RECORDS
    done = run(program, *TEST[program], "--prior=log.prior", "log.lmz")
    assert (done.code, done.err) == (0, "log.lmz: ok, 500 B of content\n")


@PROGRAMS
@pytest.mark.parametrize("prior", [[], ["--prior=none"], ["--prior=general"]])
def test_without_the_prior_nothing_is_written(
    program: str, prior: list[str], run: Run, coded: Path
) -> None:
    before = sorted(coded.iterdir())
    for words in (DECOMPRESS[program], TEST[program]):
        done = run(program, *words, *prior, "log.lmz")
        assert (done.code, done.out) == (1, b"")
        assert done.err == (
            f"{program}: error: log.lmz: prior is not here: {OWN.digest.hex()}: "
            "looked in the package and not in LMCODEC_MODEL_PATH, which is not set\n"
            "hint: set LMCODEC_MODEL_PATH to a folder that has its file, "
            "or load it with --prior FILE\n"
        )
    assert sorted(coded.iterdir()) == before


@PROGRAMS
def test_folders_are_looked_in(program: str, run: Run, coded: Path) -> None:
    done = run(program, *DECOMPRESS[program], "-qc", "log.lmz", LMCODEC_MODEL_PATH=".")
    assert (done.code, done.out, done.err) == (0, RECORDS, "")
    done = run(program, *DECOMPRESS[program], "log.lmz", LMCODEC_MODEL_PATH="none")
    assert done.code == 1
    assert "looked in the package and in none\n" in done.err
    assert not (coded / "log").exists()


@PROGRAMS
def test_sources_are_removed_only_after_they_were_read_back(
    program: str, run: Run, place: Path
) -> None:
    done = run(program, *COMPRESS[program], "-q", "--rm", "--prior=log.prior", "log")
    assert (done.code, done.err) == (0, "")
    assert not (place / "log").exists()
    stream = (place / "log.lmz").read_bytes()
    loaded = lmcodec.Prior(bytes(OWN))
    assert digests(stream) == {loaded.digest}
    assert lmcodec.decompress(stream) == RECORDS


@PROGRAMS
def test_names(program: str, run: Run) -> None:
    for prior, named in (("none", set()), ("auto", {GENERAL}), ("general-1", {GENERAL})):
        done = run(program, *COMPRESS[program], f"--prior={prior}", stdin=ENGLISH)
        assert (done.code, done.err) == (0, "")
        assert digests(done.out) == named
        done = run(program, *DECOMPRESS[program], "-c", stdin=done.out)
        assert (done.code, done.out) == (0, ENGLISH)


@PROGRAMS
@pytest.mark.parametrize("words", [COMPRESS, DECOMPRESS, TEST])
@pytest.mark.parametrize(
    ("prior", "error"),
    [
        ("nothing", "prior is not known: 'nothing'; known are auto, none, general-1, and files"),
        ("", "prior is not known: ''; known are auto, none, general-1, and files"),
        ("none.prior", "none.prior: No such file or directory"),
        ("bad.prior", "not a prior: bad.prior: "),
    ],
)
def test_priors_that_are_not_there_are_told_before_any_work(
    program: str, words: dict[str, list[str]], prior: str, error: str, run: Run, place: Path
) -> None:
    before = sorted(place.iterdir())
    done = run(program, *words[program], f"--prior={prior}", "log", "nothing")
    assert (done.code, done.out) == (1, b"")
    assert done.err.startswith(f"{program}: error: {error}")
    assert len(done.err.splitlines()) <= 2
    assert sorted(place.iterdir()) == before


@PROGRAMS
def test_a_package_that_lost_its_prior(
    program: str, run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lmcodec import prior

    monkeypatch.setattr(prior, "_DATA", place)
    prior._shipped.cache_clear()
    done = run(program, *COMPRESS[program], "--prior=general", "log")
    assert done.code == 1
    assert done.err.startswith(f"{program}: error: prior of the package cannot be read: general-1")
    assert done.err.endswith("hint: install lmcodec again\n")
    # Only text needs it.
    assert run(program, *COMPRESS[program], "-qc", "--prior=none", "log").code == 0
    done = run(program, *COMPRESS[program], "-q", "log")
    assert done.code == 1
    assert done.err.startswith(f"{program}: error: log: prior of the package cannot be read")
    assert not (place / "log.lmz").exists()
