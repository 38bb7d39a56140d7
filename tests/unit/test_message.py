from __future__ import annotations

import random
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcodec import MessageCodec
from lmcodec.errors import CorruptError, LimitError, LmcodecError, ModelError, UnsupportedError
from lmcodec.models.base import MODELS, Model
from lmcodec.models.cm import Cm
from lmcodec.models.order0 import Order0
from lmcodec.packing import pack_varint
from lmcodec.prior import find
from tests.messages import ENDING, GREETING
from tests.models import OWN_IDS
from tests.priors import ENGLISH, OWN, RECORDS, SAMPLES_OF_OWN
from tests.strategies import SAMPLES, hard_bytes, log_lines, random_bytes

CODEC = MessageCodec(Order0(increment=100))


@given(hard_bytes, st.integers(0, 4))
def test_messages_come_back(message: bytes, checksum_bytes: int) -> None:
    for length in (None, len(message)):
        codec = MessageCodec("order0", length=length, checksum_bytes=checksum_bytes)
        coded = codec.encode(message)
        assert codec.decode(coded) == message
        assert codec.encode(message) == coded
        assert len(coded) <= len(message) + checksum_bytes + (length is None)


@pytest.mark.parametrize("id", [id for id in OWN_IDS if MODELS.get(id).width == 1])
def test_every_model_codes_messages(id: str) -> None:
    codec = MessageCodec(id)
    for name in ("empty", "one-byte", "log", "utf-8"):
        assert codec.decode(codec.encode(SAMPLES[name])) == SAMPLES[name]


def test_layout() -> None:
    run = b"a" * 100
    payload = Order0(increment=100).encode(run)
    assert CODEC.encode(b"") == b""
    assert CODEC.encode(b"hi") == b"\0hi"
    assert CODEC.encode(run) == bytes([100]) + payload
    long = b"a" * 300
    assert CODEC.encode(long)[:2] == b"\xff\x2d"
    checked = MessageCodec(Order0(increment=100), checksum_bytes=2)
    assert checked.encode(b"hi") == b"\0hi" + zlib.crc32(b"hi").to_bytes(4, "little")[:2]
    agreed = MessageCodec(Order0(increment=100), length=100)
    assert agreed.encode(run) == payload
    assert MessageCodec("order0", length=2).encode(b"hi") == b"hi"


@pytest.mark.parametrize("codec", ENDING.values(), ids=ENDING)
def test_messages_tell_where_they_end(codec: MessageCodec) -> None:
    text = ENGLISH[:24] + b"\0\n" + random_bytes(3, 6) + b"aaaaaaaaaaaa"
    coded = [codec.encode(text[:size]) for size in range(len(text) + 1)]
    # All of them are different.
    assert coded[0] == b""
    assert len(set(coded)) == len(coded)
    for size, each in enumerate(coded):
        assert codec.decode(each) == text[:size]
        assert codec.encode(memoryview(text)[:size]) == each


def test_the_end_takes_less_than_a_length() -> None:
    model = MODELS.get("cm")().primed(find("general-1"))
    messages = [line + b"\n" for line in ENGLISH.splitlines() if line]
    told = [1 + len(model.encode(message)) for message in messages]
    ending = [len(MessageCodec().encode(message)) for message in messages]
    assert sum(told) - sum(ending) > 0.6 * len(messages)


def test_layout_of_messages_that_tell_where_they_end() -> None:
    codec, model = MessageCodec(), MODELS.get("cm")().primed(find("general-1"))
    noise = random_bytes(7, 40)
    assert codec.encode(noise) == b"\xff" + noise
    most = model.message_symbols()
    assert most == 4096
    assert codec.encode(b"a" * most) == model.encode_message(b"a" * most)
    long = b"a" * (most + 300)
    assert codec.encode(long) == b"\xfe" + pack_varint(300) + model.encode(long)
    assert codec.decode(codec.encode(long)) == long
    with pytest.raises(CorruptError, match="too short to have one"):
        codec.decode(b"\xfe\0" + model.encode(b"a" * most))
    agreed = MessageCodec(length=len(GREETING))
    assert agreed.encode(GREETING) == model.encode(GREETING)
    assert agreed.decode(agreed.encode(GREETING)) == GREETING
    with pytest.raises(LimitError, match="at most"):
        model.encode_message(b"a" * (most + 1))


@pytest.mark.parametrize("model", [Cm(9, lanes=2), Cm(9, kind=4, record=8, row=8), Cm(5, kind=0)])
def test_models_that_need_the_number_of_symbols(model: Cm) -> None:
    assert not model.message_symbols()
    with pytest.raises(ModelError, match="needs to be told the number of symbols"):
        model.encode_message(b"abc")
    with pytest.raises(ModelError, match="needs to be told the number of symbols"):
        model.decode_message(b"abc")
    with pytest.raises(ModelError):
        Order0().encode_message(b"abc")
    with pytest.raises(ModelError):
        Order0().decode_message(b"abc")


def test_in_two_lanes_the_length_is_told() -> None:
    codec = MessageCodec(Cm(9, lanes=2))
    coded = codec.encode(ENGLISH[:200])
    assert coded[0] == 200
    assert codec.decode(coded) == ENGLISH[:200]


@pytest.mark.parametrize("id", ["cm", "cm-9", "cm-own", "bytelm-alone"])
def test_any_bytes_are_a_message_or_an_error(id: str) -> None:
    codec, rng = ENDING[id], random.Random(1)
    coded = codec.encode(ENGLISH[:60])
    decoded = 0
    for turn in range(150):
        damaged = bytearray(coded if turn % 2 else rng.randbytes(rng.randrange(1, 12)))
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
        damaged = damaged[: rng.randrange(1, len(damaged) + 1)]
        try:
            message = codec.decode(damaged)
        except LmcodecError:
            continue
        decoded += 1
        assert len(message) <= 4096 or damaged[0] == 0xFE
        again = codec.encode(message)
        assert codec.decode(again) == message
        # What guesses whole bytes could also have said that a right guess is wrong.
        if damaged[0] < 0xFE and id in ("cm-9", "bytelm-alone"):
            assert again in (damaged, b"\xff" + message)
    assert decoded > 20


def test_checksum_sees_damage() -> None:
    codec = MessageCodec("order0", checksum_bytes=4)
    coded = codec.encode(b"message " * 20)
    for bit in range(8 * len(coded)):
        damaged = bytearray(coded)
        damaged[bit // 8] ^= 1 << bit % 8
        with pytest.raises(LmcodecError):
            codec.decode(damaged)


def test_without_a_checksum_damage_gives_some_message_or_an_error() -> None:
    rng = random.Random(0)
    coded = CODEC.encode(b"message " * 20)
    for _ in range(300):
        damaged = bytearray(coded)
        damaged[rng.randrange(len(coded))] ^= 1 << rng.randrange(8)
        try:
            assert len(CODEC.decode(damaged[: rng.randrange(len(coded) + 1)])) <= 1 << 16
        except LmcodecError:
            pass


def test_limits() -> None:
    coded = CODEC.encode(b"a" * 300)
    assert CODEC.decode(coded, max_output_size=300) == b"a" * 300
    with pytest.raises(LimitError) as caught:
        CODEC.decode(coded, max_output_size=299)
    assert (caught.value.limit, caught.value.needed) == (299, 300)
    with pytest.raises(LimitError):
        CODEC.decode(b"\xff\xff\xff\xff\xff\x7f" + coded)


def test_lengths_must_be_the_agreed_one() -> None:
    codec = MessageCodec("order0", length=3)
    with pytest.raises(ValueError, match="message has 2 bytes: 3 were agreed"):
        codec.encode(b"hi")
    with pytest.raises(CorruptError):
        codec.decode(b"four")
    with pytest.raises(CorruptError, match="shorter than its checksum"):
        MessageCodec("order0", checksum_bytes=2).decode(b"x")


class Wide(Order0):
    width = 2


def test_unknown_models() -> None:
    for id in ("auto", "stored", "nothing"):
        with pytest.raises(UnsupportedError, match="model is not known"):
            MessageCodec(id)


@pytest.mark.parametrize(
    ("model", "arguments"),
    [
        (Wide(), {}),
        ("order0", {"checksum_bytes": 5}),
        ("order0", {"checksum_bytes": -1}),
        ("order0", {"length": -1}),
    ],
)
def test_wrong_arguments(model: Model | str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"model|checksum_bytes|length"):
        MessageCodec(model, **arguments)


def test_the_default_starts_from_the_prior_of_the_package() -> None:
    coded = MessageCodec().encode(GREETING)
    assert coded == MessageCodec("cm", prior="general-1").encode(GREETING)
    assert coded == MessageCodec(prior=find("general-1")).encode(GREETING)
    assert coded == MessageCodec(MODELS.get("cm")().primed(find("general"))).encode(GREETING)
    assert len(coded) + 10 < len(MessageCodec(prior="none").encode(GREETING))


def test_no_prior() -> None:
    assert MessageCodec(prior="none").encode(GREETING) == MessageCodec(MODELS.get("cm")()).encode(
        GREETING
    )


@pytest.mark.parametrize("prior", ["general-1", "none", OWN])
@pytest.mark.parametrize("content", [random_bytes(5, 600), ENGLISH * 2, log_lines(4, 12)])
def test_messages_of_any_length(content: bytes, prior: Any) -> None:
    codec = MessageCodec(prior=prior)
    for size in (*range(40), *range(41, 240, 9), *range(250, 262), 600):
        message = content[:size]
        coded = codec.encode(message)
        assert len(coded) <= len(message) + bool(message)
        assert codec.decode(coded) == message


def test_a_prior_of_the_kind_makes_messages_shorter() -> None:
    codecs = [MessageCodec(prior=prior) for prior in (OWN, "general-1", "none")]
    for message in log_lines(99, 5).splitlines():
        sizes = [len(codec.encode(message)) for codec in codecs]
        assert sizes == sorted(set(sizes))


@pytest.mark.parametrize("prior", ["none", "general-1"])
def test_another_prior_gives_other_bytes_or_an_error(prior: str) -> None:
    theirs, checked = MessageCodec(prior=prior), MessageCodec(prior=prior, checksum_bytes=4)
    for message in (*SAMPLES_OF_OWN[:50], RECORDS):
        coded = MessageCodec(prior=OWN).encode(message)
        try:
            assert theirs.decode(coded) != message
        except LmcodecError:
            pass
        with pytest.raises(LmcodecError):
            checked.decode(MessageCodec(prior=OWN, checksum_bytes=4).encode(message))


def test_messages_do_not_depend_on_those_before() -> None:
    for prior in ("general-1", OWN):
        one = MessageCodec(prior=prior)
        messages = [*log_lines(9, 5).splitlines(), GREETING, b"", GREETING, RECORDS]
        coded = [one.encode(message) for message in messages]
        assert coded == [MessageCodec(prior=prior).encode(message) for message in messages]
        for message, each in reversed(list(zip(messages, coded, strict=True))):
            assert one.decode(each) == message


def test_unknown_priors() -> None:
    with pytest.raises(ValueError, match="prior is not known: 'nothing'"):
        MessageCodec(prior="nothing")
    with pytest.raises(TypeError):
        MessageCodec(prior=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", ["cm", "bwt", "freqs", "order0"])
@pytest.mark.parametrize("length", [(1 << 64) - 1, (1 << 64) - 255, 1 << 63, 1 << 40])
def test_lengths_that_nothing_has(model: str, length: int) -> None:
    message = (b"\xfe" if model == "cm" else b"\xff") + pack_varint(length) + b"payload"
    with pytest.raises(LmcodecError):
        MessageCodec(model).decode(message, max_output_size=None)


def test_the_agreed_length_is_checked_first() -> None:
    codec = MessageCodec("order0", length=3)
    with pytest.raises(ValueError, match="message has 4 bytes: 3 were agreed"):
        codec.encode(b"abcd")
