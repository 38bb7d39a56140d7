"""A language model of Llama's shape: one file, plain torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class Config:
    """Sizes of a model.

    Args:
        tokens: In the vocabulary.
        width: Of the values between layers.
        layers: How many.
        heads: Of queries.
        kv_heads: Of keys and values; each serves ``heads / kv_heads`` queries.
        hidden: Values inside a layer's feed-forward part.
        context: Tokens that are seen at most, the first one included.
        theta: Base of the rotations' periods.
        eps: Added to the mean square before its root.
    """

    tokens: int = 4096
    width: int = 320
    layers: int = 6
    heads: int = 10
    kv_heads: int = 2
    hidden: int = 704
    context: int = 1024
    theta: float = 10000.0
    eps: float = 1e-5

    @property
    def head(self) -> int:
        """Values of a head."""
        return self.width // self.heads

    def weights(self) -> int:
        """Return how many there are."""
        attention = 2 * self.width * (self.width + self.kv_heads * self.head)
        layer = attention + 3 * self.width * self.hidden + 2 * self.width
        return self.tokens * self.width + self.layers * layer + self.width

    def as_llama(self) -> dict[str, Any]:
        """Return what Hugging Face's ``config.json`` holds of it."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": self.tokens,
            "hidden_size": self.width,
            "intermediate_size": self.hidden,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head,
            "max_position_embeddings": self.context,
            "rms_norm_eps": self.eps,
            "rope_theta": self.theta,
            "rope_scaling": None,
            "hidden_act": "silu",
            "attention_bias": False,
            "mlp_bias": False,
            "tie_word_embeddings": True,
            "bos_token_id": 0,
            "eos_token_id": None,
            "pad_token_id": None,
        }


# What fits in 8 MB with its tokenizer: at 16 bits a weight, and at the 8.5 of GGUF's Q8_0.
PRESETS = {
    "small": Config(width=256, layers=5, heads=8, hidden=512),
    "small-q8": Config(),
    "tiny": Config(tokens=320, width=32, layers=2, heads=4, kv_heads=2, hidden=64, context=64),
}


def rotate(x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
    """Rotate pairs of values: the first half of a head with the second.

    Shapes: x [batch, heads, length, head]; cosine, sine [length, head].
    """
    # Angles far from the start need more than the 8 bits that x may have.
    wide = x.float()
    first, second = wide.chunk(2, dim=-1)
    return (wide * cosine + torch.cat((-second, first), dim=-1) * sine).to(x.dtype)


class Layer(nn.Module):
    """Attention and a feed-forward part, each added to what came in.

    Args:
        config: Sizes of the model.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        kv = config.kv_heads * config.head
        self.norm = nn.RMSNorm(config.width, config.eps)
        self.q = nn.Linear(config.width, config.width, bias=False)
        self.k = nn.Linear(config.width, kv, bias=False)
        self.v = nn.Linear(config.width, kv, bias=False)
        self.o = nn.Linear(config.width, config.width, bias=False)
        self.hidden_norm = nn.RMSNorm(config.width, config.eps)
        self.gate = nn.Linear(config.width, config.hidden, bias=False)
        self.up = nn.Linear(config.width, config.hidden, bias=False)
        self.down = nn.Linear(config.hidden, config.width, bias=False)

    def forward(self, x: torch.Tensor, cosine: torch.Tensor, sine: torch.Tensor) -> torch.Tensor:
        """Return what comes out: [batch, length, width], as what came in."""
        config = self.config
        batch, length, _ = x.shape
        y = self.norm(x)
        q = self.q(y).view(batch, length, config.heads, config.head).transpose(1, 2)
        k = self.k(y).view(batch, length, config.kv_heads, config.head).transpose(1, 2)
        v = self.v(y).view(batch, length, config.kv_heads, config.head).transpose(1, 2)
        q, k = rotate(q, cosine, sine), rotate(k, cosine, sine)
        # Every build of torch has quick attention for as many keys as queries.
        each = config.heads // config.kv_heads
        k, v = k.repeat_interleave(each, 1), v.repeat_interleave(each, 1)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(batch, length, config.width))
        y = self.hidden_norm(x)
        return x + self.down(functional.silu(self.gate(y)) * self.up(y))


class Llama(nn.Module):
    """The model.

    Args:
        config: Its sizes.
        seed: Of its first weights.

    Source: Touvron et al. 2023; grouped queries of Ainslie et al. 2023; the output matrix is
    that of the input.
    """

    cosine: torch.Tensor
    sine: torch.Tensor

    def __init__(self, config: Config, seed: int = 0) -> None:
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(config.tokens, config.width)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = nn.RMSNorm(config.width, config.eps)
        half = torch.arange(0, config.head, 2, dtype=torch.float32) / config.head
        angles = torch.outer(torch.arange(config.context).float(), config.theta**-half)
        angles = torch.cat((angles, angles), dim=-1)
        self.register_buffer("cosine", angles.cos(), persistent=False)
        self.register_buffer("sine", angles.sin(), persistent=False)
        self._first_weights(torch.Generator().manual_seed(seed))

    @torch.no_grad()
    def _first_weights(self, generator: torch.Generator) -> None:
        for name, p in self.named_parameters():
            if p.ndim < 2:
                continue
            scale = 0.02 if name == "embed.weight" else 0.5 * p.shape[1] ** -0.5
            if name.endswith(("o.weight", "down.weight")):
                # Each layer adds to the sum as little as there are many.
                scale *= (2 * self.config.layers) ** -0.5
            p.copy_(torch.randn(p.shape, generator=generator) * scale)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return logits [batch, length, tokens] of what follows ``tokens`` [batch, length]."""
        length = tokens.shape[1]
        cosine, sine = self.cosine[:length], self.sine[:length]
        x = self.embed(tokens)
        for layer in self.layers:
            x = layer(x, cosine, sine)
        return functional.linear(self.norm(x), self.embed.weight)

    def loss(self, tokens: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Return the mean of the nats that ``targets`` [batch, length] cost."""
        logits = self(tokens)
        return functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


_NAMES = {
    "norm": "input_layernorm",
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "hidden_norm": "post_attention_layernorm",
    "gate": "mlp.gate_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}


def llama_name(name: str) -> str:
    """Return what Hugging Face calls a weight.

    Example:
        >>> llama_name("layers.2.q.weight")
        'model.layers.2.self_attn.q_proj.weight'
    """
    parts = name.split(".")
    if parts[0] == "layers":
        return f"model.layers.{parts[1]}.{_NAMES[parts[2]]}.weight"
    return {"embed": "model.embed_tokens.weight", "norm": "model.norm.weight"}[parts[0]]
