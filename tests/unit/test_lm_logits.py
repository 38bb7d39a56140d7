"""The engine for language models computes what transformers computes."""

import json
from typing import Any

import numpy as np
import pytest

from lmcodec import _core

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

VOCABULARY = 300
SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 48,
    "intermediate_size": 100,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "max_position_embeddings": 128,
    "initializer_range": 0.2,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "attn_implementation": "eager",
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
LLAMA3_OURS = {
    "kind": "llama3",
    "factor": 8.0,
    "low_frequency_factor": 1.0,
    "high_frequency_factor": 4.0,
    "original_context": 32,
}
LINEAR = {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}

Tensors = dict[str, Any]


def llama(model: Any) -> tuple[dict[str, Any], Tensors]:
    config, state = model.config, model.state_dict()
    described = {
        "architecture": "llama",
        "kv_heads": config.num_key_value_heads,
        "head_width": getattr(config, "head_dim", None) or config.hidden_size // 6,
        "hidden": config.intermediate_size,
        "norm_epsilon": config.rms_norm_eps,
        "tied": bool(config.tie_word_embeddings),
        "activation": "silu",
    }
    described["rope_width"] = described["head_width"]
    tensors = {
        "embedding": state["model.embed_tokens.weight"],
        "final_norm": state["model.norm.weight"],
    }
    if not described["tied"]:
        tensors["output"] = state["lm_head.weight"]
    parts = {f"self_attn.{x}_proj": x for x in "qkvo"}
    parts |= {f"mlp.{x}_proj": x for x in ("gate", "up", "down")}
    parts |= {f"self_attn.{x}": x for x in ("q_norm", "k_norm")}
    parts |= {"input_layernorm": "attention_norm", "post_attention_layernorm": "mlp_norm"}
    take(tensors, state, "model.layers", parts)
    return described, tensors


def gpt2(model: Any) -> tuple[dict[str, Any], Tensors]:
    state = model.state_dict()
    described = {
        "architecture": "gpt2",
        "kv_heads": 6,
        "head_width": 8,
        "hidden": 192,
        "rope_width": 0,
        "tied": True,
        "activation": "gelu_tanh",
    }
    for name, tensor in list(state.items()):
        if tensor.ndim == 2 and (".attn." in name or ".mlp." in name):
            state[name] = tensor.T
        if "c_attn" in name:
            for part, piece in zip("qkv", state.pop(name).chunk(3), strict=True):
                state[name.replace("c_attn", part)] = piece
    tensors = {
        "embedding": state["transformer.wte.weight"],
        "positions": state["transformer.wpe.weight"],
        "final_norm": state["transformer.ln_f.weight"],
        "final_norm.bias": state["transformer.ln_f.bias"],
    }
    parts = {f"attn.{x}": x for x in "qkv"}
    parts |= {"attn.c_proj": "o", "mlp.c_fc": "up", "mlp.c_proj": "down"}
    parts |= {"ln_1": "attention_norm", "ln_2": "mlp_norm"}
    take(tensors, state, "transformer.h", parts)
    return described, tensors


def neox(model: Any) -> tuple[dict[str, Any], Tensors]:
    config, state = model.config, model.state_dict()
    described = {
        "architecture": "neox",
        "kv_heads": 6,
        "head_width": 8,
        "hidden": config.intermediate_size,
        "rope_width": 2,
        "tied": False,
        "parallel_residual": config.use_parallel_residual,
        "activation": "gelu_erf",
    }
    for name, tensor in list(state.items()):
        if "query_key_value" in name:
            heads = state.pop(name).reshape(6, 3, 8, -1)
            for i, part in enumerate("qkv"):
                piece = heads[:, i].reshape(48, -1)
                state[name.replace("query_key_value", part)] = piece.reshape(48, *tensor.shape[1:])
    head = "embed_out.weight" if "embed_out.weight" in state else "lm_head.weight"
    tensors = {
        "embedding": state["gpt_neox.embed_in.weight"],
        "output": state[head],
        "final_norm": state["gpt_neox.final_layer_norm.weight"],
        "final_norm.bias": state["gpt_neox.final_layer_norm.bias"],
    }
    parts = {f"attention.{x}": x for x in "qkv"}
    parts |= {"attention.dense": "o", "mlp.dense_h_to_4h": "up", "mlp.dense_4h_to_h": "down"}
    parts |= {"input_layernorm": "attention_norm", "post_attention_layernorm": "mlp_norm"}
    take(tensors, state, "gpt_neox.layers", parts)
    return described, tensors


def take(tensors: Tensors, state: Tensors, prefix: str, parts: dict[str, str]) -> None:
    """Takes the tensors of layers under the names that the engine has for them."""
    for layer in range(3):
        for theirs, ours in parts.items():
            for end in ("weight", "bias"):
                name = f"{prefix}.{layer}.{theirs}.{end}"
                if name in state:
                    suffix = ".bias" if end == "bias" else ""
                    tensors[f"layers.{layer}.{ours}{suffix}"] = state[name]


def engine(described: dict[str, Any], tensors: Tensors) -> _core.LanguageModel:
    config = {
        "vocabulary": VOCABULARY,
        "context": 128,
        "width": 48,
        "layers": 3,
        "heads": 6,
        "norm_epsilon": 1e-5,
        "rope_theta": 10000.0,
        "rope_scaling": None,
        "sliding_window": None,
        "query_norm": False,
        "parallel_residual": False,
        **described,
    }
    builder = _core.LanguageModelBuilder(json.dumps(config).encode())
    for name, tensor in tensors.items():
        builder.put(name, "F32", tensor.contiguous().numpy().astype(np.float32).tobytes())
    return builder.finish(False)


def model_of(kind: str, **config: Any) -> Any:
    if kind == "GPT2":
        small = {
            "vocab_size": VOCABULARY,
            "n_positions": 128,
            "n_embd": 48,
            "n_layer": 3,
            "n_head": 6,
            "initializer_range": 0.2,
            "bos_token_id": 1,
            "eos_token_id": 2,
            "attn_implementation": "eager",
        }
        name = "GPT2LMHeadModel"
    else:
        small, name = SMALL, f"{kind}ForCausalLM"
    settings = getattr(transformers, f"{kind}Config")(**small, **config)
    torch.manual_seed(1)
    model = getattr(transformers, name)(settings).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            # Norms and biases begin as ones and zeros, which would hide mistakes.
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


@pytest.mark.nn
@pytest.mark.parametrize(
    ("kind", "config", "convert", "described"),
    [
        ("Llama", {"num_key_value_heads": 2}, llama, {}),
        ("Llama", {"attention_bias": True, "tie_word_embeddings": True}, llama, {}),
        (
            "Llama",
            {"rope_parameters": LINEAR},
            llama,
            {"rope_scaling": {"kind": "linear", "factor": 2.0}},
        ),
        (
            "Llama",
            {"rope_parameters": LLAMA3},
            llama,
            {"rope_theta": 500.0, "rope_scaling": LLAMA3_OURS},
        ),
        (
            "Mistral",
            {"num_key_value_heads": 2, "sliding_window": 12},
            llama,
            {"sliding_window": 12},
        ),
        ("Qwen2", {"num_key_value_heads": 2}, llama, {}),
        ("Qwen3", {"num_key_value_heads": 2, "head_dim": 20}, llama, {"query_norm": True}),
        ("GPT2", {}, gpt2, {}),
        ("GPTNeoX", {}, neox, {}),
        ("GPTNeoX", {"use_parallel_residual": False}, neox, {}),
    ],
)
def test_logits_are_those_of_transformers(
    kind: str, config: dict[str, Any], convert: Any, described: dict[str, Any]
) -> None:
    model = model_of(kind, **config)
    ours, tensors = convert(model)
    network = engine({**ours, **described}, tensors)
    tokens = np.random.default_rng(0).integers(0, VOCABULARY, 100, dtype=np.uint32)
    with torch.no_grad():
        expected = model(torch.from_numpy(tokens.astype(np.int64))[None]).logits[0].numpy()
    assert np.abs(expected).max() > 1
    assert np.abs(network.logits(tokens, 128, 2) - expected).max() < 1e-4
