"""Sizes of a network, and how the symbols of an item become states."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


# From so many symbols on, they are taken for values on a scale, of which near ones are alike.
_SCALE = 32
_MAX_STAGES, _MAX_ALPHABET = 8, 256
# How far neighbourhoods go along an axis, and where there is but one.
_NEAR, _NEAR_IN_ROW = 3, 32
# Of positions.
_MANY = 512


@dataclass(frozen=True)
class Config:
    """Sizes of a network.

    A symbol is found in stages: each one refines it by a factor of `levels`. What is known of it
    is a node of a tree, whose root says nothing and whose leaves are the symbols.

    Args:
        axes: Lengths of the axes of an item, outermost first. Its symbols are numbered in that
            order.
        levels: Branches of a node at each stage; their product is the size of the alphabet.
        reach: How far the neighbourhood of a position goes along each axis.
        features: Values for each node in a neighbourhood.
        width: Values for each position.
        hidden: Of the layers over positions.
        blocks: How many.
        outline_features: Values for each node where the whole item is looked at.
        outline: Values for the whole item; 0 to look at neighbourhoods alone.
        outline_hidden: Of the layers over them.
        outline_blocks: How many.
        said: Values that all positions are told.
        told: Values that each position makes of these for itself.
    """

    axes: tuple[int, ...]
    levels: tuple[int, ...]
    reach: tuple[int, ...]
    features: int = 8
    width: int = 128
    hidden: int = 256
    blocks: int = 2
    outline_features: int = 4
    outline: int = 160
    outline_hidden: int = 320
    outline_blocks: int = 2
    said: int = 32
    told: int = 32

    @classmethod
    def suited(cls, axes: tuple[int, ...], alphabet: int, stages: int = 1) -> Config:
        """Return sizes that suit items, for training on a processor of a few cores.

        Args:
            axes: Lengths of the axes of an item.
            alphabet: Symbols that there are; the alphabet has as many, or some more where stages
                want that.
            stages: How often a symbol is refined: 1 to 8.

        Raises:
            ValueError: There are no such stages of at most 256 symbols.
        """
        branches = 2
        while 1 <= stages <= _MAX_STAGES and branches**stages < alphabet:
            branches += 1
        if not 1 <= stages <= _MAX_STAGES or branches**stages > _MAX_ALPHABET:
            raise ValueError(f"{alphabet} symbols cannot be found in {stages} stages")
        levels = (branches,) * stages
        size = math.prod(axes)
        # All positions where there are few, else about as many as a picture has nearby.
        reach = [min(side - 1, _NEAR) for side in axes]
        if len(axes) == 1:
            reach = [min(size - 1, _NEAR_IN_ROW)]
        # Values that are told to each of many positions are most of the weights.
        said, told = (32, 32) if size > _MANY else (64, 64)
        features = 8 if alphabet > _SCALE else 16
        return cls(axes, levels, tuple(reach), features=features, said=said, told=told)

    @classmethod
    def of(cls, sizes: dict[str, Any]) -> Config:
        """Return sizes that were read as lists."""
        lists = {name: tuple(sizes[name]) for name in ("axes", "levels", "reach")}
        return cls(**{**sizes, **lists})

    @property
    def size(self) -> int:
        """Symbols of an item."""
        return math.prod(self.axes)

    @property
    def alphabet(self) -> int:
        """How many symbols there are."""
        return math.prod(self.levels)

    @property
    def is_scale(self) -> bool:
        """Whether symbols are taken for values, of which near ones are alike."""
        return self.alphabet > _SCALE

    @property
    def stages(self) -> int:
        """How often a position is refined."""
        return len(self.levels)

    @property
    def starts(self) -> tuple[int, ...]:
        """The number of the first node of each level, and that of what is outside of an item."""
        starts, count = [0], 1
        for branches in self.levels:
            starts.append(starts[-1] + count)
            count *= branches
        return (*starts, starts[-1] + count)

    @property
    def nodes(self) -> int:
        """How many states a position can have, that of being outside among them."""
        return self.starts[-1] + 1

    def leaves(self, level: int) -> int:
        """Return how many symbols a node of a level stands for."""
        return math.prod(self.levels[level:])

    def neighbours(self) -> NDArray[np.int64]:
        """Return the positions around each [size, neighbours]; `size` stands for outside."""
        places = np.indices(self.axes).reshape(len(self.axes), -1)
        windows = [np.arange(-reach, reach + 1) for reach in self.reach]
        offsets = np.stack([o.ravel() for o in np.meshgrid(*windows, indexing="ij")])
        around = places[:, :, None] + offsets[:, None, :]
        sides = np.array(self.axes)[:, None, None]
        inside = ((around >= 0) & (around < sides)).all(0)
        numbers = np.ravel_multi_index(tuple(np.clip(around, 0, sides - 1)), self.axes)
        return np.where(inside, numbers, self.size)
