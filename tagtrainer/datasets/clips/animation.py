"""What a clip is, and clips that Pillow reads: animated WebP. Must not know datasets or PyAV."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from tagtrainer.core.text import UserError
from tagtrainer.datasets import media


@dataclass(frozen=True)
class Clip:
    """Upright size in pixels, seconds, frames per second (a mean when `variable`), frames.

    `turned` is by how many degrees against the clock players turn the frames; the engine does not.
    """

    width: int
    height: int
    ext: str
    duration: float
    fps: float
    frames: int
    codec: str
    turned: int = 0
    variable: bool = False


def moves(path: Path) -> bool:
    """Whether a picture file holds more than one picture. Decodes nothing."""
    try:
        with media.opened(path) as picture:
            return bool(getattr(picture, "is_animated", False))
    except (UserError, OSError, ValueError, SyntaxError):
        return False


def look(path: Path, shares: Sequence[float], most_pixels: int, most_frames: int) -> tuple[Clip, list[Image.Image]]:
    """What an animated WebP is, and its frames at `shares`. UserError datasets.skip.*."""
    try:
        with media.opened(path) as picture:
            count = int(getattr(picture, "n_frames", 1))
            if count < 2:
                raise UserError("datasets.skip.still", file=path.name)
            if count > most_frames or picture.width * picture.height * count > most_pixels * 256:
                raise UserError("datasets.skip.clip_long", file=path.name, limit=most_frames)
            return _read(picture, shares, count)
    except (OSError, ValueError, SyntaxError, EOFError, UnidentifiedImageError, MemoryError) as error:
        raise UserError("datasets.skip.clip_damaged", file=path.name) from error


def _read(picture: Image.Image, shares: Sequence[float], count: int) -> tuple[Clip, list[Image.Image]]:
    places = {int(count * share) for share in shares}
    pauses: list[float] = []
    pictures: list[Image.Image] = []
    for place in range(count):
        picture.seek(place)
        picture.load()
        pauses.append(float(picture.info.get("duration", 100)) or 100.0)
        if place in places:
            frame = picture.convert("RGB")
            frame.thumbnail((media.MEDIUM_SIDE, media.MEDIUM_SIDE))
            pictures.append(frame)
    seconds = sum(pauses) / 1000
    clip = Clip(
        picture.width, picture.height, ".webp", round(seconds, 3), round(count / seconds, 3), count, "webp", 0,
        max(pauses) > min(pauses) * 1.5,
    )  # fmt: skip
    return clip, pictures
