"""Chooses the transform of a block and the model of a stream: ``model="auto"``.

In three steps: the kind of content gives the candidates of a level, their code length on a sample
of the stream ranks them, and the best one codes the stream. A stream no longer than the sample
is coded by every candidate, so there the choice is exact. Content that looks like noise everywhere
is coded by a plain and fast model, unless the sample shows that another is worth its time.

A transform that knows the content is used where it shortens the code of a sample by fast models.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lmcodec import _core
from lmcodec.models.base import MODELS, Cells, Links, Shape, symbol_width
from lmcodec.network import Network
from lmcodec.prior import default
from lmcodec.probe import MIN_BYTES, is_noise
from lmcodec.transforms.base import Stream

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lmcodec.models.base import AnyShape, Model, Symbols
    from lmcodec.prior import Prior
    from lmcodec.transforms.base import Transform

# For each level the ids that are tried on bytes of any kind, best guess first.
_BYTES_BY_LEVEL = {1: ("bwt",), 2: ("bwt",), **dict.fromkeys(range(3, 10), ("cm",))}
# Tried before these on the cells of a table, from this level on.
_CELLS = "table"
_CELLS_FROM = 3
# Tried on cells beside these, from this level on, since to find classes takes long: rows have
# enough cells there to tell what they are like. Of larger tables, a sample says whether it pays.
_CLASSES = "latent"
_CLASSES_FROM = 8
_CLASSES_COLUMNS = 32
# What codes the links of graphs.
_LINKS = "graph"
# What remains in an installation without these: the first one that is there.
_FALLBACK = ("cm", "freqs")
# What codes noise, a thousand times as fast as the others, unless they save half a percent.
_PLAIN = "freqs"
_WORTH = (995, 1000)

# A prior is chosen by a quicker model: what it gains shows early.
_PRIOR_SLICES = 4
_PRIOR_SLICE_SYMBOLS = 1 << 13
# In long tables it may be lost again: names are learnt sooner or later, but numbers stay new, and a
# prior knows nothing of these. So where it gains less than text does, two larger samples show what
# becomes of the gain, each at most that part of the stream.
_PLAIN_GAIN = 8
_LARGER_SLICES = (8, 16)
_LARGER_PART = 32
# It takes some time, so of a long table it must save a thousandth.
_PRIOR_WORTH = 1000
# A network is chosen by the model itself, which is slow.
_NETWORK_SLICES = 3
_NETWORK_SLICE_SYMBOLS = 1 << 12
# What it saves early, it may lose again in a long stream; and it takes longer than all the rest.
_NETWORK_WORTH = (99, 100)

# Joined to one sample, since adaptive models need some length to show what they learn.
_SAMPLE_SLICES = 3
_SLICE_SYMBOLS = 1 << 16
# A quarter of it is enough where the cells of a table are so much shorter by their own model, or
# will be if both models go on as from half of that quarter to all of it: how columns hang together
# shows late. Streams that are not longer than samples by that factor are coded by both instead.
_EARLY_PART = 4
_EARLIER_PART = 8
_EARLY_CELLS = 0.95
_LONG = 2
# More and shorter ones for a transform, whose kind of content may be only a part of the block. A
# quarter of them is enough where that makes the code so much shorter; of lines less will do, since
# what is alike in them shows more and more.
_TRANSFORM_SLICES = 24
_TRANSFORM_SLICE_BYTES = 1 << 14
_EARLY_TRANSFORM, _EARLY_LINES = (95, 100), (97, 100)
# Of candidates: the best guess, and the others.
_GUESS, _OTHERS = slice(1), slice(1, None)


def candidates(
    level: int, hint: str = "", width: int = 1, shape: AnyShape | None = None
) -> list[Model]:
    """Return the models that are worth trying.

    Args:
        level: 1 to 9.
        hint: Kind of content, from the transform.
        width: Bytes of a symbol.
        shape: How the symbols form samples or cells, where the transform knows.

    Returns:
        Models for that width, best guess first; empty where the symbols can only be stored.
    """
    del hint
    ids = [id for id in _BYTES_BY_LEVEL[level] if id in MODELS]
    ids = ids or [id for id in _FALLBACK if id in MODELS][:1]
    if isinstance(shape, Cells) and level >= _CELLS_FROM and _CELLS in MODELS:
        ids = [_CELLS, *ids]
    models = [MODELS.get(id).for_level(level) for id in ids]
    if shape is not None:
        shaped = [model.shaped(shape) for model in models]
        plain = [model for model in models if not model.needs_shape]
        models = [*(model for model in shaped if model not in models), *plain]
    if isinstance(shape, Cells) and level >= _CLASSES_FROM and shape.columns >= _CLASSES_COLUMNS:
        models += [
            MODELS.get(id).for_level(level).shaped(shape) for id in (_CLASSES,) if id in MODELS
        ]
    if isinstance(shape, Links) and _LINKS in MODELS:
        models.insert(0, MODELS.get(_LINKS).for_level(level))
    return [model for model in models if model.width == width]


@dataclass(frozen=True)
class Chosen:
    """What codes a stream.

    Args:
        model: The model, fitted to the stream, or None where there is none.
        payload: The code of the whole stream, where it was made to choose.
    """

    model: Model | None = None
    payload: bytes | None = None


def choose(symbols: Symbols, models: Sequence[Model], shape: AnyShape | None = None) -> Chosen:
    """Choose the candidate with the shortest code on a sample of the stream.

    Args:
        symbols: All symbols of the stream.
        models: The candidates.
        shape: How the symbols form samples or cells, where that is known.

    Returns:
        One of them.
    """
    lengths = _Lengths(symbols, shape)
    if len(models) > 1 and _CLASSES in MODELS and isinstance(models[-1], MODELS.get(_CLASSES)):
        best = _best(lengths, models[:-1])
        best = best and _with_classes(lengths, best, models[-1])
    else:
        best = _best(lengths, models)
    return Chosen(best, lengths.payload(best) if best else None)


class _Lengths:
    """Code lengths of samples of a stream, each found once.

    Args:
        symbols: All of the stream.
        shape: How they form samples or cells, where that is known.
    """

    def __init__(self, symbols: Symbols, shape: AnyShape | None) -> None:
        self.symbols = symbols
        self.shape = shape
        self._samples: dict[int, Symbols] = {}
        self._found: dict[tuple[int, int], int] = {}
        # The shortest code of all symbols so far, and whose it is.
        self._whole: tuple[Model, bytes] | None = None

    def sample(self, part: int = 1) -> Symbols:
        """Return a sample, that part of the usual one."""
        if part not in self._samples:
            length = _SLICE_SYMBOLS // part
            self._samples[part] = _shaped_sample(self.symbols, self.shape, length)
        return self._samples[part]

    def extrapolated(self, *found: tuple[list[int], int]) -> list[float]:
        """Return about what models make of all symbols, if they go on as from a sample to another.

        Args:
            found: What each makes of the shorter sample and of the longer one, with their parts.
        """
        (shorter, part), (longer, next_part) = found
        first, second = len(self.sample(part)), len(self.sample(next_part))
        more = (len(self.symbols) - second) / max(1, second - first)
        return [b + more * (b - a) for a, b in zip(shorter, longer, strict=True)]

    def of(self, fitted: Sequence[Model], some: Symbols) -> list[int]:
        """Return the bytes that each model makes of a sample, or of all symbols."""
        for model in fitted:
            # Samples of one stream that are as long are the same.
            if (id(model), len(some)) not in self._found:
                payload = model.encode(some)
                self._found[id(model), len(some)] = len(payload)
                is_whole = len(some) == len(self.symbols)
                if is_whole and (self._whole is None or len(payload) < len(self._whole[1])):
                    self._whole = model, payload
        return [self._found[id(model), len(some)] for model in fitted]

    def payload(self, model: Model) -> bytes | None:
        """Return the code of all symbols by a model, if it was found and is the shortest."""
        return self._whole[1] if self._whole and self._whole[0] is model else None


def _best(lengths: _Lengths, models: Sequence[Model]) -> Model | None:
    """Return the candidate with the shortest code, fitted; see `choose`."""
    symbols, is_cells = lengths.symbols, isinstance(lengths.shape, Cells)
    fitted = [model.fit(symbols) for model in models]
    noise = isinstance(symbols, bytes) and len(symbols) >= MIN_BYTES and is_noise(symbols)
    if len(fitted) < 2 and not noise:
        return fitted[0] if fitted else None
    if is_cells and not noise:
        return _of_cells(lengths, fitted)
    sample = lengths.sample()
    sizes = lengths.of(fitted, sample)
    if noise:
        plain = MODELS.get(_PLAIN)()
        least = min(len(sample), len(plain.encode(sample)))
        if min(sizes, default=least) * _WORTH[1] >= least * _WORTH[0]:
            return plain
    return fitted[sizes.index(min(sizes))]


def _of_cells(lengths: _Lengths, fitted: Sequence[Model]) -> Model:
    """Return the fitted candidate with the shortest code of the cells of a table."""
    count, most = len(lengths.symbols), len(lengths.sample())
    if count > most:
        early = lengths.of(fitted, lengths.sample(_EARLY_PART))
        if _is_sure(early):
            return fitted[0]
    if count < _LONG * most:
        sizes = lengths.of(fitted, lengths.symbols)
        return fitted[sizes.index(min(sizes))]
    earlier = lengths.of(fitted, lengths.sample(_EARLIER_PART))
    if _is_sure(lengths.extrapolated((earlier, _EARLIER_PART), (early, _EARLY_PART))):
        return fitted[0]
    sizes = lengths.of(fitted, lengths.sample())
    if sizes[0] > min(sizes):
        if _is_sure(lengths.extrapolated((early, _EARLY_PART), (sizes, 1))):
            return fitted[0]
        # Where columns gain on the others, but not surely enough, only all of them can tell.
        if sizes[0] * min(early[1:]) < early[0] * min(sizes[1:]):
            sizes = lengths.of(fitted, lengths.symbols)
    return fitted[sizes.index(min(sizes))]


def _is_sure(sizes: Sequence[float]) -> bool:
    """Return whether the first of several codes is so much shorter that no more is looked at."""
    return sizes[0] <= _EARLY_CELLS * min(sizes[1:])


def _with_classes(lengths: _Lengths, best: Model, classes: Model) -> Model:
    """Return the model of classes, fitted, if all symbols are shorter with it; else the other."""
    symbols = lengths.symbols
    if len(symbols) > (type(classes).block_bytes or len(symbols)):
        return best
    sample = lengths.sample()
    for some in (sample, symbols) if len(sample) < len(symbols) else (symbols,):
        fitted = classes.fit(some)
        # Where there is nothing to be fitted, it is the same.
        if fitted is classes or lengths.of([fitted], some)[0] >= lengths.of([best], some)[0]:
            return best
    return fitted


def prime(
    model: Model,
    symbols: Symbols,
    prior: Prior | Literal["auto"] | None,
    network: Network | Literal["auto"] | None = "auto",
) -> Model:
    """Return the model that starts from a prior, and uses a network, where that is wanted.

    Args:
        model: The model, fitted to the stream.
        symbols: All symbols of the stream.
        prior: The prior; "auto" for that of the package where samples are shorter with it, by a
            quicker model of the kind, or all of a short stream with what names the prior.
        network: The network; "auto" for that of the package where a sample is shorter with it.

    Returns:
        The model, or another.
    """
    if isinstance(network, Network):
        if prior is not None:
            model = model.primed(default() if prior == "auto" else prior)
        return model.networked(network) or model
    if prior is None or not model.can_be_primed():
        return model
    if prior != "auto":
        primed = model.primed(prior)
        return _networked(primed, symbols) if network == "auto" else primed
    primed = model.primed(default())
    if primed == model:
        return model
    size, plain = _compared(primed, model, symbols, _PRIOR_SLICES)
    if size >= plain:
        return model
    best = _networked(primed, symbols) if network == "auto" else primed
    sure = _gains_as_text(size, plain)
    if best is not primed or sure or _lasts(primed, model, symbols, size - plain):
        return best
    return model


def _gains_as_text(size: int, plain: int) -> bool:
    """Return whether a prior shortens a sample as much as it does all text."""
    return (plain - size) * _PLAIN_GAIN >= plain


def _compared(primed: Model, model: Model, symbols: Symbols, slices: int) -> tuple[int, int]:
    """Return the sizes of a sample with a prior, and with its name, and without."""
    sample = _sample(symbols, slices, _PRIOR_SLICE_SYMBOLS)
    whole = len(sample) == len(symbols)
    size, plain = (
        len((each if whole else each.quick()).encode(sample)) for each in (primed, model)
    )
    return size + sum(map(len, primed.digests())) + 1, plain


def _lasts(primed: Model, model: Model, symbols: Symbols, difference: int) -> bool:
    """Return whether what a prior saves of the first sample is still worth it in the end."""
    differences, length, plain, count = [difference], 0, 0, len(symbols)
    for slices in _LARGER_SLICES:
        if slices * _PRIOR_SLICE_SYMBOLS * _LARGER_PART <= count:
            size, plain = _compared(primed, model, symbols, slices)
            if _gains_as_text(size, plain):
                # The first sample was of little else than what is not text, such as blanks.
                return True
            differences.append(size - plain)
            length = slices * _PRIOR_SLICE_SYMBOLS
    if not length:
        return True
    saved = -_at_end(differences, length, count)
    return saved * _PRIOR_WORTH * length > plain * count


def _at_end(differences: Sequence[int], length: int, count: int) -> float:
    """Return what a difference of sizes will probably be at the end of a stream.

    Args:
        differences: What it is in samples, each twice as long as the one before: two or more.
        length: Symbols of the last one.
        count: Symbols of the stream.
    """
    steps = [after - before for before, after in itertools.pairwise(differences)]
    # What is lost with each symbol doubles with the length. What is gained turns to a loss as fast
    # as the last samples say.
    step, turn = steps[-1], max(0, steps[-1] - steps[0])
    end = float(differences[-1])
    while length < count:
        step += max(step, turn)
        end += step * min(1, (count - length) / length)
        length *= 2
    return end


def _networked(model: Model, symbols: Symbols) -> Model:
    """Return the model with a network, where a sample is shorter with it."""
    sample = _sample(symbols, _NETWORK_SLICES, _NETWORK_SLICE_SYMBOLS)
    other = model.networked()
    if other is None:
        return model
    named = sum(map(len, other.digests())) - sum(map(len, model.digests()))
    more = named if len(sample) == len(symbols) else 0
    size, plain = len(other.encode(sample)) + more, len(model.encode(sample))
    pays = size * _NETWORK_WORTH[1] < plain * _NETWORK_WORTH[0]
    return other if pays else model


def shortest(
    transform: Transform, raw: bytes, level: int, start: int = 0
) -> tuple[Transform, bool | None]:
    """Return the variant of a transform with the shortest code of a sample of a block.

    The models are those of a fast level: what they gain, the others gain too, or a part of it.

    Args:
        transform: What the content was found to suit.
        raw: The block.
        level: 1 to 9.
        start: Offset of the block in the content.

    Returns:
        The variant, and whether it makes the code as much shorter as the level demands; None
        where that is best seen by the code of all of a short block.
    """
    least = transform.least_gain(level)
    if least is None:
        return transform, True
    pick = _sample_lines if transform.by_lines else _sample
    gauge = transform.gauge_level(level)
    sample = bytes(pick(raw, _TRANSFORM_SLICES // _EARLY_PART, _TRANSFORM_SLICE_BYTES))
    is_short = len(raw) < transform.compared_below
    if is_short and len(sample) == len(raw):
        return transform, None
    plain = _code_length(Stream("", sample), gauge)
    found, sizes = _variant(transform, sample, gauge, start)
    if len(sample) < len(raw):
        early = _EARLY_LINES if transform.by_lines else _EARLY_TRANSFORM
        if _is_within(early, sizes, plain):
            return found, True
        others = _split_lengths(found, sample, gauge, start, _OTHERS)
        if _is_within(early, map(min, sizes, others), plain):
            return found, True
        if is_short:
            return found, None
        sample = bytes(pick(raw, _TRANSFORM_SLICES, _TRANSFORM_SLICE_BYTES))
        plain = _code_length(Stream("", sample), gauge)
        found, sizes = _variant(transform, sample, gauge, start)
    if sum(sizes) * 1000 >= plain * (1000 - least):
        # The best guess among the models is enough to see that a transform pays; to see that it
        # does not takes all of them.
        others = _split_lengths(found, sample, gauge, start, _OTHERS)
        sizes = list(map(min, sizes, others))
    return found, sum(sizes) * 1000 < plain * (1000 - least)


def _is_within(part: tuple[int, int], sizes: Iterable[int], plain: int) -> bool:
    """Return whether streams are at most that part of the plain code."""
    return sum(sizes) * part[1] <= plain * part[0]


def _variant(
    transform: Transform, sample: bytes, gauge: int, start: int
) -> tuple[Transform, list[int]]:
    """Return the variant of a transform with the shortest code of a sample, stream by stream."""
    sizes = _split_lengths(transform, sample, gauge, start)
    tried = iter(transform.variants())
    while (variant := next(tried, None)) is not None:
        others = _split_lengths(variant, sample, gauge, start)
        if sum(others) < sum(sizes):
            transform, sizes, tried = variant, others, iter(variant.variants())
    return transform, sizes


def _split_lengths(
    transform: Transform, sample: bytes, level: int, start: int, guesses: slice = _GUESS
) -> list[int]:
    """Return the length of the code of each stream of a sample, by some of the models."""
    streams = transform.fit(sample, start).forward(sample)
    return [_code_length(stream, level, guesses) for stream in streams]


def _code_length(stream: Stream, level: int, guesses: slice = _GUESS) -> int:
    symbols = stream.symbols
    width = symbol_width(symbols)
    models = candidates(level, stream.hint, width, stream.shape)[guesses] if len(symbols) else []
    coded = [len(model.fit(symbols).encode(symbols)) for model in models]
    return min([len(symbols) * width, *coded])


def _shaped_sample(
    symbols: Symbols, shape: AnyShape | None, length: int = _SLICE_SYMBOLS
) -> Symbols:
    """Join slices of so many symbols, of samples, or of rows of a table, that are whole."""
    if not isinstance(shape, Cells) or not isinstance(symbols, bytes):
        unit = shape.sample if isinstance(shape, Shape) else 1
        return _sample(symbols, length=length, unit=unit)
    if len(symbols) <= _SAMPLE_SLICES * length:
        return symbols
    rows = symbols.count(shape.terminator) // shape.columns
    length = max(1, rows * length // len(symbols))
    starts = [(rows - length) * number // (_SAMPLE_SLICES - 1) for number in range(_SAMPLE_SLICES)]
    # Each once, where there are few rows.
    spans = [(at, at + length) for at in sorted(set(starts))]
    return _core.table_select_rows(symbols, shape.terminator, shape.columns, spans)


def _sample_lines(raw: bytes, slices: int, length: int) -> bytes:
    """Do as `_sample` does, but widen slices so that they are whole lines."""
    if len(raw) <= slices * length:
        return raw
    step = (len(raw) - length) // (slices - 1)
    parts, end = [], 0
    for start in range(0, step * slices, step):
        begin = max(end, raw.find(b"\n", start - 1) + 1 if start else 0)
        end = max(begin, raw.find(b"\n", begin + length) + 1 or len(raw))
        parts.append(raw[begin:end])
    return b"".join(parts)


def _sample(
    symbols: Symbols,
    slices: int = _SAMPLE_SLICES,
    length: int = _SLICE_SYMBOLS,
    unit: int = 1,
) -> Symbols:
    """Join evenly spaced slices, or return everything where that is not longer.

    Slices begin and end between units, unless these are longer than a slice.
    """
    count = len(symbols)
    if count <= slices * length:
        return symbols
    if unit > length:
        unit = 1
    length -= length % unit
    step = (count - length) // (slices - 1)
    spans = [slice(at, at + length) for at in (at * step // unit * unit for at in range(slices))]
    if isinstance(symbols, bytes):
        return b"".join(symbols[span] for span in spans)
    import numpy as np

    return np.concatenate([symbols[span] for span in spans])
