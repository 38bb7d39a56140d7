"""Writes the golden streams that are missing. It never changes one that is there.

python -m tests.golden.make
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import lmcodec
from lmcodec import CompressionParameter, network, prior
from lmcodec.container import End, FrameHeader, SkippableFrame
from lmcodec.fitted import FittedArdm, FittedCircuit
from lmcodec.header import WEIGHTS_STORED, BlockHeader, ModelRecord, WeightsRecord
from lmcodec.header import StreamRecord as Stream
from lmcodec.labels import Labels
from lmcodec.models.ardm import ArdmModel
from lmcodec.models.base import MODELS, Model, SequentialModel, Shape
from lmcodec.models.bytelm import Bytelm
from lmcodec.models.circuit import CircuitModel
from lmcodec.models.cm import Cm
from lmcodec.models.latent import Latent
from lmcodec.models.llm import Llm, LlmWithoutNetwork
from lmcodec.network import Network
from lmcodec.transforms.array import Array, idx_header
from lmcodec.transforms.edges import Edges
from lmcodec.transforms.table import Table
from lmcodec.transforms.text import Text
from lmcodec.transforms.x86 import X86
from tests.ardm import Stored as StoredArdm
from tests.ardm import small
from tests.circuits import numbers, random_circuit, random_samples, shaped
from tests.language_models import FAMILIES, SMALL_LLAMA, save
from tests.messages import CODECS, MESSAGES
from tests.models import OWN
from tests.strategies import (
    BLOCK_BYTES,
    LONG_SAMPLES,
    SAMPLES,
    log_lines,
    machine_code,
    pixels,
    prose,
    random_bytes,
    records,
    spots,
)

HERE = Path(__file__).parent
CASES = HERE / "cases.toml"
MESSAGES_FILE = HERE / "messages.toml"

_DIGEST = {CompressionParameter.content_digest: 1, CompressionParameter.block_size: BLOCK_BYTES}


def frames() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield name, content and stream of what the container can do."""
    whole = SAMPLES["all-bytes"]
    compressor = lmcodec.LmcodecCompressor(model="stored", block_size=len(whole))
    yield "frame-v1-one-block-and-end", whole, compressor.compress(whole) + compressor.flush()
    for name in ("empty", "one-byte", "all-bytes"):
        yield f"frame-v1-{name}", SAMPLES[name], lmcodec.compress(SAMPLES[name], model="stored")
    log = SAMPLES["log"]
    several = lmcodec.compress(log, model="stored", block_size=BLOCK_BYTES)
    yield "frame-v1-blocks", log, several
    yield "frame-v1-digest", log, lmcodec.compress(log, model="stored", options=_DIGEST)
    compressor = lmcodec.LmcodecCompressor(model="stored", block_size=BLOCK_BYTES)
    yield "frame-v1-unannounced", log, compressor.compress(log) + compressor.flush()
    skippable = SkippableFrame(7, 4).pack() + b"skip"
    yield "frame-v1-concatenated", log * 2, several + skippable + several


def models() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield name, content and stream of every registered portable model."""
    for cls in OWN:
        if cls.host_bound:
            continue
        model: Model = cls()
        # The reference decoder takes seconds for the long ones.
        long = () if issubclass(cls, SequentialModel) else tuple(LONG_SAMPLES)
        for name in ("run", "dna", "log", "utf-8", *long):
            content = SAMPLES.get(name) or LONG_SAMPLES[name]
            stream = lmcodec.compress(content, model=model)
            if lmcodec.info(stream).models == (f"{cls.id}/{cls.version}",):
                yield f"{cls.id}-v{cls.version}-{name}", content, stream


def levels() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield name, content and stream of every level and kind of content of `cm`."""
    contents = {
        "text": prose(11, 1200),
        "records": records(12, 700),
        "program": machine_code(13, 2000),
        "pixels": pixels(64, 200),
    }
    for version, level in itertools.product((1, 2, 3), range(3, 10)):
        model = MODELS.get("cm", version)().for_level(level)
        for name, content in contents.items():
            stream = lmcodec.compress(content, model=model)
            yield f"cm-v{version}-level-{level}-{name}", content, stream
    text = b"As we have seen in the last chapter, it is not easy to say what it was. "
    for level in range(3, 10):
        for known in prior.SHIPPED:
            stream = lmcodec.compress(text * 3, level, model="cm", transform="raw", prior=known)
            yield f"cm-v3-level-{level}-{known}", text * 3, stream


def network_before() -> Network:
    """Return the network of the package before its part in the mix became larger."""
    return Network.load(HERE / "models" / "bytelm-2.safetensors")


def networks() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield name, content and stream of `cm` beside the network of the package."""
    text = b"It is true that the men who had been there before came back to see the old house.\n"
    known, before = prior.find("general-1"), network_before()
    for known_as, weights in (("bytelm-2", before), ("bytelm-2.1", network.find("bytelm-2.1"))):
        model = Cm(9, prior=known, network=weights)
        for name, content in (("once", text), ("more", text * 4 + SAMPLES["utf-8"])):
            yield f"cm-v3-{known_as}-{name}", content, lmcodec.compress(content, model=model)
        laned = replace(model, lanes=2)
        yield f"cm-v3-{known_as}-lanes", text * 4, lmcodec.compress(text * 4, model=laned)
    # Matrices of 8 bits, and some of 4.
    for name in ("bytelm-tiny", "bytelm-tiny-3"):
        own = Network.load(HERE.parent / "reference" / f"{name}.safetensors")
        content = text * 4 + SAMPLES["utf-8"]
        yield f"bytelm-v1-{name}", content, lmcodec.compress(content, model=Bytelm(own))
        stream = lmcodec.compress(content, model=replace(model, network=own))
        yield f"cm-v3-{name}", content, stream
    # More than one group of pieces.
    content = prose(36, 15_000)
    yield "cm-v3-lanes", content, lmcodec.compress(content, model=Cm(9, lanes=2))


def language_models() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield name, content and stream of language models: one that knows English, and tiny ones."""
    words = b"It is true that the men who had been there before came back to see the old house.\n"
    content = words + SAMPLES["utf-8"] + bytes(100) + words
    before = network_before()
    for name, choices in (
        ("alone", {"mixed": 0}),
        ("mixed", {"mixed": 1}),
        ("lanes", {"mixed": 0, "window": 16, "chunk": 11, "lanes": 3}),
        ("mixed-lanes", {"mixed": 1, "window": 16, "chunk": 11, "lanes": 3}),
        ("int8", {"mixed": 0, "int8": True, "begin": -1}),
        ("window", {"mixed": 0, "window": 16}),
        ("mixed-window", {"mixed": 1, "window": 16}),
        ("window-alone", {"mixed": 0, "window": 16, "begin": -1}),
    ):
        first = LlmWithoutNetwork.of(SMALL_LLAMA, **choices, network=before)
        yield f"llm-v1-{name}", content, lmcodec.compress(content, model=first)
        second = Llm.of(SMALL_LLAMA, **choices, network=before)
        yield f"llm-v2-{name}", content, lmcodec.compress(content, model=second)
    newest = Llm.of(SMALL_LLAMA, mixed=1, window=16, chunk=11, lanes=3)
    yield "llm-v2-bytelm-2.1", content, lmcodec.compress(content, model=newest)
    for family in ("mistral", "qwen2", "qwen3", "stretched", "gpt2", "neox", "neox-in-turn"):
        folder = HERE / "models" / family
        if not folder.exists():
            config, weights = FAMILIES[family]()
            save(folder, config, {name: array.astype("f2") for name, array in weights.items()})
        model = LlmWithoutNetwork.of(folder, mixed=0, window=32, chunk=50, lanes=2)
        yield f"llm-v1-{family}", words * 3, lmcodec.compress(words * 3, model=model)


def circuits() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield name, content and stream of samples by a circuit."""
    for name, nodes, categories, bare in (
        ("few", 24, 5, 0),
        ("many", 12, 250, 4),
        ("shaped", 16, 40, 5),
    ):
        stored = random_circuit(len(name), nodes, categories=categories, bare=bare)
        data = stored.file()
        if name == "shaped":
            stored, shapes = shaped(stored, 3, categories)
            data = stored.sparse_file(shapes)
        path = HERE / "models" / f"{name}.circuit"
        if not path.exists():
            path.write_bytes(data)
        circuit = FittedCircuit.load(path)
        samples = random_samples(stored, 1, 60)
        header = b"P5 %d 60 255 " % samples.shape[1]
        # A row is a sample, and some have values that are not known.
        samples[7:9, 1] = 255
        content = header + samples.tobytes()
        for group in (1, 25):
            model = CircuitModel(group, circuit=circuit)
            shape = Array(len(header), samples.size, 1, samples.shape[1])
            stream = lmcodec.compress(content, model=model, transform=shape)
            yield f"circuit-v1-{name}-{group}", content, stream
        model = CircuitModel(circuit=circuit)
        stream = lmcodec.compress(content, model=model, transform=shape, embed=True)
        yield f"circuit-v1-{name}-embedded", content, stream
        # As pictures of rows of one pixel.
        shape = Array(len(header), samples.size, samples.shape[1], 1)
        model = CircuitModel(circuit=circuit, mixed=True)
        stream = lmcodec.compress(content, model=model, transform=shape)
        yield f"circuit-v1-{name}-mixed", content, stream


def ardms() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield name, content and stream of samples by networks of `ardm`."""
    kinds = {
        "picture": small((6, 5), (4, 4)),
        "row": small((13,), (27,), outline_blocks=2),
        "near": small((4, 3), (2, 2), outline=0, blocks=2),
    }
    for name, config in kinds.items():
        symbols = numbers(len(name)).permutation(256)[: config.alphabet].astype(np.uint8)
        path = HERE / "models" / f"{name}.ardm"
        if not path.exists():
            path.write_bytes(StoredArdm(config, symbols.tobytes(), len(name)).file())
        ardm = FittedArdm.load(path)
        samples = symbols[numbers(1).randint(0, config.alphabet, (20, config.size))]
        # Two have a value that is not known, where there is one.
        samples[7:9, 1] = min(set(range(256)) - set(symbols.tolist()), default=0)
        header = b"P5 %d 20 255 " % config.size
        content = header + samples.tobytes() + b"behind"
        shape = Array(len(header), samples.size, 1, config.size)
        stages = config.stages
        for calls in (stages, 3 * stages, stages * config.size):
            model = ArdmModel(8, calls=calls, network=ardm)
            stream = lmcodec.compress(content, model=model, transform=shape)
            yield f"ardm-v1-{name}-{calls}", content, stream
        model = ArdmModel(network=ardm)
        stream = lmcodec.compress(content, model=model, transform=shape, embed=True)
        yield f"ardm-v1-{name}-embedded", content, stream
        if stages == 1:
            # As pictures of rows of one pixel.
            shape = Array(len(header), samples.size, config.size, 1)
            model = ArdmModel(network=ardm, mixed=True)
            stream = lmcodec.compress(content, model=model, transform=shape)
            yield f"ardm-v1-{name}-mixed", content, stream


def embedded() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield name, content and stream of frames with copies of a prior and of a network."""
    samples = log_lines(31, 90).splitlines(keepends=True)
    content = log_lines(32, 8)
    own = lmcodec.train_prior(samples, name="log", size=1 << 11, base="none", text=0)
    yield "cm-v3-embedded", content, lmcodec.compress(content, prior=own, embed=True)
    options = {CompressionParameter.content_digest: 1, CompressionParameter.block_size: 150}
    several = lmcodec.compress(content, options=options, model="cm", prior=own, embed=True)
    yield "cm-v3-embedded-blocks", content, several
    # Stored, and needed by no block.
    small = lmcodec.Prior(bytes(own)[:56] + b"\1" + bytes(7) + random_bytes(33, 64))
    record = WeightsRecord(WEIGHTS_STORED, 128, 128, small.digest)
    block = lmcodec.compress(b"Hi!", model="stored")[len(FrameHeader(one_block=True).pack()) :]
    frame = FrameHeader().pack() + record.pack() + bytes(small) + block + End().pack()
    yield "frame-v1-embedded-stored", b"Hi!", frame
    # Beside the copy of a network, and that alone.
    tiny = Network.load(HERE.parent / "reference" / "bytelm-tiny-3.safetensors")
    text = prose(36, 300)
    for name, start in (("both", own), ("network", prior.find("general-1"))):
        stream = lmcodec.compress(text, 9, prior=start, network=tiny, embed=True, block_size=200)
        yield f"cm-v3-embedded-{name}", text, stream


def texts() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield name, content and stream of frames with a copy of a prior that has a text."""
    samples = log_lines(34, 40).splitlines(keepends=True)
    content = log_lines(35, 8)
    on_base = {
        base: lmcodec.train_prior(samples, name="log", text=1024, base=base)
        for base in prior.SHIPPED
    }
    alone = lmcodec.train_prior(samples, name="log", text=1024, base="none", size=1 << 10)
    for level, base in itertools.product((3, 5, 7, 8), on_base):
        stream = lmcodec.compress(content, level, model="cm", prior=on_base[base], embed=True)
        suffix = "" if base == "general-1" else f"-{base}"
        yield f"cm-v3-level-{level}-text-of-prior{suffix}", content, stream
    stream = lmcodec.compress(content, model="cm", prior=alone, embed=True)
    yield "cm-v3-text-without-base", content, stream


def transforms() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield name, content and stream of every transform."""
    program = machine_code(8, 3000)
    for transform, name in ((X86(), "calls"), (X86(data=True), "data")):
        stream = lmcodec.compress(program, model="freqs", transform=transform)
        yield f"x86-v1-{name}", program, stream
    edges = program[:200] + bytes([0xE8, 1, 0, 0, 0, 0xF1, 0x0F, 0x84, 0xE8, 0xE9, 0xE8])
    yield "x86-v1-edges", edges, lmcodec.compress(edges, model="stored", transform="x86")
    for content, name in (
        (prose(1, 900), "lines"),
        (prose(2, 900, 60, " \r\n"), "returns"),
        # Every byte is in use, so that what has a meaning is escaped.
        (prose(3, 600) + bytes(range(256)) * 3, "escapes"),
    ):
        stream = lmcodec.compress(content, model="freqs", transform=Text())
        yield f"text-v1-{name}", content, stream
    plain = Text(lines=False, capitals=False)
    content = prose(4, 500)
    yield "text-v1-words", content, lmcodec.compress(content, model="freqs", transform=plain)
    plain = Text(capitals=False, words=False)
    content = prose(5, 500, 40)
    yield "text-v1-plain", content, lmcodec.compress(content, model="freqs", transform=plain)
    edges = "A\r\r\n\u00c9TAT  x \n\n\rMcX ABC\n".encode() * 2
    yield "text-v1-edges", edges, lmcodec.compress(edges, model="stored", transform=Text())


def pictures() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield name, content and stream of arrays, and of pixels."""
    for channels, name in ((1, "grey"), (3, "colour")):
        shape = Shape(12, 10, channels)
        content = idx_header(shape, 30) + spots(41, 30, 12, 10, channels)
        yield (
            f"array-v1-{name}",
            content,
            lmcodec.compress(content, model="freqs", transform="array"),
        )
        yield f"cm-v3-level-9-{name}", content, lmcodec.compress(content, 9)
    # Cut in the middle of a picture, so that the second block begins with its rest.
    blocks = lmcodec.compress(content, model="stored", transform="array", block_size=5000)
    yield "array-v1-blocks", content, blocks
    behind = content + b"behind"
    yield "array-v1-rest", behind, lmcodec.compress(behind, model="stored", transform="array")
    content = idx_header(Shape(12, 10), 20) + spots(42, 20, 12, 10)
    samples = [idx_header(Shape(12, 10), 30) + spots(43, 30, 12, 10)]
    prior = lmcodec.train_prior(samples, name="spots", text=3000)
    yield "cm-v3-pictures-of-prior", content, lmcodec.compress(content, 9, prior=prior, embed=True)


def tables() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield name, content and stream of tables."""
    rows = [f"{number};{number * number % 97};{number % 3 * 'ab'}" for number in range(300)]
    content = ("id;square;word\r\n" + "".join(f"{row}\r\n" for row in rows)).encode()
    yield "table-v1-freqs", content, lmcodec.compress(content, model="freqs", transform="table")
    # Cut in the middle of rows, with lines that are none and a last one without an end.
    rows[20:20] = ["# a comment", "1;2", "", "1;2;3;4"]
    ragged = "\n".join(rows).encode()
    blocks = lmcodec.compress(ragged, model="stored", transform="table", block_size=1000)
    yield "table-v1-blocks", ragged, blocks
    quoted = b'\xef\xbb\xbf"a", b\n"x\ny", \xff\n"""", 007\n"open, 1e5\n\0, -0'
    table = Table(2, separator=b", ", quoted=True)
    yield "table-v1-quoted", quoted, lmcodec.compress(quoted, model="stored", transform=table)
    # Numbers, scaled and summed, times, names that others tell, words, and a column of one value.
    random = numbers(8)
    a, b, kind = (random.randint(0, most, 700).tolist() for most in (5000, 900, 6))
    lines = [
        f"{x},{y / 100:.2f},{x + 3 * y},2024-05-{1 + i // 96:02} {i // 4 % 24:02}:{i % 4 * 15:02},"
        f"kind {k},{'abc'[k % 3] * (k + 1)}{x % 7},same"
        for i, (x, y, k) in enumerate(zip(a, b, kind, strict=True))
    ]
    numbered = "\n".join(["a,b,sum,time,kind,word,one", *lines, ""]).encode()
    for level in (3, 5, 9):
        stream = lmcodec.compress(numbered, level, model="table")
        yield f"table-v1-numbers-{level}", numbered, stream
    # Cells of fields, whose names are guessed, and some that stop short of that.
    fields = [
        f"{i},AC={x};AF={x / 5008:.6f};AN={5008 if k else 5006};NS=2504;"
        f"VT={'SNP' if x % 9 else 'S'}"
        for i, (x, k) in enumerate(zip(a, kind, strict=True))
    ]
    named = "\n".join(["id,info", *fields, ""]).encode()
    for level in (3, 5, 9):
        stream = lmcodec.compress(named, level, model="table")
        yield f"table-v1-fields-{level}", named, stream
    # Persons of households, whose ages are alike where a number comes again.
    homes, ages, more = (random.randint(0, most, 3000).tolist() for most in (900, 40, 3))
    persons = [
        f"{home * 7919},{(ages[home] + x) % 40}" for home, x in zip(homes, more, strict=True)
    ]
    listed = "\n".join(["home,age", *persons, ""]).encode()
    for level in (3, 5):
        stream = lmcodec.compress(listed, level, model="table")
        yield f"table-v1-echoes-{level}", listed, stream
    # Addresses, whose street tells the district.
    streets, houses = (random.randint(0, most, 2000).tolist() for most in (60, 500))
    places = [
        f"{house} {'ABCDEFGHIJ'[street % 10]}{'xyz' * (street // 10)} St,{street * 37 % 23}"
        for house, street in zip(houses, streets, strict=True)
    ]
    addresses = "\n".join(["address,district", *places, ""]).encode()
    for level in (3, 5):
        stream = lmcodec.compress(addresses, level, model="table")
        yield f"table-v1-stems-{level}", addresses, stream
    # Numbers near those above, values that come again a few times, columns that are listened to.
    lines, height = ["h,w,id,a,b,c,d,e,f,g,xor"], 100
    for row in range(1200):
        height += row * row % 7 - 3
        bits = [row * (k + 3) // 5 % 2 for k in range(7)]
        few = row * row % 449 if row % 3 else row
        cells = [height, height * 3 + row % 4, few * 7919, *bits, bits[0] ^ bits[5]]
        lines.append(",".join(map(str, cells)))
    ordered = "\n".join([*lines, ""]).encode()
    for level in (3, 5, 9):
        stream = lmcodec.compress(ordered, level, model="table")
        yield f"table-v1-ordered-{level}", ordered, stream
    # More cells than all columns may be known of: most have one value.
    pairs = random.randint(0, 2, (1 << 14, 2)).tolist()
    lines = [f"{x},{'z,' * 76}{y},{x + y},{x * y}" for x, y in pairs]
    large = "\n".join([*lines, ""]).encode()
    for level in (3, 5):
        yield f"table-v1-large-{level}", large, lmcodec.compress(large, level, model="table")


def bad() -> Iterator[tuple[str, bytes]]:
    """Yield streams that must be refused; the name begins with the error."""
    good = lmcodec.compress(SAMPLES["log"], model="stored")
    flipped = bytearray(good)
    flipped[100] ^= 1
    yield "corrupt-payload", bytes(flipped)
    flipped = bytearray(good)
    flipped[15] ^= 1
    yield "corrupt-block-header", bytes(flipped)
    yield "truncated-no-end", lmcodec.compress(b"")[:-3]
    yield "truncated-payload", good[:200]
    yield "truncated-empty", b""
    yield "format-not-a-stream", b"plain text, not a stream\n"
    yield "format-bytes-behind", good + b"\0"
    future = bytearray(FrameHeader().pack())
    future[4] = 2
    yield "unsupported-major-version", bytes(future)
    record = ModelRecord("future", 1)
    header = BlockHeader(0, 3, 0, models=(record,), streams=(Stream("", 1, 1, 3, 2),))
    yield "unsupported-model", FrameHeader().pack() + header.pack() + b"xx" + End().pack()
    yield "unsupported-embedded-weights", FrameHeader().pack() + b"\xb5W\0"
    *_, (_, _, copied) = embedded()
    yield "corrupt-embedded-weights", copied.replace(b"\xb5W\1\x80\1", b"\xb5W\1\x80\2")
    damaged = bytearray(copied)
    damaged[120] ^= 1
    yield "corrupt-embedded-copy", bytes(damaged)
    yield "limit-announced", FrameHeader(1 << 60).pack() + End().pack()


def classes() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield name, content and stream of tables with classes, and of graphs."""
    random = numbers(3)
    rows, columns = (random.randint(0, 3, count).astype(np.uint8) for count in (50, 40))
    shares = np.array([[1, 10, 19], [18, 2, 10], [10, 18, 2]])
    alike = (random.randint(0, 20, (50, 40)) < shares[rows[:, None], columns]).astype(np.uint8)
    thirds = np.arange(90, dtype=np.uint8) % 3
    unlike = np.where(random.randint(0, 10, (90, 8)) < 8, thirds[:, None], 9)
    unlike = (unlike + 10 * np.arange(8)).astype(np.uint8)
    for name, table, of_rows, of_columns in (
        ("alike", alike, rows, columns),
        ("unlike", unlike, thirds, np.zeros(8, np.uint8)),
    ):
        content = b"P5 %d %d 255 " % table.shape[::-1] + table.tobytes()
        shape = Array(len(content) - table.size, table.size, 1, table.shape[1])
        labels = Labels(of_rows.tobytes(), of_columns.tobytes(), name == "unlike", 3)
        model = Latent(table.shape[1], labels=labels)
        stream = lmcodec.compress(content, model=model, transform=shape)
        yield f"latent-v1-{name}", content, stream
    links = [(a, b) for a in range(60) for b in range(60) if a % 4 == b % 4 or a * b % 31 == 7]
    mixed = [*links[300:], *links[:300], (7, 3), (7, 1)]
    # Members of a group are linked, but for a few; lists are out of order.
    member = [node * 43 % 120 // 15 for node in range(120)]
    close = [(a, b) for a in range(120) for b in range(a) if member[a] == member[b]]
    close = [(a, b) for a, b in close if a * b % 31 != 1]
    turned = sorted(close, key=lambda pair: ((pair[0] + 50) % 120, pair[1]))
    for name, pairs in (
        ("upper", [pair for pair in links if pair[0] < pair[1]]),
        ("mixed", mixed),
        ("blocks", turned),
    ):
        content = b"# links\n" + b"".join(b"%d\t%d\n" % pair for pair in pairs)
        stream = lmcodec.compress(content[:-2], model="graph", transform=Edges(1, 0))
        yield f"graph-v1-{name}", content[:-2], stream


def messages() -> Iterator[str]:
    """Return a line for each message that has none yet."""
    known = MESSAGES_FILE.read_text("utf-8") if MESSAGES_FILE.exists() else ""
    for codec in CODECS:
        for message, content in MESSAGES.items():
            name = f"{codec}-{message}"
            if f"\n{name} =" not in f"\n{known}":
                yield f'{name} = "{CODECS[codec].encode(content).hex()}"\n'


def main() -> None:
    """Write what is missing."""
    (HERE / "bad").mkdir(exist_ok=True)
    for name, content, stream in (
        *frames(),
        *models(),
        *levels(),
        *networks(),
        *language_models(),
        *circuits(),
        *tables(),
        *classes(),
        *ardms(),
        *embedded(),
        *texts(),
        *transforms(),
        *pictures(),
    ):
        path = HERE / f"{name}.lmc"
        if path.exists():
            continue
        path.write_bytes(stream)
        digest = hashlib.sha256(content).hexdigest()
        with CASES.open("a", encoding="utf-8") as file:
            file.write(f'["{name}"]\nsize = {len(content)}\nsha256 = "{digest}"\n\n')
    lines = list(messages())
    with MESSAGES_FILE.open("a", encoding="utf-8") as file:
        file.writelines(lines)
    for name, stream in bad():
        path = HERE / "bad" / f"{name}.lmc"
        if not path.exists():
            path.write_bytes(stream)


if __name__ == "__main__":
    main()
