"""A picture as the network sees it: about 64 tokens, each a small patch; and what pictures are like in general.

Must not learn anything.
"""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of any kind is Any to the type checker)

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np

from tagtrainer.core.buckets import Size
from tagtrainer.engines.rehearsal import pictures
from tagtrainer.engines.rehearsal.layers import Array

COUNT = 64
"""About this many tokens a picture, whatever its shape."""
SIDE = 4
"""A token is a patch of SIDE x SIDE values in three colours."""
NUMBERS = SIDE * SIDE * 3
Grid = tuple[int, int]
"""(rows, columns) of tokens."""

_COLOURS = np.array([[1.0, 1, 1], [1, 0, -1], [-1, 2, -1]])
COLOURS = _COLOURS / np.linalg.norm(_COLOURS, axis=1, keepdims=True)
"""Orthonormal: brightness, red against blue, green against both."""


def grid_of(size: Size) -> Grid:
    """The grid for a picture of `size`: its shape, about COUNT tokens."""
    ratio = math.sqrt(size[0] / size[1])
    side = math.sqrt(COUNT)
    return max(2, round(side / ratio)), max(2, round(side * ratio))


def from_picture(pixels: Array, grid: Grid) -> Array:
    """A picture (height x width x 3, values -1..1) as tokens x 48."""
    small = pictures.shrunk(pixels, grid[0] * SIDE, grid[1] * SIDE) @ COLOURS.T
    return _patches(small[None], grid)[0].astype(np.float32)


def to_picture(tokens: Array, grid: Grid) -> Array:
    """Tokens x 48 as a picture of SIDE values a token side."""
    return _whole(tokens[None], grid)[0] @ COLOURS


def _patches(whole: Array, grid: Grid) -> Array:
    """batch x height x width x 3 -> batch x tokens x 48."""
    rows, columns = grid
    cut = whole.reshape(-1, rows, SIDE, columns, SIDE, 3).transpose(0, 1, 3, 2, 4, 5)
    return cut.reshape(-1, rows * columns, NUMBERS)


def _whole(tokens: Array, grid: Grid) -> Array:
    """batch x tokens x 48 -> batch x height x width x 3."""
    rows, columns = grid
    cut = tokens.reshape(-1, rows, columns, SIDE, SIDE, 3).transpose(0, 1, 3, 2, 4, 5)
    return cut.reshape(-1, rows * SIDE, columns * SIDE, 3)


@lru_cache(maxsize=64)
def _cosines(count: int) -> Array:
    """The orthonormal DCT-II of `count` values."""
    places = np.arange(count)
    found = np.cos(np.pi * places[:, None] * (places[None] + 0.5) / count) * math.sqrt(2 / count)
    found[0] /= math.sqrt(2)
    return found.astype(np.float32)


@lru_cache(maxsize=64)
def spread(grid: Grid) -> Array:
    """The standard deviation of photographs at every frequency of a picture of `grid`: height x width x 3.

    The amplitude falls with one over the frequency (Field, Relations between the statistics of natural images, 1987);
    colours vary less than brightness. This is all the network is told before it is trained.
    """
    height, width = grid[0] * SIDE, grid[1] * SIDE
    u, v = np.meshgrid(np.arange(height) / height, np.arange(width) / width, indexing="ij")
    frequency = np.sqrt(u**2 + v**2) * math.sqrt(height * width)
    frequency[0, 0] = 0.5
    return np.array([6.0, 2.0, 1.2]) / frequency[..., None]


def filtered(tokens: Array, grid: Grid, gains: Array) -> Array:
    """Tokens with every frequency of the whole picture multiplied by its gain (batch x height x width x 3).

    The map is symmetric, so it is its own derivative's transpose.
    """
    dtype = tokens.dtype
    down, across = _cosines(grid[0] * SIDE).astype(dtype), _cosines(grid[1] * SIDE).astype(dtype)
    whole = _whole(tokens, grid).transpose(0, 3, 1, 2)
    waves = (down @ whole @ across.T) * gains.transpose(0, 3, 1, 2).astype(dtype)
    return _patches((down.T @ waves @ across).transpose(0, 2, 3, 1), grid)
