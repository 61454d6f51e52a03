"""Takes a picture or clip into a dataset: checks it, makes its previews, copies it. Recording comes last: a kill leaves no half.

Must not know where the picture comes from.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tagtrainer.core.files import read_json, safe_id, slug, write_error, writing
from tagtrainer.core.system import FileLock
from tagtrainer.core.text import UserError
from tagtrainer.datasets import media, records
from tagtrainer.datasets.clips import posters, video
from tagtrainer.datasets.models import Item
from tagtrainer.workspace import Workspace

BLOCK = 1 << 20


@dataclass(frozen=True)
class Source:
    """A file that may be a picture: where it lies now, its original name and the folders it came from."""

    path: Path
    name: str
    folder: str = ""


def lock(folder: Path) -> FileLock:
    """Held while pictures are being taken in."""
    return FileLock(folder / ".import.lock")


def item_id(name: str, sha256: str) -> str:
    """Readable and safe everywhere: slug of the original stem + start of the content hash."""
    return f"{slug(Path(name).stem, fallback='item')}-{sha256[:8]}"


def take(folder: Path, source: Source, sha256: str) -> Item:
    """Previews, then the picture itself, each in one step. UserError datasets.skip.* when it is none; nothing is recorded."""
    ident = item_id(source.name, sha256)
    item = _seen(folder, source, ident, sha256)
    target = folder / "images" / f"{ident}{item.ext}"
    if not target.exists():
        copy(source.path, target)
    return item


def _seen(folder: Path, source: Source, ident: str, sha256: str) -> Item:
    """What a file is as an item; its previews are made. UserError datasets.skip.* when the dataset does not take it."""
    medium, preview, size = folder / "medium" / ident, folder / "preview" / ident, source.path.stat().st_size
    if not takes_clips(folder):
        info = media.make_previews(source.path, medium, preview)
        return Item(ident, source.name, info.ext, info.width, info.height, size, sha256, time.time(), source.folder)
    if not video.is_clip(source.path):
        raise UserError("datasets.skip.still", file=source.name)
    clip = posters.make_previews(source.path, medium, preview)
    return Item(
        ident, source.name, clip.ext, clip.width, clip.height, size, sha256, time.time(), source.folder, media="video",
        duration=clip.duration, fps=clip.fps, frames=clip.frames, turned=clip.turned,
    )  # fmt: skip


def takes_clips(folder: Path) -> bool:
    """Whether this is the folder of a dataset of clips."""
    try:
        return bool(read_json(folder / "metadata.json").get("kind") == "video")
    except (FileNotFoundError, UserError, AttributeError):
        return False


def copy(source: Path, target: Path) -> None:
    """Copy into place in one step, on disk for sure."""
    with source.open("rb") as reader, writing(target) as writer:
        shutil.copyfileobj(reader, writer, BLOCK)


def hashed(path: Path) -> str:
    """SHA-256 of a file. UserError datasets.skip.unreadable."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as handle:
            while block := handle.read(BLOCK):
                digest.update(block)
    except OSError as error:
        raise UserError("datasets.skip.unreadable", file=path.name, reason=error.strerror or error) from error
    return digest.hexdigest()


def adopt(ws: Workspace, dataset: str, stems: Iterable[str]) -> int:
    """Take in picture files that somebody put into images/ by hand, or that a killed import had not recorded yet.

    Does nothing while an import is at work there. Files that are no pictures are left alone.
    """
    folder = ws.dataset(dataset)
    busy = lock(folder)
    if not busy.acquire():
        return 0
    try:
        wanted = set(stems)
        known = records.read(folder)
        endings = media.PICTURES | (video.ENDINGS if takes_clips(folder) else frozenset())
        found = [
            path
            for path in sorted((folder / "images").iterdir())
            if path.stem in wanted and path.stem not in known and path.suffix.lower() in endings
        ]
        items = [item for item in map(lambda path: _adopt(folder, path), found) if item is not None]
        records.add(folder, items)
        return len(items)
    finally:
        busy.release()


def _adopt(folder: Path, path: Path) -> Item | None:
    try:
        sha256 = hashed(path)
        ident = path.stem if _is_ours(path, sha256) else item_id(path.name, sha256)
        item = _seen(folder, Source(path, path.name), ident, sha256)
        target = folder / "images" / f"{ident}{item.ext}"
        if target != path:
            if target.exists():
                return None
            path.replace(target)
        _adopt_caption(folder, path, ident)
    except UserError:
        return None
    except OSError as error:
        raise write_error(path, error) from error
    return item


def _is_ours(path: Path, sha256: str) -> bool:
    try:
        return safe_id(path.stem).endswith("-" + sha256[:8])
    except UserError:
        return False


def _adopt_caption(folder: Path, path: Path, ident: str) -> None:
    """captions/<name>.txt put there by hand together with images/<name>.jpg."""
    given, wanted = folder / "captions" / f"{path.stem}.txt", folder / "captions" / f"{ident}.txt"
    if given != wanted and given.exists() and not wanted.exists():
        os.replace(given, wanted)  # noqa: PTH105
