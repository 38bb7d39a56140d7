"""What tables take: drawing, static codes of graphs, report and targets."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import table_plot, table_report, table_synthetic
from benchmarks.circuit_figures import Figure, Figures
from benchmarks.results import Machine
from benchmarks.table_graphs import GRAPH, GRAPHS, LINK_BITS, STATIC, static_bits
from benchmarks.table_synthetic import BITS, BLOCKS, LATENT, OPTIMUM


def test_entropy_of_blocks() -> None:
    # 0.6086 for 1000 rows: the mean of the nine shares, and two labels of log2(3) bits.
    assert table_synthetic.entropy(1000) == pytest.approx(0.60859, abs=1e-5)
    assert table_synthetic.entropy(1000, 0.0) == pytest.approx(1 + 2 * np.log2(3) / 1000)


def test_tables_of_a_seed_are_the_same() -> None:
    table, rows, columns = table_synthetic.draw(50, 3)
    again, *_ = table_synthetic.draw(50, 3)
    assert np.array_equal(table, again)
    assert table.shape == (50, 50)
    assert len(rows) == len(columns) == 50
    assert not np.array_equal(table, table_synthetic.draw(50, 4)[0])


def test_static_codes() -> None:
    # No links: a length of 0 for each node, one bit each.
    assert static_bits([[0, 0]]) == 1 + 2 + 1 + 1 + 3
    # Length 5: 5 bits. No reference: 1. One interval: 3, from 1: 3, its length beyond 4: 3.
    interval = [[0, target] for target in (1, 2, 3, 4, 5)]
    assert static_bits(interval) == 5 + 1 + 3 + 3 + 3 + 5
    # The second list is a copy of the first: length, back by 1, no blocks, no intervals.
    far = [7, 19, 40, 77]
    once = static_bits([[0, target] for target in far])
    twice = static_bits([[node, target] for node in (0, 1) for target in far])
    assert twice - once == 5 - 1 + 3 + 1 + 1


def figures(latent: float, other: float) -> list[Figure]:
    found = []
    for size, excess in ((300, 2 * latent), (1000, latent)):
        for way, by in ((OPTIMUM, 0.0), (LATENT, excess), ("xz -9e", other)):
            found.append(Figure(BLOCKS, f"{size}/0", way, BITS, 0.6 * (1 + by / 100), "1"))
    found.append(Figure(GRAPHS, "some", GRAPH, LINK_BITS, 2.0, "1"))
    found.append(Figure(GRAPHS, "some", STATIC, LINK_BITS, 5.0, "1"))
    return found


def test_targets() -> None:
    good = table_report.evaluate(figures(0.5, 60))
    assert [finding.ok for finding in good] == [True] * 4
    bad = table_report.evaluate(figures(1.5, 40))
    assert [finding.ok for finding in bad] == [False, True, False, True]
    assert [finding.ok for finding in table_report.evaluate([])] == [None] * 4


def test_the_report_has_all_parts() -> None:
    text = table_report.markdown(figures(0.5, 60), Machine.here())
    assert "| xz -9e | +60.00 | +60.00 |" in text
    assert "| references and gaps | 5.000 |" in text
    by_size = table_report.by_size(figures(0.5, 60))
    assert by_size[LATENT] == {300.0: pytest.approx(1.0), 1000.0: pytest.approx(0.5)}


def test_pictures() -> None:
    pytest.importorskip("matplotlib")
    drawn = table_plot.excess({LATENT: {100: 2.0, 1000: 0.5}, "xz -9e": {100: 70, 1000: 65}})
    assert ElementTree.fromstring(drawn).tag.endswith("svg")
    drawn = table_plot.signal({LATENT: {0.5: 0.9, 1.0: 0.6}})
    assert ElementTree.fromstring(drawn).tag.endswith("svg")


def test_the_command_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(table_synthetic, "_STRENGTHS", (1.0,))
    monkeypatch.setattr(table_synthetic, "_SIGNAL_SIZE", 40)
    edges = tmp_path / "edges.txt"
    links = [(a, b) for a in range(40) for b in range(a + 1, 40) if (a ^ b) % 5 < 2]
    edges.write_text("".join(f"{a} {b}\n" for a, b in links))
    words = ["tables", "--synthetic", "--sizes", "40", "--seeds", "1", "--graphs", str(edges)]
    assert command.main([*words, "--out", str(tmp_path / "out")]) == 0
    assert "Percent above the entropy" in capsys.readouterr().out
    found = Figures.read(tmp_path / "out")
    assert {one.part for one in found} == {"blocks", "signal", GRAPHS}
    assert (tmp_path / "out" / "blocks.svg").exists()
    # Everything is there.
    assert command.main([*words, "--resume", "--out", str(tmp_path / "out")]) == 0
    assert Figures.read(tmp_path / "out") == found
    edges.write_text("no edges\n")
    assert command.main(["tables", "--graphs", str(edges), "--out", str(tmp_path / "new")]) == 1
