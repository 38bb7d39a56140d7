"""Priors change the bytes of a stream, never those that come out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lmcodec
from lmcodec import MessageCodec, Prior, train_prior
from lmcodec.models.cm import Cm
from lmcodec.prior import default
from tests.priors import ENGLISH, OWN, SAMPLES_OF_OWN, digests
from tests.strategies import hard_bytes, log_lines, prose

HEADER_BYTES, BUCKET_BYTES = 64, 64
# Files of one to four buckets, whose tables anything may stand in for.
FILES = [
    bytes(train_prior(SAMPLES_OF_OWN, size=count * BUCKET_BYTES, name="any", base="none", text=0))
    for count in range(1, 5)
]

texts = st.one_of(
    st.text(max_size=300).map(str.encode),
    st.builds(prose, st.integers(0, 99), st.integers(0, 100)),
    st.builds(log_lines, st.integers(0, 99), st.integers(0, 20)),
    st.builds(lambda at, size: ENGLISH[at : at + size], st.integers(0, 200), st.integers(0, 300)),
)
priors = st.sampled_from([OWN, default()])
# Whatever stands in a bucket: few and many entries, short and long ones, none that fit.
buckets = st.one_of(
    st.binary(min_size=64, max_size=64),
    st.builds(
        lambda count, rest: bytes([count]) + rest,
        st.integers(0, 30),
        st.binary(min_size=63, max_size=63),
    ),
    st.builds(lambda byte: bytes([byte]) * 64, st.integers(0, 255)),
)
tables = st.lists(buckets, min_size=1, max_size=4).map(b"".join)


@given(texts | hard_bytes, st.integers(3, 9), priors)
def test_any_text_comes_back(text: bytes, level: int, prior: Prior) -> None:
    stream = lmcodec.compress(text, level, model="cm", prior=prior)
    assert lmcodec.decompress(stream) == text
    assert lmcodec.compress(text, level, model="cm", prior=prior) == stream
    assert digests(stream) <= {prior.digest}
    assert len(stream) <= len(text) + 26


@given(texts | hard_bytes, st.integers(3, 9))
def test_auto_is_not_longer_than_none(text: bytes, level: int) -> None:
    auto = lmcodec.compress(text, level, transform="raw")
    assert len(auto) <= len(lmcodec.compress(text, level, transform="raw", prior="none"))
    assert lmcodec.decompress(auto) == text


@pytest.mark.parametrize("level", [3, 5, 7, 9])
@given(tables, texts)
def test_any_table_can_be_started_from(level: int, table: bytes, text: bytes) -> None:
    file = FILES[len(table) // BUCKET_BYTES - 1]
    file = file[:HEADER_BYTES] + table + file[HEADER_BYTES + len(table) :]
    prior = Prior(file)
    assert (prior.name, bytes(prior)) == ("any", file)
    model = Cm(level).primed(prior)
    payload = model.encode(text)
    assert model.decode(payload, len(text)) == text
    assert model.encode(text) == payload


@given(st.binary(max_size=300))
def test_any_bytes_are_a_prior_or_refused(data: bytes) -> None:
    header = FILES[0][:HEADER_BYTES]
    for file in (data, header + data, header[:8] + data):
        try:
            prior = Prior(file)
        except lmcodec.FormatError:
            continue
        assert bytes(prior)[HEADER_BYTES:] == file[HEADER_BYTES:]


@given(texts | hard_bytes, priors, st.integers(0, 4))
def test_messages_come_back(message: bytes, prior: Prior, checksum_bytes: int) -> None:
    codec = MessageCodec(prior=prior, checksum_bytes=checksum_bytes)
    coded = codec.encode(message)
    assert codec.decode(coded) == message
    assert len(coded) <= len(message) + 1 + checksum_bytes


@given(st.binary(max_size=100), st.integers(3, 9), st.integers(0, 2000), priors)
def test_any_payload_is_decoded_or_refused(
    payload: bytes, level: int, count: int, prior: Prior
) -> None:
    try:
        assert len(Cm(level).primed(prior).decode(payload, count)) == count
    except lmcodec.FormatError:
        pass


@given(st.lists(texts, max_size=8), st.sampled_from([64, 500, 4096]))
def test_any_samples_train_a_prior(samples: list[bytes], size: int) -> None:
    prior = train_prior(samples, size=size, threads=2, base="none", text=0)
    assert bytes(prior) == bytes(train_prior(samples, size=size, threads=1, base="none", text=0))
    assert len(bytes(prior)) <= HEADER_BYTES + size
    model = Cm(5).primed(prior)
    for sample in samples:
        assert model.decode(model.encode(sample), len(sample)) == sample
