from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

import lmcodec
from lmcodec import _core
from lmcodec.errors import FormatError, ModelError, WeightsError
from lmcodec.models.base import MODELS
from lmcodec.models.cm import Cm, CmWithoutPrior, CmWithSmallTables
from lmcodec.prior import find
from tests.priors import ENGLISH, GENERAL, OWN, RECORDS
from tests.strategies import pixels, records

GOLDEN = Path(__file__).parents[1] / "golden"


def test_versions() -> None:
    assert MODELS.get("cm") is MODELS.get("cm", 3) is Cm
    assert MODELS.get("cm", 2) is CmWithSmallTables
    assert MODELS.get("cm", 1) is CmWithoutPrior


@pytest.mark.parametrize("level", range(3, 10))
def test_without_a_prior_the_first_versions_write_the_same(level: int) -> None:
    for content in (ENGLISH, records(1, 100), pixels(16, 40)):
        old = CmWithoutPrior.for_level(level).fit(content)
        new = CmWithSmallTables.for_level(level).fit(content)
        assert old.params() == new.params()
        assert old.encode(content) == new.encode(content)
        assert old.decode(new.encode(content), len(content)) == content


@pytest.mark.parametrize("level", range(3, 10))
def test_short_streams_have_room_since_the_third_version(level: int) -> None:
    content = Path(__file__).read_bytes()[:3000]
    sizes = []
    for cls in (CmWithSmallTables, Cm):
        model = cls(level).primed(lmcodec.prior.default())
        sizes.append(len(model.encode(content)))
        assert model.decode(model.encode(content), len(content)) == content
        coded = model.encode_message(content)
        assert model.decode_message(coded) == content
    if level < 9:
        assert sizes[1] < 0.99 * sizes[0]
    else:
        assert sizes[1] == sizes[0]
    # Long streams have the tables that they had.
    longest = [cls(level).memory_bytes(1 << 26) for cls in (CmWithSmallTables, Cm)]
    assert longest[0] == longest[1]


def test_an_open_kind_codes_nothing() -> None:
    model = Cm(kind=0)
    with pytest.raises(ModelError, match="kind of cm is open"):
        model.encode(b"abc")
    with pytest.raises(ValueError, match="kind of cm"):
        model.decode(b"abc", 3)
    assert model.memory_bytes(1000) == Cm(kind=1).memory_bytes(1000)


def test_golden_streams_of_the_second_version_are_read_by_its_class() -> None:
    paths = sorted(GOLDEN.glob("cm-v2-*.lmc"))
    assert len(paths) > 50
    for path in paths:
        assert set(lmcodec.info(path).models) <= {"cm/2", "stored"}


def test_golden_streams_of_the_first_version_are_read_by_its_class() -> None:
    paths = sorted(GOLDEN.glob("cm-v1-*.lmc"))
    assert len(paths) > 30
    for path in paths:
        assert lmcodec.info(path).models == ("cm/1",)


def test_the_first_version_refuses_priors() -> None:
    with pytest.raises(ValueError, match="version 1 of cm has no prior"):
        CmWithoutPrior(prior=OWN)
    with pytest.raises(ValueError, match="version 1 of cm has no prior"):
        CmWithoutPrior().primed(OWN)
    with pytest.raises(FormatError, match="version 1 of cm has no prior"):
        CmWithoutPrior.from_record(b"", (GENERAL,))
    assert CmWithoutPrior.from_record(b"", ()) == CmWithoutPrior()


def test_records_name_the_prior() -> None:
    plain, primed = Cm(4), Cm(4).primed(OWN)
    assert primed.params() == plain.params()
    assert (plain.digests(), primed.digests()) == ((), (OWN.digest,))
    assert Cm.from_record(primed.params(), primed.digests()) == primed
    assert Cm.from_record(plain.params(), ()) == plain
    assert primed != plain
    assert primed != Cm(4).primed(lmcodec.prior.default())


def test_records_with_other_digests_are_refused() -> None:
    level_9 = Cm(9).params()
    for digests in ((bytes(32),), (GENERAL, GENERAL), (GENERAL, bytes(32)), (bytes(32),) * 3):
        with pytest.raises(WeightsError):
            Cm.from_record(level_9, digests)


@pytest.mark.parametrize("version", [1, 2])
def test_records_must_say_the_kind(version: int) -> None:
    params = MODELS.get("cm", version).for_level(5).params()
    with pytest.raises(FormatError, match="kind is open"):
        MODELS.get("cm", version).from_record(params, ())


def test_priors_stay_with_text_only() -> None:
    assert Cm.for_level(5).primed(OWN) == Cm.for_level(5)
    opened = Cm(5, kind=0, prior=OWN)
    assert opened.fit(ENGLISH).prior == OWN
    assert opened.fit(records(1, 300)).prior is None
    assert opened.fit(pixels(64, 100)).prior is None
    for kind in (2, 3):
        assert Cm(kind=kind).primed(OWN).prior is None


@pytest.mark.parametrize("level", range(3, 10))
@pytest.mark.parametrize("kind", [1, 2, 3])
def test_any_kind_decodes_with_a_prior(level: int, kind: int) -> None:
    # No compressor writes some of these, but a record may say so.
    model = Cm(level, kind, 3, 6, prior=OWN)
    for content in (b"", b"a", RECORDS, records(2, 50)):
        assert model.decode(model.encode(content), len(content)) == content


@pytest.mark.parametrize("level", range(3, 10))
def test_a_prior_makes_what_it_knows_shorter(level: int) -> None:
    for content, prior in ((RECORDS, OWN), (ENGLISH, lmcodec.prior.default())):
        plain = Cm(level)
        assert len(plain.primed(prior).encode(content)) < len(plain.encode(content)) * 0.8


def test_memory_counts_the_prior() -> None:
    model = Cm(5)
    assert model.primed(OWN).memory_bytes(10_000) == model.memory_bytes(10_000) + len(OWN)
    # For messages a predictor is kept.
    assert model.primed(OWN).memory_bytes(1000) == 2 * model.memory_bytes(1000) + len(OWN)


def test_quick_has_not_what_levels_learnt() -> None:
    general, below = find("general-1.1"), find("general-1")
    assert Cm(7, prior=general).quick() == Cm(3, prior=below)
    assert Cm(7, prior=below).quick() == Cm(3, prior=below)


def test_quick_is_the_lowest_level_with_all_else() -> None:
    model = Cm(9, 1, prior=OWN)
    assert model.quick() == Cm(3, 1, prior=OWN)
    assert {field.name for field in fields(model)} == {
        "level",
        "kind",
        "record",
        "row",
        "lanes",
        "prior",
        "network",
    }


def test_the_extension_takes_priors_only() -> None:
    with pytest.raises(TypeError):
        _core.cm_encode(b"abc", (5, 1, 1, 1, 1, True), bytes(OWN))  # type: ignore[arg-type]


def test_lanes_are_for_text_at_level_9() -> None:
    for level, kind in ((5, 1), (9, 2), (8, 1)):
        with pytest.raises(ValueError, match="lanes of cm need text at level 9"):
            Cm(level, kind, lanes=2)
    for lanes in (0, 9, -1):
        with pytest.raises(ValueError, match=f"lanes of cm must be 1 to 8: got {lanes}"):
            Cm(9, lanes=lanes)
    with pytest.raises(ValueError, match="version 1 of cm has one lane"):
        CmWithoutPrior(9, lanes=2)
    assert Cm(9, 0, lanes=2).fit(ENGLISH).lanes == 2
    assert Cm(9, 0, lanes=2).fit(records(1, 100)).lanes == 1


def test_records_have_lanes() -> None:
    model = Cm(9, lanes=2)
    assert Cm(9).params() == bytes([18])
    assert model.params() == bytes([18, 2, 2, 2, 4])
    assert Cm.from_record(model.params(), ()) == model
    assert model.memory_bytes(1 << 20) > Cm(9).memory_bytes(1 << 20) + (1 << 20)
    for params in (bytes([18, 2, 2, 2, 18]), bytes([18, 2, 2, 2, 0]), bytes([16, 2, 2, 2, 4])):
        with pytest.raises(FormatError, match="parameters of Cm are refused: lanes of cm"):
            Cm.from_record(params, ())


@pytest.mark.parametrize("count", [0, 1, 2, 3, 100, 101])
def test_lanes_round_trip(count: int) -> None:
    content = (ENGLISH * 3)[:count]
    payloads = {Cm(9, lanes=lanes).encode(content) for lanes in (1, 2, 3)}
    assert len(payloads) == (3 if count > 3 else len(payloads))
    for lanes in (2, 3):
        model = Cm(9, lanes=lanes)
        assert model.decode(model.encode(content), count) == content
