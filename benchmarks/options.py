"""Options that several commands of the benchmarks have."""

from __future__ import annotations

import argparse
from pathlib import Path


def words(text: str) -> list[str]:
    """Read a list separated by commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


def numbers(text: str) -> list[int]:
    """Read a list of numbers separated by commas."""
    return [int(word) for word in words(text)]


def add_again(parser: argparse.ArgumentParser, before: str = "") -> None:
    """Add --again, with what its help begins with."""
    parser.add_argument(
        "--again",
        type=words,
        default=[],
        metavar="GLOB,...",
        help=f"{before}drop the rows of these codecs and measure them again, such as 'lmcodec*'",
    )


def add_chosen(parser: argparse.ArgumentParser, more: str = "") -> None:
    """Add which corpora are coded, and how many at a time; ``more`` ends the help of --only."""
    parser.add_argument(
        "--only",
        type=words,
        default=[],
        metavar="GLOB,...",
        help=f"names or kinds of corpora{more}",
    )
    parser.add_argument(
        "--jobs", type=int, default=1, help="corpora that are coded side by side; sizes only"
    )


def add_results(parser: argparse.ArgumentParser, folder: str, kept: str) -> None:
    """Add what rows are written to and which are kept.

    Args:
        parser: Takes the options.
        folder: The default of --out.
        kept: What --resume keeps.
    """
    parser.add_argument(
        "--out",
        type=Path,
        default=Path(folder),
        metavar="FOLDER",
        help="takes rows.csv, report.md, report.html and machine.json",
    )
    parser.add_argument("--resume", action="store_true", help=f"keep {kept}")
    add_again(parser, "with --resume: ")
    parser.add_argument(
        "--no-run", dest="run", action="store_false", help="only write the reports anew"
    )
