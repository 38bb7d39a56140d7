"""Benchmark corpora: named files with a digest, a licence and a public origin.

A corpus is looked for below each folder of ``LMCODEC_CORPORA`` (separated as in ``PATH``), raw or
with ``.xz`` behind its name, then in the user's cache, where `get` puts what it fetched. Derived
and generated corpora are made on the spot. Every byte handed out was checked against the digest.
"""

from __future__ import annotations

import bz2
import contextlib
import functools
import gzip
import hashlib
import io
import lzma
import os
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import IO, Literal, cast

from lmcodec.errors import CorruptError, LimitError, LmcodecError, TruncatedError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Check", "Corpus", "export", "find", "get", "list_corpora", "load", "locate", "verify"]

Progress = Callable[[int, int | None], None]
"""Called with the bytes fetched so far and their total, None where the server does not say it."""

_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = 30.0
# An origin may be a little larger than the raw file (a zip of noise), or a file that is cut; an
# entry that needs more says so in `fetch_bytes`.
_FETCH_MARGIN_BYTES = 1 << 20


@dataclass(frozen=True)
class Corpus:
    """One entry of the registry; its fields are explained at the top of ``data/corpora.toml``."""

    name: str
    kind: str
    raw_bytes: int
    sha256: str
    licence: str
    path: str | None = None
    url: str | None = None
    steps: tuple[str, ...] = ()
    note: str | None = None
    fetch_bytes: int | None = None
    parent: str | None = None
    generator: str | None = None
    seed: int = 0

    @property
    def origin(self) -> str:
        """Say where the bytes come from, in words or as an address."""
        if self.generator is not None:
            return f"generated: {self.generator}, seed {self.seed}"
        if self.parent is not None:
            return f"{', '.join(self.steps)} of {self.parent}"
        return self.url or self.note or "unknown"


@dataclass(frozen=True)
class Check:
    """What `verify` found out about one corpus."""

    corpus: Corpus
    status: Literal["ok", "missing", "wrong"]
    message: str = ""


@functools.cache
def list_corpora() -> tuple[Corpus, ...]:
    """Return all entries of the registry, in its order (by kind)."""
    text = resources.files("lmcodec").joinpath("data/corpora.toml").read_text(encoding="utf-8")
    return read_registry(text)


def read_registry(text: str) -> tuple[Corpus, ...]:
    """Read a registry in the form of ``data/corpora.toml``.

    Raises:
        ValueError: Two entries have the same name.
    """
    entries = tomllib.loads(text)["corpus"]
    corpora = tuple(
        Corpus(**{**entry, "steps": tuple(entry.get("steps", ()))}) for entry in entries
    )
    names = [corpus.name for corpus in corpora]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"corpus registered twice: {', '.join(twice)}")
    return corpora


def find(name: str) -> Corpus:
    """Return the entry called `name`.

    Raises:
        ValueError: There is none.
    """
    for corpus in list_corpora():
        if corpus.name == name:
            return corpus
    raise ValueError(f"unknown corpus: {name!r}")


def locate(corpus: Corpus) -> Path | None:
    """Return the file that holds `corpus`, raw or with ``.xz`` behind its name, or None."""
    if corpus.path is None:
        return None
    folders = [Path(p) for p in os.environ.get("LMCODEC_CORPORA", "").split(os.pathsep) if p]
    for folder in [*folders, _cache_folder()]:
        raw = folder / corpus.path
        for candidate in (raw, raw.with_name(raw.name + ".xz")):
            if candidate.is_file():
                return candidate
    return None


def load(name: str) -> bytes:
    """Return the bytes of a corpus.

    Raises:
        ValueError: No corpus has this name.
        LmcodecError: It is not on this machine.
        CorruptError: Its bytes are not the registered ones.
    """
    return b"".join(_chunks(find(name)))


def export(name: str, path: Path) -> None:
    """Write the bytes of a corpus to `path` in constant memory; raises as `load` does."""
    _write_whole(path, _chunks(find(name)))


def get(name: str, progress: Progress | None = None) -> Path:
    """Return a file that holds a corpus, fetched from its public origin where it is missing.

    Args:
        name: Name of the corpus.
        progress: Called after every chunk of a download.

    Returns:
        The file, below a folder of ``LMCODEC_CORPORA`` or in the cache; it may end in ``.xz``.

    Raises:
        ValueError: No corpus has this name.
        LmcodecError: It has no public address, or ``LMCODEC_OFFLINE`` is set, or the server failed.
        TruncatedError: The download ended early.
        LimitError: The download is larger than the registry allows.
        CorruptError: What came is not the registered file.
    """
    corpus = find(name)
    place = locate(corpus)
    if place is not None:
        return place
    target = _cache_folder() / (corpus.path or f"made/{corpus.name}")
    if corpus.path is None:
        if not target.is_file():
            if corpus.parent is not None:
                get(corpus.parent, progress)
            _write_whole(target, _chunks(corpus))
        return target
    if corpus.url is None:
        raise LmcodecError(f"corpus has no public address: {name}", hint=f"get {corpus.note}")
    if os.environ.get("LMCODEC_OFFLINE", "0") not in ("", "0"):
        raise LmcodecError(
            f"corpus is not on this machine: {name}",
            hint=f"LMCODEC_OFFLINE is set; unset it, or put {corpus.url} in place yourself",
        )
    with tempfile.TemporaryFile() as download:
        _fetch(corpus, download, progress)
        with _opened(corpus, download) as stream:
            _write_whole(target, _checked(corpus, _pieces(stream)))
    return target


def verify(names: Iterable[str] | None = None) -> list[Check]:
    """Read corpora and compare their digests.

    Args:
        names: Which ones; all by default.
    """
    checks = []
    for corpus in list_corpora() if names is None else map(find, names):
        try:
            for _ in _chunks(corpus):
                pass
        except (CorruptError, TruncatedError) as error:
            checks.append(Check(corpus, "wrong", str(error)))
        except LmcodecError as error:
            checks.append(Check(corpus, "missing", str(error)))
        else:
            checks.append(Check(corpus, "ok"))
    return checks


def _cache_folder() -> Path:
    own = os.environ.get("LMCODEC_CACHE_DIR")
    if own:
        return Path(own) / "corpora"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "lmcodec/corpora"


def _chunks(corpus: Corpus) -> Iterator[bytes]:
    """Yield the checked bytes of a corpus; the last chunk comes only if the digest is right."""
    if corpus.generator is not None:
        # Only the makers of corpora need the generators: `list_corpora` stays quick.
        from lmcodec.synthetic import GENERATORS

        endless = GENERATORS[corpus.generator](corpus.seed)
        yield from _checked(corpus, _head(endless, corpus.raw_bytes))
        return
    if corpus.parent is not None:
        with tempfile.TemporaryFile() as whole:
            whole.writelines(_chunks(find(corpus.parent)))
            with _opened(corpus, whole) as stream:
                yield from _checked(corpus, _pieces(stream))
        return
    place = locate(corpus)
    if place is None:
        way = f"run `lmcodec corpora get {corpus.name}`" if corpus.url else f"get {corpus.note}"
        raise LmcodecError(
            f"corpus is not on this machine: {corpus.name}",
            hint=f"{way}, or set LMCODEC_CORPORA to a folder that holds {corpus.path}",
        )
    packed = place.name != Path(corpus.path or "").name
    with lzma.open(place) if packed else place.open("rb") as stream:
        yield from _checked(corpus, _pieces(stream))


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    try:
        while piece := stream.read(_CHUNK_BYTES):
            yield piece
    except EOFError as error:
        raise TruncatedError(f"compressed corpus ended early: {error}") from error
    except (OSError, lzma.LZMAError, zlib.error, zipfile.BadZipFile) as error:
        raise CorruptError(f"corpus cannot be unpacked: {error}") from error


@contextmanager
def _opened(corpus: Corpus, origin: IO[bytes]) -> Iterator[IO[bytes]]:
    """Open the raw file behind its origin, one reader on top of the other."""
    with contextlib.ExitStack() as stack:
        stream = origin
        stream.seek(0)
        for step in corpus.steps:
            verb, _, argument = step.partition(" ")
            try:
                stream = stack.enter_context(_STEPS[verb](stream, argument))
            except (OSError, KeyError, zipfile.BadZipFile) as error:
                raise CorruptError(f"origin cannot be unpacked: {corpus.name}: {error}") from error
        yield stream


@contextmanager
def _unzip(archive: IO[bytes], member: str) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(archive) as opened, opened.open(member) as stream:
        yield stream


@contextmanager
def _first(stream: IO[bytes], size: str) -> Iterator[IO[bytes]]:
    # Corpora that are cut are small, at most 15 MB.
    yield io.BytesIO(b"".join(_head(_pieces(stream), int(size))))


@contextmanager
def _hdfs_json(stream: IO[bytes], _: str) -> Iterator[IO[bytes]]:
    # Only this corpus needs the parser: `list_corpora` stays quick.
    from lmcodec.structured import hdfs_json

    yield io.BytesIO(b"".join(hdfs_json(stream)))


_STEPS: dict[str, Callable[[IO[bytes], str], AbstractContextManager[IO[bytes]]]] = {
    "bunzip2": lambda stream, _: cast("IO[bytes]", bz2.BZ2File(stream)),
    "gunzip": lambda stream, _: cast("IO[bytes]", gzip.GzipFile(fileobj=stream)),
    "hdfs_json": _hdfs_json,
    "head": _first,
    "unxz": lambda stream, _: cast("IO[bytes]", lzma.LZMAFile(stream)),
    "unzip": _unzip,
}


def _fetch(corpus: Corpus, target: IO[bytes], progress: Progress | None) -> None:
    """Download a corpus's origin, not more than the registry allows."""
    # Half of this module's import time; only downloads need it.
    import http.client
    import urllib.error
    import urllib.parse
    import urllib.request

    url = corpus.url or ""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
        raise LmcodecError(f"corpus address is not https: {url}")
    limit = corpus.fetch_bytes or corpus.raw_bytes + _FETCH_MARGIN_BYTES
    done = 0
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as response:
            promised = response.headers.get("Content-Length")
            total = int(promised) if promised and promised.isdecimal() else None
            if total is not None and total > limit:
                raise _too_large(corpus, limit, total)
            while chunk := response.read(_CHUNK_BYTES):
                done += len(chunk)
                if done > limit:
                    raise _too_large(corpus, limit, done)
                target.write(chunk)
                if progress is not None:
                    progress(done, total)
    except urllib.error.HTTPError as error:
        error.close()
        raise LmcodecError(
            f"corpus cannot be fetched: HTTP status {error.code} from {url}",
            hint="the file may have moved; get it by hand and set LMCODEC_CORPORA",
        ) from error
    except (OSError, http.client.HTTPException) as error:
        # What urllib wraps up says it better.
        reason = getattr(error, "reason", error)
        words = getattr(reason, "strerror", None) or reason
        raise LmcodecError(f"corpus cannot be fetched: {words}: {url}") from error
    if total is not None and done < total:
        raise TruncatedError(f"download ended early: {done} of {total} bytes: {url}")


def _too_large(corpus: Corpus, limit: int, needed: int) -> LimitError:
    return LimitError(
        f"download is larger than allowed: {needed} of {limit} bytes: {corpus.url}",
        limit=limit,
        needed=needed,
    )


def _head(chunks: Iterable[bytes], size: int) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[:size]
        size -= len(chunk)
        if size <= 0:
            return


def _checked(corpus: Corpus, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Pass chunks on, but never more than the registered size, nor a last one that is wrong."""
    digest = hashlib.sha256()
    size = 0
    held = b""
    for chunk in chunks:
        yield held
        held = chunk
        size += len(chunk)
        digest.update(chunk)
        if size > corpus.raw_bytes:
            raise CorruptError(
                f"corpus is too long: {corpus.name}", expected=corpus.raw_bytes, got=size
            )
    if digest.hexdigest() != corpus.sha256:
        raise CorruptError(
            f"corpus has another SHA-256: {digest.hexdigest()} of {size} bytes, "
            f"not {corpus.sha256} of {corpus.raw_bytes} bytes: {corpus.name}",
            expected=corpus.sha256,
            got=digest.hexdigest(),
        )
    yield held


def _write_whole(path: Path, chunks: Iterable[bytes]) -> None:
    """Write a file under a passing name, then rename it: nobody sees half a corpus."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, passing = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as out:
            out.writelines(chunks)
        Path(passing).replace(path)
    except BaseException:
        Path(passing).unlink()
        raise
