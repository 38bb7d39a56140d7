"""Names of tensors: from those of Hugging Face and GGUF to those of the engine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from lmcodec.errors import FormatError
from lmcodec.lm.architecture import GPT2, NEOX, Architecture
from lmcodec.lm.tensors import Tensor

# What a name of a layer's part becomes; of each the weight, and where there is one the bias.
_LLAMA = {
    "input_layernorm": "attention_norm",
    "self_attn.q_proj": "q",
    "self_attn.k_proj": "k",
    "self_attn.v_proj": "v",
    "self_attn.o_proj": "o",
    "self_attn.q_norm": "q_norm",
    "self_attn.k_norm": "k_norm",
    "post_attention_layernorm": "mlp_norm",
    "mlp.gate_proj": "gate",
    "mlp.up_proj": "up",
    "mlp.down_proj": "down",
}
_GPT2 = {
    "ln_1": "attention_norm",
    "attn.c_attn": "qkv",
    "attn.c_proj": "o",
    "ln_2": "mlp_norm",
    "mlp.c_fc": "up",
    "mlp.c_proj": "down",
}
_NEOX = {
    "input_layernorm": "attention_norm",
    "attention.query_key_value": "qkv",
    "attention.dense": "o",
    "post_attention_layernorm": "mlp_norm",
    "mlp.dense_h_to_4h": "up",
    "mlp.dense_4h_to_h": "down",
}
_GGUF = {
    "attn_norm": "attention_norm",
    "attn_q": "q",
    "attn_k": "k",
    "attn_v": "v",
    "attn_qkv": "qkv",
    "attn_output": "o",
    "attn_q_norm": "q_norm",
    "attn_k_norm": "k_norm",
    "ffn_norm": "mlp_norm",
    "ffn_gate": "gate",
    "ffn_up": "up",
    "ffn_down": "down",
}
# Outside of layers.
_HUGGING_FACE_ENDS = {
    "model.embed_tokens.weight": "embedding",
    "model.norm.weight": "final_norm",
    "lm_head.weight": "output",
    "transformer.wte.weight": "embedding",
    "transformer.wpe.weight": "positions",
    "transformer.ln_f.weight": "final_norm",
    "transformer.ln_f.bias": "final_norm.bias",
    "gpt_neox.embed_in.weight": "embedding",
    "gpt_neox.final_layer_norm.weight": "final_norm",
    "gpt_neox.final_layer_norm.bias": "final_norm.bias",
    "embed_out.weight": "output",
}
_GGUF_ENDS = {
    "token_embd.weight": "embedding",
    "position_embd.weight": "positions",
    "output_norm.weight": "final_norm",
    "output_norm.bias": "final_norm.bias",
    "output.weight": "output",
}
_LAYERS = ("model.layers.", "transformer.h.", "gpt_neox.layers.", "blk.")
# Computed anew, or never used; some files have them.
_IGNORED = (
    "attn.bias",
    "attn.masked_bias",
    "attention.bias",
    "attention.masked_bias",
    "rotary_emb.inv_freq",
    "attention.rotary_emb.inv_freq",
    "self_attn.rotary_emb.inv_freq",
)
_PARTS = ("q", "k", "v")


def from_hugging_face(
    tensors: Mapping[str, Tensor], architecture: Architecture
) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a Hugging Face folder as the engine names them.

    Raises:
        FormatError: One has a name that is not known, or a shape that does not fit.
    """
    kind = architecture.architecture
    parts = {GPT2: _GPT2, NEOX: _NEOX}.get(kind, _LLAMA)
    for name, tensor in tensors.items():
        # Files of a model without its output layer leave this out.
        full = f"transformer.{name}" if kind == GPT2 and "transformer." not in name else name
        full = name if name == "lm_head.weight" else full
        known = _rename(full, _HUGGING_FACE_ENDS, parts)
        if known is None or (known == "output" and architecture.tied):
            continue
        if kind == GPT2 and len(tensor.shape) == 2 and known.startswith("layers."):
            # It has [in, out] where all others have [out, in].
            tensor = tensor.transposed()
        if kind == NEOX and ".qkv" in known:
            yield from _by_head(known, tensor, architecture)
        else:
            yield from _cut(known, tensor)


def from_gguf(
    tensors: Mapping[str, Tensor], architecture: Architecture, *, turned: bool
) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a GGUF file as the engine names them.

    Args:
        tensors: Those of the file.
        architecture: What they are of.
        turned: Whether pairs of values that are turned together are neighbours in queries and
            keys, as they are in the family Llama there, and nowhere else.

    Raises:
        FormatError: One has a name that is not known, or a shape that does not fit.
    """
    for name, tensor in tensors.items():
        known = _rename(name, _GGUF_ENDS, _GGUF)
        if known is None or (known == "output" and architecture.tied):
            continue
        part = known.removesuffix(".bias").rpartition(".")[2]
        if turned and part in ("q", "k"):
            heads = architecture.heads if part == "q" else architecture.kv_heads
            tensor = _unturned(tensor, heads)
        yield from _cut(known, tensor)


def _rename(name: str, ends: Mapping[str, str], parts: Mapping[str, str]) -> str | None:
    """Return the engine's name, or None for what is not used."""
    if name in ends:
        return ends[name]
    for prefix in _LAYERS:
        number, _, part = name.removeprefix(prefix).partition(".")
        if not name.startswith(prefix) or not number.isdecimal():
            continue
        if part in _IGNORED:
            return None
        stem, _, last = part.rpartition(".")
        if stem in parts and last in ("weight", "bias"):
            return f"layers.{int(number)}.{parts[stem]}" + (".bias" if last == "bias" else "")
    if name.endswith(_IGNORED) or name == "rope_freqs.weight":
        return None
    raise FormatError(f"tensor has a name that is not known: {name}")


def _cut(name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Yield queries, keys and values, where they are one tensor; else the tensor."""
    stem, is_joined, rest = name.partition(".qkv")
    if not is_joined:
        yield name, tensor
        return
    for part, piece in zip(_PARTS, tensor.parts(len(_PARTS)), strict=True):
        yield f"{stem}.{part}{rest}", piece


def _by_head(name: str, tensor: Tensor, architecture: Architecture) -> Iterator[tuple[str, Tensor]]:
    """Yield queries, keys and values that are joined head by head."""
    stem, _, rest = name.partition(".qkv")
    heads, width = architecture.heads, architecture.head_width
    if tensor.shape[0] != heads * len(_PARTS) * width:
        raise FormatError(f"tensor {name} does not fit {heads} heads of {width}: {tensor.shape}")
    is_bias = len(tensor.shape) == 1
    matrix = Tensor(tensor.kind, (*tensor.shape, 1), tensor.data) if is_bias else tensor
    rows = matrix.rows().reshape(heads, len(_PARTS), width, -1)
    for index, part in enumerate(_PARTS):
        piece = matrix.with_rows(rows[:, index].reshape(heads * width, -1))
        yield f"{stem}.{part}{rest}", piece.flat() if is_bias else piece


def _unturned(tensor: Tensor, heads: int) -> Tensor:
    """Return the rows of each head with the first values of all pairs before the second ones."""
    is_bias = len(tensor.shape) == 1
    matrix = Tensor(tensor.kind, (*tensor.shape, 1), tensor.data) if is_bias else tensor
    count = matrix.shape[0]
    if count % (2 * heads):
        raise FormatError(f"{count} rows do not fit {heads} heads")
    rows = matrix.rows().reshape(heads, count // heads // 2, 2, -1)
    found = matrix.with_rows(rows.swapaxes(1, 2).reshape(count, -1))
    return found.flat() if is_bias else found
