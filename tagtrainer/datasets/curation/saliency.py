"""Where a picture without faces draws the eye: spectral residual saliency. Must not know items or files.

Formula: Hou and Zhang, "Saliency Detection: A Spectral Residual Approach", CVPR 2007, at 64 pixels a side.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 64
BLUR = 2.5
"""Standard deviation, in pixels of the 64 pixel map, of the last smoothing."""
SHARE = 0.05
"""Part of the interest that may lie beyond each edge of the box."""
FLAT = 2.0
"""A plane whose values spread less than this (of 255) shows no subject."""
Map = NDArray[np.float64]


def saliency(picture: Image.Image) -> Map:
    """Interest of each place of the picture, 64 x 64, summing to 1; all zero for a flat picture.

    Brightness and the two colour differences are looked at apart, each counts by how much it varies.
    """
    small = picture.convert("YCbCr").resize((SIDE, SIDE), Image.Resampling.BOX)
    planes = np.moveaxis(np.asarray(small, dtype=np.float64), 2, 0)
    found = np.zeros((SIDE, SIDE))
    for plane in planes:
        spread = float(plane.std())
        if spread >= FLAT:
            found += spread * _residual(plane)
    total = float(found.sum())
    return found / total if total > 0 else found


def _residual(plane: Map) -> Map:
    """Spectral residual of one plane, summing to 1."""
    spectrum: NDArray[Any] = np.fft.fft2(plane)
    size: Map = np.log(np.abs(spectrum) + 1e-9)
    found = np.abs(np.fft.ifft2(np.exp(size - _mean3(size) + 1j * np.angle(spectrum)))) ** 2
    found = _blurred(found) * _window()
    found = np.clip(found - found.mean(), 0, None)
    return np.asarray(found / max(float(found.sum()), 1e-12), dtype=np.float64)


def _mean3(values: Map) -> Map:
    """Mean of every 3 x 3 neighbourhood; the plane is a torus, as the spectrum is."""
    rows = values + np.roll(values, 1, 0) + np.roll(values, -1, 0)
    return np.asarray((rows + np.roll(rows, 1, 1) + np.roll(rows, -1, 1)) / 9)


def _blurred(values: Map) -> Map:
    frequency = np.fft.fftfreq(SIDE)
    gauss = np.exp(-2 * (np.pi * BLUR * frequency) ** 2)
    return np.real(np.fft.ifft2(np.fft.fft2(values) * np.outer(gauss, gauss)))


def _window() -> Map:
    """Edges count less: the transform sees a seam there, and subjects seldom stand there."""
    ramp = np.clip((np.minimum(np.arange(SIDE), np.arange(SIDE)[::-1]) + 1) / 6, 0, 1)
    return np.outer(ramp, ramp)


def salient_box(picture: Image.Image) -> tuple[tuple[float, float, float, float], float] | None:
    """(left, top, right, bottom as shares of the picture, score 0..1), or None when nothing stands out.

    The score is how much smaller the box is than the picture: 0 means that the interest is spread evenly.
    """
    found = saliency(picture)
    if not found.any():
        return None
    left, right = _ends(found.sum(axis=0))
    top, bottom = _ends(found.sum(axis=1))
    return (left, top, right, bottom), 1 - (right - left) * (bottom - top)


def _ends(weights: Map) -> tuple[float, float]:
    """Where the middle 90 % of the weight begins and ends, as shares of the length."""
    reached = np.cumsum(weights)
    first = int(np.searchsorted(reached, SHARE))
    last = int(np.searchsorted(reached, 1 - SHARE))
    return first / SIDE, min(SIDE, last + 1) / SIDE
