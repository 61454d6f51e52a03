"""Finds what a picture is about: a face, what draws the eye, what a vision model says, or its centre. Must not crop anything.

A vision model is a callable that the caller gives: captioning stays out of here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from tagtrainer.core.text import UserError
from tagtrainer.datasets.curation.answers import shares_of
from tagtrainer.datasets.curation.face_models import Detector, Found
from tagtrainer.datasets.curation.saliency import salient_box
from tagtrainer.datasets.models import Box

Source = Literal["face", "saliency", "vision", "centre"]
By = Literal["auto", "face", "saliency", "vision"]
Ask = Callable[[Path], str]
"""Shows a picture file to a vision model and gives its answer. Raises UserError."""
Shares = tuple[float, float, float, float]
"""left, top, right, bottom as shares of width and height."""
BESIDE = 0.3
"""Faces of at least this share of the largest one's area belong to the subject too."""
HEAD = (0.35, 0.55, 0.35, 0.35)
"""Hair, ears and chin around a face box: shares of its size to the left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What to keep whole, in pixels of the upright original. `score` 0..1 says how sure the finder is."""

    box: Box
    source: Source
    score: float


def find(
    path: Path, size: tuple[int, int], by: By = "auto", *, detector: Detector | None = None, ask: Ask | None = None
) -> Subject:
    """The subject of the picture file `path` (a shrunk copy will do), in pixels of the original of `size`.

    auto: a face, else what draws the eye, else the centre. vision: what `ask` answers. face: a face, else the centre.
    Raises UserError when the file cannot be read or the vision model gives no box.
    """
    if by == "vision":
        if ask is None:
            raise UserError("curation.nobody_to_ask")
        return Subject(in_pixels(_asked(path, ask), size), "vision", 1.0)
    picture = _opened(path)
    if by in ("auto", "face") and detector is not None:
        faces = detector.detect(np.asarray(picture, dtype=np.uint8))
        if faces:
            return Subject(in_pixels(heads(faces, picture.size), size), "face", faces[0].score)
    if by != "face":
        salient = salient_box(picture)
        if salient is not None:
            return Subject(in_pixels(salient[0], size), "saliency", round(salient[1], 4))
    return centre(size)


def _asked(path: Path, ask: Ask) -> Shares:
    with Image.open(path) as picture:
        size = picture.size
    return shares_of(ask(path), size)


def _opened(path: Path) -> Image.Image:
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError("curation.no_picture", name=path.name) from error


def heads(faces: list[Found], size: tuple[int, int]) -> Shares:
    """The box around the heads that matter: the largest face and those not much smaller."""
    areas = [face.box[2] * face.box[3] for face in faces]
    boxes = [_head(face) for face, area in zip(faces, areas, strict=True) if area >= BESIDE * max(areas)]
    left, top = min(box[0] for box in boxes), min(box[1] for box in boxes)
    right, bottom = max(box[2] for box in boxes), max(box[3] for box in boxes)
    return left / size[0], top / size[1], right / size[0], bottom / size[1]


def _head(face: Found) -> Shares:
    x, y, width, height = face.box
    return x - HEAD[0] * width, y - HEAD[1] * height, x + (1 + HEAD[2]) * width, y + (1 + HEAD[3]) * height


def centre(size: tuple[int, int]) -> Subject:
    """The middle third: where most subjects are when nothing else is known."""
    return Subject(in_pixels((1 / 3, 1 / 3, 2 / 3, 2 / 3), size), "centre", 0.0)


def in_pixels(shares: Shares, size: tuple[int, int]) -> Box:
    """Shares as a box of whole pixels inside the picture, at least one pixel large."""
    width, height = size
    left = min(width - 1, max(0, int(shares[0] * width)))
    top = min(height - 1, max(0, int(shares[1] * height)))
    right = min(width, max(left + 1, round(shares[2] * width)))
    bottom = min(height, max(top + 1, round(shares[3] * height)))
    return left, top, right - left, bottom - top
