"""A dataset to try everything with: a little robot in many places, drawn on the spot with captions. Must not load any file."""

from __future__ import annotations

import math
import random
import tempfile
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

from tagtrainer.core.text import t
from tagtrainer.datasets import store, transfer
from tagtrainer.workspace import Workspace

TRIGGER = "tt_robot"
COUNT = 24
SIZES = ((768, 768), (896, 640), (640, 896))
PLACES = ("beach", "forest", "city", "desert", "snow", "night")
POSES = ("waving", "standing", "looking up", "holding a balloon")
_SKY = {
    "beach": ((135, 206, 235), (255, 244, 214)), "forest": ((176, 214, 200), (96, 140, 96)),
    "city": ((190, 205, 225), (150, 150, 165)), "desert": ((250, 210, 150), (226, 178, 110)),
    "snow": ((214, 228, 242), (244, 248, 252)), "night": ((22, 28, 58), (58, 52, 92)),
}  # fmt: skip
_BODY = ((230, 92, 70), (70, 130, 200), (240, 180, 60), (110, 170, 110))


def make_sample(ws: Workspace) -> str:
    """Draw the pictures, caption them, return the new dataset's id."""
    meta = store.create(ws, t("datasets.sample_name"), description=t("datasets.sample_about"), trigger_word=TRIGGER)
    with tempfile.TemporaryDirectory(dir=ws.temporary) as folder:
        for number in range(COUNT):
            place, pose = PLACES[number % len(PLACES)], POSES[number // len(PLACES) % len(POSES)]
            path = Path(folder) / f"robot_{number + 1:02d}_{place}.jpg"
            draw(place, pose, SIZES[number % len(SIZES)], number).save(path, quality=92)
            path.with_suffix(".txt").write_text(f"{TRIGGER}, a small robot {pose}, {_where(place)}", "utf-8")
        transfer.import_paths(ws, meta.id, [Path(folder)])
    return meta.id


def _where(place: str) -> str:
    return {"night": "under the stars", "snow": "in the snow", "city": "in the city"}.get(
        place, f"in the {place}"
    ).replace("in the beach", "on the beach")


def draw(place: str, pose: str, size: tuple[int, int], seed: int) -> Image.Image:
    """One picture; the same arguments give the same picture."""
    chance = random.Random(seed)
    picture = _backdrop(place, size, chance)
    _robot(ImageDraw.Draw(picture), pose, size, _BODY[seed % len(_BODY)], chance)
    return picture.filter(ImageFilter.GaussianBlur(0.6))


def _backdrop(place: str, size: tuple[int, int], chance: random.Random) -> Image.Image:
    width, height = size
    top, bottom = _SKY[place]
    column = Image.new("RGB", (1, height))
    for y in range(height):
        share = y / height
        column.putpixel((0, y), tuple(round(a + (b - a) * share) for a, b in zip(top, bottom, strict=True)))
    picture = column.resize(size)
    pen = ImageDraw.Draw(picture)
    horizon = round(height * 0.62)
    ground = {"beach": (238, 214, 160), "forest": (74, 110, 66), "city": (110, 112, 120), "desert": (214, 160, 92),
              "snow": (250, 252, 255), "night": (38, 40, 62)}[place]  # fmt: skip
    for _ in range(14):
        _thing(pen, place, chance.uniform(0, width), horizon, chance)
    pen.rectangle((0, horizon, width, height), fill=ground)
    for _ in range(160):
        left, over = chance.uniform(0, width), chance.uniform(horizon, height)
        shade = chance.randint(-18, 18)
        pen.ellipse((left, over, left + 9, over + 3), fill=tuple(max(0, min(255, part + shade)) for part in ground))
    return picture


def _thing(pen: ImageDraw.ImageDraw, place: str, x: float, horizon: int, chance: random.Random) -> None:
    size = chance.uniform(30, 120)
    if place == "forest":
        pen.polygon([(x - size / 2, horizon), (x + size / 2, horizon), (x, horizon - size * 2)], fill=(44, 84, 52))
    elif place == "city":
        grey = chance.randint(90, 150)
        pen.rectangle((x, horizon - size * 2, x + size, horizon), fill=(grey, grey, grey + 14))
    elif place == "night":
        y = chance.uniform(10, horizon * 0.8)
        pen.ellipse((x, y, x + 4, y + 4), fill=(250, 244, 210))
    else:
        y = chance.uniform(20, horizon * 0.5)
        pen.ellipse((x, y, x + size, y + size * 0.4), fill=(255, 255, 255))


def _robot(
    pen: ImageDraw.ImageDraw, pose: str, size: tuple[int, int], colour: tuple[int, int, int], chance: random.Random
) -> None:
    width, height = size
    unit = min(size) * chance.uniform(0.085, 0.11)
    x, y = width * chance.uniform(0.38, 0.62), height * chance.uniform(0.58, 0.66)
    dark = tuple(part // 2 for part in colour)
    for side in (-1, 1):
        pen.rounded_rectangle(
            (x + side * unit - unit * 0.4, y + unit * 1.6, x + side * unit + unit * 0.4, y + unit * 3), 8, fill=dark
        )
        lifted = pose == "waving" and side == 1
        angle = -1.1 if lifted else 0.7
        end = (x + side * unit * 1.5 + side * unit * math.cos(angle), y + unit * math.sin(angle))
        pen.line([(x + side * unit * 1.4, y), end], fill=dark, width=max(4, round(unit * 0.35)))
        if pose == "holding a balloon" and side == 1:
            pen.line([end, (end[0] + unit * 0.4, end[1] - unit * 3)], fill=(70, 70, 70), width=3)
            pen.ellipse(
                (end[0] - unit * 0.5, end[1] - unit * 4.8, end[0] + unit * 1.3, end[1] - unit * 2.8), fill=(220, 60, 90)
            )
    pen.rounded_rectangle((x - unit * 1.5, y - unit, x + unit * 1.5, y + unit * 1.8), unit * 0.4, fill=colour)
    lift = unit * 0.35 if pose == "looking up" else 0.0
    top = y - unit * 3.1 - lift
    pen.rounded_rectangle((x - unit * 1.2, top, x + unit * 1.2, top + unit * 1.9), unit * 0.5, fill=(232, 232, 238))
    for side in (-1, 1):
        eye = (x + side * unit * 0.55, top + unit * 0.8 - lift)
        pen.ellipse(
            (eye[0] - unit * 0.28, eye[1] - unit * 0.28, eye[0] + unit * 0.28, eye[1] + unit * 0.28), fill=(30, 34, 44)
        )
    pen.line([(x, top), (x, top - unit * 0.9)], fill=dark, width=max(3, round(unit * 0.15)))
    pen.ellipse((x - unit * 0.25, top - unit * 1.3, x + unit * 0.25, top - unit * 0.8), fill=(250, 210, 60))
