"""Looks over the installation: `lmcodec doctor`."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from lmcodec import __version__
from lmcodec.block import find_model
from lmcodec.container import MAJOR, MINOR
from lmcodec.errors import LmcodecError
from lmcodec.header import ModelRecord
from lmcodec.models.base import MODELS, Model
from lmcodec.terminal import table

if TYPE_CHECKING:
    from lmcodec.models.base import Symbols

# What an extra brings, by the name under which it is imported.
_EXTRAS = {
    "numpy": "arrays",
    "constriction": "oracle of the coders",
    "brotli": "peer",
    "pyppmd": "peer",
    "zstandard": "peer",
    "matplotlib": "plots of the benchmarks",
    "numba": "fitting",
    "torch": "fitting, language models",
    "tokenizers": "language models",
    "fsspec": "remote files",
    "numcodecs": "arrays in chunks",
}
_PROGRAMS = ("gzip", "bzip2", "xz", "zstd", "brotli", "bzip3", "7z", "kanzi")
# Instructions for which the coders have a path of their own; each gives the same bytes.
_FEATURES = ("ssse3", "sse4_1", "avx2", "bmi2", "avx512f", "asimd", "neon")


def examine() -> int:
    """Print a report, and code a sample with each model.

    Returns:
        0 where all is well, 1 where a model fails.
    """
    rows = [[name, value] for name, value in _report()]
    print("\n".join(table(rows, right=0)))
    failed = False
    for cls in MODELS.list():
        if cls.external:
            print(f"{cls.id}/{cls.version}: needs weights of your own")
            continue
        problem = check(cls)
        failed |= problem is not None
        print(f"{cls.id}/{cls.version}: {problem or 'ok'}")
    return int(failed)


def check(cls: type[Model]) -> str | None:
    """Code a sample with a model, and decode it as a stream would be.

    Args:
        cls: Class of the model.

    Returns:
        What went wrong, or None.
    """
    sample: Symbols = b"".join(b"%d %s\n" % (n * n % 97, b"abc"[: n % 4]) for n in range(200))
    try:
        if cls.width != 1:
            import numpy as np

            sample = np.frombuffer(bytes(sample), np.uint8).astype(f"u{cls.width}")
        model = cls.for_level(5).fit(sample)
        record = ModelRecord(
            model.id, model.version, model.params(), model.host_bound, model.digests()
        )
        decoded = find_model(record).decode(model.encode(sample), len(sample))
        same = bytes(decoded) == bytes(sample)
    except LmcodecError as error:
        return str(error).splitlines()[0]
    return None if same else "decodes to other symbols"


def _report() -> Iterator[tuple[str, str]]:
    yield "lmcodec", f"{__version__}, format {MAJOR}.{MINOR}"
    yield "Python", f"{platform.python_version()}, {sys.implementation.name}"
    yield "system", f"{platform.system()} {platform.machine()}"
    yield "cores", str(os.cpu_count() or "unknown")
    yield "CPU features", " ".join(_features()) or "unknown"
    yield "cache", str(cache_folder())
    for name, use in _EXTRAS.items():
        yield name, f"{_version(name)} ({use})"
    yield "programs", " ".join(filter(shutil.which, _PROGRAMS)) or "none"


def cache_folder() -> Path:
    """Return where corpora and weights are kept."""
    own = os.environ.get("LMCODEC_CACHE_DIR")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "lmcodec"


def _features() -> list[str]:
    """Return the known instruction sets of this CPU, where the system tells them."""
    try:
        words = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    line = next((row for row in words.splitlines() if row.startswith(("flags", "Features"))), "")
    have = set(line.partition(":")[2].split())
    return [feature for feature in _FEATURES if feature in have]


def _version(name: str) -> str:
    # Looked for, not imported: some take seconds.
    if importlib.util.find_spec(name) is None:
        return "not installed"
    from importlib import metadata

    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "installed"
