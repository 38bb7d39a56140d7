"""What a language model that knows English is worth: a small Llama, on text that it never saw."""

from __future__ import annotations

import lzma

import pytest

import lmcodec
from lmcodec.models.llm import Llm
from tests.language_models import SMALL_LLAMA

pytestmark = pytest.mark.nn
TEXT = b"""\
The river had risen in the night, and by morning the road to the village was under water.
Nobody came to the house that day. In the evening the old man lit a fire, sat down beside
it with a book, and read aloud until the children were asleep. Then he put the book away
and listened to the rain. He had lived beside the river for sixty years, and knew what it
could do. Twice it had taken the bridge, and once the mill, with the miller's cart and
both of his horses in it. But it had never come up to the door, and he did not believe
that it would come now.

Towards midnight somebody knocked. It was the woman from the farm across the water, wet to
the skin, with a lantern in her hand that had gone out long before. "You must come," she
said. "The bank is giving way behind the church, and there are not enough of us to hold
it." He took his coat from the nail and went with her without a word. When they came to the
church, thirty people were already there with spades and sacks, and the priest was holding
the only light. They worked until it was day, and when the sun came up at last the water
had begun to fall.
"""


def test_smaller_than_all_others() -> None:
    alone, mixed = (len(Llm.of(SMALL_LLAMA, mixed=mixed).encode(TEXT)) for mixed in (0, 1))
    # Whole streams, which name what they need.
    stream = len(lmcodec.compress(TEXT, model=Llm.of(SMALL_LLAMA)))
    cm = len(lmcodec.compress(TEXT, 9))
    xz = len(lzma.compress(TEXT, preset=9 | lzma.PRESET_EXTREME))
    assert alone < stream < 0.9 * cm < 0.4 * xz
    assert mixed < 0.9 * cm


def test_int8_loses_little() -> None:
    whole, rounded = (
        Llm.of(SMALL_LLAMA, mixed=0, int8=int8).encode(TEXT) for int8 in (False, True)
    )
    assert len(rounded) < 1.01 * len(whole)


def test_there_and_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = lmcodec.compress(TEXT, model=str(SMALL_LLAMA))
    monkeypatch.setenv("LMCODEC_MODEL_PATH", str(SMALL_LLAMA.parent))
    assert lmcodec.decompress(stream) == TEXT
