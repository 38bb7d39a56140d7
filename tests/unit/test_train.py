from __future__ import annotations

from typing import Any

import pytest

import lmcodec
from lmcodec import MessageCodec, Prior, _core, train_prior
from lmcodec.train import Step
from tests.priors import OWN, RECORDS, SAMPLES_OF_OWN
from tests.strategies import log_lines, prose


def test_the_same_samples_give_the_same_bytes() -> None:
    for threads in (1, 2, 3, None):
        again = train_prior(SAMPLES_OF_OWN, name="log", size=1 << 13, threads=threads)
        assert bytes(again) == bytes(OWN)
    buffers = (memoryview(bytearray(sample)) for sample in SAMPLES_OF_OWN)
    assert bytes(train_prior(buffers, name="log", size=1 << 13)) == bytes(OWN)


@pytest.mark.parametrize("size", [64, 127, 128, 1000, 1 << 12, 1 << 20])
def test_sizes_are_kept(size: int) -> None:
    trained = train_prior(SAMPLES_OF_OWN, size=size)
    assert 64 <= len(trained) <= size
    # The rest is what was learnt in tuning.
    assert len(trained) + 64 <= len(bytes(trained)) <= 64 + size + size // 2
    # What is asked for is used where there is enough to know.
    assert len(trained) > size // 2 or size == 1 << 20


def test_names() -> None:
    assert OWN.name == "log"
    assert train_prior([]).name == "own"
    longest = ("a-b_c.0" * 7)[:48]
    assert Prior(bytes(train_prior([], name=longest))).name == longest


@pytest.mark.parametrize(
    "arguments",
    [
        {"size": 63},
        {"size": 0},
        {"size": -64},
        {"size": (1 << 30) + 1},
        {"threads": -1},
        *({"name": name} for name in ("", "Own", "a b", "a/b", "a\n", "a\0", "é", "a" * 49)),
    ],
)
def test_wrong_arguments_are_refused_before_the_work(arguments: dict[str, Any]) -> None:
    seen: list[Step] = []
    with pytest.raises(ValueError, match="must"):
        train_prior(SAMPLES_OF_OWN, progress=seen.append, **arguments)
    assert seen == []


@pytest.mark.parametrize("samples", [["text"], [3], b"text", [None]])
def test_samples_must_be_buffers(samples: Any) -> None:
    with pytest.raises(TypeError):
        train_prior(samples)


@pytest.mark.parametrize(
    "samples", [[], [b""], [b"", b"", b""], [b"a"], [b"a text that is there only once"]]
)
def test_nothing_to_know_gives_a_prior_that_works(samples: list[bytes]) -> None:
    trained = train_prior(samples)
    assert len(trained) == 64
    assert not any(bytes(trained)[64:])
    stream = lmcodec.compress(RECORDS, model="cm", prior=trained)
    assert lmcodec.decompress(stream) == RECORDS
    # It says nothing, so that no byte changes.
    without = lmcodec.compress(RECORDS, model="cm", prior="none")
    assert len(stream) == len(without) + 33


def test_progress_is_told_of_every_kind() -> None:
    seen: list[Step] = []
    train_prior(SAMPLES_OF_OWN, progress=seen.append)
    assert [step.kind for step in seen] == _core.PriorTrainer.KINDS
    for step in seen:
        assert step.records >= step.entries
        assert step.bytes >= 3 * step.entries
    assert sum(step.entries for step in seen) > 100


def test_what_progress_raises_ends_the_training() -> None:
    def stop(step: Step) -> None:
        raise KeyError(step.kind)

    with pytest.raises(KeyError, match=_core.PriorTrainer.KINDS[0]):
        train_prior(SAMPLES_OF_OWN, progress=stop)


def test_trainers_end_once() -> None:
    trainer = _core.PriorTrainer([b"a"], buckets=1, segment=10, documents=1, threads=1)
    while trainer.step() is not None:
        pass
    trainer.finish("a")
    with pytest.raises(ValueError, match="finished"):
        trainer.step()
    with pytest.raises(ValueError, match="finished"):
        trainer.finish("a")


def test_records_of_the_kind_become_much_shorter() -> None:
    for record in log_lines(99, 8).splitlines(keepends=True):
        own = MessageCodec(prior=OWN).encode(record)
        assert 2 * len(own) < len(MessageCodec(prior="none").encode(record))
        assert len(own) < len(MessageCodec().encode(record))


def test_what_is_in_one_sample_only_is_not_known() -> None:
    secret = b"xylophone quartz jumble; " * 40
    trained = train_prior([*SAMPLES_OF_OWN, secret], name="log", size=1 << 13)
    assert bytes(trained) == bytes(OWN)


def test_long_texts_count_as_several() -> None:
    text = prose(7, 40_000)
    assert len(text) > 3 << 16
    trained = train_prior([text], size=1 << 14)
    content = prose(8, 40)
    primed = lmcodec.compress(content, model="cm", prior=trained)
    without = lmcodec.compress(content, model="cm", prior="none")
    assert len(primed) + 20 < len(without)
