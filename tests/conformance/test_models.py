"""Every registered model keeps the contract."""

import pytest

from lmcodec.models.base import Model
from lmcodec.testing import check_model
from tests.models import OWN


@pytest.mark.parametrize("cls", OWN, ids=lambda cls: f"{cls.id}-{cls.version}")
def test_default_parameters(cls: type[Model]) -> None:
    check_model(cls())


@pytest.mark.parametrize("cls", OWN, ids=lambda cls: f"{cls.id}-{cls.version}")
def test_shipped_models_are_portable(cls: type[Model]) -> None:
    assert not cls.host_bound
