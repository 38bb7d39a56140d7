"""A compressed file behaves like `io.BytesIO` on the same content."""

from __future__ import annotations

import io
import random
from typing import Any

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import lmcodec
from tests.strategies import pieces

CONTENT_BYTES = 3000
positions = st.integers(0, CONTENT_BYTES + 200)
sizes = st.one_of(st.integers(0, 50), st.integers(0, 2000))


class FileMachine(RuleBasedStateMachine):
    """Reads and seeks in both, and compares."""

    @initialize(
        seed=st.integers(0, 9),
        size=st.sampled_from([0, 1, 499, 500, 501, CONTENT_BYTES]),
        frames=st.lists(st.integers(0, 1500), max_size=3),
    )
    def make(self, seed: int, size: int, frames: list[int]) -> None:
        rng = random.Random(seed)
        content = bytes(rng.choices(b"abc\n", k=size))
        stream = b"".join(
            lmcodec.compress(part, model="stored", block_size=500)
            for part in pieces(content, frames)
        )
        self.model = io.BytesIO(content)
        self.file: Any = lmcodec.open(io.BytesIO(stream))

    @rule(size=sizes)
    def read(self, size: int) -> None:
        assert self.file.read(size) == self.model.read(size)

    @rule()
    def read_all(self) -> None:
        assert self.file.read() == self.model.read()

    @rule(size=sizes)
    def readinto(self, size: int) -> None:
        ours, theirs = bytearray(size), bytearray(size)
        assert self.file.readinto(ours) == self.model.readinto(theirs)
        assert ours == theirs

    @rule(size=st.integers(-1, 40))
    def readline(self, size: int) -> None:
        assert self.file.readline(size) == self.model.readline(size)

    @rule(size=sizes)
    def read1_is_a_prefix(self, size: int) -> None:
        ours = self.file.read1(size)
        assert ours == self.model.read(len(ours))
        if size and not ours:
            assert self.model.read(1) == b""

    @rule()
    def peek_does_not_move(self) -> None:
        ours = self.file.peek()
        here = self.model.tell()
        theirs = self.model.read()
        self.model.seek(here)
        assert theirs.startswith(ours)
        assert bool(ours) == bool(theirs)

    @rule(position=positions)
    def seek(self, position: int) -> None:
        assert self.file.seek(position) == self.model.seek(position)

    @rule(offset=st.integers(-CONTENT_BYTES, 200))
    def seek_from_here(self, offset: int) -> None:
        position = self.model.tell() + offset
        if position >= 0:
            assert self.file.seek(offset, io.SEEK_CUR) == self.model.seek(position)

    @rule(offset=st.integers(-CONTENT_BYTES, 200))
    def seek_from_end(self, offset: int) -> None:
        if len(self.model.getvalue()) + offset >= 0:
            assert self.file.seek(offset, io.SEEK_END) == self.model.seek(offset, io.SEEK_END)

    @invariant()
    def tell(self) -> None:
        assert self.file.tell() == self.model.tell()

    def teardown(self) -> None:
        if hasattr(self, "file"):
            self.file.close()


TestFileMachine = FileMachine.TestCase
