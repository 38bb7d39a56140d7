"""What every model is, and the two ways to write one in Python.

A model codes one stream of one block. It is an immutable dataclass: its fields are the parameters
that the stream records, and `MODELS` finds its class again by id and version. State lives inside
one call of `encode` or `decode`, so that blocks are independent of each other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeAlias, TypeVar

from lmcodec import coder
from lmcodec._core import report
from lmcodec.errors import ModelError, WeightsError
from lmcodec.packing import pack_fields, unpack_fields
from lmcodec.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import ArrayLike, NDArray
    from typing_extensions import Self

    from lmcodec.network import Network
    from lmcodec.prior import Prior

    # Symbols of one byte are bytes; wider ones are arrays of uint16 or uint32.
    Symbols: TypeAlias = bytes | NDArray[Any]

State = TypeVar("State")


def symbol_width(symbols: Symbols) -> int:
    """Return the bytes of a symbol."""
    return 1 if isinstance(symbols, bytes) else int(symbols.itemsize)


@dataclass(frozen=True)
class Shape:
    """How the symbols of a stream form samples that are all alike, one after the other.

    A sample is a picture, or a row of a table. The stream need not end with a whole one.

    Args:
        rows: Rows of a picture; 1 where a sample has but one, as in a table.
        columns: Pixels of a row.
        channels: Symbols of a pixel, side by side.
        planes: Pictures of a sample, one whole picture after the other.

    Raises:
        ValueError: A number is below 1.
    """

    rows: int
    columns: int
    channels: int = 1
    planes: int = 1

    def __post_init__(self) -> None:
        """Check the numbers."""
        if min(self.rows, self.columns, self.channels, self.planes) < 1:
            raise ValueError(f"lengths of a shape must be at least 1: got {self}")

    @property
    def row(self) -> int:
        """Symbols of a row."""
        return self.columns * self.channels

    @property
    def sample(self) -> int:
        """Symbols of a sample."""
        return self.planes * self.rows * self.row

    @property
    def axes(self) -> tuple[int, ...]:
        """The lengths of the axes of a sample, outermost first, but for those of length 1."""
        lengths = (self.planes, self.rows, self.columns, self.channels)
        return tuple(length for length in lengths if length > 1) or (1,)


@dataclass(frozen=True)
class Cells:
    """How the bytes of a stream form the cells of a table, column after column.

    Of each column in turn there is the cell of each row in turn: its bytes, of which none is the
    terminator, and then the terminator. So the number of rows is that of the terminators divided by
    `columns`.

    Args:
        columns: Cells of a row.
        terminator: The byte behind each cell, 0 to 255.

    Raises:
        ValueError: There is no column, or the terminator is no byte.
    """

    columns: int
    terminator: int = 0x0A

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.columns < 1:
            raise ValueError(f"columns of a table must be at least 1: got {self.columns}")
        if not 0 <= self.terminator <= 0xFF:
            raise ValueError(f"terminator of cells must be a byte: got {self.terminator}")


@dataclass(frozen=True)
class Links:
    """How the symbols of a stream form the links of a graph: numbers of two nodes in turn."""


AnyShape: TypeAlias = Shape | Cells | Links


class Model(ABC):
    """Codes the symbols of one stream.

    Subclasses are frozen dataclasses with fields of type `int`, `bool`, `bytes` or `str`, and are
    registered by ``@MODELS.register(id=..., version=...)``.
    """

    id: ClassVar[str]
    version: ClassVar[int]
    # False: the same bytes on every machine. True: decodes only where it was encoded.
    host_bound: ClassVar[bool] = False
    # True: it can do nothing without weights that are not in the package.
    external: ClassVar[bool] = False
    # Bytes of content in a block that suit it; None: those of the level.
    block_bytes: ClassVar[int | None] = None
    # Bytes of a symbol: 1, 2 or 4.
    width: ClassVar[int] = 1
    # It codes only streams that have a shape of these kinds. Where a caller asks for it, content is
    # split by a transform that finds such shapes, and other streams are coded by other models.
    needs_shape: ClassVar[tuple[type[AnyShape], ...]] = ()
    # True: `fit` takes long. It is called for the first block of a frame; the others follow that.
    fits_once: ClassVar[bool] = False
    # True: what streams name by `digests` is known nowhere else, so that they have a copy.
    is_copied: bool = False
    # What `digests` are of, as far as that is known: "prior", "network", "language model",
    # "tokenizer".
    weights: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def for_level(cls, level: int) -> Self:
        """Return the model with the parameters that suit a level from 1 to 9."""
        del level
        return cls()

    def shaped(self, shape: AnyShape) -> Self:
        """Return the model for symbols of a shape; itself where that makes no difference.

        It is called before `fit`.

        Args:
            shape: How they form samples, the cells of a table, or the links of a graph.
        """
        del shape
        return self

    def fit(self, symbols: Symbols) -> Self:
        """Return the model with the parameters that it left open chosen for these symbols.

        A model of the caller's own making leaves nothing open; what `for_level` returns may.

        Args:
            symbols: All symbols of the stream.

        Returns:
            The model that is recorded, and whose `encode` is called.
        """
        del symbols
        return self

    @abstractmethod
    def encode(self, symbols: Symbols) -> bytes:
        """Code symbols.

        Args:
            symbols: All symbols of the stream.

        Returns:
            The payload: the same bytes for the same symbols, always.

        Raises:
            ModelError: A symbol is outside the model's alphabet.
        """

    @abstractmethod
    def decode(self, payload: bytes, count: int) -> Symbols:
        """Undo `encode`.

        Args:
            payload: What `encode` returned, or anything at all.
            count: How many symbols were coded. It is not to be trusted: memory may grow with the
                symbols that were decoded, not with this number.

        Returns:
            The symbols.

        Raises:
            FormatError: The payload is not one that `encode` returns for `count` symbols.
        """

    def message_symbols(self) -> int:
        """Return how many symbols `encode_message` codes at most; 0 where it codes none."""
        return 0

    def encode_message(self, symbols: bytes) -> bytes:
        """Code a short message so that its payload tells where it ends.

        Args:
            symbols: Bytes, `message_symbols` at most.

        Returns:
            The payload: empty for none, and never with a first byte of 254 or 255.

        Raises:
            LimitError: There are too many.
            ModelError: The model needs to be told the number of symbols.
        """
        del symbols
        raise ModelError(f"model {self.id} needs to be told the number of symbols")

    def decode_message(self, payload: bytes) -> bytes:
        """Undo `encode_message`.

        Args:
            payload: What `encode_message` returned, or anything at all.

        Raises:
            FormatError: The payload is not one that `encode_message` returns.
            ModelError: The model needs to be told the number of symbols.
        """
        del payload
        raise ModelError(f"model {self.id} needs to be told the number of symbols")

    def decode_samples(self, payload: bytes, count: int, first: int, last: int) -> bytes | None:
        """Return some samples of a payload, or None where all would have to be decoded for them.

        Args:
            payload: What `encode` returned.
            count: How many symbols were coded.
            first: The first sample.
            last: Behind the last one.

        Raises:
            FormatError: The payload is not one that `encode` returns for `count` symbols.
            ValueError: There are no such samples.
        """
        del payload, count, first, last
        return None

    def decode_columns(
        self, payload: bytes, count: int, wanted: Sequence[int]
    ) -> list[bytes] | None:
        """Return some columns of the cells of a table, or None where all would have to be decoded.

        Args:
            payload: What `encode` returned.
            count: How many symbols were coded.
            wanted: Numbers of columns, from 0.

        Returns:
            The cells of each, with their terminators.

        Raises:
            FormatError: The payload is not one that `encode` returns for `count` symbols.
            ValueError: There is no such column.
        """
        del payload, count, wanted
        return None

    def column_bytes(self, payload: bytes) -> list[int] | None:
        """Return the bytes of the code of each column, or None where columns have no code apart.

        Args:
            payload: What `encode` returned, for the cells of a table.

        Raises:
            FormatError: The payload is not one that `encode` returns.
        """
        del payload
        return None

    def memory_bytes(self, count: int) -> int:
        """Return about how much memory coding `count` symbols needs, besides the symbols."""
        del count
        return 0

    def can_be_primed(self) -> bool:
        """Return whether a prior can help the model."""
        return False

    def primed(self, prior: Prior) -> Self:
        """Return the model that starts from a prior; itself where none can help."""
        del prior
        return self

    def can_be_networked(self) -> bool:
        """Return whether the model may come to use a network."""
        return False

    def networked(self, network: Network | None = None) -> Self | None:
        """Return the model that also uses a network, or None where it cannot.

        Args:
            network: The network, or None for that of the package.
        """
        del network
        return None

    def quick(self) -> Self:
        """Return a faster model whose code lengths tell enough about those of this one."""
        return self

    def portable(self) -> Model:
        """Return the model that codes as well on every machine, where this one does not."""
        return self

    def digests(self) -> tuple[bytes, ...]:
        """Return the SHA-256 digests of the weights, and the tokenizer, that decoding needs."""
        return ()

    @classmethod
    def kinds(cls, params: bytes, digests: tuple[bytes, ...]) -> tuple[str, ...]:
        """Return what each digest of a record is of, as far as that is known.

        Raises:
            FormatError: The parameters do not fit.
        """
        del params, digests
        return cls.weights

    def params(self) -> bytes:
        """Return the fields as bytes for the model record."""
        return pack_fields(self)

    @classmethod
    def from_record(cls, params: bytes, digests: tuple[bytes, ...]) -> Self:
        """Build the model that a record describes.

        Args:
            params: What `params` returned when the stream was written.
            digests: What `digests` returned then.

        Returns:
            The model.

        Raises:
            FormatError: The parameters do not fit.
            WeightsError: The weights here are not those with which the stream was written.
        """
        model = unpack_fields(cls, params)
        if model.digests() != digests:
            needed = " ".join(digest.hex() for digest in digests) or "none"
            here = " ".join(digest.hex() for digest in model.digests()) or "none"
            raise WeightsError(
                f"weights of model {cls.id} differ: {needed} are needed, {here} are here"
            )
        return model


MODELS: Registry[Model] = Registry("model", "lmcodec.models")


@dataclass(frozen=True, eq=False)
class Step:
    """The distributions of the next k symbols, given all symbols received so far.

    Args:
        positions: Places of the symbols in the stream; each place is in exactly one step.
        pmf: A row of weights for each symbol: unsigned integers or floats, not normalised. The
            array is used before the next step, and may be changed then.

    Shapes:
        positions: integers [k]
        pmf: nonnegative [k, alphabet]
    """

    positions: ArrayLike
    pmf: NDArray[Any]


Steps: TypeAlias = Generator[Step, "NDArray[np.uint32]", None]


class SequentialModel(Model, Generic[State]):
    """A model written once for both directions: yields distributions, receives symbols.

    The payload is a rANS stack of one lane: the intervals are gathered forward and pushed
    backward, so that they come off in the order in which the model runs.
    """

    # Bits of the number of slots; large vocabularies need coder.MAX_PRECISION.
    precision: ClassVar[int] = coder.PRECISION

    @abstractmethod
    def start(self) -> State:
        """Return the state before the first symbol."""

    @abstractmethod
    def steps(self, state: State, count: int) -> Steps:
        """Yield steps that cover positions 0 to `count` - 1; each yield returns its symbols.

        Args:
            state: What `start` returned; free to be changed.
            count: Number of symbols in the stream.
        """

    def encode(self, symbols: Symbols) -> bytes:
        """Code symbols by running `steps` on them.

        Raises:
            ModelError: A symbol is outside the alphabet, or the steps do not cover the stream.
        """
        import numpy as np

        values = np.frombuffer(symbols, np.uint8) if isinstance(symbols, bytes) else symbols
        filler = _Filler(len(values), self.width)
        gathered: list[tuple[NDArray[np.uint32], NDArray[np.uint32]]] = []

        def code(step: Step) -> NDArray[np.uint32]:
            positions = filler.check(step)
            chosen = values[positions].astype(np.uint32)
            filler.put(positions, chosen)
            try:
                gathered.append(coder.intervals(chosen, step.pmf, self.precision))
            except ValueError as error:
                raise ModelError(f"symbol has no interval in model {self.id}: {error}") from error
            return chosen

        self._run(len(values), code)
        filler.finish()
        stack = coder.RansStack()
        if gathered:
            starts, freqs = (np.concatenate(part) for part in zip(*gathered, strict=True))
            stack.push_intervals(starts, freqs, self.precision)
        return stack.to_bytes()

    def decode(self, payload: bytes, count: int) -> Symbols:
        """Undo `encode` by running `steps` on the symbols as they are decoded."""
        stack = coder.RansStack.from_bytes(payload)
        filler = _Filler(count, self.width)

        def code(step: Step) -> NDArray[np.uint32]:
            positions = filler.check(step)
            chosen = stack.pop(step.pmf, self.precision)
            filler.put(positions, chosen)
            return chosen

        self._run(count, code)
        stack.finish()
        return filler.finish()

    def _run(self, count: int, code: Callable[[Step], NDArray[np.uint32]]) -> None:
        """Run `steps`, sending for each step the symbols that `code` returns."""
        steps = self.steps(self.start(), count)
        step = next(steps, None)
        while step is not None:
            symbols = code(step)
            try:
                step = steps.send(symbols)
            except StopIteration:
                step = None


class _Filler:
    """Collects symbols by position, and sees that each position comes once.

    Memory grows with the positions that came, not with the count that a stream claims.
    """

    def __init__(self, count: int, width: int) -> None:
        import numpy as np

        self._count = count
        self._width = width
        self._filled = 0
        self._symbols = np.zeros(0, f"u{width}")
        self._seen = np.zeros(0, bool)

    def check(self, step: Step) -> NDArray[np.intp]:
        """Return the positions of a step.

        Raises:
            ModelError: They are outside the stream, or came before, or the pmf does not fit.
        """
        import numpy as np

        positions = np.asarray(step.positions, np.intp)
        if positions.shape == (1,) and step.pmf.shape[0] == 1:
            self._check_one(int(positions[0]), step.pmf.shape)
            return positions
        if positions.ndim != 1 or step.pmf.ndim != 2 or len(positions) != len(step.pmf):
            raise ModelError(
                f"step does not fit: {positions.shape} positions, pmf of {step.pmf.shape}"
            )
        if step.pmf.shape[1] > 1 << 8 * self._width:
            raise ModelError(f"alphabet is too large: {step.pmf.shape[1]}")
        if len(positions) and not 0 <= positions.min() <= positions.max() < self._count:
            raise ModelError(f"position is outside the stream: {positions} of {self._count}")
        self._reserve(int(positions.max(initial=-1)) + 1)
        if self._seen[positions].any() or len(np.unique(positions)) < len(positions):
            raise ModelError(f"position comes twice: {positions}")
        return positions

    def _check_one(self, position: int, shape: tuple[int, ...]) -> None:
        """Do as `check` does, at a fraction of its time, for the steps of autoregressive models."""
        if len(shape) != 2 or shape[1] > 1 << 8 * self._width:
            raise ModelError(f"alphabet is too large, or pmf has no rows: {shape}")
        if not 0 <= position < self._count:
            raise ModelError(f"position is outside the stream: {position} of {self._count}")
        self._reserve(position + 1)
        if self._seen[position]:
            raise ModelError(f"position comes twice: {position}")

    def put(self, positions: NDArray[np.intp], symbols: NDArray[np.uint32]) -> None:
        """Take the symbols of positions that were checked."""
        self._seen[positions] = True
        self._symbols[positions] = symbols
        self._filled += len(positions)
        report(self._filled - len(positions), self._filled)

    def finish(self) -> Symbols:
        """Return all symbols.

        Raises:
            ModelError: Some positions never came.
        """
        if self._filled < self._count:
            raise ModelError(f"steps cover {self._filled} of {self._count} positions")
        symbols = self._symbols[: self._count]
        return symbols.tobytes() if self._width == 1 else symbols

    def _reserve(self, size: int) -> None:
        if size > len(self._seen):
            # Twice as much as before, so that the copies add up to no more than the symbols.
            size = min(self._count, max(size, 2 * len(self._seen), 1 << 12))
            self._symbols.resize(size, refcheck=False)
            self._seen.resize(size, refcheck=False)
