"""Arrays that users hand over, as samples of variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lmcodec.circuit.tree import MAX_CATEGORIES, MAX_VARIABLES
from lmcodec.errors import LimitError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


def samples_of(array: ArrayLike) -> tuple[NDArray[np.uint8], tuple[int, ...]]:
    """Return an array as uint8 [samples, variables], and the shape of a sample.

    Args:
        array: [samples, ...]: integers from 0 to 255, or floats that are such integers. A row of
            numbers is samples of one variable.

    Raises:
        ValueError: There are no samples, or no variables; values are no such integers.
        TypeError: It is no array of numbers.
        LimitError: A sample has too many variables.
    """
    found = np.asarray(array)
    if found.dtype.kind not in "buif":
        raise TypeError(f"samples are integers: {found.dtype}")
    if found.ndim == 0:
        raise ValueError("samples are an array with an axis of samples: this is one number")
    shape = tuple(found.shape[1:]) or (1,)
    variables = int(np.prod(shape))
    if not len(found):
        raise ValueError(f"there are no samples in an array of shape {found.shape}")
    if not variables:
        raise ValueError(f"samples have no variables in an array of shape {found.shape}")
    if variables > MAX_VARIABLES:
        raise LimitError(
            f"a sample has too many variables: {variables}", limit=MAX_VARIABLES, needed=variables
        )
    flat = found.reshape(len(found), variables)
    if found.dtype.kind == "f":
        if not np.isfinite(flat).all():
            raise ValueError("samples are integers: there are values that are not finite")
        if (flat != np.floor(flat)).any():
            raise ValueError("samples are integers: there are values with a fraction")
    if found.dtype != np.uint8 and (flat.min() < 0 or flat.max() >= MAX_CATEGORIES):
        raise ValueError(
            f"values are from 0 to {MAX_CATEGORIES - 1}: they go from {flat.min()} to {flat.max()}"
        )
    return np.ascontiguousarray(flat, np.uint8), shape


def categories_of(
    samples: NDArray[np.uint8], categories: int | str | Sequence[int]
) -> NDArray[np.int32]:
    """Return how many values each variable has.

    Args:
        samples: [samples, variables].
        categories: "shared" for one more than the largest value of all, "each" for that of each
            variable alone, one number for all, or one for each.

    Raises:
        ValueError: A value is not below its variable's number, or that is out of range.
    """
    tops: NDArray[np.int32] = samples.max(axis=0).astype(np.int32) + 1
    variables = samples.shape[1]
    if isinstance(categories, str):
        if categories == "each":
            return tops
        if categories != "shared":
            raise ValueError(f'categories are "shared", "each", or numbers: {categories!r}')
        return np.full(variables, tops.max(), np.int32)
    given = np.asarray(categories)
    if given.dtype.kind not in "iu" or given.shape not in ((), (variables,)):
        raise ValueError(f"categories are a number, or {variables} of them: {categories!r}")
    if given.min() < 1 or given.max() > MAX_CATEGORIES:
        raise ValueError(f"a variable has 1 to {MAX_CATEGORIES} values: {categories!r}")
    widths = np.broadcast_to(given, (variables,)).astype(np.int32)
    if (tops > widths).any():
        worst = int(np.argmax(tops > widths))
        raise ValueError(f"variable {worst} has a value {tops[worst] - 1}: above its categories")
    return widths


def observed(
    array: ArrayLike,
    missing: ArrayLike | None,
    shape: tuple[int, ...],
    categories: NDArray[np.int32],
) -> NDArray[np.int16]:
    """Return int16 [samples, variables], -1 where a value is missing.

    Args:
        array: [samples, ...]; values that are missing may be any.
        missing: bool, of the same shape; None where all is there.
        shape: That a sample has to have.
        categories: int32 [variables], how many values each has.

    Raises:
        ValueError: Samples are of another shape, or have values that are out of range; the mask is
            no mask.
    """
    found = np.asarray(array)
    hidden = None if missing is None else np.asarray(missing)
    if hidden is not None:
        if hidden.dtype != np.bool_ or hidden.shape != found.shape:
            raise ValueError(
                f"what is missing is a mask of the shape {found.shape}: "
                f"{hidden.dtype} {hidden.shape}"
            )
        found = np.where(hidden, 0, found)
    samples, own = samples_of(found)
    if own != shape:
        raise ValueError(f"samples of the circuit have the shape {shape}: {own}")
    over = samples >= categories
    if over.any():
        at = np.unravel_index(int(np.argmax(over)), over.shape)
        raise ValueError(
            f"sample {at[0]} has a value that variable {at[1]} never has: {samples[at]}"
        )
    signed = samples.astype(np.int16)
    if hidden is not None:
        signed[hidden.reshape(signed.shape)] = -1
    return signed
