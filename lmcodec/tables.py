"""Tables in compressed files on the command line: `lmcodec table`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from lmcodec.arguments import Parser, add_decoding, add_own_weights, load_weights
from lmcodec.terminal import Terminal, table

if TYPE_CHECKING:
    from lmcodec.column import Column
    from lmcodec.table_file import TableFile

_STEP = 1 << 16
_SHOWN = 24


def add_table(command: Parser) -> None:
    """Add the options of `table`."""
    command.add_argument("file", metavar="FILE", help="a compressed table")
    group = command.add_argument_group("what is written")
    group.add_argument(
        "--columns",
        metavar="NAMES",
        help="these columns, by names or numbers from 0 with commas between, in this order",
    )
    group.add_argument(
        "--rows",
        type=rows,
        metavar="FROM:TO",
        help="these rows, from 0, the last one not included; -10: are the last ten",
    )
    group.add_argument(
        "--parquet", metavar="OUTPUT", help="write a Parquet file, which needs pyarrow"
    )
    group = command.add_argument_group("coding")
    add_decoding(group)
    add_own_weights(group)


def rows(words: str) -> slice:
    """Parse a span of rows.

    Raises:
        ArgumentTypeError: It is none.
    """
    first, colon, last = words.partition(":")
    try:
        begin, end = (int(word) if word else None for word in (first, last))
    except ValueError:
        raise argparse.ArgumentTypeError(f"rows are FROM:TO, two numbers: got {words!r}") from None
    if not colon:
        if begin is None:
            raise argparse.ArgumentTypeError("rows are FROM:TO: got nothing")
        return slice(begin, begin + 1 if begin != -1 else None)
    return slice(begin, end)


def run_table(parser: Parser, options: argparse.Namespace) -> int:
    """Write a part of a table, or say what its columns are like."""
    from lmcodec.table_file import open_table

    terminal = Terminal("lmcodec")
    # Held, so that it is found.
    weights = load_weights(parser, terminal, options)
    if weights is None:
        return terminal.exit_code
    with open_table(options.file, max_memory=options.memory) as file:
        columns = _numbers(parser, file, options.columns)
        if options.parquet is not None:
            _write_parquet(parser, file, columns, options)
        elif options.columns is None and options.rows is None:
            _summarize(file)
        else:
            _print(file, columns, options.rows or slice(None))
    return 0


def _numbers(parser: Parser, file: TableFile, names: str | None) -> list[int]:
    """Return the numbers of columns: a name counts before a number."""
    if names is None:
        return [*range(len(file.names))]
    found = []
    for name in names.split(","):
        try:
            found.append(file.number(name))
        except KeyError as error:
            if not name.isdecimal() or int(name) >= len(file.names):
                parser.error(error.args[0])
            found.append(int(name))
    return found


def _write_parquet(
    parser: Parser, file: TableFile, columns: list[int], options: argparse.Namespace
) -> None:
    try:
        file.to_parquet(options.parquet, columns=columns, rows=options.rows)
    except ImportError:
        parser.error("--parquet needs pyarrow: pip install 'lmcodec[tables]'")


def _print(file: TableFile, columns: list[int], span: slice) -> None:
    """Write rows as they stand in the content, behind the names of the columns."""
    out = sys.stdout.buffer
    apart = file.separator
    out.write(apart.join(_name(file.names[number], apart) for number in columns) + b"\n")
    first, last, _ = span.indices(len(file))
    for begin in range(first, last, _STEP):
        found = file.read(columns, slice(begin, min(last, begin + _STEP)))
        lines = map(apart.join, zip(*(column.cells() for column in found), strict=True))
        out.writelines(line + b"\n" for line in lines)
    out.flush()


def _name(name: str, apart: bytes) -> bytes:
    """Return a name as a cell, in quotes where it needs them."""
    cell = name.encode(errors="surrogateescape")
    if apart in cell or b'"' in cell or b"\n" in cell:
        return b'"' + cell.replace(b'"', b'""') + b'"'
    return cell


def _summarize(file: TableFile) -> None:
    """Print a line for each column."""
    coded = file.column_bytes()
    head = ["column", "distinct", "empty", *(["bytes"] if coded else [])]
    listed: list[list[object]] = [[*head, "name", "kind", "least", "most"]]
    for number, column in enumerate(file):
        least, most = _bounds(column)
        cells = column.cells()
        empty = sum(1 for cell in cells if not cell)
        sizes = [f"{coded[number]:,}"] if coded else []
        words = [_short(column.name), column.kind, least, most]
        listed.append([number, len(set(cells)), empty, *sizes, *words])
    print("\n".join(table(listed, right=len(head))))
    print(f"{len(file):,} rows")


def _bounds(column: Column) -> tuple[str, str]:
    """Return the least and the greatest cell: of numbers by value, else by letters."""
    if column.kind == "text":
        values = set(column.values())
        return _short(min(values, default="")), _short(max(values, default=""))
    given = [cell for cell in set(column.values()) if cell]
    return min(given, key=float), max(given, key=float)


def _short(words: str) -> str:
    """Return words in a line, with what does not fit left out."""
    words = words.encode(errors="surrogateescape").decode(errors="replace")
    words = "".join(letter if letter.isprintable() else "?" for letter in words)
    return words if len(words) <= _SHOWN else words[: _SHOWN - 3] + "..."
