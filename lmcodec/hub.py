"""Gets language models from a hub, when it is asked to and never otherwise: `lmcodec download`.

Only what is read is fetched: configuration, tokenizer, and weights as safetensors or GGUF. No code.
"""

from __future__ import annotations

import os
from pathlib import Path

from lmcodec.errors import ModelError, UnsupportedError
from lmcodec.lm import files
from lmcodec.lm.model import LanguageModel
from lmcodec.shelf import PATH_VARIABLE

PATTERNS = (files.CONFIG, files.TOKENIZER, files.INDEX, "*.safetensors")


def download(
    repository: str,
    folder: str | os.PathLike[str] | None = None,
    *,
    file: str | None = None,
    revision: str | None = None,
) -> Path:
    """Fetch a language model, and check that it can be read.

    Args:
        repository: "OWNER/NAME" on the hub that the package `huggingface_hub` is set to.
        folder: Where its folder is made, or None for the first one of `LMCODEC_MODEL_PATH`.
        file: A GGUF file of the repository, or None for a folder with safetensors.
        revision: A branch, tag or commit, or None for the newest.

    Returns:
        The folder of the model, or the GGUF file.

    Raises:
        ModelError: The package `huggingface_hub` is not installed, or the model cannot be fetched.
        UnsupportedError: The model is of a family that is not known here.
        FormatError: What was fetched is damaged.
        ValueError: There is no folder to put it in, or the name is not well formed.
        OSError: It cannot be written.
    """
    owner, _, name = repository.partition("/")
    if not owner or not name or "/" in name or name.startswith("."):
        raise ValueError(f"repository must be OWNER/NAME: got {repository!r}")
    if file is not None and not file.endswith(files.GGUF_SUFFIX):
        raise ValueError(f"file must be a GGUF file: got {file!r}")
    place = folder or os.environ.get(PATH_VARIABLE, "").split(os.pathsep)[0]
    if not place:
        raise ValueError(f"no folder to download to: give one, or set {PATH_VARIABLE}")
    target = Path(place) / name
    try:
        import huggingface_hub as hub
    except ImportError as error:
        raise ModelError(
            "huggingface_hub is not installed", hint="pip install 'lmcodec[hub]'"
        ) from error
    patterns = list(PATTERNS) if file is None else [file]
    try:
        hub.snapshot_download(
            repo_id=repository,
            revision=revision,
            local_dir=target,
            allow_patterns=patterns,
        )
    except Exception as error:
        # The package has dozens of its own, and those of whatever it uses.
        raise ModelError(f"{repository} cannot be downloaded: {error}") from error
    found = target if file is None else target / file
    if not files.is_model(found) or (file is not None and not found.is_file()):
        raise UnsupportedError(f"{repository} has no language model that can be read", id="llm")
    LanguageModel(found)
    return found
