"""The specification, the reference decoder and the library agree."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lmcodec
from lmcodec import CompressionParameter
from lmcodec.container import FrameHeader, SkippableFrame
from lmcodec.embedded import pack
from lmcodec.errors import LmcodecError
from lmcodec.header import (
    WEIGHTS_BY_FREQUENCY,
    WEIGHTS_CODED,
    WEIGHTS_STORED,
    WeightsRecord,
)
from lmcodec.models.base import MODELS
from lmcodec.models.order0 import Order0
from lmcodec.packing import Cursor
from tests.strategies import BLOCK_BYTES, LONG_SAMPLES, SAMPLES, hard_bytes

HERE = Path(__file__).parent
FORMAT = (HERE.parents[1] / "docs" / "format.md").read_text(encoding="utf-8")


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference_decoder", HERE / "decode.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = load()
DIGEST = {CompressionParameter.content_digest: 1, CompressionParameter.block_size: BLOCK_BYTES}


def examples() -> dict[str, bytes]:
    """The hexadecimal bytes of each fenced example."""
    found = {}
    for name, body in re.findall(r"```hex (\w+)\n(.*?)```", FORMAT, re.DOTALL):
        columns = [re.split(r" {2,}", line)[0] for line in body.splitlines()]
        found[name] = bytes.fromhex(" ".join(columns))
    return found


# The prior of the example of docs/priors.md.
TINY = lmcodec.train_prior(
    [b"yes"] * 8 + [b"yet"] * 3 + [b"yen"] * 2, name="tiny", size=64, base="none", text=0
)
YES = b"yes yet yen " * 8
EXAMPLES = {
    "stored": (b"Hi!", lmcodec.compress(b"Hi!", model="stored")),
    "order0": (b"a" * 64, lmcodec.compress(b"a" * 64, model="order0")),
    "index": (b"abcdef", lmcodec.compress(b"abcdef", model="stored", block_size=3)),
    "empty": (b"", lmcodec.compress(b"")),
    "skippable": (b"", SkippableFrame(1, 4).pack() + b"note"),
    "embedded": (YES, lmcodec.compress(YES, prior=TINY, embed=True)),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_the_specification(name: str) -> None:
    content, stream = EXAMPLES[name]
    assert examples()[name].hex(" ") == stream.hex(" ")
    if name == "embedded":
        # It comes as far as the model, and knows what that needs.
        words = f"model cm needs embedded weights {TINY.digest.hex()}"
        with pytest.raises(reference.UnsupportedError, match=words):
            reference.decode(stream)
    else:
        assert reference.decode(stream) == content
    assert lmcodec.decompress(stream) == content


def test_every_example_is_checked() -> None:
    assert set(examples()) == set(EXAMPLES)


@pytest.mark.parametrize("name", SAMPLES)
def test_samples(name: str) -> None:
    data = SAMPLES[name]
    for stream in (
        lmcodec.compress(data, model="stored", options=DIGEST),
        lmcodec.compress(data, model="order0"),
        lmcodec.compress(data, model="freqs"),
        lmcodec.compress(data, model=Order0(increment=1), block_size=BLOCK_BYTES),
    ):
        assert reference.decode(stream) == data


@pytest.mark.parametrize("name", LONG_SAMPLES)
def test_several_lanes(name: str) -> None:
    data = LONG_SAMPLES[name]
    assert reference.decode(lmcodec.compress(data, model="freqs")) == data


@given(hard_bytes, st.sampled_from(["stored", "order0", "freqs"]))
def test_any_bytes(data: bytes, model: str) -> None:
    stream = lmcodec.compress(data[:400], model=model, block_size=BLOCK_BYTES)
    assert reference.decode(stream + stream) == data[:400] * 2


def test_both_decoders_refuse_the_same_streams() -> None:
    stream = lmcodec.compress(b"abcabcabc", model="stored", options=DIGEST)
    for offset in range(len(stream)):
        for bit in range(8):
            if offset == 5:
                continue  # The minor version means nothing to a decoder.
            damaged = bytearray(stream)
            damaged[offset] ^= 1 << bit
            with pytest.raises((reference.InvalidError, reference.UnsupportedError)):
                reference.decode(bytes(damaged))
            with pytest.raises(LmcodecError):
                lmcodec.decompress(damaged)


STORED = WeightsRecord(WEIGHTS_STORED, 128, 128, TINY.digest).pack() + bytes(TINY)


_FREQS = MODELS.get("freqs", 1)().encode(bytes(TINY))
BY_FREQUENCY = WeightsRecord(WEIGHTS_BY_FREQUENCY, 128, len(_FREQS), TINY.digest).pack() + _FREQS


@pytest.mark.parametrize("copy", [pack(TINY), STORED, BY_FREQUENCY])
def test_embedded_weights(copy: bytes) -> None:
    """Both decoders pass over a copy that no block needs, and refuse the same ones."""
    block = lmcodec.compress(b"Hi!", model="stored")[7:]
    ends = {True: b"", False: b"\xb5E\0"}
    for alone, end in ends.items():
        header = FrameHeader(one_block=alone).pack()
        stream = header + copy + block + end
        assert reference.decode(stream) == lmcodec.decompress(stream) == b"Hi!"
        for damaged in (
            header + copy + copy + block + end,
            header + copy + end,
            header + copy,
            header + block + copy + end,
            *(stream[:at] + bytes([byte ^ 4]) + stream[at + 1 :] for at, byte in changed(stream)),
        ):
            with pytest.raises((reference.InvalidError, reference.UnsupportedError)):
                reference.decode(damaged)
            with pytest.raises(LmcodecError):
                lmcodec.decompress(damaged)


def changed(stream: bytes) -> Iterator[tuple[int, int]]:
    """Where both must see a change: not in a coded copy, which only one of them reads."""
    begin = stream.index(b"\xb5W")
    cursor = Cursor(stream[begin:])
    record = WeightsRecord.parse(cursor)
    size = record.coded_size if record.coding == WEIGHTS_CODED else 0
    copy = range(begin + cursor.position, begin + cursor.position + size)
    return ((at, byte) for at, byte in enumerate(stream) if at != 5 and at not in copy)


def test_weights_that_are_elsewhere_are_named() -> None:
    stream = lmcodec.compress(YES, prior=TINY)
    words = f"model cm needs weights {TINY.digest.hex()}"
    with pytest.raises(reference.UnsupportedError, match=words):
        reference.decode(stream)


def test_other_models_are_refused_by_name() -> None:
    with pytest.raises(reference.UnsupportedError, match="model future version 3"):
        reference.decode_model(b"", 0, "future", 3, b"")


def test_command() -> None:
    stream = lmcodec.compress(b"from a pipe", model="stored")
    # -I -S: nothing but the standard library can be imported.
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(HERE / "decode.py")],
        input=stream,
        capture_output=True,
        check=True,
    )
    assert done.stdout == b"from a pipe"
