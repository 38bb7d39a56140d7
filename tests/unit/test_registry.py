from __future__ import annotations

import sys
from pathlib import Path
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


def test_entry_points_provide_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = Registry[Any]("thing", "lmcodec.things_of_a_test")
    registry.__dict__["_files"] = set()
    info = tmp_path / "outside-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{registry.package}]\noutside = outside_test:load\n")
    (tmp_path / "outside_test.py").write_text("load = None\n")
    assert "outside" not in registry
    del registry.__dict__["_entry_points"]
    monkeypatch.syspath_prepend(tmp_path)
    assert registry.ids() == ("outside",)
    with pytest.raises(UnsupportedError):
        registry.get("outside", 1)
    registry.register(id="outside", version=1)(Thing)
    assert registry.get("outside", 1) is Thing


def test_metadata_is_left_alone_where_no_package_announces_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other-1.0.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(tmp_path / "missing"), ""])
    monkeypatch.setattr(sys, "meta_path", [])
    monkeypatch.delitem(sys.modules, "importlib.metadata", raising=False)
    assert "outside" not in Registry[Any]("thing", "lmcodec.things_of_a_test")._entry_points
    assert "importlib.metadata" not in sys.modules


def test_archives_and_other_finders_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def entry_points(*, group: str) -> list[object]:
        asked.append(group)
        return []

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    archive = tmp_path / "packages.zip"
    archive.write_bytes(b"")
    monkeypatch.setattr(sys, "path", [str(archive)])
    assert not make()._entry_points
    assert asked == ["lmcodec.models"]
    monkeypatch.setattr(sys, "path", [])
    finder = type("Finder", (), {"find_distributions": None})
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, finder, finder])
    assert not make()._entry_points
    assert len(asked) == 2
