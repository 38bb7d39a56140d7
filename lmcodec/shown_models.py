"""Models that are files, in words: `lmcodec models show`."""

from __future__ import annotations

from dataclasses import asdict

from lmcodec.circuit.about import About, describe
from lmcodec.errors import LmcodecError
from lmcodec.fitted import FittedCircuit
from lmcodec.listing import print_record
from lmcodec.outcomes import describe as described
from lmcodec.outcomes import hint
from lmcodec.terminal import Terminal, human, shown


def show(names: list[str], terminal: Terminal, *, as_json: bool = False) -> None:
    """Print what circuits are like.

    Args:
        names: Their files.
        terminal: Where errors go.
        as_json: Whether to print records.
    """
    for name in names:
        try:
            about = describe(FittedCircuit.load(name))
        except (LmcodecError, OSError) as error:
            words = described(error)
            named = words.startswith(f"{name}: ")
            terminal.error(words if named else f"{shown(name)}: {words}", hint(error))
            continue
        if as_json:
            print_record({"name": name, **asdict(about)})
        else:
            print(f"{shown(name)}:")
            print("\n".join(f"  {what:<20}{words}" for what, words in lines(about)))


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
    return found + [(key.replace("_", " "), shown(value)) for key, value in card.items()]


def _of(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _range(least_most: tuple[int, int]) -> str:
    least, most = least_most
    return f"{most:,}" if least == most else f"{least:,} to {most:,}"
