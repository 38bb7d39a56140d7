"""Compares architectures at equal cost and equal text; decision 0010 has the results."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from lmcodec.tuning.data import Contexts, Rows
from lmcodec.tuning.kernels import Table
from lmcodec.tuning.model import ByteModel, Config, matrix
from training.bytelm.train import Plan, Trainer, held_bits, mean, texts


class Gru(nn.Module):
    """A gated recurrent unit over bytes, whose inputs come from tables, so at no multiply.

    Args:
        width: Of its state.
        contexts: Which contexts have tables.
    """

    def __init__(self, width: int, contexts: tuple[int, ...]) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        torch.manual_seed(0)
        self.width = width
        self.contexts = Contexts(Rows(), contexts)
        self.inner = 128
        self.table = Table(self.contexts.total, self.inner)
        self.table.values[:256] = torch.randn(256, self.inner, generator=generator)
        self.unit = nn.GRU(self.inner, width, batch_first=True)
        self.out = matrix(256, width, generator, 0.3)
        self.out_bias = nn.Parameter(torch.zeros(256))

    def start(self, streams: int) -> list[torch.Tensor]:
        """Return the state of streams before their first byte."""
        return [torch.zeros(1, streams, self.width)]

    def tables(self) -> list[Table]:
        """Return the tables whose rows are learnt."""
        return [self.table]

    def products(self) -> int:
        """Return multiply-adds for each byte; those of the input fold into the tables."""
        return 3 * self.width**2 + 256 * self.width

    def forward(self, batch: Any, state: list[torch.Tensor], _exact: bool = False) -> Any:
        """Return logits and the sums of rows."""
        state[0][:, batch.fresh] = 0.0
        x = self.table.sums(batch.index)
        streams = len(batch.fresh)
        y, state_ = self.unit(x.view(streams, -1, self.inner), state[0])
        state[0] = state_.detach().clone()
        logits = torch.addmm(self.out_bias, y.reshape(-1, self.width), self.out.t())
        return logits, [(self.table, batch.index, x)]


FLAT = {"word_width": 0, "word_blocks": 0}
VARIANTS: dict[str, Any] = {
    "gru": lambda: Gru(300, (0,)),
    "gru-grams": lambda: Gru(300, (0, 1, 2, 3, 4)),
    "flat": lambda: ByteModel(Config(width=144, hidden=288, blocks=2, contexts=(0,), **FLAT)),
    "flat-grams": lambda: ByteModel(Config(width=144, hidden=288, blocks=2, **FLAT)),
    "words": lambda: ByteModel(Config(contexts=(0,))),
    "words-grams": lambda: ByteModel(Config()),
    "words-pair": lambda: ByteModel(Config(contexts=(0, 1, 2, 3, 4, 5))),
    "words-large": lambda: ByteModel(
        Config(width=96, states=96, hidden=192, word_width=320, word_hidden=640)
    ),
    "words-one": lambda: ByteModel(Config(word_width=384, word_hidden=768, word_blocks=1)),
}


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("variant", choices=VARIANTS)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--megabytes", type=float, default=5.0)
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--matrix-rate", type=float, default=0.0)
    parser.add_argument("--table-rate", type=float, default=2e-2)
    parser.add_argument("--every", type=int, default=300)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = VARIANTS[options.variant]()
    products = model.products() if isinstance(model, Gru) else model.config.products()
    weights = sum(p.numel() for p in model.parameters())
    rows = sum(table.values.numel() for table in model.tables())
    print(f"{options.variant}: {products} multiply-adds, {weights} weights, {rows} in tables")
    plan = Plan(
        streams=options.streams,
        threads=1,
        rate=options.rate,
        matrix_rate=options.matrix_rate,
        table_rate=options.table_rate,
        bytes=int(options.megabytes * 1e6),
        decay=0.2,
        exact=False,
        pieces=2,
    )
    trainer = Trainer(
        model, plan, options.data, options.output, lambda line: print(line, flush=True)
    )
    trainer.run(options.every, 1e9)
    held = texts(options.data, "held")
    bits = held_bits(model, held, exact=trainer.exact, pieces=16, size=4096)
    result = {"variant": options.variant, "products": products, "weights": weights, "rows": rows}
    result |= {"bytes": trainer.seen, "seconds": trainer.spent, "held": mean(bits), "kinds": bits}
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
