"""The still pictures of a clip: its poster in the sizes of all previews, and a strip of four frames. Must not know datasets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from tagtrainer.datasets import media
from tagtrainer.datasets.clips import video
from tagtrainer.datasets.clips.animation import Clip

STRIP_SIDE = 320
STRIP = 4
DARK, FLAT = 16.0, 5.0
"""Mean and spread of brightness (of 255) below which a frame shows nothing."""


def make_previews(source: Path, medium: Path, preview: Path) -> Clip:
    """Write poster and strip (paths without extension, as for pictures). UserError datasets.skip.* when it is no clip."""
    seen = video.look(source)
    poster = best(seen.pictures)
    media.save_previews(poster, medium, preview)
    _save_strip(seen.pictures, strip_path(preview))
    return seen.clip


def strip_path(preview: Path) -> Path:
    """Where the strip lies beside the preview (without extension)."""
    return preview.with_name(f"{preview.name}.strip.jpg")


def make_strip(source: Path, preview: Path) -> Path:
    """The strip, made now if it is not there."""
    target = strip_path(preview)
    if not target.exists():
        _save_strip(video.look(source).pictures, target)
    return target


def best(pictures: Sequence[Image.Image]) -> Image.Image:
    """The first picture that shows something and is about as sharp as the sharpest."""
    rated = [_rating(picture) for picture in pictures]
    sharpest = max(sharpness for _, sharpness in rated)
    for picture, (lively, sharpness) in zip(pictures, rated, strict=True):
        if lively and sharpness >= 0.5 * sharpest:
            return picture
    return pictures[max(range(len(pictures)), key=lambda number: rated[number])]


def _rating(picture: Image.Image) -> tuple[bool, float]:
    """(whether it is neither black nor plain, how sharp it is)."""
    import numpy as np

    grey = picture.convert("L")
    grey.thumbnail((256, 256))
    values = np.asarray(grey, dtype=np.float32)
    lively = bool(values.mean() > DARK and values.std() > FLAT)
    across, down = np.diff(values, axis=1), np.diff(values, axis=0)
    return lively, float((across**2).mean() + (down**2).mean()) if values.size > 1 else 0.0


def _save_strip(pictures: Sequence[Image.Image], target: Path) -> None:
    """Four frames side by side; a clip of fewer repeats its last one."""
    chosen = list(pictures[1:] if len(pictures) > STRIP else pictures)[:STRIP]
    chosen += [chosen[-1]] * (STRIP - len(chosen))
    scale = min(1.0, STRIP_SIDE / max(chosen[0].size))
    width, height = (max(1, round(side * scale)) for side in chosen[0].size)
    strip = Image.new("RGB", (width * STRIP, height))
    for number, picture in enumerate(chosen):
        strip.paste(picture.resize((width, height), Image.Resampling.BILINEAR), (number * width, 0))
    media.save(strip, target)
