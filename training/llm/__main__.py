"""Trains a small language model of Llama's shape, and writes down how.

python -m training.bytelm prepare TEXT... --benchmarks FOLDER -o CLEAN
python -m training.llm tokenizer CLEAN -o tokenizer.json
python -m training.llm prepare CLEAN tokenizer.json -o DATA
python -m training.llm train DATA -o RUN --preset small --minutes 2
python -m training.llm export RUN DATA tokenizer.json -o small --form f16
"""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path

FORMS = ("f16", "bf16", "q8_0")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.llm",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    tokenizer = commands.add_parser("tokenizer", help="learn tokens from cleaned text")
    tokenizer.add_argument("clean", type=Path)
    tokenizer.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    tokenizer.add_argument("--bytes", type=int, default=60_000_000, help="of text to learn from")
    tokenizer.add_argument("--tokens", type=int, default=4096)
    first = commands.add_parser("prepare", help="turn cleaned text into tokens")
    first.add_argument("clean", type=Path)
    first.add_argument("tokenizer", type=Path)
    first.add_argument("-o", "--output", type=Path, required=True, metavar="DATA")
    train = commands.add_parser("train", help="train, or go on with --resume")
    train.add_argument("data", type=Path)
    train.add_argument("-o", "--output", type=Path, required=True, metavar="RUN")
    train.add_argument("--state", type=Path, metavar="FILE", help="default: RUN/state.pt")
    train.add_argument("--resume", action="store_true")
    train.add_argument("--preset", choices=("small", "small-q8", "tiny"), default="small")
    train.add_argument("--config", type=json.loads, default={}, metavar="JSON", help="other sizes")
    train.add_argument("--minutes", type=float, default=0.0)
    train.add_argument("--steps", type=int, default=0)
    train.add_argument("--rows", type=int, default=64)
    train.add_argument("--rate", type=float, default=3e-3)
    train.add_argument("--matrix-rate", type=float, default=0.02)
    train.add_argument("--decay", type=float, default=0.5, help="share of the run")
    train.add_argument("--seed", type=int, default=1)
    train.add_argument("--pieces", type=int, default=32, help="of each held-back text")
    train.add_argument("--last-pieces", type=int, default=256, help="and at the end")
    train.add_argument("--every", type=float, default=30.0, help="seconds between lines")
    train.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    train.add_argument("--compile", action="store_true")
    export = commands.add_parser("export", help="round, measure, write the card")
    export.add_argument("run", type=Path)
    export.add_argument("data", type=Path)
    export.add_argument("tokenizer", type=Path)
    export.add_argument("-o", "--output", type=Path, required=True)
    export.add_argument("--form", choices=FORMS, default="f16")
    export.add_argument("--pieces", type=int, default=64, help="of each held-back text")
    return parser


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = _parser().parse_args(arguments)
    words = sys.argv[1:] if arguments is None else arguments
    # Where the files are is nobody's business.
    command = shlex.join(Path(word).name if "/" in word else word for word in words)
    if options.command == "tokenizer":
        from training.llm.tokenizer import learn

        learnt = learn(options.clean, options.bytes, options.tokens, "llama-bpe")
        learnt.save(str(options.output), pretty=False)
    elif options.command == "prepare":
        from training.llm.data import prepare

        prepare(options.clean, options.tokenizer, options.output, _say, command)
    elif options.command == "train":
        _train(options, command)
    else:
        from training.llm.export import export

        export(
            options.run,
            options.data,
            options.tokenizer,
            options.output,
            options.form,
            options.pieces,
            _say,
        )
    return 0


def _train(options: argparse.Namespace, command: str) -> None:
    from training.llm.model import PRESETS
    from training.llm.train import Plan, Trainer

    plan = Plan(
        rows=options.rows,
        rate=options.rate,
        matrix_rate=options.matrix_rate,
        decay=options.decay,
        seed=options.seed,
        minutes=options.minutes,
        steps=options.steps,
        pieces=options.pieces,
        last_pieces=options.last_pieces,
        device=options.device,
        compile=options.compile,
    )
    config = replace(PRESETS[options.preset], **options.config)
    state = options.state or options.output / "state.pt"
    trainer = Trainer(config, plan, options.data, options.output, state, _say)
    if options.resume:
        trainer.resume()
    trainer.commands.append(command)
    trainer.run(options.every)


if __name__ == "__main__":
    sys.exit(main())
