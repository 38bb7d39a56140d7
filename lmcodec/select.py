"""Chooses the model of a stream: ``model="auto"``.

In three steps: the kind of content gives the candidates of a level, their code length on samples
of the stream ranks them, and the best one codes the stream. A stream that fits into the samples is
coded by every candidate, so the choice is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lmcodec.models.base import MODELS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lmcodec.models.base import Model, Symbols

# For each level the ids that are tried on bytes of any kind, best guess first.
_BYTES_BY_LEVEL = {1: ("bwt",), 2: ("bwt",), **dict.fromkeys(range(3, 10), ("cm",))}
# What remains in an installation without these.
_FALLBACK = ("order0",)

# Three slices; adaptive models need some length to show what they learn.
_SAMPLE_SLICES = 3
_SLICE_SYMBOLS = 1 << 16


def candidates(level: int, hint: str = "", width: int = 1) -> list[Model]:
    """Return the models that are worth trying.

    Args:
        level: 1 to 9.
        hint: Kind of content, from the transform.
        width: Bytes of a symbol.

    Returns:
        Models for that width, best guess first; empty where the symbols can only be stored.
    """
    del hint
    known = set(MODELS.ids())
    ids = [id for id in _BYTES_BY_LEVEL[level] if id in known] or _FALLBACK
    models = [MODELS.get(id).for_level(level) for id in ids]
    return [model for model in models if model.width == width]


def choose(symbols: Symbols, models: Sequence[Model]) -> Model | None:
    """Return the candidate with the shortest code on samples of the stream.

    Args:
        symbols: All symbols of the stream.
        models: The candidates.

    Returns:
        One of them, or None where there is none.
    """
    if len(models) < 2:
        return models[0] if models else None
    samples = _samples(symbols)
    return min(models, key=lambda model: sum(len(model.encode(sample)) for sample in samples))


def _samples(symbols: Symbols) -> list[Symbols]:
    """Cut evenly spaced slices, or return everything where that is not longer."""
    count = len(symbols)
    if count <= _SAMPLE_SLICES * _SLICE_SYMBOLS:
        return [symbols]
    step = (count - _SLICE_SYMBOLS) // (_SAMPLE_SLICES - 1)
    return [symbols[i * step : i * step + _SLICE_SYMBOLS] for i in range(_SAMPLE_SLICES)]
