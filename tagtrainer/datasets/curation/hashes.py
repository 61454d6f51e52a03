"""Perceptual hashes of pictures: 64 bits that stay nearly the same when a picture is resized, recompressed or brightened.

Must not know datasets, nor decide what is a duplicate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 32
"""Pictures are shrunk to SIDE x SIDE greys before the cosine transform (as imagehash.phash does by default)."""
LOW = 8
"""LOW x LOW lowest frequencies give one bit each."""
DECODED = 128
"""JPEGs are decoded at half scale, but not below this side: twice as quick, a quarter of a bit off on average."""
BATCH = 64

Hashes = NDArray[np.uint64]


def _cosines() -> NDArray[np.float32]:
    """The first LOW rows of the type II cosine transform of SIDE samples, unscaled like scipy.fftpack's."""
    places = (2 * np.arange(SIDE) + 1) / (2 * SIDE)
    return (2 * np.cos(np.pi * np.arange(LOW)[:, None] * places)).astype(np.float32)


_COSINES = _cosines()
_MIRROR = np.where(np.arange(LOW) % 2, -1, 1).astype(np.float32)


@dataclass(frozen=True)
class Pair:
    """Hashes of pictures and of the same pictures mirrored left to right, in the same order."""

    plain: Hashes
    mirrored: Hashes


@dataclass(frozen=True)
class Grey:
    """A picture in greys, and the part of it that holds picture: half of an odd side ends within the last pixel."""

    picture: Image.Image
    width: float
    height: float

    def shrunk(self, margin: float = 0.0) -> NDArray[np.uint8]:
        """SIDE x SIDE greys of the picture, or of it without a share `margin` at each edge."""
        far = 1 - margin
        box = (self.width * margin, self.height * margin, self.width * far, self.height * far)
        return np.asarray(self.picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box))


def reduced(picture: Image.Image) -> Grey:
    """An opened picture in greys; a JPEG is decoded at half scale."""
    width, height = picture.size
    picture.draft("L", (max(DECODED, width // 2), max(DECODED, height // 2)))
    scale = max(1, round(width / picture.width))
    return Grey(picture if picture.mode == "L" else picture.convert("L"), width / scale, height / scale)


def read_small(path: Path) -> NDArray[np.uint8]:
    """SIDE x SIDE greys of a file. Raises OSError, ValueError or SyntaxError when it is no picture."""
    with Image.open(path) as picture:
        return reduced(picture).shrunk()


def of_greys(greys: NDArray[Any]) -> Pair:
    """Hashes of a stack [n, SIDE, SIDE] of greys. A mirrored picture only turns the sign of every odd column."""
    low = _COSINES @ np.asarray(greys, dtype=np.float32) @ _COSINES.T
    return Pair(_bits(low), _bits(low * _MIRROR))


def _bits(low: NDArray[np.float32]) -> Hashes:
    flat = low.reshape(len(low), LOW * LOW)
    over = flat > np.median(flat, axis=1, keepdims=True)
    packed = np.packbits(over, axis=1)
    return packed.view(">u8").reshape(len(low)).astype(np.uint64)


def of_files(paths: Sequence[Path], workers: int = 2, on_done: Callable[[int], None] | None = None) -> Hashes:
    """The hash of each file, read by threads (Pillow decodes without holding the interpreter). Raises as `read_small`."""
    hashes = np.zeros(len(paths), dtype=np.uint64)
    done = 0
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for found in pool.map(_of_some, _chunks(paths, BATCH)):
            hashes[done : done + len(found)] = found
            done += len(found)
            if on_done is not None:
                on_done(done)
    return hashes


def _of_some(paths: Sequence[Path]) -> Hashes:
    return of_greys(np.stack([read_small(path) for path in paths])).plain


def _chunks(paths: Iterable[Path], size: int) -> Iterator[list[Path]]:
    rest = iter(paths)
    while chunk := list(islice(rest, size)):
        yield chunk


def distance(one: int, other: int) -> int:
    """How many of the 64 bits differ."""
    return (one ^ other).bit_count()
