"""What the prior gains: rows, sums, reports and targets."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import lmcodec
from benchmarks import __main__ as command
from benchmarks import gains, matrix, messages, prior_figures, prior_report
from benchmarks.gains import Setting
from benchmarks.messages import LENGTHS, NETWORK, OWN_ALL, OWN_FIRST, SAMPLES, SPEED, Own, label
from benchmarks.results import Machine, Store, read_rows
from lmcodec import corpora
from lmcodec.bench import Measurement
from lmcodec.corpora import Corpus
from lmcodec.errors import LmcodecError

LETTER = (
    b"Thank you for your letter of 3 May. I am sorry to say that we have not been able to find "
    b"the parcel. We have asked the post office to look for it, and will write again next week. "
)
PLAIN, PRIMED = Setting(5, "none"), Setting(5)


def size_row(
    corpus: str, raw: int, coded: int, setting: Setting = PRIMED, kind: str = "text", **more: Any
) -> Measurement:
    row = Measurement(
        corpus=corpus,
        kind=kind,
        raw_bytes=raw,
        codec="lmcodec",
        options=setting.codec.options,
        version=gains.version(setting.prior),
        coded_bytes=coded,
        prior_bytes=0 if setting.prior == "none" else 1000,
        models="cm/3" if setting.prior == "none" else "cm/3 general-1.1",
    )
    return replace(row, **more)


def both(
    corpus: str, raw: int, plain: int, primed: int, *, kind: str = "text", level: int = 5
) -> list[Measurement]:
    return [
        size_row(corpus, raw, plain, Setting(level, "none"), kind),
        size_row(corpus, raw, primed, Setting(level), kind),
    ]


def message_rows(choice: str | Own, sums: tuple[int, ...]) -> list[Measurement]:
    """Rows whose sums over the samples are those given."""
    share = len(SAMPLES)
    return [
        size_row(
            name, length, total // share + (total % share if at == 0 else 0), options=label(choice)
        )
        for length, total in zip(LENGTHS, sums, strict=True)
        for at, name in enumerate(SAMPLES)
    ]


def good_rows() -> list[Measurement]:
    rows = both("alice29.txt", 152_089, 35_000, 30_400)
    rows += both("book1", 768_771, 199_000, 183_000)
    rows += both("enwik6", 1_000_000, 225_000, 211_000, kind="markup")
    rows += both("alice29.txt", 152_089, 34_000, 30_000, level=9)
    rows += both("book1", 768_771, 199_000, 174_000, level=9)
    rows += both("enwik6", 1_000_000, 225_000, 187_000, kind="markup", level=9)
    rows += both("geo", 102_400, 44_900, 44_940, kind="binary")
    rows += both("alice29.txt", 4096, 1700, 1130)
    name, raw = SPEED
    times: dict[str, Any] = {"compress_cpu_s": 0.6, "decompress_cpu_s": 0.6}
    rows.append(size_row(name, raw, 230_000, PLAIN, **times))
    slower: dict[str, Any] = dict.fromkeys(times, 0.7)
    rows.append(size_row(name, raw, 220_000, **slower))
    rows += message_rows("general-1", (600, 1500, 4400))
    rows += message_rows(NETWORK, (490, 1250, 3700))
    rows += message_rows(OWN_ALL, (430, 1200, 4000)) + message_rows(OWN_FIRST, (430, 1200, 4000))
    first = size_row("alice29.txt", 256, 71, options="message, first, general-1")
    rows.append(replace(first, compress_cpu_s=0.06, compress_peak_bytes=54 << 20))
    rows.append(
        replace(
            first,
            options="message, later, general-1",
            compress_cpu_s=0.0005,
            compress_wall_s=0.001,
            decompress_cpu_s=0.0004,
        )
    )
    rows.append(replace(first, options="message, first, none", compress_peak_bytes=30 << 20))
    return rows


def test_streams_are_coded_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    text = LETTER * 4
    monkeypatch.setattr(corpora, "load", lambda _: text)
    corpus = Corpus("letters", "text", len(text), "", "")
    wanted = [(size, setting) for size in (256, len(text)) for setting in (PLAIN, PRIMED)]
    rows = gains.code(corpus, wanted)
    assert all(row.ok for row in rows)
    assert [row.coded_bytes for row in rows] == [
        len(lmcodec.compress(text[:size], level=5, prior=setting.prior)) for size, setting in wanted
    ]
    assert [row.raw_bytes for row in rows] == [256, 256, len(text), len(text)]
    assert [row.models for row in rows] == ["cm/3", "cm/3 general-1.1"] * 2
    assert [row.prior_bytes > 0 for row in rows] == [False, True] * 2
    assert [row.version for row in rows[:2]] == [gains.version("none"), gains.version()]


@pytest.mark.parametrize("wrong", ["other", "error"])
def test_streams_that_do_not_decode_are_failures(
    wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(coded: bytes, **_: object) -> bytes:
        if wrong == "error":
            raise LmcodecError("no luck")
        return coded

    monkeypatch.setattr(corpora, "load", lambda _: LETTER)
    monkeypatch.setattr(lmcodec, "decompress", decode)
    rows = gains.code(Corpus("letter", "text", len(LETTER), "", ""), [(100, PRIMED)])
    status = "no luck" if wrong == "error" else "decoded bytes differ"
    assert [(row.status, row.coded_bytes) for row in rows] == [(status, None)]


def test_measuring_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LMCODEC_CORPORA", raising=False)
    monkeypatch.setenv("LMCODEC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(gains, "HEAD_BYTES", 2000)
    notes: list[str] = []
    store = Store(tmp_path, resume=False)
    chosen = matrix.choose(["periodic.1M", "dickens"])
    for _ in range(2):
        gains.measure(
            chosen, store, settings=gains.both(3), sizes=(256, 1024, 4096), note=notes.append
        )
    assert [(row.raw_bytes, row.label) for row in store.rows] == [
        (size, f"lmcodec -3{prior}")
        for size in (256, 1024, 2000)
        for prior in (" --prior none", "")
    ]
    assert read_rows(tmp_path / "rows.csv") == store.rows
    assert sum("periodic.1M: 6 sizes" in line for line in notes) == 1
    assert sum(line.startswith("dickens: skipped") for line in notes) == 2


def test_rows_of_another_prior_do_not_count(tmp_path: Path) -> None:
    old = size_row("a", 256, 100, version=f"{lmcodec.__version__} general-1 0123456789ab")
    peer = size_row("a", 256, 100, codec="xz", options="-9e", version="5")
    rows = [size_row("a", 256, 90, PLAIN), peer]
    store = Store(tmp_path, resume=False)
    store.add(old, *rows)
    assert gains.rows_of(tmp_path) == rows
    assert gains.rows_of(tmp_path / "nowhere") == []
    store.keep(gains.current(store.rows))
    assert not store.has("a", 256, old.label, old.version)
    store.add(size_row("a", 256, 80))
    assert [row.coded_bytes for row in read_rows(tmp_path / "rows.csv")] == [90, 100, 80]


def test_gains_are_sums_by_kind_and_size() -> None:
    rows = both("progc", 256, 100, 80) + both("fields.c", 256, 100, 70)
    rows += both("fields.c", 11_150, 300, 280) + both("geo", 256, 50, 50, kind="binary")
    rows += [size_row("paper1", 256, 10), size_row("fields.c", 11_150, 1, compress_cpu_s=1.0)]
    rows[-3] = replace(rows[-3], models="cm/3")
    text, binary = gains.gains(rows, 5, 256)
    assert (text.kind, text.files, text.primed, text.raw_bytes) == ("text", 2, 2, 512)
    assert (text.plain_bytes, text.coded_bytes, text.prior_bytes) == (200, 150, 1000)
    assert text.percent == 25
    assert (binary.kind, binary.files, binary.primed, binary.percent) == ("binary", 1, 0, 0)
    # The other file was not coded as a whole.
    (whole,) = gains.gains(rows, 5, None)
    assert (whole.files, whole.raw_bytes, whole.plain_bytes, whole.coded_bytes) == (
        1,
        11_150,
        300,
        280,
    )
    assert gains.gains(rows, 9, None) == []


def test_own_priors_know_nothing_of_the_messages() -> None:
    data = bytes(1 << 16) + LETTER * 200
    assert b"".join(messages.pieces(data)) == LETTER * 200
    assert {len(piece) for piece in messages.pieces(data, 1 << 12)} == {512}
    assert b"".join(messages.pieces(data, 1 << 12)) == (LETTER * 200)[: 1 << 12]
    assert OWN_ALL.train(data).text_bytes <= 1 << 15


def test_least_of_several_runs() -> None:
    one = size_row("a", 1, 1, compress_cpu_s=2.0, decompress_wall_s=1.0)
    two = size_row("a", 1, 1, compress_cpu_s=1.0, decompress_wall_s=3.0, compress_peak_bytes=5)
    least = messages.least([one, two])
    assert (least.compress_cpu_s, least.decompress_wall_s) == (1.0, 1.0)
    assert (least.compress_peak_bytes, least.decompress_cpu_s) == (5, None)


def test_messages_are_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = LETTER * 600
    monkeypatch.setattr(corpora, "load", lambda _: data)
    monkeypatch.setattr(messages, "SAMPLES", SAMPLES[:1])
    monkeypatch.setattr(messages, "CHOICES", ("none", "general-1", OWN_ALL))
    monkeypatch.setattr(messages, "_RUNS", 1)
    monkeypatch.setattr(messages, "_SPEED_RUNS", 1)
    monkeypatch.setattr(messages, "SPEED", ("book1", 1000))
    store = Store(tmp_path, resume=False)
    messages.measure_all(store, note=lambda _: None)
    rows = {(row.label, row.raw_bytes): row for row in store.rows}
    assert all(row.ok for row in store.rows)
    for choice in ("none", "general-1"):
        codec = lmcodec.MessageCodec(prior=choice)
        for length in LENGTHS:
            row = rows[f"lmcodec {label(choice)}", length]
            assert row.coded_bytes == len(codec.encode(data[:length]))
        first = rows[f"lmcodec message, first, {choice}", 256]
        assert first.compress_cpu_s is not None
        later = rows[f"lmcodec message, later, {choice}", 256]
        assert later.decompress_cpu_s is not None
        assert later.coded_bytes == rows[f"lmcodec {label(choice)}", 256].coded_bytes
    assert 64 < rows[f"lmcodec {label(OWN_ALL)}", 256].prior_bytes <= (1 << 15) + 100
    assert {("lmcodec -5", 1000), ("lmcodec -5 --prior none", 1000)} <= set(rows)
    count = len(store.rows)
    messages.measure_all(store, note=lambda _: None)
    assert len(store.rows) == count


def test_targets_without_rows_are_open() -> None:
    found = prior_figures.evaluate([])
    assert {(finding.reached, finding.ok) for finding in found} == {("not measured", None)}


def test_good_rows_meet_every_target() -> None:
    found = prior_figures.evaluate(good_rows())
    assert [finding.asked for finding in found if not finding.ok] == []
    assert len(found) == 1 + 2 + 6 + 2 + 6 + 6 + 2 + 1


@pytest.mark.parametrize(
    ("name", "corpus", "raw", "change", "failed"),
    [
        ("lmcodec -5", "alice29.txt", 152_089, {"coded_bytes": 30_451}, ["level 5, text"]),
        ("lmcodec -5", "geo", 102_400, {"coded_bytes": 44_946}, ["level 5, bin", "level 5, bin"]),
        ("lmcodec -5", "book1", 768_771, {"coded_bytes": 184_506}, ["level 5, book1"]),
        ("lmcodec -9", "enwik6", 1_000_000, {"coded_bytes": 187_501}, ["level 9, enwik6"]),
        ("lmcodec -5", *SPEED, {"compress_cpu_s": 0.71}, ["level 5, first"]),
        ("lmcodec -5", *SPEED, {"decompress_cpu_s": 0.71}, ["level 5, first"]),
        (
            "lmcodec message, general-1",
            "book1",
            256,
            {"coded_bytes": 91},
            ["messages of 256 bytes"],
        ),
        (f"lmcodec {label(OWN_FIRST)}", "book1", 1024, {"coded_bytes": 190}, ["messages of 1024"]),
        (f"lmcodec {label(NETWORK)}", "book1", 4096, {"coded_bytes": 999}, ["messages of 4096"]),
        (
            "lmcodec message, first, general-1",
            "alice29.txt",
            256,
            {"compress_cpu_s": 0.061},
            ["first"],
        ),
        (
            "lmcodec message, later, general-1",
            "alice29.txt",
            256,
            {"decompress_cpu_s": 0.00051},
            ["each"],
        ),
        (
            "lmcodec message, first, general-1",
            "alice29.txt",
            256,
            {"compress_peak_bytes": (54 << 20) + 1},
            ["peak memory"],
        ),
    ],
)
def test_each_target_can_fail(
    name: str, corpus: str, raw: int, change: dict[str, Any], failed: list[str]
) -> None:
    rows = [
        replace(row, **change)
        if (row.label, row.corpus, row.raw_bytes) == (name, corpus, raw)
        else row
        for row in good_rows()
    ]
    asked = [finding.asked for finding in prior_figures.evaluate(rows) if not finding.ok]
    assert len(asked) == len(failed)
    assert all(one.startswith(start) for one, start in zip(asked, failed, strict=True))


def test_messages_need_all_samples() -> None:
    rows = message_rows("none", (700, 1400, 2800))
    assert prior_figures.message_bytes(rows, "lmcodec message, none") == [700, 1400, 2800]
    assert prior_figures.message_bytes(rows[1:], "lmcodec message, none") is None


def report_rows() -> list[Measurement]:
    rows = (
        good_rows() + both("alice29.txt", 256, 121, 100) + both("geo", 256, 200, 201, kind="binary")
    )
    return rows + both("geo", 4096, 2000, 2000, kind="binary")


def test_markdown_has_sums_losses_and_targets() -> None:
    text = prior_report.markdown(report_rows(), Machine.here())
    assert "| text | -17.4 (1) |  | -33.5 (1) |  |  |  |  |  | -8.8 (2) |" in text
    assert "## Level 5: 4 KiB" in text
    assert "| text | 1 | 1 | 4,096 | 1,700 | 1,130 | 2,130 | -33.5 |" in text
    assert "| all kinds | 2 | 2 | 8,192 | 3,700 | 3,130 | 4,130 | -15.4 |" in text
    assert "| geo | 256 | 200 | 201 | +0.50 |" in text
    assert "| geo | 102,400 | 44,900 | 44,940 | +0.09 |" in text
    assert "| lmcodec message, general-1 | 600 | 1,500 | 4,400 | 1,000 |" in text
    assert "26 of 26 targets are met." in text
    # Only whole files were coded at this level, for a target.
    assert "Level 9:" not in text


def test_a_plain_report_has_no_empty_tables() -> None:
    text = prior_report.markdown(both("alice29.txt", 256, 121, 100), Machine.here())
    assert "0 of 1 streams are larger" in text
    assert "| Corpus |" not in text
    assert "## Messages" not in text


@pytest.mark.parametrize("drawn", [True, False])
def test_page_stands_alone(drawn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not drawn:
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    elif importlib.util.find_spec("matplotlib") is None:
        pytest.skip("matplotlib is not installed")
    page = prior_report.html_page(report_rows(), Machine.here())
    assert page.count("<svg") == int(drawn)
    assert "<!--" not in page
    assert "<script src" not in page
    links = [part.split('"')[0] for part in page.split('href="')[1:]]
    assert all(link.startswith("#") for link in links)
    assert (
        "<th>alice29.txt<th>text<td>5<td>4,096<td>1,700<td>1,130<td>2,130<td>-33.5<th>yes" in page
    )
    if drawn:
        (plot,) = re.findall(r"<svg.*?</svg>", page)
        assert "256 KiB" in plot
        assert "#123454" not in plot
        assert "clip-path" not in plot


def test_command_measures_and_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gains, "HEAD_BYTES", 300)
    out = ["--out", str(tmp_path / "run")]
    words = ["priors", "--only", "periodic.1M", "--levels", "3", *out]
    assert command.main(words) == 0
    assert [row.raw_bytes for row in read_rows(tmp_path / "run" / "rows.csv")] == [
        256,
        256,
        300,
        300,
    ]
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == ["machine.json", "report.html", "report.md", "rows.csv"]
    assert command.main(words) == 1
    assert "results exist already" in capsys.readouterr().err
    assert command.main([*words, "--resume"]) == 0
    assert command.main(["priors", "--no-run", *out]) == 0
    assert command.main(["priors", "--only", "nope", "--resume", *out]) == 1


def test_targets_measure_what_they_need(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[str], list[int], tuple[int, ...]]] = []

    def record(chosen: list[Corpus], store: Store, **more: Any) -> None:
        del store
        levels = [setting.level for setting in more["settings"]]
        seen.append(([corpus.name for corpus in chosen], levels, more["sizes"]))

    monkeypatch.setattr(gains, "measure", record)
    monkeypatch.setattr(messages, "measure_all", lambda store, **_: store.add(*good_rows()[-2:]))
    store = Store(tmp_path, resume=False)
    prior_figures.measure(store, note=print)
    (five, levels, sizes), (nine, *rest) = seen
    assert (levels, sizes) == ([5, 5], ())
    assert {"alice29.txt", "enwik6", "geo", "diamonds.csv", "progc"} <= set(five)
    assert "HDFS_2k.log" not in five
    assert (sorted(nine), rest) == (["alice29.txt", "book1", "enwik6"], [[9, 9], ()])
    assert len(store.rows) == 2
