"""Small pictures, drawn on the spot, for tests that need some to train on."""

from __future__ import annotations

from pathlib import Path


def draw(folder: Path, count: int = 6) -> Path:
    """Pictures of two shapes in a folder."""
    from PIL import Image, ImageDraw

    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        size = (200, 200) if number % 2 else (288, 192)
        picture = Image.new("RGB", size, (40 * number % 256, 90, 160))
        pen = ImageDraw.Draw(picture)
        pen.ellipse((20, 20, 60 + 15 * number, 110), fill=(250, 60 + 30 * number % 190, 40))
        picture.save(folder / f"toy {number:02d} 图.png")
    return folder
