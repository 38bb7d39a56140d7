"""Finds a class by the (id, version) that a stream names, importing only the file that defines it.

A class registers itself when its file is imported; the file has the name of the id. A name taken
from a stream is compared with the files of the package and the installed entry points before
anything is imported.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Generic, Protocol, TypeVar

from lmcodec.errors import UnsupportedError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ID_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,31}")


class Registered(Protocol):
    """What the registry writes into a class."""

    id: ClassVar[str]
    version: ClassVar[int]


T = TypeVar("T", bound=Registered)


class Registry(Generic[T]):
    """Classes of one kind, by id and version.

    Args:
        kind: What they are, for messages: "model".
        package: Where the files are, and the name of the entry point group: "lmcodec.models".
    """

    def __init__(self, kind: str, package: str) -> None:
        self.kind = kind
        self.package = package
        self._classes: dict[tuple[str, int], type[T]] = {}
        self._imported: set[str] = set()

    def register(self, *, id: str, version: int) -> Callable[[type[T]], type[T]]:
        """Register the decorated class.

        Args:
            id: Lower-case letters, digits and underscores, at most 32, a letter first.
            version: From 1; a change of coded bytes is a new version beside the old one.

        Returns:
            A decorator that sets `id` and `version` on the class and returns it.

        Raises:
            ValueError: The id or version is not well formed, or is taken.
        """
        if ID_PATTERN.fullmatch(id) is None:
            raise ValueError(f"not a {self.kind} id: {id!r}")
        if version < 1:
            raise ValueError(f"{self.kind} versions start at 1: got {version}")

        def add(cls: type[T]) -> type[T]:
            if (id, version) in self._classes:
                other = self._classes[id, version]
                raise ValueError(f"{self.kind} {id} version {version} is taken: {other!r}")
            cls.id = id
            cls.version = version
            self._classes[id, version] = cls
            return cls

        return add

    def get(self, id: str, version: int | None = None) -> type[T]:
        """Find a class, importing its file when that has not been done.

        Args:
            id: The id, unchecked as it came from the stream or the caller.
            version: The version, or None for the newest.

        Returns:
            The class.

        Raises:
            UnsupportedError: There is none.
        """
        self._import(id)
        versions = sorted(v for i, v in self._classes if i == id)
        if version is None and versions:
            version = versions[-1]
        if version in versions:
            return self._classes[id, version]
        if versions:
            raise UnsupportedError(
                f"{self.kind} {id} version {version} is not known: this release has {versions}",
                id=id,
                version=version,
                hint="install a newer release of lmcodec",
            )
        raise UnsupportedError(
            f"{self.kind} is not known: {id!r}",
            id=id,
            version=version,
            hint=f"install the package that provides it as an entry point of {self.package}",
        )

    def __contains__(self, id: str) -> bool:
        """Return whether an id can be asked for, without importing any class."""
        registered = any(id == other for other, _ in self._classes)
        # Entry points last: finding them reads the metadata of every installed package.
        return registered or id in self._files or id in self._entry_points

    def ids(self) -> tuple[str, ...]:
        """Return every id that can be asked for, sorted, without importing any class."""
        registered = {id for id, _ in self._classes}
        return tuple(sorted(self._files | self._entry_points.keys() | registered))

    def list(self) -> tuple[type[T], ...]:
        """Import and return every class, sorted by id and version."""
        for id in self.ids():
            self._import(id)
        return tuple(self._classes[key] for key in sorted(self._classes))

    def _import(self, id: str) -> None:
        if id in self._imported or ID_PATTERN.fullmatch(id) is None:
            return
        if id in self._files:
            importlib.import_module(f"{self.package}.{id}")
        elif id in self._entry_points:
            self._entry_points[id].load()
        self._imported.add(id)

    @cached_property
    def _files(self) -> set[str]:
        # Not at the top: a program that imports lmcodec may never look for a class.
        import pkgutil

        path = importlib.import_module(self.package).__path__
        names = {module.name for module in pkgutil.iter_modules(path)}
        return {name for name in names if ID_PATTERN.fullmatch(name) and name != "base"}

    @cached_property
    def _entry_points(self) -> dict[str, EntryPoint]:
        if not _may_have_entry_points(self.package):
            return {}
        # Importing this takes longer than coding a hundred kilobytes.
        from importlib.metadata import entry_points

        points = entry_points(group=self.package)
        return {point.name: point for point in points if ID_PATTERN.fullmatch(point.name)}


def _may_have_entry_points(group: str) -> bool:
    """Return whether an installed package may announce something; where not, none does.

    Looks for the name of the group in the files in which installers write entry points. Where
    packages are found in another way than in folders, the answer is yes.
    """
    finders = [finder for finder in sys.meta_path if hasattr(finder, "find_distributions")]
    if len(finders) > 1:
        return True
    name = group.encode()
    for place in sys.path:
        try:
            with os.scandir(place or ".") as entries:
                infos = [entry.path for entry in entries if _is_info(entry.name)]
        except NotADirectoryError:
            return True
        except OSError:
            continue
        for info in infos:
            try:
                with open(os.path.join(info, "entry_points.txt"), "rb") as file:
                    if name in file.read():
                        return True
            except OSError:
                continue
    return False


def _is_info(name: str) -> bool:
    return name.lower().endswith((".dist-info", "egg-info"))
