"""Colour profiles of pictures: whether one changes what is seen, and the picture in sRGB. Must not open or write files.

The engine ignores profiles: it takes the numbers of a Display P3 photograph (every newer phone makes them) or of an Adobe RGB one
for sRGB and learns colours that are too dull.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

SAME = 3
"""Levels (of 255) that a colour may move before the profile counts as another one than sRGB; profiles that are sRGB under
other names stay below 2."""
_GREYS = ("L", "LA", "I", "I;16", "I;16B", "I;16L", "I;16N")


def changed_by_profile(picture: Picture) -> bool:
    """Whether the picture's own profile shows other colours than its plain numbers do."""
    profile = picture.info.get("icc_profile")
    if not isinstance(profile, bytes) or picture.mode == "1":
        return False
    return _changes(profile, picture.mode if picture.mode == "CMYK" else "L" if picture.mode in _GREYS else "RGB")


@lru_cache(maxsize=64)
def _changes(profile: bytes, mode: str) -> bool:
    """Cameras write few different profiles: each is tried once, on all corners and middles of the colour cube."""
    if mode == "CMYK":
        return True
    probe = _probe(mode)
    seen = _converted(probe, profile)
    plain = probe.convert("RGB")
    return seen is not None and any(abs(a - b) > SAME for a, b in zip(seen.tobytes(), plain.tobytes(), strict=True))


def _probe(mode: str) -> Picture:
    from PIL import Image

    levels = (0, 64, 128, 192, 255)
    if mode == "L":
        return Image.frombytes("L", (len(levels), 1), bytes(levels))
    cube = [bytes((red, green, blue)) for red in levels for green in levels for blue in levels]
    return Image.frombytes("RGB", (len(cube), 1), b"".join(cube))


def in_srgb(picture: Picture) -> Picture:
    """The picture as RGB in sRGB. A profile that is damaged or made for another kind of picture is passed over."""
    profile = picture.info.get("icc_profile")
    base = picture if picture.mode in ("RGB", "L", "CMYK") else picture.convert("RGB")
    changed = _converted(base, profile) if changed_by_profile(picture) and isinstance(profile, bytes) else None
    return changed if changed is not None else base.convert("RGB")


def _converted(picture: Picture, profile: bytes) -> Picture | None:
    from PIL import ImageCms

    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(picture, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, ValueError, OSError, TypeError):
        return None
