"""Networks of `ardm` by torch: in floats, for the machine that encoded alone.

All items of a group go in step with each other: each call of the network serves, of all of them,
the positions that its step says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lmcodec import coder
from lmcodec._core import report
from lmcodec.errors import CorruptError, TruncatedError
from lmcodec.host import CHECK_BYTES, Checks, check_dtype, torch_module
from lmcodec.packing import Cursor

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from lmcodec.fitted import FittedArdm

# Branches after which a check word follows.
CHECKED = 1 << 16
# Values of a layer at most, on which it depends how many items a product has.
VALUES = 1 << 24


class HostNetwork:
    """A network that torch runs.

    Args:
        network: What was read from a file.
        device: "cpu", "cuda" or "mps".
        dtype: That of weights and layers; probabilities are always computed in float32.

    Raises:
        ModelError: Torch is not installed, or there is no such type.
    """

    def __init__(self, network: FittedArdm, device: str, dtype: str) -> None:
        torch = torch_module()
        check_dtype(dtype)
        from lmcodec.ardm.restore import floats

        self._torch, self._device = torch, device
        self._model = floats(network).to(device, getattr(torch, dtype))
        self.config = self._model.config
        self._order = torch.tensor(network.core.order)

    def encode(self, numbers: NDArray[np.uint8], before: int, steps: list[int]) -> bytes:
        """Code a group.

        Args:
            numbers: Of symbols.
            before: How many symbols were coded before.
            steps: How many positions each call serves.

        Returns:
            The stack, check words.

        Shapes:
            numbers: uint8 [items, size]
        """
        import numpy as np

        checks = Checks(CHECKED, "branches")
        gathered = []
        states = self._begin(len(numbers))
        for level, positions in self._calls(steps, len(numbers), before):
            some = numbers[:, positions.numpy()].astype(np.uint32)
            branches = some % self.config.leaves(level) // self.config.leaves(level + 1)
            first = 0
            for rows in self._rows(states, level, positions):
                checks.add(rows)
                some = branches.ravel()[first : first + len(rows)]
                gathered.append(coder.intervals(some, rows))
                first += len(rows)
            self._refine(states, level, positions, branches)
        checks.finish()
        stack = coder.RansStack()
        starts, freqs = (np.concatenate(part) for part in zip(*gathered, strict=True))
        stack.push_intervals(starts, freqs)
        return stack.to_bytes() + bytes(checks.words)

    def decode(
        self, coded: memoryview, items: int, before: int, steps: list[int]
    ) -> NDArray[np.uint8]:
        """Undo `encode`.

        Args:
            coded: What it returned.
            items: How many there are.
            before: How many symbols were decoded before.
            steps: As then.

        Raises:
            NotReproducibleError: Something else was computed here than when encoding.
            CorruptError: The group is damaged.
            TruncatedError: It ends early.

        Shapes:
            returns: uint8 [items, size]
        """
        import numpy as np

        words = CHECK_BYTES * -(-items * self.config.size * self.config.stages // CHECKED)
        if len(coded) < words:
            raise CorruptError(f"{len(coded)} bytes do not fit {items} samples")
        cursor = Cursor(coded)
        stack = coder.RansStack.from_bytes(cursor.take(len(coded) - words, "stack"))
        checks = Checks(CHECKED, "branches", bytes(cursor.take(words, "check words")))
        states = self._begin(items)
        for level, positions in self._calls(steps, items, before):
            found = []
            for rows in self._rows(states, level, positions):
                try:
                    found.append(stack.pop(rows))
                except TruncatedError:
                    # Maybe because something else was computed, which says more.
                    checks.finish()
                    raise
                checks.add(rows)
            self._refine(states, level, positions, np.concatenate(found).reshape(items, -1))
        checks.finish()
        stack.finish()
        leaves = states - self.config.starts[self.config.stages]
        numbers: NDArray[np.uint8] = leaves.cpu().numpy().astype(np.uint8)
        return numbers

    def _begin(self, items: int) -> Any:
        """Return the states of items of which nothing is known [items, size]."""
        torch = self._torch
        return torch.zeros(items, self.config.size, dtype=torch.int32, device=self._device)

    def _calls(self, steps: list[int], items: int, before: int) -> Iterator[tuple[int, Any]]:
        """Yield level and positions [k] of each call; say how far the coding is."""
        done, stages = 0, self.config.stages
        for step in steps:
            level, place = divmod(done, self.config.size)
            yield level, self._order[place : place + step]
            reached = [before + items * refined // stages for refined in (done, done + step)]
            report(*reached)
            done += step

    def _rows(self, states: Any, level: int, positions: Any) -> Iterator[NDArray[np.float32]]:
        """Yield the distributions of branches of some items at a time, all of an item together.

        Shapes:
            states: int32 [items, size]
            positions: int64 [k]
            yields: float32 [some items * k, branches]
        """
        torch, config = self._torch, self.config
        start, branches, child = (
            config.starts[level],
            config.levels[level],
            config.leaves(level + 1),
        )
        at = positions.to(self._device)
        for some in states.split(self._together(len(positions))):
            with torch.inference_mode():
                logits = self._model(some, at[None]).float()
                leaves = logits.view(len(some), len(at), -1, branches, child)
                nodes = (some[:, at] - start).long()[:, :, None, None, None]
                below = leaves.gather(2, nodes.expand(-1, -1, 1, branches, child))
                rows: NDArray[np.float32] = (
                    below.flatten(0, 2).logsumexp(2).softmax(1).cpu().numpy()
                )
            yield rows

    def _refine(self, states: Any, level: int, positions: Any, branches: NDArray[Any]) -> None:
        """Put positions [k] of all items to the nodes to which branches [items, k] lead."""
        torch, config = self._torch, self.config
        at = positions.to(self._device)
        taken = torch.from_numpy(branches.astype("i4")).to(self._device)
        nodes = (states[:, at] - config.starts[level]) * config.levels[level] + taken
        states[:, at] = config.starts[level + 1] + nodes

    def _together(self, positions: int) -> int:
        """Return how many items go into a product, of each so many positions."""
        config = self.config
        widest = max(config.width, config.hidden, config.alphabet, self._model.first.shape[1])
        whole = config.size * config.outline_features if config.outline else 0
        return max(1, VALUES // max(positions * widest, whole))
