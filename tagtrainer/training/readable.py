"""Copies of pictures that the engine would read wrongly (turned by EXIF, 16 bit, CMYK, see-through), and of crops. Must not touch
originals.

The engine opens files plainly: it ignores the orientation tag (a phone's portrait photograph would be trained lying on its
side), clips 16-bit greys to white, converts CMYK without its profile and drops transparency, which shows what lay below.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from tagtrainer.core.buckets import Size
from tagtrainer.core.files import writing
from tagtrainer.core.text import UserError
from tagtrainer.datasets.models import Box

_ORIENTATION = 0x0112
_PLAIN_MODES = ("RGB", "L", "1")


@dataclass(frozen=True)
class Look:
    """What a file's header says: its size once upright, and whether a copy is needed."""

    size: Size
    needs_copy: bool
    alpha: bool


def look(path: Path) -> Look:
    """Read the header only. Raises UserError plan.unreadable_picture."""
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(_ORIENTATION, 1)
            alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
            plain = image.mode in _PLAIN_MODES or (image.mode == "P" and not alpha)
            width, height = image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError("plan.unreadable_picture", path=path, reason=error) from error
    size = (height, width) if turned in (5, 6, 7, 8) else (width, height)
    return Look(size, turned not in (0, 1) or not plain, alpha)


def copy_path(folder: Path, source: Path, crop: Box | None = None) -> Path:
    """Where the copy of `source` lies: same stem, because the engine names caches by it; a crop has a stem of its own."""
    return folder / f"{'-'.join([source.stem, *map(str, crop or ())])}.png"


def make(source: Path, target: Path, crop: Box | None = None) -> None:
    """Write an upright 8-bit RGB copy, on white where the picture is see-through; `crop` is x, y, width, height, upright.

    Raises UserError plan.unreadable_picture.
    """
    try:
        with Image.open(source) as image:
            upright = ImageOps.exif_transpose(image)
            if crop is not None:
                x, y, width, height = crop
                upright = upright.crop((x, y, x + width, y + height))
            plain = _plain(upright)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError("plan.unreadable_picture", path=source, reason=error) from error
    with writing(target) as handle:
        plain.save(handle, "PNG", compress_level=1)


def _plain(image: Image.Image) -> Image.Image:
    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I"):
        return image.point(lambda value: value / 256).convert("L").convert("RGB")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        seen = image.convert("RGBA")
        ground = Image.new("RGBA", seen.size, "white")
        return Image.alpha_composite(ground, seen).convert("RGB")
    return _in_srgb(image)


def _in_srgb(image: Image.Image) -> Image.Image:
    profile = image.info.get("icc_profile")
    if image.mode != "CMYK" or not profile:
        return image.convert("RGB")
    import io

    from PIL import ImageCms

    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        changed = ImageCms.profileToProfile(image, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB")
    return changed if changed is not None else image.convert("RGB")
