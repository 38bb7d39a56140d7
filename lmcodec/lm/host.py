"""Language models by torch, for accelerators: fast, but for the machine that encoded alone.

Floats of torch depend on what `lmcodec.host` says; streams name all of it.
"""

from __future__ import annotations

import inspect
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lmcodec import coder, host
from lmcodec._core import report
from lmcodec.errors import CorruptError, ModelError, TruncatedError, UnsupportedError
from lmcodec.host import CHECK_BYTES, Checks, check_dtype, torch_module
from lmcodec.packing import Cursor, pack_varint

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

# Symbols after which a check word follows.
CHECKED = 4096


@dataclass(frozen=True)
class Plan:
    """How tokens are coded.

    Args:
        begin: The token before the first one of a chunk, or None.
        window: Tokens that are looked back on; when they are full the older half is dropped.
        chunk: Tokens after which the model begins anew.
        lanes: Chunks side by side: the rows of a batch.
    """

    begin: int | None
    window: int
    chunk: int
    lanes: int


class HostModel:
    """A language model that torch runs.

    Args:
        path: Its Hugging Face folder.
        device: "cpu", "cuda" or "mps".
        dtype: That of weights and layers; probabilities are always computed in float32.

    Raises:
        ModelError: Torch or transformers are not installed, or cannot load it.
        UnsupportedError: It is no folder.
    """

    def __init__(self, path: Path, device: str, dtype: str) -> None:
        torch, transformers = torch_module(), _transformers()
        if not path.is_dir():
            raise UnsupportedError(
                f"torch runs folders of Hugging Face only: {path}", id="llm_torch"
            )
        check_dtype(dtype)
        bars = transformers.utils.logging
        had_bars = bars.is_progress_bar_enabled()
        bars.disable_progress_bar()
        try:
            model = transformers.AutoModelForCausalLM.from_pretrained(
                str(path),
                dtype=getattr(torch, dtype),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                attn_implementation="eager",
            )
        except (OSError, ValueError, RuntimeError) as error:
            raise ModelError(f"torch cannot load {path}: {error}") from error
        finally:
            if had_bars:
                bars.enable_progress_bar()
        self._torch = torch
        self._device = device
        self._model = model.to(device).eval()
        self._new_cache = transformers.DynamicCache
        # Its name changed in version 5.
        known = inspect.signature(self._model.forward).parameters
        self._cache = "cache" if "cache" in known else "past_key_values"
        self.vocabulary = int(model.config.vocab_size)

    def encode(self, tokens: NDArray[np.uint32], plan: Plan) -> bytes:
        """Code tokens.

        Returns:
            Length of the stack, the stack, check words.

        Raises:
            ModelError: A token is outside of the vocabulary.

        Shapes:
            tokens: uint32 [n]
        """
        import numpy as np

        if len(tokens) and int(tokens.max()) >= self.vocabulary:
            raise ModelError(f"token is outside of the vocabulary: {int(tokens.max())}")
        starts, freqs = np.zeros(len(tokens), np.uint32), np.zeros(len(tokens), np.uint32)
        checks = Checks(CHECKED, "tokens")
        order = np.zeros(len(tokens), np.int64)
        done = 0
        steps = self._steps(len(tokens), plan)
        given: NDArray[np.uint32] | None = None
        while (step := _next(steps, given)) is not None:
            places, rows = step
            given = tokens[places]
            span = slice(done, done + len(places))
            starts[span], freqs[span] = coder.intervals(given, rows, coder.MAX_PRECISION)
            order[span] = places
            checks.add(rows)
            report(done, done + len(places))
            done += len(places)
        checks.finish()
        stack = coder.RansStack()
        stack.push_intervals(starts, freqs, coder.MAX_PRECISION)
        coded = stack.to_bytes()
        return pack_varint(len(coded)) + coded + bytes(checks.words)

    def decode(self, payload: bytes, count: int, plan: Plan) -> NDArray[np.uint32]:
        """Undo `encode`.

        Raises:
            NotReproducibleError: Something else was computed here than when encoding.
            CorruptError: The payload is damaged.
            TruncatedError: It ends early.

        Shapes:
            returns: uint32 [count]
        """
        import numpy as np

        cursor = Cursor(payload)
        stack = coder.RansStack.from_bytes(cursor.take(cursor.varint("length"), "stack"))
        recorded = bytes(cursor.take(cursor.remaining, "check words"))
        if len(recorded) != CHECK_BYTES * -(-count // CHECKED):
            raise CorruptError(f"{len(recorded)} bytes of check words do not fit {count} tokens")
        tokens = np.zeros(0, np.uint32)
        checks = Checks(CHECKED, "tokens", recorded)
        done = 0
        steps = self._steps(count, plan)
        given: NDArray[np.uint32] | None = None
        while (step := _next(steps, given)) is not None:
            places, rows = step
            try:
                given = stack.pop(rows, coder.MAX_PRECISION)
            except TruncatedError:
                # Maybe because something else was computed, which says more.
                checks.finish()
                raise
            if int(places.max()) >= len(tokens):
                # No more memory than what was decoded needs.
                tokens.resize(min(count, 2 * int(places.max()) + CHECKED), refcheck=False)
            tokens[places] = given
            checks.add(rows)
            report(done, done + len(places))
            done += len(places)
        checks.finish()
        stack.finish()
        return tokens[:count]

    def _steps(
        self, count: int, plan: Plan
    ) -> Generator[tuple[NDArray[np.int64], NDArray[np.float32]], NDArray[np.uint32], None]:
        """Yield places of tokens and a distribution for each; tokens are sent back.

        Shapes:
            yields: int64 [k], float32 [k, V]
        """
        import numpy as np

        chunks = -(-count // plan.chunk)
        for first in range(0, chunks, plan.lanes):
            begins = np.arange(first, min(first + plan.lanes, chunks)) * plan.chunk
            lengths = np.minimum(begins + plan.chunk, count) - begins
            batch = _Batch(self, plan)
            rows = batch.begin()
            for at in range(int(lengths.max())):
                active = np.nonzero(lengths > at)[0]
                given = yield begins[active] + at, rows[active]
                if at + 1 < int(lengths.max()):
                    # Rows that have ended go on with anything: the shape of the batch stays.
                    fed = np.zeros(plan.lanes, np.int64)
                    fed[active] = given
                    rows = batch.feed(fed)

    def run(self, tokens: NDArray[np.int64], cache: Any) -> NDArray[np.float32]:
        """Return the distributions after tokens; what is looked back on is added to the cache.

        Shapes:
            tokens: int64 [lanes, k]
            returns: float32 [lanes, V]
        """
        torch = self._torch
        with torch.inference_mode():
            given = torch.from_numpy(tokens).to(self._device)
            result = self._model(input_ids=given, use_cache=True, **{self._cache: cache})
            rows: NDArray[np.float32] = (
                torch.softmax(result.logits[:, -1].float(), -1).cpu().numpy()
            )
        return rows

    def new_cache(self) -> Any:
        """Return what is filled with what is looked back on."""
        return self._new_cache()


class _Batch:
    """Lanes in step with each other."""

    def __init__(self, model: HostModel, plan: Plan) -> None:
        self._model = model
        self._plan = plan
        self._cache: Any = model.new_cache()
        self._seen: list[NDArray[np.int64]] = []

    def begin(self) -> NDArray[np.float32]:
        """Return the distributions of the first tokens."""
        import numpy as np

        if self._plan.begin is None:
            return np.ones((self._plan.lanes, self._model.vocabulary), np.float32)
        return self.feed(np.full(self._plan.lanes, self._plan.begin, np.int64))

    def feed(self, tokens: NDArray[np.int64]) -> NDArray[np.float32]:
        """Take a token of each lane; return the distributions of the next ones."""
        import numpy as np

        self._seen.append(tokens)
        fed = tokens[:, None]
        if len(self._seen) > self._plan.window:
            self._seen = self._seen[-(self._plan.window // 2) :]
            if self._plan.begin is not None:
                # A model that was trained to see it first predicts badly without.
                self._seen[0] = np.full_like(tokens, self._plan.begin)
            fed, self._cache = np.stack(self._seen, 1), self._model.new_cache()
        return self._model.run(fed, self._cache)


def _next(steps: Any, given: Any) -> Any:
    try:
        return next(steps) if given is None else steps.send(given)
    except StopIteration:
        return None


def fingerprint(device: str, dtype: str, lanes: int) -> str:
    """Return what the results of a language model depend on, as JSON.

    Args:
        device: "cpu", "cuda" or "mps".
        dtype: "float32", "float16" or "bfloat16".
        lanes: Rows of a batch.
    """
    transformers = _transformers()
    return host.fingerprint(device, dtype, lanes=lanes, transformers=transformers.__version__)


def _transformers() -> Any:
    try:
        import transformers
    except ImportError as error:
        raise ModelError(
            "transformers is not installed", hint="pip install 'lmcodec[lm]'"
        ) from error
    return transformers
