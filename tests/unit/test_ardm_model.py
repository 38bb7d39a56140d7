"""Networks of `ardm` as a model: streams, steps, bad input."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import lmcodec
from lmcodec import _core, pictures
from lmcodec.errors import FormatError, ModelError, WeightsError
from lmcodec.fitted import ARDM_SHELF, FittedArdm, of_bytes
from lmcodec.models.ardm import ArdmModel, pack_steps, unpack_steps
from lmcodec.models.base import MODELS, Shape
from tests.ardm import Stored, network, small


def _samples(count: int, size: int, alphabet: int, seed: int = 1) -> bytes:
    random = np.random.RandomState(seed)
    return random.randint(0, alphabet, count * size).astype(np.uint8).tobytes()


def _npy(array: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("calls", [2, 3, 7, 40])
def test_calls_make_steps_that_code(calls: int) -> None:
    model = ArdmModel(3, calls=calls, network=network()).fit(b"")
    assert len(unpack_steps(model.steps, 2, 20)) == calls
    symbols = _samples(8, 20, 16) + b"\xff" * 20 + b"rest"
    payload = model.encode(symbols)
    assert model.decode(payload, len(symbols)) == symbols
    assert model.decode_samples(payload, len(symbols), 4, 9) == symbols[80:180]


def test_a_record_tells_all_that_decoding_needs() -> None:
    model = ArdmModel(calls=5, network=network()).fit(b"")
    symbols = _samples(4, 20, 16)
    payload = model.encode(symbols)
    again = MODELS.get("ardm", 1).from_record(model.params(), model.digests())
    assert again.decode(payload, len(symbols)) == symbols
    assert again == replace(model, calls=0)


def test_steps_are_packed_in_runs() -> None:
    steps = (5, 1, 1, 1, 2, 300)
    assert pack_steps(steps) == bytes([5, 1, 1, 3, 2, 1, 0xAC, 2, 1])
    assert unpack_steps(pack_steps(steps), 1, 310) == list(steps)
    assert len(pack_steps((1,) * 784)) == 3


@pytest.mark.parametrize(
    "packed",
    [
        b"\x14\x01",
        b"\x28\x01",
        b"\x14\x03",
        b"\x0f\x02\x0a\x01",
        b"\x00\x05",
        b"\x14",
        b"\x01\x00",
        b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
    ],
)
def test_steps_that_do_not_cover_all_are_refused(packed: bytes) -> None:
    with pytest.raises(FormatError):
        unpack_steps(packed, 2, 20)
    model = ArdmModel(network=network())
    record = replace(model, steps=packed)
    with pytest.raises(FormatError):
        MODELS.get("ardm", 1).from_record(record.params(), record.digests())
    with pytest.raises(FormatError):
        record.encode(_samples(1, 20, 16))


def test_a_record_without_steps_is_refused() -> None:
    record = ArdmModel(network=network())
    with pytest.raises(FormatError, match="steps, or contexts beside"):
        MODELS.get("ardm", 1).from_record(record.params(), record.digests())


@pytest.mark.parametrize("calls", [1, 41, 1000])
def test_calls_out_of_range_are_refused_at_once(calls: int) -> None:
    with pytest.raises(ValueError, match="calls must be 2 to 40"):
        ArdmModel(calls=calls, network=network())


def test_samples_of_another_length_are_refused() -> None:
    model = ArdmModel(network=network())
    assert model.shaped(Shape(4, 5)) is model
    for shape in (Shape(4, 4), Shape(21, 1), Shape(1, 19)):
        with pytest.raises(ModelError, match="samples of 20 symbols: these have"):
            model.shaped(shape)


def test_orders_that_are_no_permutations_are_refused() -> None:
    for wrong in ([0] * 20, [*range(19), 20], [*range(19), -1]):
        stored = Stored(small(), bytes(range(16)))
        stored.tensors["order"] = np.array(wrong, np.int32)
        with pytest.raises(FormatError, match="order of positions is no permutation"):
            FittedArdm(stored.file())


def test_files_without_costs_code_but_find_no_steps() -> None:
    stored = Stored(small(), bytes(range(16)))
    steps = ArdmModel(calls=5, network=FittedArdm(stored.file())).fit(b"").steps
    del stored.tensors["costs"]
    model = ArdmModel(calls=5, network=FittedArdm(stored.file()))
    with pytest.raises(FormatError, match="not the costs"):
        model.fit(b"")
    symbols = _samples(4, 20, 16)
    model = replace(model, steps=steps)
    assert model.decode(model.encode(symbols), len(symbols)) == symbols


def _mixed() -> ArdmModel:
    model = ArdmModel(network=network(levels=(16,)), mixed=True)
    return model.shaped(Shape(4, 5)).fit(b"")


def test_pictures_are_coded_with_contexts_beside() -> None:
    model = _mixed()
    assert (model.kind, model.record, model.row, model.steps) == (4, 5, 4, b"")
    assert _mixed().shaped(Shape(4, 5)) == model
    symbols = _samples(30, 20, 16) + b"\xff" * 20 + b"rest"
    payload = model.encode(symbols)
    assert model.decode(payload, len(symbols)) == symbols
    assert model.decode_samples(payload, len(symbols), 1, 2) is None
    again = MODELS.get("ardm", 1).from_record(model.params(), model.digests())
    assert again.decode(payload, len(symbols)) == symbols
    assert again == replace(model, mixed=False)


def test_a_prior_of_pictures_serves_the_contexts() -> None:
    array = np.random.RandomState(3).randint(0, 16, (40, 4, 5)).astype(np.uint8)
    text = pictures.pack(Shape(4, 5), [picture.tobytes() for picture in array])
    prior = lmcodec.Prior(_core.Prior.empty("own").with_text(text).to_bytes())
    model = _mixed().primed(prior)
    assert model.prior is not None
    payload = model.encode(array.tobytes())
    assert len(payload) < len(_mixed().encode(array.tobytes()))
    again = MODELS.get("ardm", 1).from_record(model.params(), model.digests())
    assert again.decode(payload, array.size) == array.tobytes()
    alone = ArdmModel(calls=5, network=network()).fit(b"")
    assert not alone.can_be_primed()
    assert alone.primed(prior) is alone


def test_contexts_beside_that_do_not_suit_are_refused() -> None:
    with pytest.raises(ModelError, match="must be of one stage"):
        ArdmModel(network=network(), mixed=True).shaped(Shape(4, 5))
    with pytest.raises(ValueError, match="kind of ardm must be one of pixels: got 1"):
        ArdmModel(kind=1)
    model = _mixed()
    for wrong, error in (
        (replace(model, row=5), "pictures of 25 symbols, a network of 20"),
        (replace(model, steps=b"\x14\x01"), "steps, or contexts beside"),
        (replace(model, network=network()), "contexts beside several stages"),
    ):
        with pytest.raises(FormatError, match=error):
            MODELS.get("ardm", 1).from_record(wrong.params(), wrong.digests())
    with pytest.raises(FormatError, match="needs one network: 2 are named"):
        ArdmModel.from_record(b"", (b"x" * 32,) * 2)


def test_without_a_network_nothing_is_coded() -> None:
    with pytest.raises(ModelError, match="ardm has no network"):
        ArdmModel().fit(b"")
    with pytest.raises(ModelError, match="ardm has no network"):
        lmcodec.compress(_npy(np.zeros((9, 8), np.uint8)), model="ardm")
    with pytest.raises(ModelError, match="ardm has no steps"):
        ArdmModel(network=network()).encode(b"")
    with pytest.raises(FormatError, match="needs one network: 0 are named"):
        ArdmModel.from_record(b"", ())
    with pytest.raises(WeightsError):
        ArdmModel.from_record(b"", (b"x" * 32,))


def test_networks_are_found_by_digest_and_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Stored(small(), bytes(range(16)), 77).file()
    (tmp_path / "tiny.ardm").write_bytes(data)
    monkeypatch.setenv("LMCODEC_MODEL_PATH", str(tmp_path))
    found = ARDM_SHELF.named("tiny")
    assert bytes(found) == data
    assert bytes(ARDM_SHELF.named(tmp_path / "tiny.ardm")) == data
    assert ARDM_SHELF.by_digest(found.digest).digest == found.digest
    assert isinstance(of_bytes(data), FittedArdm)
    with pytest.raises(OSError, match="other"):
        ARDM_SHELF.named("other")
    (tmp_path / "bad.ardm").write_bytes(data[:-1])
    with pytest.raises(FormatError, match=r"bad\.ardm"):
        ARDM_SHELF.named("bad")


@pytest.mark.parametrize("embed", [False, True])
def test_arrays_are_coded_and_samples_found(tmp_path: Path, embed: bool) -> None:
    array = np.random.RandomState(2).randint(0, 16, (50, 4, 5)).astype(np.uint8)
    model = ArdmModel(4, calls=6, network=network())
    coded = lmcodec.compress(_npy(array), model=model, embed=embed)
    assert lmcodec.decompress(coded) == _npy(array)
    path = tmp_path / "array.npy.lmz"
    path.write_bytes(coded)
    with lmcodec.open_array(path) as found:
        assert np.array_equal(found[17], array[17])
        assert np.array_equal(found[3:40:9], array[3:40:9])
    (weights,) = lmcodec.info(coded).ardms
    assert weights.embedded is embed


def test_samples_of_an_array_that_are_none_of_the_network_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    array = np.random.RandomState(2).randint(0, 16, (50, 4, 4)).astype(np.uint8)
    used = network()
    with monkeypatch.context() as patch:
        # As a hostile writer would: 40 samples of the network where 50 are said to be.
        patch.setattr(ArdmModel, "shaped", lambda model, _shape: model)
        coded = lmcodec.compress(_npy(array), model=ArdmModel(4, calls=6, network=used))
    with lmcodec.open_array(io.BytesIO(coded)) as found:
        with pytest.raises(FormatError, match="samples of 20 symbols: these have 16"):
            found[17]
        monkeypatch.setattr(ArdmModel, "shaped", lambda model, _shape: model)
        with pytest.raises(FormatError, match="1 samples of 16 bytes are 20 here"):
            found[17]


def test_a_single_sample_takes_ten_bytes_more_than_its_bits_at_most() -> None:
    model = ArdmModel(1, calls=8, network=network()).fit(b"")
    steps = unpack_steps(model.steps, 2, 20)
    for seed in range(20):
        symbols = _samples(1, 20, 16, seed)
        bits = float(model._network().core.code_lengths(symbols, steps)[0])
        assert len(model.encode(symbols)) <= bits / 8 + 10
