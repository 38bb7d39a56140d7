"""Work that takes long, leaves checkpoints, and can be gone on with."""

from __future__ import annotations

import contextlib
import errno
import os
import threading
from typing import TYPE_CHECKING

from lmcodec.process import asked_first
from lmcodec.terminal import Terminal, shown

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_free(checkpoint: str, *, resume: bool, force: bool) -> None:
    """Check that no checkpoint of an earlier run would be lost unasked.

    Raises:
        FileExistsError: There is one, and neither `resume` nor `force`.
    """
    if not (resume or force) and os.path.exists(checkpoint):
        words = "exists: --resume goes on from there, --force begins anew"
        raise FileExistsError(errno.EEXIST, words, checkpoint)


@contextlib.contextmanager
def stoppable(terminal: Terminal, checkpoint: str) -> Iterator[threading.Event]:
    """Let a signal ask the work to end, and say how to go on with it.

    Args:
        terminal: Where words go; what it shows of the work is ended.
        checkpoint: What the work leaves when it ends by KeyboardInterrupt.

    Yields:
        What is set when the work is to leave a checkpoint and raise KeyboardInterrupt.
    """
    stop = threading.Event()
    try:
        with asked_first(stop.set):
            yield stop
    except KeyboardInterrupt:
        terminal.end()
        terminal.note(f"{shown(checkpoint)}: go on from here with --resume")
        raise
    finally:
        terminal.end()
