"""The benchmark's measurements: honest statuses, checked decodes, one row for each pair."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import lmcodec
from lmcodec import bench, peers
from lmcodec.bench import Measurement
from lmcodec.peers import BASELINE, PEERS, Codec, Command, Library, lmcodec_codec, select

RAW = b"the quick brown fox jumps over the lazy dog\n" * 200


def python(program: str) -> str:
    """Return a command line that runs a program without quotes."""
    return f'"{sys.executable}" -c "{program}"'


COPY = "import pathlib as p; p.Path('{}').write_bytes(p.Path('{}').read_bytes())"
HONEST = Command(
    "copy",
    "",
    encode=python(COPY.format("coded", "x")),
    decode=python(COPY.format("y", "coded")),
    version_command=f"{sys.executable} --version",
)


class Bare(Codec):
    """A codec of a kind that the benchmark does not know."""

    def version(self) -> str:
        return "1"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    path = tmp_path / "fox"
    path.write_bytes(RAW)
    return path


def library(label: str) -> Library:
    for codec in PEERS:
        if isinstance(codec, Library) and codec.label == label:
            return codec
    raise AssertionError(label)


def test_command_is_measured_as_a_process(raw: Path) -> None:
    row = bench.run_codec(HONEST, "1.0", raw, corpus="fox", kind="text", repeat=2)
    assert row.ok
    assert (row.corpus, row.kind, row.codec, row.options) == ("fox", "text", "copy", "")
    assert (row.raw_bytes, row.coded_bytes, row.repeats) == (len(RAW), len(RAW), 2)
    assert row.compress_wall_s is not None
    assert row.compress_wall_s > 0
    if sys.platform != "win32":
        assert row.compress_cpu_s is not None
        assert row.compress_cpu_s == row.compress_process_cpu_s
        assert row.decompress_peak_bytes is not None
        assert row.decompress_peak_bytes > 1 << 20


@pytest.mark.parametrize("label", ["gzip -9", "bzip2 -9", "xz -9e"])
def test_standard_libraries(label: str, raw: Path) -> None:
    codec = library(label)
    row = bench.run_codec(codec, "3", raw, corpus="fox")
    assert row.ok
    assert row.coded_bytes is not None
    assert row.coded_bytes < len(RAW) // 20
    if sys.platform != "win32":
        assert row.compress_cpu_s is not None
        assert row.compress_process_cpu_s is not None
        # The whole process starts an interpreter as well.
        assert row.compress_process_cpu_s > row.compress_cpu_s


@pytest.mark.parametrize("label", ["zstd -19", "brotli -11"])
@pytest.mark.parametrize("data", [b"", b"a", RAW], ids=["empty", "one", "text"])
def test_optional_libraries(label: str, data: bytes) -> None:
    codec = library(label)
    if codec.version() is None:
        pytest.skip(f"{codec.module} is not installed")
    encode, decode = codec.both()
    assert decode(encode(data)) == data


def test_lmcodec_row_says_what_wrote_it(raw: Path) -> None:
    codec = lmcodec_codec(1, "order0", 2)
    assert codec.version() == lmcodec.__version__
    assert codec.label == "lmcodec -1 -m order0 -T2"
    row = bench.run_codec(codec, lmcodec.__version__, raw, corpus="fox")
    assert row.ok
    assert row.models == "order0/1"
    assert row.declared_bytes is not None


def test_lmcodec_without_its_prior(raw: Path) -> None:
    text = raw.with_name("letter")
    text.write_bytes(
        b"Thank you for your letter of 3 May. I am sorry to say that we have no news.\n"
    )
    codecs = [lmcodec_codec(5), lmcodec_codec(5, prior="none")]
    assert [codec.label for codec in codecs] == ["lmcodec -5", "lmcodec -5 --prior none"]
    assert codecs[0].prior_bytes > 1 << 20
    assert codecs[1].prior_bytes == 0
    rows = [bench.run_codec(codec, "1", text, corpus="letter") for codec in codecs]
    assert all(row.ok for row in rows)
    sizes = [len(lmcodec.compress(text.read_bytes(), prior=prior)) for prior in ("auto", "none")]
    assert [row.coded_bytes for row in rows] == sizes
    assert sizes[0] < sizes[1]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"decode": python("open('y', 'w').write('else')")}, "decoded bytes differ"),
        ({"encode": python("import sys; sys.exit('no luck')")}, "exit status 1: no luck"),
        ({"decode": python("import sys; sys.exit(3)")}, "exit status 3: "),
        ({"encode": "no-such-program-anywhere"}, "[Errno 2]"),
        ({"decode": python("pass")}, "[Errno 2]"),
    ],
)
def test_failures_are_rows(change: dict[str, Any], status: str, raw: Path) -> None:
    codec = replace(HONEST, **change)
    row = bench.run_codec(codec, "1.0", raw, corpus="fox")
    assert not row.ok
    assert row.status.startswith(status)
    assert row.coded_bytes is None


def test_a_decoder_sees_the_coded_file_alone(raw: Path, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    look = f"import os, pathlib as p; p.Path('{seen.as_posix()}').write_text(str(os.listdir()))"
    bench.run_codec(replace(HONEST, decode=python(look)), "1.0", raw, corpus="fox")
    assert seen.read_text() == "['coded']"


def test_output_of_a_command_goes_to_its_file(raw: Path) -> None:
    show = "import sys; sys.stdout.buffer.write(open('{}', 'rb').read())"
    codec = replace(
        HONEST,
        encode=python(show.format("x")) + " > coded",
        decode=python(show.format("coded")) + " > y",
    )
    assert bench.run_codec(codec, "1.0", raw, corpus="fox").ok


def test_a_codec_that_is_not_exact_need_not_give_the_same_bytes(raw: Path) -> None:
    blind = replace(HONEST, decode=python("open('y', 'w').write('cells')"))
    assert bench.run_codec(blind, "1.0", raw, corpus="fox").status == "decoded bytes differ"
    assert bench.run_codec(replace(blind, exact=False), "1.0", raw, corpus="fox").ok


def test_available_takes_the_first_way_and_notes_the_missing() -> None:
    gone = replace(HONEST, id="gone", version_command="no-such-program-anywhere")
    fallback = replace(HONEST, id="gone", options="")
    absent = replace(gone, id="absent")
    library_gone = Library("none", "", "no_such_module_anywhere", library("gzip -9").functions)
    notes: list[str] = []
    found = bench.available([gone, fallback, HONEST, absent, library_gone], notes.append)
    assert list(found) == [fallback, HONEST]
    assert found[HONEST] == ".".join(map(str, sys.version_info[:3]))
    assert notes == [
        "absent: not installed here, skipped",
        "none: not installed here, skipped",
    ]


def test_version_is_read_from_a_complaint(tmp_path: Path) -> None:
    script = tmp_path / "tool.py"
    for said, version in [
        ("tool v216 (c)", "216"),
        ("Tool [64] 26.02 :", "26.02"),
        ("", "unknown"),
    ]:
        script.write_text(f"import sys; sys.exit({said!r})")
        codec = replace(HONEST, version_command=f"{sys.executable} {script}")
        assert codec.version() == version


def test_select_by_id_label_and_pattern() -> None:
    def labels(codecs: list[Codec]) -> list[str]:
        return list(dict.fromkeys(codec.label for codec in codecs))

    assert labels(select([], [])) == [BASELINE]
    assert labels(select(["zstd"], [5])) == ["zstd -3", "zstd -19", "zstd -22 --long=27", BASELINE]
    assert labels(select(["lmcodec -5", "bzip?"], [1, 5])) == [
        "lmcodec -5",
        BASELINE,
        "bzip2 -9",
        "bzip3 -b 16",
    ]
    assert len(labels(select(["*"], range(1, 10)))) == 9 + len({codec.label for codec in PEERS})


def test_a_codec_of_unknown_kind_is_refused(raw: Path) -> None:
    with pytest.raises(TypeError, match="cannot run this kind of codec"):
        bench.run_codec(Bare("bare", ""), "1", raw, corpus="fox")


def test_run_prints_a_table_and_skips_the_missing(
    raw: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = replace(HONEST, id="broken", decode=python("open('y', 'w').write('')"))
    gone = replace(HONEST, id="gone", version_command="no-such-program-anywhere")
    monkeypatch.setattr(peers, "PEERS", (HONEST, broken, gone, library("xz -9e")))
    monkeypatch.setattr(bench, "PEERS", PEERS)
    out, log = io.StringIO(), io.StringIO()
    rows = bench.run([raw], codecs=["copy", "broken", "gone"], levels=[], out=out, log=log)
    assert [row.label for row in rows] == ["copy", "broken", "xz -9e"]
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("fox: 8,800 bytes")
    assert [line.split()[0] for line in lines[2:5]] == ["xz", "copy", "broken"]
    assert lines[4].endswith("decoded bytes differ")
    assert "gone: not installed here, skipped" in log.getvalue()


def test_table_of_an_empty_file() -> None:
    row = Measurement("none", "file", 0, "copy", "", "1", coded_bytes=10)
    assert bench.table([row]).splitlines()[2].split() == ["copy", "10", *["-"] * 6]


def test_what_ships_counts_where_it_is_used() -> None:
    from lmcodec.network import default
    from lmcodec.peers import lmcodec_codec

    shipped = lmcodec_codec(5).prior_bytes
    assert shipped > 1 << 20
    assert [lmcodec_codec(level).prior_bytes for level in (1, 2, 3, 8)] == [0, 0, shipped, shipped]
    network = len(bytes(default()))
    assert lmcodec_codec(9).prior_bytes == lmcodec_codec(5, model="bytelm").prior_bytes
    assert lmcodec_codec(9).prior_bytes == shipped + network
