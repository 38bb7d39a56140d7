"""Training of networks of `ardm`: what is drawn, what is lost, what comes out."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmcodec.ardm.config import Config
from lmcodec.ardm.costs import costs_of
from lmcodec.ardm.order import orders_of
from lmcodec.ardm.schedule import cost, steps_for
from lmcodec.errors import FormatError
from lmcodec.fitted import FittedArdm
from lmcodec.models.ardm import ArdmModel
from tests.ardm import small

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.nn

_PLAN: dict[str, Any] = {
    "steps": 40,
    "items": 16,
    "positions": 6,
    "warm_up": 5,
    "exact": 0.4,
    "decay": 0.8,
}


def _items(count: int = 400, seed: int = 3) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return rows of which all symbols are the first, but for a few [items, 12]."""
    random = np.random.default_rng(seed)
    items = random.integers(0, 4, (count, 1)) + np.zeros((1, 12), int)
    noisy = random.random(items.shape) < 0.1
    return ((items + noisy) % 4).astype(np.uint8)


def _config(**more: int) -> Config:
    return small((12,), (2, 2), **more)


@pytest.mark.parametrize("stages", [1, 2, 3])
def test_losses_of_stages_are_those_of_symbols(stages: int) -> None:
    from lmcodec.ardm.trainer import losses

    config = small((5,), {1: (8,), 2: (4, 2), 3: (2, 2, 2)}[stages])
    logits = torch.randn(7, 5, 8, generator=torch.Generator().manual_seed(1))
    symbols = torch.randint(8, (7, 5), generator=torch.Generator().manual_seed(2))
    total = sum(losses(config, logits, symbols, torch.full((7,), stage)) for stage in range(stages))
    whole = torch.nn.functional.cross_entropy(
        logits.view(-1, 8), symbols.view(-1), reduction="none"
    )
    assert torch.allclose(total.view(-1), whole, atol=1e-5)


def test_what_is_drawn_is_known_or_asked_for() -> None:
    from lmcodec.ardm.trainer import Draw, nodes

    config = _config()
    draw = Draw(config, 1)
    symbols = torch.from_numpy(_items(64)).long()
    times = draw.times(64)
    # As many of each part of the way.
    assert sorted((times // 6).tolist()) == sorted([0, 1, 2, 3] * 16)
    states, positions, there, stage = draw(symbols, times, 6)
    for n in range(64):
        known = int(times[n]) % 12
        level = torch.full((12,), int(stage[n]))
        unknown = states[n] == nodes(config, symbols[n], level)
        assert int(unknown.sum()) == 12 - known
        asked = positions[n][there[n]]
        assert unknown[asked].all()
        assert len(set(asked.tolist())) == len(asked) == min(6, 12 - known)


def test_networks_learn_and_integers_say_what_floats_say() -> None:
    from lmcodec.ardm.fit import finish, numbered
    from lmcodec.ardm.trainer import Plan, Trainer, losses, nodes

    items = _items()
    told: list[float] = []
    symbols = bytes(range(4))
    config = _config(outline=16, outline_hidden=32)
    plan = Plan(**{**_PLAN, "steps": 150})
    trainer = Trainer(
        config,
        plan,
        numbered(items[:300], symbols),
        numbered(items[300:], symbols),
        lambda _step, _bits, held: told.append(held),
    )
    trainer.run(50)
    assert len(told) == 3
    # Of two bits, half are gone: the first of twelve tells the others, but for noise.
    assert told[-1] < 1.2
    names = orders_of((12,))
    data = finish(trainer.mean, symbols, items[300:], {}, orders=names, tried=96, measured=600)
    network = FittedArdm(data)
    assert network.card["measured"] == "50"
    order = np.array(network.core.order)
    assert np.array_equal(order, names[network.card["order"]])
    costs = costs_of(network)
    assert costs.bits.shape == (2, len(costs.places) + 1, 12)
    assert costs.bits[0, 0, -1] > costs.bits[0, -1, -1]
    # With the items on which it was measured, what is predicted is what is coded.
    for calls in (2, 5, 24):
        steps = steps_for(costs.falling(), calls)
        coded = network.core.code_lengths(items[300:350].tobytes(), list(steps)).mean()
        assert cost(costs, steps) == pytest.approx(coded, rel=0.01)
    item = items[350]
    values = torch.from_numpy(item).long()
    sums = network.core.costs(item.tobytes(), order.tolist(), [0, 3, 5, 11])
    for stage, row, known in ((0, 0, 0), (0, 2, 5), (1, 1, 3), (1, 3, 11)):
        level = torch.full((12,), stage)
        level[order[:known]] += 1
        states = nodes(config, values, level)[None]
        positions = torch.arange(12)[None]
        with torch.no_grad():
            logits = trainer.mean(states, positions, exact=True)
        nats = losses(config, logits, values[None], torch.tensor([stage]))[0]
        floats = (nats / math.log(2)).numpy()
        bits = sums[stage, row]
        assert np.abs(bits[known:] - floats[order[known:]]).max() < 0.03
        assert (bits[:known] == 0).all()
    model = ArdmModel(calls=4, network=network).fit(b"")
    payload = model.encode(items[300:].tobytes())
    assert model.decode(payload, items[300:].size) == items[300:].tobytes()
    assert 8 * len(payload) / items[300:].size < 1.4


def test_training_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    from lmcodec.ardm.fit import train
    from lmcodec.ardm.trainer import Plan

    items = _items()
    plan = Plan(**_PLAN)
    path = tmp_path / "checkpoint"

    def run(stop: int, **more: Any) -> bytes:
        def tell(step: int, _bits: float, _held: float) -> None:
            if step == stop:
                raise KeyboardInterrupt

        kept, held = items[:300], items[300:]
        more = {"every": 10, "measured": 4, **more}
        return train(kept, held, _config(), plan, bytes(range(4)), tell, **more)

    whole = FittedArdm(run(0))
    for stop in (10, 30):
        with pytest.raises(KeyboardInterrupt):
            run(stop, checkpoint=path)
        again = FittedArdm(run(0, checkpoint=path, resume=True))
        # All but the time that it took.
        same = {key: value for key, value in again.card.items() if key != "seconds"}
        assert same == {key: value for key, value in whole.card.items() if key != "seconds"}
        assert bytes(again)[-5000:] == bytes(whole)[-5000:]
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(FormatError, match="checkpoint is damaged"):
        run(0, checkpoint=path, resume=True)
    plan = replace(plan, seed=9)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        run(0, checkpoint=path, resume=True)


def test_in_raster_order_what_is_before_is_known() -> None:
    from lmcodec.ardm.fit import train
    from lmcodec.ardm.trainer import Draw, Plan, nodes

    config, items = small((12,), (4,)), _items()
    draw = Draw(config, 1, raster=True)
    symbols = torch.from_numpy(items[:32]).long()
    times = draw.times(32)
    states, positions, there, _ = draw(symbols, times, 1)
    assert positions[:, 0].tolist() == times.tolist()
    assert there.all()
    level = (torch.arange(12) < times[:, None]).long()
    assert torch.equal(states, nodes(config, symbols, level))
    plan = Plan(**{**_PLAN, "steps": 5}, raster=True)
    kept, held = items[:300], items[300:]
    data = train(kept, held, config, plan, bytes(range(4)), lambda *_: None, measured=48)
    assert FittedArdm(data).core.order == list(range(12))


def test_items_with_other_bytes_are_refused() -> None:
    from lmcodec.ardm.fit import numbered

    with pytest.raises(ValueError, match="not of the alphabet: 7"):
        numbered(np.array([[0, 7]], np.uint8), bytes(range(4)))


def test_sizes_suit_items() -> None:
    assert Config.suited((28, 28), 256).levels == (256,)
    assert Config.suited((28, 28), 256, 4).levels == (4, 4, 4, 4)
    assert Config.suited((250,), 27, 3).levels == (3, 3, 3)
    assert Config.suited((64,), 5, 2).levels == (3, 3)
    for stages in (0, 3, 9):
        with pytest.raises(ValueError, match="cannot be found"):
            Config.suited((4,), 256, stages)
    for config in (Config.suited((28, 28, 3), 256), Config.suited((1,), 2)):
        assert config.neighbours().shape[0] == config.size
