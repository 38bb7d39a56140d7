"""Language models that are in use, and where those are found that a stream names."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakValueDictionary

from lmcodec import _core
from lmcodec.errors import LimitError, LmcodecError, WeightsError
from lmcodec.lm import files
from lmcodec.shelf import PATH_VARIABLE, own_folders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lmcodec.lm.tokens import Tokenizer

_LOADED: WeakValueDictionary[int, LanguageModel] = WeakValueDictionary()
# The one that was found in a folder last: the next block needs it again.
_FOUND: list[LanguageModel] = []
_LOCK = threading.Lock()


class LanguageModel:
    """A causal language model: the weights stay on disk until they are needed.

    Args:
        path: A Hugging Face folder, with `config.json`, `tokenizer.json` and weights as
            safetensors, or a GGUF file.

    Attributes:
        path: The folder or file.
        digests: SHA-256 of the weights, and of the tokenizer where it is a file of its own.

    Raises:
        FormatError: A file is damaged, or the parts do not fit.
        UnsupportedError: The model is of a family that is not known here.
        WeightsError: A part of it is missing.
        OSError: A file cannot be read.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._checkpoint = files.read(path)
        self.digests = self._checkpoint.digests()
        self._engines: dict[bool, _core.LanguageModel] = {}
        self._lock = threading.Lock()
        with _LOCK:
            _LOADED[id(self)] = self

    @property
    def name(self) -> str:
        """What its folder or file is called."""
        return self.path.name

    @property
    def tokenizer(self) -> Tokenizer:
        """Text to tokens."""
        return self._checkpoint.tokenizer

    @property
    def context(self) -> int:
        """Tokens that it was trained to look back on."""
        return self._checkpoint.architecture.context

    @property
    def vocabulary(self) -> int:
        """Number of tokens that it tells apart; some may have no bytes."""
        return self._checkpoint.architecture.vocabulary

    @property
    def file_bytes(self) -> int:
        """Bytes of its files."""
        return sum(path.stat().st_size for path in self._checkpoint.files)

    def memory_bytes(self, lanes: int, window: int) -> int:
        """Return about how much memory it takes to run.

        Args:
            lanes: Texts side by side.
            window: Tokens of each that are looked back on.
        """
        sizes = self._checkpoint.architecture
        looked_at = 2 * sizes.layers * sizes.kv_heads * sizes.head_width * window
        return self.file_bytes + 4 * lanes * (looked_at + 2 * sizes.vocabulary)

    def engine(self, int8: bool = False) -> _core.LanguageModel:
        """Return what runs it, its weights in memory.

        Args:
            int8: Whether weights are rounded to 8 bits, with a scale for each row.

        Raises:
            FormatError: The weights do not fit, or are no numbers.
            LimitError: There is too little memory.
        """
        with self._lock:
            if int8 not in self._engines:
                self._engines[int8] = self._load(int8)
            return self._engines[int8]

    def _load(self, int8: bool) -> _core.LanguageModel:
        _check_memory(self.file_bytes, f"weights of {self.path}")
        try:
            builder = _core.LanguageModelBuilder(self._checkpoint.architecture.to_json())
            for name, tensor in self._checkpoint.tensors():
                builder.put(name, tensor.kind, tensor.bytes())
            return builder.finish(int8)
        except LmcodecError as error:
            raise type(error)(f"{self.path}: {error}") from error

    def __eq__(self, other: object) -> bool:
        """Return whether the other is a model of the same files."""
        return isinstance(other, LanguageModel) and self.digests == other.digests

    def __hash__(self) -> int:
        """Return a hash of the digests."""
        return hash(self.digests)

    def __reduce__(self) -> tuple[type[LanguageModel], tuple[Path]]:
        """Return what loads it again, in another process."""
        return LanguageModel, (self.path,)

    def __repr__(self) -> str:
        """Return name and the start of the digest."""
        return f"<LanguageModel {self.path.name} {self.digests[0].hex()[:12]}>"


def by_digests(digests: tuple[bytes, ...]) -> LanguageModel:
    """Return the language model that a stream names.

    It is looked for among those that are loaded, then in the folders of `LMCODEC_MODEL_PATH`, each
    the folder of a model itself, or one with such folders and GGUF files. Nothing is downloaded.

    Raises:
        WeightsError: It is nowhere.
    """
    with _LOCK:
        loaded = list(_LOADED.values())
    for model in loaded:
        if model.digests == digests:
            return model
    folders = own_folders()
    for path in _candidates(folders):
        try:
            if files.digests(path) != digests:
                continue
            model = LanguageModel(path)
        except (OSError, LmcodecError):
            continue
        _FOUND[:] = [model]
        return model
    needed = " ".join(digest.hex() for digest in digests) or "none"
    others = sorted(str(model.path) for model in loaded)
    places = f"among those that are loaded ({', '.join(others) or 'none'})"
    places += f", in {', '.join(folders)}" if folders else f"; {PATH_VARIABLE} is not set"
    raise WeightsError(
        f"language model is not here: {needed}: looked {places}",
        hint=f"set {PATH_VARIABLE} to a folder that has its folder, or load it with --model PATH",
    )


def _candidates(folders: list[str]) -> Iterator[Path]:
    for folder in map(Path, folders):
        if files.is_model(folder):
            yield folder
        elif folder.is_dir():
            yield from (path for path in sorted(folder.iterdir()) if files.is_model(path))


def _check_memory(needed: int, what: str) -> None:
    """Refuse what does not fit into the memory that is free.

    Raises:
        LimitError: It does not.
    """
    available = _available_bytes()
    if available is not None and needed > available:
        raise LimitError(
            f"{what} need {needed} bytes of memory: {available} are free",
            limit=available,
            needed=needed,
            hint="use a smaller model",
        )


def _available_bytes() -> int | None:
    """Return the memory that is free, or None where the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            for line in file:
                if line.startswith("MemAvailable:"):
                    return int(line.split()[1]) << 10
    except (OSError, ValueError):
        pass
    return None
