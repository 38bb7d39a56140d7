"""Damaged files of priors with a text, and streams that start from them."""

from __future__ import annotations

import random

import pytest

import lmcodec
from lmcodec import Prior, prior, train_prior
from lmcodec.errors import FormatError, LmcodecError, WeightsError
from tests.priors import OWN, RECORDS, SAMPLES_OF_OWN

TEXT = train_prior(SAMPLES_OF_OWN, name="log", text=300)
ALONE = train_prior(SAMPLES_OF_OWN, name="log", text=300, base="none", size=128)
STREAMS = {
    "named": lmcodec.compress(RECORDS, prior=TEXT),
    "embedded": lmcodec.compress(RECORDS, prior=TEXT, embed=True),
    "alone": lmcodec.compress(RECORDS, prior=ALONE),
}
# Nobody reads the minor version of a frame.
UNCHECKED = {5}


@pytest.mark.parametrize("trained", [TEXT, ALONE], ids=["on a base", "alone"])
def test_every_truncation_of_a_file_is_refused(trained: Prior) -> None:
    file = bytes(trained)
    for size in range(len(file)):
        with pytest.raises(FormatError):
            Prior(file[:size])
    with pytest.raises(FormatError):
        Prior(file + b"x")


@pytest.mark.parametrize("trained", [TEXT, ALONE], ids=["on a base", "alone"])
def test_every_change_of_a_file_is_another_prior_or_refused(trained: Prior) -> None:
    file = bytes(trained)
    rng = random.Random(1)
    for at, byte in enumerate(file):
        changed = file[:at] + bytes([byte ^ 1 << rng.randrange(8)]) + file[at + 1 :]
        try:
            other = Prior(changed)
        except (FormatError, WeightsError):
            # Of a table and a text any byte is right.
            assert at < 100
            continue
        assert other != trained
        if at % 16 == 0:
            stream = lmcodec.compress(RECORDS, model="cm", prior=other)
            assert lmcodec.decompress(stream) == RECORDS


@pytest.mark.parametrize("length", [0, 299, 301, (1 << 24) + 1, 0xFFFFFFFF])
def test_lengths_of_texts_that_are_not_true(length: int) -> None:
    file = bytes(TEXT)
    with pytest.raises(FormatError):
        Prior(file[:96] + length.to_bytes(4, "little") + file[100:])


def test_a_file_with_neither_base_nor_text_is_of_the_first_version() -> None:
    file = bytes(OWN)
    with pytest.raises(FormatError, match="neither base nor text"):
        Prior(file[:7] + b"\x02" + file[8:64] + bytes(36) + file[64:])


def test_a_base_that_nobody_has() -> None:
    file = bytes(TEXT)
    for digest in (b"\x01" * 32, TEXT.digest[::-1]):
        with pytest.raises(WeightsError, match=digest.hex()):
            Prior(file[:64] + digest + file[96:])


@pytest.mark.parametrize("name", STREAMS)
def test_every_truncation_of_a_stream_is_seen(name: str) -> None:
    stream = STREAMS[name]
    assert lmcodec.decompress(stream) == RECORDS
    for size in range(len(stream)):
        with pytest.raises(LmcodecError):
            lmcodec.decompress(stream[:size])


@pytest.mark.parametrize("name", STREAMS)
def test_every_mutation_of_a_stream_is_seen(name: str) -> None:
    stream = STREAMS[name]
    rng = random.Random(2)
    for at, byte in enumerate(stream):
        if at in UNCHECKED:
            continue
        damaged = stream[:at] + bytes([byte ^ 1 << rng.randrange(8)]) + stream[at + 1 :]
        with pytest.raises(LmcodecError):
            lmcodec.decompress(damaged)
        for piece in lmcodec.recover(damaged).pieces:
            assert piece.content in RECORDS


def test_a_copy_whose_base_is_not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    base = Prior(bytes(OWN))
    trained = train_prior(SAMPLES_OF_OWN, name="log", text=300, base=base)
    # What another program wrote, that embeds such priors nevertheless.
    monkeypatch.setattr("lmcodec.embedded.check", lambda _prior: None)
    monkeypatch.setattr("lmcodec.options.embedded.check", lambda _prior: None)
    stream = lmcodec.compress(RECORDS, prior=trained, embed=True)
    assert lmcodec.decompress(stream) == RECORDS
    monkeypatch.setattr(prior.SHELF, "loaded", {})
    with pytest.raises(WeightsError, match="base of the prior is not here"):
        lmcodec.decompress(stream)
    (need,) = lmcodec.info(stream).priors
    assert not need.here
    assert lmcodec.recover(stream).pieces == ()
