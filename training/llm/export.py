"""Writes a trained model in the forms that others read, measures it, and writes its card."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from training.llm.data import TOKENS, about, load
from training.llm.model import Config, Llama, llama_name
from training.llm.train import held_bits, mean

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

_BLOCK = 32
FORMS = ("f16", "bf16", "q8_0")


def read_run(folder: Path) -> tuple[Llama, dict[str, Any]]:
    """Return the model whose weights a run wrote, and what stands beside them.

    Raises:
        ValueError: Some files are missing, or are of another step.
    """
    weights: dict[str, torch.Tensor] = {}
    notes: dict[str, Any] = {}
    paths = sorted(folder.glob("weights-*.safetensors"))
    for path in paths:
        with safe_open(path, "pt") as piece:
            notes = notes or piece.metadata()
            if piece.metadata()["step"] != notes["step"]:
                raise ValueError(f"weights are of another step: {path}")
            weights |= {name: piece.get_tensor(name) for name in piece.keys()}
    if len(paths) != int(notes.get("pieces", -1)):
        raise ValueError(f"files of weights are missing: {folder}")
    model = Llama(Config(**json.loads(notes["config"])))
    model.load_state_dict(weights)
    return model, notes


def q8_0(weights: NDArray[np.float32]) -> tuple[NDArray[np.float16], NDArray[np.int8]]:
    """Round to blocks of 32 integers with a scale, as GGUF has them.

    Shapes: weights [rows, columns], columns a multiple of 32; scales [rows, columns / 32],
    integers [rows, columns / 32, 32].
    """
    blocks = weights.reshape(len(weights), -1, _BLOCK)
    scales = np.abs(blocks).max(axis=2) / np.float32(127)
    inverse = np.divide(1, scales, out=np.zeros_like(scales), where=scales != 0)
    product = blocks * inverse[:, :, None]
    # Halves go away from zero.
    whole = np.trunc(product + np.copysign(np.float32(0.5), product)).astype(np.int8)
    return scales.astype(np.float16), whole


@torch.no_grad()
def rounded(model: Llama, form: str) -> Llama:
    """Return a copy whose weights are those that the form can hold."""
    copy = Llama(model.config)
    for p, q in zip(model.parameters(), copy.parameters(), strict=True):
        if form == "q8_0":
            # The norms stay as they are.
            value = p
            if p.ndim == 2:
                scales, whole = q8_0(p.numpy())
                value = torch.from_numpy(
                    (scales.astype(np.float32)[:, :, None] * whole).reshape(p.shape)
                )
        else:
            value = p.to(torch.float16 if form == "f16" else torch.bfloat16)
        q.copy_(value)
    return copy


def write_folder(model: Llama, tokenizer: Path, folder: Path, form: str) -> None:
    """Write the files of a Hugging Face model."""
    folder.mkdir(parents=True, exist_ok=True)
    kind, name = {
        "f16": (torch.float16, "float16"),
        "bf16": (torch.bfloat16, "bfloat16"),
    }[form]
    weights = {
        llama_name(name): p.detach().to(kind).contiguous() for name, p in model.named_parameters()
    }
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    config = model.config.as_llama() | {"dtype": name, "torch_dtype": name}
    _write_json(folder / "config.json", config)
    (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())
    _write_json(
        folder / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": "<|begin|>",
            "clean_up_tokenization_spaces": False,
            "model_max_length": model.config.context,
        },
    )


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _interleaved(weights: NDArray[Any], heads: int) -> NDArray[Any]:
    """Put rows that are rotated together side by side, as GGUF has them for Llama."""
    rows, columns = weights.shape
    halves = weights.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows, columns))


_GGUF_NAMES = {
    "norm": "attn_norm",
    "q": "attn_q",
    "k": "attn_k",
    "v": "attn_v",
    "o": "attn_output",
    "hidden_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}


def gguf_name(name: str) -> str:
    """Return what GGUF calls a weight.

    Example:
        >>> gguf_name("layers.2.q.weight")
        'blk.2.attn_q.weight'
    """
    parts = name.split(".")
    if parts[0] == "layers":
        return f"blk.{parts[1]}.{_GGUF_NAMES[parts[2]]}.weight"
    return {"embed": "token_embd.weight", "norm": "output_norm.weight"}[parts[0]]


def write_gguf(model: Llama, tokenizer: Path, output: Path, name: str) -> None:
    """Write matrices as Q8_0, norms as 32-bit floats, and the tokenizer."""
    import gguf

    config = model.config
    writer = gguf.GGUFWriter(output, "llama")
    writer.add_name(name)
    writer.add_vocab_size(config.tokens)
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.width)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.hidden)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_rope_dimension_count(config.head)
    writer.add_rope_freq_base(config.theta)
    writer.add_layer_norm_rms_eps(config.eps)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    learnt = json.loads(tokenizer.read_text(encoding="utf-8"))
    vocabulary = sorted(learnt["model"]["vocab"].items(), key=lambda item: item[1])
    special = {token["id"] for token in learnt["added_tokens"]}
    kinds = [
        gguf.TokenType.CONTROL if number in special else gguf.TokenType.NORMAL
        for _, number in vocabulary
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("llama-bpe")
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(pair) for pair in learnt["model"]["merges"]])
    writer.add_bos_token_id(0)
    writer.add_add_bos_token(True)
    for of, p in model.named_parameters():
        values = p.detach().float().numpy()
        if p.ndim == 1:
            writer.add_tensor(gguf_name(of), values)
            continue
        part = of.split(".")[-2]
        if part in ("q", "k"):
            values = _interleaved(values, config.heads if part == "q" else config.kv_heads)
        scales, whole = q8_0(values)
        raw = np.concatenate((scales[:, :, None].view(np.int8), whole), axis=2).view(np.uint8)
        writer.add_tensor(
            gguf_name(of),
            raw.reshape(len(values), -1),
            raw_dtype=gguf.GGMLQuantizationType.Q8_0,
        )
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def export(
    run: Path,
    data: Path,
    tokenizer: Path,
    output: Path,
    form: str,
    pieces: int,
    say: Callable[[str], None],
) -> None:
    """Write a model, and beside it ``.toml``: how it was made, and figures.

    Args:
        run: Folder with the weights of a run.
        data: Folder with tokens.
        tokenizer: A ``tokenizer.json``.
        output: A folder, or for ``q8_0`` a file.
        form: One of `FORMS`.
        pieces: Of each held-back text, as long as the context, that are tried; 0 for none.
        say: Takes lines of progress.
    """
    model, notes = read_run(run)
    told = about(data)
    if hashlib.sha256(tokenizer.read_bytes()).hexdigest() != told["tokenizer_sha256"]:
        raise ValueError(f"tokens were made by another tokenizer: {tokenizer}")
    if form == "q8_0":
        write_gguf(model, tokenizer, output, run.name)
        files = [output]
    else:
        write_folder(model, tokenizer, output, form)
        files = sorted(output.iterdir())
    lines = [
        "# How the model was trained; written by python -m training.llm export.",
        f"train = {json.dumps(json.loads(notes['commands']))}",
        f"prepare = {json.dumps(told['prepare'])}",
        f"tokens_sha256 = {json.dumps(hashlib.sha256((data / TOKENS).read_bytes()).hexdigest())}",
        f"weights = {model.config.weights()}",
        f"steps = {notes['step']}",
        f"tokens_seen = {notes['tokens']}",
        f"seconds = {notes['seconds']}",
        "",
        "[config]",
        *_fields(asdict(model.config)),
        "",
        "[plan]",
        *_fields(json.loads(notes["plan"])),
        "",
        "[shares]",
        *_fields(told["shares"]),
    ]
    for name, sizes in told["texts"].items():
        lines += ["", "[[text]]", f"name = {json.dumps(name)}", *_fields(sizes)]
    for entry in json.loads(notes["log"]):
        lines += ["", "[[log]]", *_fields({k: entry[k] for k in ("step", "tokens", "held")})]
    for path in files:
        written = path.read_bytes()
        lines += ["", "[[file]]", f"name = {json.dumps(path.name)}", f"bytes = {len(written)}"]
        lines.append(f'sha256 = "{hashlib.sha256(written).hexdigest()}"')
    if pieces:
        lines += _figures(model, data, form, pieces, say)
    card = output.with_name(f"{output.name.removesuffix('.gguf')}.toml")
    card.write_text("\n".join(lines) + "\n", encoding="utf-8")
    say(f"{output}: {sum(path.stat().st_size for path in files):,} bytes")


def _fields(values: dict[str, Any]) -> list[str]:
    return [f"{name} = {json.dumps(value)}" for name, value in values.items()]


def _figures(
    model: Llama, data: Path, form: str, pieces: int, say: Callable[[str], None]
) -> list[str]:
    """Return the lines of what held-back text costs, in floats and rounded."""
    told, held = about(data), load(data, "held")
    floats = held_bits(model, held, told["lengths"], pieces)
    exported = held_bits(rounded(model, form), held, told["lengths"], pieces)
    shares = told["shares"]
    lines = ["", "[held_back]", f"pieces = {pieces}", f"piece_tokens = {model.config.context}"]
    lines.append(f"float_bits_per_byte = {mean(floats, shares):.5f}")
    lines.append(f"{form}_bits_per_byte = {mean(exported, shares):.5f}")
    for kind in held:
        lines += ["", "[[held_back.kind]]", f'name = "{kind}"']
        lines.append(f"float_bits_per_byte = {floats[kind]:.5f}")
        lines.append(f"{form}_bits_per_byte = {exported[kind]:.5f}")
    say(f"float {mean(floats, shares):.5f}, {form} {mean(exported, shares):.5f} bits a byte")
    return lines
