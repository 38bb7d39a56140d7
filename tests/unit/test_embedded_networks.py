"""Copies of networks in streams, beside those of priors."""

from __future__ import annotations

import gc
import hashlib
import io
from collections.abc import Iterator
from typing import Any

import pytest

import lmcodec
from lmcodec import Prior, embedded, network
from lmcodec.header import WEIGHTS_STORED, WeightsRecord
from lmcodec.index import Source, walk
from lmcodec.info import WeightsInfo
from lmcodec.models.bytelm import Bytelm
from lmcodec.models.cm import Cm
from lmcodec.network import Network
from tests.networks import TINY
from tests.priors import ENGLISH, OWN, forget

CONTENT = (ENGLISH * 17)[:6000]


def other() -> Network:
    """Another file with the same numbers: more blanks at the end of the header."""
    file = bytes(TINY)
    at = 8 + int.from_bytes(file[:8], "little")
    return Network((at + 8).to_bytes(8, "little") + file[8:at] + b" " * 16 + file[at:])


def copies(stream: bytes) -> list[WeightsRecord]:
    headers = [part.header for part in walk(Source(io.BytesIO(stream)))]
    return [header for header in headers if isinstance(header, WeightsRecord)]


def is_lost(digest: bytes) -> bool:
    """Whether a network is nowhere, once nobody uses it."""
    gc.collect()
    try:
        network.by_digest(digest)
    except lmcodec.WeightsError:
        return True
    return False


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No prior is loaded, no folder is named, and no reader leaves a network behind."""
    forget(monkeypatch)
    network.SHELF.found.clear()
    digest = other().digest
    assert is_lost(digest)
    yield
    assert is_lost(digest)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("kind", ["both", "network", "alone"])
def test_streams_need_nothing_else(kind: str, threads: int) -> None:
    own, start = other(), Prior(bytes(OWN))
    digest, expected = own.digest, [own.digest]
    settings: dict[str, Any] = {"level": 9, "network": own}
    if kind == "both":
        settings["prior"], expected = start, [start.digest, digest]
    elif kind == "alone":
        settings = {"model": Bytelm(own)}
    stream = lmcodec.compress(CONTENT, embed=True, threads=threads, block_size=2500, **settings)
    assert [copy.digest for copy in copies(stream)] == expected
    del own, start, settings
    assert is_lost(digest)
    info = lmcodec.info(stream)
    assert info.networks == (WeightsInfo(digest, "own", True, True),)
    priors = {"both": [("log", True)], "network": [("general-1.1", False)], "alone": []}
    assert [(prior.name, prior.embedded) for prior in info.priors] == priors[kind]
    assert lmcodec.decompress(stream, threads=threads) == CONTENT
    assert lmcodec.recover(stream).content == CONTENT
    reader = lmcodec.LmcodecDecompressor()
    parts = [reader.decompress(stream[at : at + 1000]) for at in range(0, len(stream), 1000)]
    assert (b"".join(parts), reader.eof) == (CONTENT, True)
    for place in (5900, 0, 2600):
        with lmcodec.open(io.BytesIO(stream)) as file:
            file.seek(place)
            assert file.read(50) == CONTENT[place : place + 50]


def test_memory_is_bounded() -> None:
    stream = lmcodec.compress(CONTENT, 9, network=other(), embed=True)
    needed = lmcodec.info(stream).memory_bytes
    assert needed is not None
    assert lmcodec.decompress(stream, max_memory=needed) == CONTENT
    (record,) = copies(stream)
    for limit in (record.raw_size, 3 * record.raw_size):
        with pytest.raises(lmcodec.LimitError):
            lmcodec.decompress(stream, max_memory=limit)
    # Enough for the copy, but not for the network in it.
    copy = embedded.memory_bytes(record)
    raw = bytes(other())
    packed = embedded.pack(other())
    with pytest.raises(lmcodec.LimitError, match="embedded weights need too much memory: more"):
        embedded.unpack(record, packed[-record.coded_size :], max(copy, 2 * len(raw) - 1))
    assert embedded.unpack(record, packed[-record.coded_size :], 2 * copy).digest == record.digest


def test_that_of_the_package_is_not_copied() -> None:
    again = Network(bytes(network.default()))
    settings: list[dict[str, Any]] = [{"level": 9, "network": again}, {"model": Bytelm(again)}]
    for chosen in settings:
        plain = lmcodec.compress(ENGLISH, **chosen)
        assert lmcodec.compress(ENGLISH, embed=True, **chosen) == plain
    # Beside a prior of one's own that has a copy.
    stream = lmcodec.compress(ENGLISH, 9, prior=Prior(bytes(OWN)), network=again, embed=True)
    assert [copy.digest for copy in copies(stream)] == [OWN.digest]
    assert [needed.embedded for needed in lmcodec.info(stream).networks] == [False]


def test_a_model_says_itself_what_it_uses() -> None:
    model = Cm(level=9, prior=Prior(bytes(OWN)), network=other())
    stream = lmcodec.compress(CONTENT, model=model, embed=True)
    assert len(copies(stream)) == 2
    del model
    gc.collect()
    assert lmcodec.decompress(stream) == CONTENT


def test_what_does_not_need_it_has_none() -> None:
    for content in (b"", b"a", bytes(n * n * 7 >> 3 & 255 for n in range(3000))):
        plain = lmcodec.compress(content, 9, network=other())
        assert lmcodec.compress(content, 9, network=other(), embed=True) == plain


def test_one_that_is_too_large_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lmcodec.embedded.MAX_WEIGHTS_BYTES", 1000)
    with pytest.raises(lmcodec.LimitError, match="network is too large to be embedded: 2"):
        lmcodec.compress(ENGLISH, 9, network=TINY, embed=True)
    assert lmcodec.decompress(lmcodec.compress(ENGLISH, 9, network=TINY)) == ENGLISH


def test_a_copy_that_is_no_network_is_refused() -> None:
    own = other()
    stream = lmcodec.compress(CONTENT, 9, network=own, embed=True)
    (record,) = copies(stream)
    at = stream.index(record.pack())
    end = at + len(record.pack()) + record.coded_size
    file = bytearray(bytes(own))
    # A type that no tensor has: the format is right, and so is the digest.
    place = file.index(b'"I32"')
    file[place + 1 : place + 4] = b"F64"
    changed = WeightsRecord(WEIGHTS_STORED, len(file), len(file), hashlib.sha256(file).digest())
    with pytest.raises(lmcodec.FormatError, match="embedded weights are of no kind that is known"):
        lmcodec.decompress(stream[:at] + changed.pack() + file + stream[end:])
