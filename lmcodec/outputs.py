"""Where the commands write: a new file that appears whole or not at all, a device, standard output.

A file is written under a passing name in the folder where it will stand, then renamed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
from collections.abc import Iterator
from typing import Protocol

# A hole is made of whole pages of the file system; smaller ones save nothing.
_PAGE_BYTES = 4096
_ZEROS = bytes(_PAGE_BYTES)

# Passing files of this process: removed when it is stopped by a signal.
_passing: set[str] = set()


class Output(Protocol):
    """Takes bytes, and is then committed or abandoned."""

    path: str | None

    def write(self, data: bytes) -> None:
        """Write all bytes."""

    def commit(self) -> None:
        """Make everything visible under the final name."""

    def abandon(self) -> None:
        """Leave no trace, as far as that is possible."""


class Nowhere:
    """Takes bytes and forgets them."""

    path: str | None = None

    def write(self, data: bytes) -> None:
        """Forget the bytes."""

    def commit(self) -> None:
        """Do nothing."""

    def abandon(self) -> None:
        """Do nothing."""


class _Descriptor:
    """Writes to a descriptor, skipping over zeros where that is asked for."""

    def __init__(self, handle: int, sparse: bool) -> None:
        self._handle = handle
        self._sparse = sparse
        self._hole = False

    def write(self, data: bytes) -> None:
        if not self._sparse:
            self._write_all(memoryview(data))
            return
        for zero, part in _runs(memoryview(data)):
            if zero:
                os.lseek(self._handle, len(part), os.SEEK_CUR)
            else:
                self._write_all(part)
            self._hole = zero

    def finish(self) -> None:
        """Give the file its size where it ends in a hole."""
        if self._hole:
            os.ftruncate(self._handle, os.lseek(self._handle, 0, os.SEEK_CUR))

    def _write_all(self, view: memoryview) -> None:
        while view:
            view = view[os.write(self._handle, view) :]


class Stdout(_Descriptor):
    """Standard output.

    Args:
        sparse: Whether to skip over zeros; done only where it is a file that is not appended to.
    """

    path: str | None = None

    def __init__(self, sparse: bool = False) -> None:
        sys.stdout.flush()
        handle = sys.stdout.fileno()
        if sys.platform == "win32":
            import msvcrt

            msvcrt.setmode(handle, os.O_BINARY)
        super().__init__(handle, sparse and _can_skip(handle))

    def commit(self) -> None:
        """End a hole at the end."""
        self.finish()

    def abandon(self) -> None:
        """Do nothing: what was written has gone."""


class Device(_Descriptor):
    """Something that exists and is no file, such as a device or a named pipe; written in place.

    Args:
        path: Its name.
    """

    def __init__(self, path: str) -> None:
        self.path: str | None = path
        super().__init__(os.open(path, os.O_WRONLY | getattr(os, "O_BINARY", 0)), sparse=False)

    def commit(self) -> None:
        """Close it."""
        os.close(self._handle)

    def abandon(self) -> None:
        """Close it."""
        os.close(self._handle)


class NewFile(_Descriptor):
    """A file that appears under its name when it is whole.

    Args:
        path: Its name.
        replace: Whether a file of that name may be there.
        sparse: Whether to leave holes for zeros.
        like: Whose owner, mode and times it gets, or None.
        sync: Whether it must be on the disk before it gets its name.
    """

    def __init__(
        self,
        path: str,
        *,
        replace: bool,
        sparse: bool = False,
        like: os.stat_result | None = None,
        sync: bool = False,
    ) -> None:
        self.path: str | None = path
        self._replace = replace
        self._like = like
        self._sync = sync
        self._passing = os.path.join(os.path.dirname(path), f".lmz-{os.urandom(8).hex()}.tmp")
        _passing.add(self._passing)
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        # Nobody else may read it before it has the mode of the source.
        mode = 0o666 if like is None else 0o600
        try:
            super().__init__(os.open(self._passing, flags, mode), sparse)
        except OSError as error:
            _passing.discard(self._passing)
            # The user knows nothing of the passing name.
            raise OSError(error.errno, error.strerror, path) from error
        self._open = True

    def close(self) -> str:
        """Write everything out, and return the name under which it can be read again."""
        if self._open:
            self.finish()
            if self._like is not None:
                copy_owner_and_mode(self._like, self._handle, self._passing)
            if self._sync:
                os.fsync(self._handle)
            self._open = False
            os.close(self._handle)
            if self._like is not None:
                os.utime(self._passing, ns=(self._like.st_atime_ns, self._like.st_mtime_ns))
        return self._passing

    def commit(self) -> None:
        """Close it, and give it its name.

        Raises:
            FileExistsError: The name was taken meanwhile, and is not to be replaced.
        """
        self.close()
        path = str(self.path)
        if self._replace:
            os.replace(self._passing, path)
        else:
            rename_new(self._passing, path)
        _passing.discard(self._passing)

    def abandon(self) -> None:
        """Remove what was written."""
        if self._open:
            self._open = False
            os.close(self._handle)
        _remove(self._passing)
        _passing.discard(self._passing)


def open_output(
    path: str, *, replace: bool, sparse: bool, like: os.stat_result | None, sync: bool
) -> Output:
    """Open what stands under a name, or a new file.

    Raises:
        FileExistsError: There is a file of that name, and it is not to be replaced.
        OSError: It cannot be written.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return NewFile(path, replace=replace, sparse=sparse, like=like, sync=sync)
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(found.st_mode):
        return Device(path)
    if not replace:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
    return NewFile(path, replace=True, sparse=sparse, like=like, sync=sync)


def remove_passing() -> None:
    """Remove all passing files, before the process ends early."""
    for name in list(_passing):
        _remove(name)


def _runs(view: memoryview) -> Iterator[tuple[bool, memoryview]]:
    """Split into runs of whole zero pages and of anything else."""
    start, zero = 0, False
    for at in range(0, len(view), _PAGE_BYTES):
        page = view[at : at + _PAGE_BYTES]
        empty = len(page) == _PAGE_BYTES and page == _ZEROS
        if empty != zero:
            if at > start:
                yield zero, view[start:at]
            start, zero = at, empty
    if start < len(view):
        yield zero, view[start:]


def _can_skip(handle: int) -> bool:
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        return False
    with contextlib.suppress(ImportError):
        import fcntl

        if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_APPEND:
            return False
    # Skipping over bytes that are there would leave them.
    return os.lseek(handle, 0, os.SEEK_CUR) >= os.fstat(handle).st_size


def copy_owner_and_mode(like: os.stat_result, handle: int, path: str) -> None:
    """Give a file the owner and mode of another one, as far as that is allowed."""
    # Only root may give files away. Never setuid, setgid or sticky: the bytes are others.
    mode = stat.S_IMODE(like.st_mode) & 0o777
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        with contextlib.suppress(OSError):
            os.fchown(handle, like.st_uid, like.st_gid)
    with contextlib.suppress(OSError):
        if hasattr(os, "fchmod"):
            os.fchmod(handle, mode)
        else:
            os.chmod(path, mode)


def rename_new(passing: str, path: str) -> None:
    """Rename without ever replacing; in one step where the file system has links."""
    try:
        os.link(passing, path)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path) from None
        os.rename(passing, path)
    else:
        os.unlink(passing)


def _remove(name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name)
