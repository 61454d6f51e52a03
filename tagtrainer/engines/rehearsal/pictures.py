"""A picture becomes latents and back. Must not know file names, datasets or networks.

The stand-in for the VAE is a fixed, readable transform with the real one's shape: 16 channels at an eighth of the size.
Channels 0-11: the Haar transform of 2x2 sub-blocks for R, G, B (mean, horizontal, vertical, diagonal), so the picture can be
recovered at a quarter of its size. Channels 12-15: how much the brightness varies inside each sub-block.
"""

# mypy: disable-error-code="no-any-return"
# (arithmetic on arrays of any kind is Any to the type checker)

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tagtrainer.core.buckets import Size

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Array = NDArray[Any]
CHANNELS = 16
SCALE = 8
_HAAR = np.array([[1, 1, 1, 1], [1, -1, 1, -1], [1, 1, -1, -1], [1, -1, -1, 1]], np.float32) / 2


def fitted(path: str | Path, bucket: Size) -> NDArray[np.uint8]:
    """The picture at `path` scaled to cover `bucket` and cut to it around its centre: height x width x 3 bytes."""
    from PIL import Image

    with Image.open(path) as picture:
        picture.draft("RGB", bucket)  # a JPEG decodes at a fraction of its size when that still covers the bucket
        return np.asarray(_cover(picture.convert("RGB"), bucket))


def _cover(picture: Picture, bucket: Size) -> Picture:
    from PIL import Image

    width, height = bucket
    factor = max(width / picture.width, height / picture.height)
    if factor != 1:
        sides = max(width, round(picture.width * factor)), max(height, round(picture.height * factor))
        picture = picture.resize(sides, Image.Resampling.BICUBIC, reducing_gap=2.0)
    left, top = (picture.width - width) // 2, (picture.height - height) // 2
    return picture.crop((left, top, left + width, top + height))


def encode(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Latents, 16 x 1 x height/8 x width/8, of a picture (height x width x 3 bytes)."""
    rows, columns = pixels.shape[0] // SCALE, pixels.shape[1] // SCALE
    cut = pixels[: rows * SCALE, : columns * SCALE].astype(np.float32) / 127.5 - 1
    blocks = cut.reshape(rows, 2, 4, columns, 2, 4, 3)
    means = blocks.mean((2, 5)).transpose(0, 2, 1, 3, 4).reshape(rows, columns, 4, 3)
    spread = blocks.mean(6).std((2, 5)).transpose(1, 3, 0, 2).reshape(4, rows, columns)
    haar = np.einsum("kb,yxbc->ckyx", _HAAR, means).reshape(12, rows, columns)
    return np.concatenate([haar, spread]).astype(np.float32)[:, None]


def decode(latents: Array) -> Array:
    """The picture that latents hold, a quarter of its size: height/4 x width/4 x 3, values -1..1."""
    rows, columns = latents.shape[-2:]
    haar = latents.reshape(CHANNELS, rows, columns)[:12].reshape(3, 4, rows, columns)
    means = np.einsum("kb,ckyx->yxbc", _HAAR, haar).reshape(rows, columns, 2, 2, 3)
    return means.transpose(0, 2, 1, 3, 4).reshape(rows * 2, columns * 2, 3)


def shrunk(pixels: Array, rows: int, columns: int) -> Array:
    """A picture (height x width x channels) averaged down, or repeated up, to rows x columns."""
    return np.einsum(
        "yh,hwc,xw->yxc", _box(pixels.shape[0], rows), pixels, _box(pixels.shape[1], columns), optimize=True
    )


def _box(source: int, target: int) -> Array:
    """Row i holds how much each of `source` cells lies inside the i-th of `target` equal parts."""
    edges = np.linspace(0, source, target + 1)
    cells = np.arange(source)
    inside = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    weights = np.clip(inside, 0, None)
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)
