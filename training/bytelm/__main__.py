"""Trains the network that ships with the package, and writes down how.

python -m training.bytelm prepare TEXT... --benchmarks FOLDER -o DATA
python -m training.bytelm train DATA -o RUN --minutes 80
python -m training.bytelm export RUN.pt DATA -o lmcodec/data/NAME.safetensors
python -m training.bytelm pack DATA -o PACKED --parts 2
python -m training.bytelm unpack PACKED/0 PACKED/1 -o DATA
python -m training.bytelm slim RUN.pt -o RUN-slim.pt --parts 3
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import sys
from pathlib import Path

from lmcodec.tuning.export import FORMATS
from lmcodec.tuning.model import ByteModel, Config
from lmcodec.tuning.restore import from_bytes
from training.bytelm import carry
from training.bytelm.data import prepare


def _sizes(text: str) -> Config:
    config = Config.of(json.loads(text))
    if config.word_bits not in FORMATS:
        # Before a run whose weights no file can hold.
        raise argparse.ArgumentTypeError(f"word_bits is not 8 or 4: {config.word_bits}")
    return config


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.bytelm",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    first = commands.add_parser("prepare", help="clean texts and hold some back")
    first.add_argument("texts", nargs="+", type=Path, help="files, plain or .xz")
    first.add_argument("-o", "--output", type=Path, required=True, metavar="DATA")
    first.add_argument(
        "--benchmarks", type=Path, metavar="FOLDER", help="no text of these files may be used"
    )
    train = commands.add_parser("train", help="train, or go on with --resume")
    train.add_argument("data", type=Path)
    train.add_argument("-o", "--output", type=Path, required=True, metavar="RUN")
    train.add_argument("--resume", action="store_true")
    train.add_argument(
        "--weights", type=Path, metavar="FILE", help="begin with those of a file of integers"
    )
    train.add_argument("--minutes", type=float, default=0.0)
    train.add_argument(
        "--stop", type=float, default=math.inf, metavar="MINUTES", help="then go on with --resume"
    )
    train.add_argument("--bytes", type=int, default=0)
    train.add_argument("--streams", type=int, default=32)
    train.add_argument("--length", type=int, default=256)
    train.add_argument("--threads", type=int, default=2)
    train.add_argument("--seed", type=int, default=1)
    train.add_argument("--rate", type=float, default=3e-3)
    train.add_argument("--matrix-rate", type=float, default=0.02)
    train.add_argument("--table-rate", type=float, default=2e-2)
    train.add_argument("--table-half", type=float, default=30.0)
    train.add_argument("--decay", type=float, default=0.4, help="share of the run")
    train.add_argument("--exact", type=float, default=0.08, help="share of the run, rounded")
    train.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    train.add_argument(
        "--config", type=_sizes, default=Config(), metavar="JSON", help="sizes that are others"
    )
    export = commands.add_parser("export", help="round to integers, measure, write the card")
    export.add_argument("checkpoint", type=Path)
    export.add_argument("data", type=Path)
    export.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    export.add_argument("--pieces", type=int, default=8, help="of each held-back text")
    export.add_argument("--vectors", type=Path, metavar="FILE", help="write test vectors too")
    pack = commands.add_parser("pack", help="pack prepared texts for another machine")
    pack.add_argument("data", type=Path)
    pack.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER")
    pack.add_argument("--parts", type=int, default=2)
    unpack = commands.add_parser("unpack", help="add packed parts to a folder of texts")
    unpack.add_argument("packed", nargs="+", type=Path)
    unpack.add_argument("-o", "--output", type=Path, required=True, metavar="DATA")
    slim = commands.add_parser("slim", help="cut what an export needs of a checkpoint into files")
    slim.add_argument("checkpoint", type=Path)
    slim.add_argument("-o", "--output", type=Path, required=True, metavar="FILE")
    slim.add_argument("--parts", type=int, default=1)
    return parser


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Run the command."""
    options = _parser().parse_args(arguments)
    words = sys.argv[1:] if arguments is None else arguments
    # Where the files are is nobody's business.
    command = shlex.join(Path(word).name if "/" in word else word for word in words)
    if options.command == "prepare":
        prepare(options.texts, options.benchmarks, options.output, _say, command)
    elif options.command == "train":
        _train(options, command)
    elif options.command == "pack":
        carry.pack(options.data, options.output, options.parts, _say)
    elif options.command == "unpack":
        carry.unpack(options.packed, options.output)
    elif options.command == "slim":
        for path in carry.slim(options.checkpoint, options.output, options.parts):
            _say(f"{path}: {path.stat().st_size:,} bytes")
    else:
        from training.bytelm.evaluate import export

        export(options.checkpoint, options.data, options.output, options.pieces, _say)
        if options.vectors:
            from training.bytelm.evaluate import write_vectors

            write_vectors(options.output, options.data, options.vectors)
    return 0


def _train(options: argparse.Namespace, command: str) -> None:
    from training.bytelm.train import Plan, Trainer

    plan = Plan(
        streams=options.streams,
        length=options.length,
        threads=options.threads,
        rate=options.rate,
        matrix_rate=options.matrix_rate,
        table_rate=options.table_rate,
        table_half=options.table_half,
        decay=options.decay,
        exact=options.exact,
        device=options.device,
        seed=options.seed,
        bytes=options.bytes,
        minutes=options.minutes,
    )
    if options.weights:
        model, _ = from_bytes(options.weights.read_bytes())
    else:
        model = ByteModel(options.config, plan.seed)
    trainer = Trainer(model, plan, options.data, options.output, _say)
    if options.resume:
        trainer.resume()
    trainer.commands.append(command)
    trainer.run(stop_s=60.0 * options.stop)


if __name__ == "__main__":
    sys.exit(main())
