import pytest

from lmcodec.models.base import Cells
from lmcodec.models.circuit import CircuitModel
from lmcodec.models.cm import Cm


def test_cells_have_columns_and_a_terminator() -> None:
    assert Cells(3) == Cells(3, 0x0A)
    for columns, terminator in [(0, 10), (1, -1), (1, 256)]:
        with pytest.raises(ValueError, match="must be"):
            Cells(columns, terminator)


def test_models_of_pixels_make_nothing_of_cells() -> None:
    for model in (Cm.for_level(9), CircuitModel()):
        assert model.shaped(Cells(3)) == model
