"""Which frames of a clip the engine trains on, by its own rules. Must not open files nor know items.

Source: musubi-tuner 0.3.4; checked against its own code (tests/engine/test_real_windows.py) for many lengths and settings.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

from tagtrainer.core.text import UserError

Extraction = Literal["head", "chunk", "slide", "uniform", "full"]
EXTRACTIONS: tuple[str, ...] = get_args(Extraction)
STEP = 4
"""Clip lengths are 4n+1: every model's VAE packs four frames into one after the first."""
MODEL_FPS = {"wan": 16.0, "hunyuan_video": 24.0, "hunyuan_video_1_5": 24.0, "kandinsky5": 24.0, "framepack": 30.0}
MOST_FRAMES = 216_000
Window = tuple[int, int]
"""(start, length) in frames as the engine reads the clip, that is after the rate was changed."""


@dataclass(frozen=True, slots=True)
class Taking:
    """How windows are cut out of clips. With `source_fps` and `target_fps` frames are dropped to reach the target rate."""

    target_frames: tuple[int, ...] = (1,)
    extraction: str = "head"
    stride: int = 1
    sample: int = 1
    max_frames: int = 129
    source_fps: float = 0.0
    target_fps: float = 0.0

    @property
    def lengths(self) -> tuple[int, ...]:
        """The clip lengths in use: cut down to 4n+1, each once, shortest first."""
        return tuple(sorted({floor_length(wanted) for wanted in self.target_frames}))

    @property
    def converts(self) -> bool:
        """Whether frames are dropped to change the rate."""
        return self.source_fps > 0 and self.target_fps > 0

    @property
    def end(self) -> int | None:
        """Where reading stops: head (and uniform with one sample) reads no further than the longest length."""
        head = self.extraction == "head" or (self.extraction == "uniform" and self.sample == 1)
        return max(self.lengths) if head else None


def floor_length(frames: int) -> int:
    """`frames` cut down to 4n+1."""
    return (frames - 1) // STEP * STEP + 1


def checked(taking: Taking) -> Taking:
    """The same, when the engine takes it. Raises UserError frames.extraction, frames.target, frames.number, frames.fps."""
    if taking.extraction not in EXTRACTIONS:
        raise UserError("frames.extraction", given=taking.extraction, known=", ".join(EXTRACTIONS))
    if not taking.target_frames or not all(1 <= wanted <= MOST_FRAMES for wanted in taking.target_frames):
        raise UserError("frames.target", given=" ".join(map(str, taking.target_frames)))
    for name in ("stride", "sample", "max_frames"):
        if not 1 <= getattr(taking, name) <= MOST_FRAMES:
            raise UserError("frames.number", name=name, given=getattr(taking, name))
    for rate in (taking.source_fps, taking.target_fps):
        if not 0 <= rate <= 1000:
            raise UserError("frames.fps", given=rate)
    return taking


def kept(frame_count: int, taking: Taking) -> Sequence[int]:
    """Which frames of the file the engine reads, in order; all of them when the rate is not changed.

    Windows count in these. A frame is dropped when it falls on the same target frame as the one before it. Nothing is added
    for a slower source, so that such a clip plays too fast and, with head, is cut short early.
    """
    if not taking.converts:
        return range(frame_count if taking.end is None else min(frame_count, taking.end))
    places, targets = _converted(taking.source_fps, taking.target_fps, max(frame_count, 1))
    count = bisect_left(places, frame_count)
    return places[: count if taking.end is None else min(count, bisect_left(targets, taking.end))]


def _converted(source_fps: float, target_fps: float, frame_count: int) -> tuple[Sequence[int], Sequence[int]]:
    room = 1024
    while room < frame_count:
        room *= 4
    return _conversion(source_fps, target_fps, room)


@lru_cache(maxsize=16)
def _conversion(source_fps: float, target_fps: float, room: int) -> tuple[Sequence[int], Sequence[int]]:
    """(places in the file, target frames) of the frames kept. The fraction is summed up as the engine does: so do errors."""
    delta, fraction, before = target_fps / source_fps, 0.0, -1
    places: list[int] = []
    targets: list[int] = []
    for place in range(room):
        target = int(fraction)
        fraction += delta
        if target != before:
            places.append(place)
            targets.append(target)
            before = target
    return places, targets


def starts(frame_count: int, length: int, taking: Taking) -> Sequence[int]:
    """Where windows of one length start in a clip of `frame_count` frames as read; none when it is too short.

    Equal ones that uniform finds in a short clip are one: the engine writes them into the same file.
    """
    room = frame_count - length
    if room < 0:
        return range(0)
    if taking.end is not None:
        return range(1)
    if taking.extraction == "chunk":
        return range(0, room + 1, length)
    if taking.extraction == "slide":
        return range(0, room + 1, taking.stride)
    return _uniform(room, taking.sample)


@lru_cache(maxsize=4096)
def _uniform(room: int, sample: int) -> Sequence[int]:
    """`sample` places from 0 to `room`, rounded down; the same floating point steps as numpy's linspace, the last one exact."""
    step = room / (sample - 1)
    places = [int(number * step) for number in range(sample - 1)]
    return tuple(dict.fromkeys([*places, room]))


@lru_cache(maxsize=65_536)
def shape(frame_count: int, taking: Taking) -> tuple[tuple[int, int], ...]:
    """(length, how many windows) of a clip with `frame_count` frames in the file; quick, nothing is listed."""
    read = len(kept(frame_count, taking))
    if read < 1:
        return ()
    if taking.extraction == "full":
        return ((floor_length(min(read, taking.max_frames)), 1),)
    counts = ((length, len(starts(read, length, taking))) for length in taking.lengths)
    return tuple((length, count) for length, count in counts if count)


def windows(frame_count: int, taking: Taking, most: int | None = None) -> list[Window]:
    """Every (start, length) that becomes a training item, in the engine's order; at most `most` of them."""
    read = len(kept(frame_count, taking))
    if read < 1:
        return []
    if taking.extraction == "full":
        return [(0, floor_length(min(read, taking.max_frames)))]
    found: list[Window] = []
    for length in taking.lengths:
        begins = starts(read, length, taking)
        found += [(start, length) for start in (begins if most is None else begins[: max(0, most - len(found))])]
    return found


def too_short(frame_count: int, taking: Taking) -> tuple[int, ...]:
    """The lengths that a clip gives nothing for."""
    if taking.extraction == "full":
        return ()
    read = len(kept(frame_count, taking))
    return tuple(length for length in taking.lengths if read < length)
