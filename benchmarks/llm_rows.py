"""Sizes with a language model beside those of others, and what its bits should add up to.

The rows are those of the other reports. Where a language model is in use, the bytes of its weights
are in the column of what a decoder needs, and the version names it by the start of its digest.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import lmcodec
from benchmarks.gains import Note, Setting
from benchmarks.results import Store
from lmcodec import corpora, network, prior
from lmcodec.bench import Measurement, available, run_codec
from lmcodec.corpora import Corpus
from lmcodec.errors import LmcodecError
from lmcodec.lm import files, segments
from lmcodec.models.llm import Llm
from lmcodec.peers import select

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "ALONE",
    "BY_FLOAT64",
    "CODED",
    "CODED_INT8",
    "IDENTITY",
    "LEVELS",
    "MIXED",
    "PEERS",
    "REFERENCE",
    "Piece",
    "cross_entropy_bits",
    "measure_identity",
    "measure_sizes",
    "pieces",
    "version",
]

REFERENCE, IDENTITY = "reference", "identity"
"""Kinds of rows: files that were named, and tokens of one of them, coded alone."""

PEERS = ("xz -9e", "zstd -19")
LEVELS = (Setting(9, network="none"), Setting(9))
"""`cm` with the prior alone, and as it is."""

ALONE, MIXED = "llm alone", "llm mixed"
BY_FLOAT64, CODED, CODED_INT8 = "float64 cross-entropy", "llm tokens", "llm tokens --int8"
# Positions of one pass in float64: attention takes the square of it.
_LONGEST = 1024


@dataclass(frozen=True)
class Piece:
    """Some bytes to code, with what they are called and of which kind they are."""

    name: str
    kind: str
    data: bytes


def pieces(
    chosen: Sequence[Corpus], references: Sequence[Path], head_bytes: int, note: Note
) -> list[Piece]:
    """Return the beginnings of files and of corpora; those that are not here are left out.

    Args:
        chosen: The corpora.
        references: Files.
        head_bytes: Bytes of each at most.
        note: Called with a line for each corpus that is not here.

    Raises:
        OSError: A file cannot be read.
    """
    found = []
    for path in references:
        with path.open("rb") as file:
            found.append(Piece(path.name, REFERENCE, file.read(head_bytes)))
    for corpus in chosen:
        try:
            data = corpora.load(corpus.name)[:head_bytes]
        except LmcodecError as error:
            note(f"{corpus.name}: skipped: {error}")
        else:
            found.append(Piece(corpus.name, corpus.kind, data))
    return found


def version(model: Llm, *, mixed: bool = False) -> str:
    """Return the version of rows: other weights, or used otherwise, are another one."""
    weights = model.language_model()
    names = [lmcodec.__version__, f"{weights.name} {weights.digests[0].hex()[:12]}"]
    names.append(f"window {model.window} chunk {model.chunk}")
    if mixed:
        parts = (prior.default(), network.default())
        names += [f"{part.name} {part.digest.hex()[:12]}" for part in parts]
    return " ".join(names)


def measure_sizes(wanted: Iterable[Piece], model: Llm, store: Store, note: Note) -> None:
    """Code pieces in all ways, and add the rows that are not there yet.

    Args:
        wanted: The pieces.
        model: The language model, and how it is used.
        store: Takes the rows.
        note: Called with a line for each row.
    """
    peers = available(select(PEERS, []), note)
    for piece in wanted:
        size = len(piece.data)

        def missing(label: str, of: str, piece: Piece = piece, size: int = size) -> bool:
            if store.has(piece.name, size, label, of):
                return False
            note(f"{piece.name}: {label}")
            return True

        for codec, of in peers.items():
            if missing(codec.label, of):
                with tempfile.TemporaryDirectory(prefix="lmcodec-bench-") as folder:
                    raw = Path(folder, "raw")
                    raw.write_bytes(piece.data)
                    store.add(run_codec(codec, of, raw, corpus=piece.name, kind=piece.kind))
        for setting in LEVELS:
            if missing(setting.codec.label, setting.version):
                store.add(_by_level(piece, setting))
        for label, mixed in ((ALONE, False), (MIXED, True)):
            if missing(label, version(model, mixed=mixed)):
                store.add(_by_llm(piece, replace(model, mixed=int(mixed))))


def _by_level(piece: Piece, setting: Setting) -> Measurement:
    codec = setting.codec
    row = _blank(piece, codec.id, codec.options, setting.version)
    coded = codec.both()[0](piece.data)
    return _checked(replace(row, prior_bytes=codec.prior_bytes), piece, coded)


def _by_llm(piece: Piece, model: Llm) -> Measurement:
    mixed = bool(model.mixed)
    weights = model.language_model().file_bytes
    beside = len(bytes(prior.default())) + len(bytes(network.default())) if mixed else 0
    codec, _, options = (MIXED if mixed else ALONE).partition(" ")
    row = _blank(piece, codec, options, version(model, mixed=mixed))
    coded = lmcodec.compress(piece.data, model=model)
    return _checked(replace(row, prior_bytes=weights + beside), piece, coded)


def _blank(piece: Piece, codec: str, options: str, of: str) -> Measurement:
    return Measurement(piece.name, piece.kind, len(piece.data), codec, options, of)


def _checked(row: Measurement, piece: Piece, coded: bytes) -> Measurement:
    try:
        decoded = lmcodec.decompress(coded, threads=1, max_output_size=None)
    except LmcodecError as error:
        return replace(row, status=str(error))
    if decoded != piece.data:
        return replace(row, status="decoded bytes differ")
    about = lmcodec.info(coded)
    return replace(
        row,
        coded_bytes=len(coded),
        declared_bytes=about.memory_bytes,
        models=" ".join(about.models),
    )


def measure_identity(piece: Piece, model: Llm, store: Store, note: Note) -> None:
    """Add what the tokens of a text take: by a pass in float64, coded, and coded with `int8`.

    Each chunk is as long as the language model looks back, so that one plain pass sees it whole.
    Where rows are there already, nothing is done.

    Args:
        piece: The text.
        model: The language model.
        store: Takes the rows.
        note: Called with a line for each row.
    """
    weights = model.language_model()
    tokens = segments.split(piece.data, weights.tokenizer).tokens
    text = weights.tokenizer.vocabulary.join(tokens)
    piece = Piece(piece.name, IDENTITY, text)
    longest = min(weights.context, _LONGEST)
    of = version(model)
    for label in (BY_FLOAT64, CODED, CODED_INT8):
        if store.has(piece.name, len(text), label, of):
            continue
        note(f"{piece.name}: {label}, {len(tokens)} tokens")
        codec, _, options = label.partition(" ")
        if label == BY_FLOAT64:
            size = math.ceil(cross_entropy_bits(weights.path, tokens, longest, model.begin) / 8)
        else:
            used = replace(model, window=longest, chunk=longest, int8=label == CODED_INT8, mixed=0)
            coded = used.encode_tokens(tokens)
            size = len(coded)
            back = used.decode_tokens(coded, len(tokens), len(text))
            if back.tolist() != tokens.tolist():
                store.add(replace(_blank(piece, codec, options, of), status="tokens differ"))
                continue
        store.add(replace(_blank(piece, codec, options, of), coded_bytes=size))


def cross_entropy_bits(path: Path, tokens: NDArray[np.uint32], chunk: int, begin: int) -> float:
    """Return the bits of tokens, by a plain pass in float64 over each chunk.

    Args:
        path: The language model.
        tokens: The tokens.
        chunk: Tokens after which the model begins anew.
        begin: The token before the first one of a chunk, or -1 for none.

    Shapes:
        tokens: uint32 [n]
    """
    import numpy as np

    from tests.reference import llm as reference

    checkpoint = files.read(path)
    known = checkpoint.architecture
    weights = {name: reference.values(tensor) for name, tensor in checkpoint.tensors()}
    bits = 0.0
    for start in range(0, len(tokens), chunk):
        part = tokens[start : start + chunk]
        if begin < 0:
            # Nothing is known of the first.
            bits += math.log2(known.vocabulary)
            fed, told = part[:-1], part[1:]
        else:
            fed, told = np.append(begin, part[:-1]), part
        if not len(told):
            continue
        rows = reference.logits(known, weights, fed)
        rows -= rows.max(-1, keepdims=True)
        own = rows[np.arange(len(told)), told]
        bits += float((np.log(np.exp(rows).sum(-1)) - own).sum()) / math.log(2)
    return bits
