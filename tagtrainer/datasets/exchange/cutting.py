"""The part of a picture that a crop keeps, in full size, as the bytes of a file. Must not know datasets."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from tagtrainer.core.text import UserError
from tagtrainer.datasets import media
from tagtrainer.datasets.models import Box

QUALITY = 95


def ending(ext: str) -> str:
    """What a cut picture is saved as: JPEG stays JPEG, everything else becomes PNG."""
    return ".jpg" if ext.lower() in (".jpg", ".jpeg") else ".png"


def cut(source: Path, box: Box) -> bytes:
    """The part of the upright picture, its colours as they were. UserError datasets.skip.*"""
    data = io.BytesIO()
    try:
        with media.opened(source) as picture:
            orientation, profile, jpeg = (
                media._orientation(picture),
                picture.info.get("icc_profile"),
                ending(source.suffix),
            )
            upright = media._turned(media._eight_bits(picture), orientation)
        x, y, width, height = box
        part = upright.crop((x, y, x + width, y + height))
        part.info.clear()
        _save(part, data, jpeg == ".jpg", profile)
    except (OSError, ValueError, SyntaxError, TypeError, EOFError, MemoryError) as error:
        raise UserError("datasets.skip.damaged", file=source.name) from error
    return data.getvalue()


def _save(part: Image.Image, data: io.BytesIO, jpeg: bool, profile: bytes | None) -> None:
    if jpeg:
        picture = part if part.mode in ("RGB", "L", "CMYK") else part.convert("RGB")
        picture.save(data, "JPEG", quality=QUALITY, subsampling=0, icc_profile=profile)
    else:
        picture, kept = (part.convert("RGB"), None) if part.mode == "CMYK" else (part, profile)
        picture.save(data, "PNG", compress_level=3, icc_profile=kept)
