"""Decoder of the lmcodec stream format, written from docs/format.md with the standard library only.

It decodes stored streams and those of order0 and freqs (docs/coders.md), and the transforms array,
table, text and x86 (docs/transforms), slowly, and checks what the pages demand, except that the
coded table of freqs ends in its shortest form.

    python decode.py < file.lmz > file
"""

from __future__ import annotations

import hashlib
import re
import sys
import zlib
from collections.abc import Callable
from itertools import accumulate


class InvalidError(Exception):
    """The stream is not valid."""


class UnsupportedError(Exception):
    """The stream needs something that this decoder does not have."""


def need(holds: bool, what: str) -> None:
    if not holds:
        raise InvalidError(what)


class Reader:
    """Section 1: the conventions."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        need(size <= len(self.data) - self.at, "bytes are missing")
        self.at += size
        return self.data[self.at - size : self.at]

    def u8(self) -> int:
        return self.take(1)[0]

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def varint(self) -> int:
        value = 0
        for index in range(10):
            byte = self.u8()
            value |= (byte & 127) << 7 * index
            if byte < 128:
                need(byte > 0 or index == 0, "varint is not in its shortest form")
                need(value < 1 << 64, "varint is too large")
                return value
        raise InvalidError("varint is too long")

    def blob(self) -> bytes:
        return self.take(self.varint())

    def name(self) -> str:
        raw = self.blob()
        need(re.fullmatch(rb"[a-z0-9_.-]{1,64}", raw) is not None, "name is not well formed")
        return raw.decode("ascii")

    def check(self, begin: int) -> None:
        """Read the CRC-32 of everything since `begin`."""
        computed = zlib.crc32(self.data[begin : self.at])
        need(self.u32() == computed, "checksum differs")


def decode(data: bytes) -> bytes:
    """Section 2: a stream is frames, and nothing else."""
    need(data != b"", "stream is empty")
    reader = Reader(data)
    content = b""
    while reader.at < len(data):
        if data[reader.at : reader.at + 4] == b"\xb5LMZ":
            content += decode_frame(reader)
        else:
            skip_frame(reader)
    return content


def skip_frame(reader: Reader) -> None:
    """Section 3: a skippable frame."""
    begin = reader.at
    magic = reader.take(4)
    need(magic[:3] == b"\xb5LM" and magic[3] >> 4 == 6, "no frame begins here")
    size = int.from_bytes(reader.take(8), "little")
    reader.check(begin)
    reader.take(size)


def decode_frame(reader: Reader) -> bytes:
    """Sections 3 to 5: a frame."""
    begin = reader.at
    reader.take(4)
    major, _minor, flags = reader.take(3)
    if major != 1 or flags > 7:
        raise UnsupportedError("version or flags")
    content_size = None
    if flags & 1:
        content_size = reader.varint()
        reader.check(begin)

    content = b""
    blocks: list[tuple[int, int, int]] = []
    first = 0
    embedded: list[bytes] = []
    while reader.data[reader.at : reader.at + 2] in (b"\xb5B", b"\xb5W"):
        block = reader.at
        first = first or block - begin
        while reader.data[reader.at : reader.at + 2] == b"\xb5W":
            need(len(embedded) < 4, "too many copies of weights")
            embedded.append(read_weights(reader))
            need(len(set(embedded)) == len(embedded), "second copy of weights")
        raw = decode_block(reader, len(content), embedded)
        content += raw
        blocks.append((reader.at - block, len(raw), zlib.crc32(raw)))
        if flags & 4:
            break

    digest = None
    if flags & 4:
        need(len(blocks) == 1, "block is missing")
    else:
        digest = decode_end(reader, first, blocks)
    need(content_size in (None, len(content)), "content size differs")
    need((digest is not None) == bool(flags & 2), "digest is there, or is not, against the flag")
    need(digest in (None, hashlib.sha256(content).digest()), "digest differs")
    return content


def decode_end(reader: Reader, first: int, blocks: list[tuple[int, int, int]]) -> bytes | None:
    """Section 5: the end of a frame; return the digest."""
    begin = reader.at
    marker = reader.take(2)
    need(marker == b"\xb5E", "neither a block nor the end")
    index = Reader(reader.blob())
    if not index.data:
        return None
    reader.check(begin)
    need(reader.u32() == reader.at - 4 - begin, "size of the end differs")
    need(reader.take(4) == b"\xb5IDX", "magic of the index is missing")

    flags = index.u8()
    if flags > 1:
        raise UnsupportedError("index flags")
    digest = index.take(32) if flags else None
    need(index.varint() == first, "first block is elsewhere")
    listed = [(index.varint(), index.varint(), index.u32()) for _ in range(index.varint())]
    need(listed == blocks, "index does not fit the blocks")
    need(index.at == len(index.data), "index has bytes too many")
    return digest


def read_weights(reader: Reader) -> bytes:
    """Section 4: a copy of weights; return its digest. One of `bwt` is passed over."""
    begin = reader.at
    reader.take(2)
    coding = reader.u8()
    if coding not in (1, 2, 3):
        raise UnsupportedError("coding of embedded weights")
    raw_size, size = reader.varint(), reader.varint()
    digest = reader.take(32)
    reader.check(begin)
    need(0 < raw_size <= 1 << 26, "size of embedded weights")
    if coding == 1:
        need(size == raw_size, "copy of weights does not fit")
    else:
        need(size < raw_size <= 64 * size, "copy of weights does not fit")
    copy = reader.take(size)
    if coding == 3:
        copy = decode_freqs(copy, raw_size)
    need(coding == 2 or hashlib.sha256(copy).digest() == digest, "weights are damaged")
    return digest


def decode_block(reader: Reader, start: int, embedded: list[bytes]) -> bytes:
    """Section 4: a block."""
    begin = reader.at
    need(reader.take(2) == b"\xb5B", "no block follows the weights")
    size = reader.varint()
    need(size <= 1 << 20, "block header is too large")
    header = Reader(reader.take(size))
    reader.check(begin)

    split = header.data[:1] != b"\0"
    join = read_transform(header) if split else header.u8()
    need(header.varint() == start, "block belongs elsewhere")
    raw_size = header.varint()
    need(raw_size < 1 << 31, "block is too large")
    checksum = header.u32()
    models = [read_model(header, embedded) for _ in range(header.varint())]
    streams = {}
    sizes = []
    for _ in range(header.varint() if split else 1):
        name = header.name() if split else ""
        model, width = divmod(header.varint(), 4)
        count = header.varint() if split else raw_size
        need(name not in streams, "two streams have one name")
        need(width == 0 and model <= len(models), "stream does not fit the block")
        streams[name] = (model, count)
        sizes.append(header.varint())
    need(header.at == size, "block header has bytes too many")
    total = sum(count for _, count in streams.values())
    need(total <= 16 * raw_size + (1 << 16), "streams are too large")

    symbols = {}
    for (name, (model, count)), coded in zip(streams.items(), sizes, strict=True):
        payload = reader.take(coded)
        symbols[name] = payload if model == 0 else decode_model(payload, count, *models[model - 1])
        need(len(symbols[name]) == count, "symbols are missing")
    raw = join(symbols) if callable(join) else symbols[""]
    need(len(raw) == raw_size and zlib.crc32(raw) == checksum, "content differs")
    return raw


def read_transform(header: Reader) -> Callable[[dict[str, bytes]], bytes]:
    """Section 7: what makes the content out of the streams."""
    id, version, params = header.name(), header.varint(), header.blob()
    if (id, version) not in (("array", 1), ("table", 1), ("text", 1), ("x86", 1)):
        raise UnsupportedError(f"transform {id} version {version}")
    if id == "array":
        read_array(Reader(params))
        return join_array
    if id == "table":
        return read_table_transform(Reader(params))
    defaults = [True, True, True] if id == "text" else [False]
    need(len(params) <= len(defaults) and set(params) <= {0, 1}, "parameters do not fit")
    fields = [byte > 0 for byte in params] + defaults[len(params) :]
    if id == "text":
        return lambda streams: join_text(streams, *fields)
    return lambda streams: join_x86(streams, fields[0])


def read_array(params: Reader) -> None:
    """Page on array: the parameters, of which joining needs none."""
    for least in (0, 0, 1, 1, 1, 1):
        if params.at < len(params.data):
            value = params.varint()
            need(value % 2 == 0 and value // 2 >= least, "parameters do not fit")
    need(params.at == len(params.data), "parameters do not fit")


def join_array(streams: dict[str, bytes]) -> bytes:
    """Page on array."""
    names = ("header", "samples", "rest")
    need(set(streams) <= set(names), "streams of array differ")
    return b"".join(streams.get(name, b"") for name in names)


def read_table_transform(params: Reader) -> Callable[[dict[str, bytes]], bytes]:
    """Page on table: the parameters."""

    def more() -> bool:
        return params.at < len(params.data)

    def number(default: int) -> int:
        value = params.varint() if more() else 2 * default
        need(value % 2 == 0 and value < 2 << 40, "parameters do not fit")
        return value // 2

    def truth() -> bool:
        value = params.u8() if more() else 0
        need(value < 2, "parameters do not fit")
        return value == 1

    columns, rows, head = number(2), number(0), number(0)
    separator = params.blob() if more() else b","
    truth()
    end = b"\r\n" if truth() else b"\n"
    is_open, terminator = truth(), number(10)
    need(columns > 0 and terminator < 256 and not more(), "parameters do not fit")
    wrong = separator[:1] == b'"' or b"\n" in separator or b"\r" in separator
    need(1 <= len(separator) <= 4 and not wrong, "parameters do not fit")

    def join(streams: dict[str, bytes]) -> bytes:
        need(set(streams) <= {"cells", "rest", "places"}, "streams of table differ")
        cells = streams.get("cells", b"").split(bytes([terminator]))
        need(cells.pop() == b"" and len(cells) == rows * columns, "cells are missing")
        rest, places = Reader(streams.get("rest", b"")), Reader(streams.get("places", b""))
        lines = [separator.join(cells[row::rows]) + end for row in range(rows)]
        parts = [rest.take(head)]
        row = 0
        while places.at < len(places.data):
            gap, size = places.varint(), places.varint()
            need(gap <= rows - row, "lines have no place")
            parts += [*lines[row : row + gap], rest.take(size)]
            row += gap
        need(rest.at == len(rest.data), "lines have no place")
        raw = b"".join([*parts, *lines[row:]])
        return raw[: -len(end)] if is_open and row < rows else raw

    return join


# Page on x86: the lists of bytes before the last one of an opcode.
BEFORE_DATA = {p for p in range(64) if p % 8 < 4}
BEFORE_DATA |= {0x63, 0x69, 0x6B, 0x80, 0x81, 0xC6, 0xC7, 0xD8, 0xDD, 0xF6, 0xF7, 0xFF}
BEFORE_DATA |= set(range(0x83, 0x90))
BEFORE_DATA_0F = {*range(0x10, 0x18), *range(0x28, 0x30), *range(0x40, 0x80)}
BEFORE_DATA_0F |= {*range(0x90, 0xA0), *range(0xAF, 0xC0), *range(0xD0, 0x100)}


def join_x86(streams: dict[str, bytes], has_data: bool) -> bytes:
    """Page on x86: code and targets to content."""
    names = {"code", "calls", "jumps"} | ({"data"} if has_data else set())
    need(set(streams) == names, "streams of x86 differ")
    targets = {name: Reader(part) for name, part in streams.items() if name != "code"}
    code = Reader(streams["code"])
    out = bytearray(2)
    while code.at < len(code.data):
        last = code.u8()
        out.append(last)
        before, first = out[-2], out[-3]
        name = None
        if last == 0xE8:
            name = "calls"
        elif last == 0xE9 or (last & 0xF0 == 0x80 and before == 0x0F):
            name = "jumps"
        elif has_data and last & 0xC7 == 5:
            if before in BEFORE_DATA or (first == 0x0F and before in BEFORE_DATA_0F):
                name = "data"
        if name is None:
            continue
        if code.data[code.at : code.at + 1] == b"\xf1":
            code.at += 1
        else:
            target = int.from_bytes(targets[name].take(4), "big")
            out += ((target - (len(out) - 2) - 4) % (1 << 32)).to_bytes(4, "little")
    need(all(rest.at == len(rest.data) for rest in targets.values()), "targets are left over")
    return bytes(out[2:])


def join_text(
    streams: dict[str, bytes], has_lines: bool, has_capitals: bool, has_words: bool
) -> bytes:
    """Page on text."""
    names = {"text", "lines"} if has_lines else {"text"}
    need(set(streams) == names, "streams of text differ")
    flags, text = write_out(Reader(streams["text"]), has_capitals, has_words)
    need(flags < 2, "flag is not known")
    if has_lines:
        text = end_lines(text, Reader(streams["lines"]))
    if flags == 1:
        text = re.sub(rb"\r*\n", lambda m: {0: b"\r\n", 1: b"\n"}.get(len(m[0]) - 1, m[0]), text)
    return text


def write_out(text: Reader, has_capitals: bool, has_words: bool) -> tuple[int, bytes]:
    """Page on text: words and capitals."""
    flags, escape = text.u8(), text.u8()
    capital, upper = (text.u8(), text.u8()) if has_capitals else (-1, -2)
    codes = int.from_bytes(text.take(32 if has_words else 0), "little")
    words = {}
    for code in range(256):
        if codes >> code & 1:
            end = text.data.find(b"\n", text.at)
            need(0 <= end - text.at <= 24, "word is too long, or does not end")
            words[code] = text.take(end - text.at)
            text.at += 1
    meanings = [escape, *words] + ([capital, upper] if has_capitals else [])
    need(len(meanings) == len(set(meanings)), "byte has two meanings")

    out = bytearray()
    raised = None
    while text.at < len(text.data):
        byte = text.u8()
        if byte in (capital, upper):
            need(text.u8() == 0x20, "mark without a space")
            raised = byte
            continue
        for symbol in text.take(1) if byte == escape else words.get(byte, bytes([byte])):
            letter = symbol >= 0x80 or bytes([symbol]).isalpha()
            need(raised != capital or bytes([symbol]).islower(), "mark before no small letter")
            need(raised != upper or not bytes([symbol]).isupper(), "mark before a capital")
            if raised == upper and not letter:
                raised = None
            out += bytes([symbol]).upper() if raised is not None else bytes([symbol])
            if raised == capital:
                raised = None
    return flags, bytes(out)


def end_lines(text: bytes, lines: Reader) -> bytes:
    """Page on text: ends of lines."""
    margin = lines.u8()
    recent = [0] * 16
    spaced = False
    out = bytearray()
    line = bytearray()
    late = None
    for at, byte in enumerate(text):
        between = text[at + 1 : at + 2] > b" "
        if byte == 0x0A:
            spaced = line.endswith(b" ")
            full = line[:-1] if spaced else line
            if between and full[-1:] > b" ":
                recent = [*recent[1:], len(full)]
            out += line + b"\n"
            line, late = bytearray(), None
            continue
        if byte == 0x20 and between and text[:at][-1:] > b" ":
            word = next((i for i in range(at + 1, len(text)) if text[i] <= 0x20), len(text))
            if len(line) + word - at > max(max(recent) - margin, 0):
                late = lines.u8() if late is None else late
                if late == 0:
                    recent = [*recent[1:], len(line)]
                    out += line + (b" \n" if spaced else b"\n")
                    line, late = bytearray(), None
                    continue
                late -= late < 255
        line.append(byte)
    need(lines.at == len(lines.data), "ends of lines are left over")
    return bytes(out + line)


def read_model(header: Reader, embedded: list[bytes]) -> tuple[str, int, bytes]:
    """Section 4: a model record."""
    id, version, flags = header.name(), header.varint(), header.u8()
    if flags & 1 or flags > 7:
        raise UnsupportedError("host-bound model, or flags")
    if flags:
        count = header.u8()
        need(count > 0, "weights have no digest")
        mask = header.u8() if flags == 6 else flags >> 2
        need(flags != 6 or 1 < mask < 1 << count, "which weights are embedded")
        digests = [header.take(32) for _ in range(count)]
        copied = [digest for n, digest in enumerate(digests) if mask >> n & 1]
        need(set(copied) <= set(embedded), "weights are not embedded before the block")
        kind = "embedded weights" if copied else "weights"
        raise UnsupportedError(f"model {id} needs {kind} {digests[0].hex()}")
    return id, version, header.blob()


def decode_model(payload: bytes, count: int, id: str, version: int, params: bytes) -> bytes:
    """Section 6."""
    if (id, version) == ("order0", 1):
        return decode_order0(payload, count, params)
    if (id, version) == ("freqs", 1):
        need(params == b"", "parameters do not fit")
        return decode_freqs(payload, count)
    raise UnsupportedError(f"model {id} version {version}")


def decode_order0(payload: bytes, count: int, params: bytes) -> bytes:
    """Section 6.2."""
    increment = 32
    if params:
        reader = Reader(params)
        coded = reader.varint()
        need(coded % 2 == 0 and reader.at == len(params), "parameters do not fit")
        increment = coded // 2
    need(1 <= increment <= 65536, "increment is outside its range")

    slots = 1 << 24
    state, words = read_stack(payload)
    weights = [1] * 256
    out = bytearray()
    for _ in range(count):
        total = sum(weights)
        sums = accumulate(weights, initial=0)
        cum = [partial * (slots - 256) // total + i for i, partial in enumerate(sums)]
        slot = state % slots
        symbol = max(i for i in range(256) if cum[i] <= slot)
        state = (cum[symbol + 1] - cum[symbol]) * (state // slots) + slot - cum[symbol]
        if state < 1 << 31:
            need(words != [], "payload ends early")
            state = state << 32 | words.pop()
        weights[symbol] += increment
        out.append(symbol)
    need(state == 1 << 31 and not words, "coder is not in its base state")
    return bytes(out)


def read_stack(payload: bytes) -> tuple[int, list[int]]:
    """Section 6.1: words, and the state behind them."""
    if not payload:
        return 1 << 31, []
    size = {1: 5, 2: 6, 3: 7, 0: 4 if payload[-1] >= 128 else 8}[len(payload) % 4]
    need(size <= len(payload), "payload ends early")
    coded, words = payload[-size:], payload[:-size]
    state = int.from_bytes(coded, "little")
    need(1 << 31 <= state < 1 << 63 and coded[-1] != 0, "state is outside its range")
    return state, [int.from_bytes(words[i : i + 4], "little") for i in range(0, len(words), 4)]


class Bits:
    """Coders, payload of the binary coder."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload + bytes(8)
        self.at = 8
        self.code = int.from_bytes(self.payload[:8], "big")
        self.range = (1 << 64) - 1
        self.p1s: dict[tuple[int, ...], int] = {}

    def bit(self, p1: int) -> int:
        bound = self.range * p1 >> 22
        bit = int(self.code < bound)
        if bit:
            self.range = bound
        else:
            self.code -= bound
            self.range -= bound
        if self.range < 1 << 32:
            self.range <<= 32
            following = self.payload[self.at : self.at + 4].ljust(4, b"\0")
            self.code = self.code << 32 | int.from_bytes(following, "big")
            self.at += 4
        return bit

    def modelled(self, *key: int) -> int:
        p1 = self.p1s.get(key, 1 << 21)
        bit = self.bit(p1)
        self.p1s[key] = p1 + (((1 << 22) - p1) >> 4) if bit else p1 - (p1 >> 4)
        return bit


def decode_freqs(payload: bytes, count: int) -> bytes:
    """Coders, payload of the static coder."""
    reader = Reader(payload)
    out = b""
    while len(out) < count:
        size, kind = divmod(reader.varint(), 4)
        need(0 < size <= count - len(out), "size of a block does not fit")
        if kind == 0:
            out += reader.take(size)
        elif kind == 1:
            out += reader.take(1) * size
        else:
            out += decode_coded(reader, size, lanes=1 if kind == 2 else 32)
    need(reader.at == len(payload), "payload has bytes too many")
    return out


def decode_coded(reader: Reader, size: int, lanes: int) -> bytes:
    """A coded block of the static coder."""
    table_size, word_count = reader.varint(), reader.varint()
    freqs = read_table(reader.take(table_size))
    slots = [(byte, offset) for byte, freq in enumerate(freqs) for offset in range(freq)]
    states = [reader.u32() for _ in range(lanes)]
    need(all(1 << 15 <= state < 1 << 31 for state in states), "state is outside its range")
    words = [int.from_bytes(reader.take(2), "little") for _ in range(word_count)]
    words.reverse()
    out = bytearray()
    for position in range(size):
        state = states[position % lanes]
        byte, offset = slots[state % 4096]
        state = freqs[byte] * (state // 4096) + offset
        if state < 1 << 15:
            need(words != [], "words do not suffice")
            state = state << 16 | words.pop()
        states[position % lanes] = state
        out.append(byte)
    need(not words and set(states) == {1 << 15}, "coder is not in its base state")
    return bytes(out)


def read_table(table: bytes) -> list[int]:
    """The frequencies of a coded block."""
    bits = Bits(table)
    freqs: list[int] = []
    last = 0
    while sum(freqs) < 4096:
        need(len(freqs) < 256, "frequencies add up to less than 4096")
        freq = bits.modelled(1, sum(before > 0 for before in freqs[-2:]))
        if freq:
            node = 1
            for _ in range(4):
                node = 2 * node + bits.modelled(2, last, node)
            last = node - 16
            need(last <= 11, "frequency is too large")
            for place in range(last):
                freq = 2 * freq + (bits.bit(1 << 21) if place else bits.modelled(3, last))
        freqs.append(freq)
    need(sum(freqs) == 4096, "frequencies add up to more than 4096")
    return freqs


if __name__ == "__main__":
    sys.stdout.buffer.write(decode(sys.stdin.buffer.read()))
