"""The engine's rule that sorts pictures by aspect ratio into training sizes, exactly. Must not know files or models.

Source: musubi-tuner 0.3.4, described in its dataset documentation and checked against its own selector.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from tagtrainer.core.text import UserError

Size = tuple[int, int]
"""(width, height) in pixels."""


def floor_step(value: int, step: int) -> int:
    """`value` cut down to a multiple of `step`."""
    return value - value % step


@lru_cache(maxsize=256)
def _table(resolution: Size, step: int) -> tuple[Size, ...]:
    area = resolution[0] * resolution[1]
    base = math.isqrt(area)
    smallest = floor_step(base // 2, step)
    if smallest < step:
        raise UserError("buckets.too_small", width=resolution[0], height=resolution[1], least=2 * step)
    found: set[Size] = set()
    for width in range(smallest, base + step, step):
        height = floor_step(area // width, step)
        found |= {(width, height), (height, width)}
    return tuple(sorted(found))


def bucket_sizes(resolution: Size, step: int = 16) -> list[Size]:
    """Every training size for an area of `resolution`, sorted by width, then height.

    Widths run from half the square root of the area up to it in `step`s, the height fills the area, both orders.
    Raises UserError buckets.too_small when half of that root is less than one step.
    """
    return list(_table(resolution, step))


@lru_cache(maxsize=65_536)
def bucket_for(
    size: Size, resolution: Size, enable_bucket: bool = True, no_upscale: bool = False, step: int = 16
) -> Size:
    """The training size of a picture of `size`: the nearest aspect ratio (absolute difference of width/height).

    Of equally near ones the first by width wins. Without buckets it is `resolution` itself. With `no_upscale` a picture
    whose area is at most that of `resolution` keeps its size, cut down to multiples of `step` (a side may become 0).
    """
    if not enable_bucket:
        return resolution
    width, height = size
    if no_upscale and width * height <= resolution[0] * resolution[1]:
        return floor_step(width, step), floor_step(height, step)
    ratio = width / height
    return min(_table(resolution, step), key=lambda bucket: abs(bucket[0] / bucket[1] - ratio))


def buckets_for(
    sizes: Sequence[Size], resolution: Size, enable_bucket: bool = True, no_upscale: bool = False, step: int = 16
) -> list[Size]:
    """`bucket_for` of many unlike sizes at once, much quicker."""
    if not enable_bucket or not sizes:
        return [resolution] * len(sizes)
    import numpy as np

    table = _table(resolution, step)
    ratios = np.array([bucket[0] / bucket[1] for bucket in table])
    found: list[Size] = []
    for first in range(0, len(sizes), 8192):
        part = np.array(sizes[first : first + 8192], dtype=np.float64)
        nearest = np.abs(ratios - (part[:, 0] / part[:, 1])[:, None]).argmin(axis=1)
        found += [table[place] for place in nearest.tolist()]
    if no_upscale:
        most = resolution[0] * resolution[1]
        for place, (width, height) in enumerate(sizes):
            if width * height <= most:
                found[place] = (floor_step(width, step), floor_step(height, step))
    return found


def count_by_bucket(
    sizes: Iterable[Size], resolution: Size, enable_bucket: bool = True, no_upscale: bool = False, step: int = 16
) -> Mapping[Size, int]:
    """How many pictures fall into each training size, sorted by size."""
    counts = Counter(bucket_for(size, resolution, enable_bucket, no_upscale, step) for size in sizes)
    return dict(sorted(counts.items()))


def batches(count: int, batch_size: int) -> int:
    """Batches that `count` pictures of one bucket make; the last one may be smaller."""
    return -(-count // batch_size)
