"""Ratios of two threads to paq8px, and their report."""

from pathlib import Path

import pytest

from benchmarks import threads
from benchmarks.results import write_rows
from lmcodec.bench import Measurement


def row(label: str, encode_s: float, decode_s: float, corpus: str = "a book") -> Measurement:
    codec, _, options = label.partition(" ")
    return Measurement(
        corpus,
        "text",
        1000,
        codec,
        options,
        "1",
        coded_bytes=300,
        compress_wall_s=encode_s,
        decompress_wall_s=decode_s,
    )


def test_both_ways_must_be_fast_enough() -> None:
    peer = row("paq8px -8", 0.16, 0.16)
    for decode_s, ok in ((0.02, True), (0.021, False)):
        (finding,) = threads.evaluate([peer, row("lmcodec -9 -T2", 0.01, decode_s)])
        assert finding.ok is ok
        assert finding.reached == f"16.0 and {0.16 / decode_s:.1f}"


def test_what_was_not_measured_is_told() -> None:
    (finding,) = threads.evaluate([row("lmcodec -9 -T2", 0.01, 0.01)])
    assert finding.ok is None
    assert finding.asked.startswith("a book: two threads at least 8 times")


def test_reports_are_written_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [row("lmcodec -9", 0.02, 0.03), row("lmcodec -9 -T2", 0.01, 0.02), row("xz -9e", 1, 1)]
    write_rows(tmp_path / "rows.csv", rows)
    assert threads.main(["--no-run", "--out", str(tmp_path)]) == 0
    report = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "| a book | lmcodec -9 -T2 | 1,000 | 300 | 10.0 | 20.0 |" in report
    assert "xz" not in report
    assert report.strip() in capsys.readouterr().out
    assert threads.main(["--no-run", "--out", str(tmp_path / "none")]) == 1
