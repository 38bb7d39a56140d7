"""Codecs of messages, and messages."""

from __future__ import annotations

from lmcodec import MessageCodec
from lmcodec.models.cm import Cm
from lmcodec.models.order0 import Order0
from tests.priors import ENGLISH, OWN
from tests.strategies import log_lines

# Codecs whose payloads tell where a message ends, and others.
ENDING = {
    "cm": MessageCodec(),
    "cm-none": MessageCodec(prior="none"),
    "cm-own": MessageCodec(prior=OWN),
    **{f"cm-{level}": MessageCodec(Cm(level)) for level in (3, 4, 6, 7, 8, 9)},
    "cm-binary": MessageCodec(Cm(5, kind=2, record=4)),
    "cm-bilevel": MessageCodec(Cm(8, kind=3, record=5)),
    "bytelm": MessageCodec("bytelm", network="bytelm-2.1"),
    "bytelm-alone": MessageCodec("bytelm", prior="none", network="bytelm-2.1"),
}
CODECS = {
    **ENDING,
    "cm-lanes": MessageCodec(Cm(9, lanes=2)),
    "cm-checked": MessageCodec(checksum_bytes=3),
    "order0": MessageCodec(Order0()),
}

GREETING = b"Thank you for your message. I will be back on Monday."
MESSAGES = {
    "one": b"a",
    "greeting": GREETING,
    "english": ENGLISH[:300],
    "log": log_lines(4, 3),
    "noise": bytes(range(7, 256, 31)),
    "long": b"no end " * 700,
}
