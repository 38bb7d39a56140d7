"""Progress inside of blocks: what is reported, by whom, and what follows from an exception."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import lmcodec
from lmcodec import _core, jobs, progress
from lmcodec.models.base import Model
from lmcodec.models.cm import Cm
from lmcodec.models.order0 import Order0
from lmcodec.terminal import Terminal

PIECE = 1 << 16
CONTENT = (b"the same words, the same words, " * (1 << 13))[: 3 * PIECE + 100]


@pytest.mark.parametrize("model", [Cm(3), Order0()], ids=lambda model: model.id)
def test_a_slow_model_reports_every_64_kib(model: Model) -> None:
    calls: list[tuple[int, int | None]] = []
    stream = lmcodec.compress(CONTENT, model=model, progress=lambda *call: calls.append(call))
    done = [PIECE, 2 * PIECE, 3 * PIECE, len(CONTENT)]
    assert calls == [(at, len(CONTENT)) for at in done]
    assert stream == lmcodec.compress(CONTENT, model=model)
    calls.clear()
    assert lmcodec.decompress(stream, progress=lambda *call: calls.append(call)) == CONTENT
    assert calls == [(at, None) for at in done]


def test_threads_report_in_the_calling_thread() -> None:
    calls: list[int] = []
    callers = set()

    def note(done: int, total: int | None) -> None:
        del total
        calls.append(done)
        callers.add(threading.get_ident())

    options: dict[str, Any] = {"threads": 2, "progress": note}
    stream = lmcodec.compress(CONTENT * 4, model=Cm(3), block_size=len(CONTENT), **options)
    assert calls == sorted(set(calls))
    assert calls[-1] == 4 * len(CONTENT)
    calls.clear()
    assert lmcodec.decompress(stream, **options) == CONTENT * 4
    assert calls == sorted(set(calls))
    assert calls[-1] == 4 * len(CONTENT)
    assert callers == {threading.get_ident()}


def test_a_callback_may_code_something_itself() -> None:
    calls: list[int] = []

    def note(done: int, total: int | None) -> None:
        del total
        calls.append(done)
        assert lmcodec.decompress(lmcodec.compress(CONTENT[:100], level=3)) == CONTENT[:100]

    stream = lmcodec.compress(CONTENT, model=Cm(3), progress=note)
    assert calls == [PIECE, 2 * PIECE, 3 * PIECE, len(CONTENT)]
    assert stream == lmcodec.compress(CONTENT, model=Cm(3))


def test_content_of_no_bytes_reports_once() -> None:
    calls: list[tuple[int, int | None]] = []
    stream = lmcodec.compress(b"", progress=lambda *call: calls.append(call))
    lmcodec.decompress(stream, progress=lambda *call: calls.append(call))
    assert calls == [(0, 0), (0, None)]


@pytest.mark.parametrize("threads", [1, 2])
def test_an_exception_ends_the_work(threads: int) -> None:
    calls: list[int] = []

    def refuse(done: int, total: int | None) -> None:
        del total
        calls.append(done)
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        lmcodec.compress(CONTENT, model=Cm(3), threads=threads, progress=refuse)
    stream = lmcodec.compress(CONTENT, model=Cm(3))
    with pytest.raises(KeyError, match="enough"):
        lmcodec.decompress(stream, threads=threads, progress=refuse)
    assert len(calls) == 2
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("lmcodec")]


def test_streams_have_their_shares_of_a_block() -> None:
    seen: list[float] = []
    meter = progress.Meter(lambda: seen.append(meter.share))
    model = Cm(3, 1)
    payload = model.encode(CONTENT)
    with meter.stream(0.5, 1.0, len(CONTENT)):
        model.decode(payload, len(CONTENT))
    assert seen == [0.5 + 0.5 * at * PIECE / len(CONTENT) for at in (1, 2, 3)]
    # Outside of it, as when a model is tried on a sample, nothing counts.
    model.encode(CONTENT)
    assert len(seen) == 3


def test_the_commands_follow_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a terminal would show whenever a model reports."""
    shown: list[tuple[str, int | None, int]] = []

    class Recorder(Terminal):
        def begin(self, name: str, total: int | None, done: Callable[[], int]) -> None:
            self.look: Callable[[], None] = lambda: shown.append((Path(name).name, total, done()))

    terminal = Recorder("lmz", verbosity=-1)

    def spy(listener: Callable[[int], object] | None) -> object:
        def listen(done: int) -> None:
            assert listener is not None
            listener(done)
            terminal.look()

        return _core.set_listener(listen if listener else None)

    monkeypatch.setattr(progress, "set_listener", spy)
    size = len(CONTENT)
    source = tmp_path / "a"
    source.write_bytes(CONTENT)
    jobs.run(jobs.Job("compress", level=3, model="cm", verify=True), [str(source)], terminal)
    coded = (tmp_path / "a.lmz").stat().st_size
    pieces = [PIECE, 2 * PIECE, 3 * PIECE]
    assert shown[:3] == [("a", size, done) for done in pieces]
    assert shown[3:] == [("a, reading back", size, done) for done in pieces]
    shown.clear()
    jobs.run(jobs.Job("test"), [str(tmp_path / "a.lmz")], terminal)
    assert [done for _, _, done in shown] == sorted({done for _, _, done in shown})
    assert [(name, total) for name, total, _ in shown] == [("a.lmz", coded)] * 3
    assert 0 < shown[0][2] < shown[2][2] <= coded
    assert terminal.exit_code == 0
