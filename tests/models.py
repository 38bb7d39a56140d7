"""The models that need nothing but the package."""

from lmcodec.models.base import MODELS

OWN = [cls for cls in MODELS.list() if not cls.external]
OWN_IDS = tuple(sorted({cls.id for cls in OWN}))
