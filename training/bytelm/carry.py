"""Takes texts to a machine that is there for minutes, and brings weights back.

Prepared texts are packed in parts, each a stretch of every text, so that a run can begin with the
first while the others are on their way. Of a checkpoint comes back what an export needs, matrices
and tables at 16 bits: less than a quarter of it.
"""

from __future__ import annotations

import io
import lzma
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# What an export or a further training of the weights needs of a checkpoint.
_KEPT = ("model", "tables", "at", "log", "commands", "plan", "config")


def pack(data: Path, folder: Path, parts: int, say: Callable[[str], None]) -> None:
    """Write ``0``, ``1``, ...: each has a stretch of every text; the first, what is held back, too.

    Args:
        data: With prepared texts.
        folder: Where the parts go.
        parts: Into how many the texts are cut, at ends of lines.
        say: Takes lines of progress.
    """
    for number in range(parts):
        target = folder / str(number)
        target.mkdir(parents=True, exist_ok=True)
        for path in sorted(data.glob("*.train")):
            text = path.read_bytes()
            begin, end = (_line(text, len(text) * k // parts) for k in (number, number + 1))
            _write(target / f"{path.name}.xz", text[begin:end])
        if number == 0:
            for path in sorted(data.glob("*.held")):
                _write(target / f"{path.name}.xz", path.read_bytes())
            (target / "data.toml").write_bytes((data / "data.toml").read_bytes())
        size = sum(path.stat().st_size for path in target.iterdir())
        say(f"{target}: {size:,} bytes")


def _line(text: bytes, at: int) -> int:
    """Return where the line begins that a place is in, or the end of the text."""
    return at if at in (0, len(text)) else text.rfind(b"\n", 0, at) + 1


def _write(path: Path, text: bytes) -> None:
    path.write_bytes(lzma.compress(text, preset=6))


def unpack(parts: Sequence[Path], data: Path) -> None:
    """Add packed parts, in their order, to the texts of a folder; each must be added once.

    Args:
        parts: Folders that `pack` wrote.
        data: Where the texts are to be.
    """
    data.mkdir(parents=True, exist_ok=True)
    for part in parts:
        for path in sorted(part.iterdir()):
            if path.suffix == ".xz":
                with (data / path.stem).open("ab") as file:
                    file.write(lzma.decompress(path.read_bytes()))
            else:
                (data / path.name).write_bytes(path.read_bytes())


def slim(checkpoint: Path, output: Path, pieces: int) -> list[Path]:
    """Write what an export needs of a checkpoint, in files of about the same length.

    Args:
        checkpoint: Of a run.
        output: Where it goes, with ``.0``, ``.1``, ... behind the name.
        pieces: How many files.

    Returns:
        The files; joined in their order they are a checkpoint.
    """
    import torch

    def halved(values: dict[str, Any]) -> dict[str, Any]:
        return {name: each.half() if each.ndim == 2 else each for name, each in values.items()}

    state: dict[str, Any] = torch.load(checkpoint, weights_only=True, map_location="cpu")
    kept = {name: state[name] for name in _KEPT}
    kept["model"] = halved(kept["model"])
    # How often rows were used only counts for further steps.
    kept["tables"] = [halved({"values": table["values"]}) for table in kept["tables"]]
    buffer = io.BytesIO()
    torch.save(kept, buffer)
    whole = buffer.getvalue()
    step = -(-len(whole) // pieces)
    paths = [output.with_name(f"{output.name}.{number}") for number in range(pieces)]
    for number, path in enumerate(paths):
        path.write_bytes(whole[number * step : (number + 1) * step])
    return paths
