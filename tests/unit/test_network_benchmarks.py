"""What the network gains: rows, report and targets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import lmcodec
from benchmarks import __main__ as command
from benchmarks import gains, messages, networks
from benchmarks.gains import Setting
from benchmarks.networks import SETTINGS
from benchmarks.results import Machine, Store
from lmcodec import corpora, network
from lmcodec.bench import Measurement
from lmcodec.corpora import Corpus

# Prose that neither prior nor network has seen, long enough to pay for naming both.
TEXT = (Path(__file__).parents[2] / "docs" / "decisions" / "0004-noise.md").read_bytes()[:4000]


def rows_of(corpus: str, raw: int, sizes: tuple[int, int, int], kind: str) -> list[Measurement]:
    return [
        Measurement(
            corpus=corpus,
            kind=kind,
            raw_bytes=raw,
            codec="lmcodec",
            options=setting.codec.options,
            version=setting.version,
            coded_bytes=coded,
        )
        for setting, coded in zip(SETTINGS, sizes, strict=True)
    ]


def good_rows() -> list[Measurement]:
    rows = rows_of("alice29.txt", 152_089, (30_000, 25_000, 28_000), "text")
    rows += rows_of("book1", 768_771, (179_000, 153_000, 170_000), "text")
    rows += rows_of("enwik6", 1_000_000, (195_000, 166_000, 190_000), "markup")
    rows += rows_of("sum", 38_240, (9_000, 9_000, 30_000), "binary")
    return rows


def time_rows(first_s: float, later_s: float) -> list[Measurement]:
    row = replace(rows_of("alice29.txt", 256, (1, 1, 1), "text")[1], compress_cpu_s=first_s)
    first = replace(row, options="message, first, bytelm", compress_process_cpu_s=0.1)
    return [first, replace(row, options="message, later, bytelm", decompress_cpu_s=later_s)]


def test_targets_are_met_by_good_rows() -> None:
    findings = networks.evaluate([*good_rows(), *time_rows(0.0015, 0.002)])
    assert [finding.ok for finding in findings] == [True] * 7
    assert findings[5].reached == "1.50 ms, 100 ms since the process began"
    assert findings[6].reached == "1.50 ms, 2.00 ms to decode"
    assert "404,000 to 344,000 bytes on 3 files: 14.9 %" in findings[0].reached
    assert findings[2].reached == "1.315 (25,000 bytes)"


def test_targets_are_missed_by_others_and_not_known_without_rows() -> None:
    worse = [replace(row, coded_bytes=2 * (row.coded_bytes or 0)) for row in good_rows()[1::3]]
    rows = [*good_rows()[::3], *worse, *good_rows()[2::3], *time_rows(0.051, 0.0021)]
    assert [finding.ok for finding in networks.evaluate(rows)] == [False] * 7
    assert [finding.ok for finding in networks.evaluate([])] == [None] * 7


def test_messages_are_timed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpora, "load", lambda _name: TEXT)
    monkeypatch.setattr(gains, "measure", lambda *_, **__: None)
    monkeypatch.setattr(messages, "_RUNS", 1)
    assert command.main(["networks", "--out", str(tmp_path), "--only", "alice29.txt"]) == 0
    first, later = Store(tmp_path, resume=True).rows
    coded = len(lmcodec.MessageCodec("bytelm").encode(TEXT[:256]))
    for row in (first, later):
        assert (row.ok, row.raw_bytes, row.coded_bytes) == (True, 256, coded)
        assert row.compress_cpu_s is not None
    assert (first.compress_process_cpu_s or 0) > (first.compress_cpu_s or 0) > 0
    assert later.decompress_cpu_s is not None
    monkeypatch.setattr(messages, "measure", None)
    assert command.main(["networks", "--out", str(tmp_path), "--resume"]) == 0


def test_heads_of_larger_files_do_not_count_as_files() -> None:
    rows = rows_of("dickens", 1 << 17, (9, 900, 9), "text") + good_rows()
    assert networks.evaluate(rows)[0].ok


def test_rows_name_the_network_where_it_is_used() -> None:
    digest = network.default().digest.hex()[:12]
    assert [digest in setting.version for setting in SETTINGS] == [False, True, True]
    assert digest not in Setting(5).version
    assert digest not in Setting(9, "none").version
    rows = [replace(row, version="0.1.0 bytelm-0 000000000000") for row in good_rows()]
    assert gains.current(rows) == []
    assert gains.current(good_rows()) == good_rows()


def test_corpora_are_coded_in_three_ways(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(corpora, "load", lambda _name: TEXT)
    corpus = Corpus("parcel", "text", len(TEXT), "", "")
    rows = gains.code(corpus, [(len(TEXT), setting) for setting in SETTINGS])
    plain, mixed, alone = rows
    assert all(row.ok for row in rows)
    assert plain.coded_bytes == len(lmcodec.compress(TEXT, level=9, network="none"))
    assert (mixed.coded_bytes or 0) < (plain.coded_bytes or 0)
    assert plain.models == "cm/3 general-1.1"
    assert mixed.models == "cm/3 general-1.1 bytelm-2.1"
    assert alone.models == "bytelm/1 bytelm-2.1"
    store = Store(tmp_path, resume=False)
    store.add(*rows)
    assert command.main(["networks", "--out", str(tmp_path), "--no-run"]) == 0
    report = (tmp_path / "report.md").read_text()
    assert report == networks.markdown(rows, Machine.read(tmp_path) or Machine.here())
    assert report in capsys.readouterr().out
    sizes = f"{len(TEXT):,} | {plain.coded_bytes:,} | {mixed.coded_bytes:,}"
    assert f"| parcel | text | {sizes} |" in report
