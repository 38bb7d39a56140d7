"""Tokens a second of a language model with random weights, here and by transformers.

Tokens have four bytes in these rows. All runs of one call take turns, so that a busy machine slows
all of them, and the least time of each counts.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import lmcodec
from benchmarks.gains import Note
from benchmarks.results import Store
from lmcodec.bench import Measurement
from lmcodec.lm.model import LanguageModel
from lmcodec.lm.tokens import byte_letters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["LANES", "ONE", "SPEED", "TOKEN_BYTES", "TORCH", "USUAL", "Shape", "measure", "save"]

SPEED = "speed"
"""Kind of the rows."""

ONE, LANES, TORCH = "llm batch 1", "llm 16 lanes", "transformers batch 1"
_ONE_INT8, _LANES_INT8 = f"{ONE} --int8", f"{LANES} --int8"
TOKEN_BYTES = 4
_SIDE_BY_SIDE = 16
_RUNS = 3


@dataclass(frozen=True)
class Shape:
    """The sizes of a Llama whose output is its embedding."""

    width: int
    layers: int
    hidden: int
    heads: int
    vocabulary: int
    context: int = 1024

    @property
    def parameters(self) -> int:
        """Return the number of weights."""
        layer = 4 * self.width**2 + 3 * self.width * self.hidden + 2 * self.width
        return self.layers * layer + (self.vocabulary + 1) * self.width

    @property
    def name(self) -> str:
        """Return what rows call it."""
        return f"random-{self.parameters / 10**6:.0f}M"


USUAL = Shape(width=768, layers=12, hidden=2048, heads=12, vocabulary=32000)
"""Some hundred million weights."""


def save(folder: Path, shape: Shape) -> None:
    """Write a language model with random weights as Hugging Face does."""
    import numpy as np
    from safetensors.numpy import save_file

    config = {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.width,
        "intermediate_size": shape.hidden,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "max_position_embeddings": shape.context,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
    }
    rng = np.random.default_rng(0)

    def make(*sizes: int) -> Any:
        return 0.02 * rng.standard_normal(sizes, np.float32)

    ones = np.ones(shape.width, np.float32)
    weights = {"model.embed_tokens.weight": make(shape.vocabulary, shape.width)}
    for layer in range(shape.layers):
        prefix = f"model.layers.{layer}"
        for part in "qkvo":
            weights[f"{prefix}.self_attn.{part}_proj.weight"] = make(shape.width, shape.width)
        for part, rows, columns in (
            ("gate", shape.hidden, shape.width),
            ("up", shape.hidden, shape.width),
            ("down", shape.width, shape.hidden),
        ):
            weights[f"{prefix}.mlp.{part}_proj.weight"] = make(rows, columns)
        for norm in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{prefix}.{norm}.weight"] = ones
    weights["model.norm.weight"] = ones
    save_file(weights, str(folder / "model.safetensors"), {"format": "pt"})
    letters = list(byte_letters())
    words = [*letters, *("".join(pair) for pair in product(letters, repeat=2))]
    vocabulary = {word: number for number, word in enumerate(words[: shape.vocabulary])}
    tokenizer = {
        "model": {"type": "BPE", "vocab": vocabulary, "merges": []},
        "decoder": {"type": "ByteLevel"},
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")


def measure(
    store: Store, note: Note, *, shape: Shape = USUAL, tokens: int = 32, threads: int = 1
) -> None:
    """Add the speeds of decoding, those of transformers only where it is installed.

    Args:
        store: Takes the rows; those that are there already are not measured anew, unless all are.
        note: Called with lines of progress.
        shape: The language model.
        tokens: Tokens of each text.
        threads: Threads of both.
    """
    import numpy as np

    rng = np.random.default_rng(1)
    drawn = rng.integers(shape.vocabulary, size=_SIDE_BY_SIDE * tokens, dtype=np.uint32)
    with tempfile.TemporaryDirectory(prefix="lmcodec-bench-") as name:
        folder = Path(name)
        save(folder, shape)
        runs: dict[str, tuple[str, int, Callable[[], None]]] = {}
        model = LanguageModel(folder)
        for label, count, int8 in (
            (ONE, tokens, False),
            (LANES, len(drawn), False),
            (_ONE_INT8, tokens, True),
            (_LANES_INT8, len(drawn), True),
        ):
            note(f"{shape.name}: {label}: encoding")
            work = _decoder(model, drawn[:count], tokens, threads, int8=int8)
            runs[label] = (lmcodec.__version__, count, work)
        if importlib.util.find_spec("torch") and importlib.util.find_spec("transformers"):
            work = _by_transformers(folder, drawn[:tokens], threads)
            runs[TORCH] = (importlib.metadata.version("transformers"), tokens, work)
        else:
            note(f"{TORCH}: not installed here, skipped")
        best = _fastest({label: work for label, (_, _, work) in runs.items()}, note)
    for label, (version, count, _) in runs.items():
        codec, _, options = label.partition(" ")
        store.add(
            Measurement(
                corpus=shape.name,
                kind=SPEED,
                raw_bytes=TOKEN_BYTES * count,
                codec=codec,
                options=options,
                version=version,
                decompress_cpu_s=best[label][0],
                decompress_wall_s=best[label][1],
                models=f"{threads} threads",
                repeats=_RUNS,
            )
        )


def _fastest(works: dict[str, Callable[[], None]], note: Note) -> dict[str, tuple[float, float]]:
    """Return the least CPU and the least elapsed seconds of each."""
    best: dict[str, tuple[float, float]] = {}
    for number in range(_RUNS):
        for label, work in works.items():
            wall_s, cpu_s = time.perf_counter(), time.process_time()
            work()
            cpu_s, wall_s = time.process_time() - cpu_s, time.perf_counter() - wall_s
            before = best.get(label, (cpu_s, wall_s))
            best[label] = (min(before[0], cpu_s), min(before[1], wall_s))
            note(f"{label}: run {number + 1} of {_RUNS}: {cpu_s:.2f} s of CPU, {wall_s:.2f} s")
    return best


def _decoder(
    model: LanguageModel, tokens: NDArray[np.uint32], chunk: int, threads: int, *, int8: bool
) -> Callable[[], None]:
    engine = model.engine(int8)
    lanes = len(tokens) // chunk
    settings: dict[str, Any] = {"start": 0, "window": model.context, "chunk": chunk}
    settings |= {"lanes": lanes, "threads": threads}
    payload = engine.encode(tokens, **settings)
    if engine.decode(payload, len(tokens), **settings).tolist() != tokens.tolist():
        raise ValueError("decoded tokens differ")
    return lambda: _ignore(engine.decode(payload, len(tokens), **settings))


def _ignore(_: object) -> None:
    pass


def _by_transformers(folder: Path, tokens: NDArray[np.uint32], threads: int) -> Callable[[], None]:
    """Return what feeds tokens one by one, with a cache, and makes probabilities of each row."""
    # By name: type checking does not depend on them.
    torch = importlib.import_module("torch")
    transformers = importlib.import_module("transformers")
    torch.set_num_threads(threads)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.eval()
    fed = [0, *tokens.tolist()[:-1]]

    def work() -> None:
        cache = None
        with torch.inference_mode():
            for token in fed:
                out = model(
                    input_ids=torch.tensor([[token]]), past_key_values=cache, use_cache=True
                )
                cache = out.past_key_values
                torch.softmax(out.logits[0, -1], -1)

    work()
    return work
