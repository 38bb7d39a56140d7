"""The command `lmcodec`: one subcommand for each thing to do."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from lmcodec.arguments import (
    Parser,
    add_calls,
    add_decoding,
    add_encoding,
    add_files,
    add_language_model,
    add_looking_back,
    add_mixed,
    add_output,
    add_own_model,
    add_own_weights,
    add_recursive,
    add_sparse,
    add_threads,
    add_weights,
    add_words,
    level,
    load_weights,
    number,
    percent,
    positive,
    run_jobs,
    size,
    split_files,
    threads,
)
from lmcodec.errors import LmcodecError
from lmcodec.process import main_with
from lmcodec.tables import add_table, run_table
from lmcodec.terminal import Terminal, shown, table
from lmcodec.tokenizing import add_detokenize, add_tokenize, run_detokenize, run_tokenize

if TYPE_CHECKING:
    from lmcodec.fit_files import Job

    Run = Callable[[Parser, argparse.Namespace], int]
    # argparse does not name this type in public.
    Commands = argparse._SubParsersAction[Parser]

_SHELLS = ("bash", "zsh", "fish")


def build_parser() -> Parser:
    """Return the parser with all subcommands."""
    parser = Parser(
        prog="lmcodec",
        description="Lossless compression by named probability models.",
        epilog="`lmz` does the same with gzip's options. Exit code: 0 fine, 1 error, 2 warning.",
    )
    parser.add_argument("-V", "--version", action="store_true", help="show the version")
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=Parser)
    for verb, words in (
        ("compress", "compress files, or stdin"),
        ("decompress", "decompress files, or stdin"),
        ("test", "decode and check, write nothing"),
    ):
        _add_job(commands, verb, words)
    _add_info(commands)
    _add_recover(commands)
    _add_convert(commands)
    words = "list the models that this installation decodes, or show what a file of one is like"
    command = _command(commands, "models", words, _models)
    command.add_argument(
        "verb", nargs="?", choices=("show",), help="say what circuits and networks of ardm are like"
    )
    add_files(command)
    command.set_defaults(needs_files=False)
    command.add_argument("--json", action="store_true", help="a JSON record for each model")
    _add_bench(commands)
    _add_evaluate(commands)
    _add_download(commands)
    _add_corpora(commands)
    _add_train(commands)
    words = "say what the columns of a compressed table are like, or write some of them"
    add_table(_command(commands, "table", words, run_table))
    words = "split a text into tokens of equal information, for models over compressed text"
    add_tokenize(_command(commands, "tokenize", words, run_tokenize))
    add_detokenize(
        _command(commands, "detokenize", "write the text of what tokenize wrote", run_detokenize)
    )
    _command(commands, "doctor", "check the installation by coding with each model", _doctor)
    command = _command(commands, "completion", "print a shell's completion file", _completion)
    command.add_argument("shell", choices=_SHELLS)
    command.add_argument(
        "--command", choices=("lmcodec", "lmz"), default="lmz", help="which command to complete"
    )
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run `lmcodec`."""
    return main_with("lmcodec", _main, arguments)


def _main(arguments: list[str]) -> int:
    parser = build_parser()
    words, files = split_files(arguments)
    options, unknown = parser.parse_known_args(words)
    unknown += [] if "files" in options else files
    if unknown:
        # By the subcommand, whose help is the one to look at.
        getattr(options, "parser", parser).error(f"unrecognized arguments: {' '.join(unknown)}")
    if options.version:
        from lmcodec import __version__

        print(f"lmcodec {__version__}")
        return 0
    if "run" not in options:
        parser.print_help()
        return 1
    if "files" in options:
        options.files += files
        if options.needs_files and not options.files:
            options.parser.error("name a file")
    run: Run = options.run
    try:
        return run(options.parser, options)
    except BrokenPipeError:
        raise
    except (LmcodecError, OSError) as error:
        from lmcodec.outcomes import describe, hint

        name = getattr(error, "filename", None)
        where = f"{shown(name)}: " if isinstance(name, str) else ""
        Terminal("lmcodec").error(where + describe(error), hint(error))
        return 1


def _command(commands: Commands, name: str, words: str, run: Run) -> Parser:
    command = commands.add_parser(name, help=words, description=words[0].upper() + words[1:] + ".")
    command.set_defaults(run=run, parser=command, needs_files=False)
    return command


def _add_job(commands: Commands, verb: str, words: str) -> None:
    def run(parser: Parser, options: argparse.Namespace) -> int:
        return run_jobs(parser, verb, options, options.files)

    command = _command(commands, verb, words, run)
    add_files(command)
    group = command.add_argument_group("files")
    if verb != "test":
        add_output(group)
    add_recursive(group)
    if verb == "decompress":
        add_sparse(group)
    group = command.add_argument_group("coding")
    if verb == "compress":
        group.add_argument(
            "-L", "--level", type=level, metavar="N", help="1 (fast) to 9 (small); 5 by default"
        )
        add_encoding(group)
        add_language_model(command.add_argument_group("language models"))
        add_mixed(command.add_argument_group("language models and circuits"))
        add_calls(command.add_argument_group("networks of ardm"))
    else:
        add_decoding(group)
        add_own_model(group)
    add_weights(group, embed=verb == "compress")
    add_threads(group)
    add_words(command.add_argument_group("words"))


def _add_info(commands: Commands) -> None:
    command = _command(commands, "info", "say what files hold, by their headers", _info)
    add_files(command)
    command.set_defaults(needs_files=True)
    add_recursive(command.add_argument_group("files"))
    add_own_weights(command)
    command.add_argument(
        "-v", "--verbose", action="store_const", dest="verbosity", const=1, default=0,
        help="list all blocks",
    )  # fmt: skip
    command.add_argument("--json", action="store_true", help="a JSON record for each file")


def _info(parser: Parser, options: argparse.Namespace) -> int:
    from lmcodec.listing import list_streams

    terminal = Terminal("lmcodec", verbosity=options.verbosity)
    # Held, so that it is found.
    weights = load_weights(parser, terminal, options)
    if weights is not None:
        list_streams(options.files, terminal, as_json=options.json, recursive=options.recursive)
    return terminal.exit_code


def _add_recover(commands: Commands) -> None:
    command = _command(
        commands,
        "recover",
        "write what is undamaged in a damaged file, and say what is not",
        _recover,
    )
    command.add_argument("file", metavar="FILE")
    command.add_argument("-o", "--output", metavar="FILE", help="write to this file; - is stdout")
    command.add_argument("-f", "--force", action="store_true", help="replace the output")
    command.add_argument(
        "--fill",
        action="store_true",
        help="put zeros for what is lost, so that the rest stays in its place",
    )
    group = command.add_argument_group("coding")
    add_decoding(group)
    add_own_weights(group)


def _recover(parser: Parser, options: argparse.Namespace) -> int:
    from lmcodec.salvage import salvage

    terminal = Terminal("lmcodec")
    # Held, so that it is found.
    weights = load_weights(parser, terminal, options)
    if weights is not None:
        salvage(
            options.file,
            options.output,
            terminal,
            force=options.force,
            fill=options.fill,
            max_memory=options.memory,
        )
    return terminal.exit_code


def _add_convert(commands: Commands) -> None:
    command = _command(
        commands,
        "convert",
        "write a stream anew so that it decodes on every machine",
        _convert,
    )
    command.add_argument("file", metavar="FILE")
    command.add_argument(
        "-o", "--output", metavar="FILE", required=True, help="write to this file; - is stdout"
    )
    command.add_argument("-f", "--force", action="store_true", help="replace the output")
    group = command.add_argument_group("coding")
    group.add_argument(
        "-L", "--level", type=level, metavar="N", help="1 (fast) to 9 (small); 5 by default"
    )
    group.add_argument(
        "--model",
        default="auto",
        metavar="ID",
        help='a model, the folder or GGUF file of a language model, or "auto" for what stands for '
        "the one that is bound to this machine",
    )
    add_words(command.add_argument_group("words"), records=False)


def _convert(parser: Parser, options: argparse.Namespace) -> int:
    from lmcodec.convert import convert

    terminal = Terminal("lmcodec", verbosity=options.verbosity, progress=options.progress)
    weights = load_weights(parser, terminal, options)
    if weights is not None:
        convert(
            options.file,
            options.output,
            terminal,
            level=options.level,
            model=weights.model,
            force=options.force,
        )
    return terminal.exit_code


def _models(parser: Parser, options: argparse.Namespace) -> int:
    from lmcodec.models.base import MODELS

    if options.verb == "show":
        if not options.files:
            parser.error("name a file")
        from lmcodec.shown_models import show

        terminal = Terminal("lmcodec")
        show(options.files, terminal, as_json=options.json)
        return terminal.exit_code
    rows: list[list[object]] = [["id", "version", "profile", "what it does"]]
    for cls in MODELS.list():
        profile = "host-bound" if cls.host_bound else "portable"
        what = (cls.__doc__ or "").strip().split("\n", 1)[0]
        rows.append([cls.id, cls.version, profile, what])
    if options.json:
        from lmcodec.listing import print_record

        for row in rows[1:]:
            print_record(dict(zip(("id", "version", "profile", "summary"), row, strict=True)))
    else:
        print("\n".join(table(rows, right=0)))
    return 0


def _add_bench(commands: Commands) -> None:
    command = _command(commands, "bench", "compare codecs on files; each decode is checked", _bench)
    add_files(command)
    command.set_defaults(needs_files=True)
    command.add_argument(
        "--codec", action="append", metavar="PATTERN", help='such as "xz" or "kanzi*"; repeatable'
    )
    command.add_argument(
        "-L", "--level", type=level, action="append", metavar="N", help="of lmcodec; repeatable"
    )
    command.add_argument("--model", default="auto", metavar="ID", help="of lmcodec")
    command.add_argument("-T", "--threads", type=threads, default=1, metavar="N", help="of lmcodec")
    command.add_argument(
        "--repeat", type=int, default=1, metavar="N", help="least of N runs counts"
    )


def _bench(_parser: Parser, options: argparse.Namespace) -> int:
    from pathlib import Path

    from lmcodec import bench

    files = [Path(name) for name in options.files]
    for file in files:
        file.open("rb").close()
    rows = bench.run(
        files,
        codecs=options.codec or bench.DEFAULT_CODECS,
        levels=options.level or (1, 5, 9),
        model=options.model,
        threads=options.threads,
        repeat=options.repeat,
    )
    return 0 if all(row.ok for row in rows) else 1


def _add_evaluate(commands: Commands) -> None:
    command = _command(
        commands,
        "evaluate",
        "say what a language model makes of a text: entropy, and ways to code the tokens",
        _evaluate,
    )
    add_files(command)
    command.set_defaults(needs_files=True)
    group = command.add_argument_group("language models")
    group.add_argument(
        "--model",
        metavar="PATH",
        required=True,
        help="folder or GGUF file of the language model",
    )
    add_looking_back(group)
    group = command.add_argument_group("words")
    group.add_argument(
        "-v", "--verbose", action="store_const", dest="verbosity", const=1, default=0,
        help="a line before each way",
    )  # fmt: skip
    group.add_argument("--json", action="store_true", help="a JSON record for each file")


def _evaluate(parser: Parser, options: argparse.Namespace) -> int:
    from lmcodec.models.llm import Llm

    terminal = Terminal("lmcodec", verbosity=options.verbosity)
    weights = load_weights(parser, terminal, options)
    if weights is None:
        return terminal.exit_code
    if not isinstance(weights.model, Llm):
        parser.error(f"argument --model: no folder or file of a language model: {options.model!r}")
    from lmcodec.evaluate import evaluate_files

    evaluate_files(options.files, weights.model, terminal, as_json=options.json)
    return terminal.exit_code


def _add_download(commands: Commands) -> None:
    command = _command(
        commands, "download", "fetch a language model from a hub; nothing else ever does", _download
    )
    command.add_argument("repository", metavar="OWNER/NAME")
    command.add_argument(
        "-o",
        "--output",
        metavar="FOLDER",
        help="make its folder here; by default in the first one of LMCODEC_MODEL_PATH",
    )
    command.add_argument("--file", metavar="NAME", help="a GGUF file of the repository")
    command.add_argument("--revision", metavar="NAME", help="a branch, tag or commit")


def _download(parser: Parser, options: argparse.Namespace) -> int:
    from lmcodec.errors import LmcodecError
    from lmcodec.hub import download
    from lmcodec.outcomes import describe, hint

    terminal = Terminal("lmcodec")
    try:
        found = download(
            options.repository, options.output, file=options.file, revision=options.revision
        )
    except ValueError as error:
        if isinstance(error, LmcodecError):
            terminal.error(describe(error), hint(error))
            return terminal.exit_code
        parser.error(str(error))
    except (LmcodecError, OSError) as error:
        terminal.error(describe(error), hint(error))
        return terminal.exit_code
    print(found)
    return 0


def _add_corpora(commands: Commands) -> None:
    command = _command(commands, "corpora", "list, get and verify the benchmark corpora", _corpora)
    command.add_argument("action", choices=("list", "get", "verify"))
    command.add_argument("names", nargs="*", metavar="NAME", help="all by default; get needs some")


def _corpora(parser: Parser, options: argparse.Namespace) -> int:
    from lmcodec import corpora

    terminal = Terminal("lmcodec")
    known = {each.name: each for each in corpora.list_corpora()}
    for name in options.names:
        if name not in known:
            parser.error(f"corpus is not known: {name}")
    if options.action == "list":
        rows: list[list[object]] = [["bytes", "name", "kind", "licence"]]
        chosen = [known[name] for name in options.names or known]
        rows += [[each.raw_bytes, each.name, each.kind, each.licence] for each in chosen]
        print("\n".join(table(rows, right=1)))
    elif options.action == "get":
        if not options.names:
            parser.error("name the corpora to get")
        for name in options.names:
            _get(name, terminal)
    else:
        for check in corpora.verify(options.names or None):
            print(f"{check.status:8}{check.corpus.name}")
            if check.status == "wrong" or (check.status == "missing" and options.names):
                terminal.error(check.message.splitlines()[0])
    return terminal.exit_code


def _get(name: str, terminal: Terminal) -> None:
    from lmcodec import corpora

    done = 0

    def note(so_far: int, total: int | None) -> None:
        nonlocal done
        if not done:
            terminal.begin(name, total, lambda: done)
        done = so_far

    try:
        try:
            path = corpora.get(name, note)
        finally:
            terminal.end()
    except LmcodecError as error:
        # The others are got nevertheless.
        terminal.error(str(error).splitlines()[0], error.hint)
    else:
        print(path)


def _add_train(commands: Commands) -> None:
    command = _command(
        commands,
        "train",
        "learn what others of their kind are like from text (--prior, --network) or arrays",
        _train,
    )
    add_files(command)
    command.set_defaults(needs_files=True)
    group = command.add_argument_group("files")
    group.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        required=True,
        help="write it here; - is stdout",
    )
    group.add_argument("-f", "--force", action="store_true", help="replace the output")
    add_recursive(group)
    group = command.add_argument_group("training")
    group.add_argument(
        "--model",
        choices=("cm", "bytelm", "circuit", "ardm"),
        default="cm",
        help="what is to know the text: cm by a prior, in seconds, or bytelm, in minutes; circuit "
        "and ardm are for arrays of samples that are all alike, as images",
    )
    group.add_argument(
        "--base",
        metavar="NAME",
        help="what to start from, a name or a file: general-1.1, or none for a prior with a table "
        "of its own; of a network, that of the package",
    )
    group.add_argument(
        "--lines", action="store_true", help="each line is a sample of its own, not each file"
    )
    group.add_argument(
        "--hold-back",
        type=percent,
        default=10,
        metavar="PERCENT",
        help="of the text, to tell what is gained: 0 to 50, 10 by default",
    )
    add_threads(group)
    group = command.add_argument_group("priors")
    group.add_argument(
        "--name", metavar="NAME", help="what the prior is called; by default as its file"
    )
    group.add_argument(
        "--text",
        type=size,
        metavar="SIZE",
        help="of the text that is coded before each stream, at most; 32KiB",
    )
    group.add_argument(
        "--size",
        type=size,
        metavar="SIZE",
        help="of the table at most, where the base is none; 1MiB",
    )
    group.add_argument(
        "--memory",
        type=size,
        metavar="SIZE",
        help="refuse text that needs more memory; by default three quarters of the machine's",
    )
    group = command.add_argument_group("networks; they need torch")
    group.add_argument(
        "--minutes", type=positive, metavar="N", help="stop after this time at the latest; 10"
    )
    group.add_argument(
        "--passes", type=positive, metavar="N", help="how often to see the text, about; 4"
    )
    group = command.add_argument_group("circuits; they need numba")
    group.add_argument("--states", type=number, metavar="N", help="hidden states of each node; 16")
    group.add_argument(
        "--structure",
        choices=("chow-liu", "split", "chain"),
        help="tree of the nodes: chow-liu finds it in the samples, split halves an image again "
        "and again, chain is a hidden Markov model; chow-liu",
    )
    group.add_argument(
        "--epochs", type=number, metavar="N", help="how often to see the samples, at most; 60"
    )
    group = command.add_argument_group("networks of ardm; they need torch")
    group.add_argument(
        "--stages", type=number, metavar="N", help="how often a symbol is refined; 1"
    )
    group = command.add_argument_group("networks and circuits")
    group.add_argument("--seed", type=number, metavar="N", help="of what is drawn; 1")
    group.add_argument(
        "--resume", action="store_true", default=None, help="go on from a checkpoint"
    )
    add_words(command.add_argument_group("words"), records=False)


# Options that have a meaning for some kinds alone.
_OWN = {
    "cm": ("name", "text", "size", "memory", "base"),
    "bytelm": ("minutes", "passes", "seed", "resume", "base"),
    "circuit": ("states", "structure", "epochs", "seed", "resume"),
    "ardm": ("minutes", "stages", "seed", "resume"),
}
_KINDS = {
    "cm": "priors",
    "bytelm": "networks",
    "circuit": "circuits",
    "ardm": "networks of ardm",
}


def _train(parser: Parser, options: argparse.Namespace) -> int:
    terminal = Terminal("lmcodec", verbosity=options.verbosity, progress=options.progress)
    own = _OWN[options.model]
    for name in sorted({name for names in _OWN.values() for name in names} - set(own)):
        if getattr(options, name) is not None:
            parser.error(f"argument --{name}: has no meaning for {_KINDS[options.model]}")
    if options.model in ("circuit", "ardm") and options.lines:
        parser.error(f"argument --lines: has no meaning for {_KINDS[options.model]}")
    work = {
        "cm": _train_prior,
        "bytelm": _train_network,
        "circuit": _fit_circuit,
        "ardm": _learn_ardm,
    }
    try:
        work[options.model](options, terminal)
    except ValueError as error:
        if isinstance(error, LmcodecError):
            raise
        parser.error(str(error))
    return terminal.exit_code


def _train_prior(options: argparse.Namespace, terminal: Terminal) -> None:
    from lmcodec.train import DEFAULT_BASE, DEFAULT_BYTES
    from lmcodec.train_files import train_files

    train_files(
        options.files,
        options.output,
        terminal,
        name=_name_of_prior(options.output) if options.name is None else options.name,
        base=DEFAULT_BASE if options.base is None else options.base,
        text=options.text,
        size=DEFAULT_BYTES if options.size is None else options.size,
        threads=options.threads,
        hold_back_percent=options.hold_back,
        max_memory=options.memory,
        by_line=options.lines,
        recursive=options.recursive,
        force=options.force,
    )


def _train_network(options: argparse.Namespace, terminal: Terminal) -> None:
    from lmcodec.tune import DEFAULT_BASE, DEFAULT_MINUTES, DEFAULT_PASSES
    from lmcodec.tune_files import tune_files

    tune_files(
        options.files,
        options.output,
        terminal,
        base=DEFAULT_BASE if options.base is None else options.base,
        minutes=options.minutes or DEFAULT_MINUTES,
        passes=options.passes or DEFAULT_PASSES,
        seed=1 if options.seed is None else options.seed,
        threads=options.threads,
        hold_back_percent=options.hold_back,
        by_line=options.lines,
        recursive=options.recursive,
        force=options.force,
        resume=bool(options.resume),
    )


def _fit_circuit(options: argparse.Namespace, terminal: Terminal) -> None:
    from lmcodec.fit_files import fit_files

    fit_files(
        _job(options),
        terminal,
        states=options.states or 16,
        structure=options.structure or "chow-liu",
        epochs=options.epochs or 60,
        seed=1 if options.seed is None else options.seed,
        threads=options.threads,
    )


def _learn_ardm(options: argparse.Namespace, terminal: Terminal) -> None:
    from lmcodec.learn_files import DEFAULT_MINUTES, learn_files

    learn_files(
        _job(options),
        terminal,
        stages=1 if options.stages is None else options.stages,
        minutes=options.minutes or DEFAULT_MINUTES,
        seed=1 if options.seed is None else options.seed,
        threads=options.threads,
    )


def _job(options: argparse.Namespace) -> Job:
    from lmcodec.fit_files import Job

    return Job(
        options.files,
        options.output,
        hold_back_percent=options.hold_back,
        recursive=options.recursive,
        force=options.force,
        resume=bool(options.resume),
    )


def _name_of_prior(output: str) -> str:
    if output == "-":
        return "own"
    return os.path.basename(output).removesuffix(".prior").lower()


def _doctor(_parser: Parser, _options: argparse.Namespace) -> int:
    from lmcodec.doctor import examine

    return examine()


def _completion(_parser: Parser, options: argparse.Namespace) -> int:
    from importlib import resources

    name = f"data/completion/{options.command}.{options.shell}"
    print(resources.files("lmcodec").joinpath(name).read_text(encoding="utf-8"), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
