"""Lists of edges, and the links of graphs."""

from __future__ import annotations

import random
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lmcodec
from lmcodec import _core, errors
from lmcodec.models.base import Links
from lmcodec.models.cm import Cm
from lmcodec.models.graph import Graph, is_graph, pays
from lmcodec.models.latent import Latent
from lmcodec.testing import check_model
from lmcodec.transforms.base import Stream
from lmcodec.transforms.edges import Edges


def friends(groups: int = 12, size: int = 14) -> list[tuple[int, int]]:
    """Return the links of groups whose members know nearly all others, each link once."""
    draw = random.Random(1)
    people = groups * size
    order = draw.sample(range(people), people)
    links = set()
    for a in range(people):
        for b in range(a):
            near = order[a] // size == order[b] // size
            if draw.random() < (0.9 if near else 0.005):
                links.add((b, a))
    return sorted(links)


def lines(links: list[tuple[int, int]], separator: str = "\t", end: str = "\n") -> bytes:
    return "".join(f"{a}{separator}{b}{end}" for a, b in links).encode()


def test_the_contract_is_kept() -> None:
    check_model(Graph())


def test_links_of_groups_are_cheap() -> None:
    links = friends()
    pairs = np.array(links, np.uint32).reshape(-1)
    assert is_graph(pairs)
    payload = Graph().encode(pairs)
    assert np.array_equal(Graph().decode(payload, pairs.size), pairs)
    assert 8 * len(payload) < 3.2 * len(links)


@pytest.mark.parametrize("separator", [" ", "\t", ","])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("head", ["", "# Nodes: 168\n# From To\n", "%% remark\n"])
def test_lists_of_edges(separator: str, end: str, head: str) -> None:
    content = head.encode() + lines(friends(), separator, end)
    stream = lmcodec.compress(content, level=9)
    assert lmcodec.decompress(stream) == content
    assert "graph/1" in lmcodec.info(stream).models
    assert lmcodec.compress(content, model="graph") == stream
    assert len(stream) < len(lmcodec.compress(content, level=9, model=Cm.for_level(9)))


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1],
        lambda text: text[:-4],
        lambda text: text[3:],
        lambda text: text + b"7",
        lambda text: text.replace(b"\t", b" ", 1),
        lambda text: text.replace(b"\n", b"\r\n", 1),
        lambda text: b"0" + text,
        lambda text: text + b"\n",
        lambda text: text + b"1\t1234567890\n",
        lambda text: text + b"-1\t2\n",
        lambda text: text + b"+1\t2\n",
        lambda text: text + b"1\t2\t3\n",
        lambda text: text + b"1\t\xff\n",
        lambda text: text + b"# the end\n",
        lambda text: b"\n".join(reversed(text.splitlines())),
        lambda text: b"Id\tId\n" + text,
    ],
)
def test_whatever_comes_is_exact(change: object) -> None:
    assert callable(change)
    content = change(lines(friends(8, 8)))
    for model in ("auto", "graph"):
        assert lmcodec.decompress(lmcodec.compress(content, model=model, level=7)) == content


@pytest.mark.parametrize("content", [b"", b"1 2", b"1 2\n", b"\n\n\n", b"# x\n", b"5\t5\n5\t6\n"])
def test_short_content(content: bytes) -> None:
    assert lmcodec.decompress(lmcodec.compress(content, model="graph")) == content


def test_lines_of_several_blocks() -> None:
    content = b"# remark\n" + lines(friends(16, 16))
    stream = lmcodec.compress(content, model="graph", block_size=4000)
    assert lmcodec.decompress(stream) == content
    assert lmcodec.info(stream).models == ("graph/1",) or "graph/1" in lmcodec.info(stream).models


def test_lines_without_lists_are_left_to_others() -> None:
    draw = random.Random(2)
    content = lines([(draw.randrange(500), draw.randrange(500)) for _ in range(800)])
    assert Edges.probe(content) is None
    assert Edges.probe(b"words\tand words\n" * 9) is None
    assert Edges.probe(lines(friends())) == Edges(1, 0)
    assert Edges(1, 0).for_level(6) is None


@given(st.binary(max_size=200), st.integers(0, 2), st.integers(0, 1))
def test_the_transform_undoes_itself(raw: bytes, separator: int, end: int) -> None:
    transform = Edges(separator, end)
    assert transform.inverse({s.name: s.symbols for s in transform.forward(raw)}) == raw


@given(
    st.lists(st.tuples(st.integers(0, 10**9 - 1), st.integers(0, 50)), max_size=30),
    st.binary(max_size=5),
)
def test_links_and_rests_come_back(links: list[tuple[int, int]], tail: bytes) -> None:
    raw = b"#\n" + lines(links, " ") + tail
    transform = Edges(0, 0)
    streams = transform.forward(raw)
    assert transform.inverse({s.name: s.symbols for s in streams}) == raw
    if links and b"\n" not in tail:
        assert Stream("links", streams[1].symbols, shape=Links()) == streams[1]


def test_lines_are_taken_apart_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    numbers = Edges._numbers

    def counted(self: Edges, lines: bytes) -> object:
        calls.append(len(lines))
        return numbers(self, lines)

    monkeypatch.setattr(Edges, "_numbers", counted)
    content = lines(friends())
    stream = lmcodec.compress(content, level=9)
    assert calls == [len(content)]
    assert "graph/1" in lmcodec.info(stream).models
    # What was found is not in the record, and is of that block alone.
    found = Edges.probe(content)
    assert found is not None
    assert found.params() == Edges(1, 0).params()
    assert bytes(found.forward(b"# x\n")[0].symbols) == b"# x\n"


def test_memory_is_that_of_the_links() -> None:
    # Pieces begin and end between lines.
    content = b"# From To\n" + lines([(a, a + b) for a in range(9000) for b in range(12)]) * 3
    tracemalloc.start()
    try:
        transform = Edges.probe(content)
        assert transform is not None
        streams = transform.forward(content)
        assert transform.inverse({one.name: one.symbols for one in streams}) == content
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(content) > 3_000_000
    # Links, 2.6 MB, and text, each twice while parts of it are joined, and the parts themselves.
    assert peak < 5 * len(content)


def test_a_long_line_is_no_link() -> None:
    content = lines(friends(4, 4)) + b"7 " * 400_000 + b"\n"
    assert Edges(1, 0).forward(content) == [Stream("head", content)]
    assert Edges.probe(content) is None


def test_streams_that_do_not_fit_are_refused() -> None:
    three = np.zeros(3, np.uint32)
    for streams in ({"links": three}, {"links": b"1"}, {"head": three}, {"other": b""}):
        with pytest.raises(errors.FormatError, match="edges"):
            Edges().inverse(streams)
    for wrong in ((3, 0), (0, 2), (-1, 0)):
        with pytest.raises(ValueError, match="edges"):
            Edges(*wrong)
    with pytest.raises(errors.ModelError, match="uint32"):
        Graph().encode(b"abcd")
    with pytest.raises(errors.ModelError, match="uint32"):
        Graph().encode(np.zeros(2, np.uint16))
    assert Latent().shaped(Links()) == Latent()


def test_small_payloads_cannot_ask_for_much() -> None:
    pairs = np.array([(0, node) for node in range(100_000, 100_400)], np.uint32).reshape(-1)
    payload = Graph().encode(pairs)
    assert len(payload) < 10
    assert np.array_equal(Graph().decode(payload, pairs.size), pairs)
    # So many nodes and decisions are for more numbers.
    for count in (2, 100, 196, 300, 798):
        with pytest.raises(errors.CorruptError, match=r"graph|list"):
            Graph().decode(payload, count)
    assert Graph().memory_bytes(2) < 24 << 20


@pytest.mark.parametrize(
    ("nodes", "links", "is_coded"),
    [(60, 3000, True), (300, 900, True), (900, 10, True), (4000, 4000, False)],
)
def test_dense_and_sparse_links_come_back(nodes: int, links: int, is_coded: bool) -> None:
    draw = random.Random(nodes)
    found = sorted({(draw.randrange(nodes), draw.randrange(nodes)) for _ in range(links)})
    pairs = np.array(found, np.uint32).reshape(-1)
    assert is_graph(pairs) == is_coded
    assert np.array_equal(Graph().decode(Graph().encode(pairs), pairs.size), pairs)


def alike(groups: int = 20, size: int = 20, seed: int = 1) -> list[tuple[int, int]]:
    """Return links of groups whose members are linked to all but a few others of theirs."""
    draw = random.Random(seed)
    order = draw.sample(range(groups * size), groups * size)
    links = []
    for first in range(0, len(order), size):
        group = order[first : first + size]
        pairs = ((min(a, b), max(a, b)) for place, a in enumerate(group) for b in group[:place])
        links += [pair for pair in pairs if draw.random() < 0.97]
    return sorted(links)


def test_alike_nodes_are_coded_as_blocks() -> None:
    links = alike()
    pairs = np.array(links, np.uint32).reshape(-1)
    lists, blocks = _core.graph_lengths(pairs)
    assert lists is not None
    assert blocks is not None
    payload = Graph().encode(pairs)
    # The first byte tells which way it is.
    assert (payload[0], len(payload)) == (2, blocks)
    assert blocks < lists
    assert np.array_equal(Graph().decode(payload, pairs.size), pairs)
    content = b"# groups\n" + lines(links)
    stream = lmcodec.compress(content, level=9)
    assert "graph/1" in lmcodec.info(stream).models
    assert lmcodec.decompress(stream) == content
    # Friends of friends are not alike enough.
    pairs = np.array([(a, b) for a in range(200) for b in range(a + 1, min(a + 7, 200))], np.uint32)
    assert Graph().encode(pairs.reshape(-1))[0] == 1


def test_lists_out_of_order_are_coded_as_blocks() -> None:
    by_source: dict[int, list[tuple[int, int]]] = {}
    for link in alike():
        by_source.setdefault(link[0], []).append(link)
    order = random.Random(3).sample(sorted(by_source), len(by_source))
    pairs = np.array([link for a in order for link in by_source[a]], np.uint32).reshape(-1)
    payload = Graph().encode(pairs)
    assert payload[0] == 2
    assert np.array_equal(Graph().decode(payload, pairs.size), pairs)


def test_large_graphs_are_coded_where_nodes_are_alike() -> None:
    links = [(a, 250 * (a % 80) + 25 * b) for a in range(20_000) for b in range(9)]
    pairs = np.array(links, np.uint32).reshape(-1)
    assert not is_graph(pairs)
    assert pays(pairs)
    found = Edges.probe(lines(links))
    assert found is not None
    assert found.for_level(7) == found
    assert found.for_level(6) is None
    draw = random.Random(4)
    spread = sorted({(a, draw.randrange(6000)) for a in range(6000) for _ in range(3)})
    assert not pays(np.array(spread, np.uint32).reshape(-1))
    found = Edges.probe(lines(spread))
    assert found is not None
    assert found.for_level(9) is None


@pytest.mark.parametrize("seed", range(5))
def test_damaged_blocks_are_refused_or_decoded(seed: int) -> None:
    pairs = np.array(alike(8, 15, seed), np.uint32).reshape(-1)
    payload = Graph().encode(pairs)
    assert payload[0] == 2
    draw = random.Random(seed)
    for _ in range(200):
        damaged = bytearray(payload)
        damaged[draw.randrange(1, len(damaged))] ^= draw.randrange(1, 256)
        for changed in (bytes(damaged), payload[: draw.randrange(len(payload))]):
            try:
                assert Graph().decode(changed, pairs.size).size == pairs.size
            except errors.FormatError:
                continue
    for count in (0, 1, 2, pairs.size - 2, pairs.size + 2):
        with pytest.raises(errors.FormatError):
            Graph().decode(payload, count)
