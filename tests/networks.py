"""A network for tests: small, and of values that were not trained long."""

from __future__ import annotations

from pathlib import Path

from lmcodec.network import Network

PATH = Path(__file__).parent / "reference" / "bytelm-tiny.safetensors"
TINY = Network.load(PATH)
