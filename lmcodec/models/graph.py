"""Links of a graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from lmcodec import _core
from lmcodec.errors import ModelError
from lmcodec.models.base import MODELS, Links, Model

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from lmcodec.models.base import Symbols


@MODELS.register(id="graph", version=1)
@dataclass(frozen=True)
class Graph(Model):
    """Codes the links of a graph, source and target in turn, as lists of neighbours.

    Targets of one source that ascend are a list. For one node after the other it is decided
    whether it is in the list, by a mixture of contexts: how many nodes lead from the source to it
    already, and how many ways of three steps, the list before, how often it was a target, how far
    it is, how many are still to come. So what static codes say by references, copies and gaps is
    learnt. Lists in order cost nothing for the order. Time grows with the number of lists times
    that of nodes; beyond 2**27 decisions, or 2**20 nodes, links are coded as plain bytes. Symbols
    are uint32.

    Source: P. Boldi, S. Vigna, The WebGraph Framework I (WWW 2004) for lists, references and gaps;
    L. A. Adamic, E. Adar, Friends and Neighbors on the Web (2003) for what common neighbours weigh.
    The mixture in the place of static codes is our own.
    """

    width: ClassVar[int] = 4
    needs_shape = Links
    # What is known of a graph is known within a block.
    block_bytes: ClassVar[int | None] = 1 << 26

    def encode(self, symbols: Symbols) -> bytes:
        """Code numbers of nodes.

        Raises:
            ModelError: The symbols are not uint32.
        """
        return _core.graph_encode(_numbers(symbols))

    def decode(self, payload: bytes, count: int) -> NDArray[np.uint32]:
        """Undo `encode`."""
        return _core.graph_decode(payload, count)

    def memory_bytes(self, count: int) -> int:
        """Return the memory of contexts, and of what is known of each node."""
        return _core.graph_memory_bytes(count)


def is_graph(pairs: NDArray[Any]) -> bool:
    """Return whether links are coded as a graph, not as plain bytes.

    Args:
        pairs: uint32 [2 * links], source and target in turn.
    """
    return _core.graph_is_graph(pairs)


def _numbers(symbols: Symbols) -> NDArray[np.uint32]:
    import numpy as np

    if isinstance(symbols, bytes) or symbols.dtype != np.uint32:
        kind = "bytes" if isinstance(symbols, bytes) else str(symbols.dtype)
        raise ModelError(f"graph codes uint32: got {kind}")
    return np.ascontiguousarray(symbols)
