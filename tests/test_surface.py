"""The public surface: names, signatures, words, and what an import costs."""

from __future__ import annotations

import dataclasses
import doctest
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import lmcodec
from lmcodec import errors
from lmcodec.header import ModelRecord, TransformRecord
from lmcodec.models.base import MODELS
from lmcodec.models.latent import Latent
from lmcodec.transforms.array import Array
from lmcodec.transforms.base import TRANSFORMS
from lmcodec.transforms.edges import Edges
from lmcodec.transforms.table import Table as TableTransform
from lmcodec.transforms.text import Text
from lmcodec.transforms.x86 import X86

DOCS = Path(__file__).parents[1] / "docs"
PUBLIC = [name for name in lmcodec.__all__ if name != "__version__"]


def test_all_is_sorted_and_exists() -> None:
    assert lmcodec.__all__ == sorted(lmcodec.__all__)
    for name in lmcodec.__all__:
        assert hasattr(lmcodec, name)


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_are_documented(name: str) -> None:
    thing = getattr(lmcodec, name)
    assert inspect.getdoc(thing), name
    if inspect.isclass(thing):
        members = [member for key, member in vars(thing).items() if not key.startswith("_")]
    else:
        members = []
    for member in members:
        if inspect.isfunction(member) or isinstance(member, property):
            assert inspect.getdoc(member), f"{name}.{member}"


@pytest.mark.parametrize("name", PUBLIC)
def test_every_argument_is_documented(name: str) -> None:
    thing: Any = getattr(lmcodec, name)
    if inspect.isclass(thing) and not dataclasses.is_dataclass(thing):
        return
    doc = str(inspect.getdoc(thing))
    for argument in inspect.signature(thing).parameters:
        assert re.search(rf"^ *{argument}: ", doc, re.MULTILINE), argument


# Names and order as in compression.zstd, and what is added, by keyword only.
SIGNATURES = {
    "compress": "data, level, options, *, model, transform, prior, network, embed, threads, "
    "progress, block_size",
    "decompress": "data, *, max_output_size, max_memory, threads, progress",
    "decompress_into": "data, out, *, max_memory, threads",
    "info": "stream",
    "open": "file, /, mode, *, level, options, encoding, errors, newline, model, transform, "
    "prior, network, embed, threads, block_size, max_memory",
    "tokenize": "text, *, bits, model",
    "detokenize": "tokens, counts, *, bits, model",
    "recover": "data, *, max_output_size, max_memory",
    "MessageCodec": "model, *, prior, network, length, checksum_bytes",
    "MessageCodec.encode": "self, message",
    "MessageCodec.decode": "self, data, *, max_output_size",
    "LmcodecCompressor": "level, options, *, model, transform, prior, network, embed, threads, "
    "block_size",
    "LmcodecCompressor.compress": "self, data, /, mode",
    "LmcodecCompressor.flush": "self, mode",
    "LmcodecCompressor.set_pledged_input_size": "self, size, /",
    "LmcodecDecompressor": "*, max_memory",
    "LmcodecDecompressor.decompress": "self, data, max_length",
    "LmcodecFile": "file, /, mode, *, level, options, model, transform, prior, network, embed, "
    "threads, block_size, max_memory",
}


def shape(function: Any) -> str:
    words: list[str] = []
    last = None
    for parameter in inspect.signature(function).parameters.values():
        if last == parameter.POSITIONAL_ONLY != parameter.kind:
            words.append("/")
        if parameter.kind == parameter.KEYWORD_ONLY != last:
            words.append("*")
        words.append(parameter.name)
        last = parameter.kind
    if last == inspect.Parameter.POSITIONAL_ONLY:
        words.append("/")
    return ", ".join(words)


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures(name: str) -> None:
    thing: Any = lmcodec
    for part in name.split("."):
        thing = getattr(thing, part)
    assert shape(thing) == SIGNATURES[name]


def error_classes() -> list[type[Exception]]:
    return [
        thing
        for thing in vars(errors).values()
        if inspect.isclass(thing) and issubclass(thing, Exception)
    ]


def test_error_tree_is_complete() -> None:
    names = {cls.__name__ for cls in error_classes()}
    assert set(errors.__all__) == names
    assert names <= set(lmcodec.__all__)
    assert list(errors.__all__) == sorted(errors.__all__)
    drawn = dict(re.findall(r"(\w+Error)[ )(].*?(?:  +(.*))?$", str(errors.__doc__), re.MULTILINE))
    assert names <= set(drawn)
    for cls in error_classes():
        assert issubclass(cls, errors.LmcodecError)
        fields = set(inspect.signature(cls).parameters) - {"message", "hint"}
        own = {field for field in fields if re.search(rf"\b{field}\b", str(errors.__doc__))}
        assert own == fields, cls


def test_errors_keep_their_fields() -> None:
    corrupt = errors.CorruptError("sum differs", expected=1, got=2, offset=3, hint="fetch it again")
    assert (corrupt.expected, corrupt.got, corrupt.offset) == (1, 2, 3)
    assert str(corrupt) == "sum differs\nhint: fetch it again"
    assert str(errors.LmcodecError("plain")) == "plain"
    assert issubclass(errors.FormatError, ValueError)
    assert issubclass(errors.TruncatedError, EOFError)


def test_import_is_light() -> None:
    heavy = ("numpy", "torch", "numba", "argparse", "concurrent.futures", "asyncio", "logging")
    code = "import sys, lmcodec; print(*[name for name in sys.argv[1:] if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


def test_stored_streams_need_no_numpy() -> None:
    code = (
        "import sys, lmcodec\n"
        "stream = lmcodec.compress(b'abc', model='stored')\n"
        "assert lmcodec.decompress(stream) == b'abc'\n"
        "assert 'numpy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_table_of_models_is_the_registry() -> None:
    text = (DOCS / "models.md").read_text(encoding="utf-8")
    line = r"^\| (\w+) \| (\d+) \| ([\w-]+) \| (.+?) \| (.*?) ?\| (.*?) ?\|$"
    rows = re.findall(line, text, re.MULTILINE)
    widths = {1: "bytes", 2: "uint16", 4: "uint32"}
    expected = [
        (
            cls.id,
            str(cls.version),
            "host-bound" if cls.host_bound else "portable",
            widths[cls.width],
            *fields(cls),
        )
        for cls in MODELS.list()
    ]
    assert rows == expected
    for transform in TRANSFORMS.list():
        packed, besides = fields(transform)
        assert f"| {transform.id} | {transform.version} |" in text
        assert f"| {packed} | `docs/transforms/{transform.id}.md` |" in text
        assert besides == ("found=None" if transform.id == "edges" else "")


def fields(cls: type) -> tuple[str, str]:
    """Return the parameters that are in records, and the others."""
    packed, besides = (
        ", ".join(
            f"{field.name}={field.default!r}"
            for field in dataclasses.fields(cls)
            if field.metadata.get("packed", True) == is_packed
        )
        for is_packed in (True, False)
    )
    return packed, besides


def test_records_in_the_specification() -> None:
    text = (DOCS / "format.md").read_text(encoding="utf-8")
    for transform in (
        Array(16, 7840, 28, 28),
        Edges(),
        Edges(1, 0),
        Edges(0, 1),
        TableTransform(rows=20, head=9),
        Text(),
        X86(),
        X86(True),
    ):
        record = TransformRecord(transform.id, transform.version, transform.params())
        assert f"`{record.pack().hex(' ')}`" in text, transform
    latent = Latent(300)
    assert f"`{ModelRecord(latent.id, 1, latent.params()).pack().hex(' ')}`" in text
    assert f"`{Latent(4, 10).params().hex(' ')}`" in text


def modules() -> list[str]:
    found = pkgutil.walk_packages(lmcodec.__path__, "lmcodec.")
    return sorted(module.name for module in found if not module.name.endswith("_core"))


# Modules whose examples need a package that is not required.
NEEDS = {
    **{
        f"lmcodec.ardm.{name}": "torch" for name in ("export", "fit", "model", "restore", "trainer")
    },
    "lmcodec.circuit.device": "torch",
    "lmcodec.interop": "constriction",
    "lmcodec.latent.kernels": "numba",
    "lmcodec.tuning": "torch",
}


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings(name: str) -> None:
    for needing, needed in NEEDS.items():
        if name == needing or name.startswith(f"{needing}."):
            pytest.importorskip(needed)
    module = importlib.import_module(name)
    assert module.__doc__
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    "page",
    [
        "circuits.md",
        "coders.md",
        "latents.md",
        "networks.md",
        "priors.md",
        "python.md",
        "tables.md",
        "windows.md",
    ],
)
def test_examples_in_pages(page: str) -> None:
    if page == "circuits.md":
        pytest.importorskip("numba")
    done = doctest.testfile(str(DOCS / page), module_relative=False, encoding="utf-8")
    assert done.attempted
    assert done.failed == 0


def test_walk_through_shows_the_model_that_is_there() -> None:
    page = (DOCS / "adding_a_model.md").read_text(encoding="utf-8")
    shown = re.findall(r"```python\n(.*?)```", page, re.DOTALL)[0]
    source = (DOCS.parent / "lmcodec/models/order0.py").read_text(encoding="utf-8")
    lines = [line for line in source.splitlines() if line]
    at = 0
    for line in filter(None, shown.splitlines()):
        assert line in lines[at:], line
        at += lines[at:].index(line) + 1
