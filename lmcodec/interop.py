"""Models of the `constriction` package, coded with lmcodec's coders.

`constriction` (R. Bamler 2022, arXiv:2201.01741) has a wide choice of distributions in fixed-point
arithmetic: categorical, quantized Gaussian, Laplace and Cauchy, any of SciPy. An adapter here asks
such a model for the interval of a symbol, 24 bits, exactly as it is, so that the code length is the
one that `constriction` itself would reach, while the payload is one of `lmcodec.coder`.

Each interval is found by a call to the model, some microseconds: for a fast model, write its
probabilities as rows of weights for `lmcodec.coder.RansStack.push` instead.

Example:
    >>> import numpy as np
    >>> import constriction
    >>> from lmcodec.coder import RansStack
    >>> from lmcodec.interop import ConstrictionModel
    >>> gaussian = constriction.stream.model.QuantizedGaussian(-50, 50)
    >>> means, stds = np.array([3.0, -7.5, 0.2]), np.array([1.0, 4.0, 0.5])
    >>> model = ConstrictionModel(gaussian, means, stds)
    >>> stack = RansStack()
    >>> model.push(stack, [4, -9, 0])
    >>> model.pop(stack, 3).tolist()
    [4, -9, 0]
    >>> stack.finish()
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lmcodec.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import ArrayLike, NDArray

    from lmcodec.coder import RansStack

__all__ = ["ConstrictionModel"]

# Precision of all models of the Python package.
PRECISION = 24
_MASK = (1 << PRECISION) - 1
# From this state one symbol can be pushed before a word leaves, and its frequency be read off.
_PROBE = (1 << 32) - 1


class ConstrictionModel:
    """Gives the intervals of a model of the `constriction` package.

    The intervals are read off an `AnsCoder` of that package: pushing onto the state 0 leaves the
    start of the interval, and pushing onto a larger state tells its frequency.

    Args:
        model: A model from `constriction.stream.model`.
        params: For a model without fixed parameters, an array for each parameter, one entry for
            each symbol; two-dimensional for a `Categorical`.

    Raises:
        ImportError: `constriction` is not installed.

    Shapes:
        params: floats [k] or [k, V]
    """

    def __init__(self, model: Any, *params: ArrayLike) -> None:
        import constriction
        import numpy as np

        self._ans = constriction.stream.stack.AnsCoder
        self._model = model
        self._params = [np.ascontiguousarray(param) for param in params]
        # Without parameters all symbols have one distribution, whose intervals are worth keeping.
        self._known: dict[int, tuple[int, int]] = {}

    def interval(self, symbol: int, index: int = 0) -> tuple[int, int]:
        """Return the first slot and the number of slots of a symbol.

        Args:
            symbol: Any symbol in the support of the model.
            index: Which of the parameters apply.

        Returns:
            Start and frequency, out of 2**24 slots.

        Raises:
            ModelError: The symbol is not in the support.
        """
        known = self._known.get(symbol)
        if known is not None:
            return known
        start = self._push(0, symbol, index)
        state = self._push(_PROBE, symbol, index)
        # state = (x // f << 24) + x % f + start
        quotient, remainder = state >> PRECISION, (state & _MASK) - start
        found = (start, (_PROBE - remainder) // quotient)
        if not self._params:
            self._known[symbol] = found
        return found

    def find(self, slot: int, index: int = 0) -> tuple[int, int, int]:
        """Return the symbol that holds a slot, and its interval.

        Args:
            slot: From 0 to 2**24 - 1.
            index: Which of the parameters apply.

        Returns:
            Symbol, start and frequency.
        """
        symbol, offset = self._pop(slot, index)
        # One multiple of 2**24 more in the state comes out as one frequency more.
        _, more = self._pop(slot + (1 << PRECISION), index)
        return symbol, slot - offset, more - offset

    def push(self, stack: RansStack, symbols: ArrayLike) -> None:
        """Push symbols onto a stack, the last first.

        Args:
            stack: Where they go.
            symbols: Symbols in the support of the model, one for each entry of the parameters.

        Raises:
            ModelError: A symbol is not in the support. Nothing is pushed then.

        Shapes:
            symbols: integers [k]
        """
        import numpy as np

        values = np.asarray(symbols).tolist()
        self._check(len(values))
        found = [self.interval(symbol, index) for index, symbol in enumerate(values)]
        pairs = np.array(found, np.uint32).reshape(-1, 2)
        stack.push_intervals(pairs[:, 0], pairs[:, 1], PRECISION)

    def pop(self, stack: RansStack, count: int) -> NDArray[np.int32]:
        """Pop symbols that `push` pushed.

        Args:
            stack: Where they come from.
            count: How many.

        Returns:
            The symbols.

        Raises:
            TruncatedError: The stack has run out of bits.

        Shapes:
            returns: int32 [count]
        """
        import numpy as np

        self._check(count)
        symbols = np.empty(count, np.int32)
        for index in range(count):
            symbol, start, freq = self.find(stack.peek(PRECISION), index)
            stack.pop_interval(start, freq, PRECISION)
            symbols[index] = symbol
        return symbols

    def _check(self, count: int) -> None:
        for param in self._params:
            if len(param) != count:
                raise ValueError(f"parameters must be {count} as the symbols: got {len(param)}")

    def _arguments(self, index: int) -> list[NDArray[Any]]:
        return [param[index : index + 1] for param in self._params]

    def _push(self, state: int, symbol: int, index: int) -> int:
        import numpy as np

        coder = self._coder(state)
        arguments = self._arguments(index)
        try:
            if arguments:
                coder.encode_reverse(np.array([symbol], np.int32), self._model, *arguments)
            else:
                coder.encode_reverse(symbol, self._model)
        except (KeyError, OverflowError) as error:
            raise ModelError(f"symbol is not in the support of the model: {symbol}") from error
        return self._state(coder)

    def _pop(self, state: int, index: int) -> tuple[int, int]:
        coder = self._coder(state)
        arguments = self._arguments(index)
        symbol = coder.decode(self._model, *arguments)
        return int(symbol[0]) if arguments else int(symbol), self._state(coder)

    def _coder(self, state: int) -> Any:
        """Make a coder with this state and nothing below it."""
        import numpy as np

        words = [state & 0xFFFFFFFF, state >> 32]
        while words and words[-1] == 0:
            words.pop()
        return self._ans(np.array(words, np.uint32))

    @staticmethod
    def _state(coder: Any) -> int:
        return sum(int(word) << 32 * i for i, word in enumerate(coder.get_compressed()))
