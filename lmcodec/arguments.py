"""What the command lines have in common: the parser, its types and options, and how a run ends."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeVar

from lmcodec.terminal import Terminal

if TYPE_CHECKING:
    from lmcodec.errors import LmcodecError
    from lmcodec.jobs import Job
    from lmcodec.models.base import Model
    from lmcodec.network import Network
    from lmcodec.prior import Prior

W = TypeVar("W")

LONG_BLOCK_BYTES = 1 << 30
_SIZE = re.compile(r"(\d+)(?:([KMGT])(?:I?B)?|B)?", re.IGNORECASE)


class Parser(argparse.ArgumentParser):
    """A parser that ends with exit code 1 and one line, and takes no shortened options."""

    def __init__(self, **settings: object) -> None:
        settings.setdefault("allow_abbrev", False)
        settings.setdefault("formatter_class", _Help)
        super().__init__(**settings)  # type: ignore[arg-type]

    def error(self, message: str) -> NoReturn:
        """Print what is wrong, and end the process."""
        terminal = Terminal(self.prog.split()[0])
        terminal.error(message, f"type {self.prog} --help for help")
        raise SystemExit(1)


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        # Not the width of the terminal: the pages that ship are made from this text.
        super().__init__(prog, max_help_position=28, width=100)


def split_files(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Split off what follows a ``--``: file names, whatever they begin with."""
    words = list(arguments)
    if "--" not in words:
        return words, []
    at = words.index("--")
    return words[:at], words[at + 1 :]


def size(text: str) -> int:
    """Parse a number of bytes: K, M, G and T, as well as KB and KiB, are powers of 1024.

    Raises:
        ArgumentTypeError: It is none.

    Example:
        >>> size("4K"), size("1GiB"), size("17")
        (4096, 1073741824, 17)
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise argparse.ArgumentTypeError(f"not a size: {text!r}; write for example 64M or 1GiB")
    return int(match[1]) << 10 * " KMGT".index((match[2] or " ").upper())


def threads(text: str) -> int:
    """Parse a number of threads; 0 is one for each core.

    Raises:
        ArgumentTypeError: It is none.
    """
    if not text.isdecimal() or int(text) > 1024:
        raise argparse.ArgumentTypeError(f"number of threads must be 0 to 1024: got {text!r}")
    return int(text) or _cores()


def level(text: str) -> int:
    """Parse a level.

    Raises:
        ArgumentTypeError: It is none.
    """
    if re.fullmatch("[1-9]", text) is None:
        raise argparse.ArgumentTypeError(f"level must be 1 to 9: got {text!r}")
    return int(text)


def add_levels(group: argparse._ArgumentGroup) -> None:
    """Add -1 to -9; the help shows the first and the last."""
    for number in range(1, 10):
        names = {1: ["--fast"], 9: ["--best"]}.get(number, [])
        words = {1: "fastest", 9: "smallest; what lies between trades one for the other"}
        group.add_argument(
            f"-{number}",
            *names,
            dest="level",
            action="store_const",
            const=number,
            help=words.get(number, argparse.SUPPRESS),
        )


def percent(text: str) -> int:
    """Parse a number from 0 to 50.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not text.isdecimal() or not 0 <= int(text) <= 50:
        raise argparse.ArgumentTypeError(f"must be 0 to 50: {text}")
    return int(text)


def number(text: str) -> int:
    """Parse a whole number, 0 or more.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number: {text}")
    return int(text)


def positive(text: str) -> float:
    """Parse a number above 0.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    if re.fullmatch(r"\d+(\.\d+)?|\.\d+", text) is None or not float(text) > 0:
        raise argparse.ArgumentTypeError(f"must be a number above 0: {text}")
    return float(text)


def add_files(parser: argparse.ArgumentParser) -> None:
    """Add the names of files."""
    parser.add_argument("files", nargs="*", metavar="FILE", help="files; - is standard input")


def add_output(group: argparse._ArgumentGroup) -> None:
    """Add where outputs go, and what becomes of the sources."""
    group.add_argument(
        "-c", "--stdout", "--to-stdout", action="store_true", help="write to standard output"
    )
    group.add_argument("-o", "--output", metavar="FILE", help="write to this file; - is stdout")
    group.add_argument(
        "-f", "--force", action="store_true", help="replace files, follow links, use terminals"
    )
    group.add_argument(
        "-k", "--keep", dest="rm", action="store_false", default=False, help="keep sources: default"
    )
    group.add_argument(
        "--rm", action="store_true", help="remove each source after its output was read back"
    )
    group.add_argument(
        "--verify", action="store_true", help="read each output back, and compare it"
    )


def add_recursive(group: argparse._ArgumentGroup) -> None:
    """Add -r."""
    group.add_argument(
        "-r", "--recursive", action="store_true", help="work on all files below folders"
    )


def add_encoding(group: argparse._ArgumentGroup) -> None:
    """Add what a compressor can choose."""
    group.add_argument(
        "--model",
        default="auto",
        metavar="ID",
        help='"auto", "stored", a model, the folder or GGUF file of a language model, or the file '
        "of a network of your own",
    )
    group.add_argument(
        "--transform", default="auto", metavar="ID", help='"auto", "raw" for none, or a transform'
    )
    group.add_argument(
        "--block-size",
        type=size,
        metavar="SIZE",
        help="content that can be decoded alone; the smaller, the faster is random access",
    )
    group.add_argument(
        "--long",
        dest="block_size",
        action="store_const",
        const=LONG_BLOCK_BYTES,
        help="blocks of up to 1 GiB: finds repeats far apart; decoding needs as much memory",
    )
    group.add_argument(
        "--digest", action="store_true", help="record a SHA-256, checked when decoding"
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="keep whole blocks in FILE.lmz.part when stopped, and go on from there next time",
    )


def add_language_model(group: argparse._ArgumentGroup) -> None:
    """Add how a language model is used, and what runs it."""
    add_looking_back(group)
    group.add_argument(
        "--backend",
        choices=("portable", "torch"),
        default="portable",
        help="what runs it, or a network of ardm: torch is for accelerators, and its streams "
        "decode on this machine only",
    )
    group.add_argument(
        "--device", choices=("auto", "cpu", "cuda", "mps"), help="what torch runs it on"
    )
    group.add_argument(
        "--dtype", choices=("float32", "float16", "bfloat16"), help="what torch computes with"
    )


def add_mixed(group: argparse._ArgumentGroup) -> None:
    """Add what stands beside the model."""
    group.add_argument(
        "--mixed",
        action="store_true",
        help="code with the contexts of level 9 beside a circuit or a network of ardm, where "
        "samples are pictures, or beside a language model however short the text is: smaller and "
        "slower",
    )


def add_calls(group: argparse._ArgumentGroup) -> None:
    """Add how often a network of `ardm` runs."""
    group.add_argument(
        "--calls",
        type=number,
        metavar="N",
        help="how often the network runs for each sample: few calls are fast, many are small; a "
        "tenth of the symbols of a sample by default",
    )


def add_looking_back(group: argparse._ArgumentGroup) -> None:
    """Add how a language model is used."""
    group.add_argument(
        "--window",
        type=number,
        metavar="TOKENS",
        help="how far the language model looks back; 1024, or less where it was trained so",
    )
    group.add_argument(
        "--chunk",
        type=number,
        metavar="TOKENS",
        help="after so many it begins anew, and chunks are coded side by side: the smaller, the "
        "faster and the larger the output; 8192",
    )
    group.add_argument(
        "--int8", action="store_true", help="round the weights of the language model to 8 bits"
    )


def add_decoding(group: argparse._ArgumentGroup) -> None:
    """Add what a decompressor can choose."""
    group.add_argument(
        "--memory",
        type=size,
        metavar="SIZE",
        help="refuse to decode a block that needs more memory",
    )


def add_own_weights(group: argparse._ArgumentGroup | Parser) -> None:
    """Add --prior, --network and --model where something is only read."""
    add_own_model(group)
    group.add_argument(
        "--prior", default="auto", metavar="FILE", help="the prior that streams started from"
    )
    group.add_argument(
        "--network", default="auto", metavar="FILE", help="the network that predicted streams"
    )


def add_own_model(group: argparse._ArgumentGroup | Parser) -> None:
    """Add --model where something is only read."""
    group.add_argument(
        "--model",
        metavar="PATH",
        help="folder or GGUF file of the language model, or file of the network, that predicted "
        "streams",
    )


def add_weights(group: argparse._ArgumentGroup, *, embed: bool = False) -> None:
    """Add --prior and --network, and --embed where something is compressed."""
    group.add_argument(
        "--prior",
        default="auto",
        metavar="NAME",
        help='what text starts from: "auto", "none", a name, or a file, which decoding needs too',
    )
    group.add_argument(
        "--network",
        default="auto",
        metavar="NAME",
        help='what predicts text at level 9: "auto", "none", a name, or a file, which decoding '
        "needs too",
    )
    if embed:
        group.add_argument(
            "--embed",
            action="store_true",
            help="put copies of a prior and a network of your own into the output: decoding needs "
            "nothing else",
        )


def add_sparse(group: argparse._ArgumentGroup) -> None:
    """Add --sparse and --no-sparse."""
    group.add_argument(
        "--sparse",
        action=argparse.BooleanOptionalAction,
        help="leave holes for zeros; in files they are left unless forbidden",
    )


def add_threads(group: argparse._ArgumentGroup) -> None:
    """Add -T."""
    group.add_argument(
        "-T",
        "--threads",
        type=threads,
        metavar="N",
        help="code N blocks at once; 0: one for each core. The bytes do not depend on it",
    )


def add_words(group: argparse._ArgumentGroup, *, records: bool = True) -> None:
    """Add how much is said, and how."""
    group.add_argument(
        "-q", "--quiet", action="store_const", dest="verbosity", const=-1, default=0,
        help="only errors",
    )  # fmt: skip
    group.add_argument(
        "-v", "--verbose", action="store_const", dest="verbosity", const=1,
        help="a line about each file",
    )  # fmt: skip
    group.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        help="show progress; by default where stderr is a terminal",
    )
    if records:
        group.add_argument(
            "--json", action="store_true", help="a JSON record for each file on stdout"
        )


@dataclass(frozen=True)
class Chosen:
    """What --prior, --network and --model name; streams find it as long as it is here."""

    prior: Prior | str
    network: Network | str
    model: Model | str


def chosen_weights(options: argparse.Namespace) -> Chosen:
    """Return what is named, each "auto", "none", or weights.

    Raises:
        ValueError: There are none of that name.
        FormatError: A file is not of the kind.
        OSError: It cannot be read.
    """
    from lmcodec import network, prior

    return Chosen(
        _find(str(getattr(options, "prior", "auto")), prior.find),
        _find(str(getattr(options, "network", "auto")), network.find),
        _model(options),
    )


def _model(options: argparse.Namespace) -> Model | str:
    """Return the model that is named: an id, or that of the files of a language model."""
    name = getattr(options, "model", None)
    if name is None:
        return "auto"
    from lmcodec.options import (
        is_for_torch,
        is_model_path,
        model_of_path,
        torch_model_of_path,
    )

    chosen = {
        key: value
        for key in ("window", "chunk", "int8", "device", "dtype", "mixed", "calls")
        if (value := getattr(options, key, None)) is not None and value is not False
    }
    by_torch = getattr(options, "backend", "portable") == "torch"
    if not is_model_path(name):
        if name == "circuit" and chosen == {"mixed": True} and not by_torch:
            from lmcodec.models.circuit import CircuitModel

            return CircuitModel(mixed=True)
        if list(chosen) == ["calls"] and not by_torch:
            raise ValueError(f"--calls: for networks of ardm only, not for {name!r}")
        words = [f"--{key}" for key in chosen] + ["--backend"] * by_torch
        if words:
            raise ValueError(f"{', '.join(words)}: for language models only, not for {name!r}")
        return str(name)
    by_torch = by_torch or is_for_torch(name)
    ours, of_torch = ("int8", "mixed"), ("device", "dtype")
    unsuited = [key for key in chosen if key in (ours if by_torch else of_torch)]
    if unsuited:
        where = "--backend portable" if by_torch else "--backend torch"
        raise ValueError(f"{', '.join(f'--{key}' for key in unsuited)}: for {where} only")
    return (torch_model_of_path if by_torch else model_of_path)(name, **chosen)


def _find(name: str, find: Callable[[str], W]) -> W | str:
    if name in ("auto", "none"):
        return name
    try:
        return find(name)
    except OSError as error:
        # Some errors of reading know no name.
        error.filename = error.filename or name
        raise


def load_weights(
    parser: argparse.ArgumentParser, terminal: Terminal, options: argparse.Namespace
) -> Chosen | None:
    """Return what `chosen_weights` does, or None after saying what is wrong with it."""
    from lmcodec.errors import LmcodecError

    try:
        return chosen_weights(options)
    except (LmcodecError, OSError) as error:
        _tell_weights(terminal, error)
        return None
    except ValueError as error:
        parser.error(str(error))


def _tell_weights(terminal: Terminal, error: LmcodecError | OSError) -> None:
    """Say what is wrong with weights, before any file was opened."""
    from lmcodec.outcomes import describe, hint, subject

    where = f"{subject('', error)}: " if isinstance(error, OSError) else ""
    terminal.error(where + describe(error), hint(error))


def job(verb: str, options: argparse.Namespace) -> Job:
    """Build a job from parsed options; those that a parser does not have keep their defaults.

    Raises:
        ValueError: A variable of the environment, a model or a transform is not well formed.
    """
    from lmcodec.jobs import Job
    from lmcodec.options import settings

    def get(name: str, default: object = None) -> object:
        return getattr(options, name, default)

    output = "-" if get("stdout") else get("output")
    chosen_level = get("level")
    weights = chosen_weights(options)
    if verb == "compress":
        chosen_level = chosen_level or _from_environment("LMCODEC_LEVEL", level)
        # Refused before the first file is opened.
        settings(
            chosen_level,  # type: ignore[arg-type]
            None,
            model=weights.model,
            transform=get("transform", "auto"),  # type: ignore[arg-type]
            prior=weights.prior,
            network=weights.network,
            embed=bool(get("embed")),
            block_size=get("block_size"),  # type: ignore[arg-type]
        )
    return Job(
        verb=verb,  # type: ignore[arg-type]
        output=output,  # type: ignore[arg-type]
        force=bool(get("force")),
        recursive=bool(get("recursive")),
        remove=bool(get("rm")) and output != "-",
        verify=bool(get("verify")),
        sparse=get("sparse"),  # type: ignore[arg-type]
        level=chosen_level,  # type: ignore[arg-type]
        model=weights.model,
        transform=str(get("transform", "auto")),
        prior=weights.prior,
        network=weights.network,
        embed=bool(get("embed")),
        block_size=get("block_size"),  # type: ignore[arg-type]
        digest=bool(get("digest")),
        threads=get("threads") or _from_environment("LMCODEC_NBTHREADS", threads) or 1,  # type: ignore[arg-type]
        max_memory=get("memory"),  # type: ignore[arg-type]
        resume=bool(get("resume")),
    )


def run_jobs(
    parser: argparse.ArgumentParser, verb: str, options: argparse.Namespace, files: list[str]
) -> int:
    """Run a job on files, with a record for each one where that is wanted.

    Returns:
        The exit code.
    """
    from lmcodec.errors import LmcodecError
    from lmcodec.jobs import run
    from lmcodec.listing import job_record, print_record

    terminal = Terminal(
        parser.prog.split()[0], verbosity=options.verbosity, progress=options.progress
    )
    try:
        chosen = job(verb, options)
    except (LmcodecError, OSError) as error:
        _tell_weights(terminal, error)
        return terminal.exit_code
    except ValueError as error:
        parser.error(str(error))
    if getattr(options, "stdout", False) and options.output not in (None, "-"):
        parser.error("one output only: to standard output (-c) or to a file (-o)")
    if chosen.resume and (chosen.output == "-" or not files or "-" in files):
        parser.error("only files can be gone on with (--resume)")
    if chosen.output not in (None, "-") and (len(files) > 1 or chosen.recursive):
        parser.error("one output (-o) is for one input")
    if options.json and verb != "test" and (chosen.output == "-" or not files or "-" in files):
        parser.error("records (--json) and content cannot both go to standard output")
    report = None
    if options.json:
        report = lambda name, result: print_record(job_record(verb, name, result))  # noqa: E731
    run(chosen, files, terminal, report)
    return terminal.exit_code


def _from_environment(name: str, parse: Callable[[str], int]) -> int | None:
    text = os.environ.get(name)
    if not text:
        return None
    try:
        return parse(text)
    except argparse.ArgumentTypeError as error:
        raise ValueError(f"{name}: {error}") from error


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
