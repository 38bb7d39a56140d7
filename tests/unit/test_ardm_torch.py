"""`ardm_torch`: networks in floats, streams that decode where they were written."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import lmcodec
from lmcodec.convert import portable_model
from lmcodec.errors import CorruptError, FormatError, ModelError, NotReproducibleError
from lmcodec.fitted import FittedArdm
from lmcodec.models.ardm import ArdmModel
from lmcodec.models.ardm_torch import ArdmTorch, _load
from lmcodec.models.base import MODELS, Shape
from tests.ardm import Stored, network, small

torch: Any = pytest.importorskip("torch")
pytestmark = [pytest.mark.nn, pytest.mark.filterwarnings("ignore")]

# Pictures of the network of the tests.
_AXES, _SIZE = (4, 5), 20


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "tiny.ardm"
    file.write_bytes(Stored(small(), bytes(range(16))).file())
    return file


def _samples(count: int) -> bytes:
    random = np.random.RandomState(1)
    return random.randint(0, 16, count * _SIZE).astype(np.uint8).tobytes()


def _npy() -> bytes:
    file = io.BytesIO()
    np.save(file, np.frombuffer(_samples(40), np.uint8).reshape(40, *_AXES))
    return file.getvalue()


def _model(path: Path, **more: Any) -> ArdmTorch:
    return ArdmTorch.of(path, device="cpu", **more).fit(b"")


@pytest.mark.parametrize("calls", [2, 7, 40])
@pytest.mark.parametrize("group", [5, 1024])
def test_streams_come_back_here(path: Path, calls: int, group: int) -> None:
    content = _npy()
    stream = lmcodec.compress(content, model=_model(path, calls=calls, group=group))
    described = lmcodec.info(stream)
    assert "ardm_torch/1" in described.models
    assert not described.portable
    assert lmcodec.decompress(stream) == content


def test_samples_are_decoded_alone(path: Path) -> None:
    model = _model(path, calls=5, group=3)
    symbols = _samples(4) + b"\xff" * 20 + _samples(5) + b"\x10" * 20 + b"rest"
    payload = model.encode(symbols)
    assert model.decode(payload, len(symbols)) == symbols
    for first in range(12):
        for last in range(first, 12):
            some = model.decode_samples(payload, len(symbols), first, last)
            assert some == symbols[first * _SIZE : last * _SIZE]
    with pytest.raises(ValueError, match="there are 11 samples: not 0 to 12"):
        model.decode_samples(payload, len(symbols), 0, 12)


def test_groups_stand_as_those_of_ardm_do(path: Path) -> None:
    # Nothing that the network knows: what is left is the same payload.
    model = _model(path, calls=5)
    twin = model.portable()
    for symbols in (b"", b"rest", b"\xff" * 45):
        assert model.encode(symbols) == twin.encode(symbols)


@pytest.mark.parametrize("levels", [(16,), (4, 4), (2, 2, 2, 2)])
@pytest.mark.parametrize("outline", [0, 24])
def test_floats_that_are_rounded_say_what_integers_say(
    levels: tuple[int, ...], outline: int
) -> None:
    from lmcodec.ardm.restore import floats
    from lmcodec.ardm.trainer import losses, nodes

    found = network(levels=levels, outline=outline)
    model, order = floats(found), np.array(found.core.order)
    item = _samples(1)
    values = torch.tensor(list(item))
    sums = found.core.costs(item, order.tolist(), [0, 7])
    for row, known in ((0, 0), (1, 7)):
        level = torch.zeros(_SIZE, dtype=torch.long)
        level[order[:known]] += 1
        states = nodes(model.config, values, level)[None].repeat(2, 1)
        for positions in (torch.arange(_SIZE)[None], torch.arange(_SIZE).repeat(2, 1)):
            with torch.no_grad():
                logits = model(states, positions, exact=True)[:1]
            nats = losses(model.config, logits, values[None], torch.tensor([0]))[0]
            bits = nats.numpy() / np.log(2)
            assert np.abs(sums[0, row, known:] - bits[order[known:]]).max() < 0.2
            assert sums[0, row, known:].mean() == pytest.approx(bits[order[known:]].mean(), 0.01)


def _rows(count: int, seed: int) -> NDArray[np.uint8]:
    """Return rows of which all symbols are the first, but for a few [count, 12]."""
    random = np.random.default_rng(seed)
    rows = random.integers(0, 4, (count, 1)) + np.zeros((1, 12), int)
    return ((rows + (random.random(rows.shape) < 0.1)) % 4).astype(np.uint8)


def test_sizes_are_those_of_ardm() -> None:
    from lmcodec.ardm.fit import train
    from lmcodec.ardm.trainer import Plan

    plan = Plan(steps=150, items=16, positions=6, warm_up=5, exact=0.4, decay=0.8)
    config = small((12,), (2, 2))
    held = _rows(1000, 4)
    file = train(_rows(300, 3), held, config, plan, bytes(range(4)), lambda *_bits: None)
    symbols = _rows(2000, 5).tobytes()
    for calls in (2, 6, 24):
        model = ArdmModel(2000, calls=calls, network=FittedArdm(file)).fit(b"")
        known = lmcodec.host.fingerprint("cpu", "float32")
        ours = ArdmTorch(2000, model.steps, known, network=model.network)
        sizes = [len(one.encode(symbols)) for one in (model, ours)]
        assert sizes[1] == pytest.approx(sizes[0], rel=0.02)


def test_large_groups_are_split_for_products(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lmcodec.ardm import host

    model = _model(path, calls=5)
    symbols = _samples(30)
    whole = model.encode(symbols)
    monkeypatch.setattr(host, "VALUES", 2000)
    payload = model.encode(symbols)
    assert model.decode(payload, len(symbols)) == symbols
    assert len(payload) == pytest.approx(len(whole), abs=4)


def test_another_number_of_threads_is_refused(path: Path) -> None:
    content = _npy()
    stream = lmcodec.compress(content, model=_model(path))
    torch.set_num_threads(2)
    with pytest.raises(NotReproducibleError, match="torch elsewhere: threads 1, here 2"):
        lmcodec.decompress(stream)


def test_records_that_are_refused(path: Path) -> None:
    model = _model(path)
    known = {**json.loads(model.fingerprint), "torch": "1.0"}
    cls = MODELS.get("ardm_torch", 1)
    for changes, error, words in (
        ({"fingerprint": json.dumps(known)}, NotReproducibleError, r"torch '1\.0', here"),
        ({"fingerprint": "[]"}, CorruptError, "fingerprint has no device"),
        ({"steps": b""}, FormatError, "no steps"),
        ({"steps": b"\x01\x03"}, FormatError, "do not cover"),
    ):
        with pytest.raises(error, match=words):
            cls.from_record(replace(model, **changes).params(), model.digests())
    with pytest.raises(FormatError, match="needs one network: 0 are named"):
        cls.from_record(model.params(), ())
    assert cls.from_record(model.params(), model.digests()) == replace(model, calls=0)


def test_other_results_are_noticed(path: Path) -> None:
    model = _model(path)
    symbols = _samples(20)
    payload = model.encode(symbols)
    weights = _load(model.network, "cpu", "float32")._model.out_bias
    before = weights.detach().clone()
    with torch.no_grad():
        # A few units in the last place of one number.
        weights[5] *= 1 + 2.0**-20
    try:
        with pytest.raises((NotReproducibleError, CorruptError)):
            model.decode(payload, len(symbols))
    finally:
        with torch.no_grad():
            weights.copy_(before)
    assert model.decode(payload, len(symbols)) == symbols


def test_payloads_that_are_no_such_ones(path: Path) -> None:
    model = _model(path, group=2)
    symbols = _samples(2) + b"\xff" * 20 + _samples(1) + b"rest"
    payload = model.encode(symbols)
    for cut in range(len(payload)):
        with pytest.raises((FormatError, NotReproducibleError)):
            model.decode(payload[:cut], len(symbols))
    with pytest.raises(FormatError, match="bytes too many"):
        model.decode(payload + b"\0", len(symbols))
    for count in (0, 20, 1 << 40):
        with pytest.raises(FormatError):
            model.decode(payload, count)
    with pytest.raises(CorruptError, match="4 of 3 samples are outside"):
        model.decode(b"\x04\0\0\0\0", 60)
    with pytest.raises(CorruptError, match="is not there: 3"):
        model.decode(b"\x01\x03\0", 60)


def test_the_portable_twin(path: Path, tmp_path: Path) -> None:
    content = _npy()
    model = _model(path, calls=5)
    file = tmp_path / "a.lmz"
    file.write_bytes(lmcodec.compress(content, model=model))
    twin = portable_model(file)
    assert twin == ArdmModel(steps=model.steps, network=model.network)
    stream = lmcodec.compress(lmcodec.decompress(file.read_bytes()), model=twin)
    assert lmcodec.info(stream).portable
    assert "ardm/1" in lmcodec.info(stream).models


def test_what_is_refused(path: Path) -> None:
    with pytest.raises(ModelError, match="device must be one of auto, cpu, cuda, mps: got 'tpu'"):
        ArdmTorch.of(path, device="tpu")
    with pytest.raises(ModelError, match=r"dtype must be one of float32, .* got 'int3'"):
        _model(path, dtype="int3").encode(_samples(1))
    with pytest.raises(ValueError, match="calls must be at least 1: got 0"):
        ArdmTorch.of(path, calls=0)
    with pytest.raises(ValueError, match="group of ardm_torch must be 1 to 65536: got 0"):
        ArdmTorch(0)
    with pytest.raises(ModelError, match="samples of 20 symbols: these have 21"):
        _model(path).shaped(Shape(3, 7))
    with pytest.raises(ModelError, match="ardm has no network"):
        ArdmTorch().fit(b"")


def test_types_of_floats(path: Path) -> None:
    symbols = _samples(8)
    for dtype in ("float16", "bfloat16"):
        model = _model(path, calls=5, dtype=dtype)
        assert model.decode(model.encode(symbols), len(symbols)) == symbols
