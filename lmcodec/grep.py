"""The command `lmzgrep`: the system's grep on the content of compressed files."""

from __future__ import annotations

import contextlib
import io
import subprocess
import sys

from lmcodec import network, prior
from lmcodec.arguments import split_files
from lmcodec.container import SKIPPABLE_MAGIC
from lmcodec.errors import LmcodecError
from lmcodec.file import LmcodecFile
from lmcodec.outcomes import describe, hint
from lmcodec.process import main_with
from lmcodec.terminal import Terminal, shown

_CHUNK_BYTES = 1 << 17
# Short options of grep whose value may be the next word.
_TAKES_VALUE = "efmABCDd"
_PATTERN_OPTIONS = ("--regexp", "--file")
_USAGE = "usage: lmzgrep [--prior FILE] [--network FILE] [option of grep]... [-e] PATTERN [FILE]..."


def main(arguments: list[str] | None = None) -> int:
    """Run `lmzgrep`.

    Returns:
        0 where a line matched, 1 where none did, 2 where there was an error.
    """
    return main_with("lmzgrep", search, arguments)


def search(arguments: list[str]) -> int:
    """Run grep on each file, compressed or not.

    Args:
        arguments: Options of grep, a pattern, and files; none means standard input.

    Returns:
        The exit code.
    """
    asked = split_files(arguments)[0]
    if "--help" in asked:
        print(_USAGE)
        return 0
    if {"-V", "--version"} & set(asked):
        from lmcodec import __version__

        print(f"lmzgrep {__version__}")
        return 0
    arguments, named_weights = split_weights(arguments)
    options, files = split_words(arguments)
    if options is None:
        print(_USAGE, file=sys.stderr)
        return 2
    terminal = Terminal("lmzgrep")
    # Held, so that they are found.
    held: list[object] = []
    for kind, name in named_weights.items():
        try:
            held.append((prior if kind == "prior" else network).find(name))
        except (LmcodecError, OSError, ValueError) as error:
            where = f"{shown(name)}: " if isinstance(error, OSError) else ""
            terminal.error(where + describe(error), hint(error))
            return 2
    # grep itself would count one file, standard input, and name none.
    named = [] if len(files) < 2 else ["-H"]
    codes = {_search_one([*named, *options], name, terminal) for name in files or ["-"]}
    del held
    return 2 if 2 in codes else min(codes)


def split_weights(arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    """Take out the options that are not grep's.

    Example:
        >>> split_weights(["-i", "--prior", "own.prior", "word", "--", "--prior"])
        (['-i', 'word', '--', '--prior'], {'prior': 'own.prior'})
    """
    words, _ = split_files(arguments)
    rest = arguments[len(words) :]
    named: dict[str, str] = {}
    others = []
    while words:
        word = words.pop(0)
        option, equals, value = word.partition("=")
        kind = option.removeprefix("--")
        if option not in ("--prior", "--network") or not (equals or words):
            others.append(word)
        else:
            named[kind] = value if equals else words.pop(0)
    return others + rest, named


def split_words(arguments: list[str]) -> tuple[list[str] | None, list[str]]:
    """Part grep's options and its pattern from the files.

    Args:
        arguments: All words.

    Returns:
        What grep is given, or None where there is no pattern; and the files.

    Example:
        >>> split_words(["-iA", "2", "word", "a", "-n", "b"])
        (['-iA', '2', '-n', '-e', 'word'], ['a', 'b'])
    """
    words, last = split_files(arguments)
    options: list[str] = []
    others: list[str] = []
    has_pattern = False
    while words:
        word = words.pop(0)
        if word == "-" or not word.startswith("-"):
            others.append(word)
            continue
        options.append(word)
        if word.startswith("--"):
            has_pattern |= word.startswith(_PATTERN_OPTIONS)
            continue
        # In a group of letters the first that takes a value takes the rest, or the next word.
        at = next((at for at, letter in enumerate(word) if letter in _TAKES_VALUE and at), None)
        if at is not None:
            has_pattern |= word[at] in "ef"
            if at == len(word) - 1 and words:
                options.append(words.pop(0))
    others += last
    if has_pattern:
        return options, others
    if not others:
        return None, []
    return [*options, "-e", others[0]], others[1:]


def _search_one(options: list[str], name: str, terminal: Terminal) -> int:
    label = "(standard input)" if name == "-" else name
    sys.stdout.flush()
    # Without the shell: a pattern is only a word.
    process = None
    try:
        with open(sys.stdin.fileno() if name == "-" else name, "rb", closefd=name != "-") as file:
            compressed = file.peek(len(SKIPPABLE_MAGIC)).startswith(SKIPPABLE_MAGIC)
            content: io.BufferedIOBase = LmcodecFile(file) if compressed else file
            process = subprocess.Popen(
                ["grep", "--label", label, *options], stdin=subprocess.PIPE, stdout=sys.stdout
            )
            with contextlib.suppress(BrokenPipeError):
                _feed(content, process)
    except (LmcodecError, OSError) as error:
        terminal.error(f"{shown(label)}: {describe(error)}", hint(error))
        if process is not None:
            process.wait()
        return 2
    code = process.wait()
    return code if code in (0, 1) else 2


def _feed(content: io.BufferedIOBase, process: subprocess.Popen[bytes]) -> None:
    """Give grep the content; it may end before, when it has what it wants."""
    if process.stdin is None:
        raise ValueError("grep was started without a pipe")
    with process.stdin as pipe:
        while data := content.read(_CHUNK_BYTES):
            pipe.write(data)
