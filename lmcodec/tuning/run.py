"""Training a network further on other text."""

from __future__ import annotations

import json
import math
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from lmcodec.errors import FormatError
from lmcodec.tuning.data import DOCUMENTS, Streams
from lmcodec.tuning.export import to_bytes
from lmcodec.tuning.learner import Learner, Rates
from lmcodec.tuning.optimize import rate_at
from lmcodec.tuning.restore import from_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Half of those with which the network of the package was trained; decision 0014 has what others
# give. Its steps for matrices take a third of the time here, and learn less in it.
RATES = Rates(others=2e-3, matrices=0.0, tables=1e-2, half=300.0)
STREAMS, LENGTH = 16, 256
# Steps in which rates rise: so many, or a tenth of all.
_WARM_UP = 20
_SAVE_S = 60.0
# A document must not be a large part of all text, or it would come again in itself.
_DOCUMENTS_IN_TEXT = 4


@dataclass(frozen=True)
class Plan:
    """How long to train, and on what.

    Args:
        text: All text.
        bytes: How many to see.
        minutes: Stop after this time at the latest, or None.
        seed: Of what is read when.
        name: What checkpoints must agree in: digests of base and text.
    """

    text: bytes
    bytes: int
    minutes: float | None
    seed: int
    name: str


@contextmanager
def use_threads(count: int | None) -> Iterator[None]:
    """Let torch use so many threads, or as many as it does at any rate."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class Run:
    """Training of one network.

    Args:
        base: The file to start from.
        plan: How long, and on what.
    """

    def __init__(self, base: bytes, plan: Plan) -> None:
        model, self._more = from_bytes(base)
        self._plan = plan
        self._learner = Learner(model, RATES)
        self.step, self.seen, self.spent = 0, 0, 0.0
        # Bits for each byte of the last step.
        self.bits = math.nan

    @property
    def progress(self) -> float:
        """The share of the work that is done."""
        plan = self._plan
        spent = self.spent / (60.0 * plan.minutes) if plan.minutes is not None else 0.0
        return min(1.0, max(self.seen / plan.bytes, spent))

    def train(self, tell: Callable[[], None], checkpoint: Path | None) -> None:
        """Train to the end of the plan.

        Args:
            tell: Called after each step; what it raises ends the training.
            checkpoint: Where to leave what is needed to go on, or None.
        """
        plan, model = self._plan, self._learner.model
        sizes = {
            size: share
            for size, share in DOCUMENTS.items()
            if size == min(DOCUMENTS) or size * _DOCUMENTS_IN_TEXT <= len(plan.text)
        }
        total = sum(sizes.values())
        texts = {"": np.frombuffer(plan.text, np.uint8)}
        # Other text than before an interruption.
        seed = (plan.seed, self.step)
        draw = Streams(
            texts,
            {"": 1.0},
            model.contexts,
            STREAMS,
            LENGTH,
            seed,
            {size: share / total for size, share in sizes.items()},
        )
        state = model.start(STREAMS)
        warm_up = min(_WARM_UP, 1 + plan.bytes // (STREAMS * LENGTH * 10))
        begun, clock = self.spent, time.monotonic()
        saved = clock
        try:
            while self.progress < 1.0:
                result = self._learner.gradients(draw(), state, exact=True)
                self._learner.apply([result], rate_at(self.progress, self.step, 1.0, warm_up))
                self.step += 1
                self.seen += STREAMS * LENGTH
                self.bits = float(result[0]) / math.log(2)
                now = time.monotonic()
                self.spent = begun + now - clock
                if checkpoint is not None and now - saved > _SAVE_S:
                    self.save(checkpoint)
                    saved = now
                tell()
        except BaseException:
            if checkpoint is not None:
                self.save(checkpoint)
            raise

    def file(self) -> bytes:
        """Return the network as it is now, in integers."""
        return to_bytes(self._learner.model, self._more)

    def save(self, path: Path) -> None:
        """Write a checkpoint, which appears whole or not at all."""
        tensors: dict[str, torch.Tensor] = {}
        _flatten("", self._learner.state(), tensors)
        at = json.dumps({"at": [self.step, self.seen, self.spent], "name": self._plan.name})
        part = path.with_name(f"{path.name}.part")
        save_file(tensors, part, {"tuning": at})
        part.replace(path)

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises:
            FormatError: It is none, or damaged.
            ValueError: It is of another text or base.
            OSError: It cannot be read.
        """
        # What it names must be there before the library reads it: its errors have no names.
        path.open("rb").close()
        state = self._learner.state()
        try:
            with safe_open(path, "pt") as file:
                words = json.loads((file.metadata() or {})["tuning"])
                if words["name"] != self._plan.name:
                    raise ValueError(f"checkpoint is of another text or base: {path}")
                _fill("", state, file)
            self._learner.load(state)
            self.step, self.seen, self.spent = words["at"]
        except (SafetensorError, KeyError, RuntimeError) as error:
            raise FormatError(f"checkpoint is damaged, or none: {path}: {error}") from error


def _flatten(name: str, value: Any, out: dict[str, torch.Tensor]) -> None:
    """Gather the tensors of a state by where they stand in it."""
    if isinstance(value, torch.Tensor):
        out[name] = value.contiguous().clone()
    elif isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in items:
            _flatten(f"{name}/{key}", part, out)


def _fill(name: str, value: Any, file: Any) -> None:
    """Put tensors where they stood."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in items:
        where = f"{name}/{key}"
        if isinstance(part, torch.Tensor):
            value[key] = file.get_tensor(where)
        elif isinstance(part, (dict, list)):
            _fill(where, part, file)
