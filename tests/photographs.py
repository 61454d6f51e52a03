"""The real photographs that scikit-image ships, for tests that drawn pictures cannot serve."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from PIL import Image

NAMES = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "grass.png", "gravel.png",
    "hubble_deep_field.jpg", "ihc.png", "moon.png", "motorcycle_left.png", "motorcycle_right.png", "retina.jpg", "rocket.jpg",
)  # fmt: skip


@cache
def photographs() -> dict[str, Image.Image]:
    """Name without extension -> picture in RGB. Do not change them: they are shared."""
    import skimage

    folder = Path(skimage.__file__).parent / "data"
    found = {}
    for name in NAMES:
        with Image.open(folder / name) as picture:
            found[Path(name).stem] = picture.convert("RGB")
    return found
