"""What a language model computes: its sizes, and how its parts are joined.

Read from the `config.json` of a Hugging Face folder or the metadata of a GGUF file, into one form
that the engine knows.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lmcodec.errors import FormatError, UnsupportedError

LLAMA, GPT2, NEOX = "llama", "gpt2", "neox"
# Names of `model_type` in Hugging Face's folders, and of `general.architecture` in GGUF files.
FAMILIES = {
    "llama": LLAMA,
    "mistral": LLAMA,
    "qwen2": LLAMA,
    "qwen3": LLAMA,
    "smollm": LLAMA,
    "gpt2": GPT2,
    "gpt_neox": NEOX,
    "gptneox": NEOX,
}
_ACTIVATIONS = {
    "silu": "silu",
    "swish": "silu",
    "gelu": "gelu_erf",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
}
_MAX_SIZE = 1 << 24


@dataclass(frozen=True)
class Architecture:
    """Sizes and rules; names and meanings are those of the engine.

    Args:
        architecture: "llama", "gpt2" or "neox".
        vocabulary: Number of tokens.
        context: Tokens that it was trained to look back on, itself included.
        width: Values that layers hand on.
        layers: Number of layers.
        heads: Heads of queries.
        kv_heads: Heads of keys and values.
        head_width: Values of a head.
        hidden: Values inside of a layer's second half.
        norm_epsilon: Added before square roots.
        rope_theta: Base of the wave lengths of rotary positions.
        rope_width: Values of a head that are turned.
        rope_scaling: How wave lengths are stretched, or None.
        sliding_window: Tokens that a layer looks back on, or None for all.
        tied: Whether the embedding is also the output.
        query_norm: Whether queries and keys are normalised.
        parallel_residual: Whether both halves of a layer see the same input.
        activation: "silu", "gelu_tanh" or "gelu_erf".
    """

    architecture: str
    vocabulary: int
    context: int
    width: int
    layers: int
    heads: int
    kv_heads: int
    head_width: int
    hidden: int
    norm_epsilon: float
    rope_theta: float = 10000.0
    rope_width: int = 0
    rope_scaling: dict[str, Any] | None = None
    sliding_window: int | None = None
    tied: bool = False
    query_norm: bool = False
    parallel_residual: bool = False
    activation: str = "silu"

    def to_json(self) -> bytes:
        """Return what the engine reads."""
        return json.dumps(asdict(self), sort_keys=True).encode()


class _Values:
    """Values of a mapping by name, each of the type that is asked for."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def size(self, *names: str, default: int | None = None) -> int:
        value = self._find(names, default)
        if type(value) is not int or not 0 < value <= _MAX_SIZE:
            raise FormatError(f"{names[0]} of the model is not a size: {value!r}")
        return value

    def number(self, *names: str, default: float | None = None) -> float:
        value = self._find(names, default)
        if type(value) not in (int, float) or not 0 < value < 1e30:
            raise FormatError(f"{names[0]} of the model is not a positive number: {value!r}")
        return float(value)

    def flag(self, name: str, default: bool) -> bool:
        value = self._find((name,), default)
        if type(value) is not bool:
            raise FormatError(f"{name} of the model is neither true nor false: {value!r}")
        return value

    def _find(self, names: tuple[str, ...], default: Any) -> Any:
        for name in names:
            if self._values.get(name) is not None:
                return self._values[name]
        if default is None:
            raise FormatError(f"{names[0]} of the model is missing")
        return default


def from_hugging_face(config: Mapping[str, Any]) -> Architecture:
    """Return the architecture that a `config.json` describes.

    Raises:
        UnsupportedError: It is of a family, or has a part, that the engine does not have.
        FormatError: A value is missing or out of range.
    """
    kind = config.get("model_type")
    family = _family(kind)
    values = _Values(config)
    if family == GPT2:
        return _gpt2(config, values)
    heads = values.size("num_attention_heads")
    width = values.size("hidden_size")
    head_width = values.size("head_dim", default=max(width // heads, 1))
    parameters = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(parameters, Mapping):
        raise FormatError(f"rope_parameters of the model are no object: {parameters!r}")
    theta = _Values({**config, **parameters}).number("rope_theta", "rotary_emb_base", default=1e4)
    shared: dict[str, Any] = {
        "vocabulary": values.size("vocab_size"),
        "context": values.size("max_position_embeddings"),
        "width": width,
        "layers": values.size("num_hidden_layers"),
        "heads": heads,
        "head_width": head_width,
        "hidden": values.size("intermediate_size"),
        "rope_theta": theta,
        "rope_scaling": _scaling(parameters),
    }
    if family == NEOX:
        share = _Values({**config, **parameters}).number(
            "partial_rotary_factor", "rotary_pct", default=0.25
        )
        return Architecture(
            NEOX,
            kv_heads=heads,
            norm_epsilon=values.number("layer_norm_eps", default=1e-5),
            rope_width=int(head_width * share),
            tied=values.flag("tie_word_embeddings", False),
            parallel_residual=values.flag("use_parallel_residual", True),
            activation=_activation(config.get("hidden_act", "gelu")),
            **shared,
        )
    return Architecture(
        LLAMA,
        kv_heads=values.size("num_key_value_heads", default=heads),
        norm_epsilon=values.number("rms_norm_eps", default=1e-6),
        rope_width=head_width,
        sliding_window=_sliding(config, kind),
        # Of Qwen 2, small ones are tied, and all say so; the default is that of the family.
        tied=values.flag("tie_word_embeddings", False),
        query_norm=kind == "qwen3",
        activation=_activation(config.get("hidden_act", "silu")),
        **shared,
    )


def _gpt2(config: Mapping[str, Any], values: _Values) -> Architecture:
    for name in ("scale_attn_by_inverse_layer_idx", "add_cross_attention"):
        if config.get(name):
            raise _unsupported(f"{name} of the model is not known", str(config.get("model_type")))
    width, heads = values.size("n_embd"), values.size("n_head")
    return Architecture(
        GPT2,
        vocabulary=values.size("vocab_size"),
        context=values.size("n_positions", "n_ctx"),
        width=width,
        layers=values.size("n_layer"),
        heads=heads,
        kv_heads=heads,
        head_width=max(width // heads, 1),
        hidden=values.size("n_inner", default=4 * width),
        norm_epsilon=values.number("layer_norm_epsilon", default=1e-5),
        tied=values.flag("tie_word_embeddings", True),
        activation=_activation(config.get("activation_function", "gelu_new")),
    )


def from_gguf(
    metadata: Mapping[str, Any], vocabulary: int, tied: bool, factors: list[float] | None = None
) -> Architecture:
    """Return the architecture that the metadata of a GGUF file describe.

    Args:
        metadata: Values by key.
        vocabulary: Number of rows of the embedding.
        tied: Whether there is no output of its own.
        factors: By what the wave lengths of rotary positions are stretched, one for each pair.

    Raises:
        UnsupportedError: It is of a family, or has a part, that the engine does not have.
        FormatError: A value is missing or out of range.
    """
    kind = metadata.get("general.architecture")
    family = _family(kind)
    prefix = f"{kind}."
    values = _Values(
        {key[len(prefix) :]: value for key, value in metadata.items() if key.startswith(prefix)}
    )
    width, heads = values.size("embedding_length"), values.size("attention.head_count")
    head_width = values.size("attention.key_length", default=max(width // heads, 1))
    scaling = metadata.get(f"{prefix}rope.scaling.type", "none")
    if scaling not in ("none", "linear"):
        raise _unsupported(f"stretched positions of kind {scaling!r} are not known", str(kind))
    factor = values.number("rope.scaling.factor", default=1.0)
    shared: dict[str, Any] = {
        "vocabulary": vocabulary,
        "context": values.size("context_length"),
        "width": width,
        "layers": values.size("block_count"),
        "heads": heads,
        "kv_heads": values.size("attention.head_count_kv", default=heads),
        "head_width": head_width,
        "hidden": values.size("feed_forward_length"),
        "tied": tied,
    }
    rope: dict[str, Any] = {
        "rope_theta": values.number("rope.freq_base", default=1e4),
        "rope_width": values.size("rope.dimension_count", default=head_width),
        "rope_scaling": {"kind": "linear", "factor": factor} if scaling == "linear" else None,
    }
    if factors is not None:
        if scaling == "linear":
            raise _unsupported("positions that are stretched twice are not known", str(kind))
        rope["rope_scaling"] = {"kind": "factors", "factors": factors}
    if family == LLAMA:
        return Architecture(
            LLAMA,
            norm_epsilon=values.number("attention.layer_norm_rms_epsilon"),
            query_norm=kind == "qwen3",
            **shared,
            **rope,
        )
    epsilon = values.number("attention.layer_norm_epsilon")
    if family == GPT2:
        return Architecture(GPT2, norm_epsilon=epsilon, activation="gelu_tanh", **shared)
    return Architecture(
        NEOX,
        norm_epsilon=epsilon,
        parallel_residual=values.flag("use_parallel_residual", True),
        activation="gelu_erf",
        **shared,
        **rope,
    )


def _family(kind: object) -> str:
    if kind not in FAMILIES:
        raise _unsupported(
            f"family of the model is not known: {kind!r}; known are {', '.join(FAMILIES)}",
            str(kind),
        )
    return FAMILIES[str(kind)]


def _scaling(parameters: Mapping[str, Any]) -> dict[str, Any] | None:
    kind = parameters.get("rope_type", parameters.get("type", "default"))
    if kind in ("default", None):
        return None
    values = _Values(parameters)
    if kind == "linear":
        return {"kind": "linear", "factor": values.number("factor")}
    if kind == "llama3":
        return {
            "kind": "llama3",
            "factor": values.number("factor"),
            "low_frequency_factor": values.number("low_freq_factor"),
            "high_frequency_factor": values.number("high_freq_factor"),
            "original_context": values.size("original_max_position_embeddings"),
        }
    raise _unsupported(f"stretched positions of kind {kind!r} are not known", str(kind))


def _sliding(config: Mapping[str, Any], kind: object) -> int | None:
    window = config.get("sliding_window")
    if window is None or (kind in ("qwen2", "qwen3") and not config.get("use_sliding_window")):
        return None
    if kind in ("qwen2", "qwen3"):
        # Only some of its layers look back so.
        raise _unsupported("use_sliding_window of the model is not known", str(kind))
    return _Values(config).size("sliding_window")


def _activation(name: object) -> str:
    if name not in _ACTIVATIONS:
        raise _unsupported(f"activation of the model is not known: {name!r}", str(name))
    return _ACTIVATIONS[str(name)]


def _unsupported(message: str, id: str) -> UnsupportedError:
    return UnsupportedError(message, id=id, hint="see docs/language_models.md for what is known")
