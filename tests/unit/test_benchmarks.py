"""The matrix of corpora and codecs, its sums, its reports and the targets."""

from __future__ import annotations

import csv
import importlib.util
import itertools
import json
import re
from argparse import ArgumentTypeError
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import __main__ as command
from benchmarks import figures, llm, matrix, networks, prior_figures, report
from benchmarks.findings import table
from benchmarks.results import Machine, read_rows, write_rows
from benchmarks.summary import ALL, Total, frontier, kinds, totals
from lmcodec.bench import Measurement
from lmcodec.corpora import Corpus, list_corpora
from lmcodec.peers import BASELINE, PEERS, Codec, Command, Library, lmcodec_codec


def row(
    label: str, corpus: str, coded: int | None, cpu_s: float = 1.0, **more: object
) -> Measurement:
    codec, _, options = label.partition(" ")
    one = Measurement(
        corpus=corpus,
        kind="text",
        raw_bytes=1_000_000,
        codec=codec,
        options=options,
        version="1.0",
        coded_bytes=coded,
        compress_cpu_s=cpu_s,
        decompress_cpu_s=cpu_s / 2,
        compress_peak_bytes=20 << 20,
        decompress_peak_bytes=10 << 20,
    )
    return replace(one, **more)  # type: ignore[arg-type]


ROWS = [
    row(BASELINE, "a", 400, 2.0),
    row(BASELINE, "b", 600, 2.0, kind="logs"),
    row("lmcodec -5", "a", 200, 1.0, models="cm/1", declared_bytes=1 << 20),
    row("lmcodec -5", "b", 300, 3.0, kind="logs", prior_bytes=50),
    row("brotli -11", "a", 380, 0.01, prior_bytes=100),
    row("slow <&|> -1", "b", None, kind="logs", status="exit status 1: a|b <c>"),
]


def baseline() -> Codec:
    return next(c for c in PEERS if c.label == BASELINE and isinstance(c, Library))


class Cells(HTMLParser):
    """The cells of all tables, and every tag that is left open though HTML wants its end."""

    # What each of these ends, where it is open.
    ENDS: ClassVar = {
        "td": ("td", "th"),
        "th": ("td", "th"),
        "tr": ("td", "th", "tr"),
        "thead": ("td", "th", "tr"),
        "tbody": ("td", "th", "tr"),
    }

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.end(tag)
        if tag not in ("meta", "path", "use", "rect"):
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("meta", "path", "use", "rect"):
            if tag in ("thead", "tbody"):
                self.end(tag)
            assert self.open.pop() == tag

    def end(self, tag: str) -> None:
        while self.open and self.open[-1] in self.ENDS.get(tag, ()):
            self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data.strip()


def test_rows_survive_the_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    write_rows(path, ROWS)
    assert read_rows(path) == ROWS
    with path.open(newline="") as source:
        cells = list(csv.DictReader(source))
    assert cells[3]["size_vs_xz"] == "0.5000"
    assert cells[3]["compress_cpu_vs_xz"] == "1.5000"
    assert cells[3]["coded_with_prior_bytes"] == "350"
    assert cells[5]["size_vs_xz"] == ""


def test_short_times_keep_their_digits(tmp_path: Path) -> None:
    short = row("lmcodec -5", "a", 200, 0.0004567)
    write_rows(tmp_path / "rows.csv", [short])
    assert read_rows(tmp_path / "rows.csv")[0].compress_cpu_s == short.compress_cpu_s


def test_machine_names_no_host(tmp_path: Path) -> None:
    here = Machine.here()
    assert Machine.read(tmp_path) is None
    here.write(tmp_path)
    assert Machine.read(tmp_path) == here
    keys = set(json.loads((tmp_path / "machine.json").read_text()))
    assert keys == {"processor", "cores", "memory_bytes", "system", "python"}


def test_machines_are_alike_where_reports_say_the_same() -> None:
    here = replace(Machine.here(), memory_bytes=8 << 30)
    assert here.is_like(replace(here, memory_bytes=(8 << 30) - 4096))
    assert not here.is_like(replace(here, memory_bytes=16 << 30))
    assert not here.is_like(replace(here, cores=here.cores + 1))


def test_totals_compare_with_the_baseline_on_the_same_files() -> None:
    assert kinds(ROWS) == ["text", "logs"]
    own, brotli, xz = totals(ROWS)
    assert (own.label, own.files, own.of_files) == ("lmcodec -5", 2, 2)
    assert (own.coded_bytes, own.prior_bytes, own.percent_of_xz) == (500, 50, 50.0)
    assert own.speed(decompress=False) == 0.5
    assert own.speed(decompress=True) == 1.0
    assert (brotli.label, brotli.complete, brotli.percent_of_xz) == ("brotli -11", False, 95.0)
    assert brotli.speed(decompress=False) is None
    assert xz.percent_of_xz == 100.0
    assert [total.label for total in totals(ROWS, "logs")] == ["lmcodec -5", BASELINE]
    assert totals(ROWS[2:]) == []
    made = replace(ROWS[0], corpus="zeros", kind="generated")
    assert totals([*ROWS, made]) == totals(ROWS)
    assert totals([*ROWS, made], "generated")[0].coded_bytes == 400


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), max_size=12))
def test_frontier_is_what_nothing_beats(points: list[tuple[int, int]]) -> None:
    sums = [
        Total(str(i), 1, 1, 10**6, coded, 0, 100, float(cpu_s), None, None)
        for i, (coded, cpu_s) in enumerate(points)
    ]

    def beats(a: Total, b: Total) -> bool:
        x = (a.coded_bytes, a.compress_cpu_s or 0.0)
        y = (b.coded_bytes, b.compress_cpu_s or 0.0)
        return x != y and x[0] <= y[0] and x[1] <= y[1]

    edge = frontier(sums, decompress=False)
    unbeaten = {
        (total.coded_bytes, total.compress_cpu_s)
        for total in sums
        if not any(beats(other, total) for other in sums)
    }
    assert {(total.coded_bytes, total.compress_cpu_s) for total in edge} == unbeaten
    assert all(a.coded_bytes > b.coded_bytes for a, b in itertools.pairwise(edge))


def test_choose_by_name_and_kind() -> None:
    assert [corpus.name for corpus in matrix.choose(["geo", "alice29*"])] == ["alice29.txt", "geo"]
    assert {corpus.kind for corpus in matrix.choose(["logs", "json"])} == {"logs", "json"}
    assert matrix.choose([]) == list(list_corpora())
    with pytest.raises(ValueError, match="no corpus has this name or kind: nope"):
        matrix.choose(["logs", "nope"])


def test_slow_codecs_skip_large_corpora() -> None:
    small = Corpus("small", "text", 10, "", "")
    large = Corpus("large", "text", 1000, "", "")
    fast = Command("fast", "", "", "", "")
    slow = replace(fast, id="slow", slow=True)
    plan = matrix.Plan([small, large], {fast: "1", slow: "1"}, slow_limit_bytes=100)
    assert plan.pairs() == [(small, fast), (small, slow), (large, fast)]
    assert len(replace(plan, head_bytes=100).pairs()) == 4
    assert len(replace(plan, slow_limit_bytes=None).pairs()) == 4


def test_run_stops_and_goes_on(tmp_path: Path) -> None:
    corpora = matrix.choose(["periodic.1M"])
    codec = lmcodec_codec(1, "stored")
    notes: list[str] = []
    plan = matrix.Plan(corpora, {baseline(): "1"}, head_bytes=5000)
    first = matrix.run(plan, tmp_path, resume=False, note=notes.append)
    assert [(r.corpus, r.raw_bytes, r.label, r.ok) for r in first] == [
        ("periodic.1M", 5000, BASELINE, True)
    ]
    with pytest.raises(FileExistsError):
        matrix.run(plan, tmp_path, resume=False, note=notes.append)
    plan = replace(plan, codecs={baseline(): "1", codec: "1"})
    second = matrix.run(plan, tmp_path, resume=True, note=notes.append)
    assert second[0] == read_rows(tmp_path / "rows.csv")[0]
    assert [r.label for r in second] == [BASELINE, codec.label]
    assert notes[-1].startswith("[1/1]")
    third = matrix.run(plan, tmp_path, resume=True, again=["lmcodec*"], note=notes.append)
    assert [r.coded_bytes for r in third] == [r.coded_bytes for r in second]
    (tmp_path / "machine.json").write_text(
        json.dumps({**json.loads((tmp_path / "machine.json").read_text()), "cores": 99999})
    )
    with pytest.raises(ValueError, match="another machine"):
        matrix.run(plan, tmp_path, resume=True, note=notes.append)


def test_missing_corpus_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LMCODEC_CORPORA", raising=False)
    monkeypatch.setenv("LMCODEC_CACHE_DIR", str(tmp_path / "cache"))
    notes: list[str] = []
    plan = matrix.Plan(matrix.choose(["dickens", "zeros.10M"]), {baseline(): "1"}, head_bytes=10)
    rows = matrix.run(plan, tmp_path / "out", resume=False, note=notes.append)
    assert [r.corpus for r in rows] == ["zeros.10M"]
    assert notes[0].startswith("dickens: skipped: corpus is not on this machine")


def test_command_writes_all_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path / "run")]
    words = ["--only", "periodic.1M", "--codecs", "xz", "--levels", "1", "--head", "4KiB", *out]
    assert command.main(words) == 0
    assert "## generated: 1 file, 4,096 bytes" in capsys.readouterr().out
    names = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert names == ["machine.json", "report.html", "report.md", "rows.csv"]
    assert command.main(words) == 1
    assert "results exist already" in capsys.readouterr().err
    (tmp_path / "run" / "report.md").unlink()
    assert command.main(["--no-run", *out]) == 0
    assert (tmp_path / "run" / "report.md").exists()
    assert command.main(["--only", "nope", *out]) == 1


@pytest.mark.parametrize(
    ("text", "size"),
    [("16MB", 16_000_000), ("16M", 16_000_000), ("4KiB", 4096), ("7", 7), ("2 GiB", 2 << 30)],
)
def test_sizes(text: str, size: int) -> None:
    assert command.size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1.5MB", "MB", "3XB"])
def test_bad_sizes(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        command.size(text)


def test_markdown_has_totals_and_failures() -> None:
    text = report.markdown(ROWS, Machine.here())
    assert "## all kinds: 2 files, 2,000,000 bytes" in text
    assert "| lmcodec -5 | 2/2 | 500 | 550 | 0.03 | 50.0 | 0.5 | 1 | 20 |" in text
    assert "| brotli -11 | 1/2 | 380 | 480 | 0.04 | 95.0 |" in text
    assert "| b | slow <&\\|> -1 | exit status 1: a\\|b <c> |" in text


@pytest.mark.parametrize("drawn", [True, False])
def test_page_stands_alone(drawn: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not drawn:
        monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    elif importlib.util.find_spec("matplotlib") is None:
        pytest.skip("matplotlib is not installed")
    page = report.html_page(ROWS, Machine.here())
    assert page.count("<svg") == (6 if drawn else 0)
    body = Cells()
    body.feed(page)
    assert body.open == []
    assert "exit status 1: a|b <c>" in body.cells
    assert body.cells.count("lmcodec -5") == 3 + 2
    links = [part.split('"')[0] for part in page.split('href="')[1:]]
    assert all(link.startswith("#") for link in links)
    assert "<script src" not in page
    assert "<!--ROWS" not in page
    if drawn:
        assert "right is better" in page
        assert "#123454" not in page
        # Blanks and decimals that nobody sees once made up most of the page.
        for plot in re.findall(r"<svg.*?</svg>", page):
            assert re.search(r" [dxy]=\"[^\"]*\d\.\d\d", plot) is None
            assert len(plot) < 10_000


def test_targets_without_rows_are_open() -> None:
    found = figures.evaluate([])
    assert len(found) == 10
    assert {(finding.reached, finding.ok) for finding in found} == {("not measured", None)}
    assert table(found).endswith("0 of 10 targets are met.")


def good_rows() -> list[Measurement]:
    rows = [row(f"lmcodec -{level}", "book1", 1100 - 60 * level, level) for level in range(1, 10)]
    rows += [row(f"lmcodec -{level}", "noise.1M", 1_000_128) for level in range(1, 10)]
    rows += [row(f"lmcodec -{level}", "zeros.10M", 90) for level in range(1, 10)]
    rows += [row(BASELINE, "zeros.10M", 100)]
    rows += [row("bzip3 -b 16", "book1", 1040), row("kanzi -l 7", "book1", 1045, 0.5)]
    rows += [row("kanzi -l 9", "book1", 801, 5.0), row("zpaq -m5", "book1", 800, 9.0)]
    rows += [row("paq8px -8", "book1", 550, 180.0)]
    big = {"raw_bytes": 10_000_000, "compress_wall_s": 4.0}
    for level in range(1, 10):
        rows.append(row(f"lmcodec -{level}", "dickens", 1100 - 60 * level, level, **big))
    rows += [row("kanzi -l 9", "dickens", 801, 4.0, **big)]
    rows += [row("lmcodec -5", "nci", 800, 5.0, raw_bytes=10_000_000, compress_wall_s=4.0)]
    rows += [row("lmcodec -5 -T2", "nci", 800, 5.0, raw_bytes=10_000_000, compress_wall_s=2.2)]
    return [replace(r, declared_bytes=1 << 20) for r in rows]


def test_good_rows_meet_every_target() -> None:
    found = figures.evaluate(good_rows())
    assert [finding.asked for finding in found if not finding.ok] == []
    assert len(found) == 16


@pytest.mark.parametrize(
    ("label", "corpus", "change", "failed"),
    [
        ("lmcodec -1", "book1", {"coded_bytes": 1041}, ["level 1"]),
        ("lmcodec -1", "book1", {"decompress_cpu_s": 0.6}, ["level 1"]),
        ("lmcodec -5", "book1", {"coded_bytes": 801}, ["level 5"]),
        ("lmcodec -5", "book1", {"compress_cpu_s": 5.1}, ["level 5, book1: CPU"]),
        ("lmcodec -5", "dickens", {"compress_cpu_s": 6.1}, ["level 5"]),
        ("lmcodec -7", "book1", {"coded_bytes": 845}, ["level 7", "a higher level is never"]),
        ("lmcodec -9", "book1", {"coded_bytes": 573}, ["level 9, book1"]),
        ("lmcodec -9", "book1", {"compress_peak_bytes": 2 << 30}, ["level 9"]),
        ("paq8px -8", "book1", {"compress_cpu_s": 170.0}, ["level 9"]),
        ("lmcodec -3", "noise.1M", {"coded_bytes": 1_000_129}, ["1 MB of random bytes"]),
        ("lmcodec -3", "zeros.10M", {"coded_bytes": 2001}, ["10 MB of zeros"]),
        ("lmcodec -5 -T2", "nci", {"compress_wall_s": 2.3}, ["two threads"]),
        ("lmcodec -5 -T2", "nci", {"coded_bytes": 801}, ["two threads"]),
        ("lmcodec -4", "book1", {"decompress_peak_bytes": 99 << 20}, ["decoding stays"]),
        ("lmcodec -2", "dickens", {"compress_cpu_s": 9.0}, ["a lower level is never"]),
    ],
)
def test_each_target_can_fail(
    label: str, corpus: str, change: dict[str, float], failed: list[str]
) -> None:
    rows = [
        replace(r, **change) if (r.label, r.corpus) == (label, corpus) else r  # type: ignore[arg-type]
        for r in good_rows()
    ]
    asked = [finding.asked for finding in figures.evaluate(rows) if not finding.ok]
    assert len(asked) == len(failed)
    assert all(any(a.startswith(start) for a in asked) for start in failed)


def test_figures_command_reads_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(tmp_path / "rows.csv", good_rows())
    words = ["figures", "--no-run", "--out", str(tmp_path), "--priors", str(tmp_path / "priors")]
    words += ["--networks", str(tmp_path / "networks"), "--llm", str(tmp_path / "llm")]
    others = sum(len(each.evaluate([])) for each in (prior_figures, networks, llm))
    assert command.main(words) == 1
    assert f"16 of {16 + others} targets are met." in capsys.readouterr().out
    assert "16 of" in (tmp_path / "figures.md").read_text()
    assert command.main([*words[:3], str(tmp_path / "nowhere"), *words[4:]]) == 1


def test_totals_of_one_kind_have_no_sum_of_all() -> None:
    text = report.markdown(ROWS[:1], Machine.here())
    assert ALL not in text


def test_figures_measure_what_the_targets_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs: set[tuple[str, str]] = set()
    dropped: list[list[str]] = []

    def record(plan: matrix.Plan, folder: Path, **more: Any) -> list[Measurement]:
        assert (folder, more["resume"]) == (tmp_path, True)
        pairs.update((codec.label, corpus.name) for corpus, codec in plan.pairs())
        dropped.append(list(more["again"]))
        return []

    monkeypatch.setattr(matrix, "run", record)
    monkeypatch.setattr(figures, "available", lambda codecs, _: dict.fromkeys(codecs, "1"))
    figures.measure_all(tmp_path, again=["lmcodec*"], note=print)
    assert {(row.label, row.corpus) for row in good_rows()} <= pairs
    assert {name for label, name in pairs if label == "kanzi -l 9"} == set(figures.GENERAL)
    assert ("paq8px -8", "dickens") not in pairs
    # Rows are dropped once, or each plan would measure the last one's again.
    assert dropped == [["lmcodec*"], [], [], []]
