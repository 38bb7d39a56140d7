"""Models that are files, in words: `lmcodec models show`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from lmcodec.circuit.about import About, describe
from lmcodec.errors import LmcodecError
from lmcodec.fitted import ARDM_SUFFIX, FittedArdm, FittedCircuit
from lmcodec.listing import print_record
from lmcodec.outcomes import describe as described
from lmcodec.outcomes import hint
from lmcodec.terminal import Terminal, human, shown


def show(names: list[str], terminal: Terminal, *, as_json: bool = False) -> None:
    """Print what circuits and networks of `ardm` are like.

    Args:
        names: Their files.
        terminal: Where errors go.
        as_json: Whether to print records.
    """
    for name in names:
        try:
            record, words_of = _described(name)
        except (LmcodecError, OSError) as error:
            words = described(error)
            named = words.startswith(f"{name}: ")
            terminal.error(words if named else f"{shown(name)}: {words}", hint(error))
            continue
        if as_json:
            print_record({"name": name, **record})
        else:
            print(f"{shown(name)}:")
            print("\n".join(f"  {what:<20}{words}" for what, words in words_of))


def _described(name: str) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return what a file has, as a record and in words."""
    if not name.endswith(ARDM_SUFFIX):
        about = describe(FittedCircuit.load(name))
        return asdict(about), lines(about)
    network = FittedArdm.load(name)
    core = network.core
    record = {
        "sha256": network.digest.hex(),
        "file_bytes": network.file_bytes,
        "memory_bytes": network.memory_bytes,
        "shape": core.axes,
        "symbols": network.size,
        "alphabet": core.alphabet,
        "stages": core.stages,
        "card": network.card,
    }
    shape = " x ".join(map(str, core.axes))
    found = [
        ("network of ardm", network.digest.hex()),
        ("size", f"{human(network.file_bytes)}, {human(network.memory_bytes)} in memory"),
        ("a sample", f"{shape}: {_of(network.size, 'symbol')} of {core.alphabet:,} values"),
        ("calls", f"{core.stages:,} to {core.stages * network.size:,}"),
    ]
    # Sizes of its parts are no words.
    card = {key: value for key, value in network.card.items() if key not in ("config", "format")}
    return record, [*found, *_of_card(card)]


def _of_card(card: dict[str, str]) -> list[tuple[str, str]]:
    return [(key.replace("_", " "), shown(value)) for key, value in card.items()]


def lines(about: About) -> list[tuple[str, str]]:
    """Return what a circuit is like, each part with its name.

    Args:
        about: The circuit.
    """
    shape = " x ".join(map(str, about.shape))
    pruned = about.possible - about.edges
    found = [
        ("circuit", about.sha256),
        ("size", f"{human(about.file_bytes)}, {human(about.memory_bytes)} in memory"),
        (
            "a sample",
            f"{shape}: {_of(about.variables, 'variable')} of {_range(about.categories)} values",
        ),
        ("tree", f"{_of(about.nodes, 'node')}, {about.depth:,} on the longest way down"),
        ("hidden states", f"{_range(about.states)} a node"),
        (
            "edges",
            f"{about.edges:,}: {about.transitions:,} between states, "
            f"{about.edges - about.transitions:,} to values"
            + (f"; {pruned:,} more were pruned" if pruned else ""),
        ),
        ("work", f"{about.multiplications:,} multiplications a sample"),
    ]
    # The shape is told above.
    card = {key: value for key, value in about.card.items() if key != "shape"}
    return found + _of_card(card)


def _of(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _range(least_most: tuple[int, int]) -> str:
    least, most = least_most
    return f"{most:,}" if least == most else f"{least:,} to {most:,}"
