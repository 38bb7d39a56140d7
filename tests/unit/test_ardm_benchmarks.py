"""Calls against bits: rows, report, plot, and the source whose entropy is known."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import ardm
from benchmarks.ardm import BEST, UNIFORM, Row, budgets
from benchmarks.ardm_report import markdown
from benchmarks.ardm_source import Source, letter_chunks, letters
from lmcodec import _core, pictures
from lmcodec.models.base import Shape
from lmcodec.prior import Prior
from tests.ardm import Stored, network, small


def test_numbers_of_calls() -> None:
    assert budgets(1, 64) == [1, 2, 4, 6, 8, 16, 32, 50, 64]
    assert budgets(2, 20) == [2, 4, 8, 16, 32, 40]


def test_rows_are_of_streams(tmp_path: Path) -> None:
    items = np.random.RandomState(1).randint(0, 16, (30, 20)).astype(np.uint8)
    found = network()
    rows = ardm.measure("tiny", found, items, lambda _line: None)
    assert [row.calls for row in rows if row.way == BEST] == budgets(2, 20)
    assert {row.calls for row in rows if row.way == UNIFORM} == set(budgets(2, 20)) - {40}
    lengths = found.core.code_lengths(items.tobytes(), [1] * 40)
    assert rows[-1].coded_bits == pytest.approx(lengths.sum() / items.size, abs=0.2)
    # By its file, each stage takes from 3 bits to 1.
    assert rows[-1].predicted_bits == pytest.approx(4, abs=0.1)
    assert 0 < rows[0].error < 0.1
    ardm.write(tmp_path / "rows.csv", rows)
    again = ardm.read(tmp_path / "rows.csv")
    assert [(row.calls, row.way) for row in again] == [(row.calls, row.way) for row in rows]
    assert again[0].coded_bits == pytest.approx(rows[0].coded_bits, abs=1e-5)
    assert ardm.read(tmp_path / "none.csv") == []


def test_reports_compare() -> None:
    rows = [
        Row("digits", BEST, "ardm", 1, 10, 20, 2.0, 2.1, 1.0, 0.003),
        Row("digits", UNIFORM, "ardm", 1, 10, 20, 2.0, 2.2, 1.0),
        Row("digits", BEST, "ardm", 20, 10, 20, 1.0, 1.0, 4.0),
        Row("digits", "other", "xz -9e, item by item", 0, 10, 20, 0.0, 4.0, 1.0),
        Row("digits", "other", "cm", 0, 10, 20, 0.0, 0.9, 1.0, decode_s=2.0),
    ]
    text = markdown(rows)
    assert "| 1 | 2.0000 | 2.1000 | +5.00% | 2.2000 | +110.00% | 200 |" in text
    assert "| 20 | 1.0000 | 1.0000 | +0.00% | - | +0.00% | 50 |" in text
    assert "- xz -9e, item by item: 4.0000 bits; with all calls -75.00%" in text
    assert "- cm: 0.9000 bits; with all calls +11.11%; 200 symbols/s, 100 back" in text
    assert "Standard error of coded to predicted: 0.30%" in text


def test_the_source_knows_its_rows() -> None:
    source = Source(3, 0.8, 0.7)
    every = np.array(list(itertools.product(range(3), repeat=4)), np.uint8)
    assert (2.0 ** -source.bits(every)).sum() == pytest.approx(1)
    rows = source.rows(20000, 4, 1)
    counts = np.bincount(rows @ [27, 9, 3, 1], minlength=81) / len(rows)
    shares = np.bincount(every @ [27, 9, 3, 1], 2.0 ** -source.bits(every), 81)
    assert np.abs(counts - shares).max() < 0.01


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "rows.ardm"
    path.write_bytes(Stored(small((8,), (6,)), bytes(range(6))).file())
    out = tmp_path / "out"
    words = ["ardm", str(path), "--markov", "--head", "20", "--out", str(out)]
    assert command.main(words) == 0
    assert "## rows: 20 items of 8 symbols" in capsys.readouterr().out
    assert "the source itself" in (out / "report.md").read_text()
    assert (out / "rows.svg").read_text().startswith("<svg")
    assert command.main(["ardm", "--no-run", "--out", str(out)]) == 0
    (out / "rows.svg").unlink()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    capsys.readouterr()
    assert command.main(["ardm", "--no-run", "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert "## rows: 20 items of 8 symbols" in captured.out
    assert captured.err.startswith("no plots: matplotlib is not installed")
    assert not (out / "rows.svg").exists()
    bad = tmp_path / "bad.ardm"
    bad.write_bytes(b"{}")
    assert command.main(["ardm", str(bad), "--markov", "--out", str(out)]) == 1


def test_pictures_with_contexts_beside() -> None:
    items = np.random.RandomState(1).randint(0, 16, (12, 20)).astype(np.uint8)
    found = network(levels=(16,))
    text = pictures.pack(Shape(4, 5), [item.tobytes() for item in items])
    prior = Prior(_core.Prior.empty("own").with_text(text).to_bytes())
    rows = ardm.mixed("tiny", found, items, prior)
    assert [row.name for row in rows] == [
        "cm",
        "ardm beside cm",
        "cm, prior",
        "ardm beside cm, prior",
    ]
    assert [row.calls for row in rows] == [0, 20, 0, 20]
    assert rows[2].coded_bits < rows[0].coded_bits


def test_letters_are_of_27_symbols(tmp_path: Path) -> None:
    assert letters(b"It's <b>3</b> Apples\n") == b"it s b b apples "
    path = tmp_path / "text"
    path.write_bytes(b"One, two: three!")
    assert [bytes(chunk) for chunk in letter_chunks(path, 5)] == [b"one t", b"wo th"]
