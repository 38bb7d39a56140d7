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
    """Codes the links of a graph, source and target in turn, as lists or as blocks.

    Targets of one source that ascend are a list. For one node after the other it is decided
    whether it is in the list, by a mixture of contexts: how many nodes lead from the source to it
    already, and how many ways of three steps, the list before, how often it was a target, how far
    it is, how many are still to come. So what static codes say by references, copies and gaps is
    learnt. Lists in order cost nothing for the order.

    Or nodes of many links in common get a super-node, and so do these; a block then links, or
    parts, all that is below two of them. Both are tried, and the shorter one is taken.

    Symbols are uint32 [2 * links]: lists of more than 512 nodes, or decisions, for each number, or
    of more than 2**20 nodes or 2**27 decisions in all, are coded as plain bytes, if blocks are not
    shorter. `docs/models/graph.md` specifies the payload.

    Complexity:
        Each way a decision for every pair of a list and a node up to its last target: some three
        million a second, and steps along links of nodes, at most 4096 a number. Blocks take a
        second for some hundred thousand links, decoding a tenth of it. Memory is 20 MiB, 240 bytes
        a node and 32 bytes a number; encoding takes some 200 bytes a link.

    Source: P. Boldi, S. Vigna, The WebGraph Framework I (WWW 2004) for lists, references and gaps;
    L. A. Adamic, E. Adar, Friends and Neighbors on the Web (2003) for what common neighbours weigh;
    K. Lee, J. Ko, K. Shin, SLUGGER (ICDE 2022) for the hierarchy of super-nodes and the search.
    The mixture in the place of static codes, and blocks that switch in the place of signs, are our
    own.
    """

    width: ClassVar[int] = 4
    needs_shape = (Links,)
    # What is known of a graph is known within a block.
    block_bytes: ClassVar[int | None] = 1 << 26

    def encode(self, symbols: Symbols) -> bytes:
        """Code numbers of nodes.

        Args:
            symbols: uint32 [2 * links], source and target in turn; any other numbers, and an odd
                number of them, come back as well.

        Returns:
            The payload; of no numbers it has no bytes.

        Raises:
            ModelError: The symbols are not uint32.
        """
        return _core.graph_encode(_numbers(symbols))

    def decode(self, payload: bytes, count: int) -> NDArray[np.uint32]:
        """Undo `encode`.

        Args:
            payload: What it returned.
            count: Numbers that were coded, twice as many as links.

        Returns:
            uint32 [count].

        Raises:
            FormatError: The payload is not one of so many numbers, or asks for more decisions or
                nodes than so many numbers may have.
        """
        return _core.graph_decode(payload, count)

    def memory_bytes(self, count: int) -> int:
        """Return the memory of contexts, and of what is known of each node, in bytes.

        Args:
            count: Numbers, twice as many as links.
        """
        return _core.graph_memory_bytes(count)


def is_graph(pairs: NDArray[Any]) -> bool:
    """Return whether links are few enough to be coded as lists.

    Args:
        pairs: uint32 [2 * links], source and target in turn.

    Raises:
        TypeError: The numbers are not uint32, or do not lie one after the other.
    """
    return _core.graph_is_graph(pairs)


def pays(pairs: NDArray[Any]) -> bool:
    """Return whether links are coded as lists, or, being too many for that, have super-nodes.

    Args:
        pairs: uint32 [2 * links], source and target in turn.

    Raises:
        TypeError: The numbers are not uint32, or do not lie one after the other.
    """
    return _core.graph_pays(pairs)


def _numbers(symbols: Symbols) -> NDArray[np.uint32]:
    import numpy as np

    if isinstance(symbols, bytes) or symbols.dtype != np.uint32:
        kind = "bytes" if isinstance(symbols, bytes) else str(symbols.dtype)
        raise ModelError(f"graph codes uint32: got {kind}")
    return np.ascontiguousarray(symbols)
