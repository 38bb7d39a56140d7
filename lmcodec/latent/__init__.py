"""Latent classes of rows and columns of a table, found by spectrum and by code length.

What is found here is what the model `latent` codes with.
"""

from __future__ import annotations

from lmcodec.latent.estimator import Latents, row_latents

__all__ = ["Latents", "row_latents"]
