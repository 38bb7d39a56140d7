"""What circuits gain: ways to code, rows, figures, pictures, report and targets."""

from __future__ import annotations

import io
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray

import lmcodec
from benchmarks import __main__ as command
from benchmarks import (
    circuit_figures,
    circuit_images,
    circuit_pictures,
    circuit_report,
    circuit_rows,
)
from benchmarks.circuit_figures import ACCESS, ENTROPY, ESTIMATED, EXACT, SCALING, Figure, Figures
from benchmarks.circuit_images import EACH, FORMATS, WHOLE
from benchmarks.circuit_walks import WAYS, Hidden, balanced, passes_visits
from benchmarks.results import Machine, read_rows
from lmcodec.bench import Measurement
from lmcodec.circuit import Circuit, file
from lmcodec.circuit.structure import rooted
from lmcodec.circuit.weights import Weights
from lmcodec.fitted import FittedCircuit
from lmcodec.models.circuit import CircuitModel
from tests.circuits import random_circuit, random_samples

STORED = random_circuit(3, 20, states=4, categories=9, bare=4)


def pictures(count: int) -> NDArray[np.uint8]:
    generator = np.random.RandomState(1)
    return generator.randint(0, 3, (count, 4, 5)).astype(np.uint8)


def fitted() -> FittedCircuit:
    """A circuit of pictures of 4 x 5, a node for each pixel."""
    chain = [[n for n in (node - 1, node + 1) if 0 <= n < 20] for node in range(20)]
    weights = Weights.dense(rooted(chain, np.full(20, 3, np.int32), 2))
    random = np.random.RandomState(2)
    weights.emissions[:] = random.random_sample(len(weights.emissions)) + 0.1
    return FittedCircuit(file.write(file.quantize(weights, {"shape": "4,5"})))


def test_all_ways_find_what_the_coder_finds() -> None:
    data = STORED.file()
    core, hidden = FittedCircuit(data).core, Hidden.of(data)
    samples = random_samples(STORED, 1, 7)
    expected = core.code_lengths(samples.tobytes())
    found = {name: way(hidden, samples) for name, way in WAYS.items()}
    for one in found.values():
        np.testing.assert_allclose(one.bits.sum(axis=1), expected, rtol=1e-5)
        np.testing.assert_allclose(one.bits, found["passes"].bits, atol=1e-6)
    assert found["passes"].visits == passes_visits(hidden)


def test_visits_of_balanced_circuits() -> None:
    # Two states and values, so 4 edges between nodes, 2 at the root, and 4 in each table.
    hidden = Hidden(balanced(4, 2, 2, seed=1))
    samples = np.array([[0, 1, 1, 0]], np.uint8)
    tables = 4 * (4 + 2)
    # To the first leaf 2, then up 1 and down 1, up 2 and down 2, up 1 and down 1.
    walked = WAYS["walk"](hidden, samples).visits
    assert walked == 2 + 4 * (2 + 2 + 4 + 2) + tables
    core = FittedCircuit(file.write(file.quantize(hidden.weights, {}))).core
    # The coder counts no reading of tables once a value is known: two entries of each.
    assert walked == core.products + 4 * 2
    # Up 1, down 1 and up 1 for the second, up 1 and twice 2 for each that follows.
    assert WAYS["paths"](hidden, samples).visits == 4 * (0 + 3 + 5 + 4) + tables
    assert WAYS["passes"](hidden, samples).visits == 4 * (2 + 4 * 6) + 2 * (1 + 2 + 3 + 4)


def test_scaling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Figures(tmp_path, resume=False)
    circuit_figures.measure_scaling(store, lambda _: None, (4, 16))
    values = {(f.subject, f.way, f.quantity): f.value for f in store.all}
    for side in (4, 16):
        hidden = Hidden(balanced(side, 8, 4, circuit_figures._SEED))
        assert values[str(side), "", "edges"] == hidden.weights.num_edges
        assert values[str(side), "passes", "visits"] == passes_visits(hidden)
        assert values[str(side), "walk", "visits"] < 2 * values[str(side), "", "edges"]
    assert Figures(tmp_path, resume=True).all == [
        replace(one, value=float(f"{one.value:.10g}")) for one in store.all
    ]
    # All figures are there: nothing is measured anew.
    monkeypatch.setattr(circuit_figures, "_scaling", None)
    circuit_figures.measure_scaling(Figures(tmp_path, resume=True), lambda _: None, (4, 16))


def test_access_and_entropy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(circuit_figures, "_DRAWN", 256)
    monkeypatch.setattr(circuit_figures, "_CODED", 50)
    circuit, store = fitted(), Figures(tmp_path, resume=False)
    flat = pictures(40).reshape(40, -1)
    circuit_figures.measure_access(store, lambda _: None, "own", circuit, flat)
    values = {(f.way, f.quantity): f.value for f in store.all}
    for group in (1, 16, 128):
        payload = CircuitModel(group, circuit=circuit).encode(flat.tobytes())
        groups = -(-40 // group)
        assert values[str(group), "bytes"] == len(payload)
        index, own = values[str(group), "bytes of index"], values[str(group), "bytes of a group"]
        assert index + groups * own == pytest.approx(len(payload))
        assert index >= groups
    circuit_figures.measure_entropy(store, lambda _: None, {"own": circuit})
    entropies = {f.subject: f for f in store.all if f.quantity == "bits of entropy"}
    assert entropies.keys() == {EXACT, ESTIMATED, "own"}
    small = circuit_figures._random(8)
    grid = np.indices([4] * 8).reshape(8, -1).T.astype(np.uint8)
    logs = Circuit.from_bytes(bytes(small)).log_likelihood(grid) / np.log(2)
    exact = -float(np.exp2(logs) @ logs)
    assert entropies[EXACT].value == pytest.approx(exact, rel=1e-5)


def test_pictures_side_by_side() -> None:
    samples = pictures(5)
    whole = circuit_images.mosaic(samples)
    assert whole.shape == (8, 15)
    assert (whole[:4, 5:10] == samples[1]).all()
    assert (whole[4:, 5:10] == samples[4]).all()
    assert not whole[4:, 10:].any()
    coloured = np.stack([samples, samples, samples + 1], axis=-1)
    assert (circuit_images.mosaic(coloured)[4:, :5] == coloured[3]).all()


@pytest.mark.parametrize("form", FORMATS[:2])
def test_formats_of_images(form: circuit_images.Format, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("PIL")
    samples = pictures(5)
    sizes = {way: circuit_images.coded_bytes(form, way, samples) for way in form.ways}
    assert sizes[WHOLE] == len(form.write(circuit_images.mosaic(samples)))
    assert sizes[EACH] == sum(len(form.write(sample)) for sample in samples)
    monkeypatch.setattr(circuit_images.Format, "read", lambda *_: samples[0] + 1)
    with pytest.raises(ValueError, match="differ"):
        circuit_images.coded_bytes(form, EACH, samples)


def test_png_is_read_by_others() -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    data = circuit_pictures.png(picture)
    begin = data.index(b"IDAT") + 4
    lines = np.frombuffer(zlib.decompressobj().decompress(data[begin:]), np.uint8).reshape(3, 5)
    assert (lines[:, 1:] == picture).all()
    image = pytest.importorskip("PIL.Image")
    assert (np.asarray(image.open(io.BytesIO(data))) == picture).all()


def test_maps_and_trees() -> None:
    bits = np.array([[0.0, 0.0, 1.0], [2.0, 1.0, 1.0]])
    root = ElementTree.fromstring(circuit_pictures.bits_map(bits, "words"))
    found = [rect for rect in root.iter("{http://www.w3.org/2000/svg}rect")]
    cells = [rect for rect in found if rect.get("height") == "12"]
    # Neighbours of one shade are one rectangle.
    assert [rect.get("width") for rect in cells] == ["24", "12", "12", "24"]
    assert cells[1].get("fill") == cells[3].get("fill") != cells[0].get("fill")
    drawn = circuit_pictures.tree(Circuit.from_bytes(bytes(fitted())), "words")
    assert drawn.count("M") == 19
    with pytest.raises(ValueError, match="pictures"):
        circuit_pictures.tree(Circuit(), "words")


def array_file(folder: Path, count: int) -> Path:
    np.save(folder / "few.npy", pictures(count))
    return folder / "few.npy"


def run(*words: object) -> int:
    return command.main(["circuits", *map(str, words)])


def test_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    array, circuit, out = array_file(tmp_path, 30), fitted(), tmp_path / "out"
    (tmp_path / "own.circuit").write_bytes(bytes(circuit))
    monkeypatch.setattr(circuit_rows, "PEERS", ("xz -9e",))
    words: Sequence[object] = ["--circuits", tmp_path / "own.circuit", "--reference", array]
    parts = ["--only", "sizes,speeds,access", "--out", out]
    assert run(*words, *parts) == 0
    said = capsys.readouterr()
    rows = {row.label: row for row in read_rows(out / "rows.csv")}
    data = array.read_bytes()
    stream = lmcodec.compress(data, model=CircuitModel(circuit=circuit))
    assert rows["circuit own"].coded_bytes == len(stream)
    assert rows["circuit own"].prior_bytes == len(bytes(circuit))
    assert rows["circuit own"].raw_bytes == 600
    bits = circuit.core.code_lengths(pictures(30).tobytes()).sum()
    assert rows["ideal own"].coded_bytes == -(-bits // 8)
    assert rows["lmcodec -9"].coded_bytes == len(lmcodec.compress(data, level=9))
    assert rows["xz -9e"].coded_bytes
    assert rows["circuit own -T2"].models.startswith("30 samples, 2 states, ")
    machine = Machine.read(out)
    assert machine is not None
    figures = Figures.read(out)
    assert (out / "report.md").read_text() in said.out
    assert (out / "report.md").read_text() == circuit_report.markdown(
        list(rows.values()), figures, machine
    )
    assert "<h2" in (out / "report.html").read_text()
    # All rows are there: nothing is coded anew.
    monkeypatch.setattr(circuit_rows, "_checked", None)
    monkeypatch.setattr(circuit_rows, "_ideal", None)
    assert run(*words, "--only", "sizes,access", "--out", out, "--resume") == 0
    # Another circuit of the name: its rows are dropped, and those of others stay.
    (tmp_path / "own.circuit").write_bytes(file.write(replace_seed(bytes(circuit))))
    assert run(*words, "--only", "scaling", "--out", out, "--no-run") == 0
    kept = circuit_rows.kept(
        list(rows.values()), {"own": FittedCircuit.load(tmp_path / "own.circuit")}
    )
    assert {row.label for row in kept} == {"lmcodec -9", "xz -9e"}


def replace_seed(data: bytes) -> file.Quantized:
    return replace(file.read(data), card={"shape": "4,5", "seed": "1"})


def test_command_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.circuit").write_bytes(bytes(fitted()))
    words = ["--reference", array_file(tmp_path, 30), "--out", tmp_path / "out"]
    drawn = ["--pictures", tmp_path / "drawn"]
    assert run(*words, *drawn) == 1
    assert run("--circuits", tmp_path / "own.circuit", *words, *drawn) == 0
    names = {path.name for path in (tmp_path / "drawn").iterdir()}
    assert names == {"circuit-samples.png", "circuit-bits.svg", "circuit-tree.svg"}
    assert "circuit-bits.svg" in capsys.readouterr().err


def test_command_refuses_circuits_of_other_samples(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.circuit").write_bytes(STORED.file())
    words = ["--reference", array_file(tmp_path, 3), "--out", tmp_path / "out"]
    assert run("--circuits", tmp_path / "own.circuit", *words, "--only", "sizes") == 1
    assert "own is of other samples than few.npy" in capsys.readouterr().err


def size_row(label: str, coded: int, models: str = "") -> Measurement:
    codec, _, options = label.partition(" ")
    return Measurement(
        "images", "size", 8000, codec, options, "1", coded_bytes=coded, models=models
    )


def good_rows() -> list[Measurement]:
    speed = replace(
        size_row("circuit a -T2", 0, "10000 samples, 16 states, 9 edges"),
        kind="speed",
        coded_bytes=None,
        compress_cpu_s=4.0,
        decompress_cpu_s=5.0,
    )
    return [
        size_row("circuit a", 1230, "16 states, 9 edges"),
        size_row("ideal a", 1229),
        size_row("circuit b", 1160, "32 states, 7 edges of 9"),
        size_row("ideal b", 1159),
        size_row("circuit b --mixed", 900),
        speed,
    ]


def good_figures() -> list[Figure]:
    found = []
    for side in (64, 256):
        for way, quantity, value in (
            ("", "edges", 10.0 * side),
            ("walk", "visits", 18.0 * side),
            ("paths", "visits", 8.0 * side * np.log2(side)),
            ("passes", "visits", 9.0 * side**2),
            ("walk", "s", 1e-6 * side),
        ):
            found.append(Figure(SCALING, str(side), way, quantity, value, "1"))
    for quantity, value in (("bits of entropy", 100.0), ("bits coded", 100.3), ("samples", 9.0)):
        found.append(Figure(ENTROPY, EXACT, "", quantity, value, "1"))
    found.append(Figure(ENTROPY, EXACT, "", "bits of its error", 0.0, "1"))
    return found


def test_targets_are_met_by_good_rows() -> None:
    findings = circuit_report.evaluate(good_rows(), good_figures())
    assert [finding.ok for finding in findings] == [True] * 12
    assert findings[1].reached == "1.1600 (circuit b, 1,160 bytes)"
    assert findings[3].reached == "at most +0.086 % (circuit b), circuits: 2"
    assert findings[6].reached == "at most 1.25 times"
    assert findings[7].reached == "at most 1.800, power of D 0.000"


def test_targets_are_missed_by_others_and_not_known_without_rows() -> None:
    worse = []
    for row in good_rows():
        if row.codec == "circuit" and row.coded_bytes:
            row = replace(row, coded_bytes=row.coded_bytes + 90)
        elif row.kind == "speed":
            row = replace(row, compress_cpu_s=10.0, decompress_cpu_s=21.0)
        worse.append(row)
    changed = {"walk": 300.0, "paths": 1.0, "passes": 1.0}
    figures = [
        replace(f, value=f.value * (changed.get(f.way, 1.02) if f.subject == "256" else 1))
        for f in good_figures()
    ]
    figures = [replace(f, value=101.0) if f.quantity == "bits coded" else f for f in figures]
    findings = circuit_report.evaluate(worse, figures)
    assert [finding.ok for finding in findings[:8]] == [False] * 8
    assert [finding.ok for finding in findings[-2:]] == [False] * 2
    assert {finding.ok for finding in circuit_report.evaluate([], [])} == {None}
    failed = [replace(row, status="decoded bytes differ") for row in good_rows()]
    assert {finding.ok for finding in circuit_report.evaluate(failed, [])} == {None}


def test_reports_say_what_failed() -> None:
    machine = Machine("some", 2, 1 << 30, "Linux", "3.11")
    rows = [*good_rows(), replace(size_row("PNG each alone", 0), status="decoded pixels differ")]
    text = circuit_report.markdown(rows, good_figures(), machine)
    assert "| images | PNG each alone | decoded pixels differ |" in text
    assert "| circuit a | 16 states, 9 edges | 1,230 | 1.2300 | +0.081 % | 0 |" in text
    assert "| 64 | 640 | 1.80 | 4.80 | 57.60 | 0.064 |  |  |" in text
    titles = [title for title, *_ in circuit_report.tables(rows, good_figures())]
    assert not any(title.startswith("One sample") for title in titles)
    access = [Figure(ACCESS, "a", "16", quantity, 4.0, "1") for quantity in ("bytes", "s")]
    access += [
        Figure(ACCESS, "a", "16", quantity, 4.0, "1")
        for quantity in ("bytes of index", "bytes of a group", "s of all")
    ]
    assert "| a | 16 | 4 | 4 | 4 | 4000.00 | 4,000 |" in circuit_report.markdown(
        rows, access, machine
    )
