"""Numbers that say how good a picture is: sharpness, light, compression, borders. Must not know datasets, nor what is too little.

All take greys of 0 to 255 (a two-dimensional array of bytes).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.uint8]

TILES = 16
USUAL_CONTRAST, LEAST_CONTRAST = 2500.0, 80.0
"""Variance of the greys of a usual photograph, and the least that is not taken for an empty picture."""
CLIPPED_DARK, CLIPPED_BRIGHT = 2, 253
FLAT, STEP = 10, 14
"""A line of a bar varies by at most FLAT grey levels; where a bar ends, the grey changes by at least STEP."""
RINGING = 10
"""Rows before an edge that JPEG disturbs: a block and a bit."""
SURE_STEP = 0.4
"""Share of the width on which it must change: a plain backdrop ends where the motif begins, which is narrower."""
_STANDARD_SUM = 57.625
"""Mean of the luminance table of the JPEG standard (Annex K.1), which quality 50 uses unchanged."""


def detail(grey: Grey) -> float:
    """Fine structure relative to contrast, less what is clipped: comparable between copies of one picture, however bright."""
    if min(grey.shape) < 3:
        return 0.0
    clipped = light(grey)[2]
    return float(_laplacian(grey).var() / (float(grey.var()) + 4) * 100 * (1 - clipped) ** 2)


def score(variance: float) -> float:
    """Variance of the Laplacian as a number of 0 to 100 (logarithmic): photographs have 60 to 100, blurred ones under 45."""
    return float(np.clip(27 * np.log10(1 + max(0.0, variance)), 0, 100))


def sharpness(grey: Grey) -> float:
    """Variance of the Laplacian in the sharpest places (5 of 256), as if the picture had usual contrast.

    A sharp insect before a soft background counts as sharp, and so does a sharp picture of fog.
    """
    if min(grey.shape) < 3 * TILES:
        return float(_laplacian(grey).var()) if min(grey.shape) > 2 else 0.0
    edges = _laplacian(grey)
    height, width = edges.shape[0] // TILES, edges.shape[1] // TILES
    tiles = edges[: height * TILES, : width * TILES].reshape(TILES, height, TILES, width)
    contrast = USUAL_CONTRAST / max(LEAST_CONTRAST, float(grey.var()))
    return float(np.percentile(tiles.var(axis=(1, 3)), 98) * contrast)


def _laplacian(grey: Grey) -> NDArray[np.float32]:
    wide = grey.astype(np.int16)
    middle = wide[1:-1, 1:-1]
    around = wide[:-2, 1:-1] + wide[2:, 1:-1] + wide[1:-1, :-2] + wide[1:-1, 2:]
    return (around - 4 * middle).astype(np.float32)


def light(grey: Grey) -> tuple[float, float, float]:
    """(grey that nine tenths of the picture stay under, grey that nine tenths exceed, share at either end of the scale)."""
    counts = np.bincount(grey.ravel(), minlength=256)
    total = np.cumsum(counts)
    low, high = (int(np.searchsorted(total, share * total[-1])) for share in (0.1, 0.9))
    clipped = (total[CLIPPED_DARK - 1] + total[-1] - total[CLIPPED_BRIGHT]) / total[-1]
    return float(high), float(low), float(clipped)


def table_quality(tables: Any) -> float:
    """Quality 1 to 100 that a JPEG was saved with, from its luminance table (libjpeg's scale); 100 when it has none."""
    try:
        mean = float(np.mean(list(tables[0])))
    except (KeyError, IndexError, TypeError, ValueError):
        return 100.0
    percent = mean / _STANDARD_SUM * 100
    return float(np.clip(5000 / percent if percent > 100 else 100 - percent / 2, 1, 100))


def block_quality(grey: Grey) -> float:
    """The same guessed from visible 8 x 8 blocks, which also a copy saved again in another format still shows."""
    seams = max(_seams(grey), _seams(grey.T))
    return float(np.interp(seams, _SEAMS, _QUALITIES))


_SEAMS = (2.2, 3.2, 4.5, 6.5, 10.0)
_QUALITIES = (100.0, 50.0, 25.0, 10.0, 5.0)
"""Medians over 60 photographs saved at these qualities; untouched ones reach 2.0."""


def _seams(grey: NDArray[Any]) -> float:
    """Steps between columns on the worst of the eight possible grids, relative to the steps off it."""
    if grey.shape[1] < 64:
        return 1.0
    wide = grey.astype(np.int16)
    steps = np.abs(2 * np.diff(wide, axis=1)[:, 1:-1] - np.diff(wide, axis=1)[:, :-2] - np.diff(wide, axis=1)[:, 2:])
    columns = np.minimum(steps, 40).mean(axis=0)
    by_grid = np.array([columns[start::8].mean() for start in range(8)]) + 0.5
    return float(by_grid.max() / np.median(by_grid))


def borders(grey: Grey) -> tuple[float, float, float, float]:
    """Shares of the width or height that plain bars take: left, top, right, bottom. 0 where there is none."""
    left, right = _bars(grey.T)
    top, bottom = _bars(grey)
    return left, top, right, bottom


def _bars(grey: NDArray[Any]) -> tuple[float, float]:
    """Shares of rows of the bars at top and bottom. One that ends in dark hardly shows its edge: its like opposite proves it."""
    rows = grey.astype(np.int16)
    sides = [_bar(rows), _bar(rows[::-1])]
    (one, step), (other, step_too) = sides
    alike = abs(one - other) <= 2 + max(one, other) // 8 and abs(np.median(rows[0]) - np.median(rows[-1])) <= FLAT
    proven = alike and min(step, step_too) > 0.1 and max(step, step_too) > SURE_STEP
    first, last = (end / len(rows) if proven or share > SURE_STEP else 0.0 for end, share in sides)
    return first, last


def _bar(rows: NDArray[np.int16]) -> tuple[int, float]:
    """(how many rows from the top are as plain as the first, share of the width on which the grey changes after them)."""
    off = np.abs(rows - np.median(rows[0]))
    varied = (off > FLAT).mean(axis=1) > 0.02
    plain = int(np.argmax(varied)) if varied.any() else len(rows)
    if not 2 <= plain <= 0.48 * len(rows):
        return 0, 0.0
    steps = (off[plain : plain + RINGING] > STEP).mean(axis=1)
    return plain + int(np.argmax(steps > steps.max() / 2)), float(steps.max())
