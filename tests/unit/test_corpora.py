"""Corpora: look-up, digests, downloads from a local server."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from lmcodec import corpora
from lmcodec.corpora import Corpus
from lmcodec.errors import CorruptError, LimitError, LmcodecError, TruncatedError
from lmcodec.synthetic import GENERATORS

RAW = b"all happy families are alike; " * 5000
BOMB = gzip.compress(bytes(8 << 20))
KINDS = {
    "binary",
    "code",
    "dna",
    "generated",
    "images",
    "json",
    "logs",
    "markup",
    "tabular",
    "text",
}


def zipped(data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("other", b"not this one")
        archive.writestr("folder/raw", data)
    return buffer.getvalue()


class Origin(BaseHTTPRequestHandler):
    """Serves `files`; the name ``/short`` promises more than it sends."""

    files: ClassVar[dict[str, bytes]] = {}
    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.path)
        body = self.files.get(self.path)
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        if self.path != "/unsized":
            promised = str(len(body) + 1000 * (self.path == "/short"))
            self.send_header("Content-Length", "many" if self.path == "/absurd" else promised)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        del format, args


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    Origin.seen = []
    Origin.files = {
        "/raw": RAW,
        "/unsized": RAW,
        "/absurd": RAW,
        "/short": RAW,
        "/long": RAW + bytes(3 << 20),
        "/wrong": RAW[::-1],
        "/raw.gz": gzip.compress(RAW),
        "/cut.gz": gzip.compress(RAW)[:-20],
        "/raw.bz2": bz2.compress(RAW),
        "/raw.xz": lzma.compress(RAW),
        "/raw.zip": zipped(RAW),
        "/longer.xz": lzma.compress(RAW + b"more"),
        "/bomb.gz": BOMB,
    }
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Origin)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Corpus]:
    """A registry that the test fills; the cache is empty and no folder is named."""
    entries: list[Corpus] = []
    monkeypatch.setattr(corpora, "list_corpora", lambda: tuple(entries))
    monkeypatch.setenv("LMCODEC_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("LMCODEC_CORPORA", raising=False)
    monkeypatch.delenv("LMCODEC_OFFLINE", raising=False)
    return entries


def entry(url: str | None = None, *steps: str, path: str | None = "a/raw") -> Corpus:
    sha256 = hashlib.sha256(RAW).hexdigest()
    return Corpus("raw", "text", len(RAW), sha256, "none", path, url, steps, note="by hand")


def leftovers(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.rglob("*") if path.is_file()]


def test_every_entry_of_the_registry_can_be_had_in_one_way() -> None:
    for corpus in corpora.list_corpora():
        ways = [corpus.path, corpus.parent, corpus.generator]
        assert sum(way is not None for way in ways) == 1, corpus.name
        assert corpus.kind in KINDS
        assert len(corpus.sha256) == 64
        assert corpus.raw_bytes > 0
        assert corpus.licence
        if corpus.path is not None:
            assert (corpus.url is None) != (corpus.note is None), corpus.name
        if corpus.url is not None:
            assert corpus.url.startswith("https://")
        assert corpus.origin != "unknown"


def test_names_and_paths_are_unique() -> None:
    entries = corpora.list_corpora()
    assert len({corpus.name for corpus in entries}) == len(entries)
    paths = [corpus.path for corpus in entries if corpus.path is not None]
    assert len(set(paths)) == len(paths)
    assert all(".." not in path and not path.startswith("/") for path in paths)


def test_registry_refuses_a_name_twice() -> None:
    one = '[[corpus]]\nname="a"\nkind="text"\nraw_bytes=1\nsha256=""\nlicence=""\n'
    with pytest.raises(ValueError, match="corpus registered twice: a"):
        corpora.read_registry(one + one)


def test_unknown_name() -> None:
    with pytest.raises(ValueError, match="unknown corpus: 'nope'"):
        corpora.load("nope")


@pytest.mark.parametrize(
    "name", [corpus.name for corpus in corpora.list_corpora() if corpus.generator is not None]
)
def test_generated_corpora_have_their_digest(name: str) -> None:
    data = corpora.load(name)
    assert len(data) == corpora.find(name).raw_bytes


@pytest.mark.parametrize("generator", [g for g in GENERATORS if g != "zeros"])
def test_another_seed_gives_other_bytes(generator: str) -> None:
    assert next(GENERATORS[generator](1)) != next(GENERATORS[generator](2))


@pytest.mark.parametrize("suffix", ["", ".xz"])
def test_folder_of_the_caller(
    suffix: str, registry: list[Corpus], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.append(entry())
    folder = tmp_path / "here" / "a"
    folder.mkdir(parents=True)
    (folder / f"raw{suffix}").write_bytes(lzma.compress(RAW) if suffix else RAW)
    monkeypatch.setenv("LMCODEC_CORPORA", os.pathsep.join([str(tmp_path), str(tmp_path / "here")]))
    assert corpora.load("raw") == RAW
    assert corpora.get("raw") == folder / f"raw{suffix}"
    corpora.export("raw", tmp_path / "out" / "copy")
    assert (tmp_path / "out" / "copy").read_bytes() == RAW
    assert [check.status for check in corpora.verify()] == ["ok"]


@pytest.mark.parametrize(
    "content", [RAW[:-1], RAW + b"x", RAW[:-1] + b"x", b""], ids=["short", "long", "other", "empty"]
)
def test_wrong_file_is_never_returned(
    content: bytes, registry: list[Corpus], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.append(entry(path="raw"))
    (tmp_path / "raw").write_bytes(content)
    monkeypatch.setenv("LMCODEC_CORPORA", str(tmp_path))
    with pytest.raises(CorruptError):
        corpora.load("raw")
    with pytest.raises(CorruptError):
        corpora.export("raw", tmp_path / "copy")
    assert leftovers(tmp_path) == [tmp_path / "raw"]
    assert [check.status for check in corpora.verify(["raw"])] == ["wrong"]


@pytest.mark.parametrize("cut", [10, -10])
def test_cut_xz_file(
    cut: int, registry: list[Corpus], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.append(entry(path="raw"))
    (tmp_path / "raw.xz").write_bytes(lzma.compress(RAW)[:cut])
    monkeypatch.setenv("LMCODEC_CORPORA", str(tmp_path))
    with pytest.raises(TruncatedError):
        corpora.load("raw")


def test_missing_corpus_says_what_to_do(registry: list[Corpus]) -> None:
    registry.append(entry("https://example.org/raw"))
    with pytest.raises(LmcodecError, match="hint: run `lmcodec corpora get raw`"):
        corpora.load("raw")
    assert [check.status for check in corpora.verify()] == ["missing"]
    registry[0] = entry()
    with pytest.raises(LmcodecError, match="hint: get by hand"):
        corpora.load("raw")
    with pytest.raises(LmcodecError, match="no public address"):
        corpora.get("raw")


@pytest.mark.parametrize(
    ("page", "steps"),
    [
        ("/raw", ()),
        ("/unsized", ()),
        ("/raw.gz", ("gunzip",)),
        ("/raw.bz2", ("bunzip2",)),
        ("/raw.xz", ("unxz",)),
        ("/raw.zip", ("unzip folder/raw",)),
        ("/longer.xz", ("unxz", f"head {len(RAW)}")),
    ],
)
def test_download(
    page: str, steps: tuple[str, ...], address: str, registry: list[Corpus], tmp_path: Path
) -> None:
    registry.append(entry(address + page, *steps))
    seen: list[tuple[int, int | None]] = []
    place = corpora.get("raw", lambda done, total: seen.append((done, total)))
    assert place == tmp_path / "cache" / "corpora" / "a" / "raw"
    assert place.read_bytes() == corpora.load("raw") == RAW
    body = len(Origin.files[page])
    assert seen[-1] == (body, None if page == "/unsized" else body)
    assert corpora.get("raw") == place
    assert Origin.seen == [page]


@pytest.mark.parametrize(
    ("page", "steps", "error", "words"),
    [
        ("/gone", (), LmcodecError, "HTTP status 404"),
        ("/wrong", (), CorruptError, "another SHA-256"),
        ("/short", (), TruncatedError, "download ended early"),
        ("/long", (), LimitError, "larger than allowed"),
        ("/cut.gz", ("gunzip",), TruncatedError, "ended early"),
        ("/raw", ("gunzip",), CorruptError, "cannot be unpacked"),
        ("/raw", ("unzip raw",), CorruptError, "cannot be unpacked"),
        ("/raw.zip", ("unzip nothing",), CorruptError, "cannot be unpacked"),
        ("/longer.xz", ("unxz",), CorruptError, "too long"),
        ("/bomb.gz", ("gunzip",), CorruptError, "too long"),
    ],
)
def test_bad_download_leaves_nothing(
    page: str,
    steps: tuple[str, ...],
    error: type[LmcodecError],
    words: str,
    address: str,
    registry: list[Corpus],
    tmp_path: Path,
) -> None:
    registry.append(entry(address + page, *steps))
    with pytest.raises(error, match=words):
        corpora.get("raw")
    assert leftovers(tmp_path) == []


def test_unreachable_server(registry: list[Corpus]) -> None:
    # Port 9 of this machine: nothing listens there.
    registry.append(entry("http://127.0.0.1:9/raw"))
    with pytest.raises(LmcodecError, match=r"cannot be fetched: .*refused"):
        corpora.get("raw")


def test_an_absurd_size_is_no_size(address: str, registry: list[Corpus]) -> None:
    registry.append(entry(address + "/absurd"))
    assert corpora.get("raw").read_bytes() == RAW


def test_only_https(registry: list[Corpus]) -> None:
    for url in ("http://example.org/raw", "file:///etc/hostname"):
        registry[:] = [entry(url)]
        with pytest.raises(LmcodecError, match="not https"):
            corpora.get("raw")


def test_offline_asks_nobody(
    address: str, registry: list[Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.append(entry(address + "/raw"))
    monkeypatch.setenv("LMCODEC_OFFLINE", "1")
    with pytest.raises(LmcodecError, match="LMCODEC_OFFLINE"):
        corpora.get("raw")
    assert Origin.seen == []
    monkeypatch.setenv("LMCODEC_OFFLINE", "0")
    assert corpora.get("raw").read_bytes() == RAW


def test_derived_corpus(address: str, registry: list[Corpus], tmp_path: Path) -> None:
    head = RAW[:100]
    sha256 = hashlib.sha256(head).hexdigest()
    registry.append(entry(address + "/raw"))
    registry.append(Corpus("head", "text", 100, sha256, "none", parent="raw", steps=("head 100",)))
    with pytest.raises(LmcodecError, match="not on this machine: raw"):
        corpora.load("head")
    assert corpora.get("head") == tmp_path / "cache" / "corpora" / "made" / "head"
    assert corpora.load("head") == corpora.get("head").read_bytes() == head


def test_corpora_at_hand_have_their_digest() -> None:
    """Where ``LMCODEC_CORPORA`` names a folder, its small files are checked."""
    small = [
        corpus.name
        for corpus in corpora.list_corpora()
        if corpus.path is not None and corpus.raw_bytes < 1_000_000 and corpora.locate(corpus)
    ]
    if not small:
        pytest.skip("no corpora on this machine")
    assert [check.message for check in corpora.verify(small) if check.status != "ok"] == []
