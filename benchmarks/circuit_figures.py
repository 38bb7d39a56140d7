"""What is no size of a file: edges visited, entropies, what one sample costs to reach.

A figure is one number, with what it is of: a line of ``figures.csv``, beside the rows of sizes.
"""

from __future__ import annotations

import csv
import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import lmcodec
from benchmarks.circuit_walks import WAYS, Hidden, balanced, passes_visits
from lmcodec import _core
from lmcodec.circuit import Circuit, file
from lmcodec.fitted import FittedCircuit
from lmcodec.models.circuit import CircuitModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "ACCESS",
    "ENTROPY",
    "ESTIMATED",
    "EXACT",
    "GROUPS",
    "SCALING",
    "SIDES",
    "Figure",
    "Figures",
    "measure_access",
    "measure_entropy",
    "measure_scaling",
]

Note = Callable[[str], None]

SCALING, ENTROPY, ACCESS = "scaling", "entropy", "access"
"""Parts of the report."""

SIDES = (64, 256, 1024, 4096)
"""Variables of the random circuits."""

EXACT, ESTIMATED = "random, 8 variables", "random, 256 variables"
"""Circuits whose entropy is known: exactly, and closely."""

GROUPS = (1, 16, 128)
"""Samples that are decoded together."""

_STATES, _CATEGORIES, _SEED = 8, 4, 7
# Of the naive way: beyond, it takes minutes.
_PASSES_MOST = 256
_TIMED, _TIMED_BY_CORE, _TIMES = 16, 256, 3
# Variables of a circuit whose samples can be listed, of a larger one, and values that are drawn.
_SMALL, _LARGER, _DRAWN = 8, 256, 1 << 21
# Of a fitted circuit: samples that are coded, and how many times as many tell its entropy.
_CODED, _ESTIMATED_TIMES = 4096, 3
_READ = 64


@dataclass(frozen=True)
class Figure:
    """A number.

    Args:
        part: Of the report.
        subject: Of which circuit.
        way: What was done with it.
        quantity: What the number is, with its unit.
        value: The number.
        version: Of what was measured: with another one, it is measured anew.
    """

    part: str
    subject: str
    way: str
    quantity: str
    value: float
    version: str


class Figures:
    """The figures of a folder, written after each that is added.

    Args:
        folder: Takes ``figures.csv``.
        resume: Keep those of an earlier run.
    """

    def __init__(self, folder: Path, *, resume: bool) -> None:
        self._table = folder / "figures.csv"
        self.all: list[Figure] = Figures.read(folder) if resume else []

    @staticmethod
    def read(folder: Path) -> list[Figure]:
        """Return the figures of a folder, none where it has none."""
        table = folder / "figures.csv"
        if not table.exists():
            return []
        with table.open(newline="", encoding="utf-8") as lines:
            return [
                Figure(part, subject, way, quantity, float(value), version)
                for part, subject, way, quantity, value, version in list(csv.reader(lines))[1:]
            ]

    def has(self, part: str, subject: str, version: str) -> bool:
        """Tell whether a part was measured of a circuit."""
        return any((f.part, f.subject, f.version) == (part, subject, version) for f in self.all)

    def put(self, part: str, subject: str, new: Iterable[Figure]) -> None:
        """Add figures in the place of those of the same part and circuit, and write all."""
        kept = [one for one in self.all if (one.part, one.subject) != (part, subject)]
        self.all = [*kept, *new]
        passing = self._table.with_name(self._table.name + ".part")
        with passing.open("w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow([field.name for field in fields(Figure)])
            for one in self.all:
                *names, value, version = astuple(one)
                writer.writerow([*names, f"{value:.10g}", version])
        passing.replace(self._table)


def _least_s(work: Callable[[], object], times: int) -> float:
    found = math.inf
    for _ in range(times):
        start_s = time.process_time()
        work()
        found = min(found, time.process_time() - start_s)
    return found


def measure_scaling(store: Figures, note: Note, sides: Sequence[int] = SIDES) -> None:
    """Add the edges that a sample visits, and CPU time, in random balanced circuits of some sizes.

    Args:
        store: Takes the figures.
        note: Called with a line for each circuit.
        sides: Variables of each.
    """
    version = f"{lmcodec.__version__} seed {_SEED}"
    for side in sides:
        subject = str(side)
        if store.has(SCALING, subject, version):
            continue
        note(f"scaling: {side} variables")
        store.put(SCALING, subject, _scaling(side, version))


def _scaling(side: int, version: str) -> list[Figure]:
    data = file.write(file.quantize(balanced(side, _STATES, _CATEGORIES, _SEED), {}))
    core, hidden = _core.Circuit(data, by_number=False), Hidden.of(data)
    drawn = np.random.default_rng(_SEED).integers(0, _CATEGORIES, (_TIMED_BY_CORE, side))
    samples = drawn.astype(np.uint8)
    # What the coder multiplies, and what it takes of tables once a value is known.
    visits = {"walk": core.products + _STATES * side, "passes": passes_visits(hidden)}
    raw = samples.tobytes()
    taken_s = {"walk": _least_s(lambda: core.code_lengths(raw), _TIMES) / _TIMED_BY_CORE}
    samples = samples[:_TIMED]
    expected = core.code_lengths(samples.tobytes())
    for name in ("paths", "passes"):
        if name == "passes" and side > _PASSES_MOST:
            continue
        start_s = time.process_time()
        found = WAYS[name](hidden, samples)
        taken_s[name] = (time.process_time() - start_s) / _TIMED
        visits[name] = found.visits
        # All ways must find the same, or nothing of what they take has a meaning.
        if not np.allclose(found.bits.sum(axis=1), expected, rtol=1e-6):
            raise ArithmeticError(f"{name} differ from the coder at {side} variables")
    subject = str(side)
    new = [Figure(SCALING, subject, "", "edges", core.edges, version)]
    new += [Figure(SCALING, subject, way, "visits", n, version) for way, n in visits.items()]
    new += [Figure(SCALING, subject, way, "s", s, version) for way, s in taken_s.items()]
    return new


def measure_entropy(store: Figures, note: Note, circuits: dict[str, FittedCircuit]) -> None:
    """Add what samples that are drawn from circuits take, beside the entropy of these.

    Of a small random circuit the entropy is the sum over all samples that there are. Of others it
    is the mean over more samples than are coded.

    Args:
        store: Takes the figures.
        note: Called with a line for each circuit.
        circuits: Those that were fitted, by name.
    """
    every = {EXACT: _random(_SMALL), ESTIMATED: _random(_LARGER), **circuits}
    for name, fitted in every.items():
        version = f"{lmcodec.__version__} {fitted.digest.hex()[:12]}"
        if store.has(ENTROPY, name, version):
            continue
        note(f"entropy: {name}")
        circuit = Circuit.from_bytes(bytes(fitted))
        coded = _CODED if name in circuits else _DRAWN // fitted.variables
        if name == EXACT:
            grid = np.indices([_CATEGORIES] * _SMALL).reshape(_SMALL, -1).T.astype(np.uint8)
            bits = fitted.core.code_lengths(grid.tobytes())
            entropy, error = float(np.exp2(-bits) @ bits), 0.0
        else:
            bits = np.concatenate(
                [
                    fitted.core.code_lengths(circuit.sample(coded, seed).tobytes())
                    for seed in range(1, 1 + _ESTIMATED_TIMES)
                ]
            )
            entropy = float(bits.mean())
            error = float(bits.std()) / math.sqrt(len(bits))
        drawn = circuit.sample(coded, _SEED).tobytes()
        size = len(CircuitModel(circuit=fitted, group=1 << 16).encode(drawn))
        values = {
            "samples": coded,
            "bits of entropy": entropy,
            "bits of its error": error,
            "bits coded": 8 * size / coded,
        }
        store.put(ENTROPY, name, [Figure(ENTROPY, name, "", *v, version) for v in values.items()])


def _random(variables: int) -> FittedCircuit:
    weights = balanced(variables, _STATES, _CATEGORIES, _SEED)
    return FittedCircuit(file.write(file.quantize(weights, {"shape": str(variables)})))


def measure_access(
    store: Figures,
    note: Note,
    name: str,
    fitted: FittedCircuit,
    samples: NDArray[np.uint8],
) -> None:
    """Add what it takes to decode one sample among others, for groups of several sizes.

    Args:
        store: Takes the figures.
        note: Called with a line.
        name: Of the circuit.
        fitted: The circuit.
        samples: uint8 [samples, variables].
    """
    version = f"{lmcodec.__version__} {fitted.digest.hex()[:12]} {len(samples)}"
    if store.has(ACCESS, name, version):
        return
    note(f"access: {name}")
    # Those with values that the circuit does not know are coded apart.
    samples = samples[(samples < np.array(fitted.core.categories)).all(axis=1)]
    raw = samples.tobytes()
    chosen = np.random.default_rng(_SEED).integers(0, len(samples), _READ)
    new = []
    for group in GROUPS:
        model = CircuitModel(group, circuit=fitted)
        payload = model.encode(raw)
        taken_s = []
        for index in map(int, chosen):
            start_s = time.perf_counter()
            found = model.decode_samples(payload, len(raw), index, index + 1)
            taken_s.append(time.perf_counter() - start_s)
            if found != samples[index].tobytes():
                raise ArithmeticError(f"sample {index} differs, in groups of {group}")
        start_s = time.perf_counter()
        model.decode(payload, len(raw))
        all_s = time.perf_counter() - start_s
        index_bytes, sizes = _index(payload, -(-len(samples) // group))
        values = {
            "bytes": len(payload),
            "bytes of index": index_bytes,
            "bytes of a group": statistics.fmean(sizes),
            "s": statistics.median(taken_s),
            "s of all": all_s,
            "samples": len(samples),
        }
        new += [Figure(ACCESS, name, str(group), *pair, version) for pair in values.items()]
    store.put(ACCESS, name, new)


def _index(payload: bytes, groups: int) -> tuple[int, list[int]]:
    """Return the bytes before the groups of a payload, and of each, where all samples are known."""
    at = 0

    def number() -> int:
        nonlocal at
        value, shift = 0, 0
        while True:
            byte = payload[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    if number() != 0:
        raise ValueError("samples are outside of the alphabet of the circuit")
    strange_bytes = number()
    at += strange_bytes
    sizes = [number() for _ in range(groups)]
    if at + sum(sizes) != len(payload):
        raise ValueError("payload has another number of groups")
    return at, sizes
