"""What the commands do with --prior."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lmcodec
from lmcodec.grep import split_weights
from tests.priors import ENGLISH, GENERAL, OWN, RECORDS, digests, forget

Run = Callable[..., Any]

# The words with which each command does a thing.
COMPRESS = {"lmcodec": ["compress"], "lmz": []}
DECOMPRESS = {"lmcodec": ["decompress"], "lmz": ["-d"]}
TEST = {"lmcodec": ["test"], "lmz": ["-t"]}
KNOWN = "auto, none, general-1.1, general-1, and files"
PROGRAMS = pytest.mark.parametrize("program", COMPRESS)


@pytest.fixture
def place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with records and a prior, which no earlier command has loaded."""
    (folder / "log").write_bytes(RECORDS)
    (folder / "log.prior").write_bytes(bytes(OWN))
    (folder / "bad.prior").write_bytes(b"nothing")
    (folder / "cut.prior").write_bytes(bytes(OWN)[:-1])
    (folder / "empty.prior").touch()
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
            "looked in the package, among those that are loaded (none); "
            "LMCODEC_MODEL_PATH is not set\n"
            "hint: set LMCODEC_MODEL_PATH to a folder that has its file, "
            "or load it with --prior FILE\n"
        )
    assert sorted(coded.iterdir()) == before


@PROGRAMS
def test_folders_are_looked_in(
    program: str, run: Run, coded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(program, *DECOMPRESS[program], "-qc", "log.lmz", LMCODEC_MODEL_PATH=".")
    assert (done.code, done.out, done.err) == (0, RECORDS, "")
    forget(monkeypatch)
    done = run(program, *DECOMPRESS[program], "log.lmz", LMCODEC_MODEL_PATH="none")
    assert done.code == 1
    assert "looked in the package, among those that are loaded (none), in none\n" in done.err
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
    for prior, named in (("none", set()), ("auto", {GENERAL}), ("general-1.1", {GENERAL})):
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
        (
            "nothing",
            f"prior is not known: 'nothing'; known are {KNOWN}",
        ),
        ("", f"prior is not known: ''; known are {KNOWN}"),
        ("none.prior", "none.prior: No such file or directory"),
        ("bad.prior", "bad.prior: not a prior: it begins with other bytes"),
        ("cut.prior", "cut.prior: prior is damaged: it is shorter than it says"),
        ("empty.prior", "empty.prior: not a prior: it is empty"),
        (".", ".: Is a directory"),
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
    from lmcodec import prior, shelf

    monkeypatch.setattr(shelf, "DATA", place)
    prior.SHELF.forget()
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


@PROGRAMS
def test_embed(program: str, run: Run, place: Path) -> None:
    done = run(program, *COMPRESS[program], "-q", "--prior=log.prior", "--embed", "log")
    assert (done.code, done.err) == (0, "")
    assert (place / "log.lmz").read_bytes() == lmcodec.compress(RECORDS, prior=OWN, embed=True)
    gc.collect()
    for name in ("log", "log.prior"):
        (place / name).unlink()
    for words in (TEST[program], DECOMPRESS[program]):
        done = run(program, *words, "-q", "log.lmz")
        assert (done.code, done.err) == (0, "")
    assert (place / "log").read_bytes() == RECORDS
    # Nothing of one's own: nothing to embed.
    done = run(program, *COMPRESS[program], "--embed", stdin=ENGLISH)
    assert done.out == run(program, *COMPRESS[program], stdin=ENGLISH).out


@PROGRAMS
def test_what_is_too_large_to_embed(
    program: str, run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lmcodec.embedded.MAX_WEIGHTS_BYTES", 1000)
    before = sorted(place.iterdir())
    done = run(program, *COMPRESS[program], "--prior=log.prior", "--embed", "log")
    size = len(bytes(OWN))
    words = f"{program}: error: prior is too large to be embedded: {size} of 1000 bytes\n"
    assert (done.code, done.err) == (1, words)
    assert sorted(place.iterdir()) == before


@PROGRAMS
def test_what_is_embedded_is_read_back(program: str, run: Run, place: Path) -> None:
    words = ("-q", "--rm", "--prior=log.prior", "--embed", "log")
    assert run(program, *COMPRESS[program], *words).code == 0
    assert not (place / "log").exists()
    done = run(program, *DECOMPRESS[program], "-c", "log.lmz")
    assert done.out == RECORDS


LIST = {"lmcodec": ["info"], "lmz": ["-l"]}


@PROGRAMS
def test_lists_name_the_prior(program: str, run: Run, coded: Path) -> None:
    def prior(words: list[str], name: str = "log.lmz") -> tuple[str, dict[str, object]]:
        done = run(program, *LIST[program], *words, name)
        assert (done.code, done.err) == (0, "")
        heading, line = done.out.decode().splitlines()[:2]
        start, end = heading.index("prior"), heading.index("network")
        (record,) = json.loads(run(program, *LIST[program], *words, "--json", name).out)["priors"]
        return line[start:end].strip(), record

    own = {"sha256": OWN.digest.hex(), "name": "log", "embedded": False, "here": True}
    missing = {**own, "name": None, "here": False}
    begin = OWN.digest.hex()[:12]
    assert prior([]) == (f"{begin} (missing)", missing)
    assert prior(["--prior=log.prior"]) == ("log", own)
    gc.collect()
    (coded / "log.lmz").write_bytes(lmcodec.compress(RECORDS, prior=OWN, embed=True))
    gc.collect()
    assert prior([]) == ("log (embedded)", {**own, "embedded": True})
    damaged = bytearray((coded / "log.lmz").read_bytes())
    damaged[300] ^= 1
    (coded / "bad.lmz").write_bytes(damaged)
    assert prior([], "bad.lmz") == (
        f"{begin} (embedded, damaged)",
        {**missing, "embedded": True},
    )
    (coded / "text.lmz").write_bytes(lmcodec.compress(ENGLISH))
    assert prior([], "text.lmz")[0] == "general-1.1"


@PROGRAMS
def test_long_lists_have_the_whole_digest(program: str, run: Run, coded: Path) -> None:
    done = run(program, *LIST[program], "-v", "log.lmz")
    assert f"\nprior {OWN.digest.hex()}: missing\n" in done.out.decode()
    done = run(program, *LIST[program], "-v", "--prior=log.prior", "log.lmz")
    assert f"\nprior {OWN.digest.hex()}: log\n" in done.out.decode()
    assert (coded / "log.lmz").exists()


# All commands that read streams, with what they print of one.
READERS = {
    "lmz -dc": RECORDS,
    "lmz -t": b"",
    "lmz -l": None,
    "unlmz -c": RECORDS,
    "lmzcat": RECORDS,
    "lmzgrep -c .": b"10\n",
    "lmcodec decompress -c": RECORDS,
    "lmcodec test": b"",
    "lmcodec info": None,
    "lmcodec recover -o -": RECORDS,
}


@pytest.mark.usefixtures("coded")
@pytest.mark.parametrize("command", READERS)
def test_every_reader_takes_a_prior(command: str, run: Run) -> None:
    words = command.split()
    done = run(*words, "--prior", "log.prior", "log.lmz")
    assert done.code == 0
    assert READERS[command] in (None, done.out)
    gc.collect()
    done = run(*words, "log.lmz")
    if READERS[command] is None:
        assert f"{OWN.digest.hex()[:12]} (missing)" in done.out.decode()
        return
    assert done.code == (2 if words[0] == "lmzgrep" else 1)
    assert f"prior is not here: {OWN.digest.hex()}: looked in" in done.err
    assert "LMCODEC_MODEL_PATH is not set" in done.err


@pytest.mark.usefixtures("coded")
@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize(
    ("prior", "error"),
    [
        ("bad.prior", "error: bad.prior: not a prior: it begins with other bytes"),
        ("none.prior", "error: none.prior: No such file or directory"),
        ("nothing", "error: prior is not known: 'nothing'"),
    ],
)
def test_every_reader_says_what_is_wrong_with_it(
    command: str, prior: str, error: str, run: Run
) -> None:
    words = command.split()
    done = run(*words, "--prior", prior, "log.lmz")
    assert (done.code, done.out) == (2 if words[0] == "lmzgrep" else 1, b"")
    assert error in done.err


def test_a_prior_in_the_words_of_grep() -> None:
    assert split_weights(["--prior"]) == (["--prior"], {})
    assert split_weights(["-e", "a", "--prior=x", "b"]) == (["-e", "a", "b"], {"prior": "x"})
    assert split_weights(["a", "--", "--prior", "x"]) == (["a", "--", "--prior", "x"], {})


def test_what_is_lost_for_want_of_a_prior(run: Run, coded: Path) -> None:
    stream = lmcodec.compress(ENGLISH) + (coded / "log.lmz").read_bytes()
    (coded / "both.lmz").write_bytes(stream)
    done = run("lmcodec", "recover", "both.lmz")
    assert done.code == 2
    assert "warning: both.lmz: bytes 0 to 500 of frame 1 lost: prior is not here" in done.err
    assert (coded / "both").read_bytes() == ENGLISH
    done = run("lmcodec", "recover", "-f", "--prior=log.prior", "both.lmz")
    assert done.code == 0
    assert (coded / "both").read_bytes() == ENGLISH + RECORDS
