"""Streams of circuits: what is recorded, copied, found and refused."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import lmcodec
from lmcodec import _core, errors, pictures
from lmcodec.circuit import file
from lmcodec.fitted import FittedCircuit
from lmcodec.info import WeightsInfo
from lmcodec.models.base import Shape
from lmcodec.models.circuit import CircuitModel
from lmcodec.models.order0 import Order0
from tests.circuits import packed, random_circuit, random_samples, shaped

STORED = random_circuit(11, 24, states=4, categories=9)
FILE = STORED.file(shape="4,6")
SAMPLES = random_samples(STORED, 11, 300).reshape(300, 4, 6)


def array_file(array: NDArray[Any]) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def test_a_stream_names_the_circuit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    content = array_file(SAMPLES)
    circuit = FittedCircuit(FILE)
    stream = lmcodec.compress(content, model=CircuitModel(circuit=circuit))
    digest = circuit.digest
    assert lmcodec.info(stream).circuits == (WeightsInfo(digest, "own", False, True),)
    assert lmcodec.decompress(stream) == content
    assert len(stream) < 0.6 * len(content)
    del circuit
    with pytest.raises(errors.WeightsError, match="circuit is not here") as caught:
        lmcodec.decompress(stream)
    assert digest.hex() in str(caught.value)
    assert lmcodec.info(stream).circuits == (WeightsInfo(digest, None, False, False),)
    (tmp_path / "some.circuit").write_bytes(FILE)
    monkeypatch.setenv("LMCODEC_MODEL_PATH", str(tmp_path))
    assert lmcodec.decompress(stream) == content
    # By its name there, by that of its file, and by its path.
    for name in ("some", "some.circuit", tmp_path / "some.circuit"):
        assert CircuitModel.of(name).digests() == (digest,)
    with pytest.raises(FileNotFoundError):
        CircuitModel.of("other")


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("block_size", [1 << 20, 3000])
def test_a_stream_has_a_copy(threads: int, block_size: int) -> None:
    content = array_file(SAMPLES)
    circuit = FittedCircuit(FILE)
    model = CircuitModel(circuit=circuit)
    stream = lmcodec.compress(
        content, model=model, embed=True, threads=threads, block_size=block_size
    )
    digest = circuit.digest
    del circuit, model
    assert lmcodec.info(stream).circuits == (WeightsInfo(digest, "own", True, True),)
    assert lmcodec.decompress(stream) == content
    with lmcodec.open(io.BytesIO(stream)) as file:
        file.seek(len(content) - 100)
        assert file.read() == content[-100:]
    assert lmcodec.recover(stream).content == content


@pytest.mark.parametrize("categories", [9, 40])
def test_sparse_files_code_as_whole_ones(categories: int) -> None:
    stored, shapes = shaped(random_circuit(12, 24, states=6, categories=9), 5, categories)
    symbols = random_samples(stored, 11, 60).tobytes()
    payload = CircuitModel(circuit=FittedCircuit(stored.file())).encode(symbols)
    for data in (stored.sparse_file(), stored.sparse_file(shapes)):
        circuit = FittedCircuit(data)
        assert CircuitModel(circuit=circuit).encode(symbols) == payload
        assert CircuitModel(circuit=circuit).decode(payload, len(symbols)) == symbols


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("counts", lambda x: x * 0),
        ("counts", lambda x: x[:-1]),
        ("counts", lambda x: x + 1),
        ("targets", lambda x: x[:-1]),
        ("targets", lambda x: x + 9),
        ("targets", lambda x: x * 0),
        ("transitions", lambda x: x * 0),
        ("transitions", lambda x: x[:-1]),
        ("shares", lambda x: x * 0),
        ("shares", lambda x: x[:-1]),
        ("shares", lambda x: np.append(x, x[:1])),
        ("shapes", lambda x: x[:-1]),
        ("shapes", lambda x: x[:0]),
        ("shapes", lambda x: x * 0),
    ],
)
def test_the_coder_refuses_wrong_edges_and_shapes(name: str, change: Any) -> None:
    stored, shapes = shaped(random_circuit(12, 24, states=6, categories=9), 5, 9)
    tensors = stored.sparse_tensors(shapes)
    FittedCircuit(packed("2", tensors, {}))
    data = packed("2", tensors | {name: change(tensors[name])}, {})
    with pytest.raises(errors.FormatError):
        FittedCircuit(data)
    with pytest.raises(errors.FormatError):
        file.read(data)


def test_threads_have_no_effect() -> None:
    model = CircuitModel(group=16, circuit=FittedCircuit(FILE))
    content = array_file(SAMPLES)
    streams = {lmcodec.compress(content, model=model, threads=n) for n in (1, 2, 3)}
    assert len(streams) == 1
    assert lmcodec.decompress(streams.pop(), threads=3) == content


def test_samples_are_decoded_alone() -> None:
    model = CircuitModel(group=7, circuit=FittedCircuit(FILE))
    symbols = SAMPLES.tobytes()
    payload = model.encode(symbols)
    for first, last in ((0, 1), (6, 8), (299, 300), (5, 5), (0, 300)):
        part = model.decode_samples(payload, len(symbols), first, last)
        assert part == SAMPLES[first:last].tobytes()
    for first, last in ((299, 301), (3, 2)):
        with pytest.raises(ValueError, match="samples"):
            model.decode_samples(payload, len(symbols), first, last)


@pytest.mark.parametrize(
    "content",
    [
        array_file(SAMPLES[:1]),
        array_file(SAMPLES[:0]),
        array_file(SAMPLES)[:-5],
        array_file(SAMPLES) + b"more",
        array_file(np.full((3, 24), 200, np.uint8)),
        b"",
        b"no array at all, but text that is a little longer",
    ],
    ids=["one", "none", "cut", "more", "strangers", "empty", "text"],
)
def test_whatever_comes_is_exact(content: bytes) -> None:
    model = CircuitModel(circuit=FittedCircuit(FILE))
    assert lmcodec.decompress(lmcodec.compress(content, model=model)) == content


def test_what_does_not_fit_is_refused() -> None:
    circuit = FittedCircuit(FILE)
    with pytest.raises(errors.ModelError, match="samples of 24 symbols: these have 25"):
        lmcodec.compress(
            array_file(np.zeros((4, 25), np.uint8)), model=CircuitModel(circuit=circuit)
        )
    with pytest.raises(errors.ModelError, match="has not been fitted"):
        CircuitModel().encode(b"abc")
    with pytest.raises(errors.ModelError, match="what a sample is"):
        CircuitModel().fit(b"abc")
    with pytest.raises(errors.ModelError, match="codes bytes"):
        CircuitModel(circuit=circuit).encode(np.zeros(24, np.uint16))
    with pytest.raises(ValueError, match="group"):
        CircuitModel(group=0)
    with pytest.raises(errors.FormatError, match="one circuit"):
        CircuitModel.from_record(b"", ())
    for damaged in (b"", FILE[:-1], FILE[:40], FILE.replace(b"U16", b"I16"), b"\0" * 100):
        with pytest.raises(errors.FormatError):
            FittedCircuit(damaged)


def test_other_models_code_what_has_no_shape() -> None:
    content = b"She sells sea shells by the sea shore. " * 20
    model = CircuitModel(circuit=FittedCircuit(FILE))
    assert lmcodec.info(lmcodec.compress(content, model=model)).models != ("circuit/1",)
    assert model.shaped(Shape(4, 6)) == model


def test_a_damaged_copy_is_refused() -> None:
    stream = lmcodec.compress(
        array_file(SAMPLES), model=CircuitModel(circuit=FittedCircuit(FILE)), embed=True
    )
    for at in range(60, 400, 23):
        damaged = bytearray(stream)
        damaged[at] ^= 64
        with pytest.raises(errors.LmcodecError):
            lmcodec.decompress(bytes(damaged))


def test_a_circuit_is_fitted_to_what_is_compressed() -> None:
    pytest.importorskip("numba")
    random = np.random.RandomState(5)
    rows = random.randint(0, 4, (2500, 6)).astype(np.uint8)
    rows[:, 3] = rows[:, 1]
    rows[:, 4] = (rows[:, 0] + rows[:, 2]) % 4
    content = array_file(rows)
    stream = lmcodec.compress(content, model="circuit")
    (found,) = lmcodec.info(stream).circuits
    assert found.embedded
    assert lmcodec.decompress(stream) == content
    assert len(stream) < len(lmcodec.compress(content, model=Order0()))


def test_a_circuit_goes_to_other_processes() -> None:
    import pickle

    circuit = FittedCircuit(FILE)
    again = pickle.loads(pickle.dumps(circuit))
    assert again == circuit
    assert hash(again) == hash(circuit)
    assert repr(again) == f"<FittedCircuit own {circuit.digest.hex()[:12]}>"
    assert circuit.card["shape"] == "4,6"
    assert circuit.core.categories == STORED.categories.tolist()


@pytest.mark.parametrize("model", ["order0", "circuit"])
@pytest.mark.parametrize("block_size", [1 << 20, 1500])
def test_arrays_are_read_sample_by_sample(model: str, block_size: int) -> None:
    circuit = FittedCircuit(FILE)
    chosen = CircuitModel(group=10, circuit=circuit) if model == "circuit" else Order0()
    stream = lmcodec.compress(array_file(SAMPLES), model=chosen, block_size=block_size)
    with lmcodec.open_array(io.BytesIO(stream)) as array:
        assert array.shape == SAMPLES.shape
        assert array.dtype == np.uint8
        assert len(array) == 300
        for index in (0, 7, -1, 150):
            assert array[index].tolist() == SAMPLES[index].tolist()
        for part in (slice(5, 130), slice(None, None, 50), slice(9, 3), slice(299, None)):
            assert array[part].tolist() == SAMPLES[part].tolist()
        assert np.array_equal(np.asarray(array), SAMPLES)
        assert [sample.tolist() for sample in array] == SAMPLES.tolist()
        with pytest.raises(IndexError):
            array[300]


def test_only_the_group_of_a_sample_is_decoded() -> None:
    circuit = FittedCircuit(FILE)
    stream = bytearray(
        lmcodec.compress(array_file(SAMPLES), model=CircuitModel(group=10, circuit=circuit))
    )
    # The stack of the last group ends the payload: the others do not see it.
    at = len(stream) - 20
    stream[at] ^= 255
    with lmcodec.open_array(io.BytesIO(bytes(stream))) as array:
        assert array[100].tolist() == SAMPLES[100].tolist()
        with pytest.raises(errors.FormatError):
            array[295]


@pytest.mark.parametrize("kind", ["|i1", "|b1", "<u2"])
def test_other_kinds_of_arrays(kind: str) -> None:
    values = np.arange(60).reshape(5, 3, 4).astype(kind)
    stream = lmcodec.compress(array_file(values))
    if kind == "<u2":
        with pytest.raises(errors.FormatError, match="not an array of bytes"):
            lmcodec.open_array(io.BytesIO(stream))
        return
    with lmcodec.open_array(io.BytesIO(stream)) as array:
        assert array.dtype == values.dtype
        assert array[3].tolist() == values[3].tolist()


def test_arrays_of_other_files(tmp_path: Path) -> None:
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4)
    path = tmp_path / "picture.lmz"
    path.write_bytes(lmcodec.compress(b"P5 4 3 255\n" + picture.tobytes()))
    with lmcodec.open_array(path) as array:
        assert array.shape == (1, 3, 4)
        assert array[0].tolist() == picture.tolist()
    path.write_bytes(lmcodec.compress(b"\0\0\x08\x02\0\0\0\4\0\0\0\3" + picture.tobytes()))
    with lmcodec.open_array(path) as array:
        assert array[:].tolist() == picture.reshape(4, 3).tolist()
    path.write_bytes(lmcodec.compress(array_file(picture)[:-1]))
    with pytest.raises(errors.FormatError, match="ends early"):
        lmcodec.open_array(path)
    path.write_bytes(lmcodec.compress(b"text"))
    with pytest.raises(errors.FormatError, match="not an array"):
        lmcodec.open_array(path)
    with pytest.raises(FileNotFoundError):
        lmcodec.open_array(tmp_path / "none")


def test_pictures_are_coded_with_contexts_beside() -> None:
    circuit = FittedCircuit(FILE)
    content = array_file(SAMPLES)
    model = CircuitModel(circuit=circuit, mixed=True)
    stream = lmcodec.compress(content, model=model, embed=True, block_size=4000)
    assert lmcodec.decompress(stream) == content
    assert stream == lmcodec.compress(content, model=model, embed=True, block_size=4000, threads=2)
    with lmcodec.open_array(io.BytesIO(stream)) as array:
        assert array[123].tolist() == SAMPLES[123].tolist()
    shaped = model.shaped(Shape(4, 6))
    assert (shaped.kind, shaped.record, shaped.row) == (4, 6, 4)
    payload = shaped.encode(SAMPLES.tobytes())
    # All samples before one are learnt from: readers decode the block once and keep it.
    assert shaped.decode_samples(payload, SAMPLES.size, 3, 5) is None
    # Samples that are no pictures have no contexts.
    assert model.shaped(Shape(4, 3, 2)).kind == 0
    with pytest.raises(ValueError, match="kind"):
        CircuitModel(kind=1)


def test_pictures_of_a_prior_are_coded_first() -> None:
    text = pictures.pack(Shape(4, 6), [sample.tobytes() for sample in SAMPLES[:100]])
    prior = lmcodec.Prior(_core.Prior.empty("own").with_text(text).to_bytes())
    circuit = FittedCircuit(FILE)
    model = CircuitModel(circuit=circuit, mixed=True)
    content = array_file(SAMPLES[100:])
    stream = lmcodec.compress(content, model=model, prior=prior)
    found = lmcodec.info(stream)
    assert [part.digest for part in found.circuits] == [circuit.digest]
    assert [part.digest for part in found.priors] == [prior.digest]
    assert lmcodec.decompress(stream) == content
    shaped = model.shaped(Shape(4, 6))
    record = shaped.primed(prior)
    symbols = SAMPLES[100:].tobytes()
    assert len(record.encode(symbols)) < len(shaped.encode(symbols))
    assert CircuitModel.from_record(record.params(), record.digests()).prior == prior
    with pytest.raises(errors.FormatError, match="other content"):
        CircuitModel.from_record(CircuitModel(kind=4, record=4, row=6).params(), record.digests())


@pytest.mark.parametrize(("record", "row"), [(6, 5), (1, 1), (1 << 16, 1 << 16)])
def test_pictures_of_another_size_than_the_circuit_are_refused(record: int, row: int) -> None:
    circuit = FittedCircuit(FILE)
    params = CircuitModel(kind=4, record=record, row=row).params()
    with pytest.raises(errors.FormatError, match="symbols, a circuit of 24"):
        CircuitModel.from_record(params, (circuit.digest,))


def test_shares_of_shapes_that_would_take_gigabytes_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weights = int(file.read(FILE).tree.emission_starts[-1])
    monkeypatch.setattr(file, "_MAX_WEIGHTS", weights - 1)
    with pytest.raises(errors.LimitError, match=f"too many weights of values: {weights}"):
        file.read(FILE)


def test_weights_beyond_the_memory_that_is_allowed_are_not_made() -> None:
    # Of 130 kB: 32 variables of 1024 states and 256 values, as shares of one shape.
    parents = np.array([-1, *[0] * 32], np.int32)
    states = np.array([1, *[1024] * 32], np.uint16)
    edges = int(states.sum())
    tensors: dict[str, NDArray[Any]] = {
        "parents": parents,
        "variables": np.arange(-1, 32, dtype=np.int32),
        "states": states,
        "categories": np.full(32, 256, np.uint16),
        "transitions": np.ones(edges, np.uint16),
        "shapes": np.array([60_000, *[1] * 255], np.uint16),
        "shares": np.ones(edges - 1, np.uint16),
    }
    data = packed("2", tensors, {"shape": "32"})
    circuit = FittedCircuit(data)
    needed = circuit.core.memory_bytes
    assert needed > 1 << 25
    assert len(data) < 140_000
    with pytest.raises(errors.LimitError, match="weights of a circuit take more memory"):
        FittedCircuit(data, max_memory=1 << 20)
    content = array_file(np.zeros((20, 32), np.uint8))
    stream = lmcodec.compress(content, model=CircuitModel(circuit=circuit), embed=True)
    need = lmcodec.info(stream).memory_bytes
    assert need is not None
    assert lmcodec.decompress(stream, max_memory=need) == content
    del circuit
    with pytest.raises(errors.LimitError, match="embedded weights need too much memory") as caught:
        lmcodec.decompress(stream, max_memory=need - (1 << 25))
    assert caught.value.limit == need - (1 << 25)
