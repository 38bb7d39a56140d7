"""The codecs that a benchmark can run: lmcodec itself, Python libraries, commands on the path.

A codec is a description; `lmcodec.bench` runs and times it. In a command line ``x`` is the raw
file, ``y`` the decoded one, and both directions run in a folder that holds nothing else.
"""

from __future__ import annotations

import fnmatch
import importlib
import importlib.metadata
import importlib.util
import re
import shutil
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

Directions = tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]
"""A compressor and its decompressor."""

__all__ = [
    "BASELINE",
    "PEERS",
    "Codec",
    "Command",
    "InProcess",
    "Library",
    "Lmcodec",
    "lmcodec_codec",
    "select",
]

BASELINE = "xz -9e"
"""Label of the codec that every ratio of a report refers to."""


@dataclass(frozen=True)
class Codec(ABC):
    """A codec with its options: one line of a report.

    Args:
        id: Name of the codec.
        options: What was chosen; `label` joins both.
        slow: Below about 1 MB/s: a benchmark may skip its large files.
        prior_bytes: Static knowledge that the decoder ships and no stream contains, such as a
            dictionary of words; 0 where none is documented.
        exact: Whether decoded bytes are the raw ones. Else the encoder itself checks that what it
            keeps is all there.
    """

    id: str
    options: str
    slow: bool = field(default=False, kw_only=True)
    prior_bytes: int = field(default=0, kw_only=True)
    exact: bool = field(default=True, kw_only=True)

    @property
    def label(self) -> str:
        """Return the name by which reports and ``--codecs`` know this codec."""
        return f"{self.id} {self.options}".strip()

    @abstractmethod
    def version(self) -> str | None:
        """Return the version that is installed here, None if there is none."""


@dataclass(frozen=True)
class Command(Codec):
    """A codec run as a process of its own.

    Args:
        encode: Command line from ``x`` to `coded`; ``> NAME`` at its end redirects its output.
        decode: Command line from `coded` to ``y``.
        version_command: Its first number with a dot is the version.
        coded: Name of the coded file.
    """

    encode: str
    decode: str
    version_command: str
    coded: str = field(default="coded", kw_only=True)

    def version(self) -> str | None:
        """Ask the program for its version; None if it is not on the path."""
        words = self.version_command.split()
        if shutil.which(words[0]) is None:
            return None
        # Some print their version only as part of a complaint, so the exit status says nothing.
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
        )
        text = (done.stdout + done.stderr).decode(errors="replace")
        found = re.search(r"\d+\.\d+(\.\d+)?|(?<=\bv)\d+", text)
        return found[0] if found else "unknown"


@dataclass(frozen=True)
class InProcess(Codec):
    """A codec called from Python, in a fresh interpreter for each measurement."""

    @abstractmethod
    def both(self) -> Directions:
        """Return the compressor and the decompressor; called in the fresh interpreter only."""


@dataclass(frozen=True)
class Library(InProcess):
    """A codec of another package.

    Args:
        module: What to import; also the name of the distribution when it is not a standard one.
        functions: Returns the two directions.
    """

    module: str
    functions: Callable[[], Directions]

    def version(self) -> str | None:
        """Return the version of the module, None if it cannot be imported."""
        if importlib.util.find_spec(self.module) is None:
            return None
        if self.module in sys.stdlib_module_names:
            return f"python {sys.version_info.major}.{sys.version_info.minor}"
        return importlib.metadata.version(self.module)

    def both(self) -> Directions:
        """Return the compressor and the decompressor."""
        return self.functions()


@dataclass(frozen=True)
class Lmcodec(InProcess):
    """This package at one level, or with one model, through `lmcodec.compress`."""

    level: int = 5
    model: str = "auto"
    threads: int = 1
    prior: str = "auto"
    network: str = "auto"

    def version(self) -> str | None:
        """Return the version of this package."""
        return str(importlib.import_module("lmcodec").__version__)

    def both(self) -> Directions:
        """Return `compress` with this level, model, prior and threads, and `decompress`."""
        module = importlib.import_module("lmcodec")
        settings = {
            "level": self.level,
            "model": self.model,
            "threads": self.threads,
            "prior": self.prior,
            "network": self.network,
        }

        def encode(data: bytes) -> bytes:
            return bytes(module.compress(data, **settings))

        def decode(coded: bytes) -> bytes:
            decoded = module.decompress(coded, threads=self.threads, max_output_size=None)
            return bytes(decoded)

        return encode, decode


# Levels below code by models that start from nothing.
_FIRST_PRIMED = 3
# Level 9 has networks, too.
_NETWORK_LEVEL, _NETWORK_SUFFIX = 9, ".safetensors"


def lmcodec_codec(
    level: int,
    model: str = "auto",
    threads: int = 1,
    prior: str = "auto",
    network: str = "auto",
) -> Lmcodec:
    """Describe this package at one setting.

    What its decoder knows is everything that the wheel ships for decoding, at the levels whose
    models make use of it: an upper bound, for a stream needs only the priors of its own models.
    Streams that were written without a prior need nothing.
    """
    options = f"-{level}"
    options += f" -m {model}" if model != "auto" else ""
    options += f" -T{threads}" if threads != 1 else ""
    options += f" --prior {prior}" if prior != "auto" else ""
    options += f" --network {network}" if network != "auto" else ""
    data = Path(__file__).with_name("data")
    networked = level == _NETWORK_LEVEL or model == "bytelm"
    shipped = sum(
        path.stat().st_size
        for path in data.rglob("*")
        if path.is_file()
        and path.suffix not in _NOT_PRIORS
        and (path.suffix != _NETWORK_SUFFIX or (networked and network != "none"))
    )
    primed = prior != "none" and (level >= _FIRST_PRIMED or model != "auto")
    return Lmcodec(
        "lmcodec",
        options,
        slow=level >= 7,
        prior_bytes=shipped if primed else 0,
        level=level,
        model=model,
        threads=threads,
        prior=prior,
        network=network,
    )


def select(
    patterns: Iterable[str], levels: Iterable[int], *, model: str = "auto", threads: int = 1
) -> list[Codec]:
    """Return the codecs whose label or id matches one of the patterns.

    Args:
        patterns: Shell patterns such as ``xz*``; without wildcards an id or a label.
        levels: Levels of lmcodec to offer.
        model: Model of lmcodec.
        threads: Threads of lmcodec; the peers always run one.

    Returns:
        Them, and always `BASELINE` among them, present on this machine or not.
    """
    wanted = list(patterns)
    own = [lmcodec_codec(level, model, threads) for level in levels]
    return [
        codec
        for codec in [*own, *PEERS]
        if codec.label == BASELINE
        or any(
            fnmatch.fnmatchcase(name, pattern)
            for pattern in wanted
            for name in (codec.id, codec.label)
        )
    ]


# Nothing that a decoder reads.
_NOT_PRIORS = (".bash", ".fish", ".md", ".py", ".pyc", ".toml", ".zsh")

# RFC 7932, appendix A: the static dictionary of every brotli decoder.
_BROTLI_DICTIONARY_BYTES = 122_784


def _gzip() -> Directions:
    import gzip

    return lambda data: gzip.compress(data, 9, mtime=0), gzip.decompress


def _bzip2() -> Directions:
    import bz2

    return bz2.compress, bz2.decompress


def _xz() -> Directions:
    import lzma

    return lambda data: lzma.compress(data, preset=9 | lzma.PRESET_EXTREME), lzma.decompress


# Peers that may be missing are imported by name: type checking does not depend on them.
def _zstd() -> Directions:
    zstandard = importlib.import_module("zstandard")

    def encode(data: bytes) -> bytes:
        return bytes(zstandard.ZstdCompressor(level=19).compress(data))

    def decode(coded: bytes) -> bytes:
        return bytes(zstandard.ZstdDecompressor().decompress(coded))

    return encode, decode


def _brotli() -> Directions:
    brotli = importlib.import_module("brotli")

    def encode(data: bytes) -> bytes:
        return bytes(brotli.compress(data, quality=11, lgwin=24))

    def decode(coded: bytes) -> bytes:
        return bytes(brotli.decompress(coded))

    return encode, decode


# Of two ways to run a codec the command comes first: `bench` takes the first that is installed.
PEERS: tuple[Codec, ...] = (
    Command("gzip", "-9", "gzip -9 -n -c x > coded", "gzip -dc coded > y", "gzip --version"),
    Library("gzip", "-9", "gzip", _gzip),
    Command("lz4", "-12", "lz4 -q -12 -f x coded", "lz4 -q -d -f coded y", "lz4 --version"),
    Command(
        "zstd",
        "-3",
        "zstd -q -3 --single-thread x -o coded",
        "zstd -q -d coded -o y",
        "zstd --version",
    ),
    Command(
        "zstd",
        "-19",
        "zstd -q -19 --single-thread x -o coded",
        "zstd -q -d coded -o y",
        "zstd --version",
    ),
    Library("zstd", "-19", "zstandard", _zstd),
    Command(
        "zstd",
        "-22 --long=27",
        "zstd -q --ultra -22 --long=27 --single-thread x -o coded",
        "zstd -q -d --long=27 coded -o y",
        "zstd --version",
    ),
    Command(
        "brotli",
        "-11",
        "brotli -q 11 -w 24 -o coded x",
        "brotli -d -o y coded",
        "brotli --version",
        prior_bytes=_BROTLI_DICTIONARY_BYTES,
    ),
    Library("brotli", "-11", "brotli", _brotli, prior_bytes=_BROTLI_DICTIONARY_BYTES),
    Command("xz", "-9e", "xz -9e -T1 -c x > coded", "xz -dc -T1 coded > y", "xz --version"),
    Library("xz", "-9e", "lzma", _xz),
    Command("bzip2", "-9", "bzip2 -9 -c x > coded", "bzip2 -dc coded > y", "bzip2 --version"),
    Library("bzip2", "-9", "bz2", _bzip2),
    Command(
        "7z",
        "PPMd o=16",
        "7z a -m0=PPMd:o=16:mem=256m -mmt1 -mhc=off coded.7z x",
        "7z e -so -mmt1 coded.7z > y",
        "7z",
        coded="coded.7z",
    ),
    Command(
        "bzip3",
        "-b 16",
        "bzip3 -e -f -b 16 x coded",
        "bzip3 -d -f coded y",
        "bzip3 --version",
    ),
    Command("bsc", "-b25 -e2", "bsc e x coded -b25 -m0 -e2 -T", "bsc d coded y -T", "bsc"),
    Command(
        "kanzi",
        "-l 7",
        "kanzi -c -i x -o coded -f -l 7 -j 1 -b 32m",
        "kanzi -d -i coded -o y -f -j 1",
        "kanzi --help",
    ),
    Command(
        "kanzi",
        "-l 9",
        "kanzi -c -i x -o coded -f -l 9 -j 1 -b 32m",
        "kanzi -d -i coded -o y -f -j 1",
        "kanzi --help",
    ),
    Command(
        "zpaq",
        "-m5",
        "zpaq a coded.zpaq x -m5 -t1",
        "zpaq x coded.zpaq x -to y -t1",
        "zpaq",
        coded="coded.zpaq",
        slow=True,
    ),
    Command("paq8px", "-8", "paq8px -8 x coded", "paq8px -d coded y", "paq8px", slow=True),
)
"""Every peer, fast ones first; several entries with one label are ways to run the same codec."""
