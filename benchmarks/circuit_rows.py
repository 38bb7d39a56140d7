"""Sizes of an array of samples by circuits and by others, and speeds of circuits.

The rows are those of the other reports. `raw_bytes` counts the values of the array; what is coded
is its file, header and all. Where a circuit is in use, its bytes are in the column of what a
decoder needs, and the version names it by the start of its digest.
"""

from __future__ import annotations

import io
import lzma
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import lmcodec
from benchmarks.circuit_images import FORMATS, coded_bytes
from benchmarks.gains import Note, Setting
from benchmarks.results import Store
from lmcodec import corpora, network, prior
from lmcodec.bench import Measurement, available, run_codec
from lmcodec.circuit import file
from lmcodec.errors import FormatError, LmcodecError
from lmcodec.fitted import FittedCircuit
from lmcodec.info import Info
from lmcodec.models.circuit import CircuitModel
from lmcodec.network import Network
from lmcodec.peers import select
from lmcodec.prior import Prior
from lmcodec.transforms.array import Array

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "CODED",
    "IDEAL",
    "LEVEL",
    "PEERS",
    "SIZE",
    "SPEED",
    "THREADS",
    "Reference",
    "about",
    "kept",
    "load",
    "measure_images",
    "measure_sizes",
    "measure_speeds",
    "unpacked",
    "version",
]

SIZE, SPEED = "size", "speed"
"""Kinds of rows."""

CODED, IDEAL = "circuit", "ideal"
"""Codecs of rows: whole streams, and what the probabilities of a circuit add up to."""

PEERS = ("xz -9e", "kanzi -l 9", "zpaq -m5")
LEVEL = Setting(9)
"""`cm`, with whatever contexts it has for arrays."""

THREADS = (1, 2)
_RUNS = 3
_CORPUS = "t10k-images-idx3-ubyte"


@dataclass(frozen=True)
class Reference:
    """An array in a file.

    Args:
        name: Of the file.
        data: Its bytes.
        samples: uint8 [samples, ...].
    """

    name: str
    data: bytes
    samples: NDArray[np.uint8]

    @property
    def flat(self) -> NDArray[np.uint8]:
        """[samples, variables]."""
        return self.samples.reshape(len(self.samples), -1)

    @property
    def pictures(self) -> NDArray[np.uint8] | None:
        """[samples, rows, columns] or [samples, rows, columns, 3]; None where they are none."""
        if self.samples.ndim == 3 or (self.samples.ndim == 4 and self.samples.shape[3] == 3):
            return self.samples
        return None


def load(path: Path | None, head: int | None = None) -> Reference:
    """Return an array of a file, or the MNIST test images.

    Args:
        path: A file with an array: IDX, NumPy, PGM or PPM; plain or .xz.
        head: Samples at most, which become a file of NumPy.

    Raises:
        LmcodecError: The images are not on this machine; the file has no array of bytes.
        OSError: It cannot be read.
    """
    data = corpora.load(_CORPUS) if path is None else unpacked(path)
    name = _CORPUS if path is None else path.name
    array = Array.probe(data)
    if array is None or array.size < array.shape.sample:
        raise FormatError(f"{name}: not an array of bytes")
    shape = array.shape
    count = array.size // shape.sample
    lengths = (shape.planes, shape.rows, shape.columns, shape.channels)
    axes = tuple(length for length in lengths if length > 1) or (1,)
    values = np.frombuffer(data, np.uint8, count * shape.sample, array.offset)
    samples = values.reshape(count, *axes)
    if head is not None and head < count:
        samples = samples[:head]
        out = io.BytesIO()
        np.save(out, samples)
        data = out.getvalue()
    return Reference(name, data, samples)


def unpacked(path: Path) -> bytes:
    """Return the bytes of a file, plain or .xz.

    Raises:
        OSError: It cannot be read.
    """
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def version(fitted: FittedCircuit) -> str:
    """Return the version of rows: another circuit of the same name is another one."""
    return f"{lmcodec.__version__} {fitted.digest.hex()[:12]}"


def about(fitted: FittedCircuit) -> str:
    """Return what a circuit is like, in a few words: states, edges, and whether it was pruned."""
    stored = file.read(bytes(fitted))
    full = stored.places + int(stored.tree.emission_counts.sum())
    words = f"{int(stored.tree.states.max())} states, {fitted.core.edges} edges"
    return words if fitted.core.edges == full else f"{words} of {full}"


def kept(rows: Sequence[Measurement], circuits: Mapping[str, FittedCircuit]) -> list[Measurement]:
    """Return the rows that still hold: not those of circuits that were fitted anew since."""
    return [
        row
        for row in rows
        if row.codec not in (CODED, IDEAL)
        or (name := row.options.partition(" -T")[0]) not in circuits
        or row.version == version(circuits[name])
    ]


def _blank(reference: Reference, kind: str, codec: str, options: str, of: str) -> Measurement:
    return Measurement(reference.name, kind, reference.samples.size, codec, options, of)


def measure_sizes(
    reference: Reference,
    circuits: Mapping[str, FittedCircuit],
    priors: Sequence[Path],
    store: Store,
    note: Note,
) -> None:
    """Code an array in all ways, and add the rows that are not there yet.

    Args:
        reference: The array.
        circuits: By their names.
        priors: Files of priors for level 9, fitted to arrays of the kind.
        store: Takes the rows.
        note: Called with a line for each row.
    """
    for name, fitted in circuits.items():
        of = version(fitted)
        for way, work in ((IDEAL, _ideal), (CODED, _by_circuit)):
            if _is_missing(reference, f"{way} {name}", of, store, note):
                store.add(work(reference, _blank(reference, SIZE, way, name, of), fitted))
    known_priors = [Prior.load(path) for path in priors]
    _measure_mixed(reference, circuits, known_priors, store, note)
    for own in (None, *known_priors):
        of = LEVEL.version if own is None else f"{lmcodec.__version__} {own.digest.hex()[:12]}"
        options = "-9" if own is None else f"-9 --prior {own.name}"
        if _is_missing(reference, f"lmcodec {options}", of, store, note):
            row = _blank(reference, SIZE, "lmcodec", options, of)
            coded = lmcodec.compress(reference.data, level=9, prior=own or "auto")
            # Most of what ships is for text, so that it may not be in use.
            known = _known_bytes(lmcodec.info(coded), own)
            store.add(_checked(replace(row, prior_bytes=known), reference, coded))
    for codec, of in available(select(PEERS, []), note).items():
        if _is_missing(reference, codec.label, of, store, note):
            with tempfile.TemporaryDirectory(prefix="lmcodec-bench-") as folder:
                raw = Path(folder, "raw")
                raw.write_bytes(reference.data)
                row = run_codec(codec, of, raw, corpus=reference.name, kind=SIZE)
                store.add(replace(row, raw_bytes=reference.samples.size))


def _measure_mixed(
    reference: Reference,
    circuits: Mapping[str, FittedCircuit],
    priors: Sequence[Prior],
    store: Store,
    note: Note,
) -> None:
    """Code with contexts beside each circuit, which start from a prior."""
    for name, fitted in circuits.items():
        for own in priors:
            of = f"{version(fitted)} {own.digest.hex()[:12]}"
            words = f"{name} --mixed --prior {own.name}"
            if _is_missing(reference, f"{CODED} {words}", of, store, note):
                row = _blank(reference, SIZE, CODED, words, of)
                store.add(_by_circuit(reference, row, fitted, own))


def _is_missing(reference: Reference, label: str, of: str, store: Store, note: Note) -> bool:
    if store.has(reference.name, reference.samples.size, label, of):
        return False
    note(f"{reference.name}: {label}")
    return True


def _ideal(reference: Reference, row: Measurement, fitted: FittedCircuit) -> Measurement:
    flat = reference.flat
    if (flat >= np.array(fitted.core.categories)).any():
        return replace(row, status="values outside of the alphabet")
    bits = float(fitted.core.code_lengths(flat.tobytes()).sum())
    return replace(row, coded_bytes=math.ceil(bits / 8))


def _by_circuit(
    reference: Reference, row: Measurement, fitted: FittedCircuit, own: Prior | None = None
) -> Measurement:
    """Code by a circuit, with contexts beside it where there is a prior for them."""
    known = fitted.file_bytes + (own.file_bytes if own is not None else 0)
    row = replace(row, prior_bytes=known, models=about(fitted))
    model = CircuitModel(circuit=fitted, mixed=own is not None)
    coded = lmcodec.compress(reference.data, model=model, prior=own or "none")
    return _checked(row, reference, coded)


def _known_bytes(about: Info, own: Prior | None) -> int:
    """Return the bytes of priors and networks that a stream needs."""
    there: list[Prior | Network] = [own or prior.default(), network.default()]
    needed = {need.digest for need in (*about.priors, *about.networks)}
    return sum(len(bytes(one)) for one in there if one.digest in needed)


def _checked(row: Measurement, reference: Reference, coded: bytes) -> Measurement:
    try:
        decoded = lmcodec.decompress(coded, threads=1, max_output_size=None)
    except LmcodecError as error:
        return replace(row, status=str(error))
    if decoded != reference.data:
        return replace(row, status="decoded bytes differ")
    models = row.models or " ".join(lmcodec.info(coded).models)
    return replace(row, coded_bytes=len(coded), models=models)


def measure_images(reference: Reference, store: Store, note: Note) -> None:
    """Code pictures in formats of images, and add the rows that are not there yet.

    Args:
        reference: The array; one of other samples has no such rows.
        store: Takes the rows.
        note: Called with a line for each row.
    """
    pictures = reference.pictures
    if pictures is None:
        note(f"{reference.name}: not pictures, so no formats of images")
        return
    for form in FORMATS:
        of = form.version()
        if of is None:
            note(f"{form.name}: not installed here, skipped")
            continue
        for way in form.ways:
            row = _blank(reference, SIZE, form.name, way, of)
            if store.has(row.corpus, row.raw_bytes, row.label, of):
                continue
            note(f"{reference.name}: {row.label}")
            try:
                row = replace(row, coded_bytes=coded_bytes(form, way, pictures))
            except (OSError, ValueError) as error:
                row = replace(row, status=str(error))
            store.add(row)


def measure_speeds(
    reference: Reference,
    circuits: Mapping[str, FittedCircuit],
    store: Store,
    note: Note,
) -> None:
    """Code and decode an array by each circuit, on one thread and on two, in turn.

    Args:
        reference: The array.
        circuits: By their names.
        store: Takes the rows.
        note: Called with a line for each circuit.
    """
    for name, fitted in circuits.items():
        of = version(fitted)
        labels = {threads: f"{CODED} {name} -T{threads}" for threads in THREADS}
        if all(store.has(reference.name, reference.samples.size, labels[n], of) for n in THREADS):
            continue
        note(f"{reference.name}: speed of {CODED} {name}")
        best: dict[int, Measurement] = {}
        for _ in range(_RUNS):
            for threads in THREADS:
                row = _timed(reference, name, fitted, threads)
                best[threads] = _least(best.get(threads, row), row)
        store.add(*best.values())


def _timed(reference: Reference, name: str, fitted: FittedCircuit, threads: int) -> Measurement:
    model = CircuitModel(circuit=fitted)
    wall_s, cpu_s = [time.perf_counter()], [time.process_time()]
    coded = lmcodec.compress(reference.data, model=model, threads=threads)
    wall_s.append(time.perf_counter())
    cpu_s.append(time.process_time())
    decoded = lmcodec.decompress(coded, threads=threads, max_output_size=None)
    wall_s.append(time.perf_counter())
    cpu_s.append(time.process_time())
    row = _blank(reference, SPEED, CODED, f"{name} -T{threads}", version(fitted))
    return replace(
        row,
        status="ok" if decoded == reference.data else "decoded bytes differ",
        models=f"{len(reference.samples)} samples, {about(fitted)}",
        compress_wall_s=wall_s[1] - wall_s[0],
        decompress_wall_s=wall_s[2] - wall_s[1],
        compress_cpu_s=cpu_s[1] - cpu_s[0],
        decompress_cpu_s=cpu_s[2] - cpu_s[1],
        repeats=_RUNS,
    )


def _least(one: Measurement, other: Measurement) -> Measurement:
    """Return the least times of two rows; a failure stays one."""
    names = ("compress_wall_s", "decompress_wall_s", "compress_cpu_s", "decompress_cpu_s")
    times = {name: min(getattr(one, name), getattr(other, name)) for name in names}
    return replace(one if not one.ok else other, **times)
