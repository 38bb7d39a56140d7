"""A causal language model over tokens."""

from __future__ import annotations

import os
from abc import abstractmethod
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from lmcodec import _core
from lmcodec.errors import CorruptError, FormatError, ModelError
from lmcodec.lm import segments
from lmcodec.lm.model import LanguageModel, by_digests
from lmcodec.models.base import MODELS, Model
from lmcodec.models.cm import Cm
from lmcodec.network import Network
from lmcodec.network import by_digest as network_by_digest
from lmcodec.network import default as default_network
from lmcodec.packing import Cursor, pack_varint, unpack_fields
from lmcodec.prior import Prior
from lmcodec.prior import by_digest as prior_by_digest
from lmcodec.prior import default as default_prior

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Self

    from lmcodec.models.base import Symbols

_MAX_WINDOW = 1 << 20
_MAX_CHUNK = 1 << 30
_MAX_LANES = 256
# Values of `mixed`, and the bytes from which it pays.
_ALONE, _MIXED, _OPEN = 0, 1, 2
_MIXED_FROM = 16 << 10
# Tokens of text have a few bytes, most of them.
_WINDOW = 1024


@dataclass(frozen=True)
class TokenModel(Model):
    """What models over the tokens of a language model have in common; see `Llm` for the fields."""

    external: ClassVar[bool] = True
    # A run that is stopped loses no more than one; chunks within it begin anew as often.
    block_bytes: ClassVar[int | None] = 1 << 20
    weights: ClassVar[tuple[str, ...]] = ("language model", "tokenizer")

    window: int = _WINDOW
    chunk: int = 1 << 13
    lanes: int = 16
    begin: int = -1
    level: int = 5
    model: LanguageModel | None = field(default=None, metadata={"packed": False}, kw_only=True)

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A parameter is outside of its range.
        """
        for name, low, high in (
            ("window", 2, _MAX_WINDOW),
            ("chunk", 1, _MAX_CHUNK),
            ("lanes", 1, _MAX_LANES),
            ("begin", -1, 1 << 28),
            ("level", 3, 9),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} of {self.id} must be {low} to {high}: got {value}")

    @classmethod
    def of(cls, path: str | os.PathLike[str] | LanguageModel, **parameters: Any) -> Self:
        """Return the model that codes by a language model on disk.

        Args:
            path: A Hugging Face folder, a GGUF file, or what was loaded from one.
            parameters: Those of the class that are not to be as suits the language model.

        Raises:
            FormatError: A file is damaged.
            UnsupportedError: The language model is of a family that is not known here.
            WeightsError: A part of it is missing.
            ValueError: A parameter is out of range.
            OSError: A file cannot be read.
        """
        model = path if isinstance(path, LanguageModel) else LanguageModel(path)
        begin = model.tokenizer.vocabulary.begin
        known: dict[str, Any] = {"window": min(_WINDOW, model.context)}
        if begin is not None and begin < model.vocabulary:
            known["begin"] = begin
        chosen = cls(**{**known, **parameters}, model=model)
        if chosen.window > model.context:
            raise ValueError(
                f"window of {cls.id} must be 2 to {model.context}, which the language model was "
                f"trained for: got {chosen.window}"
            )
        return chosen

    @classmethod
    def for_level(cls, level: int) -> Self:
        """Refuse: there is no language model in the package.

        Raises:
            ModelError: Always.
        """
        del level
        raise ModelError(
            f"{cls.id} needs a language model",
            hint="give its folder or file: model=Llm.of(path), or --model PATH",
        )

    def encode(self, symbols: Symbols) -> bytes:
        """Code bytes.

        Raises:
            ModelError: The symbols are not bytes, or there is no language model, or the package
                `tokenizers` is not installed.
        """
        if not isinstance(symbols, bytes):
            raise ModelError(f"{self.id} codes bytes: got {type(symbols).__name__}")
        model = self.language_model()
        split = segments.split(symbols, model.tokenizer)
        head = [len(split.lengths), *split.lengths, len(split.tokens)]
        text = self.encode_tokens(split.tokens)
        rest = self._rest().encode(split.rest) if split.rest else b""
        return b"".join((*map(pack_varint, (*head, len(text))), text, rest))

    def decode(self, payload: bytes, count: int) -> bytes:
        """Undo `encode`."""
        cursor = Cursor(payload)
        parts = cursor.varint("number of parts")
        if not 1 <= parts <= max(cursor.remaining, 1):
            raise CorruptError(f"number of parts is wrong: {parts}")
        lengths = [cursor.varint("length of a part") for _ in range(parts)]
        tokens = cursor.varint("number of tokens")
        text_bytes, rest_bytes = sum(lengths[::2]), sum(lengths[1::2])
        if text_bytes + rest_bytes != count or tokens > text_bytes:
            raise CorruptError(
                f"parts do not fit: {text_bytes} bytes in {tokens} tokens, {rest_bytes} others, "
                f"{count} in all"
            )
        coded = bytes(cursor.take(cursor.varint("length of the coded text"), "coded text"))
        text = self._join(self.decode_tokens(coded, tokens, text_bytes))
        if len(text) != text_bytes:
            raise CorruptError(
                f"tokens have {len(text)} bytes: {text_bytes} were coded",
                expected=text_bytes,
                got=len(text),
            )
        tail = bytes(cursor.take(cursor.remaining, "other bytes"))
        if not rest_bytes and tail:
            raise CorruptError(f"payload has {len(tail)} bytes too many")
        rest = self._rest().decode(tail, rest_bytes) if rest_bytes else b""
        return segments.join(lengths, text, rest)

    @abstractmethod
    def encode_tokens(self, tokens: NDArray[np.uint32]) -> bytes:
        """Code tokens.

        Shapes:
            tokens: uint32 [n]
        """

    @abstractmethod
    def decode_tokens(self, payload: bytes, count: int, size: int) -> NDArray[np.uint32]:
        """Undo `encode_tokens`; neither number is to be trusted.

        Args:
            payload: What `encode_tokens` returned.
            count: How many tokens were coded.
            size: The bytes that they have.

        Shapes:
            returns: uint32 [count]
        """

    def memory_bytes(self, count: int) -> int:
        """Return the memory of `cm`, which codes what is no text."""
        return self._rest().memory_bytes(count)

    def digests(self) -> tuple[bytes, ...]:
        """Return the SHA-256 of the weights, and that of the tokenizer."""
        return self.language_model().digests

    @classmethod
    def from_record(cls, params: bytes, digests: tuple[bytes, ...]) -> Self:
        """Build the model that a record describes.

        Raises:
            FormatError: The parameters do not fit, or no weights are named.
            WeightsError: The language model is not here.
        """
        model = unpack_fields(cls, params)
        if getattr(model, "mixed", None) == _OPEN:
            raise FormatError("parameters of llm are refused: mixed is open")
        if len(digests) not in (1, 2):
            raise FormatError(f"{cls.id} needs weights and a tokenizer: {len(digests)} are named")
        found = by_digests(digests)
        if model.window > found.context or model.begin >= found.vocabulary:
            raise FormatError(f"parameters of {cls.id} do not fit the language model: {model}")
        return replace(model, model=found)

    @classmethod
    def kinds(cls, params: bytes, digests: tuple[bytes, ...]) -> tuple[str, ...]:
        """Return what each digest of a record is of."""
        del params
        return cls.weights[: len(digests)]

    def language_model(self) -> LanguageModel:
        """Return the language model.

        Raises:
            ModelError: There is none.
        """
        if self.model is None:
            raise ModelError(
                f"{self.id} has no language model",
                hint=f"make it with {type(self).__name__}.of(path)",
            )
        return self.model

    def _join(self, tokens: NDArray[np.uint32]) -> bytes:
        """Return the bytes of tokens that were decoded.

        Raises:
            CorruptError: One has none.
        """
        vocabulary = self.language_model().tokenizer.vocabulary
        if len(tokens) and int(tokens.max()) >= len(vocabulary):
            raise CorruptError(f"token is not in the vocabulary: {int(tokens.max())}")
        return vocabulary.join(tokens)

    def _rest(self) -> Cm:
        return Cm(self.level)


@MODELS.register(id="llm", version=2)
@dataclass(frozen=True)
class Llm(TokenModel):
    """Predicts each token by a causal language model that is already on disk.

    Text is split into tokens, whose probabilities a Llama, Mistral, Qwen, GPT-2 or GPT-NeoX tells;
    the rest is coded by `cm`. All arithmetic is done in one order with IEEE operations only, so
    that a stream decodes on any machine that has the same weights.

    Source: C. S. K. Valmeekam et al., LLMZip: Lossless Text Compression using Large Language
    Models (2023), arXiv:2306.04050; windows, lanes and arithmetic are our own.

    Args:
        window: Tokens that the model looks back on. When they are full, the older half is
            dropped.
        chunk: Tokens after which the model begins anew, so that chunks can be coded side by side.
        lanes: Chunks that are coded side by side.
        begin: The token before the first one of a chunk, or -1 for none.
        level: That of `cm`, for what is no text.
        int8: Whether weights are rounded to 8 bits.
        mixed: 1 where what the language model says of the bytes of tokens is mixed with what `cm`
            says at level 9, by its network and by what it learns from the text at hand; 0 where
            the language model is alone; 2 to let `fit` choose.
        prior: What `cm` starts from where mixed, that of the package if None.
        network: What `cm` has beside it where mixed, that of the package if None.
        model: The language model.
    """

    joint: ClassVar[bool] = True

    int8: bool = False
    mixed: int = _OPEN
    prior: Prior | None = field(default=None, metadata={"packed": False}, kw_only=True)
    network: Network | None = field(default=None, metadata={"packed": False}, kw_only=True)

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ValueError: A parameter is outside of its range.
        """
        super().__post_init__()
        if self.mixed not in (_ALONE, _MIXED, _OPEN):
            raise ValueError(f"mixed of llm must be 0 to 2: got {self.mixed}")

    def digests(self) -> tuple[bytes, ...]:
        """Return the SHA-256 of the weights and the tokenizer; where mixed, also of `cm`'s.

        Those are its prior and the network beside which it learnt how far to trust one.
        """
        own = super().digests()
        if self.mixed != _MIXED:
            return own
        return (*own, self._prior().digest, self._network().digest)

    @classmethod
    def from_record(cls, params: bytes, digests: tuple[bytes, ...]) -> Self:
        """Build the model that a record describes.

        Raises:
            FormatError: The parameters do not fit, or no weights are named.
            WeightsError: The language model, the prior or the network is not here.
        """
        if unpack_fields(cls, params).mixed != _MIXED:
            return super().from_record(params, digests)
        own, beside = digests[:-2], digests[-2:]
        model = super().from_record(params, own)
        prior, network = beside
        if prior != default_prior().digest:
            model = replace(model, prior=prior_by_digest(prior))
        if network != default_network().digest:
            model = replace(model, network=network_by_digest(network))
        return model

    @classmethod
    def kinds(cls, params: bytes, digests: tuple[bytes, ...]) -> tuple[str, ...]:
        """Return what each digest of a record is of."""
        beside = ("prior", "network") if unpack_fields(cls, params).mixed == _MIXED else ()
        return (*cls.weights[: len(digests) - len(beside)], *beside)

    def fit(self, symbols: Symbols) -> Self:
        """Return the model that mixes where there is enough to learn from, if that is open."""
        if self.mixed != _OPEN:
            return self
        return replace(self, mixed=_MIXED if len(symbols) >= _MIXED_FROM else _ALONE)

    def encode_tokens(self, tokens: NDArray[np.uint32]) -> bytes:
        """Code tokens; where mixed, with the bytes of each chunk in front.

        Raises:
            ModelError: Whether to mix is open.
        """
        if self.mixed == _OPEN:
            raise ModelError("mixed of llm is open", hint="encode with the model that fit returns")
        if self.mixed != _MIXED:
            return self._engine().encode(tokens, **self._settings(len(tokens)))
        import numpy as np

        vocabulary = self.language_model().tokenizer.vocabulary
        # Of tokens with the same bytes, only one can be told by them.
        standing = vocabulary.core.standing(tokens)
        ends = np.cumsum(vocabulary.lengths(standing))
        starts = [int(ends[at - 1]) if at else 0 for at in range(0, len(tokens), self.chunk)]
        size = int(ends[-1]) if len(ends) else 0
        coded = self._engine().encode_mixed(
            standing, vocabulary.core, starts, size, **self._beside(), **self._settings(len(tokens))
        )
        lengths = np.diff([*starts, size]).tolist()
        return b"".join((*map(pack_varint, lengths), coded))

    def decode_tokens(self, payload: bytes, count: int, size: int) -> NDArray[np.uint32]:
        """Undo `encode_tokens`."""
        if self.mixed != _MIXED:
            return self._engine().decode(payload, count, **self._settings(count))
        cursor = Cursor(payload)
        starts, end = [], 0
        for _ in range(0, count, self.chunk):
            starts.append(end)
            end += cursor.varint("length of a chunk")
        if end != size:
            raise CorruptError(
                f"chunks of tokens have {end} bytes: {size} were coded", expected=size, got=end
            )
        coded = bytes(cursor.take(cursor.remaining, "coded text"))
        core = self.language_model().tokenizer.vocabulary.core
        settings = {**self._beside(), **self._settings(count)}
        return self._engine().decode_mixed(coded, count, core, starts, size, **settings)

    def to_windows(
        self, symbols: bytes, bits: int
    ) -> tuple[NDArray[np.uint32], NDArray[np.uint16]]:
        """Code text in windows of `bits`; return the value and the number of tokens of each.

        Chunks do not begin anew, and nothing is mixed.

        Shapes:
            returns: uint32 [n] and uint16 [n]

        Raises:
            ModelError: A part of it has no tokens.
        """
        split = segments.split(symbols, self.language_model().tokenizer)
        if split.rest:
            raise ModelError(
                f"{len(split.rest)} of {len(symbols)} bytes are no text with tokens",
                hint="the model bytelm takes any bytes",
            )
        return self._engine().to_windows(split.tokens, bits, **self._settings_alone())

    def of_windows(
        self, values: NDArray[np.uint32], counts: NDArray[np.uint16], bits: int
    ) -> bytes:
        """Undo `to_windows`.

        Raises:
            CorruptError: A window without symbols is no part of one, or a token has no bytes.
        """
        settings = self._settings_alone()
        return self._join(self._engine().of_windows(values, counts, bits, **settings))

    def lengths(self, tokens: NDArray[np.uint32]) -> NDArray[np.float64]:
        """Return the bits that each token has under the language model alone.

        Shapes:
            tokens: uint32 [n]
            returns: float64 [n]
        """
        return self._engine().lengths(tokens, **self._settings(len(tokens)))

    def ranks(self, tokens: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Return how many tokens are more likely than each one, in its place.

        Shapes:
            tokens: uint32 [n]
            returns: uint32 [n]
        """
        return self._engine().ranks(tokens, **self._settings(len(tokens)))

    def unranks(self, ranks: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """Undo `ranks`."""
        return self._engine().unranks(ranks, **self._settings(len(ranks)))

    def memory_bytes(self, count: int) -> int:
        """Return the memory of weights, of what lanes remember, and of `cm`."""
        lanes = min(self.lanes, max(-(-count // self.chunk), 1))
        known = self.language_model().memory_bytes(lanes, self.window)
        if self.mixed == _MIXED:
            known += Cm(Cm.NETWORK_LEVEL, lanes=min(lanes, 8)).memory_bytes(count)
            known += self._prior().memory_bytes + self._network().memory_bytes
        return known + super().memory_bytes(count)

    def _beside(self) -> dict[str, Any]:
        return {
            "prior": self._prior().table,
            "network": self._network().core,
            "joint": self.joint,
        }

    def _prior(self) -> Prior:
        return self.prior or default_prior()

    def _network(self) -> Network:
        return self.network or default_network()

    def _engine(self) -> _core.LanguageModel:
        return self.language_model().engine(self.int8)

    def _settings(self, tokens: int) -> dict[str, Any]:
        chunks = max(-(-tokens // self.chunk), 1)
        lanes = min(self.lanes, chunks)
        return {**self._settings_alone(), "chunk": self.chunk, "lanes": lanes}

    def _settings_alone(self) -> dict[str, Any]:
        return {
            "start": None if self.begin < 0 else self.begin,
            "window": self.window,
            "threads": _threads(),
        }


@MODELS.register(id="llm", version=1)
@dataclass(frozen=True)
class LlmWithoutNetwork(Llm):
    """The first version, frozen: where mixed, the language model takes the network's place."""

    joint: ClassVar[bool] = False


def _threads() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
