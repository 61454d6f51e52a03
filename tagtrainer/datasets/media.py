"""Pictures: what a file really is, and its two previews. Must not know datasets.

The recipe (scaled JPEG decoding, the small preview made from the larger one) is the fastest that Pillow offers.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from tagtrainer.core.files import writing
from tagtrainer.core.text import UserError

MEDIUM_SIDE, PREVIEW_SIDE = 1280, 512
QUALITY = 85
EXTENSIONS = {
    "JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "WEBP": ".webp", "BMP": ".bmp", "GIF": ".gif", "TIFF": ".tif", "AVIF": ".avif",
}  # fmt: skip
PICTURES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif"})
VIDEOS = frozenset({".mp4", ".mov", ".webm", ".mkv", ".avi", ".m4v", ".mpg", ".mpeg", ".wmv", ".flv"})
LARGEST_PIXELS = 178_956_970
"""Twice Pillow's own warning limit, where Pillow itself refuses to open a file (537 MB once decoded)."""
SMALLEST_SIDE = 16
_ORIENTATION = 0x0112
_SWAPPED = (5, 6, 7, 8)


@dataclass(frozen=True)
class MediaInfo:
    """Upright size in pixels and the usual extension of what the file really is."""

    width: int
    height: int
    ext: str
    previews: str = ".jpg"
    """Extension of the previews: .webp where something is transparent."""


def opened(path: Path) -> Image.Image:
    """Open, nothing decoded yet. UserError with the reason when it is no picture that we take."""
    if path.stat().st_size == 0:
        raise UserError("datasets.skip.empty", file=path.name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(path)
    except Image.DecompressionBombError as error:
        raise UserError("datasets.skip.too_large", file=path.name, limit=LARGEST_PIXELS // 1_000_000) from error
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, TypeError, EOFError) as error:
        raise UserError("datasets.skip.not_a_picture", file=path.name) from error
    if picture.format not in EXTENSIONS:
        raise UserError("datasets.skip.format", file=path.name, format=picture.format)
    if min(picture.size) < SMALLEST_SIDE:
        raise UserError("datasets.skip.tiny", file=path.name, width=picture.width, height=picture.height)
    return picture


def probe(path: Path) -> MediaInfo:
    """Size and kind from the header alone. UserError as for `opened`."""
    with opened(path) as picture:
        return _info(picture)


def _info(picture: Image.Image) -> MediaInfo:
    width, height = picture.size
    if _orientation(picture) in _SWAPPED:
        width, height = height, width
    return MediaInfo(width, height, EXTENSIONS[picture.format or ""])


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except (ValueError, TypeError, OSError, SyntaxError):
        return 1


def make_previews(source: Path, medium: Path, preview: Path) -> MediaInfo:
    """Write both previews (paths without extension; it is added) and return what the picture is.

    Upright, sRGB, first frame of an animation. JPEG, or WebP where something is transparent. UserError datasets.skip.* when
    the picture cannot be decoded.
    """
    try:
        with opened(source) as picture:
            info = _info(picture)
            small = _decode(picture)
    except (OSError, ValueError, SyntaxError, TypeError, EOFError, IndexError, MemoryError) as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise UserError("datasets.skip.unreadable", file=source.name, reason=error.strerror or error) from error
        raise UserError("datasets.skip.damaged", file=source.name) from error
    return MediaInfo(info.width, info.height, info.ext, save_previews(small, medium, preview))


def save_previews(small: Image.Image, medium: Path, preview: Path) -> str:
    """Write a picture that is medium-sized already in both sizes; the extension they got."""
    ext = ".webp" if small.mode == "RGBA" else ".jpg"
    save(_fit(small, PREVIEW_SIDE), preview.with_name(preview.name + ext))
    save(small, medium.with_name(medium.name + ext))
    return ext


def make_crop(source: Path, box: tuple[int, int, int, int], medium: Path, preview: Path) -> None:
    """Both previews of a part of a picture; `box` is x, y, width, height of the upright original, in pixels."""
    try:
        with opened(source) as picture:
            small = _cut(picture, box)
    except (OSError, ValueError, SyntaxError, TypeError, EOFError, MemoryError) as error:
        raise UserError("datasets.skip.damaged", file=source.name) from error
    save_previews(small, medium, preview)


def _cut(picture: Image.Image, box: tuple[int, int, int, int]) -> Image.Image:
    """Decoded no larger than the part of it needs."""
    orientation, profile, whole = _orientation(picture), picture.info.get("icc_profile"), max(picture.size)
    if picture.format in ("JPEG", "MPO"):
        side = max(MEDIUM_SIDE, MEDIUM_SIDE * whole // max(box[2], box[3]))
        picture.draft("RGB" if picture.mode not in ("CMYK", "L") else picture.mode, (side, side))
    upright = _turned(_eight_bits(picture), orientation)
    scale = max(upright.size) / whole
    x, y, width, height = (number * scale for number in box)
    part = upright.crop((round(x), round(y), max(round(x) + 1, round(x + width)), max(round(y) + 1, round(y + height))))
    return _opaque(_to_srgb(_fit(part, MEDIUM_SIDE), profile))


def _decode(picture: Image.Image) -> Image.Image:
    orientation, profile = _orientation(picture), picture.info.get("icc_profile")
    if picture.format in ("JPEG", "MPO"):
        picture.draft("RGB" if picture.mode not in ("CMYK", "L") else picture.mode, (MEDIUM_SIDE, MEDIUM_SIDE))
    small = _fit(_eight_bits(picture), MEDIUM_SIDE)
    return _turned(_opaque(_to_srgb(small, profile)), orientation)


def _opaque(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGBA" and picture.getchannel("A").getextrema()[0] == 255:
        return picture.convert("RGB")
    return picture


def _eight_bits(picture: Image.Image) -> Image.Image:
    """L, RGB, RGBA or CMYK with eight bits a channel."""
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        import numpy as np

        values = np.asarray(picture).astype(np.float64)
        top = 65535.0 if values.max(initial=0) > 255 else 255.0
        return Image.fromarray((values.clip(0, top) * (255.0 / top)).astype(np.uint8))
    if picture.mode in ("RGB", "L", "CMYK", "RGBA"):
        picture.load()
        return picture
    if picture.mode in ("LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        return picture.convert("RGBA")
    return picture.convert("RGB")


def _fit(picture: Image.Image, side: int) -> Image.Image:
    width, height = picture.size
    scale = side / max(width, height)
    if scale >= 1:
        return picture
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return picture.resize(size, Image.Resampling.HAMMING, reducing_gap=2.0)


_SRGB = ImageCms.createProfile("sRGB")


def _to_srgb(picture: Image.Image, profile: Any) -> Image.Image:
    mode = "RGBA" if picture.mode == "RGBA" else "RGB"
    if profile and b"sRGB" not in profile[:400]:
        alpha = picture.getchannel("A") if picture.mode == "RGBA" else None
        try:
            base = picture.convert("RGB") if alpha is not None else picture
            converted = ImageCms.profileToProfile(base, io.BytesIO(profile), _SRGB, outputMode="RGB")
        except (ImageCms.PyCMSError, ValueError, OSError, TypeError):
            converted = None  # a profile that does not fit the picture: its plain numbers are the best guess
        if converted is not None:
            if alpha is not None:
                converted.putalpha(alpha)
            return converted
    return picture if picture.mode == mode else picture.convert(mode)


def _turned(picture: Image.Image, orientation: int) -> Image.Image:
    if orientation in (0, 1):
        return picture
    exif = Image.Exif()
    exif[_ORIENTATION] = orientation
    picture.info["exif"] = exif.tobytes()
    turned = ImageOps.exif_transpose(picture)
    turned.info.pop("exif", None)
    return turned


def save(picture: Image.Image, path: Path) -> None:
    """Write JPEG or WebP, by the path's ending, in one step. What the picture carried beside its pixels is left out."""
    picture.info.clear()
    with writing(path, durable=False) as handle:
        if path.suffix == ".webp":
            picture.save(handle, "WEBP", quality=QUALITY, method=0)
        else:
            picture.save(handle, "JPEG", quality=QUALITY)
