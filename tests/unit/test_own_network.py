"""Networks of one's own: where they are taken, refused, and named."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import pytest

import lmcodec
from lmcodec import network
from lmcodec.info import WeightsInfo
from lmcodec.models.bytelm import Bytelm
from lmcodec.models.cm import Cm
from lmcodec.models.order0 import Order0
from lmcodec.network import Network
from lmcodec.prior import default
from tests.networks import PATH, TINY
from tests.priors import ENGLISH, GENERAL, OWN

BINARY = bytes(n * n * 7 >> 3 & 255 for n in range(3000))


def needs(stream: bytes) -> list[list[bytes]]:
    info = lmcodec.info(stream)
    return [[one.digest for one in some] for some in (info.priors, info.networks)]


@pytest.fixture(autouse=True)
def _no_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LMCODEC_MODEL_PATH", raising=False)


@pytest.mark.parametrize("choice", [TINY, PATH, str(PATH)])
def test_a_network_that_is_asked_for_is_used_for_all_text(choice: Any) -> None:
    stream = lmcodec.compress(ENGLISH, 9, network=choice)
    assert lmcodec.decompress(stream) == ENGLISH
    assert needs(stream) == [[GENERAL], [TINY.digest]]
    info = lmcodec.info(stream)
    assert info.networks == (WeightsInfo(TINY.digest, "own", False, True),)
    assert needs(lmcodec.compress(ENGLISH, 9, network=choice, prior=OWN))[0] == [OWN.digest]
    assert needs(lmcodec.compress(BINARY, 9, network=choice)) == [[], []]


def test_everything_that_writes_takes_one(tmp_path: Path) -> None:
    expected = lmcodec.compress(ENGLISH, 9, network=TINY)
    compressor = lmcodec.LmcodecCompressor(9, network=TINY)
    compressor.set_pledged_input_size(len(ENGLISH))
    assert compressor.compress(ENGLISH) + compressor.flush() == expected
    for make in (lmcodec.open, lmcodec.LmcodecFile):
        with make(tmp_path / "a.lmz", "wb", level=9, network=TINY) as file:
            file.write(ENGLISH)
        assert needs((tmp_path / "a.lmz").read_bytes()) == [[GENERAL], [TINY.digest]]


def test_none_is_none_and_leaves_the_prior() -> None:
    stream = lmcodec.compress(ENGLISH, 9, network="none")
    assert needs(stream) == [[GENERAL], []]
    assert needs(lmcodec.compress(ENGLISH, 9, network="none", prior=OWN)) == [[OWN.digest], []]
    assert needs(lmcodec.compress(ENGLISH, 9, prior="none")) == [[], []]
    assert needs(lmcodec.compress(ENGLISH, 5, network="none")) == [[GENERAL], []]


def test_the_model_bytelm_takes_one() -> None:
    # It was not trained, so it makes nothing else shorter.
    content = b"ab" * 4000
    stream = lmcodec.compress(content, model="bytelm", network=TINY)
    assert needs(stream) == [[], [TINY.digest]]
    assert lmcodec.decompress(stream) == content
    assert stream == lmcodec.compress(content, model=Bytelm(TINY))
    assert stream == lmcodec.compress(content, model=Bytelm(), network=TINY)
    assert needs(lmcodec.compress(ENGLISH, model=Cm(9, prior=OWN), network=TINY)) == [
        [OWN.digest],
        [TINY.digest],
    ]


@pytest.mark.parametrize(
    "settings",
    [
        {"level": 5},
        {},
        {"level": 9, "prior": "none"},
        {"level": 9, "model": "order0"},
        {"level": 9, "model": "stored"},
        {"model": Order0()},
        {"model": Cm(9)},
        {"model": Cm(5, prior=OWN)},
    ],
)
def test_where_it_has_no_use_it_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"network has no use here: <Network own .*level 9"):
        lmcodec.compress(ENGLISH, network=TINY, **settings)


def test_what_is_no_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="network is not known: 'some'; known are auto, none, byt"):
        lmcodec.compress(ENGLISH, 9, network="some")
    with pytest.raises(TypeError, match="network must be a network, its name or its file: got 1"):
        lmcodec.compress(ENGLISH, 9, network=1)  # type: ignore[arg-type]
    with pytest.raises(FileNotFoundError):
        lmcodec.compress(ENGLISH, 9, network=tmp_path / "none")
    path = tmp_path / "a.safetensors"
    path.write_bytes(bytes(OWN))
    with pytest.raises(lmcodec.FormatError, match=r"a\.safetensors: "):
        lmcodec.compress(ENGLISH, 9, network=path)


def test_without_it_nothing_decodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = bytearray(bytes(TINY))
    at = other.index(b"I32")
    assert at > 0
    # Another file with the same numbers: a blank more at the end of the header.
    size = int.from_bytes(other[:8], "little")
    changed = (size + 8).to_bytes(8, "little") + other[8 : 8 + size] + b" " * 8 + other[8 + size :]
    own = Network(changed)
    digest = own.digest
    stream = lmcodec.compress(ENGLISH, 9, network=own)
    del own
    gc.collect()
    network.SHELF.found.clear()
    with pytest.raises(lmcodec.WeightsError, match=f"network is not here: {digest.hex()}") as error:
        lmcodec.decompress(stream)
    assert "load it with --network FILE" in str(error.value)
    info = lmcodec.info(stream)
    assert info.networks == (WeightsInfo(digest, None, False, False),)
    assert info.memory_bytes is None
    (tmp_path / "any.safetensors").write_bytes(changed)
    monkeypatch.setenv("LMCODEC_MODEL_PATH", str(tmp_path))
    assert lmcodec.decompress(stream) == ENGLISH


def test_messages() -> None:
    message = ENGLISH[:200]
    codec = lmcodec.MessageCodec("bytelm", network=TINY)
    assert codec.decode(codec.encode(message)) == message
    same = lmcodec.MessageCodec(Cm(9, prior=default(), network=TINY))
    assert codec.encode(message) == same.encode(message)
    alone = lmcodec.MessageCodec("bytelm", network=TINY, prior="none")
    assert alone.encode(message) == lmcodec.MessageCodec(Bytelm(TINY)).encode(message)
    with pytest.raises(ValueError, match="model uses no network: Cm"):
        lmcodec.MessageCodec(network=TINY)
    with pytest.raises(ValueError, match="model bytelm needs a network"):
        lmcodec.MessageCodec("bytelm", network="none")
    plain = lmcodec.MessageCodec()
    assert lmcodec.MessageCodec(network="none").encode(message) == plain.encode(message)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"minutes": 0}, "minutes must be more than 0"),
        ({"passes": -1}, "passes must be more than 0"),
        ({"threads": -1}, "threads must not be negative"),
        ({"seed": -1}, "seed must not be negative"),
        ({"resume": True}, "resume needs a checkpoint"),
        ({"base": "some"}, "network is not known"),
    ],
)
def test_training_checks_its_arguments(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        lmcodec.train_network([ENGLISH * 100], **settings)


def test_training_needs_text() -> None:
    with pytest.raises(ValueError, match="too little text to train a network on: 4 of 8192 bytes"):
        lmcodec.train_network([b"few", b""])
    with pytest.raises(TypeError):
        lmcodec.train_network([5])  # type: ignore[list-item]


@pytest.mark.parametrize("missing", ["torch", "safetensors"])
def test_training_says_what_is_not_installed(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(lmcodec.UnsupportedError, match="needs torch and safetensors: ") as error:
        lmcodec.train_network([ENGLISH * 100])
    assert error.value.hint == 'install both by: pip install "lmcodec[lm]"'
