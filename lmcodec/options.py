"""What a caller can choose, and what each level means."""

from __future__ import annotations

import enum
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from lmcodec import embedded, fitted
from lmcodec import network as networks
from lmcodec.block import Choice, Plan, Split
from lmcodec.errors import UnsupportedError
from lmcodec.header import MAX_BLOCK_BYTES
from lmcodec.models.base import MODELS, Model
from lmcodec.network import Network
from lmcodec.prior import Prior, find
from lmcodec.select import candidates
from lmcodec.transforms.base import TRANSFORMS, Transform

DEFAULT_LEVEL = 5
MIN_LEVEL, MAX_LEVEL = 1, 9
DEFAULT_MAX_OUTPUT_BYTES = 2 << 30

# What the name of a network of `ardm` may begin with, and to have torch run it.
_ARDM, _ARDM_TORCH = "ardm:", "ardm_torch:"
_MIB = 1 << 20
# Adaptive models lose 4 % and more at 256 KiB; past 16 MiB the gain is small, the memory is not.
BLOCK_BYTES_BY_LEVEL = {
    1: 16 * _MIB,
    2: 16 * _MIB,
    3: 16 * _MIB,
    4: 16 * _MIB,
    5: 16 * _MIB,
    6: 32 * _MIB,
    7: 32 * _MIB,
    8: 64 * _MIB,
    9: 128 * _MIB,
}


class CompressionParameter(enum.IntEnum):
    """Keys of the `options` mapping."""

    compression_level = 1
    """Trades speed for size: 1 to 9."""
    block_size = 2
    """Bytes of content in a block, which is what can be decoded alone."""
    nb_workers = 3
    """Threads; the bytes do not depend on it."""
    content_digest = 4
    """1: record a SHA-256 of the content, and check it when decoding. 0: do not."""
    verify = 5
    """1: decode each block right after encoding it, and compare. 0: do not."""

    def bounds(self) -> tuple[int, int]:
        """Return the lowest and the highest value."""
        return _BOUNDS[self]


_BOUNDS = {
    CompressionParameter.compression_level: (MIN_LEVEL, MAX_LEVEL),
    CompressionParameter.block_size: (1, MAX_BLOCK_BYTES),
    CompressionParameter.nb_workers: (1, 1024),
    CompressionParameter.content_digest: (0, 1),
    CompressionParameter.verify: (0, 1),
}

Options = Mapping[CompressionParameter, int]
# A prior, its name or file, "none", or "auto".
PriorChoice: TypeAlias = "Prior | str | os.PathLike[str]"
# A network, its name or file, "none", or "auto".
NetworkChoice: TypeAlias = "Network | str | os.PathLike[str]"


@dataclass(frozen=True)
class Settings:
    """Checked choices of a compressor."""

    plan: Plan
    block_size: int
    threads: int
    digest: bool


def settings(
    level: int | None,
    options: Options | None,
    *,
    model: Model | str = "auto",
    transform: Transform | str = "auto",
    prior: PriorChoice = "auto",
    network: NetworkChoice = "auto",
    embed: bool = False,
    threads: int | None = None,
    block_size: int | None = None,
) -> Settings:
    """Check what a caller chose, and fill in the rest.

    Args:
        level: 1 to 9, or None for the default.
        options: Further parameters; not together with `level`.
        model: "auto", "stored", the id of a model, the folder or GGUF file of a language model, or
            a model.
        transform: "auto", "raw" for none, the id of a transform, or a transform.
        prior: "auto", "none", the name of a prior or its file, or a prior.
        network: "auto", "none", the name of a network or its file, or a network.
        embed: Whether frames have copies of a prior and a network not of the package.
        threads: Number of threads.
        block_size: Bytes of content in a block, or None for that of the model or the level.

    Returns:
        The settings.

    Raises:
        TypeError: `level` and `options` are both given, or have a wrong type.
        ValueError: A value is outside its bounds, a model or transform is not known, or a network
            is asked for where none can be used, or the prior cannot be embedded.
        LimitError: The prior or the network is too large to be embedded.
        UnsupportedError: The language model is of a family that is not known.
        ModelError: A part of the language model is missing, or the model needs one.
        FormatError: A file is not what it should be.
        OSError: It cannot be read.
    """
    if level is not None and options is not None:
        raise TypeError("only one of level and options can be given")
    values = {CompressionParameter(key): value for key, value in (options or {}).items()}
    for key, value in (
        (CompressionParameter.compression_level, level),
        (CompressionParameter.nb_workers, threads),
        (CompressionParameter.block_size, block_size),
    ):
        if value is not None:
            values[key] = value
    for key, value in values.items():
        low, high = key.bounds()
        if not isinstance(value, int):
            raise TypeError(f"{key.name} must be an int: got {value!r}")
        if not low <= value <= high:
            raise ValueError(f"{key.name} must be {low} to {high}: got {value}")
    chosen = values.get(CompressionParameter.compression_level, DEFAULT_LEVEL)
    chosen_prior = _prior(prior, model)
    if embed and isinstance(chosen_prior, Prior):
        embedded.check(chosen_prior)
    choice = _choice(model, chosen)
    chosen_network = _network(network, choice, chosen, chosen_prior)
    if embed and isinstance(chosen_network, Network) and not networks.is_shipped(chosen_network):
        embedded.check(chosen_network)
    return Settings(
        Plan(
            chosen,
            choice,
            bool(values.get(CompressionParameter.verify, 0)),
            _split(transform),
            chosen_prior,
            embed,
            chosen_network,
        ),
        values.get(CompressionParameter.block_size, _block_bytes(choice, chosen)),
        values.get(CompressionParameter.nb_workers, 1),
        bool(values.get(CompressionParameter.content_digest, 0)),
    )


def _choice(model: Model | str, level: int) -> Choice:
    if isinstance(model, Model):
        return model
    if not isinstance(model, str):
        raise TypeError(f"model must be a model or its id: got {model!r}")
    if model == "auto":
        return "auto"
    if model == "stored":
        return "stored"
    if model in MODELS:
        return MODELS.get(model).for_level(level)
    if is_model_path(model):
        return model_of_path(model)
    known = ", ".join(("auto", "stored", *MODELS.ids()))
    raise ValueError(
        f"model is not known: {model!r}; known are {known}, files of circuits, of networks and of "
        "networks of ardm, and folders of language models"
    )


def model_of_path(path: str, **parameters: Any) -> Model:
    """Return the model of a circuit, a network, one of `ardm` or a language model on disk.

    Args:
        path: A file of a circuit or a network, which is then `bytelm`; "ardm:" and what
            `ArdmModel.of` takes;
            "ardm_torch:" and what `ArdmTorch.of` takes; or what `Llm.of` takes.
        parameters: Those of `CircuitModel.of`, `ArdmModel.of`, `ArdmTorch.of` or `Llm.of`.

    Raises:
        ModelError: Torch is to run a network, and is not installed, or has no such device.
        FormatError: A file is damaged.
        UnsupportedError: The language model is of a family that is not known here.
        WeightsError: A part of it is missing.
        ValueError: A parameter is out of range, or is for other models.
        OSError: A file cannot be read.
    """
    if is_for_torch(path):
        return torch_model_of_path(path, **parameters)
    if _is_ardm(path):
        from lmcodec.models.ardm import ArdmModel

        _only(("calls", "mixed"), parameters, path)
        return ArdmModel.of(path.removeprefix(_ARDM), **parameters)
    if path.endswith(fitted.SUFFIX):
        from lmcodec.models.circuit import CircuitModel

        _only(("mixed",), parameters, path)
        return CircuitModel.of(path, **parameters)
    if _is_network(path):
        from lmcodec.models.bytelm import Bytelm

        _only((), parameters, path)
        return Bytelm(Network.load(path))
    from lmcodec.models.llm import Llm

    _only(("window", "chunk", "int8", "mixed"), parameters, path)
    return Llm.of(path, **parameters)


def torch_model_of_path(path: str, **parameters: Any) -> Model:
    """Return the model of a network of `ardm` or a language model on disk that torch runs.

    Args:
        path: As of `model_of_path`, but for circuits and networks.
        parameters: Those of `ArdmTorch.of` or `LlmTorch.of`.

    Raises:
        ModelError: Torch is not installed, or has no such device.
        FormatError: A file is damaged.
        UnsupportedError: The language model is of a family that is not known here.
        WeightsError: A part of it is missing.
        ValueError: A parameter is out of range, or is for other models.
        OSError: A file cannot be read.
    """
    if is_for_torch(path) or _is_ardm(path):
        from lmcodec.models.ardm_torch import ArdmTorch

        _only(("calls", "device", "dtype"), parameters, path)
        name = path.removeprefix(_ARDM_TORCH).removeprefix(_ARDM)
        return ArdmTorch.of(name, **parameters)
    if path.endswith(fitted.SUFFIX):
        raise ValueError(f"circuits are not run by torch: {path!r}")
    if _is_network(path):
        raise ValueError(f"networks are not run by torch: {path!r}")
    from lmcodec.models.llm_torch import LlmTorch

    _only(("window", "chunk", "device", "dtype"), parameters, path)
    return LlmTorch.of(path, **parameters)


def is_for_torch(path: str) -> bool:
    """Return whether a path of a model says itself that torch is to run it."""
    return path.startswith(_ARDM_TORCH)


def _is_ardm(path: str) -> bool:
    return path.startswith(_ARDM) or path.endswith(fitted.ARDM_SUFFIX)


def _is_network(path: str) -> bool:
    # Weights of a language model stand in a folder, beside what tells their shape.
    return path.endswith(networks.SUFFIX) and not os.path.isdir(path)


def _only(names: tuple[str, ...], parameters: dict[str, Any], path: str) -> None:
    """Check that a model has all parameters that are given.

    Raises:
        ValueError: It does not.
    """
    others = [f"--{name}" for name in parameters if name not in names]
    if others:
        raise ValueError(f"{', '.join(others)}: for other models, not for {path!r}")


def is_model_path(name: str) -> bool:
    """Return whether a choice of a model is a path, not an id."""
    is_path = os.sep in name or os.path.exists(name) or name.startswith((_ARDM, _ARDM_TORCH))
    return name not in MODELS and is_path


def _block_bytes(choice: Choice, level: int) -> int:
    suited = choice.block_bytes if isinstance(choice, Model) else None
    return suited or BLOCK_BYTES_BY_LEVEL[level]


def _prior(prior: PriorChoice, model: Model | str) -> Prior | Literal["auto"] | None:
    if isinstance(prior, Prior):
        return prior
    if not isinstance(prior, (str, os.PathLike)):
        raise TypeError(f"prior must be a prior, its name or its file: got {prior!r}")
    if prior == "none":
        return None
    if prior == "auto":
        # A model of the caller's own making says itself what it starts from.
        return None if isinstance(model, Model) else "auto"
    return find(prior)


def find_network(network: NetworkChoice) -> Network | Literal["auto"] | None:
    """Return the network that a caller chose, None for none.

    Raises:
        TypeError: The choice has a wrong type.
        ValueError: There is none of that name.
        FormatError: The file is not a network.
        OSError: It cannot be read.
    """
    if isinstance(network, Network):
        return network
    if not isinstance(network, (str, os.PathLike)):
        raise TypeError(f"network must be a network, its name or its file: got {network!r}")
    if network == "none":
        return None
    return "auto" if network == "auto" else networks.find(network)


def _network(
    network: NetworkChoice, choice: Choice, level: int, prior: Prior | Literal["auto"] | None
) -> Network | Literal["auto"] | None:
    chosen = find_network(network)
    if isinstance(chosen, Network):
        models = candidates(level) if choice == "auto" else [choice]
        usable = [one for one in models if isinstance(one, Model) and one.can_be_networked()]
        # One that knows of priors needs one; of the caller's own making it may have it.
        if not usable or (prior is None and not any(one.networked(chosen) for one in usable)):
            raise ValueError(
                f"network has no use here: {chosen!r}: it needs level 9 and a prior, "
                "or the model bytelm"
            )
    return chosen


def _split(transform: Transform | str) -> Split:
    if isinstance(transform, Transform):
        return transform
    if not isinstance(transform, str):
        raise TypeError(f"transform must be a transform or its id: got {transform!r}")
    if transform == "auto":
        return "auto"
    if transform == "raw":
        return "raw"
    try:
        return TRANSFORMS.get(transform)
    except UnsupportedError as error:
        known = ", ".join(("auto", "raw", *TRANSFORMS.ids()))
        raise ValueError(f"transform is not known: {transform!r}; known are {known}") from error
