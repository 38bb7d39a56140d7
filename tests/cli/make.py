"""Writes the completion files and the manual pages from the parsers: `make pages`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import shtab

from lmcodec import cli, lmz

ROOT = Path(__file__).parents[2]
SHELLS = ("bash", "zsh", "fish")

_LMZ = """\
.SH DESCRIPTION
.B lmz
compresses each file to one with the suffix
.BR .lmz ,
or decompresses it to one without.
.B unlmz
is
.BR "lmz \\-d" ,
.B lmzcat
is
.BR "lmz \\-dc" ;
.B lmzgrep
runs
.BR grep (1),
with its options, on the content of files; it takes
.BI \\-\\-prior " FILE"
and
.BI \\-\\-network " FILE"
as well.
Without a file, or with
.BR \\- ,
standard input is coded to standard output.
Sources are kept unless
.B \\-\\-rm
is given.
An output appears under its name only when it is whole.
It has the mode and the times of its source, but never the set-user-ID bit.
Streams can be joined with
.BR cat (1):
they decode to the joined content.
Short options can be combined, and
.B \\-\\-
ends them.
"""
_LMZ_END = """\
.SH RANDOM ACCESS
A program that seeks in a file decodes the whole block that holds the place.
The blocks of a level suit files that are read from the first byte to the last;
for others, choose smaller ones:
.PP
.RS
.nf
lmz --block-size 1M file
.fi
.RE
.PP
They make a file of text about a tenth larger, and can also be coded side by side with
.BR \\-T .
"""
_LMCODEC = """\
.SH DESCRIPTION
.B lmcodec
compresses by named probability models. Every stream records which model wrote it, in which version.
"""
_END = """\
.SH SIZES
A number of bytes, or a number with K, M, G or T, which are powers of 1024.
KB and KiB mean the same.
.SH ENVIRONMENT
.TP
.B LMCODEC_LEVEL
Level where no option gives one: 1 to 9.
.TP
.B LMCODEC_NBTHREADS
Threads where no option gives their number; 0 means one for each core.
.TP
.B LMCODEC_MODEL_PATH
Folders, separated like those in PATH, with the priors (files *.prior), networks (files
*.safetensors) and language models (folders, or files *.gguf) that streams may need.
.TP
.B NO_COLOR
Words are not coloured where it is set.
.TP
.B LMCODEC_LOG
.B debug
shows where an unexpected error happened.
.SH EXIT STATUS
.TP
.B 0
All is well.
.TP
.B 1
There was an error.
.TP
.B 2
There was a warning: for example, a file was skipped.
"""


def parsers() -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of both commands, by name."""
    return {"lmz": lmz.build_parser(), "lmcodec": cli.build_parser()}


def pages() -> dict[str, str]:
    """Return what each generated file holds, by its path below the root."""
    found = {}
    for name, parser in parsers().items():
        found[f"docs/{name}.1"] = manual(name, parser)
        _complete_files(parser)
        for shell in SHELLS:
            found[f"lmcodec/data/completion/{name}.{shell}"] = shtab.complete(parser, shell)
    return found


def manual(name: str, parser: argparse.ArgumentParser) -> str:
    """Return a manual page in the man format."""
    aliases = "lmz, unlmz, lmzcat" if name == "lmz" else name
    other = "lmcodec" if name == "lmz" else "lmz"
    lines = [f'.TH {name.upper()} 1 "" "lmcodec" "User Commands"', ".SH NAME"]
    lines += [rf"{aliases} \- lossless compression by probability models", ".SH SYNOPSIS"]
    if name == "lmz":
        for alias in ("lmz", "unlmz", "lmzcat"):
            lines += [f".B {alias}", r"[\fIoption\fR]... [\fIfile\fR]...", ".br"]
        lines += [*_LMZ.splitlines(), ".SH OPTIONS", *_options(parser), *_LMZ_END.splitlines()]
    else:
        lines += [".B lmcodec", r"\fIcommand\fR [\fIoption\fR]... [\fIargument\fR]..."]
        lines += _LMCODEC.splitlines()
        for command, sub in subcommands(parser).items():
            lines += [f'.SH "{command.upper()}"', _escape(sub.description or ""), *_options(sub)]
    lines += [
        *_END.splitlines(),
        ".SH SEE ALSO",
        f".BR {other} (1), gzip (1), grep (1), xz (1), zstd (1)",
    ]
    return "\n".join(lines) + "\n"


def subcommands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return the parsers of the subcommands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _options(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if action.help == argparse.SUPPRESS:
            continue
        value = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
        if not action.option_strings:
            value = "|".join(action.choices) if action.choices else value
            yield from (".TP", rf"\fI{_escape(value)}\fR", _escape(action.help or action.dest))
            continue
        names = ", ".join(rf"\fB{_escape(name)}\fR" for name in action.option_strings)
        if "-1" in action.option_strings:
            names = names.replace(r"\fB\-1\fR", r"\fB\-1\fR ... \fB\-9\fR")
        takes = action.nargs != 0 and not isinstance(action, argparse.BooleanOptionalAction)
        yield from (".TP", names + (rf" \fI{value}\fR" if takes else ""))
        yield _escape(action.help or "")


def _escape(text: str) -> str:
    return text.replace("\\", r"\e").replace("-", r"\-")


def _complete_files(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if action.metavar == "FILE":
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    for sub in subcommands(parser).values():
        _complete_files(sub)


if __name__ == "__main__":
    for path, text in pages().items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
