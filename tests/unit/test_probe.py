from __future__ import annotations

import lzma

import pytest

import lmcodec
from lmcodec.models.cm import Cm
from lmcodec.probe import MIN_BYTES, is_noise
from tests.strategies import dna, log_lines, random_bytes

NOISE = random_bytes(1, 2 * MIN_BYTES)
TEXT = log_lines(1, 1000)


def test_noise() -> None:
    assert is_noise(NOISE)
    assert is_noise(random_bytes(2, MIN_BYTES + 3))
    assert is_noise(lzma.compress(dna(3, 4 * MIN_BYTES), preset=0) + NOISE)


@pytest.mark.parametrize(
    "content",
    [
        bytes(MIN_BYTES),
        (TEXT * 30)[:MIN_BYTES],
        bytes(range(256)) * (MIN_BYTES // 256),
        dna(1, MIN_BYTES),
        # The same noise again, at any distance.
        NOISE + NOISE[:50_000],
        NOISE[: MIN_BYTES + 5] * 2,
        # Something else in between, wherever it is.
        NOISE[:MIN_BYTES] + TEXT + NOISE[MIN_BYTES:],
        NOISE + TEXT,
    ],
)
def test_other_content(content: bytes) -> None:
    assert not is_noise(content)


def test_noise_is_coded_by_the_plain_model_or_stored() -> None:
    assert lmcodec.info(lmcodec.compress(NOISE)).models == ("stored",)


def test_what_is_worth_its_time_is_coded_by_the_strong_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("lmcodec.select.MIN_BYTES", 1 << 17)
    # Flat by frequency, without long repeats, and yet predictable: a counter and a random byte.
    content = b"".join(
        (number * 0x9E3779B97F4A7C15 % (1 << 56)).to_bytes(7, "little") + NOISE[number : number + 1]
        for number in range(1 << 15)
    )
    assert is_noise(content)
    stream = lmcodec.compress(content, 3)
    assert lmcodec.info(stream).models == ("cm/3",)
    assert stream == lmcodec.compress(content, model=Cm.for_level(3))
