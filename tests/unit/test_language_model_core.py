"""The engine for language models: tiny networks of random weights."""

import json
import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lmcodec import _core
from lmcodec.errors import CorruptError, FormatError, LimitError, TruncatedError

TINY: dict[str, Any] = {
    "architecture": "llama",
    "vocabulary": 60,
    "context": 64,
    "width": 24,
    "layers": 2,
    "heads": 4,
    "kv_heads": 2,
    "head_width": 6,
    "hidden": 40,
    "norm_epsilon": 1e-5,
    "rope_theta": 10000.0,
    "rope_width": 6,
    "rope_scaling": None,
    "sliding_window": None,
    "tied": False,
    "query_norm": False,
    "parallel_residual": False,
    "activation": "silu",
}
SAME: dict[str, Any] = {"start": 1, "window": 16, "chunk": 25, "lanes": 3, "threads": 2}
F32 = NDArray[np.float32]
U32 = NDArray[np.uint32]


def builder(**config: Any) -> _core.LanguageModelBuilder:
    return _core.LanguageModelBuilder(json.dumps({**TINY, **config}).encode())


def weights(**config: Any) -> dict[str, F32]:
    rng = np.random.default_rng(5)
    tensors = {}
    for name, shape, required in builder(**config).needed():
        if required:
            values = 0.5 * rng.standard_normal(shape) + name.endswith("norm")
            tensors[name] = values.astype(np.float32)
    return tensors


def network(int8: bool = False, **config: Any) -> _core.LanguageModel:
    maker = builder(**config)
    for name, values in weights(**config).items():
        maker.put(name, "F32", values.tobytes())
    return maker.finish(int8)


def tokens(count: int) -> U32:
    return np.random.default_rng(count).integers(0, 60, count, dtype=np.uint32)


def norm(x: NDArray[Any], weight: F32) -> NDArray[Any]:
    return np.asarray(x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * weight)


def turn(x: NDArray[Any]) -> NDArray[Any]:
    """Rotates heads by their positions: the first half of each with its second half."""
    frequencies = 10000.0 ** (-np.arange(3) / 3)
    angles = np.arange(len(x))[:, None, None] * frequencies
    first, second = x[..., :3], x[..., 3:]
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin], -1)


def reference(w: dict[str, F32], ids: U32) -> NDArray[Any]:
    """Logits in 64-bit floats, from the definition."""
    x = w["embedding"][ids].astype(np.float64)
    count = len(ids)
    mask = np.where(np.tri(count, dtype=bool), 0.0, -np.inf)
    for i in range(2):
        layer = {
            name.split(".", 2)[2]: v for name, v in w.items() if name.startswith(f"layers.{i}.")
        }
        h = norm(x, layer["attention_norm"])
        q = turn((h @ layer["q"].T).reshape(count, 4, 6))
        k = turn((h @ layer["k"].T).reshape(count, 2, 6)).repeat(2, 1)
        v = (h @ layer["v"].T).reshape(count, 2, 6).repeat(2, 1)
        scores = np.einsum("ihe,jhe->hij", q, k) / np.sqrt(6) + mask
        seen = np.exp(scores - scores.max(-1, keepdims=True))
        seen /= seen.sum(-1, keepdims=True)
        x = x + np.einsum("hij,jhe->ihe", seen, v).reshape(count, 24) @ layer["o"].T
        h = norm(x, layer["mlp_norm"])
        gate = h @ layer["gate"].T
        x = x + (gate / (1 + np.exp(-gate)) * (h @ layer["up"].T)) @ layer["down"].T
    return np.asarray(norm(x, w["final_norm"]) @ w["output"].T)


def test_logits_follow_the_definition() -> None:
    ids = tokens(50)
    expected = reference(weights(), ids)
    got = network().logits(ids, 64, 1)
    assert got.dtype == np.float32
    assert got.shape == (50, 60)
    assert np.abs(expected).max() > 5
    assert np.abs(got - expected).max() < 1e-4
    # Eight bits for a weight are nearly the same function.
    rounded = network(int8=True).logits(ids, 64, 1)
    assert 1e-4 < np.abs(rounded - expected).max() < 2


@pytest.mark.parametrize("start", [None, 0])
@pytest.mark.parametrize("lanes", [1, 4])
def test_tokens_come_back(start: int | None, lanes: int) -> None:
    model, ids = network(), tokens(130)
    same = {**SAME, "start": start, "lanes": lanes}
    payload = model.encode(ids, **same)
    assert (model.decode(payload, 130, **same) == ids).all()
    for threads in (1, 3):
        assert model.encode(ids, **{**same, "threads": threads}) == payload
    lengths = model.lengths(ids, **same)
    assert lengths.sum() / 8 <= len(payload) <= lengths.sum() / 8 * 1.0001 + 9
    ranks = model.ranks(ids, **same)
    assert ranks.max() < 60
    assert (model.unranks(ranks, **same) == ids).all()


def test_nothing_is_nothing() -> None:
    model = network()
    assert model.encode(tokens(0), **SAME) == b""
    assert len(model.decode(b"", 0, **SAME)) == 0
    assert model.logits(tokens(0), 8, 1).shape == (0, 60)
    assert len(model.lengths(tokens(0), **SAME)) == 0


def test_kinds_of_weights_are_exact() -> None:
    whole = weights()
    upper = {name: (w.view(np.uint32) & 0xFFFF0000).view(np.float32) for name, w in whole.items()}
    halves = {name: w.astype(np.float16).astype(np.float32) for name, w in whole.items()}
    ids = tokens(20)
    for kind, values in (("BF16", upper), ("F16", halves)):
        stored, floats = builder(), builder()
        for name, value in values.items():
            if kind == "BF16":
                data = (value.view(np.uint32) >> 16).astype(np.uint16)
            else:
                data = value.astype(np.float16).view(np.uint16)
            stored.put(name, kind, data.tobytes())
            floats.put(name, "F32", value.tobytes())
        short, long = stored.finish(False), floats.finish(False)
        assert (short.logits(ids, 64, 1) == long.logits(ids, 64, 1)).all()
        assert 2 * short.memory_bytes == long.memory_bytes


def test_blocks_of_integers_are_exact() -> None:
    config = {"width": 32, "hidden": 64, "head_width": 8, "rope_width": 8}
    rng = np.random.default_rng(3)
    stored, floats = builder(**config), builder(**config)
    for name, shape, required in stored.needed():
        if len(shape) == 2:
            integers = rng.integers(-128, 128, shape, dtype=np.int8).reshape(-1, 32)
            factors = (rng.random(len(integers)) / 99).astype(np.float16)[:, None]
            data = np.concatenate([factors.view(np.uint8), integers.view(np.uint8)], 1)
            stored.put(name, "Q8_0", data.tobytes())
            values = integers.astype(np.float32) * factors.astype(np.float32)
            # An array of bytes will do, too.
            floats.put(name, "F32", values.reshape(-1).view(np.uint8))
        elif required:
            ones = np.ones(shape, np.float32).tobytes()
            stored.put(name, "F32", ones)
            floats.put(name, "F32", ones)
    ids = tokens(20)
    short, long = stored.finish(False), floats.finish(False)
    assert (short.logits(ids, 64, 1) == long.logits(ids, 64, 2)).all()


def test_what_a_network_is_made_of() -> None:
    needed = {name: (shape, required) for name, shape, required in builder().needed()}
    assert needed["embedding"] == ((60, 24), True)
    assert needed["layers.1.k"] == ((12, 24), True)
    assert needed["layers.1.k.bias"] == ((12,), False)
    assert "layers.2.k" not in needed
    model = network()
    assert (model.vocabulary, model.context) == (60, 64)
    matrices = 60 * 24 + 2 * (2 * 24 * 24 + 2 * 12 * 24 + 3 * 24 * 40)
    assert model.multiply_adds == matrices
    assert model.memory_bytes > 4 * matrices
    assert network(int8=True).memory_bytes < model.memory_bytes / 2
    assert 0 < model.session_bytes(1, 8) < model.session_bytes(2, 8) < model.session_bytes(2, 64)


def test_networks_that_are_none() -> None:
    with pytest.raises(FormatError, match="description of a language model"):
        _core.LanguageModelBuilder(b"{}")
    with pytest.raises(FormatError, match="colour"):
        builder(colour=1)
    with pytest.raises(LimitError, match="layers"):
        builder(layers=100_000)
    maker = builder()
    with pytest.raises(FormatError, match="tensor nose"):
        maker.put("nose", "F32", b"")
    with pytest.raises(FormatError, match=r"tensor final_norm: its length"):
        maker.put("final_norm", "F32", bytes(95))
    with pytest.raises(FormatError, match=r"tensor final_norm: it has infinite"):
        maker.put("final_norm", "F32", np.full(24, np.nan, np.float32).tobytes())
    with pytest.raises(ValueError, match="kind"):
        maker.put("final_norm", "F64", bytes(192))
    with pytest.raises(FormatError, match=r"tensor layers\.0\.attention_norm: missing"):
        maker.finish(False)
    with pytest.raises(ValueError, match="finished"):
        maker.finish(False)
    with pytest.raises(ValueError, match="finished"):
        maker.needed()


def test_wrong_arguments() -> None:
    model, ids = network(), tokens(10)
    for wrong in ({"window": 65}, {"chunk": 0}, {"lanes": 0}, {"threads": 0}, {"start": 60}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            model.encode(ids, **{**SAME, **wrong})
    with pytest.raises(ValueError, match="tokens"):
        model.encode(np.array([60], np.uint32), **SAME)
    with pytest.raises(CorruptError, match="rank"):
        model.unranks(np.array([60], np.uint32), **SAME)


def test_damaged_payloads() -> None:
    model, ids = network(), tokens(40)
    payload = model.encode(ids, **SAME)
    with pytest.raises(TruncatedError):
        model.decode(payload[len(payload) // 2 & ~3 :], 40, **SAME)
    with pytest.raises(CorruptError, match="base state"):
        model.decode(payload, 39, **SAME)
    with pytest.raises(FormatError):
        model.decode(payload, 2**60, **SAME)


def test_coding_is_followed_and_stops() -> None:
    model = network(layers=12)
    ids = np.resize(tokens(60), 200_000)
    seen: list[int] = []

    def listener(done: int) -> None:
        seen.append(done)
        if len(seen) == 2:
            raise RuntimeError("enough")

    before = _core.set_listener(listener)
    try:
        with pytest.raises(RuntimeError, match="enough"):
            model.encode(ids, **{**SAME, "chunk": 1 << 20})
    finally:
        _core.set_listener(before)
    assert 0 < seen[0] < seen[1] < len(ids)


def test_a_thread_that_is_told_to_stops() -> None:
    model, ids = network(layers=12), np.resize(tokens(60), 200_000)
    flag = _core.StopFlag()
    raised: list[BaseException] = []

    def work() -> None:
        flag.watch()
        try:
            model.encode(ids, **SAME)
        except KeyboardInterrupt as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    flag.stop()
    thread.join()
    assert len(raised) == 1
