"""A language model as it lies on disk: a Hugging Face folder, or a GGUF file."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcodec.errors import FormatError, WeightsError
from lmcodec.lm import architecture, names, tokens
from lmcodec.lm.architecture import Architecture
from lmcodec.lm.gguf import read_gguf
from lmcodec.lm.safetensors import read_tensors
from lmcodec.lm.tensors import Tensor
from lmcodec.lm.tokens import Tokenizer

CONFIG, INDEX, TOKENIZER = "config.json", "model.safetensors.index.json", "tokenizer.json"
SINGLE = "model.safetensors"
GGUF_SUFFIX = ".gguf"
_MAX_JSON_BYTES = 1 << 28
_MAX_SHARDS = 1024
_MAX_FACTORS = 1 << 16
# Files that run code when they are read.
_PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.pkl")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """What a language model is made of.

    Args:
        path: Its folder or file.
        architecture: What it computes.
        tokenizer: Text to tokens.
        tensors: Yields its weights, named as the engine names them.
        files: The files whose digests make that of the weights.
    """

    path: Path
    architecture: Architecture
    tokenizer: Tokenizer
    tensors: Callable[[], Iterator[tuple[str, Tensor]]]
    files: tuple[Path, ...]

    def digests(self) -> tuple[bytes, ...]:
        """Return the SHA-256 of the weights, and that of the tokenizer where it is another file."""
        return digests(self.path)


def is_model(path: str | os.PathLike[str]) -> bool:
    """Return whether a path looks like that of a language model."""
    text = os.fspath(path)
    return text.endswith(GGUF_SUFFIX) or os.path.isfile(os.path.join(text, CONFIG))


def read(path: str | os.PathLike[str]) -> Checkpoint:
    """Read what describes a language model; its weights stay where they are.

    Raises:
        FormatError: A file is damaged, or the parts do not fit.
        UnsupportedError: The engine does not know the model.
        WeightsError: A part of it is missing.
        OSError: A file cannot be read.
    """
    root = Path(path)
    return _read_gguf(root) if root.suffix == GGUF_SUFFIX else _read_folder(root)


def _read_folder(root: Path) -> Checkpoint:
    config = _json(root / CONFIG)
    known = architecture.from_hugging_face(config)
    shards = _shards(root)
    if not (root / TOKENIZER).is_file():
        raise WeightsError(
            f"tokenizer is missing: {root / TOKENIZER}",
            hint="save it in the fast format: AutoTokenizer.from_pretrained(...).save_pretrained",
        )
    tokenizer = tokens.from_hugging_face(_bytes(root / TOKENIZER), config)

    def tensors() -> Iterator[tuple[str, Tensor]]:
        for shard in shards:
            yield from names.from_hugging_face(read_tensors(shard), known)

    return Checkpoint(root, known, tokenizer, tensors, (root / CONFIG, *shards))


def _read_gguf(path: Path) -> Checkpoint:
    file = read_gguf(path)
    embedding = file.tensors.get("token_embd.weight")
    if embedding is None:
        raise FormatError(f"{path}: the file has no embedding of tokens")
    tied = "output.weight" not in file.tensors
    factors = _factors(file.tensors.get("rope_freqs.weight"), path)
    known = architecture.from_gguf(file.metadata, embedding.shape[0], tied, factors)
    tokenizer = tokens.from_gguf(file.metadata)
    turned = file.metadata.get("general.architecture") == "llama"

    def tensors() -> Iterator[tuple[str, Tensor]]:
        yield from names.from_gguf(file.tensors, known, turned=turned)

    return Checkpoint(path, known, tokenizer, tensors, (path,))


def _factors(tensor: Tensor | None, path: Path) -> list[float] | None:
    """Return by what the wave lengths of Llama 3.1 are stretched.

    Raises:
        FormatError: They are not single numbers.
    """
    if tensor is None:
        return None
    if tensor.kind != "F32" or len(tensor.shape) != 1 or tensor.shape[0] > _MAX_FACTORS:
        raise FormatError(f"{path}: rope_freqs.weight is not a list of 32-bit floats")
    factors = [float(factor) for factor in tensor.bytes().view("<f4")]
    if not all(0 < factor < float("inf") for factor in factors):
        raise FormatError(f"{path}: rope_freqs.weight has values that are not positive")
    return factors


def _shards(root: Path) -> tuple[Path, ...]:
    """Return the files with the weights of a folder.

    Raises:
        WeightsError: One is missing.
        FormatError: The list of them is damaged.
    """
    if (root / INDEX).is_file():
        listed = _json(root / INDEX).get("weight_map")
        if not isinstance(listed, dict) or not all(isinstance(n, str) for n in listed.values()):
            raise FormatError(f"{root / INDEX}: it lists no files")
        found = sorted(set(listed.values()))
        if len(found) > _MAX_SHARDS or any(os.path.basename(name) != name for name in found):
            raise FormatError(f"{root / INDEX}: it lists files elsewhere, or too many")
        shards = tuple(root / name for name in found)
    else:
        shards = (root / SINGLE,)
    for shard in shards:
        if not shard.is_file():
            pickles = [path.name for pattern in _PICKLES for path in root.glob(pattern)]
            other = f"; {pickles[0]} can run code, and is never read" if pickles else ""
            raise WeightsError(
                f"weights are missing: {shard}{other}",
                hint="save the model as safetensors: save_pretrained(...)",
            )
    return shards


def digests(path: str | os.PathLike[str]) -> tuple[bytes, ...]:
    """Return the digests by which streams name a language model.

    A folder has two: of the lines ``SHA-256 NAME`` of its configuration and its weights, sorted by
    name, and of its tokenizer. A file has one, its SHA-256.

    Raises:
        WeightsError: A part is missing.
        FormatError: The list of parts is damaged.
        OSError: A file cannot be read.
    """
    root = Path(path)
    if root.suffix == GGUF_SUFFIX:
        return (_digest(root),)
    parts = sorted((root / CONFIG, *_shards(root)), key=lambda part: part.name)
    lines = "".join(f"{_digest(part).hex()} {part.name}\n" for part in parts)
    return hashlib.sha256(lines.encode()).digest(), _digest(root / TOKENIZER)


# Of files that were read before, by what changes with their content.
_DIGESTS: dict[tuple[str, int, int, int], bytes] = {}


def _digest(path: Path) -> bytes:
    status = path.stat()
    key = (os.path.abspath(path), status.st_size, status.st_mtime_ns, status.st_ino)
    if key not in _DIGESTS:
        with open(path, "rb") as file:
            computed = hashlib.sha256()
            while piece := file.read(1 << 20):
                computed.update(piece)
        _DIGESTS[key] = computed.digest()
    return _DIGESTS[key]


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(_bytes(path))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise FormatError(f"{path}: not a JSON object")
    return value


def _bytes(path: Path) -> bytes:
    with open(path, "rb") as file:
        data = file.read(_MAX_JSON_BYTES + 1)
    if len(data) > _MAX_JSON_BYTES:
        raise FormatError(f"{path}: larger than {_MAX_JSON_BYTES} bytes")
    return data
