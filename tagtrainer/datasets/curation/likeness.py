"""Whether two pictures show the same: compares their small greys place by place, after finding how one was cropped.

Must not know datasets. A perceptual hash finds candidates; this tells copies from pictures that are merely composed alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagtrainer.datasets.curation.measures import COLOUR_SIDE, GREYS, SIDE

SAME = 0.75
"""Likeness from which two pictures count as copies: 45 photographs changed in 17 ways (resized, recompressed, up to 10 % cut off,
brightened ...) all reach it; with other colours, or a fifth of the width pasted over or moved, hardly any do."""
SURE = 0.9
OTHER_COLOURS = 0.42
HOPELESS = 0.5
"""Correlation after the coarse search below which nobody looks closer; copies have 0.75 there."""
_COARSE = (0.0, 0.04, 0.08, 0.12)
_BLOCK = 8
_LEAST = 0.03
"""Added to variances (of pictures of variance 1), so that noise in plain areas does not count as structure."""
_SHARE = 5
"""The likeness is that of the blocks at this percentile: a small part that differs is enough to tell pictures apart."""

Array = NDArray[Any]
Ends = tuple[float, float]
Cuts = tuple[float, float, float, float]


def likeness(one: NDArray[np.uint8], other: NDArray[np.uint8], mirrored: bool = False) -> float:
    """-1 to 1 of two records of greys.bin; 0 at most when the colours differ. `mirrored` turns the second one first."""
    grey, colour = _parts(one)
    grey_too, colour_too = _parts(other)
    if mirrored:
        grey_too, colour_too = grey_too[:, ::-1], colour_too[:, :, ::-1]
    plain = _local(_normal(grey), _normal(grey_too))
    if plain >= SURE:
        return plain if _colour_distance(colour, colour_too) < OTHER_COLOURS else 0.0
    ways = (_aligned(grey, grey_too, colour, colour_too), _aligned(grey_too, grey, colour_too, colour))
    return max(plain if _colour_distance(colour, colour_too) < OTHER_COLOURS else 0.0, *ways)


def _parts(record: NDArray[np.uint8]) -> tuple[Array, Array]:
    values = np.asarray(record, dtype=np.float32)
    return values[:GREYS].reshape(SIDE, SIDE), values[GREYS:].reshape(2, COLOUR_SIDE, COLOUR_SIDE) - 128


def _aligned(whole: Array, part: Array, colour: Array, colour_part: Array) -> float:
    """Likeness when the second picture is a piece of the first."""
    cuts = _find(whole, part)
    if cuts is None:
        return 0.0
    rows, columns = _window(SIDE, cuts[0], cuts[1]), _window(SIDE, cuts[2], cuts[3])
    found = _local(_normal(rows @ whole @ columns.T), _normal(part))
    rows, columns = _window(COLOUR_SIDE, cuts[0], cuts[1]), _window(COLOUR_SIDE, cuts[2], cuts[3])
    return found if _colour_distance(rows @ colour @ columns.T, colour_part) < OTHER_COLOURS else 0.0


def _find(whole: Array, part: Array) -> Cuts | None:
    """What was cut off top, bottom, left and right, as shares: coarsely on a quarter of the points, then closer."""
    half = SIDE // 2
    small = [grey.reshape(half, 2, half, 2).mean(axis=(1, 3)) for grey in (whole, part)]
    ends = list(product(_COARSE, _COARSE))
    cuts, alike = _best(small[0], small[1], ends, ends)
    if alike < HOPELESS:
        return None
    for step in (0.02, 0.01):
        vertical = _around(cuts[0], cuts[1], step)
        cuts, _ = _best(whole, part, vertical, _around(cuts[2], cuts[3], step))
    return cuts


def _around(first: float, last: float, step: float) -> list[Ends]:
    def near(cut: float) -> list[float]:
        return [max(0.0, round(cut + turn * step, 3)) for turn in (-1, 0, 1)]

    return list(product(near(first), near(last)))


def _best(whole: Array, part: Array, vertical: Sequence[Ends], horizontal: Sequence[Ends]) -> tuple[Cuts, float]:
    """The cuts after which the pictures correlate best, and how much they do."""
    rows = np.stack([_window(len(whole), *ends) for ends in vertical])
    columns = np.stack([_window(len(whole), *ends) for ends in horizontal])
    pieces = (rows @ whole)[:, None] @ columns.transpose(0, 2, 1)[None]
    alike = np.einsum("abij,ij->ab", _normal(pieces), _normal(part)) / part.size
    at, to = np.unravel_index(int(alike.argmax()), alike.shape)
    return (*vertical[int(at)], *horizontal[int(to)]), float(alike[at, to])


@cache
def _window(count: int, first: float, last: float) -> Array:
    """Matrix that takes `count` samples evenly from what is left when shares are cut off both ends."""
    places = np.clip((np.arange(count) + 0.5) * (1 - first - last) + first * count - 0.5, 0, count - 1)
    low = np.minimum(places.astype(np.int64), count - 2)
    made = np.zeros((count, count), dtype=np.float32)
    made[np.arange(count), low] = 1 - (places - low)
    made[np.arange(count), low + 1] += places - low
    return made


def _normal(grey: Array) -> Array:
    """Mean 0, variance 1 (less for a plain picture): brightness and contrast no longer count."""
    middle = grey - grey.mean(axis=(-2, -1), keepdims=True)
    result: Array = middle / np.sqrt((middle * middle).mean(axis=(-2, -1), keepdims=True) + 4)
    return result


def _local(one: Array, other: Array) -> float:
    """Correlation inside every 8 x 8 block (half-way steps of 1), at the percentile that counts."""
    mean, mean_too = _blocks(one), _blocks(other)
    variance, variance_too = _blocks(one * one) - mean**2, _blocks(other * other) - mean_too**2
    common = _blocks(one * other) - mean * mean_too
    spread = np.sqrt(np.maximum(variance, 0) * np.maximum(variance_too, 0))
    return float(np.percentile((common + _LEAST / 2) / (spread + _LEAST / 2), _SHARE))


def _blocks(values: Array) -> NDArray[Any]:
    """Means of all 8 x 8 blocks."""
    total = np.cumsum(np.cumsum(np.pad(values, ((1, 0), (1, 0))), axis=0, dtype=np.float64), axis=1)
    k = _BLOCK
    return (total[k:, k:] - total[:-k, k:] - total[k:, :-k] + total[:-k, :-k]) / (k * k)


def _colour_distance(one: Array, other: Array) -> float:
    """0 to about 1.3; how strong the colours are counts little, which ones they are counts."""
    strength, strength_too = float(np.sqrt((one * one).mean())), float(np.sqrt((other * other).mean()))
    scale = float(np.clip((one * other).sum() / ((one * one).sum() + 1e-3), 0.4, 2.5))
    return float(np.sqrt(((other - scale * one) ** 2).mean())) / (max(strength, strength_too) + 6)
