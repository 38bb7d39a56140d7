"""Prepared text as tokens, in files that are small enough to carry about, and batches of them."""

from __future__ import annotations

import hashlib
import json
import lzma
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    Tokens = NDArray[np.uint16]

# Tokens of a file: small enough that many are packed and unpacked at once.
SHARD = 1 << 21
# Numbers of 16 bits, the lower byte first.
_FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 6, "dict_size": 1 << 23, "lc": 0, "lp": 1, "pb": 1}]
TOKENS = "tokens.json"


def write_tokens(tokens: Tokens, folder: Path, kind: str, part: str) -> dict[str, str]:
    """Write ``KIND.PART-NN.xz``, and return the digest of each file's tokens."""
    digests = {}
    for number, start in enumerate(range(0, len(tokens), SHARD)):
        data = tokens[start : start + SHARD].astype("<u2").tobytes()
        name = f"{kind}.{part}-{number:02}.xz"
        (folder / name).write_bytes(lzma.compress(data, filters=_FILTERS))
        digests[name] = hashlib.sha256(data).hexdigest()
    return digests


def prepare(
    clean: Path, tokenizer: Path, folder: Path, say: Callable[[str], None], command: str
) -> None:
    """Turn the text that `training.bytelm prepare` has left into tokens.

    Args:
        clean: With ``KIND.train``, ``KIND.held`` and ``data.toml``.
        tokenizer: A ``tokenizer.json``.
        folder: Gets ``KIND.train-NN.xz`` and so on, and ``tokens.json``: digests, bytes of tokens.
        say: Takes lines of progress.
        command: The words of the command, for the card.
    """
    from tokenizers import Tokenizer

    from training.llm.tokenizer import SHARES, Encoder, token_bytes

    folder.mkdir(parents=True, exist_ok=True)
    data = tokenizer.read_bytes()
    learnt = Tokenizer.from_str(data.decode())
    encode = Encoder(learnt)
    about: dict[str, Any] = {
        "prepare": command,
        "tokenizer_sha256": hashlib.sha256(data).hexdigest(),
        "lengths": [len(token) for token in token_bytes(learnt)],
        "shares": SHARES,
        "files": {},
        "texts": {},
    }
    for kind in SHARES:
        for part in ("train", "held"):
            text = (clean / f"{kind}.{part}").read_bytes()
            tokens = encode(text)
            about["files"] |= write_tokens(tokens, folder, kind, part)
            about["texts"][f"{kind}.{part}"] = {"bytes": len(text), "tokens": len(tokens)}
            say(f"{kind}.{part}: {len(text):,} bytes, {len(tokens):,} tokens")
    (folder / TOKENS).write_text(json.dumps(about) + "\n", encoding="utf-8")


def about(folder: Path) -> dict[str, Any]:
    """Return what `prepare` wrote down about the tokens."""
    found: dict[str, Any] = json.loads((folder / TOKENS).read_text(encoding="utf-8"))
    return found


def _read(path: Path, digest: str) -> Tokens:
    data = lzma.decompress(path.read_bytes())
    if hashlib.sha256(data).hexdigest() != digest:
        raise ValueError(f"tokens are not those that were prepared: {path}")
    return np.frombuffer(data, "<u2")


def load(folder: Path, part: str) -> dict[str, Tokens]:
    """Return the tokens of each kind: ``train`` or ``held``; of those files that are there.

    Raises:
        ValueError: A file's tokens have another digest than those that were prepared.
    """
    digests = about(folder)["files"]
    paths = sorted(folder.glob(f"*.{part}-*.xz"))
    with ThreadPoolExecutor() as pool:
        read = list(pool.map(lambda path: _read(path, digests[path.name]), paths))
    kinds: dict[str, list[Tokens]] = {}
    for path, tokens in zip(paths, read, strict=True):
        kinds.setdefault(path.name.split(".")[0], []).append(tokens)
    return {kind: np.concatenate(parts) for kind, parts in kinds.items()}


class Batches:
    """Draws rows of text from anywhere; each begins with token 0, as a reader does.

    Args:
        train: Tokens of each kind.
        shares: How much is of each kind.
        rows: Of a batch.
        length: Tokens of a row.
        seed: Of the draws.
        device: Where the batches are wanted; the tokens stay there.
    """

    def __init__(
        self,
        train: Mapping[str, Tokens],
        shares: Mapping[str, float],
        rows: int,
        length: int,
        seed: tuple[int, ...],
        device: torch.device,
    ) -> None:
        self._rows, self._length = rows, length
        self._random = np.random.default_rng(seed)
        kinds = sorted(kind for kind in train if kind in shares and len(train[kind]) >= length)
        self._sizes = np.array([len(train[kind]) for kind in kinds])
        self._starts = np.cumsum(self._sizes) - self._sizes
        chances = np.array([shares[kind] for kind in kinds])
        self._chances = chances / chances.sum()
        together = np.concatenate([train[kind] for kind in kinds]).astype(np.int32)
        self._tokens = torch.from_numpy(together).to(device)
        self._steps = torch.arange(length, device=device)

    def __call__(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what is seen and what follows, both [rows, length]."""
        kinds = self._random.choice(len(self._sizes), self._rows, p=self._chances)
        room = self._sizes[kinds] - self._length + 1
        starts = self._starts[kinds] + self._random.integers(room)
        at = torch.from_numpy(starts)
        if self._steps.is_cuda:
            # From memory that stays in its place, so that nobody waits for the copy.
            at = at.pin_memory()
        at = at.to(self._steps.device, non_blocking=True)
        targets = self._tokens[at[:, None] + self._steps].long()
        return after_begin(targets), targets


def after_begin(targets: torch.Tensor) -> torch.Tensor:
    """Return what is seen before each of ``targets`` [rows, length]: token 0, then these."""
    return torch.cat((torch.zeros_like(targets[:, :1]), targets[:, :-1]), dim=1)
