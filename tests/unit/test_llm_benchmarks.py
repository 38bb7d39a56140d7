"""What a language model gains: rows, report and targets."""

from __future__ import annotations

import importlib.util
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import lmcodec
from benchmarks import __main__ as command
from benchmarks import llm, llm_rows, llm_speed
from benchmarks.llm_rows import ALONE, BY_FLOAT64, CODED, CODED_INT8, MIXED, Piece
from benchmarks.results import Machine, Store, read_rows
from lmcodec import corpora, network, prior
from lmcodec.bench import Measurement
from lmcodec.errors import LmcodecError
from lmcodec.lm import segments
from lmcodec.lm.model import LanguageModel
from lmcodec.models.llm import Llm
from tests.language_models import llama, save, text

TEXT = text(300).encode()
TINY = llm_speed.Shape(width=32, layers=2, hidden=48, heads=4, vocabulary=300, context=64)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("models") / "tiny", *llama())


def row(label: str, kind: str, coded: int | None, corpus: str = "letters") -> Measurement:
    codec, _, options = label.partition(" ")
    return Measurement(corpus, kind, 4000, codec, options, "1", coded_bytes=coded)


def good_rows() -> list[Measurement]:
    rows = [row(BY_FLOAT64, "identity", 10_000), row(CODED, "identity", 10_009)]
    rows.append(row(CODED_INT8, "identity", 10_100))
    sizes = (1500, 1400, 900, 800, 790, 700)
    rows += [row(label, "reference", size) for label, size in zip(llm._LABELS, sizes, strict=True)]
    for label, tokens_a_second in ((llm_speed.ONE, 20), (llm_speed.LANES, 140)):
        rows.append(replace(row(label, "speed", None), decompress_cpu_s=1000 / tokens_a_second))
    return [*rows, replace(row(llm_speed.TORCH, "speed", None), decompress_cpu_s=1000 / 30)]


def test_targets_are_met_by_good_rows() -> None:
    findings = llm.evaluate(good_rows())
    assert [finding.ok for finding in findings] == [True] * 5
    assert findings[0].reached == "10,000 and 10,009 bytes on letters: +0.090 %"
    assert findings[2].reached.startswith("llm mixed 700 bytes; xz -9e 1,500, zstd -19 1,400, ")
    assert findings[3].reached == "140.0 against 20.0 tokens/s of CPU time: 7.00 times"
    assert findings[4].reached == "20.0 against 30.0 tokens/s of CPU time: 0.67 times"


def test_targets_are_missed_by_others_and_not_known_without_rows() -> None:
    worse = []
    for one in good_rows():
        if one.label in (ALONE, MIXED, CODED):
            one = replace(one, coded_bytes=2 * (one.coded_bytes or 0))
        elif one.label == CODED_INT8:
            one = replace(one, coded_bytes=3 * (one.coded_bytes or 0))
        elif one.label == llm_speed.ONE:
            one = replace(one, decompress_cpu_s=3 * (one.decompress_cpu_s or 0))
        elif one.label == llm_speed.LANES:
            one = replace(one, decompress_cpu_s=5 * (one.decompress_cpu_s or 0))
        worse.append(one)
    assert [finding.ok for finding in llm.evaluate(worse)] == [False] * 5
    assert [finding.ok for finding in llm.evaluate([])] == [None] * 5
    failed = [replace(one, status="decoded bytes differ") for one in good_rows()]
    assert [finding.ok for finding in llm.evaluate(failed)] == [None] * 5


def test_pieces_are_coded_in_all_ways(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def load(name: str) -> bytes:
        if name != "alice29.txt":
            raise LmcodecError("not here")
        return TEXT[::-1]

    monkeypatch.setattr(corpora, "load", load)
    (tmp_path / "letters").write_bytes(TEXT)
    out = tmp_path / "out"
    arguments = ["llm", "--out", str(out), "--only", "alice29.txt,bib", "--head", "1000"]
    words = ["--model", str(folder), "--reference", str(tmp_path / "letters")]
    words += ["--window", "32", "--chunk", "40", "--parts", "sizes,identity"]
    assert command.main([*arguments, *words]) == 0
    said = capsys.readouterr()
    assert "bib: skipped: not here" in said.err
    rows = {(row.corpus, row.label): row for row in read_rows(out / "rows.csv")}
    model = Llm.of(folder, window=32, chunk=40)
    weights = model.language_model().file_bytes
    shipped = len(bytes(prior.default())) + len(bytes(network.default()))
    for corpus, data in (("letters", TEXT[:1000]), ("alice29.txt", TEXT[::-1][:1000])):
        for label, mixed, known in ((ALONE, 0, weights), (MIXED, 1, weights + shipped)):
            stream = lmcodec.compress(data, model=replace(model, mixed=mixed))
            assert rows[corpus, label].coded_bytes == len(stream)
            assert rows[corpus, label].prior_bytes == known
            assert model.language_model().digests[0].hex()[:12] in rows[corpus, label].version
        plain = lmcodec.compress(data, level=9, network="none")
        assert rows[corpus, "lmcodec -9 --network none"].coded_bytes == len(plain)
        assert rows[corpus, "lmcodec -9"].coded_bytes == len(lmcodec.compress(data, level=9))
        assert (rows[corpus, "xz -9e"].coded_bytes or 0) > 0
    report = (out / "report.md").read_text()
    machine = Machine.read(out)
    assert machine is not None
    assert report == llm.markdown(list(rows.values()), machine)
    assert report in said.out
    assert f"| letters | reference | 1,000 | {rows['letters', 'xz -9e'].coded_bytes}" in report
    # All rows are there: nothing is measured anew.
    monkeypatch.setattr(llm_rows, "_checked", None)
    monkeypatch.setattr(llm_rows, "cross_entropy_bits", None)
    assert command.main([*arguments, *words, "--resume"]) == 0
    assert command.main(["llm", "--out", str(out), "--no-run"]) == 0
    assert (out / "report.md").read_text() == report
    assert command.main([*arguments, *words]) == 1
    assert "results exist already" in capsys.readouterr().err


def test_rows_of_other_weights_are_dropped(folder: Path, tmp_path: Path) -> None:
    store = Store(tmp_path, resume=False)
    old = row(CODED, "identity", 9)
    store.add(old, row("xz -9e", "text", 7), row(ALONE, "text", 8))
    words = ["--resume", "--model", str(folder), "--parts", "identity", "--out", str(tmp_path)]
    (tmp_path / "letters").write_bytes(TEXT)
    words += ["--reference", str(tmp_path / "letters")]
    assert command.main(["llm", *words]) == 0
    rows = read_rows(tmp_path / "rows.csv")
    assert [row.label for row in rows] == ["xz -9e", BY_FLOAT64, CODED, CODED_INT8]


@pytest.mark.parametrize("begin", [0, -1])
def test_bits_are_those_of_the_engine(folder: Path, begin: int) -> None:
    chosen = Llm.of(folder, window=128, chunk=50, begin=begin, mixed=0)
    tokens = segments.split(TEXT, chosen.language_model().tokenizer).tokens
    bits = llm_rows.cross_entropy_bits(folder, tokens, 50, begin)
    assert math.isclose(bits, float(chosen.lengths(tokens).sum()), rel_tol=1e-5)


def test_tokens_that_do_not_come_back_are_a_row(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Llm, "decode_tokens", lambda _self, _coded, count, _size: np.zeros(count))
    store = Store(tmp_path, resume=False)
    llm_rows.measure_identity(
        Piece("letters", "reference", TEXT[:300]), Llm.of(folder), store, lambda _: None
    )
    assert [row.status for row in store.rows] == ["ok", "tokens differ", "tokens differ"]


def test_speeds_are_of_random_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, hidden = importlib.util.find_spec, ("torch", "transformers")
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name in hidden else found(name)
    )
    notes: list[str] = []
    store = Store(tmp_path, resume=False)
    llm_speed.measure(store, notes.append, shape=TINY, tokens=5, threads=1)
    assert "transformers batch 1: not installed here, skipped" in notes
    counts = [(row.label, row.raw_bytes) for row in store.rows]
    assert counts == [
        (llm_speed.ONE, 20),
        (llm_speed.LANES, 320),
        (f"{llm_speed.ONE} --int8", 20),
        (f"{llm_speed.LANES} --int8", 320),
    ]
    assert all((row.decompress_cpu_s or 0) > 0 for row in store.rows)
    assert "## Speed of random-0M" in llm.markdown(store.rows, Machine.here())


def test_random_weights_are_a_language_model(tmp_path: Path) -> None:
    llm_speed.save(tmp_path, TINY)
    model = LanguageModel(tmp_path)
    assert (model.vocabulary, model.context) == (TINY.vocabulary, TINY.context)
    header = (tmp_path / "model.safetensors").stat().st_size - 4 * TINY.parameters
    assert 0 < header < 4096
    assert 90 * 10**6 < llm_speed.USUAL.parameters < 120 * 10**6


def test_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, message in (
        ([], "name a language model: --model PATH"),
        (["--parts", "sizes,colours"], "argument --parts: choose from sizes, identity, speeds"),
    ):
        with pytest.raises(SystemExit):
            command.main(["llm", "--out", str(tmp_path), *words])
        assert message in capsys.readouterr().err
