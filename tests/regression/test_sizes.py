"""Coded sizes do not change unnoticed: a change is a diff of sizes.csv, explained in its commit."""

from tests.regression.make import SIZES, table


def test_sizes_are_those_of_the_table() -> None:
    assert table().splitlines() == SIZES.read_text(encoding="utf-8").splitlines(), (
        "coded sizes have changed: run `make sizes` and look at the difference"
    )
