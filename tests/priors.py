"""A small prior of our own, and what streams say of theirs."""

from __future__ import annotations

import io
from weakref import WeakValueDictionary

import pytest

from lmcodec import Prior, prior, train_prior
from lmcodec.header import BlockHeader, ModelRecord
from lmcodec.index import Source, walk
from tests.strategies import log_lines

# That of the package.
NAME, GENERAL = "general-1.1", prior.default().digest
SAMPLES_OF_OWN = log_lines(8, 600).splitlines(keepends=True)
OWN = train_prior(SAMPLES_OF_OWN, name="log", size=1 << 13, base="none", text=0)
# Of the kind that it was trained on, but not among the samples.
RECORDS = log_lines(5, 10)
ENGLISH = (
    b"As we have seen in the last chapter, it is not easy to say what they thought of him when he "
    b"first came to the country. There was nothing in the house but a few books, and no one could "
    b"have known that the war would be over before the end of the year. She said that she would "
    b"like to see the children again, and that the government should do something about it.\n"
)


def records(stream: bytes) -> list[ModelRecord]:
    """All model records of a stream."""
    headers = [part.header for part in walk(Source(io.BytesIO(stream)))]
    return [
        model for header in headers if isinstance(header, BlockHeader) for model in header.models
    ]


def digests(stream: bytes) -> set[bytes]:
    """The SHA-256 of all priors that a stream names."""
    return {digest for record in records(stream) for digest in record.digests}


def forget(patch: pytest.MonkeyPatch) -> None:
    """Let no prior be loaded, nor be in a folder."""
    patch.setattr(prior.SHELF, "loaded", WeakValueDictionary[int, Prior]())
    patch.setattr(prior.SHELF, "found", [])
    patch.delenv("LMCODEC_MODEL_PATH", raising=False)
