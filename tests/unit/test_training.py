"""What trains the priors of the package."""

from __future__ import annotations

import hashlib
import importlib
import lzma
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcodec import Prior, _core
from lmcodec.models.cm import Cm
from lmcodec.prior import find
from tests.strategies import prose, random_bytes
from training import levels, prior, shingles
from training.shingles import LENGTH, Shingles
from training.texts import without

tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

SHARED = random_bytes(1, LENGTH)


def text_with(seed: int, before: int, middle: bytes, after: int) -> bytes:
    return random_bytes(seed, before) + middle + random_bytes(seed + 1, after)


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pieces so small that a short text has many."""
    monkeypatch.setattr(shingles, "_PIECE", 250)
    return 250


def test_the_bytes_of_every_sixtieth_place_are_found() -> None:
    source = random_bytes(3, 500)
    found = Shingles([source])
    assert len(found.hashes) == len(range(0, 500 - LENGTH + 1, LENGTH))
    for at in range(0, 500 - LENGTH + 1, LENGTH):
        text = text_with(4, 37, source[at : at + LENGTH], 91)
        assert found.places(text).tolist() == [37]
    assert found.places(source).tolist() == list(range(0, 500 - LENGTH + 1, LENGTH))


@pytest.mark.parametrize("before", [0, 1, 60, 100])
@pytest.mark.parametrize("start", [0, 1, 59, 60, 200])
def test_any_119_shared_bytes_are_found(start: int, before: int) -> None:
    source = random_bytes(3, 700)
    found = Shingles([b"", b"short", source])
    shared = source[start : start + 2 * LENGTH - 1]
    (place,) = found.places(text_with(5, before, shared, 30))
    assert before <= place < before + LENGTH


def test_less_is_not_found() -> None:
    found = Shingles([SHARED, random_bytes(9, 1000)])
    assert found.places(SHARED).tolist() == [0]
    for other in (
        SHARED[:-1],
        SHARED[1:],
        SHARED[:-1] + bytes([SHARED[-1] ^ 1]),
        bytes([SHARED[0] ^ 1]) + SHARED[1:],
        SHARED[:30] + b"x" + SHARED[30:],
        SHARED[::-1],
        SHARED[1:] + SHARED[:1],
        b"",
        random_bytes(10, 5000),
    ):
        assert found.places(other).tolist() == []


def test_nothing_is_found_in_nothing() -> None:
    for empty in (Shingles([]), Shingles([b""]), Shingles([b"a" * 59])):
        assert len(empty.hashes) == 0
        assert empty.places(SHARED).tolist() == []


def test_pieces_change_nothing(pieces: int) -> None:
    for length in (pieces - 1, pieces, pieces + 1, 4 * pieces + LENGTH, 1800):
        source = random_bytes(length, length)
        found = Shingles([source])
        whole = [source[at : at + LENGTH] for at in range(0, length - LENGTH + 1, LENGTH)]
        assert (
            found.hashes.tolist()
            == np.unique(np.concatenate([shingles._hashes(part) for part in whole])).tolist()
        )
        assert found.places(source).tolist() == list(range(0, length - LENGTH + 1, LENGTH))


@pytest.mark.parametrize("offset", range(-LENGTH - 1, 3))
def test_what_lies_across_a_border_of_pieces_is_found(pieces: int, offset: int) -> None:
    before = 2 * pieces + offset
    assert Shingles([SHARED]).places(text_with(6, before, SHARED, 400)).tolist() == [before]


@given(st.integers(0, 99), st.binary(min_size=LENGTH, max_size=200), st.integers(0, 300))
def test_places_are_those_of_a_plain_search(seed: int, source: bytes, before: int) -> None:
    rng = random.Random(seed)
    cut = source[rng.randrange(len(source)) :]
    text = text_with(seed, before, source + cut, 50)
    samples = {source[at : at + LENGTH] for at in range(0, len(source) - LENGTH + 1, LENGTH)}
    expected = [at for at in range(len(text)) if text[at : at + LENGTH] in samples]
    assert Shingles([source]).places(text).tolist() == expected


def test_lines_around_places_are_left_out() -> None:
    line = b"x" * 80
    text = b"one\n" + line + b"\ntwo\n" + line + line + b"\n" + line + b"\nthree"
    at = text.index(b"x")
    assert without(text, []) == [text]
    assert without(b"", []) == []
    assert b"".join(without(text, [at])) == text.replace(b"\n" + line, b"", 1)
    # The last place is in the line after the one before it.
    places = [at, at + 10, text.index(b"two") + 4, text.index(b"three") - 70]
    assert b"".join(without(text, places)) == b"one\ntwo\nthree"
    assert without(line, [0]) == without(line, [20]) == []
    # What spans lines takes all of them.
    assert without(b"a\nb\nc" + b"\n" * 70 + b"d\ne", [2]) == [b"a", b"\n" * 13 + b"d\ne"]


@pytest.mark.parametrize("name", ["a", "", 'b "c"', "\\n", "é"])
def test_names_are_quoted(name: str) -> None:
    assert tomllib.loads(f"name = {prior.quoted(name)}") == {"name": name}


def run(tmp_path: Path, *arguments: str) -> tuple[Prior, dict[str, Any]]:
    output = tmp_path / "small.prior"
    words = ["--name=small-1", "--size=4096", f"--output={output}", *arguments]
    assert prior.main(words) == 0
    written = tomllib.loads((tmp_path / "small.toml").read_text(encoding="utf-8"))
    return Prior.load(output), written


@pytest.fixture
def texts(tmp_path: Path) -> list[Path]:
    (tmp_path / "one.txt").write_bytes(prose(1, 30_000))
    (tmp_path / "two.txt.xz").write_bytes(lzma.compress(prose(2, 30_000)))
    return [tmp_path / "one.txt", tmp_path / "two.txt.xz"]


def test_a_prior_and_what_it_was_made_from_are_written(
    texts: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trained, written = run(tmp_path, *map(str, texts))
    assert trained.name == "small-1"
    assert 2048 < len(trained) <= 4096
    assert written["prior"] == {
        "name": "small-1",
        "bytes": len(bytes(trained)),
        "sha256": trained.digest.hex(),
    }
    contents = [prose(1, 30_000), prose(2, 30_000)]
    assert written["text"] == [
        {
            "name": path.name,
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        for path, content in zip(texts, contents, strict=True)
    ]
    assert [step["kind"] for step in written["step"]] == _core.PriorTrainer.KINDS
    assert all(step["counted"] >= step["chosen"] > 0 for step in written["step"])
    assert written["held_back_percent"] == 5
    # Nothing tells where the files were.
    assert written["command"].startswith("python -m training.prior ")
    assert "one.txt" in written["command"]
    assert str(tmp_path) not in (tmp_path / "small.toml").read_text(encoding="utf-8")
    assert trained.digest.hex() in capsys.readouterr().err


def test_the_same_texts_give_the_same_prior(texts: list[Path], tmp_path: Path) -> None:
    first, _ = run(tmp_path, *map(str, texts), "--threads=1")
    second, _ = run(tmp_path, *map(str, texts), "--threads=3")
    assert bytes(first) == bytes(second)


def test_the_end_of_a_text_is_held_back(tmp_path: Path) -> None:
    content = prose(1, 30_000)
    (tmp_path / "a.txt").write_bytes(content)
    first, _ = run(tmp_path, str(tmp_path / "a.txt"))
    held_back = len(content) - len(content) * 95 // 100
    (tmp_path / "a.txt").write_bytes(content[:-held_back] + bytes(held_back))
    second, _ = run(tmp_path, str(tmp_path / "a.txt"))
    assert bytes(first) == bytes(second)


def test_more_levels_learn_beside_a_prior(texts: list[Path], tmp_path: Path) -> None:
    base = find("general-1")
    (tmp_path / "base.prior").write_bytes(bytes(base))
    output = tmp_path / "more.prior"
    words = [str(tmp_path / "base.prior"), *map(str, texts), "--name=more", f"--output={output}"]
    assert levels.main([*words, "--levels", "3", "7"]) == 0
    more = Prior.load(output)
    assert (more.name, more.base, len(more), more.text_bytes) == ("more", base, 0, 0)
    written = tomllib.loads((tmp_path / "more.toml").read_text(encoding="utf-8"))
    assert written["prior"]["sha256"] == more.digest.hex()
    assert written["base"] == base.digest.hex()
    assert [text["name"] for text in written["text"]] == [path.name for path in texts]
    assert str(tmp_path) not in (tmp_path / "more.toml").read_text(encoding="utf-8")
    text = prose(3, 300)
    for level in range(3, 9):
        coded = [Cm(level, prior=start).encode(text) for start in (base, more)]
        assert (coded[0] != coded[1]) is (level in (3, 7))
        assert Cm(level, prior=more).decode(coded[1], len(text)) == text


def test_text_of_benchmark_files_is_left_out(texts: list[Path], tmp_path: Path) -> None:
    line = b"A line of a benchmark file, which is long enough to be told from all others. " * 2
    folder = tmp_path / "benchmarks" / "deep"
    folder.mkdir(parents=True)
    (folder / "a").write_bytes(b"first line\n" + line + b"\nlast line\n")
    (folder / "empty").write_bytes(b"")
    clean, without = run(tmp_path, str(texts[0]), f"--benchmarks={folder.parent}")
    (entry,) = without["text"]
    assert (entry["places_shared_with_benchmarks"], entry["bytes_left_out"]) == (0, 0)
    assert bytes(clean) == bytes(run(tmp_path, str(texts[0]))[0])

    # As often as to be known for sure.
    content = texts[0].read_bytes()
    mixed = content[:70_000] + (b"\n" + line + b"\n" + content[:100]) * 40 + content[70_000:]
    texts[0].write_bytes(mixed)
    dirty, _ = run(tmp_path, str(texts[0]))
    trained, written = run(tmp_path, str(texts[0]), f"--benchmarks={folder.parent}")
    (entry,) = written["text"]
    assert entry["places_shared_with_benchmarks"] >= 40
    assert 40 * len(line) <= entry["bytes_left_out"] <= 40 * (len(line) + 2)
    assert bytes(trained) != bytes(dirty)
