from __future__ import annotations

import functools
import itertools
import signal
from typing import Any

import pytest

import lmcodec
from lmcodec import MessageCodec, Prior, _core, train_prior
from lmcodec.errors import LimitError
from lmcodec.train import Step, check_memory
from tests.priors import OWN, RECORDS, SAMPLES_OF_OWN
from tests.strategies import log_lines, prose

train_table = functools.partial(train_prior, base="none", text=0)

SETTINGS: Any = {"buckets": 4, "segment": 10, "documents": 1, "threads": 1, "records": 1 << 10}


def test_the_same_samples_give_the_same_bytes() -> None:
    for threads in (1, 2, 3, None):
        again = train_table(SAMPLES_OF_OWN, name="log", size=1 << 13, threads=threads)
        assert bytes(again) == bytes(OWN)
    buffers = (memoryview(bytearray(sample)) for sample in SAMPLES_OF_OWN)
    assert bytes(train_table(buffers, name="log", size=1 << 13)) == bytes(OWN)


@pytest.mark.parametrize("size", [64, 127, 128, 1000, 1 << 12, 1 << 20])
def test_sizes_are_kept(size: int) -> None:
    trained = train_table(SAMPLES_OF_OWN, size=size)
    assert 64 <= len(trained) <= size
    # The rest is what was learnt in tuning.
    assert len(trained) + 64 <= len(bytes(trained)) <= 64 + size + size // 2
    # What is asked for is used where there is enough to know.
    assert len(trained) > size // 2 or size == 1 << 20


def test_names() -> None:
    assert OWN.name == "log"
    assert train_table([]).name == "own"
    longest = ("a-b_c.0" * 7)[:48]
    assert Prior(bytes(train_table([], name=longest))).name == longest


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
        train_table(SAMPLES_OF_OWN, note=seen.append, **arguments)
    assert seen == []


@pytest.mark.parametrize("samples", [["text"], [3], b"text", [None]])
def test_samples_must_be_buffers(samples: Any) -> None:
    with pytest.raises(TypeError):
        train_table(samples)


@pytest.mark.parametrize(
    "samples", [[], [b""], [b"", b"", b""], [b"a"], [b"a text that is there only once"]]
)
def test_nothing_to_know_gives_a_prior_that_works(samples: list[bytes]) -> None:
    trained = train_table(samples)
    assert len(trained) == 64
    assert not any(bytes(trained)[64:])
    stream = lmcodec.compress(RECORDS, model="cm", prior=trained)
    assert lmcodec.decompress(stream) == RECORDS
    # It says nothing, so that no byte changes.
    without = lmcodec.compress(RECORDS, model="cm", prior="none")
    assert len(stream) == len(without) + 33


def test_every_kind_is_noted() -> None:
    seen: list[Step] = []
    train_table(SAMPLES_OF_OWN, note=seen.append)
    assert [step.kind for step in seen] == _core.PriorTrainer.KINDS
    for step in seen:
        assert step.records >= step.entries
        assert step.bytes >= 3 * step.entries
    assert sum(step.entries for step in seen) > 100


def test_what_is_raised_on_the_way_ends_the_training() -> None:
    def stop(step: Step) -> None:
        raise KeyError(step.kind)

    with pytest.raises(KeyError, match=_core.PriorTrainer.KINDS[0]):
        train_table(SAMPLES_OF_OWN, note=stop)


@pytest.mark.parametrize("threads", [1, 3])
def test_progress_inside_of_a_kind(threads: int) -> None:
    texts = [prose(seed, 8000) for seed in range(4)]
    seen: list[tuple[int, int]] = []
    noted: list[int] = []
    train_table(
        texts,
        threads=threads,
        progress=lambda done, total: seen.append((done, total)),
        note=lambda _step: noted.append(len(seen)),
    )
    (total,) = {total for _, total in seen}
    assert total >= sum(map(len, texts))
    dones = [done for done, _ in seen]
    assert dones == sorted(dones)
    assert dones[-1] == total
    assert all(later - earlier > 2 for earlier, later in itertools.pairwise(noted))


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("calls", [1, 2, 50])
def test_training_stops_inside_of_a_kind(threads: int, calls: int) -> None:
    seen: list[int] = []
    noted: list[Step] = []

    def stop(done: int, _total: int) -> None:
        seen.append(done)
        if len(seen) == calls:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_table(
            [prose(seed, 8000) for seed in range(4)],
            threads=threads,
            progress=stop,
            note=noted.append,
        )
    assert len(seen) == calls
    # The thread is free for other work, of which nobody is told.
    assert lmcodec.decompress(lmcodec.compress(RECORDS)) == RECORDS
    assert len(seen) == calls


def test_a_signal_stops_the_training() -> None:
    def interrupt(step: Step) -> None:
        # Waits for the handler to be called at the next look.
        if step.kind == _core.PriorTrainer.KINDS[1]:
            signal.raise_signal(signal.SIGINT)

    # What runs in the background of a shell has interrupts ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            train_table(SAMPLES_OF_OWN, note=interrupt)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_trainer_that_was_stopped_has_ended() -> None:
    def stop(_done: int) -> None:
        raise KeyError("stop")

    trainer = _core.PriorTrainer([b"abc"], set(), **SETTINGS)
    before = _core.set_listener(stop)
    try:
        with pytest.raises(KeyError, match="stop"):
            trainer.step()
    finally:
        _core.set_listener(before)
    with pytest.raises(ValueError, match="finished"):
        trainer.step()


def test_segments_that_are_left_out() -> None:
    def trained(texts: list[bytes], without: set[tuple[int, int]]) -> bytes:
        trainer = _core.PriorTrainer(texts, without, **SETTINGS)
        while trainer.step() is not None:
            pass
        return trainer.finish("a")[0]

    texts = [b"some text " * 5, b"other text" * 3, b"more"]
    cut = [texts[0][:20], texts[0][30:], *texts[1:]]
    assert trained(texts, {(0, 20), (3, 0), (0, 21)}) == trained(cut, set())
    assert trained(texts, set()) != trained(cut, set())


def test_memory_is_bounded_before_the_work() -> None:
    seen: list[int] = []

    def see(done: int, _total: int) -> None:
        seen.append(done)

    with pytest.raises(LimitError, match="text is too large to train on") as caught:
        train_table(SAMPLES_OF_OWN, size=1 << 13, max_memory=1 << 20, progress=see)
    assert seen == []
    needed = caught.value.needed
    assert needed is not None
    assert caught.value.limit == 1 << 20
    assert needed > 1 << 20
    assert f"max_memory={needed}" in str(caught.value.hint)
    again = train_table(SAMPLES_OF_OWN, name="log", size=1 << 13, max_memory=needed)
    assert bytes(again) == bytes(OWN)
    with pytest.raises(LimitError):
        train_table(SAMPLES_OF_OWN, size=1 << 13, max_memory=needed - 1)


def test_less_memory_means_more_passes() -> None:
    def records(limit: int | None) -> int:
        return check_memory(1 << 30, 1000, size=1 << 20, threads=2, max_memory=limit)

    assert records(None) == 1 << 27
    found = [records(gib << 30) for gib in (16, 8, 7, 6)]
    assert found == sorted(found, reverse=True)
    assert found[0] == 1 << 27
    assert found[-1] < 1 << 27
    with pytest.raises(LimitError, match="the limit is"):
        records(5 << 30)


def test_trainers_end_once() -> None:
    trainer = _core.PriorTrainer([b"a"], set(), **SETTINGS)
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
    trained = train_table([*SAMPLES_OF_OWN, secret], name="log", size=1 << 13)
    assert bytes(trained) == bytes(OWN)


def test_long_texts_count_as_several() -> None:
    text = prose(7, 40_000)
    assert len(text) > 3 << 16
    trained = train_table([text], size=1 << 14)
    content = prose(8, 40)
    primed = lmcodec.compress(content, model="cm", prior=trained)
    without = lmcodec.compress(content, model="cm", prior="none")
    assert len(primed) + 20 < len(without)
