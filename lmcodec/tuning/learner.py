"""One step of training: gradients of a batch, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from lmcodec.tuning.optimize import Muon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lmcodec.tuning.data import Batch
    from lmcodec.tuning.kernels import Table
    from lmcodec.tuning.model import State

    # The loss, the gradients of parameters and of sums of rows, and which rows these are of.
    Gradients = tuple[torch.Tensor, Sequence[torch.Tensor], list[tuple[Table, torch.Tensor]]]


@dataclass(frozen=True)
class Rates:
    """How large steps are.

    Args:
        others: Of AdamW, for biases and the last matrix.
        matrices: Of Muon, for the matrices between hidden values; 0 leaves them to AdamW.
        tables: Of the tables.
        half: Uses of a row after which its steps are seven tenths as large.
    """

    others: float
    matrices: float
    tables: float
    half: float


def autocast(device: torch.device) -> torch.autocast:
    """Return what makes products of 16 bits on an accelerator."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type != "cpu")


class Learner:
    """A model and its optimizers.

    Args:
        model: The model, on the device where it stays.
        rates: How large steps are.
    """

    def __init__(self, model: Any, rates: Rates) -> None:
        self.model, self.rates = model, rates
        matrices: list[torch.nn.Parameter] = []
        others: list[torch.nn.Parameter] = []
        for name, p in model.named_parameters():
            hidden = rates.matrices and p.ndim == 2 and name != "out"
            (matrices if hidden else others).append(p)
        self._adam = torch.optim.AdamW(
            others,
            lr=rates.others,
            betas=(0.9, 0.98),
            weight_decay=0.02,
            fused=True,
            capturable=others[0].is_cuda,
        )
        self._muon = Muon(matrices, lr=rates.matrices) if matrices else None
        self._params = list(model.parameters())

    def gradients(self, part: Batch, state: State, exact: bool) -> Gradients:
        """Return the gradients of a batch; ``state`` goes on to the next one.

        Args:
            part: The batch.
            state: What its streams kept from the batch before.
            exact: Whether to round as the integers do.
        """
        with autocast(part.fresh.device):
            logits, sums = self.model(part, state, exact)
        loss = functional.cross_entropy(logits.float(), part.targets)
        grads = torch.autograd.grad(loss, [*self._params, *(x for _, _, x in sums)])
        return loss.detach(), grads, [(table, index) for table, index, _ in sums]

    def apply(self, results: Sequence[Gradients], factor: Any) -> None:
        """Change the model by the mean of gradients.

        Args:
            results: Gradients of the parts of a batch.
            factor: Of all rates: a number, or a tensor of one.
        """
        rates, count = self.rates, len(self._params)
        for n, p in enumerate(self._params):
            p.grad = results[0][1][n]
            for _, grads, _ in results[1:]:
                p.grad += grads[n]
            if len(results) > 1:
                p.grad /= len(results)
        torch.nn.utils.clip_grad_norm_(self._params, 1.0)
        for group in self._adam.param_groups:
            group["lr"] = rates.others * factor
        self._adam.step()
        if self._muon:
            for group in self._muon.param_groups:
                group["lr"] = rates.matrices * factor
            self._muon.step()
        for _, grads, used in results:
            for (table, index), grad in zip(used, grads[count:], strict=True):
                table.add(index, grad)
        for table in self.model.tables():
            table.step(rates.tables * factor, half=rates.half)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint must hold."""
        return {
            "model": self.model.state_dict(),
            "tables": [table.state() for table in self.model.tables()],
            "adam": self._adam.state_dict(),
            "muon": self._muon.state_dict() if self._muon else None,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Take all from a checkpoint."""
        self.model.load_state_dict(state["model"])
        for table, values in zip(self.model.tables(), state["tables"], strict=True):
            table.load(values)
        self._adam.load_state_dict(state["adam"])
        if self._muon:
            self._muon.load_state_dict(state["muon"])
