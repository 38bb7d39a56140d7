from __future__ import annotations

import sys
from typing import Any

import pytest

from lmcodec.errors import UnsupportedError
from lmcodec.models.base import MODELS
from lmcodec.registry import Registry


class Thing:
    id: str
    version: int


def make() -> Registry[Any]:
    return Registry("thing", "lmcodec.models")


def test_register_and_get() -> None:
    registry = make()
    first = registry.register(id="mine", version=1)(type("First", (Thing,), {}))
    second = registry.register(id="mine", version=2)(type("Second", (Thing,), {}))
    assert registry.get("mine", 1) is first
    assert registry.get("mine", 2) is second
    assert registry.get("mine") is second
    assert (second.id, second.version) == ("mine", 2)
    assert "mine" in registry.ids()


def test_duplicates_raise() -> None:
    registry = make()
    registry.register(id="mine", version=1)(Thing)
    with pytest.raises(ValueError, match="mine version 1 is taken"):
        registry.register(id="mine", version=1)(Thing)


@pytest.mark.parametrize("id", ["", "Mine", "1st", "a-b", "a" * 33, "../x", "a.b"])
def test_ids_are_well_formed(id: str) -> None:
    with pytest.raises(ValueError, match="not a thing id"):
        make().register(id=id, version=1)
    with pytest.raises(UnsupportedError, match="thing is not known"):
        make().get(id)


def test_versions_start_at_one() -> None:
    with pytest.raises(ValueError, match="versions start at 1"):
        make().register(id="mine", version=0)


def test_unknown_version_names_what_is_needed() -> None:
    with pytest.raises(UnsupportedError, match="order0 version 99 is not known") as caught:
        MODELS.get("order0", 99)
    assert (caught.value.id, caught.value.version) == ("order0", 99)


def test_nothing_but_models_is_imported() -> None:
    for id in ("base", "os", "socket", "lmcodec", "_sequential"):
        before = set(sys.modules)
        with pytest.raises(UnsupportedError):
            MODELS.get(id)
        assert not {name for name in set(sys.modules) - before if id in name}


def test_list_is_sorted_by_id_and_version() -> None:
    classes = MODELS.list()
    keys = [(cls.id, cls.version) for cls in classes]
    assert keys == sorted(keys)
    assert "order0" in {cls.id for cls in classes}
    assert {cls.id for cls in classes} == set(MODELS.ids())


def test_entry_points_provide_models(monkeypatch: pytest.MonkeyPatch) -> None:
    registry = make()

    class EntryPoint:
        name = "outside"

        def load(self) -> None:
            registry.register(id="outside", version=1)(Thing)

    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: [EntryPoint()])
    assert "outside" in registry.ids()
    assert registry.get("outside", 1) is Thing
