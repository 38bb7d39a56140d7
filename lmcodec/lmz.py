"""The commands `lmz`, `unlmz` and `lmzcat`: gzip's options, for streams of lmcodec."""

from __future__ import annotations

import argparse
import re
import sys

from lmcodec.arguments import (
    Parser,
    add_decoding,
    add_encoding,
    add_files,
    add_levels,
    add_output,
    add_recursive,
    add_sparse,
    add_threads,
    add_weights,
    add_words,
    load_weights,
    run_jobs,
    split_files,
)
from lmcodec.process import main_with
from lmcodec.terminal import Terminal

_EPILOG = """\
Sizes are bytes, or end in K, M, G or T, which are powers of 1024.
LMCODEC_LEVEL and LMCODEC_NBTHREADS set the level and the threads where no option does.
Exit code: 0 fine, 1 error, 2 warning.
"""


def build_parser(program: str = "lmz") -> Parser:
    """Return the parser; its options are those of all three commands."""
    parser = Parser(
        prog=program,
        description="Compress or decompress files. Sources are kept.",
        epilog=_EPILOG,
        add_help=False,
    )
    add_files(parser)
    verbs = parser.add_argument_group("what to do")
    # The last of them counts, so that `unlmz -z` and `lmz -d -t` mean something.
    for names, verb, words in (
        (("-z", "--compress"), "compress", "compress: default"),
        (("-d", "--decompress", "--uncompress"), "decompress", "decompress"),
        (("-t", "--test"), "test", "decode and check, write nothing"),
        (("-l", "--list"), "list", "list what files hold"),
    ):
        verbs.add_argument(*names, dest="verb", action="store_const", const=verb, help=words)
    verbs.add_argument("-h", "--help", action="help", help="show this help")
    verbs.add_argument("-V", "--version", action=_Version, nargs=0, help="show the version")
    add_levels(verbs)
    files = parser.add_argument_group("files")
    add_output(files)
    add_recursive(files)
    add_sparse(files)
    coding = parser.add_argument_group("coding")
    add_threads(coding)
    add_encoding(coding)
    add_decoding(coding)
    add_weights(coding, embed=True)
    add_words(parser.add_argument_group("words"))
    return parser


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from lmcodec import __version__

        print(f"{parser.prog} {__version__}")
        parser.exit()


def _run(program: str, verb: str, stdout: bool, arguments: list[str]) -> int:
    parser = build_parser(program)
    words, files = split_files(arguments)
    for word in words:
        # zstd goes to 19; -19 would otherwise be -1 and then -9.
        if re.fullmatch(r"-\d\d+", word):
            parser.error(f"level must be 1 to 9: got {word[1:]}")
    options = parser.parse_intermixed_args(words)
    files = options.files + files
    options.stdout |= stdout
    verb = options.verb or verb
    if verb != "list":
        return run_jobs(parser, verb, options, files)
    from lmcodec.listing import list_streams

    if not files:
        parser.error("a stream in a pipe cannot be listed")
    terminal = Terminal(parser.prog, verbosity=options.verbosity)
    # Held, so that it is found.
    weights = load_weights(parser, terminal, options)
    if weights is not None:
        list_streams(files, terminal, as_json=options.json, recursive=options.recursive)
    return terminal.exit_code


def main(arguments: list[str] | None = None) -> int:
    """Run `lmz`."""
    return main_with("lmz", lambda words: _run("lmz", "compress", False, words), arguments)


def main_unlmz(arguments: list[str] | None = None) -> int:
    """Run `unlmz`, which is `lmz -d`."""
    return main_with("unlmz", lambda words: _run("unlmz", "decompress", False, words), arguments)


def main_lmzcat(arguments: list[str] | None = None) -> int:
    """Run `lmzcat`, which is `lmz -dc`."""
    return main_with("lmzcat", lambda words: _run("lmzcat", "decompress", True, words), arguments)


if __name__ == "__main__":
    sys.exit(main())
