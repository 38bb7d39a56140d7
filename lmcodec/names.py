"""Which files a command works on, and how their outputs are called."""

from __future__ import annotations

import os
from collections.abc import Iterator

SUFFIX = ".lmz"
TAR_SUFFIX = ".tlmz"
STDIN = "-"


def has_suffix(name: str) -> bool:
    """Return whether a name ends as those of compressed files do; capitals count as well."""
    return name.lower().endswith((SUFFIX, TAR_SUFFIX))


def compressed_name(name: str) -> str:
    """Return the name of the compressed file."""
    return name + SUFFIX


def content_name(name: str) -> str | None:
    """Return the name of the content, or None where it does not follow from the suffix.

    Example:
        >>> content_name("a.txt.lmz"), content_name("A.TLMZ"), content_name("a.txt")
        ('a.txt', 'A.tar', None)
    """
    base = os.path.basename(name)
    for suffix, replaced in ((SUFFIX, ""), (TAR_SUFFIX, ".tar")):
        if base.lower().endswith(suffix) and len(base) > len(suffix):
            return name[: -len(suffix)] + replaced
    return None


def expand(name: str, *, recursive: bool, compressed: bool) -> Iterator[str]:
    """Yield a name, or for a folder the files below it, where that is wanted.

    Args:
        name: A file or a folder, "-" for standard input.
        recursive: Whether to look into folders.
        compressed: Whether to yield those below a folder that have the suffix, or the others.

    Raises:
        OSError: A folder cannot be read.
    """
    if not (recursive and name != STDIN and os.path.isdir(name)):
        yield name
        return
    for found in walk(name):
        if has_suffix(found) == compressed:
            yield found


def walk(folder: str) -> Iterator[str]:
    """Yield the regular files below a folder, sorted; links are not followed.

    Raises:
        OSError: A folder cannot be read.
    """
    # Read whole before anything is yielded: outputs are written into the same folder.
    with os.scandir(folder) as entries:
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from walk(entry.path)
        elif entry.is_file(follow_symlinks=False):
            yield entry.path
