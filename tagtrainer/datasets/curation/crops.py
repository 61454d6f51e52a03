"""The geometry of crops: the largest box of a wanted shape that keeps the subject whole. Must not read or write anything."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from tagtrainer.core.buckets import Size, bucket_sizes
from tagtrainer.core.text import UserError
from tagtrainer.datasets.curation.focus import Subject
from tagtrainer.datasets.models import Box

Shape = Literal["size", "aspect", "buckets"]
LARGEST, LARGEST_AREA = 16_384, 4096
STEEPEST = 20
"""No picture is asked to be more than this many times as wide as high, or the other way round."""
ACROSS = (1 / 3, 2 / 3)
"""Where the middle of a subject may stand across the crop: it keeps its side, no further out than the lines of thirds."""
DOWN = {"face": (0.33, 0.42), "saliency": (0.4, 0.6), "vision": (0.38, 0.6), "centre": (0.5, 0.5)}
"""Where it may stand down the crop; eyes look right near the upper third."""
_SIZE = re.compile(r"(\d{1,5})\s*[x×,]\s*(\d{1,5})", re.IGNORECASE)
_ASPECT = re.compile(r"(\d{1,5})\s*[:/]\s*(\d{1,5})")


@dataclass(frozen=True, slots=True)
class Target:
    """size: exactly width x height. aspect: width : height. buckets: any training size for the area of width x height."""

    shape: Shape
    width: int
    height: int

    def __str__(self) -> str:
        if self.shape == "aspect":
            return f"{self.width}:{self.height}"
        return f"{'buckets:' if self.shape == 'buckets' else ''}{self.width}x{self.height}"


@dataclass(frozen=True, slots=True)
class Proposal:
    """A crop in pixels of the upright original. `aim` is the size that it is for, (0, 0) when only the shape is asked for.

    whole: the subject is inside. enlarged: aim / box, above 1 when pixels must be made up. kept: share of the picture.
    """

    box: Box
    aim: Size
    whole: bool
    enlarged: float
    kept: float


def parse_target(text: str) -> Target:
    """`1024x1024`, `3:4` or `buckets:1024x1024`. Raises UserError curation.no_target, curation.steep, buckets.too_small."""
    words = text.strip().lower()
    buckets = words.startswith("buckets:")
    words = words.removeprefix("buckets:").strip()
    found = _SIZE.fullmatch(words) or (None if buckets else _ASPECT.fullmatch(words))
    if found is None:
        raise UserError("curation.no_target", value=text[:40])
    width, height = int(found[1]), int(found[2])
    shape: Shape = "buckets" if buckets else "size" if found.re is _SIZE else "aspect"
    if min(width, height) < (1 if shape == "aspect" else 16) or max(width, height) > LARGEST:
        raise UserError("curation.no_target", value=text[:40])
    if max(width, height) > STEEPEST * min(width, height):
        raise UserError("curation.steep", value=text[:40], limit=STEEPEST)
    if shape == "buckets":
        if max(width, height) > LARGEST_AREA:
            raise UserError("curation.no_target", value=text[:40])
        bucket_sizes((width, height))
    return Target(shape, width, height)


def propose(size: Size, subject: Subject, target: Target) -> Proposal:
    """The crop for a picture of `size`: as large as it can be, the subject whole where it fits, placed by thirds."""
    if target.shape != "buckets":
        aim = (target.width, target.height)
        return _placed(size, subject, largest(size, aim), aim if target.shape == "size" else (0, 0))
    return _placed(size, subject, *_best(size, subject.box, bucket_sizes((target.width, target.height))))


def _best(size: Size, inner: Box, buckets: list[Size]) -> tuple[Size, Size]:
    """(extent, bucket) that shows most of the subject, and of those the one that keeps most of the picture."""
    extents = [(largest(size, bucket), bucket) for bucket in buckets]
    return max(
        extents, key=lambda one: (min(one[0][0], inner[2]) * min(one[0][1], inner[3]), one[0][0] * one[0][1], one[1])
    )


def largest(size: Size, shape: Size) -> Size:
    """The largest width and height of the shape's aspect inside `size`, to the nearest pixel."""
    if size[0] * shape[1] >= size[1] * shape[0]:
        return min(size[0], max(1, round(size[1] * shape[0] / shape[1]))), size[1]
    return size[0], min(size[1], max(1, round(size[0] * shape[1] / shape[0])))


def _placed(size: Size, subject: Subject, extent: Size, aim: Size) -> Proposal:
    x = _start(size[0], extent[0], subject.box[0], subject.box[2], ACROSS)
    y = _start(size[1], extent[1], subject.box[1], subject.box[3], DOWN[subject.source])
    box = (x, y, *extent)
    return Proposal(box, aim, holds(box, subject.box), enlarged(box, aim), extent[0] * extent[1] / (size[0] * size[1]))


def _start(length: int, extent: int, first: int, span: int, allowed: tuple[float, float]) -> int:
    """Where a crop of `extent` begins in a picture of `length` so that first..first+span stands well and, if it fits, whole."""
    middle = first + span / 2
    place = min(allowed[1], max(allowed[0], middle / length))
    start = round(middle - place * extent)
    if span <= extent:
        start = min(first, max(first + span - extent, start))
    else:
        start = round(middle - extent / 2)
    return min(length - extent, max(0, start))


def holds(box: Box, inner: Box) -> bool:
    """Whether `inner` lies inside `box`."""
    return _seen(box, inner) == inner[2] * inner[3]


def _seen(box: Box, inner: Box) -> int:
    """Pixels of `inner` that lie inside `box`."""
    across = min(box[0] + box[2], inner[0] + inner[2]) - max(box[0], inner[0])
    down = min(box[1] + box[3], inner[1] + inner[3]) - max(box[1], inner[1])
    return max(0, across) * max(0, down)


def enlarged(box: Box, aim: Size) -> float:
    """How many times a crop must be enlarged to become `aim`; 1 or less means that it has pixels enough."""
    return max(aim[0] / box[2], aim[1] / box[3])


def checked(box: Box, size: Size) -> Box:
    """A box that somebody drew, if it lies inside the picture. Raises UserError curation.box_outside."""
    x, y, width, height = box
    if x < 0 or y < 0 or min(width, height) < 8 or x + width > size[0] or y + height > size[1]:
        raise UserError("curation.box_outside", width=size[0], height=size[1])
    return box


def drawn(box: Box, size: Size, subject: Subject, target: Target) -> Proposal:
    """What is to be said of a box that somebody drew. With buckets the nearest training size is what it is for."""
    aim = (0, 0) if target.shape == "aspect" else (target.width, target.height)
    if target.shape == "buckets":
        ratio = box[2] / box[3]
        aim = min(bucket_sizes(aim), key=lambda bucket: abs(bucket[0] / bucket[1] - ratio))
    return Proposal(box, aim, holds(box, subject.box), enlarged(box, aim), box[2] * box[3] / (size[0] * size[1]))
