"""Clips for the tests, encoded on the spot with PyAV; a square walks to the right, the first frames are black."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

CODECS = {".mp4": "libx264", ".mov": "libx264", ".mkv": "libx264", ".webm": "libvpx", ".gif": "gif", ".avi": "mpeg4"}


def drawn(number: int, size: tuple[int, int], black: int = 0, seed: int = 0) -> np.ndarray:
    """Frame `number` of a clip."""
    frame = np.zeros((size[1], size[0], 3), np.uint8)
    if number >= black:
        frame[:] = (40 + seed * 31 % 160, 80, 120)
        left = number * 2 % max(1, size[0] - 16)
        frame[8:40, left : left + 16] = (250, 200, 30)
    return frame


def clip(
    path: Path, frames: int = 30, fps: float = 15, size: tuple[int, int] = (96, 64), *, codec: str = "", black: int = 0,
    turned: int = 0, uneven: bool = False, seed: int = 0,
) -> Path:  # fmt: skip
    """Write a clip; its codec is the usual one of the ending unless given."""
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec or CODECS[path.suffix], rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height = size
        stream.pix_fmt = "rgb8" if path.suffix == ".gif" else "yuv420p"
        if turned:
            stream.set_display_rotation(turned)
        if uneven:
            stream.codec_context.time_base = Fraction(1, 1000)
        when = 0
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(drawn(number, size, black, seed), format="rgb24")
            if uneven:
                frame.pts, frame.time_base = when, Fraction(1, 1000)
                when += 33 if number % 3 else 100
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def song(path: Path) -> Path:
    """A file with sound alone."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        sound.sample_rate = 8000
        for _ in range(20):
            container.mux(stream.encode(sound))
        container.mux(stream.encode())
    return path


def moving_webp(path: Path, frames: int = 8, size: tuple[int, int] = (96, 64)) -> Path:
    pictures = [Image.fromarray(drawn(number, size)) for number in range(frames)]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100, lossless=True)
    return path
