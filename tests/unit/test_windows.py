"""Texts as windows of equal information, and their files."""

from __future__ import annotations

import gc
import io
import json
import math
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import lmcodec
from lmcodec.errors import (
    CorruptError,
    FormatError,
    LmcodecError,
    ModelError,
    UnsupportedError,
    WeightsError,
)
from lmcodec.lm import model as loaded
from lmcodec.models.bytelm import Bytelm
from lmcodec.models.cm import Cm
from lmcodec.models.llm import Llm
from lmcodec.windows import Windows, detokenize, tokenize
from tests.language_models import llama, piece_tokenizer, save, text
from tests.networks import PATH, TINY

TEXT = b"It is a truth universally acknowledged, that a single man in possession of a fortune\n" * 2
RANDOM = bytes(np.random.default_rng(1).integers(0, 256, 300, np.uint8))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("llama"), *llama())


@settings(max_examples=20)
@given(st.binary(max_size=300), st.integers(8, 32))
@example(b"", 16)
@example(TEXT, 16)
@example(TEXT, 32)
@example(RANDOM, 8)
def test_bytes_come_back(content: bytes, bits: int) -> None:
    windows = tokenize(content, bits=bits)
    assert windows.tokens.dtype == (np.uint16 if bits <= 16 else np.uint32)
    assert windows.counts.dtype == np.uint16
    assert not (windows.tokens >> np.uint64(bits)).any()
    assert np.maximum(windows.counts, 1).sum() == len(content)
    read = Windows.from_bytes(bytes(windows))
    assert (read.tokens == windows.tokens).all()
    assert (read.counts == windows.counts).all()
    assert read.tokens.dtype == windows.tokens.dtype
    assert read.text() == content


@pytest.mark.parametrize("bits", [16, 32])
def test_windows_cost_little_more_than_their_bits(bits: int) -> None:
    windows = tokenize(TEXT, bits=bits)
    plain = 8 * len(Bytelm().encode(TEXT))
    coded = len(windows) * bits
    # Less than the costliest byte of a few bits is lost in each.
    assert plain - 64 < coded < plain * (1 + 4 / bits) + bits
    assert windows.bits_per_byte == coded / len(TEXT)
    assert windows.bytes_per_token == len(TEXT) / len(windows)
    assert len(windows) < len(TEXT) / 4


def test_no_byte_fits_that_is_not_there() -> None:
    """A byte more or less in a window changes all tokens after it."""
    windows = tokenize(TEXT)
    at = 3
    counts = windows.counts.copy()
    counts[at] -= 1
    kept = int(counts[: at + 1].sum())
    assert detokenize(windows.tokens, counts)[:kept] == TEXT[:kept]
    assert detokenize(windows.tokens, counts) != TEXT


def test_beginning_of_windows_is_beginning_of_the_text() -> None:
    windows = tokenize(TEXT)
    for count in range(len(windows) + 1):
        found = detokenize(windows.tokens[:count].tolist(), windows.counts[:count].tolist())
        assert found == TEXT[: int(windows.counts[:count].sum())]


def test_dear_bytes_are_escapes() -> None:
    windows = tokenize(b"\xfe\x01" * 20 + RANDOM, bits=8)
    assert (windows.counts == 0).any()
    assert windows.text() == b"\xfe\x01" * 20 + RANDOM


def test_tokens_of_a_language_model(folder: Path) -> None:
    content = (text(60) + "caf\u00e9 \r\n").encode()
    chosen = Llm.of(folder, window=64, mixed=0)
    for bits in (8, 16, 32):
        windows = tokenize(content, bits=bits, model=chosen)
        assert windows.text() == content
        assert windows.model == chosen
        assert Windows.from_bytes(bytes(windows)).text() == content
    symbols = lmcodec.lm.segments.split(content, chosen.language_model().tokenizer).tokens
    assert int(windows.counts.sum()) == len(symbols)
    lengths = chosen._engine().lengths(symbols, **chosen._settings(len(symbols)))
    assert lengths.sum() - 1 < 32 * len(windows) < lengths.sum() * 1.5 + 32
    # Windows follow one another: chunks, lanes and contexts have no meaning.
    other = Llm.of(folder, window=64, chunk=7, lanes=3, mixed=1)
    assert (tokenize(content, bits=32, model=other).tokens == windows.tokens).all()


def test_language_model_is_named_by_its_path(folder: Path) -> None:
    content = text(10).encode()
    windows = tokenize(content, model=folder)
    assert detokenize(windows.tokens, windows.counts, model=str(folder)) == content
    assert windows.text() == content


def test_parts_without_tokens_are_refused(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(ModelError, match=r"300 of 300 bytes.*\nhint: the model bytelm"):
        tokenize(b"\xff" * 300, model=folder)
    config, weights = llama(bos_token_id=1)
    pieces = save(tmp_path / "pieces", config, weights, piece_tokenizer())
    content = (text(30) + "\u00e9\n").encode()
    assert tokenize(content, model=pieces).text() == content


def test_another_model_is_refused(folder: Path, tmp_path: Path) -> None:
    other = save(tmp_path / "other", *llama(seed=1))
    content = text(20).encode()
    data = bytes(tokenize(content, model=save(tmp_path / "own", *llama(seed=2))))
    loaded._FOUND.clear()
    gc.collect()
    held = Llm.of(other)
    with pytest.raises(WeightsError, match="language model is not here"):
        Windows.from_bytes(data)
    own = Llm.of(tmp_path / "own")
    assert Windows.from_bytes(data).text() == content
    del held, own
    about = {"digests": ["00" * 32]}
    with pytest.raises(WeightsError, match="network"):
        Windows.from_bytes(changed(bytes(tokenize(TEXT)), about))
    del folder


def changed(data: bytes, about: dict[str, Any]) -> bytes:
    arrays = dict(np.load(io.BytesIO(data)))
    words = {**json.loads(arrays["about"].tobytes()), **about}
    return saved({**arrays, "about": np.frombuffer(json.dumps(words).encode(), np.uint8)})


def saved(arrays: dict[str, Any], save: Callable[..., None] = np.savez) -> bytes:
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def test_file_is_an_archive_of_arrays(tmp_path: Path) -> None:
    windows = tokenize(TEXT)
    path = tmp_path / "text.npz"
    windows.save(path)
    found = np.load(path)
    assert sorted(found) == ["about", "packed_counts", "tokens"]
    assert (found["tokens"] == windows.tokens).all()
    planes = np.frombuffer(lmcodec.decompress(found["packed_counts"].tobytes()), np.uint8)
    low, high = planes.reshape(2, -1)
    assert (low + 256 * high.astype(int) == windows.counts).all()
    (digest,) = Bytelm().digests()
    assert json.loads(found["about"].tobytes()) == {
        "format": 1,
        "bits": 16,
        "bytes": len(TEXT),
        "crc32": windows.checksum,
        "model": "bytelm",
        "version": 1,
        "params": "",
        "digests": [digest.hex()],
    }
    assert Windows.load(path).text() == TEXT
    assert bytes(Windows.load(path)) == path.read_bytes()
    assert repr(windows) == f"<Windows {len(windows)} of 16 bits, {len(TEXT)} bytes>"


@pytest.mark.parametrize(
    ("about", "error", "words"),
    [
        ({"format": 2}, UnsupportedError, "format of windows is not known: 2"),
        ({"model": "cm"}, UnsupportedError, "windows cannot be of the model cm"),
        ({"model": "none"}, UnsupportedError, "none"),
        ({"version": 9}, UnsupportedError, "9"),
        ({"params": "0"}, FormatError, "model of windows is damaged"),
        ({"digests": []}, FormatError, "bytelm needs one network"),
        ({"digests": [1]}, FormatError, "about of windows is out of range"),
        ({"bits": 33}, FormatError, "about of windows is out of range"),
        ({"bits": "16"}, FormatError, "about of windows has other fields"),
        ({"bits": 8}, CorruptError, "token has more than 8 bits"),
        ({"bits": 17}, FormatError, "tokens of windows are no array of <u4"),
        ({"more": 1}, FormatError, "about of windows has other fields"),
    ],
)
def test_files_of_something_else(
    about: dict[str, Any], error: type[LmcodecError], words: str
) -> None:
    with pytest.raises(error, match=words):
        Windows.from_bytes(changed(bytes(tokenize(TEXT)), about))


def test_arrays_of_something_else() -> None:
    data = bytes(tokenize(TEXT))
    arrays = dict(np.load(io.BytesIO(data)))
    for name, array in {
        "tokens": arrays["tokens"].astype(np.int16),
        "packed_counts": np.zeros((2, 2), np.uint8),
        "about": np.array([{}], object),
    }.items():
        with pytest.raises(FormatError):
            Windows.from_bytes(saved({**arrays, name: array}))
        with pytest.raises(FormatError):
            Windows.from_bytes(saved({key: arrays[key] for key in arrays if key != name}))
    with pytest.raises(FormatError, match="compressed"):
        Windows.from_bytes(saved(arrays, np.savez_compressed))
    with pytest.raises(FormatError, match="counts"):
        Windows.from_bytes(saved({**arrays, "tokens": np.repeat(arrays["tokens"], 2)}))
    with pytest.raises(FormatError, match="not a file of windows"):
        Windows.from_bytes(TEXT)
    assert zipfile.is_zipfile(io.BytesIO(data))


def test_damaged_files_are_refused_or_read_as_they_were() -> None:
    windows = tokenize(TEXT[:20])
    data = bytes(windows)
    for at in range(len(data)):
        for damaged in (data[:at], data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]):
            try:
                found = Windows.from_bytes(damaged)
            except LmcodecError:
                continue
            # Dates and rights of an archive are not looked at.
            assert (found.tokens == windows.tokens).all()
            assert (found.counts == windows.counts).all()
            assert (found.bits, found.checksum) == (windows.bits, windows.checksum)


@settings(max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 40)), max_size=12),
)
def test_any_windows_have_a_text_or_are_refused(pairs: list[tuple[int, int]]) -> None:
    tokens, counts = [token for token, _ in pairs], [count for _, count in pairs]
    try:
        found = detokenize(tokens, counts)
    except CorruptError:
        assert any(token > 255 and count == 0 for token, count in pairs)
    else:
        assert len(found) == sum(max(count, 1) for count in counts)


def test_windows_of_another_text_are_noticed() -> None:
    windows = tokenize(TEXT)
    tokens = windows.tokens.copy()
    tokens[-1] ^= 1 << 15
    with pytest.raises(CorruptError, match="checksum of the text differs"):
        replace(windows, tokens=tokens).text()
    counts = windows.counts.copy()
    counts[0] += 1
    with pytest.raises(CorruptError, match="windows have"):
        replace(windows, counts=counts).text()
    counts[0] -= 2
    with pytest.raises(CorruptError, match="windows have"):
        replace(windows, counts=counts).text()


def test_the_file_of_a_network_is_a_model() -> None:
    named, made = tokenize(TEXT, model=PATH), tokenize(TEXT, model=Bytelm(TINY))
    assert np.array_equal(named.tokens, made.tokens)
    assert named.text() == TEXT


def test_wrong_arguments() -> None:
    for bits in (7, 33):
        with pytest.raises(ValueError, match="bits must be 8 to 32"):
            tokenize(b"", bits=bits)
        with pytest.raises(ValueError, match="bits must be 8 to 32"):
            detokenize([], [], bits=bits)
    with pytest.raises(ValueError, match="model of windows is not known: 'cm'"):
        tokenize(b"", model="cm")
    with pytest.raises(TypeError, match="model of windows must be Bytelm or Llm"):
        tokenize(b"", model=Cm())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="bytes-like"):
        tokenize("text")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one for each token: 0 of 1"):
        detokenize([1], [])
    with pytest.raises(ValueError, match="tokens must be 0 to 65535: got 65536 to 65536"):
        detokenize([1 << 16], [1])
    with pytest.raises(ValueError, match="counts must be 0 to 65535: got -1 to -1"):
        detokenize([1], [-1])
    with pytest.raises(ValueError, match="tokens must have one dimension: got 2"):
        detokenize([[1]], [1])
    with pytest.raises(TypeError, match="tokens must be integers: got float64"):
        detokenize([1.5], [1])
    assert detokenize([], []) == b""
    assert math.isclose(tokenize(b"").bits_per_byte, 0)
