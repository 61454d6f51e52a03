"""A set made by hand from real photographs: 40 copies changed in known ways, and 10 look-alikes that are none."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageEnhance, ImageOps

from tests.photographs import photographs

Change = Callable[[Image.Image], Image.Image]


def resized(share: float) -> Change:
    return lambda photo: photo.resize((round(photo.width * share), round(photo.height * share)))


def recompressed(quality: int) -> Change:
    def change(photo: Image.Image) -> Image.Image:
        data = io.BytesIO()
        photo.save(data, "JPEG", quality=quality)
        return Image.open(data).convert("RGB")

    return change


def cropped(left: float, top: float, right: float, bottom: float) -> Change:
    """Shares cut off each side."""

    def change(photo: Image.Image) -> Image.Image:
        width, height = photo.size
        return photo.crop(
            (int(width * left), int(height * top), int(width * (1 - right)), int(height * (1 - bottom)))
        )  # fmt: skip

    return change


def brightened(factor: float) -> Change:
    return lambda photo: ImageEnhance.Brightness(photo).enhance(factor)


def several(photo: Image.Image) -> Image.Image:
    return recompressed(60)(brightened(1.15)(resized(0.7)(cropped(0.03, 0.02, 0.02, 0.03)(photo))))


COPIES: dict[str, tuple[tuple[str, Change], ...]] = {
    "astronaut": (("half", resized(0.5)), ("q20", recompressed(20)), ("cut", cropped(0.04, 0.04, 0.04, 0.04)), ("all", several)),
    "camera": (("quarter", resized(0.25)), ("light", brightened(1.3)), ("left", cropped(0.06, 0, 0, 0)), ("all", several)),
    "chelsea": (("half", resized(0.5)), ("dark", brightened(0.6)), ("edge", cropped(0.05, 0.05, 0, 0)), ("q9", recompressed(9))),
    "coffee": (("large", resized(1.5)), ("q30", recompressed(30)), ("top", cropped(0, 0.08, 0, 0)), ("all", several)),
    "coins": (("half", resized(0.5)), ("light", brightened(1.2)), ("cut", cropped(0.03, 0.03, 0.03, 0.03))),
    "hubble_deep_field": (("half", resized(0.5)), ("q20", recompressed(20)), ("cut", cropped(0.03, 0.03, 0.03, 0.03))),
    "ihc": (("half", resized(0.5)), ("q40", recompressed(40)), ("right", cropped(0, 0, 0.05, 0))),
    "moon": (("half", resized(0.5)), ("light", brightened(1.25)), ("all", several)),
    "motorcycle_left": (("half", resized(0.5)), ("dark", brightened(0.7)), ("corner", cropped(0, 0, 0.05, 0.05))),
    "retina": (("quarter", resized(0.25)), ("q30", recompressed(30)), ("cut", cropped(0.04, 0.04, 0.04, 0.04))),
    "rocket": (("half", resized(0.5)), ("q15", recompressed(15)), ("all", several)),
    "brick": (("half", resized(0.5)), ("dark", brightened(0.7)), ("q30", recompressed(30))),
}  # fmt: skip


def recoloured(photo: Image.Image) -> Image.Image:
    hue, *rest = photo.convert("HSV").split()
    return Image.merge("HSV", (hue.point([(value + 90) % 256 for value in range(256)]), *rest)).convert("RGB")


def pasted(other: str) -> Change:
    """Another motif in the middle of the same scene."""

    def change(photo: Image.Image) -> Image.Image:
        made = photo.copy()
        size = (photo.width * 3 // 10, photo.height * 3 // 10)
        made.paste(photographs()[other].resize(size), (photo.width // 3, photo.height // 3))
        return made

    return change


def moved(photo: Image.Image) -> Image.Image:
    """The middle of the scene moved to the right."""
    width, height = photo.size
    made = photo.copy()
    made.paste(
        photo.crop((width * 3 // 10, height * 2 // 10, width * 7 // 10, height * 8 // 10)),
        (width // 2, height * 2 // 10),
    )
    return made


LOOK_ALIKES: dict[str, tuple[str, Change]] = {
    "the right eye's view": ("motorcycle_right", lambda photo: photo),
    "mirrored cat": ("chelsea", ImageOps.mirror),
    "mirrored camera man": ("camera", ImageOps.mirror),
    "green coffee": ("coffee", recoloured),
    "blue cells": ("ihc", recoloured),
    "cup in another place": ("coffee", moved),
    "rocket with a cat": ("rocket", pasted("chelsea")),
    "astronaut with a moon": ("astronaut", pasted("moon")),
    "other coins": ("coins", cropped(0.3, 0.2, 0, 0)),
    "other stars": ("hubble_deep_field", cropped(0.35, 0, 0, 0.1)),
}


def make(folder: Path) -> dict[str, str]:
    """Write originals, copies and look-alikes; file name -> name of the photograph it is a copy of ("" for look-alikes)."""
    folder.mkdir(parents=True, exist_ok=True)
    truth: dict[str, str] = {}
    for name, photo in photographs().items():
        if name == "motorcycle_right":
            continue
        _save(folder, f"{name}.jpg", photo, truth, name)
        for word, change in COPIES.get(name, ()):
            _save(folder, f"{name} {word}.jpg", change(photo), truth, name)
    for word, (name, change) in LOOK_ALIKES.items():
        _save(folder, f"{word}.jpg", change(photographs()[name]), truth, "")
    return truth


def _save(folder: Path, file: str, picture: Image.Image, truth: dict[str, str], of: str) -> None:
    picture.save(folder / file, quality=90)
    truth[file] = of
