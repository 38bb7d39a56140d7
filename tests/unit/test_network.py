from __future__ import annotations

import hashlib
import pickle
from contextlib import suppress
from pathlib import Path

import pytest

import lmcodec
from lmcodec import MessageCodec, network, prior, shelf
from lmcodec.errors import FormatError, ModelError, WeightsError
from lmcodec.models.base import MODELS
from lmcodec.models.bytelm import Bytelm
from lmcodec.models.cm import Cm
from lmcodec.network import Network
from tests.networks import PATH, TINY
from tests.priors import ENGLISH, OWN


def test_a_network_is_named_by_its_file() -> None:
    assert bytes(TINY) == PATH.read_bytes()
    assert TINY.digest == hashlib.sha256(PATH.read_bytes()).digest()
    assert Network(bytes(TINY)) == TINY
    assert TINY != network.default()
    assert hash(Network(bytes(TINY))) == hash(TINY)
    assert pickle.loads(pickle.dumps(TINY)) == TINY
    assert TINY.digest.hex()[:12] in repr(TINY)


def test_networks_are_found_by_name_and_file() -> None:
    shipped = network.default()
    assert network.find("bytelm") is network.find("bytelm-2.1") is shipped
    assert network.find(PATH) == TINY
    assert shipped.digest.hex() == network.SHIPPED["bytelm-2.1"]


def test_networks_are_found_by_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert network.by_digest(TINY.digest) == TINY
    with pytest.raises(WeightsError, match=r"network is not here: 0000.*LMCODEC_MODEL_PATH is not"):
        network.by_digest(bytes(32))
    (tmp_path / "a.safetensors").write_bytes(b"something else")
    monkeypatch.setenv("LMCODEC_MODEL_PATH", str(tmp_path))
    with pytest.raises(WeightsError, match=f"in {tmp_path}"):
        network.by_digest(bytes(32))
    changed = bytearray(PATH.read_bytes())
    changed[-1] ^= 1
    (tmp_path / "b.safetensors").write_bytes(changed)
    digest = hashlib.sha256(changed).digest()
    assert network.by_digest(digest).digest == digest


def test_a_damaged_network_of_the_package_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "DATA", tmp_path)
    network.SHELF.forget()
    try:
        with pytest.raises(WeightsError, match=r"cannot be read: bytelm-2\.1"):
            network.default()
        (tmp_path / "bytelm-2.1.safetensors").write_bytes(PATH.read_bytes())
        with pytest.raises(WeightsError, match=r"damaged: bytelm-2\.1: its SHA-256 is"):
            network.default()
    finally:
        network.SHELF.forget()


def test_the_network_alone_codes_and_decodes() -> None:
    model = Bytelm(TINY)
    for content in (b"", b"a", ENGLISH, bytes(range(256)) * 3):
        payload = model.encode(content)
        assert model.decode(payload, len(content)) == content
    assert model.digests() == (TINY.digest,)
    assert Bytelm.from_record(model.params(), model.digests()) == model
    assert MODELS.get("bytelm") is Bytelm
    assert model.memory_bytes(10) > len(PATH.read_bytes())
    with pytest.raises(FormatError, match="one network"):
        Bytelm.from_record(b"", ())
    with pytest.raises(ModelError, match="codes bytes"):
        model.encode(memoryview(b"").cast("B"))  # type: ignore[arg-type]


def test_the_network_of_the_package_knows_english() -> None:
    plain = Cm(9).primed(prior.default())
    mixed = plain.networked()
    assert mixed is not None
    text = b"It was the first time in many years that she had been alone in the house. " * 2
    alone, with_it, without = (len(m.encode(text)) for m in (Bytelm(), mixed, plain))
    assert alone < len(text) // 3
    assert with_it < without
    assert mixed.decode(mixed.encode(text), len(text)) == text


def test_messages_go_through_the_network() -> None:
    message = b"It was the first time in many years that she had been alone in the house."
    codecs = [MessageCodec("bytelm"), MessageCodec(), MessageCodec("bytelm", prior="none")]
    coded = [codec.encode(message) for codec in codecs]
    for codec, data in zip(codecs, coded, strict=True):
        assert codec.decode(data) == message
    mixed, contexts, alone = map(len, coded)
    assert mixed < contexts < len(message)
    assert alone < len(message) // 2
    agreed = MessageCodec("bytelm", prior="none", length=len(message))
    assert agreed.encode(message) == Bytelm().encode(message)


def test_nothing_of_a_message_is_left_for_the_next_one() -> None:
    warm = MessageCodec("bytelm")
    parts = [ENGLISH[:300], b"", b"x", ENGLISH[40:4140], bytes(range(256)), ENGLISH[7:90]]
    for message in [*parts, *parts[::-1]]:
        fresh = Network(bytes(network.default()))
        coded = MessageCodec("bytelm", network=fresh).encode(message)
        assert warm.encode(message) == coded
        with suppress(FormatError):
            # What is decoded of a message that is cut is of no use, and must do no harm.
            warm.decode(coded[: len(coded) // 2])
        assert warm.decode(coded) == message


def test_what_is_kept_for_the_next_message_counts_as_memory() -> None:
    one = network.default()
    # The maps and weights that start from the network, for two threads, and its own tables.
    assert one.memory_bytes - 2 * one.file_bytes == one.core.kept_bytes > 40 << 20
    assert Cm(9, prior=OWN, network=one).memory_bytes(9) > one.memory_bytes
    # Nothing was learnt beside this one.
    assert TINY.core.kept_bytes == 0


def test_records_of_cm_name_prior_and_network() -> None:
    model = Cm(9, prior=OWN, network=TINY)
    assert model.digests() == (OWN.digest, TINY.digest)
    assert Cm.from_record(model.params(), model.digests()) == model
    payload = model.encode(ENGLISH)
    assert model.decode(payload, len(ENGLISH)) == ENGLISH
    assert payload != Cm(9, prior=OWN).encode(ENGLISH)
    assert model.memory_bytes(100) > Cm(9, prior=OWN).memory_bytes(100)


def test_networks_go_with_text_of_level_9_and_a_prior() -> None:
    for arguments in ({"level": 8, "prior": OWN}, {"level": 9}):
        with pytest.raises(ValueError, match="network of cm needs level 9 and a prior"):
            Cm(network=TINY, **arguments)
    assert Cm(8, prior=OWN).networked() is None
    assert Cm(9).networked() is None
    assert Cm(9, kind=2).networked() is None
    with pytest.raises(FormatError, match="no network at this level"):
        Cm.from_record(Cm(8).params(), (OWN.digest, TINY.digest))
    opened = Cm(9, kind=0, prior=OWN, network=TINY)
    assert opened.fit(ENGLISH).network == TINY
    assert opened.fit(bytes(range(256)) * 20).network is None


@pytest.mark.parametrize("lanes", [1, 2])
def test_the_bytes_do_not_depend_on_threads(lanes: int) -> None:
    model = Cm(9, lanes=lanes, prior=OWN, network=TINY)
    # A text that is its own half again, and one with an odd end.
    for content in (ENGLISH * 4, ENGLISH * 3 + b"."):
        streams = {lmcodec.compress(content, model=model, threads=threads) for threads in (1, 2)}
        (stream,) = streams
        for threads in (1, 2, 3):
            assert lmcodec.decompress(stream, threads=threads) == content
