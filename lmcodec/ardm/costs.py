"""What positions take when so many before them are known, as it was measured.

C[s, j] are the bits of the j-th position of an order when the first s are known. They are measured
at some places s, and for s = j; between these, each lies on a line. So the bits of a call that
serves the positions from the s-th to before the t-th take four numbers: with p the place before s,
and A and B what C[p, j] and its slopes there add up to,

    w(s, t) = A[t] - A[s] + (s - p) * (B[t] - B[s])
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lmcodec.errors import FormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from lmcodec.fitted import FittedArdm

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

# Of what is stored: parts of a bit.
_ONE = 1 << 12


@dataclass(frozen=True)
class Costs:
    """What positions take, in their order, when so many before are known.

    Args:
        places: How many are known, ascending from 0 [places].
        bits: Of each position at each stage [stages, places + 1, size]: after so many are known,
            zeros for these; in the last row, after all before it are.
    """

    places: Ints
    bits: Floats

    @property
    def stages(self) -> int:
        """How often each position is refined."""
        return len(self.bits)

    @property
    def size(self) -> int:
        """Positions."""
        return self.bits.shape[2]

    @cached_property
    def _sums(self) -> tuple[Ints, Floats, Floats]:
        """The place before each s [size]; sums A and B of each [stages, places * (size + 1)]."""
        stages, size, places = self.stages, self.size, self.places
        at = np.searchsorted(places, np.arange(size), side="right") - 1
        sums = np.zeros((2, stages, len(places), size + 1))
        last = self.bits[:, -1]
        for number, place in enumerate(places):
            until = places[number + 1] if number + 1 < len(places) else size
            row = self.bits[:, number]
            slopes = np.zeros((stages, size))
            near = np.arange(place + 1, until)
            slopes[:, near] = (last[:, near] - row[:, near]) / (near - place)
            if until < size:
                slopes[:, until:] = (self.bits[:, number + 1] - row)[:, until:] / (until - place)
            np.cumsum(row, 1, out=sums[0, :, number, 1:])
            np.cumsum(slopes, 1, out=sums[1, :, number, 1:])
        return at, sums[0].reshape(stages, -1), sums[1].reshape(stages, -1)

    def of_call(self, stage: int, begin: Ints, end: Ints) -> Floats:
        """Return the bits of calls that serve positions from `begin` to before `end`."""
        at, bits, slopes = self._sums
        row = at[begin] * (self.size + 1)
        further = begin - self.places[at[begin]]
        found = bits[stage][row + end] - bits[stage][row + begin]
        found += further * (slopes[stage][row + end] - slopes[stage][row + begin])
        return found

    def falling(self) -> Costs:
        """Return the falling costs nearest to these, which would fall but for noise.

        Of each position, neighbours that rise become their mean (Ayer et al. 1955). Steps are
        found by these; what steps take is nearer to what was measured.
        """
        bits = self.bits.copy()
        for stage in bits:
            for position in range(self.size):
                # What was measured of it; where it stands at a place, the last row has the same.
                count = int(np.searchsorted(self.places, position))
                known = [*range(count), len(self.places)]
                stage[known, position] = _falling(stage[known, position])
                if count < len(self.places) and self.places[count] == position:
                    stage[count, position] = stage[-1, position]
        return Costs(self.places, bits)


def _falling(values: Floats) -> list[float]:
    sums: list[float] = []
    counts: list[int] = []
    for value in values.tolist():
        total, count = value, 1
        while sums and sums[-1] * count <= total * counts[-1]:
            total, count = total + sums.pop(), count + counts.pop()
        sums.append(total)
        counts.append(count)
    pooled = zip(sums, counts, strict=True)
    return [total / count for total, count in pooled for _ in range(count)]


def pack(costs: Costs) -> dict[str, NDArray[Any]]:
    """Return the tensors from which `costs_of` reads what positions take."""
    values = np.clip(np.round(costs.bits * _ONE), 0, (1 << 16) - 1)
    return {"places": costs.places.astype(np.int32), "costs": values.ravel().astype(np.uint16)}


def costs_of(network: FittedArdm) -> Costs:
    """Return what positions take by the file of a network.

    Raises:
        FormatError: It does not say so.
    """
    places = np.frombuffer(network.tensor("places", "I32"), "<i4").astype(np.int64)
    stages, size = network.core.stages, network.size
    if not len(places) or places[0] or (np.diff(places) <= 0).any() or places[-1] >= size:
        raise FormatError("network of ardm has no places of costs that ascend from 0")
    values = np.frombuffer(network.tensor("costs", "U16"), "<u2")
    if len(values) != stages * (len(places) + 1) * size:
        raise FormatError("network of ardm has not the costs of all positions")
    return Costs(places, values.reshape(stages, len(places) + 1, size) / _ONE)
