"""Pictures and archives for the tests, drawn on the spot; some of them nasty."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

from PIL import Image, ImageDraw


def picture(seed: int = 0, size: tuple[int, int] = (96, 64), mode: str = "RGB") -> Image.Image:
    """A small picture; every seed gives other content."""
    image = Image.new("RGB", size, (seed * 37 % 256, seed * 91 % 256, 120))
    ImageDraw.Draw(image).ellipse((5, 5, 20 + seed % 40, 40), fill=(250, seed % 256, 30))
    return image.convert(mode)


def jpeg(path: Path, seed: int = 0, size: tuple[int, int] = (96, 64), **details: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture(seed, size).save(path, "JPEG", **details)
    return path


def jpeg_bytes(seed: int = 0, size: tuple[int, int] = (96, 64)) -> bytes:
    data = io.BytesIO()
    picture(seed, size).save(data, "JPEG")
    return data.getvalue()


def huge_png(path: Path, side: int = 30_000) -> Path:
    """A valid PNG of side x side pixels that takes a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    packer = zlib.compressobj(9)
    row = b"\x00" * (side // 8 + 2)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b""))
    return path


def zip_of(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def patched(path: Path, old: bytes, new: bytes) -> Path:
    """Change bytes of a file, all occurrences; both of one length."""
    assert len(old) == len(new) and old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new))
    return path
