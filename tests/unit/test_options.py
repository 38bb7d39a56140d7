from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import pytest

import lmcodec
from lmcodec import LmcodecCompressor, LmcodecFile, network
from lmcodec.errors import FormatError
from lmcodec.models.cm import Cm
from lmcodec.options import settings
from tests.priors import ENGLISH, GENERAL, OWN, RECORDS, digests, records
from tests.strategies import SAMPLES, dna, machine_code, pixels, prose
from tests.strategies import records as binary_records

DIGITS = b",".join(b"%d" % random.Random(1).randrange(10**6) for _ in range(400))
NOT_ENGLISH = {
    "digits": DIGITS,
    "dna": dna(3, 3000),
    "records": binary_records(1, 300),
    "program": machine_code(1, 1000),
    "pixels": pixels(32, 100),
    "stream": lmcodec.compress(ENGLISH * 3),
    **{name: SAMPLES[name] for name in ("empty", "one-byte", "run", "random", "all-bytes")},
}


@pytest.mark.parametrize("level", range(3, 10))
def test_auto_takes_the_prior_for_english(level: int) -> None:
    stream = lmcodec.compress(ENGLISH, level)
    (record,) = records(stream)
    # The highest level also has the network.
    named = (GENERAL, network.default().digest) if level == 9 else (GENERAL,)
    assert (record.id, record.version, record.digests) == ("cm", 3, named)
    assert lmcodec.info(stream).models == ("cm/3",)
    assert lmcodec.decompress(stream) == ENGLISH
    assert len(stream) < len(lmcodec.compress(ENGLISH, level, prior="none"))


@pytest.mark.parametrize("level", [1, 3, 5, 7])
@pytest.mark.parametrize("name", NOT_ENGLISH)
def test_auto_takes_none_for_other_content(name: str, level: int) -> None:
    stream = lmcodec.compress(NOT_ENGLISH[name], level)
    assert digests(stream) == set()
    assert stream == lmcodec.compress(NOT_ENGLISH[name], level, prior="none")


@pytest.mark.parametrize("level", [1, 2])
def test_levels_without_the_model_know_no_prior(level: int) -> None:
    stream = lmcodec.compress(ENGLISH, level, prior=OWN)
    assert digests(stream) == set()
    assert stream == lmcodec.compress(ENGLISH, level, prior="none")


@pytest.mark.parametrize("level", [3, 5, 7])
@pytest.mark.parametrize(
    "content", [ENGLISH, ENGLISH[:150], ENGLISH * 20, prose(1, 800), RECORDS, DIGITS]
)
def test_auto_is_not_longer_than_none(content: bytes, level: int) -> None:
    auto = lmcodec.compress(content, level)
    assert len(auto) <= len(lmcodec.compress(content, level, prior="none"))


def test_choices(tmp_path: Path) -> None:
    (tmp_path / "log.prior").write_bytes(bytes(OWN))
    expected: list[tuple[Any, set[bytes]]] = [
        ("none", set()),
        ("general", {GENERAL}),
        ("general-1.1", {GENERAL}),
        (lmcodec.prior.default(), {GENERAL}),
        (OWN, {OWN.digest}),
        (tmp_path / "log.prior", {OWN.digest}),
        (str(tmp_path / "log.prior"), {OWN.digest}),
    ]
    for choice, named in expected:
        stream = lmcodec.compress(RECORDS, prior=choice)
        assert digests(stream) == named
        assert lmcodec.decompress(stream) == RECORDS
    assert lmcodec.compress(ENGLISH, prior="auto") == lmcodec.compress(ENGLISH)


@pytest.mark.parametrize("name", ["records", "program", "pixels", "all-bytes"])
def test_a_prior_that_is_asked_for_is_for_text_only(name: str) -> None:
    for level in (3, 8):
        stream = lmcodec.compress(NOT_ENGLISH[name], level, model="cm", prior=OWN)
        assert digests(stream) == set()
        assert lmcodec.decompress(stream) == NOT_ENGLISH[name]


@pytest.mark.parametrize("prior", [None, 1, b"general-1.1", True, ["none"], object()])
def test_wrong_types(prior: Any) -> None:
    for use in (lmcodec.compress, lambda _, prior: LmcodecCompressor(prior=prior)):
        with pytest.raises(TypeError, match="prior must be a prior, its name or its file"):
            use(b"text", prior=prior)


def test_wrong_names_and_files(tmp_path: Path) -> None:
    bad = tmp_path / "bad.prior"
    bad.write_bytes(b"text")
    with pytest.raises(ValueError, match="prior is not known: 'nothing'"):
        lmcodec.compress(b"text", prior="nothing")
    with pytest.raises(FormatError, match="not a prior"):
        lmcodec.compress(b"text", prior=bad)
    with pytest.raises(FileNotFoundError):
        lmcodec.compress(b"text", prior=tmp_path / "none.prior")


def test_models_of_the_callers_own_say_what_they_start_from() -> None:
    plain = Cm(4)
    assert settings(None, None, model=plain).plan.prior is None
    assert digests(lmcodec.compress(ENGLISH, model=plain)) == set()
    assert digests(lmcodec.compress(ENGLISH, model=plain, prior="general")) == {GENERAL}
    primed = plain.primed(OWN)
    assert digests(lmcodec.compress(RECORDS, model=primed)) == {OWN.digest}
    assert digests(lmcodec.compress(RECORDS, model="cm", prior=OWN)) == {OWN.digest}


def test_other_models_know_no_prior() -> None:
    for id in ("freqs", "order0", "bwt", "stored"):
        stream = lmcodec.compress(ENGLISH, model=id, prior=OWN)
        assert stream == lmcodec.compress(ENGLISH, model=id, prior="none")


@pytest.mark.parametrize("prior", ["auto", "general-1.1", OWN])
def test_threads_do_not_change_bytes(prior: Any) -> None:
    content = (ENGLISH + RECORDS + DIGITS) * 4
    one = lmcodec.compress(content, prior=prior, block_size=700)
    assert len(lmcodec.info(one).blocks) > 5
    assert len(digests(one)) == 1
    for threads in (2, 3, 8):
        assert lmcodec.compress(content, prior=prior, block_size=700, threads=threads) == one
        assert lmcodec.decompress(one, threads=threads) == content


@pytest.mark.parametrize("prior", ["none", "general-1.1", OWN])
def test_files_and_compressors_take_it(prior: Any, tmp_path: Path) -> None:
    whole = lmcodec.compress(RECORDS, prior=prior)
    named = digests(whole)
    compressor = LmcodecCompressor(prior=prior)
    compressor.set_pledged_input_size(len(RECORDS))
    assert compressor.compress(RECORDS) + compressor.flush() == whole
    buffer = io.BytesIO()
    with LmcodecFile(buffer, "w", prior=prior) as file:
        file.write(RECORDS)
    assert digests(buffer.getvalue()) == named
    with lmcodec.open(tmp_path / "a.lmz", "wt", prior=prior, encoding="ascii") as text:
        text.write(RECORDS.decode())
    stream = (tmp_path / "a.lmz").read_bytes()
    assert digests(stream) == named
    for each in (buffer.getvalue(), stream):
        with lmcodec.open(io.BytesIO(each)) as file:
            file.seek(100)
            assert file.read() == RECORDS[100:]
    decompressor = lmcodec.LmcodecDecompressor()
    assert decompressor.decompress(stream) == RECORDS


def test_verifying_takes_the_prior_along() -> None:
    options = {lmcodec.CompressionParameter.verify: 1}
    stream = lmcodec.compress(RECORDS, options=options, prior=OWN)
    assert stream == lmcodec.compress(RECORDS, prior=OWN)
