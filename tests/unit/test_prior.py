from __future__ import annotations

import gc
import hashlib
import importlib
import os
import pickle
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lmcodec
from lmcodec import Prior, prior, shelf
from lmcodec.errors import FormatError, WeightsError
from lmcodec.models.base import MODELS
from lmcodec.prior import SHIPPED, by_digest, default, find
from tests.priors import GENERAL, NAME, OWN, RECORDS, forget
from tests.strategies import prose

tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

FILE = bytes(OWN)
# The same with one bit of the table changed.
OTHER = FILE[:70] + bytes([FILE[70] ^ 1]) + FILE[71:]
# One that has a start.
LEARNT = bytes(
    lmcodec.train_prior([prose(seed, 6000) for seed in range(9)], size=1 << 18, base="none", text=0)
)
START = 64 + 64 * int.from_bytes(LEARNT[56:60], "little")
ORIGINAL = {name: (shelf.DATA / f"{name}.prior").read_bytes() for name in SHIPPED}
STREAM = lmcodec.compress(RECORDS, model="cm", prior=OWN)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """No prior is loaded, and no folder is named."""
    forget(monkeypatch)
    return monkeypatch


@pytest.fixture
def package(alone: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder in the place of the package's data."""
    alone.setattr(shelf, "DATA", tmp_path)
    prior.SHELF.forget()
    yield tmp_path
    prior.SHELF.forget()


@pytest.mark.parametrize("name", SHIPPED)
def test_what_ships_is_what_is_written_down(name: str) -> None:
    shipped = find(name)
    assert shipped.name == name
    assert shipped.digest.hex() == SHIPPED[name]
    file = (shelf.DATA / f"{name}.prior").read_bytes()
    assert bytes(shipped) == file
    written = tomllib.loads((shelf.DATA / f"{name}.toml").read_text(encoding="utf-8"))
    assert written["prior"] == {"name": name, "bytes": len(file), "sha256": SHIPPED[name]}


def test_attributes() -> None:
    assert OWN.name == "log"
    assert OWN.digest == hashlib.sha256(FILE).digest()
    assert not OWN.has_only_starts
    assert default().has_only_starts
    text = lmcodec.train_prior([RECORDS], name="text")
    assert text.base == default()
    assert not text.has_only_starts
    assert len(OWN) == len(FILE) - 64
    assert repr(OWN) == f"<Prior log {OWN.digest.hex()[:12]}>"


def test_priors_with_the_same_bytes_are_equal() -> None:
    again = Prior(bytearray(FILE))
    assert again is not OWN
    assert again == OWN
    assert hash(again) == hash(OWN)
    assert len({again, OWN}) == 1
    assert OWN != Prior(OTHER)
    assert OWN != FILE
    assert MODELS.get("cm")().primed(again) == MODELS.get("cm")().primed(OWN)


def test_find_by_name() -> None:
    assert find(NAME) is find("general") is default()
    assert default().digest == GENERAL
    assert find("general-1") is default().base


@pytest.mark.parametrize("name", ["nothing", "", "general-2", "gen", "GENERAL", "auto"])
def test_unknown_names_are_told_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match="prior is not known") as caught:
        find(name)
    assert not isinstance(caught.value, FormatError)
    assert repr(name) in str(caught.value)
    for known in ("auto", "none", *SHIPPED):
        assert known in str(caught.value)


def test_find_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("log.prior", "plain"):
        Path(name).write_bytes(FILE)
        for path in (name, Path(name), tmp_path / name, str(tmp_path / name), f"./{name}"):
            assert find(path) == OWN


def test_a_path_is_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("general").write_bytes(FILE)
    assert find("general") is default()
    assert find(Path("general")) == find("./general") == OWN


@pytest.mark.parametrize("name", ["none.prior", "./nothing", Path("general-1")])
def test_files_that_are_missing(
    name: str | Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError):
        find(name)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a prior: it is empty"),
        (b"some text that is no prior " * 9, "not a prior: it begins with other bytes"),
        (b"\xb5LMZ" + FILE, "not a prior: it begins with other bytes"),
        (b"\0" + FILE[1:], "not a prior: it begins with other bytes"),
        (FILE[:5], "not a prior: it begins with other bytes"),
        (FILE[:7], "prior is damaged: it is shorter than its header"),
        (FILE[:10], "prior is damaged: it is shorter than its header"),
        (FILE[:64], "prior is damaged: it is shorter than it says"),
        (FILE[:100], "prior is damaged: it is shorter than it says"),
        (FILE[:-1], "prior is damaged: it is shorter than it says"),
        (FILE + b"\0", "prior is damaged: it has bytes behind its end"),
        (FILE[:7] + b"\3" + FILE[8:], "prior is of a version that is not known"),
        (FILE[:8] + b"Log" + FILE[11:], "prior is damaged: its name is not well formed"),
        (FILE[:8] + b"\xff" + FILE[9:], "prior is damaged: its name is not well formed"),
        (FILE[:8] + bytes(56) + FILE[64:], "prior is damaged: the size of its table"),
        (FILE[:56] + b"\xff" * 4 + FILE[60:], "prior is damaged: it is shorter than it says"),
        (FILE[:60] + b"\1" + FILE[61:], "prior is damaged: it is shorter than it says"),
        (LEARNT[:-1], "prior is damaged: it is shorter than it says"),
        (LEARNT[:START] + b"\7" + LEARNT[START + 1 :], "prior is damaged: the level of a start"),
        (LEARNT[:60] + b"\2" + LEARNT[61:] + LEARNT[START:], "prior is damaged: the level of"),
        (
            LEARNT[: START + 4] + b"\1\0\0\0" + LEARNT[START + 8 : START + 9],
            "prior is damaged: a start of it",
        ),
    ],
)
def test_files_that_are_no_priors(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.prior"
    path.write_bytes(data)
    for read in (Prior.load, find):
        with pytest.raises(FormatError, match=re.escape(f"{path}: {words}")) as caught:
            read(path)
        assert "payload" not in str(caught.value)
    with pytest.raises(FormatError, match="^" + words):
        Prior(data)


def test_other_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.prior"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(FormatError, match="not a prior"):
        Prior.load(path)
    # It begins as one does, but is larger than any.
    with path.open("r+b") as file:
        file.write(FILE[:8])
    monkeypatch.setattr(prior, "MAX_FILE_BYTES", 1 << 20)
    with pytest.raises(FormatError, match=re.escape(f"{path}: prior is too large: more than")):
        Prior.load(path)
    with pytest.raises(IsADirectoryError):
        Prior.load(tmp_path)


@pytest.mark.parametrize("data", [3, 1 << 40, "text", None, [1]])
def test_a_prior_is_made_of_bytes(data: Any) -> None:
    with pytest.raises(TypeError):
        Prior(data)


def test_priors_go_to_other_processes() -> None:
    for prior_ in (OWN, default()):
        again = pickle.loads(pickle.dumps(prior_))
        assert again is not prior_
        assert again == prior_
        assert again.name == prior_.name


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("damage", ["missing", "changed", "cut", "cut by a bucket", "other"])
def test_what_ships_is_checked(damage: str, name: str, package: Path) -> None:
    original = ORIGINAL[name]
    changed = {
        "changed": original[:-1] + bytes([original[-1] ^ 1]),
        "cut": original[:-1],
        "cut by a bucket": original[:-64],
        "other": FILE,
    }
    for other, file in ORIGINAL.items():
        if other != name:
            (package / f"{other}.prior").write_bytes(file)
    if damage != "missing":
        (package / f"{name}.prior").write_bytes(changed[damage])
    for use in (default, lambda: find("general"), lambda: by_digest(GENERAL)):
        with pytest.raises(WeightsError, match="prior of the package") as caught:
            use()
        assert f"{name}:" in str(caught.value)
        assert caught.value.hint == "install lmcodec again"
    # Once it is there again, so is the prior.
    (package / f"{name}.prior").write_bytes(original)
    assert default().digest == GENERAL


@pytest.mark.usefixtures("package")
def test_without_what_ships_the_rest_works() -> None:
    loaded = Prior(FILE)
    assert lmcodec.decompress(lmcodec.compress(RECORDS, prior=loaded)) == RECORDS
    assert lmcodec.decompress(lmcodec.compress(RECORDS, prior="none")) == RECORDS
    with pytest.raises(WeightsError):
        lmcodec.compress(RECORDS)


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("gone", [0, 1])
def test_by_digest_finds_what_is_loaded(gone: int) -> None:
    loaded = [Prior(FILE), Prior(FILE)]
    # One of them is enough, whichever it is.
    loaded.pop(gone)
    gc.collect()
    assert by_digest(OWN.digest) is loaded[0]
    loaded.clear()
    gc.collect()
    with pytest.raises(WeightsError):
        by_digest(OWN.digest)


def test_by_digest_looks_in_folders(alone: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    alone.setenv(
        "LMCODEC_MODEL_PATH", os.pathsep.join(map(str, (tmp_path / "none", first, "", second)))
    )
    # What is not to be read, what is damaged, what is another, and what has another suffix.
    (first / "a.prior").mkdir()
    (first / "b.prior").symlink_to("nowhere")
    (first / "c.prior").write_bytes(OTHER)
    (first / "log.prior").write_bytes(FILE[:-1])
    (first / "log.prior.old").write_bytes(FILE)
    (first / "text.prior").write_bytes(b"text")
    with pytest.raises(WeightsError):
        by_digest(OWN.digest)
    (second / "any-name.prior").write_bytes(FILE)
    found = by_digest(OWN.digest)
    assert found == OWN
    assert bytes(found) == FILE
    # From now on it is loaded.
    (second / "any-name.prior").unlink()
    assert by_digest(OWN.digest) is found


def test_a_file_that_is_named_but_no_prior(alone: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "text.prior").write_bytes(b"text")
    alone.setenv("LMCODEC_MODEL_PATH", str(tmp_path))
    with pytest.raises(WeightsError, match="prior is not here"):
        by_digest(hashlib.sha256(b"text").digest())


def test_what_cannot_be_read_is_passed_over(alone: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # Reading a folder fails for everyone, root as well.
    (tmp_path / "a.prior").mkdir()
    (tmp_path / "b.prior").write_bytes(FILE)
    alone.setenv("LMCODEC_MODEL_PATH", str(tmp_path))
    assert by_digest(OWN.digest) == OWN


def test_what_is_not_here_is_named(alone: pytest.MonkeyPatch, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"not here").digest()
    with pytest.raises(WeightsError) as caught:
        by_digest(digest)
    first = str(caught.value).splitlines()[0]
    assert first == (
        f"prior is not here: {digest.hex()}: looked in the package, "
        "among those that are loaded (none); LMCODEC_MODEL_PATH is not set"
    )
    assert "LMCODEC_MODEL_PATH" in str(caught.value.hint)
    places = [str(tmp_path / "one"), str(tmp_path / "two")]
    alone.setenv("LMCODEC_MODEL_PATH", os.pathsep.join(places))
    with pytest.raises(WeightsError) as caught:
        by_digest(digest)
    first = str(caught.value).splitlines()[0]
    assert first.endswith(f"(none), in {places[0]}, {places[1]}")
    # Which ones are loaded tells of a wrong file.
    loaded = [Prior(FILE), Prior(OTHER), default()]
    with pytest.raises(WeightsError) as caught:
        by_digest(digest)
    names = sorted(f"log {own.digest.hex()[:12]}" for own in loaded[:2])
    assert f"among those that are loaded ({names[0]}, {names[1]}), in" in str(caught.value)


def test_what_a_folder_has_is_read_once(alone: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "log.prior"
    path.write_bytes(FILE)
    alone.setenv("LMCODEC_MODEL_PATH", str(tmp_path))
    by_digest(OWN.digest)
    gc.collect()
    path.unlink()
    assert by_digest(OWN.digest) == OWN


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_are_not_waited_for(alone: pytest.MonkeyPatch, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.prior")
    (tmp_path / "b.prior").write_bytes(FILE)
    alone.setenv("LMCODEC_MODEL_PATH", str(tmp_path))
    assert by_digest(OWN.digest) == OWN


def test_streams_need_their_prior(alone: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refused() -> None:
        seen: list[int] = []
        with pytest.raises(WeightsError, match=OWN.digest.hex()):
            lmcodec.decompress(STREAM, progress=lambda done, _: seen.append(done))
        # Nothing was decoded before.
        assert seen == []

    refused()
    loaded = Prior(FILE)
    assert lmcodec.decompress(STREAM) == RECORDS
    del loaded
    gc.collect()
    refused()
    (tmp_path / "x.prior").write_bytes(FILE)
    alone.setenv("LMCODEC_MODEL_PATH", str(tmp_path))
    assert lmcodec.decompress(STREAM) == RECORDS


@pytest.mark.usefixtures("alone")
def test_streams_are_described_without_their_prior() -> None:
    described = lmcodec.info(STREAM)
    assert described.models == ("cm/3",)
    assert described.memory_bytes is None
    loaded = Prior(FILE)
    needed = lmcodec.info(STREAM).memory_bytes
    assert needed is not None
    assert needed > len(loaded)
