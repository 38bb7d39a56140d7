"""Exports a checkpoint, compares its integers with its floats, and writes its card."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lmcodec.tuning.export import to_bytes
from lmcodec.tuning.model import ByteModel, Config
from tests.reference.bytelm import Ints, Network
from training.bytelm.data import SHARES
from training.bytelm.train import held_bits, mean, settle, texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

_SIZE = 4096
# Of each held-back text, to see that the integers are those of the floats.
_CHECKED, _APART = 512, 0.02


class _QuickNetwork(Network):
    """The reference with products in 32-bit floats, exact since sums stay below 2^24."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._floats = {
            name: np.ascontiguousarray(values.T.astype(np.float32))
            for name, values in self.tensors.items()
            if name.endswith(".weight")
        }

    def product(self, name: str, values: Ints) -> Ints:
        return (values.astype(np.float32) @ self._floats[f"{name}.weight"]).astype(np.int64)


def integer_bits(
    path: Path, held: dict[str, NDArray[np.uint8]], pieces: int, size: int
) -> dict[str, float]:
    """Return the bits for each byte of the integers, on the pieces that `held_bits` takes."""
    network, kinds = _QuickNetwork(path), sorted(held)
    stack = []
    for kind in kinds:
        text = held[kind]
        for at in np.linspace(0, len(text) - size, pieces).astype(int):
            stack.append(np.append(np.uint8(10), text[at : at + size]))
    rows = np.stack(stack)
    state = network.start(len(rows))
    total = np.zeros(len(rows))
    for at in range(size):
        weights = network.weights(network.step(state, rows[:, at]))
        chosen = weights[np.arange(len(rows)), rows[:, at + 1]]
        total += np.log2(weights.sum(1)) - np.log2(chosen)
    return dict(zip(kinds, total.reshape(len(kinds), pieces).sum(1) / (pieces * size), strict=True))


def load(checkpoint: Path) -> tuple[ByteModel, dict[str, Any]]:
    """Return the model of a checkpoint, and all that the checkpoint holds."""
    state = torch.load(checkpoint, weights_only=True, map_location="cpu")
    model = ByteModel(Config.of(state["config"]))
    model.load_state_dict(state["model"])
    for table, values in zip(model.tables(), state["tables"], strict=True):
        table.load(values)
    return model, state


def export(
    checkpoint: Path, data: Path, output: Path, pieces: int, say: Callable[[str], None]
) -> None:
    """Write the weights as integers, and beside them ``.toml``: how they were made, and figures.

    Raises:
        ValueError: The integers predict text worse or better than the rounded floats do.
    """
    torch.set_num_threads(1)
    model, state = load(checkpoint)
    if not state["at"][3]:
        settle(model, texts(data, "train"), state["plan"]["seed"])
    written = to_bytes(model)
    output.write_bytes(written)
    digest = hashlib.sha256(written).hexdigest()
    held = texts(data, "held")
    rounded = mean(held_bits(model, held, exact=True, pieces=1, size=_CHECKED))
    integers = mean(integer_bits(output, held, 1, _CHECKED))
    if abs(integers - rounded) > _APART * rounded:
        raise ValueError(f"floats take {rounded:.4f} bits a byte, integers {integers:.4f}")
    step, seen, seconds, _ = state["at"]
    lines = [
        "# How the network was trained; written by python -m training.bytelm export.",
        *(f"train = {json.dumps(command)}" for command in state["commands"][:1]),
        f"resumed = {json.dumps(state['commands'][1:])}",
        f"steps = {step}",
        f"bytes_seen = {seen}",
        f"seconds = {seconds:.0f}",
        (data / "data.toml").read_text(encoding="utf-8").rstrip(),
        "",
        "[plan]",
        *(f"{name} = {json.dumps(value)}" for name, value in state["plan"].items()),
        "",
        "[shares]",
        *(f"{kind} = {share}" for kind, share in SHARES.items()),
    ]
    for entry in state["log"]:
        lines += ["", "[[log]]"]
        lines += [
            f"{name} = {json.dumps(entry[name])}"
            for name in ("step", "bytes", "train", "held", "exact")
        ]
    lines += ["", "[weights]", f"bytes = {len(written)}", f'sha256 = "{digest}"']
    if pieces:
        floats = held_bits(model, held, exact=False, pieces=pieces, size=_SIZE)
        whole = integer_bits(output, held, pieces, _SIZE)
        lines.append(f"multiply_adds_per_byte = {model.config.products()}")
        lines += ["", "[held_back]", f"pieces = {pieces}", f"piece_bytes = {_SIZE}"]
        lines.append(f"float_bits_per_byte = {mean(floats):.4f}")
        lines.append(f"integer_bits_per_byte = {mean(whole):.4f}")
        for kind in held:
            lines += ["", "[[held_back.kind]]", f'name = "{kind}"']
            lines.append(f"float_bits_per_byte = {floats[kind]:.4f}")
            lines.append(f"integer_bits_per_byte = {whole[kind]:.4f}")
        say(f"float {mean(floats):.4f}, integers {mean(whole):.4f} bits a byte")
    output.with_suffix(".toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    say(f"{output}: {len(written):,} bytes, {digest}")


def write_vectors(weights: Path, data: Path, output: Path, size: int = 160) -> None:
    """Write bytes, and the logits and weights that follow from them, for other readers."""
    network = Network(weights)
    held = texts(data, "held")
    cases = {kind: bytes(held[kind][:size]) for kind in ("books_en", "code", "html", "books_eu")}
    cases["bytes"] = bytes((n * n * 7 + n // 3) & 255 for n in range(size))
    out = []
    for name, text in cases.items():
        state = network.start(1)
        logits = [network.step(state, np.array([10], np.uint8))]
        logits += [network.step(state, np.array([byte], np.uint8)) for byte in text]
        rows = np.concatenate(logits)
        sums = network.weights(rows)
        cost = np.log2(sums.sum(1)[:-1] / sums[np.arange(len(text)), list(text)]).sum()
        out.append(
            {
                "name": name,
                "bytes": text.hex(),
                "bits": round(float(cost), 3),
                "logits_sha256": hashlib.sha256(rows.astype("<i4").tobytes()).hexdigest(),
                "weights_sha256": hashlib.sha256(sums.astype("<u4").tobytes()).hexdigest(),
                "first_logits": rows[0].tolist(),
                "last_logits": rows[-1].tolist(),
                "weight_sums": sums.sum(1).tolist(),
            }
        )
    content = {"weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(), "cases": out}
    output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
