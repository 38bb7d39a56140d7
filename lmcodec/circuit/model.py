"""A circuit as an estimator: fitted to an array, asked for likelihoods, samples and marginals."""

from __future__ import annotations

import hashlib
import math
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lmcodec.circuit import file, messages, structure
from lmcodec.circuit.arrays import categories_of, observed, samples_of
from lmcodec.errors import UnsupportedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from lmcodec.circuit.trainer import EpochReport
    from lmcodec.circuit.tree import Tree
    from lmcodec.circuit.weights import Weights

STRUCTURES = ("chow-liu", "split", "chain")
EMISSIONS = ("categorical", "shapes", "logistic")
MAX_HELD = 5000
# Bytes of messages at one time, outside of the kernels.
_CHUNK_BYTES = 1 << 27


@dataclass
class Circuit:
    """A probability distribution over samples of one shape: a tree of hidden states.

    Args:
        states: Hidden states of each node. Time and size grow with the square.
        structure: "chow-liu" for a tree found in the samples, "split" for halves of halves of the
            shape of a sample, "chain" for a hidden Markov model.
        categories: How many values variables have: "shared" for one more than the largest of all
            samples, "each" for that of each variable alone, a number, or one for each.
        epochs: Passes over the samples in batches.
        full: Passes over all samples at once, after these.
        batch: Samples in a batch.
        first: Share of a batch in the moving mean of flows, in the beginning; it falls from there.
            What a large one shakes up in the beginning ends in a better place.
        smoothing: Pseudocount of the emissions of each state, spread as the variable's values are;
            None for 30 where values have a reach, 4 where not.
        reach: Steps between values that are nearby, so that one says something of the other; 0
            where values are names, without an order. None for 6 where samples are pictures, of two
            axes or more, with at least 64 values; else 0.
        transition_smoothing: Pseudocount of each row of transitions, spread evenly.
        emission: "categorical" for a table of each state, "shapes" for a mixture of distributions
            that all variables have in common, "logistic" for one of logistic distributions. Those
            have fewer parameters, and are for values that have an order.
        components: Of each mixture of logistic distributions.
        shapes: About how many distributions there are in common.
        shape_smoothing: Pseudocount of each state's shares of these, in the parts that its variable
            has.
        rounds: How many times edges are pruned, states copied, and all fitted again.
        prune: Share of the edges that go in a round, those of the least flow.
        grow: Share of the states that are copied in a round, those in which samples cost most.
        noise: Standard deviation of what the weights of a copy are multiplied by.
        round_epochs: Passes over the samples in batches after each round.
        last_epochs: The same after the last round; None for as many.
        moved: Share of the samples of a batch that are moved by one step, at random, in the first
            three quarters of the epochs: for pictures, which might as well lie there.
        held: Share of the samples, up to 5000 of them, that is held back to see when to stop; 0
            for none.
        patience: Epochs without gain on these after which fitting stops.
        seed: Of all that is drawn.
        threads: How many; None for one each processor.
        device: "cpu" for numba, or a device of torch, such as "cuda".

    Attributes:
        weights: Those fitted, or None.
        shape: Of a sample.
        history: What each epoch reached.
        card: What the circuit was fitted to, and how; it goes into files.

    Example:
        >>> rows = np.array([[0, 0], [1, 1]] * 50, np.uint8)
        >>> circuit = Circuit(states=2, epochs=20, held=0, threads=1).fit(rows)  # doctest: +SKIP
        >>> circuit.bits_per_dimension(rows) < 0.52  # doctest: +SKIP
        True
    """

    states: int = 16
    structure: str = "chow-liu"
    categories: int | str | Sequence[int] = "shared"
    epochs: int = 60
    full: int = 3
    batch: int = 2048
    first: float = 1.0
    smoothing: float | None = None
    reach: float | None = None
    transition_smoothing: float = 0.1
    emission: str = "categorical"
    components: int = 4
    shapes: int = 32
    shape_smoothing: float = 1.0
    rounds: int = 0
    prune: float = 0.75
    grow: float = 1.0
    noise: float = 0.1
    round_epochs: int = 20
    last_epochs: int | None = None
    moved: float = 0.0
    held: float = 0.05
    patience: int = 8
    seed: int = 0
    threads: int | None = None
    device: str = "cpu"
    weights: Weights | None = field(default=None, init=False, repr=False)
    shape: tuple[int, ...] = field(default=(), init=False, repr=False)
    history: list[EpochReport] = field(default_factory=list, init=False, repr=False)
    card: dict[str, str] = field(default_factory=dict, init=False, repr=False)

    def fit(
        self,
        array: ArrayLike,
        *,
        progress: Callable[[EpochReport], None] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        resume: bool = False,
    ) -> Circuit:
        """Fit structure and weights to samples, and return the circuit itself.

        Args:
            array: [samples, ...], integers from 0 to 255.
            progress: Called after each epoch. What it raises ends the fitting.
            checkpoint: A file that is written after each epoch.
            resume: Go on from that file, if it is there.

        Raises:
            ValueError: The array has no samples, or values that are out of range; an argument of
                the circuit is.
            TypeError: The array is not of numbers.
            LimitError: A sample has too many variables.
            UnsupportedError: numba is not installed.
            FormatError: The checkpoint is not of this fitting.
        """
        if self.emission not in EMISSIONS:
            raise ValueError(f"emissions are {', '.join(EMISSIONS)}: {self.emission!r}")
        samples, shape = samples_of(array)
        widths = categories_of(samples, self.categories)
        try:
            from lmcodec.circuit.em import Smoothing
            from lmcodec.circuit.initial import noisy, shaped
            from lmcodec.circuit.logistic import LogisticMixtures
            from lmcodec.circuit.rounds import Rounds, run
            from lmcodec.circuit.shapes import tables_of, usual_shares
            from lmcodec.circuit.trainer import Plan, Trainer
        except ImportError as error:
            raise UnsupportedError(
                f"fitting a circuit needs numba: {error.name} is not installed",
                id="circuit",
                hint='pip install "lmcodec[circuits]"',
            ) from error
        fitted, held = self._parts(samples)
        tree = self._tree(fitted, shape, widths)
        reach = self.reach
        if reach is None:
            reach = 6.0 if len(shape) > 1 and widths.max() >= 64 else 0.0
        smoothing = Smoothing.of(
            fitted,
            widths,
            transitions=self.transition_smoothing,
            emissions=(30.0 if reach else 4.0) if self.smoothing is None else self.smoothing,
            reach=reach,
        )
        plan = Plan(
            epochs=self.epochs,
            full=self.full,
            batch=self.batch,
            first=self.first,
            patience=self.patience,
            moved=self.moved,
            seed=self.seed,
        )
        weights = noisy(tree, smoothing, self.seed)
        mixtures = None
        if self.emission == "logistic":
            mixtures = LogisticMixtures.start(tree, smoothing.prior, self.components, self.seed)
            weights.emissions[:] = mixtures.table()
        if self.emission == "shapes":
            if widths.min() != widths.max():
                raise ValueError("variables with shapes in common have equally many values")
            counts = np.bincount(fitted.ravel(), minlength=int(widths.max())).astype(np.float64)
            tables = tables_of(counts, self.shapes)
            usual = usual_shares(tables, smoothing.prior)
            smoothing = replace(smoothing, shapes=self.shape_smoothing, usual=usual)
            weights = shaped(weights, tables, usual, self.seed)
        trainer = Trainer(
            weights,
            fitted,
            held,
            plan,
            smoothing,
            mixtures=mixtures,
            shape=shape,
            threads=self.threads or os.cpu_count() or 1,
            device=self.device,
            checkpoint=checkpoint,
            progress=progress,
        )
        again = replace(plan, epochs=self.round_epochs, first=plan.first / 2)
        last = again if self.last_epochs is None else replace(again, epochs=self.last_epochs)
        rounds = Rounds(self.rounds, self.prune, self.grow, self.noise, again, last)
        there = resume and checkpoint is not None and Path(checkpoint).exists()
        self.weights, trainer = run(trainer, rounds, checkpoint if there else None)
        self.shape, self.history = shape, trainer.history
        self.card = self._describe(samples)
        return self

    def _parts(self, samples: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the samples to fit to, and those held back."""
        if not 0 <= self.held < 1:
            raise ValueError(f"the share of samples held back is from 0 to 1: {self.held}")
        count = min(int(len(samples) * self.held), MAX_HELD)
        order = np.random.default_rng((self.seed, 1)).permutation(len(samples))
        return samples[np.sort(order[count:])], samples[np.sort(order[:count])]

    def _tree(
        self, samples: NDArray[np.uint8], shape: tuple[int, ...], widths: NDArray[np.int32]
    ) -> Tree:
        if self.structure == "chow-liu":
            return structure.chow_liu(samples, widths, self.states, seed=self.seed)
        if self.structure == "split":
            return structure.split(shape, widths, self.states)
        if self.structure == "chain":
            return structure.chain(widths, self.states)
        raise ValueError(f"structures are {', '.join(STRUCTURES)}: {self.structure!r}")

    def _describe(self, samples: NDArray[np.uint8]) -> dict[str, str]:
        last = self.history[-1] if self.history else None
        bits = math.nan if last is None else last.held_bits_per_dimension
        if last is not None and math.isnan(bits):
            bits = last.bits_per_dimension
        return {
            "shape": ",".join(map(str, self.shape)),
            "samples": str(len(samples)),
            "data_sha256": hashlib.sha256(samples.tobytes()).hexdigest(),
            "seed": str(self.seed),
            "structure": self.structure,
            "bits_per_dimension": f"{bits:.4f}",
        }

    def _fitted(self) -> Weights:
        if self.weights is None:
            raise ValueError("the circuit is not fitted: call fit, or load one")
        return self.weights

    @property
    def num_edges(self) -> int:
        """Weights that are not 0: edges between states, and entries of emissions."""
        return self._fitted().num_edges

    def _samples(self, array: ArrayLike, missing: ArrayLike | None = None) -> NDArray[np.int16]:
        """Return samples of the circuit's shape, -1 where a value is missing."""
        return observed(array, missing, self.shape, self._fitted().tree.categories)

    def log_likelihood(self, array: ArrayLike) -> NDArray[np.float64]:
        """Return the natural logarithm of the probability of each sample: nats.

        Raises:
            ValueError: The circuit is not fitted; samples are of another shape, or have values
                that are out of range.
        """
        return self._log(self._samples(array))

    def bits_per_dimension(self, array: ArrayLike) -> float:
        """Return what the samples cost: bits for each variable, in the mean."""
        logs = self.log_likelihood(array)
        return float(-logs.mean()) / math.log(2) / math.prod(self.shape)

    def marginal(self, array: ArrayLike, missing: ArrayLike) -> NDArray[np.float64]:
        """Return the natural logarithm of the probability of what is not missing: nats.

        Args:
            array: [samples, ...]; values that are missing may be any.
            missing: bool, of the same shape; True where a value is missing.

        Raises:
            ValueError: As for `log_likelihood`; the mask is no mask.
        """
        return self._log(self._samples(array, missing))

    def _log(self, samples: NDArray[np.int16]) -> NDArray[np.float64]:
        weights = self._fitted()
        try:
            from lmcodec.circuit.em import Engine
        except ImportError:
            parts = [messages.upward(weights, part)[2] for part in self._chunks(samples)]
            return np.concatenate(parts)
        modes = np.zeros(samples.shape[1], np.int64)
        return Engine(weights, modes, self.threads or os.cpu_count() or 1).log_likelihoods(samples)

    def _chunks(self, samples: NDArray[np.int16]) -> list[NDArray[np.int16]]:
        tree = self._fitted().tree
        size = 16 * int(tree.state_starts[-1] + tree.row_starts[-1])
        return np.array_split(samples, -(-len(samples) * size // _CHUNK_BYTES))

    def conditional(
        self, array: ArrayLike, missing: ArrayLike, variable: int
    ) -> NDArray[np.float64]:
        """Return how probable each value of a variable is, given what is not missing.

        Args:
            array: [samples, ...]; values that are missing may be any.
            missing: bool, of the same shape; the variable is missing in every sample.
            variable: Its number in a sample, row after row.

        Returns:
            float64 [samples, categories], rows sum to 1.

        Raises:
            ValueError: As for `marginal`; the variable is not missing, or there is none.
        """
        weights = self._fitted()
        samples = self._samples(array, missing)
        if not 0 <= variable < samples.shape[1]:
            raise ValueError(f"variables are from 0 to {samples.shape[1] - 1}: {variable}")
        if (samples[:, variable] >= 0).any():
            raise ValueError(f"variable {variable} is not missing in every sample")
        node = int(np.flatnonzero(weights.tree.variables == variable)[0])
        table = weights.emission_matrix(node).astype(np.float64)
        found = []
        for part in self._chunks(samples):
            below, above, _ = messages.upward(weights, part)
            found.append(messages.posteriors(weights, below, above)[node] @ table)
        shares = np.concatenate(found)
        normal: NDArray[np.float64] = shares / shares.sum(axis=1, keepdims=True)
        return normal

    def sample(self, count: int = 1, seed: int = 0) -> NDArray[np.uint8]:
        """Return samples drawn from the circuit: uint8 [count, ...].

        Args:
            count: How many.
            seed: The same seed gives the same samples.
        """
        if count < 1:
            raise ValueError(f"the number of samples is at least 1: {count}")
        everything = np.ones((count, *self.shape), np.bool_)
        return self.complete(np.zeros_like(everything, np.uint8), everything, seed)

    def complete(self, array: ArrayLike, missing: ArrayLike, seed: int = 0) -> NDArray[np.uint8]:
        """Return samples whose missing values are drawn, given the others: uint8 [samples, ...].

        Args:
            array: [samples, ...]; values that are missing may be any.
            missing: bool, of the same shape; True where a value is missing.
            seed: The same seed gives the same samples.
        """
        weights = self._fitted()
        generator = np.random.default_rng(seed)
        found = []
        for part in self._chunks(self._samples(array, missing)):
            below, _, _ = messages.upward(weights, part)
            found.append(messages.draw(weights, part, below, generator))
        return np.concatenate(found).astype(np.uint8).reshape(-1, *self.shape)

    def save(self, path: str | os.PathLike[str], *, bits: int = file.MAX_BITS) -> None:
        """Write the circuit to a file, its weights as integers.

        Args:
            path: Where to.
            bits: Of a weight, 8 to 16. What is loaded differs from the circuit by so much.
        """
        Path(path).write_bytes(self.to_bytes(bits=bits))

    def to_bytes(self, *, bits: int = file.MAX_BITS) -> bytes:
        """Return the bytes of the file of the circuit."""
        return file.write(file.quantize(self._fitted(), self.card, bits))

    @staticmethod
    def load(path: str | os.PathLike[str]) -> Circuit:
        """Read a file.

        Raises:
            FormatError: It is no circuit.
            LimitError: It is too large.
            OSError: It cannot be read.
        """
        size = Path(path).stat().st_size
        if size > file.MAX_FILE_BYTES:
            raise file.too_large(size)
        return Circuit.from_bytes(Path(path).read_bytes())

    @staticmethod
    def from_bytes(data: bytes) -> Circuit:
        """Return the circuit of the bytes of a file.

        Raises:
            FormatError: They are not those of a circuit.
            LimitError: There are too many.
        """
        stored = file.read(data)
        variables = len(stored.tree.categories)
        shape = file.shape_of(stored.card, variables)
        circuit = Circuit(
            states=int(stored.tree.states.max()),
            structure=stored.card.get("structure", STRUCTURES[0]),
        )
        circuit.weights, circuit.shape, circuit.card = stored.weights(), shape, stored.card
        return circuit
