"""Streams of earlier releases decode to the same bytes, for ever."""

from __future__ import annotations

import hashlib
import importlib
import os
import sys
from pathlib import Path
from typing import Any

import pytest

import lmcodec
from lmcodec import errors
from tests.language_models import SMALL_LLAMA
from tests.messages import CODECS, MESSAGES
from tests.models import OWN
from tests.reference.test_reference import reference

# pytest brings tomli where the standard library has no tomllib yet.
tomllib = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

HERE = Path(__file__).parent
CASES: dict[str, Any] = tomllib.loads((HERE / "cases.toml").read_text(encoding="utf-8"))
CODED: dict[str, str] = tomllib.loads((HERE / "messages.toml").read_text(encoding="utf-8"))
BAD = sorted(path.stem for path in (HERE / "bad").glob("*.lmc"))
# What the reference decoder knows.
KNOWN = ("array-", "frame-", "freqs-", "order0-", "text-", "x86-")
ERRORS = {
    "corrupt": errors.CorruptError,
    "format": errors.FormatError,
    "limit": errors.LimitError,
    "truncated": errors.TruncatedError,
    "unsupported": errors.UnsupportedError,
}


@pytest.fixture(autouse=True)
def language_models(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = (str(SMALL_LLAMA.parent), str(HERE / "models"))
    monkeypatch.setenv("LMCODEC_MODEL_PATH", os.pathsep.join(folders))


@pytest.mark.parametrize("name", CASES)
def test_streams_decode(name: str) -> None:
    content = lmcodec.decompress((HERE / f"{name}.lmc").read_bytes())
    assert len(content) == CASES[name]["size"]
    assert hashlib.sha256(content).hexdigest() == CASES[name]["sha256"]


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith(KNOWN)])
def test_the_reference_decoder_agrees(name: str) -> None:
    content = reference.decode((HERE / f"{name}.lmc").read_bytes())
    assert hashlib.sha256(content).hexdigest() == CASES[name]["sha256"]


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("message", MESSAGES)
def test_messages_decode(codec: str, message: str) -> None:
    coded = bytes.fromhex(CODED[f"{codec}-{message}"])
    assert CODECS[codec].decode(coded) == MESSAGES[message]


@pytest.mark.parametrize("name", BAD)
def test_bad_streams_are_refused(name: str) -> None:
    with pytest.raises(ERRORS[name.split("-")[0]]):
        lmcodec.decompress((HERE / "bad" / f"{name}.lmc").read_bytes())


def test_every_file_is_a_case_and_every_case_a_file() -> None:
    assert {path.stem for path in HERE.glob("*.lmc")} == set(CASES)
    assert len(BAD) >= 11


def test_every_portable_model_has_golden_streams() -> None:
    for cls in OWN:
        if not cls.host_bound:
            prefix = f"{cls.id}-v{cls.version}-"
            assert any(name.startswith(prefix) for name in CASES), f"run `make golden`: {prefix}"
