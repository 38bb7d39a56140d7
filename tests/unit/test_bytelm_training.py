"""Training of the network `bytelm`: recurrences, batches, and a short run."""

from __future__ import annotations

import dataclasses
import importlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.reference.bytelm import Network
from tests.strategies import prose

pytest.importorskip("torch", reason="torch is not installed")
pytest.importorskip("safetensors", reason="safetensors is not installed")
# By name, so that the types of torch need not be known where it is not installed.
torch: Any = importlib.import_module("torch")
data: Any = importlib.import_module("lmcodec.tuning.data")
kernels: Any = importlib.import_module("lmcodec.tuning.kernels")
model: Any = importlib.import_module("lmcodec.tuning.model")
optimize: Any = importlib.import_module("lmcodec.tuning.optimize")
learner: Any = importlib.import_module("lmcodec.tuning.learner")
graphs: Any = importlib.import_module("training.bytelm.graphs")
train: Any = importlib.import_module("training.bytelm.train")
evaluate: Any = importlib.import_module("training.bytelm.evaluate")
export: Any = importlib.import_module("lmcodec.tuning.export")
restore: Any = importlib.import_module("lmcodec.tuning.restore")
carry: Any = importlib.import_module("training.bytelm.carry")
command: Any = importlib.import_module("training.bytelm.__main__")
prepared: Any = importlib.import_module("training.bytelm.data")

pytestmark = pytest.mark.nn

ROWS = data.Rows((8, 6, 6, 6, 6, 6), 6, 16)
SMALL = model.Config(
    width=32,
    states=32,
    hidden=64,
    word_width=48,
    word_hidden=64,
    word_blocks=1,
    contexts=(0, 1, 4, 5),
    rows=ROWS,
)


def plain_recurrence(pre: Any, start: Any, offsets: list[int]) -> Any:
    width = start.shape[1]
    out = []
    for r in range(len(offsets) - 1):
        h = start[r]
        for n in range(offsets[r], offsets[r + 1]):
            keep = torch.sigmoid(pre[n, :width])
            h = keep * h + (1 - keep) * torch.tanh(pre[n, width : 2 * width])
            out.append(h * torch.sigmoid(pre[n, 2 * width :]) if pre.shape[1] > 2 * width else h)
    return torch.stack(out)


@pytest.mark.parametrize("parts", [2, 3])
def test_the_recurrence_is_that_of_torch(parts: int) -> None:
    generator = torch.Generator().manual_seed(parts)
    offsets = [0, 3, 3, 10]
    pre = torch.randn(10, parts * 8, generator=generator).requires_grad_()
    start = torch.randn(3, 8, generator=generator)
    weight = torch.randn(10, 8, generator=generator)
    expected = plain_recurrence(pre, start, offsets)
    (expected_grad,) = torch.autograd.grad((expected * weight).sum(), pre)
    found, states = kernels.Recurrence.apply(pre, start, torch.tensor(offsets))
    (grad,) = torch.autograd.grad((found * weight).sum(), pre)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(grad, expected_grad)
    last = model.last(states, start, torch.tensor(offsets))
    assert torch.equal(last[1], start[1])
    assert torch.equal(last[2], states[9])


def test_a_recurrence_of_no_words_gives_none() -> None:
    start = torch.ones(2, 8)
    out, states = kernels.Recurrence.apply(torch.zeros(0, 24), start, torch.tensor([0, 0, 0]))
    assert out.shape == states.shape == (0, 8)
    assert torch.equal(model.last(states, start, torch.tensor([0, 0, 0])), start)


def test_only_rows_that_are_used_change() -> None:
    table = kernels.Table(6, 4)
    index = torch.tensor([[1, 3], [3, 5]], dtype=torch.int32)
    table.add(index, torch.tensor([[1.0, -2.0, 0.0, 4.0], [3.0, -1.0, 0.0, 4.0]]))
    table.step(0.5, half=math.inf)
    # The first step of a value is the rate, against the sign of its gradient.
    row = torch.tensor([-0.5, 0.5, 0.0, -0.5])
    torch.testing.assert_close(table.values[[1, 3, 5]], row.repeat(3, 1))
    assert not table.values[[0, 2, 4]].any()
    torch.testing.assert_close(table.sums(index), torch.stack([2 * row, 2 * row]))


def test_streams_go_on_where_they_stopped() -> None:
    text = np.frombuffer(b"\n".join(b"line %d of a text" % n for n in range(9000)), np.uint8)
    contexts = data.Contexts(ROWS, (0, 4))
    streams = data.Streams({"a": text}, {"a": 1.0}, contexts, 3, 256, (1,))
    last = None
    for _ in range(80):
        part = streams()
        first = part.index[:, 0].view(3, 256)
        targets = part.targets.view(3, 256)
        assert torch.equal(first[:, 1:].long(), targets[:, :-1])
        for n in range(3):
            assert first[n, 0] == (10 if part.fresh[n] or last is None else last[n])
        assert len(part.words) == len(part.ends) == part.offsets[-1]
        last = targets[:, -1]


def test_words_of_no_text_change_nothing() -> None:
    def made() -> tuple[Any, Any]:
        trained = learner.Learner(model.ByteModel(SMALL, 1), learner.Rates(3e-3, 0.02, 0.02, 30.0))
        texts = {"prose": np.frombuffer(prose(1, 60_000), np.uint8)}
        return trained, data.Streams(texts, {"prose": 1.0}, trained.model.contexts, 8, 64, (1,))

    (plain, batches), (filled, same) = made(), made()
    steps = graphs.Steps(filled, 8 * 64, pytest.fail)
    state, padded = plain.model.start(8), steps.start(8)
    for _ in range(4):
        gradients = plain.gradients(batches(), state, False)
        plain.apply([gradients], 0.5)
        loss = steps(same(), padded, 0.5, False)
        torch.testing.assert_close(loss, gradients[0])
    torch.testing.assert_close(padded.said, state.said)
    torch.testing.assert_close(padded.words[0][:8], state.words[0])
    for a, b in zip(plain.model.parameters(), filled.model.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-4)
    for a, b in zip(plain.model.tables(), filled.model.tables(), strict=True):
        assert torch.equal(a.uses, b.uses)
        torch.testing.assert_close(a.values, b.values, atol=1e-5, rtol=1e-4)


def test_a_batch_is_filled_with_words_in_sequences_of_their_own() -> None:
    text = np.frombuffer(b"a few words, and more of them\n", np.uint8)
    contexts = data.Contexts(ROWS, (0, 1))
    rows, words = contexts.of(text[:-1])
    batch = data.batch(text[None], np.array([True]), rows[None], words[None])
    count = len(batch.ends)
    filled = graphs.padded(batch, count + 5)
    assert filled.offsets.tolist() == [0, count, count + 5]
    assert filled.ends[count:].tolist() == [batch.ends[-1]] * 5
    assert filled.words[count:, 0].tolist() == [batch.words[-1, 0]] * 5
    assert torch.equal(filled.slots, batch.slots)
    with pytest.raises(ValueError, match="words of a batch"):
        graphs.padded(batch, count - 1)


def test_steps_rise_stay_and_fall() -> None:
    assert optimize.rate_at(0.0, 0, 0.4) == 1 / optimize.WARM_UP
    assert optimize.rate_at(0.5, 1000, 0.4) == 1.0
    assert optimize.rate_at(0.8, 1000, 0.4) == pytest.approx(0.5)
    assert optimize.rate_at(1.1, 1000, 0.4) == 0.0


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for kind, seed in (("books_en", 1), ("code", 2)):
        (tmp_path / f"{kind}.train").write_bytes(prose(seed, 60_000))
        (tmp_path / f"{kind}.held").write_bytes(prose(seed + 9, 9_000))
    (tmp_path / "data.toml").write_text('prepare = "none"\n')
    return tmp_path


@pytest.mark.parametrize("bits", [8, 4])
def test_training_learns_resumes_and_exports(bits: int, folder: Path) -> None:
    said: list[str] = []
    config = dataclasses.replace(SMALL, word_bits=bits)
    plan = train.Plan(streams=4, length=128, threads=2, bytes=40 * 512, pieces=1)
    trainer = train.Trainer(model.ByteModel(config, 1), plan, folder, folder / "run", said.append)
    trainer.run()
    assert trainer.log[-1]["train"] < 7.5
    assert trainer.exact
    again = train.Trainer(model.ByteModel(config, 2), plan, folder, folder / "run", said.append)
    again.resume()
    assert (again.step, again.seen, again.log) == (trainer.step, trainer.seen, trainer.log)
    for name, value in trainer.model.state_dict().items():
        assert torch.equal(again.model.state_dict()[name], value)
    held = prepared.texts(folder, "held")
    exact = train.held_bits(again.model, held, exact=True, pieces=2, size=512)
    weights = folder / "small.safetensors"
    weights.write_bytes(export.to_bytes(again.model))
    integers = evaluate.integer_bits(weights, held, 2, 512)
    for kind, bits in exact.items():
        assert integers[kind] == pytest.approx(bits, rel=0.01)
    quick, slow = evaluate._QuickNetwork(weights), Network(weights)
    states = quick.start(2), slow.start(2)
    for byte in prose(3, 60):
        symbols = np.array([byte, byte ^ 1], np.uint8)
        assert np.array_equal(quick.step(states[0], symbols), slow.step(states[1], symbols))


def test_training_begins_with_the_weights_of_a_file(folder: Path) -> None:
    first = folder / "first.safetensors"
    first.write_bytes(export.to_bytes(model.ByteModel(SMALL, 1)))
    sizes = ["--streams", "2", "--length", "64", "--threads", "1", "--bytes", "128"]
    words = ["train", str(folder), "-o", str(folder / "run"), "--weights", str(first)]
    assert command.main([*words, *sizes, "--rate", "0", "--matrix-rate", "0"]) == 0
    trained, state = evaluate.load(folder / "run.pt")
    assert state["commands"][0].startswith("train")
    assert torch.allclose(trained.out, restore.from_bytes(first.read_bytes())[0].out, rtol=1e-3)


def test_integers_that_say_other_things_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = train.Plan(streams=4, length=128, threads=2, bytes=40 * 512, pieces=1)
    train.Trainer(model.ByteModel(SMALL, 1), plan, folder, folder / "run", print).run()
    whole = export.to_bytes

    def wrong(trained: Any) -> bytes:
        with torch.no_grad():
            trained.out *= 3.0
        return bytes(whole(trained))

    monkeypatch.setattr(evaluate, "to_bytes", wrong)
    monkeypatch.setattr(evaluate, "held_bits", lambda *_, **__: {"books_en": 1.0})
    with pytest.raises(ValueError, match=r"floats take 1\.0000 bits a byte, integers"):
        evaluate.export(folder / "run.pt", folder, folder / "out.safetensors", 0, print)


def test_texts_go_elsewhere_in_parts(folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    carry.pack(folder, tmp_path / "packed", 3, said.append)
    assert len(said) == 3
    parts = [tmp_path / "packed" / str(number) for number in range(3)]
    there = tmp_path / "there"
    carry.unpack(parts[:1], there)
    for part in ("train", "held"):
        assert prepared.texts(there, part).keys() == prepared.texts(folder, part).keys()
    carry.unpack(parts[1:], there)
    names = {path.name for path in there.iterdir()}
    assert names == {path.name for path in folder.iterdir() if path.is_file()}
    for name in names:
        assert (there / name).read_bytes() == (folder / name).read_bytes()


def test_a_run_stops_goes_on_and_comes_back_slim(folder: Path) -> None:
    sizes = ["--streams", "2", "--length", "64", "--threads", "1", "--bytes", "1280"]
    words = ["train", str(folder), "-o", str(folder / "run"), *sizes]
    assert command.main([*words, "--stop", "0"]) == 0
    stopped = torch.load(folder / "run.pt", weights_only=True)
    assert stopped["at"][1] == 0
    assert command.main([*words, "--resume"]) == 0
    assert torch.load(folder / "run.pt", weights_only=True)["at"][1] == 1280
    slim = ["slim", str(folder / "run.pt"), "-o", str(folder / "slim.pt"), "--parts", "2"]
    assert command.main(slim) == 0
    pieces = [(folder / f"slim.pt.{number}").read_bytes() for number in range(2)]
    (folder / "slim.pt").write_bytes(b"".join(pieces))
    assert len(b"".join(pieces)) * 4 < (folder / "run.pt").stat().st_size
    (whole, _), (back, state) = (evaluate.load(folder / name) for name in ("run.pt", "slim.pt"))
    assert len(state["commands"]) == 2
    torch.testing.assert_close(back.state_dict(), whole.state_dict(), rtol=1e-3, atol=1e-6)
    for one, other in zip(back.tables(), whole.tables(), strict=True):
        torch.testing.assert_close(one.values, other.values, rtol=1e-3, atol=1e-6)
