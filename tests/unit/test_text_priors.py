"""Priors that have a text and a base."""

from __future__ import annotations

import io
import os
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import lmcodec
from lmcodec import MessageCodec, Prior, _core, prior, train_prior
from lmcodec.errors import FormatError, LimitError, WeightsError
from lmcodec.models.cm import Cm
from tests.priors import GENERAL, OWN, RECORDS, SAMPLES_OF_OWN, forget

TEXT = train_prior(SAMPLES_OF_OWN, name="log", text=4096)
ON_OWN = train_prior(SAMPLES_OF_OWN, name="log", text=4096, base=OWN)
ALONE = train_prior(SAMPLES_OF_OWN, name="log", text=4096, base="none", size=1 << 12)
RECORD = RECORDS.splitlines(keepends=True)[0]


def test_what_is_in_them() -> None:
    assert TEXT
    assert (TEXT.name, len(TEXT), TEXT.base) == ("log", 0, prior.default())
    assert 4000 < TEXT.text_bytes <= 4096
    assert TEXT.file_bytes == len(bytes(TEXT)) == 100 + TEXT.text_bytes
    assert TEXT.memory_bytes == prior.default().memory_bytes + TEXT.text_bytes
    assert bytes(TEXT)[7] == 2
    assert bytes(TEXT)[64:96] == GENERAL
    assert ON_OWN.base == OWN
    assert ALONE.base is None
    assert 0 < len(ALONE) <= 1 << 12
    assert OWN.text_bytes == 0
    assert bytes(OWN)[7] == 1


@pytest.mark.parametrize("trained", [TEXT, ON_OWN, ALONE], ids=["general-1", "own", "none"])
def test_the_file_is_read_back(trained: Prior, tmp_path: Path) -> None:
    again = Prior(bytes(trained))
    assert again == trained
    assert bytes(again) == bytes(trained)
    assert again.text_bytes == trained.text_bytes
    path = tmp_path / "log.prior"
    path.write_bytes(bytes(trained))
    assert Prior.load(path) == prior.find(path) == trained
    assert pickle.loads(pickle.dumps(trained)) == trained


def test_the_same_samples_give_the_same_prior() -> None:
    again = train_prior(iter(SAMPLES_OF_OWN), name="log", text=4096, base="general", threads=1)
    assert bytes(again) == bytes(TEXT)
    buffers = [memoryview(bytearray(sample)) for sample in SAMPLES_OF_OWN]
    assert train_prior(buffers, name="log", text=4096, base=prior.default()) == TEXT
    usual = train_prior(SAMPLES_OF_OWN)
    assert usual.text_bytes <= 1 << 15
    assert usual.base == prior.default()


@pytest.mark.parametrize("level", range(3, 10))
def test_messages_at_every_level(level: int) -> None:
    sizes = {}
    for choice in (prior.default(), TEXT, ON_OWN, ALONE):
        codec = MessageCodec(Cm(level, prior=choice))
        coded = codec.encode(RECORD)
        assert codec.decode(coded) == RECORD
        sizes[choice] = len(coded)
    for trained in (TEXT, ON_OWN, ALONE):
        assert 2 * sizes[trained] < sizes[prior.default()]


def test_what_is_kept_changes_no_byte() -> None:
    messages = [RECORD, RECORD[:5], b"", RECORD * 40, b"something else", RECORD]
    prior = Prior(bytes(TEXT))
    used = MessageCodec(prior=prior)
    for message in messages:
        anew = MessageCodec(prior=Prior(bytes(TEXT)))
        coded = used.encode(message)
        assert coded == anew.encode(message)
        assert MessageCodec(prior=Prior(bytes(TEXT))).decode(coded) == message
    # Streams start from the same predictor as messages.
    payload = Cm(prior=TEXT).encode(RECORD)
    assert payload == Cm(prior=Prior(bytes(TEXT))).encode(RECORD)
    assert payload == MessageCodec(prior=prior, length=len(RECORD)).encode(RECORD)
    assert payload in lmcodec.compress(RECORD, model="cm", prior=TEXT)


def test_threads_share_it() -> None:
    shared = MessageCodec(prior=Prior(bytes(TEXT)))
    messages = [b"%d " % i + RECORD for i in range(40)]
    expected = [MessageCodec(prior=TEXT).encode(message) for message in messages]
    with ThreadPoolExecutor(4) as pool:
        coded = list(pool.map(shared.encode, messages))
        assert coded == expected
        assert list(pool.map(shared.decode, coded)) == messages


@pytest.mark.parametrize("trained", [TEXT, ON_OWN, ALONE], ids=["general-1", "own", "none"])
def test_streams(trained: Prior) -> None:
    content = RECORDS * 30
    stream = lmcodec.compress(content, prior=trained, block_size=4096)
    assert lmcodec.decompress(stream) == content
    with lmcodec.open(io.BytesIO(stream)) as file:
        file.seek(9000)
        assert file.read(10) == content[9000:9010]
    first = lmcodec.compress(RECORDS, prior=trained)
    assert len(first) + 20 < len(lmcodec.compress(RECORDS))
    (need,) = lmcodec.info(first).priors
    assert (need.digest, need.name, need.here) == (trained.digest, "log", True)
    (recovered,) = lmcodec.recover(first).pieces
    assert recovered.content == RECORDS


def test_content_that_is_not_text_is_coded_as_without() -> None:
    table = os.urandom(64) * 100
    assert lmcodec.compress(table, prior=TEXT) == lmcodec.compress(table, prior="none")


def test_memory_counts_the_text() -> None:
    plain, primed = Cm(), Cm(prior=TEXT)
    added = primed.memory_bytes(1 << 22) - plain.memory_bytes((1 << 22) + TEXT.text_bytes)
    assert added == TEXT.memory_bytes + TEXT.text_bytes
    # What is kept counts, too.
    assert primed.memory_bytes(100) > 2 * plain.memory_bytes(100)
    stream = lmcodec.compress(RECORDS, model=primed)
    with pytest.raises(LimitError):
        lmcodec.decompress(stream, max_memory=TEXT.memory_bytes + 100)


def test_copies_in_streams_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    trained = Prior(bytes(TEXT))
    named, carried = (
        lmcodec.compress(RECORDS, prior=trained, embed=embed) for embed in (False, True)
    )
    assert len(carried) < len(named) + TEXT.text_bytes // 2
    del trained
    forget(monkeypatch)
    assert lmcodec.decompress(carried) == RECORDS
    with pytest.raises(WeightsError):
        lmcodec.decompress(named)
    (need,) = lmcodec.info(carried).priors
    assert (need.name, need.embedded, need.here) == ("log", True, True)
    (recovered,) = lmcodec.recover(carried).pieces
    assert recovered.content == RECORDS


def test_a_base_that_is_not_everywhere_cannot_be_embedded() -> None:
    with pytest.raises(ValueError, match="its base is not of the package"):
        lmcodec.compress(RECORDS, prior=ON_OWN, embed=True)
    with pytest.raises(ValueError, match="its base is not of the package"):
        lmcodec.compress(RECORDS, model=Cm(prior=ON_OWN), embed=True)


def test_a_base_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = bytes(ON_OWN)
    forget(monkeypatch)
    monkeypatch.setenv("LMCODEC_MODEL_PATH", str(tmp_path))
    (tmp_path / "own.prior").write_bytes(file)
    loads: list[Callable[[], Prior]] = [
        lambda: Prior(file),
        lambda: Prior.load(tmp_path / "own.prior"),
    ]
    for load in loads:
        with pytest.raises(
            WeightsError, match=f"base of the prior is not here: {OWN.digest.hex()}"
        ) as caught:
            load()
        assert str(tmp_path) in str(caught.value)
    (tmp_path / "base.prior").write_bytes(bytes(OWN))
    assert Prior(file).base == OWN
    # A stream names what is on it; the rest is found.
    stream = lmcodec.compress(RECORDS, prior=ON_OWN)
    forget(monkeypatch)
    monkeypatch.setenv("LMCODEC_MODEL_PATH", str(tmp_path))
    assert lmcodec.decompress(stream) == RECORDS


def test_a_base_has_no_base() -> None:
    with pytest.raises(ValueError, match="base must be a prior without a base"):
        train_prior(SAMPLES_OF_OWN, base=TEXT)
    file = bytes(TEXT)
    file = file[:64] + TEXT.digest + file[96:]
    with pytest.raises(FormatError, match="on a base that is on a base itself"):
        Prior(file)


def test_of_a_base_the_text_does_not_count() -> None:
    plain = train_prior(SAMPLES_OF_OWN, name="log", base="none", text=0, size=1 << 12)
    assert len(plain) == len(ALONE)
    coded = [
        MessageCodec(prior=train_prior([], base=base)).encode(RECORD) for base in (plain, ALONE)
    ]
    assert coded[0] == coded[1] == MessageCodec(prior=plain).encode(RECORD)


@pytest.mark.parametrize("size", [-1, (1 << 24) + 1])
def test_texts_have_a_bound(size: int) -> None:
    with pytest.raises(ValueError, match="text must be 0 to"):
        train_prior(SAMPLES_OF_OWN, text=size)


def test_bases_are_looked_for_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="prior is not known"):
        train_prior(SAMPLES_OF_OWN, base="general-0")
    with pytest.raises(OSError, match="No such file"):
        train_prior(SAMPLES_OF_OWN, base=tmp_path / "none.prior")
    with pytest.raises(LimitError, match="text is too large"):
        train_prior(SAMPLES_OF_OWN, max_memory=1 << 20)


def test_nothing_to_know_is_the_base() -> None:
    nothing = train_prior([])
    assert (nothing.text_bytes, nothing.base) == (0, prior.default())
    assert MessageCodec(prior=nothing).encode(RECORD) == MessageCodec().encode(RECORD)
    assert train_prior([b"", b""]) == nothing
    assert train_prior(SAMPLES_OF_OWN, text=0, name="own") == nothing


def test_progress_ends() -> None:
    seen: list[tuple[int, int]] = []
    train_prior(SAMPLES_OF_OWN, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] == sum(map(len, SAMPLES_OF_OWN))


def test_digests_of_bases_have_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        _core.Prior.empty("a").on(bytes(31), OWN.table)
    assert _core.Prior.base_of(bytes(TEXT)) == GENERAL
    assert _core.Prior.base_of(bytes(OWN)) is None
