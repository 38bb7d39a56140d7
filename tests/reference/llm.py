"""Language models once more, in float64 and as plainly as can be: what the engine is held to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lmcodec.lm.architecture import GPT2, LLAMA, NEOX, Architecture
from lmcodec.lm.tensors import Tensor

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]


def values(tensor: Tensor) -> Values:
    """Return the numbers of a tensor."""
    data = np.frombuffer(tensor.data, np.uint8)
    if tensor.kind == "F32":
        found: NDArray[Any] = data.view("<f4")
    elif tensor.kind == "F16":
        found = data.view("<f2")
    elif tensor.kind == "BF16":
        found = (data.view("<u2").astype(np.uint32) << 16).view("<f4")
    else:
        blocks = data.reshape(-1, 34)
        scales = np.ascontiguousarray(blocks[:, :2]).view("<f2").astype(np.float64)
        found = scales * np.ascontiguousarray(blocks[:, 2:]).view("i1")
    return found.astype(np.float64).reshape(tensor.shape)


def logits(architecture: Architecture, tensors: Mapping[str, Values], tokens: Any) -> Values:
    """Return the logits after each token.

    Shapes:
        tokens: integers [n]
        returns: [n, V]
    """
    a = architecture
    numbers = np.asarray(tokens, np.int64)
    x = tensors["embedding"][numbers]
    if a.architecture == GPT2:
        x = x + tensors["positions"][: len(numbers)]
    for layer in range(a.layers):
        part = {
            name.removeprefix(f"layers.{layer}."): value
            for name, value in tensors.items()
            if name.startswith(f"layers.{layer}.")
        }
        attended = _attention(a, part, _norm(a, part, "attention_norm", x))
        middle = x if a.parallel_residual else x + attended
        hidden = _mlp(a, part, _norm(a, part, "mlp_norm", middle))
        x = middle + hidden + (attended if a.parallel_residual else 0)
    x = _norm(a, tensors, "final_norm", x)
    found: Values = x @ tensors["embedding" if a.tied else "output"].T
    return found


def _linear(part: Mapping[str, Values], name: str, x: Values) -> Values:
    found: Values = x @ part[name].T + part.get(f"{name}.bias", np.zeros(1))
    return found


def _norm(a: Architecture, part: Mapping[str, Values], name: str, x: Values) -> Values:
    if a.architecture == LLAMA:
        return _rms(x, a.norm_epsilon) * part[name]
    centred = x - x.mean(-1, keepdims=True)
    found: Values = _rms(centred, a.norm_epsilon) * part[name] + part[f"{name}.bias"]
    return found


def _rms(x: Values, epsilon: float) -> Values:
    scaled: Values = x / np.sqrt((x * x).mean(-1, keepdims=True) + epsilon)
    return scaled


def _attention(a: Architecture, part: Mapping[str, Values], x: Values) -> Values:
    n = len(x)
    q = _linear(part, "q", x).reshape(n, a.heads, a.head_width)
    k = _linear(part, "k", x).reshape(n, a.kv_heads, a.head_width)
    v = _linear(part, "v", x).reshape(n, a.kv_heads, a.head_width)
    if a.query_norm:
        q = _rms(q, a.norm_epsilon) * part["q_norm"]
        k = _rms(k, a.norm_epsilon) * part["k_norm"]
    if a.architecture != GPT2:
        q, k = _turn(a, q), _turn(a, k)
    k, v = (np.repeat(each, a.heads // a.kv_heads, axis=1) for each in (k, v))
    # Heads first: products of matrices take a tenth of the time of sums over named axes.
    q, k, v = (each.swapaxes(0, 1) for each in (q, k, v))
    scores = q @ k.swapaxes(1, 2) / math.sqrt(a.head_width)
    places = np.arange(n)
    back = places[:, None] - places[None, :]
    scores = np.where((back >= 0) & (back < (a.sliding_window or n)), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    return _linear(part, "o", (weights @ v).swapaxes(0, 1).reshape(n, -1))


def _turn(a: Architecture, x: Values) -> Values:
    """Turn pairs of values by angles that grow with the position: RoPE, halves apart."""
    half = a.rope_width // 2
    speeds = a.rope_theta ** (-np.arange(half) / half)
    if a.rope_scaling is not None:
        speeds = _stretch(speeds, a.rope_scaling)
    angles = np.arange(len(x))[:, None, None] * speeds
    first, second, rest = x[..., :half], x[..., half : 2 * half], x[..., 2 * half :]
    cos, sin = np.cos(angles), np.sin(angles)
    return np.concatenate([first * cos - second * sin, second * cos + first * sin, rest], -1)


def _stretch(speeds: Values, scaling: Mapping[str, Any]) -> Values:
    if scaling["kind"] == "factors":
        each: Values = speeds / np.array(scaling["factors"])
        return each
    slow: Values = speeds / scaling["factor"]
    if scaling["kind"] == "linear":
        return slow
    low, high = scaling["low_frequency_factor"], scaling["high_frequency_factor"]
    turns = scaling["original_context"] * speeds / (2 * math.pi)
    share = np.clip((turns - low) / (high - low), 0, 1)
    found: Values = (1 - share) * slow + share * speeds
    return found


def _mlp(a: Architecture, part: Mapping[str, Values], x: Values) -> Values:
    up = _linear(part, "up", x)
    if a.architecture == LLAMA:
        gate = _linear(part, "gate", x)
        return _linear(part, "down", gate / (1 + np.exp(-gate)) * up)
    if a.activation == "gelu_tanh":
        bent = 0.5 * up * (1 + np.tanh(math.sqrt(2 / math.pi) * (up + 0.044715 * up**3)))
    else:
        bent = 0.5 * up * (1 + np.vectorize(math.erf)(up / math.sqrt(2)))
    return _linear(part, "down", bent)


__all__ = ["GPT2", "LLAMA", "NEOX", "logits", "values"]
