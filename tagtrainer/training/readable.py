"""Copies of pictures that the engine would read wrongly (turned by EXIF, 16 bit, CMYK, see-through, not sRGB), and of crops.
Must not touch originals.

The engine opens files plainly: it ignores the orientation tag (a phone's portrait photograph would be trained lying on its
side) and colour profiles, clips 16-bit greys to white, and drops transparency, which shows what lay below.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from tagtrainer.core.buckets import Size
from tagtrainer.core.files import writing
from tagtrainer.core.text import UserError
from tagtrainer.datasets.models import Box
from tagtrainer.training import colours

_ORIENTATION = 0x0112
_PLAIN_MODES = ("RGB", "L", "1")


@dataclass(frozen=True)
class Look:
    """What a file's header says: its size once upright, and whether a copy is needed; `recoloured` when the copy has other
    numbers for the same colours, because the original's are not sRGB."""

    size: Size
    needs_copy: bool
    alpha: bool
    recoloured: bool = False


def look(path: Path) -> Look:
    """Read the header only. Raises UserError plan.unreadable_picture."""
    try:
        with Image.open(path) as image:
            turned = image.getexif().get(_ORIENTATION, 1)
            alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
            plain = image.mode in _PLAIN_MODES or (image.mode == "P" and not alpha)
            width, height = image.size
            recoloured = colours.changed_by_profile(image)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError("plan.unreadable_picture", path=path, reason=error) from error
    size = (height, width) if turned in (5, 6, 7, 8) else (width, height)
    return Look(size, turned not in (0, 1) or not plain or recoloured, alpha, recoloured)


def copy_path(folder: Path, source: Path, crop: Box | None = None, recoloured: bool = False) -> Path:
    """Where the copy of `source` lies. The engine names caches by the stem: the same stem for the same picture, but one of its
    own for a crop, and for other colours than an earlier run may have cached."""
    words = [source.stem, *(["srgb"] if recoloured else []), *map(str, crop or ())]
    return folder / f"{'-'.join(words)}.png"


def make(source: Path, target: Path, crop: Box | None = None) -> None:
    """Write an upright 8-bit sRGB copy, on white where the picture is see-through; `crop` is x, y, width, height, upright.

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
        plain.save(handle, "PNG", compress_level=1, icc_profile=None)


def _plain(image: Image.Image) -> Image.Image:
    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I"):
        grey = image.point(lambda value: value / 256).convert("L")
        grey.info["icc_profile"] = image.info.get("icc_profile")
        return colours.in_srgb(grey)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        seen = image.convert("RGBA")
        ground = Image.new("RGB", seen.size, "white")
        ground.paste(colours.in_srgb(seen), mask=seen.getchannel("A"))
        return ground
    return colours.in_srgb(image)
