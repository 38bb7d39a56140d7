"""Tables and records about streams, for `-l`, `info` and `--json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from lmcodec.errors import LmcodecError
from lmcodec.info import BlockInfo, Info, WeightsInfo, info
from lmcodec.names import STDIN, expand
from lmcodec.outcomes import JobError, Outcome, describe, hint, kind, subject
from lmcodec.terminal import Terminal, human, ratio, shown, table

_HEADING = ["frames", "blocks", "compressed", "content", "ratio", "memory"]
_HEADING += ["models", "prior", "network", "name"]
_BLOCK_HEADING = ["block", "offset", "compressed", "start", "content", "memory", "models"]


def list_streams(
    names: list[str], terminal: Terminal, *, as_json: bool = False, recursive: bool = False
) -> None:
    """Print a table, or a JSON record for each file.

    Args:
        names: Files.
        terminal: Where errors go; verbose means a table of the blocks as well.
        as_json: Whether to print records.
        recursive: Whether to list the compressed files below folders.
    """
    found: list[tuple[str, Info]] = []
    for name, described in _described(names, recursive):
        if isinstance(described, Exception):
            terminal.error(f"{subject(name, described)}: {describe(described)}", hint(described))
            if as_json:
                print_record(_failure(name, described))
            continue
        found.append((name, described))
        if as_json:
            print_record(stream_record(name, described))
    if not as_json and found:
        _print_table(found, blocks=terminal.verbosity > 0)


def _described(names: list[str], recursive: bool) -> Iterator[tuple[str, Info | Exception]]:
    """Yield what each file holds, or why that cannot be said."""
    for name in names:
        try:
            for file in expand(name, recursive=recursive, compressed=True):
                yield file, _describe(file)
        except OSError as error:
            yield name, error


def _describe(name: str) -> Info | Exception:
    try:
        if name == STDIN:
            raise JobError(
                "a stream in a pipe cannot be listed", "name a file", kind="not-seekable"
            )
        return info(name)
    except (JobError, LmcodecError, OSError) as error:
        return error


def _print_table(found: list[tuple[str, Info]], *, blocks: bool) -> None:
    rows = [[*_row(described), shown(name)] for name, described in found]
    if len(rows) > 1:
        coded = sum(described.coded_size for _, described in found)
        raw = sum(described.raw_size for _, described in found)
        rows.append(
            [
                sum(described.frames for _, described in found),
                sum(len(described.blocks) for _, described in found),
                coded,
                raw,
                ratio(coded, raw),
                *[""] * 4,
                f"{len(found)} files",
            ]
        )
    print("\n".join(table([_HEADING, *rows], right=6)))
    if blocks:
        for name, described in found:
            print(f"\n{shown(name)}")
            for kind, some in (
                ("prior", described.priors),
                ("network", described.networks),
                ("language model", described.language_models),
                ("circuit", described.circuits),
                ("network of ardm", described.ardms),
            ):
                for weights in some:
                    print(f"{kind} {weights.digest.hex()}: {_weights(weights, full=False)}")
            lines = [_block_row(at, block) for at, block in enumerate(described.blocks)]
            print("\n".join(table([_BLOCK_HEADING, *lines], right=6)))


def _row(described: Info) -> list[Any]:
    models = " ".join(described.models) + ("" if described.portable else " (host-bound)")
    return [
        described.frames,
        len(described.blocks),
        described.coded_size,
        described.raw_size,
        ratio(described.coded_size, described.raw_size),
        _memory(described.memory_bytes),
        models or "-",
        ", ".join(map(_weights, described.priors)) or "-",
        ", ".join(map(_weights, described.networks)) or "-",
    ]


def _weights(weights: WeightsInfo, *, full: bool = True) -> str:
    """Return the name of weights, or how their digest begins, and where they are."""
    named = weights.name or (weights.digest.hex()[:12] if full else "")
    where = "embedded" if weights.embedded else ""
    if not weights.here:
        where = "embedded, damaged" if weights.embedded else "missing"
    return f"{named} ({where})" if named and where else named or where


def _block_row(at: int, block: BlockInfo) -> list[Any]:
    streams = " ".join(
        f"{stream.name}={stream.model}" if stream.name else stream.model for stream in block.streams
    )
    return [
        at,
        block.offset,
        block.coded_size,
        block.start,
        block.raw_size,
        _memory(block.memory_bytes),
        streams if block.transform == "raw" else f"{block.transform}: {streams}",
    ]


def _memory(size: int | None) -> str:
    return "unknown" if size is None else human(size)


def stream_record(name: str, described: Info) -> dict[str, object]:
    """Return what is known of a stream, in numbers of bytes."""
    return {
        "file": name,
        "ok": True,
        "frames": described.frames,
        "skippable_frames": described.skippable_frames,
        "indexed_frames": described.indexed_frames,
        "blocks": len(described.blocks),
        "coded_bytes": described.coded_size,
        "raw_bytes": described.raw_size,
        "models": list(described.models),
        "transforms": list(described.transforms),
        "portable": described.portable,
        "memory_bytes": described.memory_bytes,
        "priors": list(map(_weights_record, described.priors)),
        "networks": list(map(_weights_record, described.networks)),
        "language_models": list(map(_weights_record, described.language_models)),
        "circuits": list(map(_weights_record, described.circuits)),
        "ardms": list(map(_weights_record, described.ardms)),
        "sha256": [digest.hex() if digest else None for digest in described.digests],
    }


def _weights_record(weights: WeightsInfo) -> dict[str, object]:
    return {
        "sha256": weights.digest.hex(),
        "name": weights.name,
        "embedded": weights.embedded,
        "here": weights.here,
    }


def job_record(verb: str, name: str, result: Outcome | Exception) -> dict[str, object]:
    """Return what became of a file."""
    if isinstance(result, Exception):
        return _failure(name, result)
    record: dict[str, object] = {
        "file": name,
        "ok": True,
        "verb": verb,
        "output": result.target,
        "raw_bytes": result.raw_bytes,
        "coded_bytes": result.coded_bytes,
    }
    if result.warning:
        record["warning"] = result.warning
    return record


def _failure(name: str, error: Exception) -> dict[str, object]:
    return {"file": name, "ok": False, "error": kind(error), "message": describe(error)}


def print_record(record: dict[str, object]) -> None:
    """Print one line of JSON; names that are no text keep their bytes as escapes."""
    print(json.dumps(record), flush=True, file=sys.stdout)
