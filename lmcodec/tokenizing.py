"""Texts as windows and back: `lmcodec tokenize` and `lmcodec detokenize`."""

from __future__ import annotations

import argparse
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lmcodec.arguments import Chosen, Parser, add_own_model, load_weights, number
from lmcodec.errors import LmcodecError
from lmcodec.outputs import Output, Stdout, open_output
from lmcodec.terminal import Terminal, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from lmcodec.models.bytelm import Bytelm
    from lmcodec.models.llm import Llm

_SUFFIX = ".npz"
_STDIO = "-"


def add_tokenize(command: Parser) -> None:
    """Add the options of `tokenize`."""
    command.add_argument("file", metavar="FILE", help="a text; - is standard input")
    _add_output(command, f"write to this file; by default FILE{_SUFFIX}; - is stdout")
    group = command.add_argument_group("coding")
    group.add_argument(
        "--bits", type=number, default=16, metavar="N", help="of each token: 8 to 32; 16"
    )
    group.add_argument(
        "--model",
        default="bytelm",
        metavar="NAME",
        help='"bytelm", or the folder or GGUF file of a language model; bytelm',
    )
    group.add_argument(
        "--network", default="auto", metavar="NAME", help="that of bytelm, by its name or file"
    )
    group.add_argument(
        "--window",
        type=number,
        metavar="TOKENS",
        help="how far the language model looks back; 1024, or less where it was trained so",
    )
    group.add_argument(
        "--int8", action="store_true", help="round the weights of the language model to 8 bits"
    )
    _add_words(command)


def add_detokenize(command: Parser) -> None:
    """Add the options of `detokenize`."""
    command.add_argument("file", metavar="FILE", help="what tokenize wrote; - is standard input")
    _add_output(command, f"write to this file; by default FILE without {_SUFFIX}; - is stdout")
    group = command.add_argument_group("coding")
    add_own_model(group)
    group.add_argument(
        "--network", default="auto", metavar="FILE", help="the network that predicted the text"
    )
    _add_words(command)


def _add_output(command: Parser, words: str) -> None:
    group = command.add_argument_group("files")
    group.add_argument("-o", "--output", metavar="FILE", help=words)
    group.add_argument("-f", "--force", action="store_true", help="replace the output")


def _add_words(command: Parser) -> None:
    group = command.add_argument_group("words")
    group.add_argument(
        "-q", "--quiet", action="store_const", dest="verbosity", const=-1, default=0,
        help="only errors",
    )  # fmt: skip
    group.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        help="show progress; by default where stderr is a terminal",
    )


def run_tokenize(parser: Parser, options: argparse.Namespace) -> int:
    """Write the windows of a text."""

    def work(terminal: Terminal, chosen: Chosen) -> None:
        from lmcodec.windows import tokenize

        name = options.file
        target = options.output or (_STDIO if name == _STDIO else name + _SUFFIX)
        model = _model(chosen)
        with _output(target, force=options.force) as output:
            text = _read(name)
            with _followed(terminal, name, len(text)):
                windows = tokenize(text, bits=options.bits, model=model)
            output.write(bytes(windows))
        terminal.note(
            f"{shown(name)}: {windows.size_bytes:,} bytes -> {len(windows):,} tokens of "
            f"{windows.bits} bits: {windows.bytes_per_token:.2f} bytes a token, "
            f"{windows.bits_per_byte:.3f} bits a byte, {shown(target)}"
        )

    return _run(parser, options, work)


def run_detokenize(parser: Parser, options: argparse.Namespace) -> int:
    """Write the text of windows."""

    def work(terminal: Terminal, _held: Chosen) -> None:
        from lmcodec.windows import Windows

        name = options.file
        target = options.output or (_STDIO if name == _STDIO else name.removesuffix(_SUFFIX))
        if options.output is None and target == name != _STDIO:
            raise ValueError(f"{shown(name)} does not end in {_SUFFIX}: choose the output by -o")
        with _output(target, force=options.force) as output:
            windows = Windows.from_bytes(_read(name))
            with _followed(terminal, name, windows.size_bytes):
                text = windows.text()
            output.write(text)
        terminal.note(
            f"{shown(name)}: {len(windows):,} tokens of {windows.bits} bits -> "
            f"{len(text):,} bytes, {shown(target)}"
        )

    return _run(parser, options, work)


def _run(
    parser: Parser, options: argparse.Namespace, work: Callable[[Terminal, Chosen], None]
) -> int:
    """Do the work with what is named; return the exit code."""
    terminal = Terminal("lmcodec", verbosity=options.verbosity, progress=options.progress)
    chosen = load_weights(parser, terminal, options)
    if chosen is None:
        return terminal.exit_code
    try:
        # What is named is held meanwhile, so that it is found by its digest.
        work(terminal, chosen)
    except ValueError as error:
        if isinstance(error, LmcodecError):
            raise
        parser.error(str(error))
    return terminal.exit_code


def _model(chosen: Chosen) -> Bytelm | Llm | str:
    """Return the model that is named.

    Raises:
        ValueError: A network is named for what uses none.
    """
    from lmcodec.models.bytelm import Bytelm
    from lmcodec.models.llm import Llm

    if chosen.model == Bytelm.id and not isinstance(chosen.network, str):
        return Bytelm(chosen.network)
    if chosen.network != "auto":
        raise ValueError("--network must be one, and is for the model bytelm only")
    return chosen.model if isinstance(chosen.model, Llm) else str(chosen.model)


def _read(name: str) -> bytes:
    if name == _STDIO:
        return sys.stdin.buffer.read()
    with open(name, "rb") as file:
        return file.read()


@contextmanager
def _output(target: str, *, force: bool) -> Iterator[Output]:
    """Open an output before the work, not after it."""
    output: Output
    if target == _STDIO:
        output = Stdout()
    else:
        output = open_output(target, replace=force, sparse=False, like=None, sync=False)
    try:
        yield output
    except BaseException:
        output.abandon()
        raise
    output.commit()


@contextmanager
def _followed(terminal: Terminal, name: str, size: int) -> Iterator[None]:
    """Show how far a text is."""
    from lmcodec.progress import Meter

    meter = Meter()
    terminal.begin(name, size, lambda: int(meter.share * size))
    try:
        with meter.stream(0, 1, max(size, 1)):
            yield
    finally:
        terminal.end()
