"""Training networks further: what is in a file comes back from it, and text is learnt."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lmcodec
from lmcodec import Network, _core, network, prior
from lmcodec.models.bytelm import Bytelm
from lmcodec.tune import TuningStep
from tests.reference.bytelm import Network as Reference
from tests.strategies import prose

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("safetensors", reason="safetensors is not installed")
# By name, so that the types of torch need not be known where it is not installed.
torch: Any = importlib.import_module("torch")
safetensors: Any = importlib.import_module("safetensors.numpy")
data: Any = importlib.import_module("lmcodec.tuning.data")
export: Any = importlib.import_module("lmcodec.tuning.export")
model: Any = importlib.import_module("lmcodec.tuning.model")
restore: Any = importlib.import_module("lmcodec.tuning.restore")
train: Any = importlib.import_module("training.bytelm.train")
Learner: Any = importlib.import_module("lmcodec.tuning.learner").Learner
Rates: Any = importlib.import_module("lmcodec.tuning.learner").Rates

pytestmark = pytest.mark.nn

CONFIG = model.Config(
    width=32,
    states=32,
    hidden=64,
    word_width=48,
    word_hidden=64,
    word_blocks=1,
    contexts=(0, 1, 4),
    rows=data.Rows((8, 6, 6, 6, 6, 6), 6, 16),
)
TEXT = b"\n".join(b"2026-03-%02d door %d opened by %d" % (n % 28, n % 5, n) for n in range(900))


@functools.cache
def trained(bits: int) -> Any:
    """Return a model that knows a little, with so many bits in its matrices over words."""
    made = model.ByteModel(dataclasses.replace(CONFIG, word_bits=bits), 1)
    texts = {"books_en": np.frombuffer(prose(1, 50_000), np.uint8)}
    draw = data.Streams(texts, {"books_en": 1.0}, made.contexts, 8, 128, (1,))
    state = made.start(8)
    learner = Learner(made, Rates(others=1e-2, matrices=0.02, tables=2e-2, half=30.0))
    for _ in range(40):
        learner.apply([learner.gradients(draw(), state, exact=False)], 1.0)
    train.settle(made, texts, 1, 4)
    return made


@functools.cache
def small(bits: int = 8) -> Network:
    """Return such a network, and what `cm` learnt beside it."""
    file = export.to_bytes(trained(bits))
    return Network(_core.Network.learn(file, [TEXT[:2000]], prior.default().table))


def numbers(file: bytes) -> dict[str, Any]:
    """Return the tensors of a file, matrices times their scales."""
    tensors = safetensors.load(file)
    out = {}
    for name, value in tensors.items():
        if name.endswith(".weight"):
            steps = export.halves(value) if value.dtype == np.uint8 else value.astype(np.float64)
            scale = tensors[name.removesuffix("weight") + "scale"]
            out[name] = steps * scale[:, None]
        elif not name.endswith(".scale") or name in ("table.scale", "words.scale"):
            out[name] = value
    return out


@pytest.mark.parametrize("name", ["8 bits", "4 bits", "shipped"])
def test_what_is_exported_comes_back(name: str) -> None:
    file = bytes(network.default() if name == "shipped" else small(int(name[0])))
    restored, more = restore.from_bytes(file)
    again = export.to_bytes(restored, more)
    if name != "shipped":
        assert list(more) == ["cm.start.2"]
    before, after = numbers(file), numbers(again)
    assert before.keys() == after.keys()
    for key, value in before.items():
        # Rows of hidden values that are never above zero may lose their last bit.
        np.testing.assert_allclose(after[key], value, rtol=1e-6, atol=256, err_msg=key)


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("restored", [False, True])
def test_rounded_floats_say_what_the_integers_say(
    bits: int, restored: bool, tmp_path: Path
) -> None:
    path = tmp_path / "small.safetensors"
    path.write_bytes(bytes(small(bits)))
    floats = restore.from_bytes(bytes(small(bits)))[0] if restored else trained(bits)
    text = np.frombuffer(b"\n" + prose(3, 200), np.uint8)[None]
    rows, words = floats.contexts.of(text[0, :-1])
    batch = data.batch(text, np.array([True]), rows[None], words[None])
    with torch.no_grad():
        logits, _ = floats(batch, floats.start(1), exact=True)
    integers = Reference(path)
    state = integers.start(1)
    expected = [integers.step(state, text[:, at])[0] for at in range(text.shape[1] - 1)]
    apart = np.abs(logits.numpy() * export.LOGIT_BIT - np.stack(expected))
    # In 1024ths of a bit; gates and norms of the integers are rounded once more.
    assert apart.mean() < 100


def test_bits_that_are_mixed_are_refused() -> None:
    mixed = Path(__file__).parents[1] / "reference" / "bytelm-tiny-3.safetensors"
    with pytest.raises(lmcodec.FormatError, match="cannot be trained further"):
        lmcodec.train_network([TEXT], base=Network.load(mixed), minutes=None)


@pytest.mark.parametrize("bits", [8, 4])
def test_training_learns_and_keeps_what_is_beside(bits: int) -> None:
    base = small(bits)
    steps: list[TuningStep] = []
    told: list[tuple[int, int]] = []
    samples: list[Any] = [TEXT, memoryview(TEXT), b""]
    tuned = lmcodec.train_network(
        samples,
        base=base,
        minutes=None,
        passes=3,
        note=steps.append,
        progress=lambda done, total: told.append((done, total)),
    )
    held = TEXT[-700:]
    assert len(Bytelm(tuned).encode(held)) < 0.9 * len(Bytelm(base).encode(held))
    assert tuned != base
    learnt = [safetensors.load(bytes(one))["cm.start.2"] for one in (base, tuned)]
    assert np.array_equal(*learnt)
    total = 3 * 2 * (len(TEXT) + 1)
    assert [step.step for step in steps] == list(range(1, len(steps) + 1))
    assert steps[-1].seen >= total
    assert steps[-1].bits_per_byte < steps[0].bits_per_byte
    assert told[-1] == (total, total)
    assert told == sorted(told)


class StoppedError(Exception):
    pass


def test_training_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    checkpoint = tmp_path / "own.checkpoint"

    def stop(step: TuningStep) -> None:
        if step.step == 3:
            raise StoppedError

    arguments: Any = {"base": small(), "minutes": None, "passes": 2, "checkpoint": checkpoint}
    with pytest.raises(StoppedError):
        lmcodec.train_network([TEXT], note=stop, **arguments)
    saved = checkpoint.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["own.checkpoint"]
    with pytest.raises(ValueError, match="of another text or base"):
        lmcodec.train_network([TEXT, b"more"], resume=True, **arguments)
    other = {**arguments, "base": network.default()}
    with pytest.raises(ValueError, match="of another text or base"):
        lmcodec.train_network([TEXT], resume=True, **other)
    for damaged in (
        b"",
        saved[:5],
        saved[:-9],
        saved[:4000],
        pickle.dumps({"at": 1}),
        bytes(small()),
    ):
        checkpoint.write_bytes(damaged)
        with pytest.raises(lmcodec.FormatError, match="checkpoint is damaged, or none: "):
            lmcodec.train_network([TEXT], resume=True, **arguments)
    checkpoint.write_bytes(saved)
    steps: list[TuningStep] = []
    tuned = lmcodec.train_network([TEXT], resume=True, note=steps.append, **arguments)
    assert steps[0].step == 4
    assert len(Bytelm(tuned).encode(TEXT)) < len(Bytelm(small()).encode(TEXT))
    assert not checkpoint.exists()
    with pytest.raises(FileNotFoundError):
        lmcodec.train_network([TEXT], resume=True, **arguments)


def test_the_time_is_a_limit() -> None:
    tuned: list[TuningStep] = []
    lmcodec.train_network(
        [TEXT], base=small(), minutes=1e-3, passes=1e6, threads=1, note=tuned.append
    )
    assert tuned[-1].seconds < 20
    assert tuned[-1].seen < 1e6 * len(TEXT)


def test_bases_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "base.safetensors"
    for content in (pickle.dumps({"weights": 1}), b"", bytes(small())[:-1], prose(1, 3000)):
        path.write_bytes(content)
        with pytest.raises(lmcodec.FormatError, match=r"base\.safetensors: "):
            lmcodec.train_network([TEXT], base=path)
    with pytest.raises(ValueError, match="network is not known: 'some'"):
        lmcodec.train_network([TEXT], base="some")
