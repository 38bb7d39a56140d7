"""Lossless compression by named probability models."""

from lmcodec._core import __version__

__all__ = ["__version__"]
