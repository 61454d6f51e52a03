"""Clips: what a file really is, how many frames it gives, and some of them as pictures. Must not know datasets or items.

Only the usual containers are opened, never playlists: a hostile file cannot lead elsewhere. PyAV is loaded on first use.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image

from tagtrainer.core.text import UserError
from tagtrainer.datasets import media
from tagtrainer.datasets.clips import animation
from tagtrainer.datasets.clips.animation import Clip

ENDINGS = media.VIDEOS | {".gif"}
"""What is looked at as a clip by its name; .webp too, when it moves."""
CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,gif,avi,asf,flv,mpeg,mpegts,mpegvideo"
USUAL = {"matroska": ".mkv", "gif": ".gif", "avi": ".avi", "asf": ".wmv", "flv": ".flv", "mpeg": ".mpg", "mov": ".mp4"}
SAME = {"matroska": (".mkv", ".webm"), "mov": (".mp4", ".mov", ".m4v"), "mpeg": (".mpg", ".mpeg")}
MOST_PIXELS = 8192 * 8192
MOST_FRAMES = 216_000
LONGEST_LOOK = 120.0
"""Seconds after which a clip that is still not understood is given up."""
CHEAP = 500_000_000
"""Pixels that are all decoded to count frames for sure, about half a second; of larger clips packets are counted."""
SHARES = (0.0, 0.125, 0.375, 0.625, 0.875)
"""Where the frames lie that previews are made of."""


@dataclass
class _Opened:
    container: Any
    stream: Any
    path: Path
    until: float

    def tick(self) -> None:
        if time.monotonic() > self.until:
            raise UserError("datasets.skip.clip_slow", file=self.path.name, seconds=int(LONGEST_LOOK))


@dataclass(frozen=True)
class Look:
    """A clip and its frames at SHARES, upright, at most 1280 pixels a side."""

    clip: Clip
    pictures: list[Image.Image]


def is_clip(path: Path) -> bool:
    """Whether a file is to be looked at as a clip: by its ending, a .webp by its content. Decodes nothing."""
    ending = path.suffix.lower()
    return ending in ENDINGS or (ending == ".webp" and animation.moves(path))


def probe(path: Path) -> Clip:
    """What the clip is. UserError datasets.skip.* when it cannot be read to its end."""
    return look(path).clip


def look(path: Path) -> Look:
    """What the clip is, and the frames for its previews. UserError datasets.skip.* as for `probe`."""
    if path.stat().st_size == 0:
        raise UserError("datasets.skip.empty", file=path.name)
    if path.suffix.lower() == ".webp":
        return Look(*animation.look(path, SHARES, MOST_PIXELS, MOST_FRAMES))
    with _open(path) as opened:
        _require_size(opened)
        times = _packet_times(opened)
        places = sorted({int(len(times) * share) for share in SHARES})
        width, height = opened.stream.codec_context.width, opened.stream.codec_context.height
        whole = len(times) * width * height <= CHEAP
        count, frames = _all(opened, places) if whole else (len(times), _some(opened, times, places))
        if not frames:
            raise UserError("datasets.skip.clip_no_frame", file=path.name)
        _require_end(opened, times)
        return Look(_clip(opened, times, count, frames[0]), [_picture(frame) for frame in frames])


@contextmanager
def _open(path: Path) -> Iterator[_Opened]:
    try:
        import av
    except ImportError as error:
        raise UserError("datasets.skip.no_av", file=path.name) from error
    try:
        container = av.open(str(path.absolute()), options={"format_whitelist": CONTAINERS}, timeout=LONGEST_LOOK)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise UserError("datasets.skip.not_a_clip", file=path.name) from error
    try:
        yield _Opened(container, _stream(container, path), path, time.monotonic() + LONGEST_LOOK)
    except (av.error.FFmpegError, ValueError, IndexError, MemoryError, OverflowError, ZeroDivisionError) as error:
        raise UserError("datasets.skip.clip_damaged", file=path.name) from error
    finally:
        container.close()


def _stream(container: Any, path: Path) -> Any:
    """The first picture stream, as the engine takes it. A cover picture of a song is none."""
    import av

    streams = container.streams.video
    if not streams or streams[0].disposition & av.stream.Disposition.attached_pic:
        raise UserError("datasets.skip.clip_sound", file=path.name)
    stream = streams[0]
    if stream.codec_context is None:
        raise UserError("datasets.skip.clip_codec", file=path.name)
    stream.thread_type = "AUTO"
    stream.codec_context.options = {"max_pixels": str(MOST_PIXELS)}
    return stream


def _require_size(opened: _Opened) -> None:
    context, name = opened.stream.codec_context, opened.path.name
    if context.width * context.height > MOST_PIXELS:
        raise UserError("datasets.skip.clip_large", file=name, limit=MOST_PIXELS // 1_000_000)
    if min(context.width, context.height) < media.SMALLEST_SIDE:
        raise UserError("datasets.skip.tiny", file=name, width=context.width, height=context.height)


def _packet_times(opened: _Opened) -> list[int]:
    """When each frame is shown, in the stream's own units and in order; its length is the number of frames."""
    hidden = opened.stream.codec_context.name in ("vp8", "libvpx")
    times: list[int] = []
    for packet in opened.container.demux(opened.stream):
        opened.tick()
        if not packet.size or packet.is_discard or (hidden and not bytes(packet)[0] & 0x10):
            continue
        times.append(packet.pts if packet.pts is not None else packet.dts or 0)
        if len(times) > MOST_FRAMES:
            raise UserError("datasets.skip.clip_long", file=opened.path.name, limit=MOST_FRAMES)
    if not times:
        raise UserError("datasets.skip.clip_no_frame", file=opened.path.name)
    return sorted(times)


def _all(opened: _Opened, places: Sequence[int]) -> tuple[int, list[Any]]:
    """Decode everything: how many frames the engine will get, and those at `places`."""
    wanted, frames, count = set(places), [], 0
    opened.container.seek(0)
    for frame in opened.container.decode(opened.stream):
        opened.tick()
        if count in wanted:
            frames.append(frame)
        count += 1
    return count, frames


def _some(opened: _Opened, times: Sequence[int], places: Sequence[int]) -> list[Any]:
    """The frames at `places` of a clip that is too long to decode as a whole."""
    return [frame for place in places if (frame := _at(opened, times[place])) is not None]


def _at(opened: _Opened, when: int) -> Any:
    opened.container.seek(when, stream=opened.stream)
    last = None
    for frame in opened.container.decode(opened.stream):
        opened.tick()
        last = frame
        if frame.pts is None or frame.pts >= when:
            break
    return last


def _require_end(opened: _Opened, times: Sequence[int]) -> None:
    """A file that was cut off says more than it holds: by its frame count, or by a duration that nothing fills."""
    stated, found = opened.stream.frames, len(times)
    if stated and found < stated * 0.98 - 1:
        raise UserError("datasets.skip.clip_cut", file=opened.path.name, found=found, stated=stated)
    seconds = float((times[-1] - times[0]) * opened.stream.time_base)
    claimed = (opened.container.duration or 0) / 1e6
    least = 0.5 if len(opened.container.streams) > 1 else 0.9
    if found > 1 and (seconds + seconds / (found - 1)) < claimed * least - 0.5:
        about = round(claimed * (found - 1) / max(seconds, 0.001))
        raise UserError("datasets.skip.clip_cut", file=opened.path.name, found=found, stated=about)


def _clip(opened: _Opened, times: Sequence[int], count: int, frame: Any) -> Clip:
    turned = _turned(frame)
    size = (frame.height, frame.width) if turned in (90, 270) else (frame.width, frame.height)
    fps, variable = _rate(opened, times)
    seconds = count / fps if fps else (opened.container.duration or 0) / 1e6
    codec = opened.stream.codec_context.codec.canonical_name
    return Clip(*size, _ending(opened), round(seconds, 3), round(fps, 3), count, codec, turned, variable)


def _ending(opened: _Opened) -> str:
    family = opened.container.format.name.split(",")[0]
    family = "mpeg" if family.startswith("mpeg") else family
    given = opened.path.suffix.lower()
    return given if given in SAME.get(family, ()) else USUAL.get(family, ".mp4")


def _rate(opened: _Opened, times: Sequence[int]) -> tuple[float, bool]:
    """(frames per second, whether they are unevenly spaced). The stated rate when the times agree with it."""
    stated = float(opened.stream.average_rate or 0)
    span = float((times[-1] - times[0]) * opened.stream.time_base)
    if len(times) < 2 or span <= 0:
        return stated, False
    counted = (len(times) - 1) / span
    gaps = sorted(after - before for before, after in pairwise(times))
    usual = gaps[len(gaps) // 2]
    coarse = 1.5 if usual > 8 else 2.5  # units: whole milliseconds or less make even gaps look a little uneven
    uneven = sum(gap > usual * coarse or gap < usual / coarse for gap in gaps)
    variable = uneven > max(1, len(gaps) // 100)
    return (stated if stated and not variable and abs(stated - counted) < counted * 0.02 else counted), variable


def _turned(frame: Any) -> int:
    """Degrees against the clock by which players turn the frame: 0, 90, 180 or 270."""
    return round(getattr(frame, "rotation", 0) / 90) * 90 % 360


def _picture(frame: Any) -> Image.Image:
    """A decoded frame as an upright picture of at most 1280 pixels a side."""
    scale = min(1.0, media.MEDIUM_SIDE / max(frame.width, frame.height))
    width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    picture: Image.Image = frame.to_image(width=width, height=height)
    turned = _turned(frame)
    return picture.rotate(turned, expand=True) if turned else picture
