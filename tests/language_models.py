"""Tiny language models with random weights, in the files that people have."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Weights = dict[str, NDArray[Any]]

# Trained on English text; small-llama.toml beside it tells how.
SMALL_LLAMA = Path(__file__).parent / "reference" / "small-llama.gguf"
VOCABULARY = 300
BEGIN = "<|begin|>"
WIDTH, HIDDEN, LAYERS, HEADS, KV_HEADS, CONTEXT = 64, 96, 2, 4, 2, 128
WORDS = "the of and a to in he was that it his her with as had for she not at but be my on have him"


def text(words: int, seed: int = 0) -> str:
    """Return words in no order."""
    chosen = random.Random(seed).choices(WORDS.split(), k=words)
    return " ".join(chosen) + ".\n"


@cache
def byte_tokenizer() -> bytes:
    """Return the file of a tokenizer over bytes, trained on a few words."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        special_tokens=[BEGIN],
        show_progress=False,
    )
    tokenizer.train_from_iterator([text(2000)], trainer)
    return bytes(tokenizer.to_str(), "utf-8")


@cache
def piece_tokenizer() -> bytes:
    """Return the file of a tokenizer over characters, with tokens of single bytes for the rest."""
    from tokenizers import Tokenizer, decoders, models, normalizers

    words = ["<unk>", BEGIN, *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", "t", "h", "e"]
    words += ["a", "n", "d", "\u2581t", "he", "\u2581the", "an", "and", "\u2581a", "\u2581and"]
    merges = [("\u2581", "t"), ("h", "e"), ("\u2581t", "he"), ("a", "n"), ("an", "d")]
    merges += [("\u2581", "a"), ("\u2581", "and")]
    tokenizer = Tokenizer(
        models.BPE(
            {word: number for number, word in enumerate(words)},
            merges,
            unk_token="<unk>",
            byte_fallback=True,
            fuse_unk=True,
        )
    )
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return bytes(tokenizer.to_str(), "utf-8")


def llama(seed: int = 0, **changes: Any) -> tuple[dict[str, Any], Weights]:
    """Return the configuration and weights of a Llama."""
    config = {
        "model_type": "llama",
        "vocab_size": VOCABULARY,
        "hidden_size": WIDTH,
        "intermediate_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS,
        "max_position_embeddings": CONTEXT,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        **changes,
    }
    head = config.get("head_dim", WIDTH // HEADS)
    make = _maker(seed)
    weights: Weights = {"model.embed_tokens.weight": make(VOCABULARY, WIDTH)}
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}"
        sizes = {"q": HEADS * head, "k": KV_HEADS * head, "v": KV_HEADS * head}
        for part, rows in sizes.items():
            weights[f"{prefix}.self_attn.{part}_proj.weight"] = make(rows, WIDTH)
            if config["model_type"] == "qwen2":
                weights[f"{prefix}.self_attn.{part}_proj.bias"] = make(rows)
        if config["model_type"] == "qwen3":
            weights[f"{prefix}.self_attn.q_norm.weight"] = make(head)
            weights[f"{prefix}.self_attn.k_norm.weight"] = make(head)
        weights[f"{prefix}.self_attn.o_proj.weight"] = make(WIDTH, HEADS * head)
        weights[f"{prefix}.input_layernorm.weight"] = 1 + make(WIDTH)
        weights[f"{prefix}.post_attention_layernorm.weight"] = 1 + make(WIDTH)
        weights[f"{prefix}.mlp.gate_proj.weight"] = make(HIDDEN, WIDTH)
        weights[f"{prefix}.mlp.up_proj.weight"] = make(HIDDEN, WIDTH)
        weights[f"{prefix}.mlp.down_proj.weight"] = make(WIDTH, HIDDEN)
    weights["model.norm.weight"] = 1 + make(WIDTH)
    if not config["tie_word_embeddings"]:
        weights["lm_head.weight"] = make(VOCABULARY, WIDTH)
    return config, weights


def gpt2(seed: int = 0) -> tuple[dict[str, Any], Weights]:
    """Return the configuration and weights of a GPT-2."""
    config = {
        "model_type": "gpt2",
        "vocab_size": VOCABULARY,
        "n_embd": WIDTH,
        "n_layer": LAYERS,
        "n_head": HEADS,
        "n_positions": CONTEXT,
        "bos_token_id": 0,
    }
    make = _maker(seed)
    weights: Weights = {
        "transformer.wte.weight": make(VOCABULARY, WIDTH),
        "transformer.wpe.weight": make(CONTEXT, WIDTH),
    }
    for layer in range(LAYERS):
        shapes = {
            "attn.c_attn": (WIDTH, 3 * WIDTH),
            "attn.c_proj": (WIDTH, WIDTH),
            "mlp.c_fc": (WIDTH, 4 * WIDTH),
            "mlp.c_proj": (4 * WIDTH, WIDTH),
        }
        _layer(weights, f"transformer.h.{layer}", shapes, ("ln_1", "ln_2"), make, 1)
    weights["transformer.ln_f.weight"] = 1 + make(WIDTH)
    weights["transformer.ln_f.bias"] = make(WIDTH)
    return config, weights


def neox(seed: int = 0, **changes: Any) -> tuple[dict[str, Any], Weights]:
    """Return the configuration and weights of a GPT-NeoX."""
    config = {
        "model_type": "gpt_neox",
        "vocab_size": VOCABULARY,
        "hidden_size": WIDTH,
        "intermediate_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "max_position_embeddings": CONTEXT,
        "rotary_pct": 0.25,
        "hidden_act": "gelu",
        "bos_token_id": 0,
        **changes,
    }
    make = _maker(seed)
    weights: Weights = {"gpt_neox.embed_in.weight": make(VOCABULARY, WIDTH)}
    for layer in range(LAYERS):
        shapes = {
            "attention.query_key_value": (3 * WIDTH, WIDTH),
            "attention.dense": (WIDTH, WIDTH),
            "mlp.dense_h_to_4h": (HIDDEN, WIDTH),
            "mlp.dense_4h_to_h": (WIDTH, HIDDEN),
        }
        norms = ("input_layernorm", "post_attention_layernorm")
        _layer(weights, f"gpt_neox.layers.{layer}", shapes, norms, make, 0)
    weights["gpt_neox.final_layer_norm.weight"] = 1 + make(WIDTH)
    weights["gpt_neox.final_layer_norm.bias"] = make(WIDTH)
    weights["embed_out.weight"] = make(VOCABULARY, WIDTH)
    return config, weights


def _maker(seed: int) -> Callable[..., NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    return lambda *shape: rng.normal(0, 0.1, shape).astype(np.float32)


def _layer(
    weights: Weights,
    prefix: str,
    shapes: Mapping[str, tuple[int, int]],
    norms: tuple[str, ...],
    make: Callable[..., NDArray[np.float32]],
    out: int,
) -> None:
    for part, shape in shapes.items():
        weights[f"{prefix}.{part}.weight"] = make(*shape)
        weights[f"{prefix}.{part}.bias"] = make(shape[out])
    for norm in norms:
        weights[f"{prefix}.{norm}.weight"] = 1 + make(WIDTH)
        weights[f"{prefix}.{norm}.bias"] = make(WIDTH)


FAMILIES: dict[str, Callable[[], tuple[dict[str, Any], Weights]]] = {
    "llama": llama,
    "tied": lambda: llama(tie_word_embeddings=True),
    "mistral": lambda: llama(model_type="mistral", sliding_window=16),
    "qwen2": lambda: llama(model_type="qwen2"),
    "qwen3": lambda: llama(model_type="qwen3", head_dim=32),
    "stretched": lambda: llama(
        rope_theta=50000.0,
        rope_scaling={
            "rope_type": "llama3",
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 32,
        },
    ),
    "gpt2": gpt2,
    "neox": neox,
    "neox-in-turn": lambda: neox(use_parallel_residual=False),
}


def save(
    folder: Path,
    config: Mapping[str, Any],
    weights: Weights,
    tokenizer: bytes | None = None,
    shards: int = 1,
) -> Path:
    """Write a folder as Hugging Face does; return it."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(dict(config)))
    (folder / "tokenizer.json").write_bytes(tokenizer or byte_tokenizer())
    if shards == 1:
        save_file(weights, str(folder / "model.safetensors"))
        return folder
    where: dict[str, str] = {}
    for index in range(shards):
        name = f"model-{index + 1:05}-of-{shards:05}.safetensors"
        keys = list(weights)[index::shards]
        save_file({key: weights[key] for key in keys}, str(folder / name))
        where |= dict.fromkeys(keys, name)
    listed = {"metadata": {}, "weight_map": where}
    (folder / "model.safetensors.index.json").write_text(json.dumps(listed))
    return folder


def save_gguf(path: Path, config: Mapping[str, Any], weights: Weights, kind: str = "F32") -> Path:
    """Write a Llama or Qwen as a GGUF file, with the tokenizer over bytes; return the path."""
    import gguf

    family = str(config["model_type"])
    writer = gguf.GGUFWriter(str(path), family)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config.get("rope_theta", 10000.0))
    known = json.loads(byte_tokenizer())["model"]
    words = sorted(known["vocab"], key=known["vocab"].__getitem__)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(words)
    writer.add_token_types([3 if word == BEGIN else 1 for word in words])
    writer.add_token_merges([" ".join(merge) for merge in known["merges"]])
    writer.add_bos_token_id(0)
    for name, value in weights.items():
        packed, as_kind = value, None
        part = name.rsplit(".", 2)[-2]
        if family == "llama" and part in ("q_proj", "k_proj"):
            heads = config[f"num_{'attention' if part == 'q_proj' else 'key_value'}_heads"]
            # Values that are turned together are neighbours there.
            packed = value.reshape(heads, 2, -1, WIDTH).swapaxes(1, 2).reshape(value.shape)
        if value.ndim == 2 and kind != "F32":
            as_kind = gguf.GGMLQuantizationType[kind]
            packed = gguf.quants.quantize(packed, as_kind)
        writer.add_tensor(_GGUF_NAMES.get(name) or _gguf_name(name), packed, raw_dtype=as_kind)
    if "rope_scaling" in config:
        writer.add_tensor("rope_freqs.weight", _rope_factors(config))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _rope_factors(config: Mapping[str, Any]) -> NDArray[np.float32]:
    """Return by what each wave length of Llama 3.1 is stretched."""
    scaling = config["rope_scaling"]
    head = WIDTH // HEADS
    lengths = 2 * np.pi * config["rope_theta"] ** (np.arange(0, head, 2) / head)
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    share = (scaling["original_max_position_embeddings"] / lengths - low) / (high - low)
    share = np.clip(share, 0, 1)
    factors: NDArray[np.float32] = np.float32(1 / ((1 - share) / scaling["factor"] + share))
    return factors


_GGUF_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
_GGUF_PARTS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def _gguf_name(name: str) -> str:
    _, _, layer, rest = name.split(".", 3)
    part, _, last = rest.rpartition(".")
    return f"blk.{layer}.{_GGUF_PARTS[part]}.{last}"
