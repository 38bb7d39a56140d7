"""Chooses the model of a stream: ``model="auto"``.

In three steps: the kind of content gives the candidates of a level, their code length on a sample
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

# Joined to one sample, since adaptive models need some length to show what they learn.
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
    ids = [id for id in _BYTES_BY_LEVEL[level] if id in MODELS] or _FALLBACK
    models = [MODELS.get(id).for_level(level) for id in ids]
    return [model for model in models if model.width == width]


def choose(symbols: Symbols, models: Sequence[Model]) -> Model | None:
    """Return the candidate with the shortest code on a sample of the stream.

    Args:
        symbols: All symbols of the stream.
        models: The candidates.

    Returns:
        One of them, or None where there is none.
    """
    if len(models) < 2:
        return models[0] if models else None
    sample = _sample(symbols)
    return min(models, key=lambda model: len(model.encode(sample)))


def _sample(symbols: Symbols) -> Symbols:
    """Join evenly spaced slices, or return everything where that is not longer."""
    count = len(symbols)
    if count <= _SAMPLE_SLICES * _SLICE_SYMBOLS:
        return symbols
    step = (count - _SLICE_SYMBOLS) // (_SAMPLE_SLICES - 1)
    spans = [slice(at * step, at * step + _SLICE_SYMBOLS) for at in range(_SAMPLE_SLICES)]
    if isinstance(symbols, bytes):
        return b"".join(symbols[span] for span in spans)
    import numpy as np

    return np.concatenate([symbols[span] for span in spans])
