"""Which cache files of the engine still fit the pictures and captions, read from their headers. Must not encode anything.

The engine's --skip_existing looks only at names, and training reads whatever lies in the folder. So before every run what
does not fit is removed here; then skipping is safe, and the engine's own clean-up (which wipes the folder when the media are
unreachable) is never needed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagtrainer.core.buckets import Size, bucket_for
from tagtrainer.core.files import read_json, write_json
from tagtrainer.core.text import UserError
from tagtrainer.training import weights
from tagtrainer.training.dataset_config import Picture, Shape

_LATENT_KEY = re.compile(r"^latents_(?:\d+x)?(\d+)x(\d+)_")
_MARK = "made_with.json"


@dataclass
class Survey:
    """State of one cache folder. `stale` says why a file must go; `foreign` belongs to no picture of the run."""

    fresh: int = 0
    missing: int = 0
    stale: dict[Path, str] = field(default_factory=dict)
    foreign: list[Path] = field(default_factory=list)


def header(path: Path) -> dict[str, Any] | None:
    """The JSON header of a cache file, or None when the file is not whole (a killed run leaves such files)."""
    try:
        return weights.read_header(path)
    except (OSError, ValueError):
        return None


def latent_name(picture: Picture, suffix: str) -> str:
    """File name of a picture's latents; the size in it is the picture's own, not its bucket's."""
    return f"{picture.path.stem}_{picture.size[0]:04d}x{picture.size[1]:04d}_{suffix}.safetensors"


def text_name(picture: Picture, suffix: str) -> str:
    """File name of a picture's encoded caption."""
    return f"{picture.path.stem}_{suffix}_te.safetensors"


def survey(
    folder: Path,
    pictures: Iterable[Picture],
    shape: Shape,
    suffix: str,
    scale: int = 8,
    made_with: Mapping[str, Any] = {},
) -> Survey:
    """Compare a cache folder with what the run wants. `scale` is pixels per latent; `made_with` see `remember`."""
    found = Survey()
    if not folder.is_dir():
        found.missing = 2 * sum(1 for _ in pictures)
        return found
    there = {path.name: path for path in folder.glob("*.safetensors")}
    changed = _changed(folder, made_with) if there else set()
    for picture in pictures:
        bucket = bucket_for(picture.size, shape.resolution, shape.enable_bucket, shape.no_upscale, shape.step)
        latents = there.pop(latent_name(picture, suffix), None)
        words = there.pop(text_name(picture, suffix), None)
        _note(found, latents, _latents_reason(latents, bucket, scale, "latents" in changed) if latents else "")
        _note(found, words, _text_reason(words, picture.caption.strip(), "text" in changed) if words else "")
    found.foreign = [
        path for name, path in there.items() if name.endswith((f"_{suffix}.safetensors", "_te.safetensors"))
    ]
    return found


def _note(found: Survey, path: Path | None, reason: str) -> None:
    if path is None:
        found.missing += 1
    elif reason:
        found.stale[path] = reason
    else:
        found.fresh += 1


def _latents_reason(path: Path, bucket: Size, scale: int, changed: bool) -> str:
    told = header(path)
    if told is None:
        return "broken"
    if changed:
        return "weights"
    sizes = [(int(m[2]) * scale, int(m[1]) * scale) for m in map(_LATENT_KEY.match, told) if m]
    return "" if bucket in sizes else "size"


def _text_reason(path: Path, caption: str, changed: bool) -> str:
    told = header(path)
    if told is None:
        return "broken"
    if changed:
        return "weights"
    return "" if told.get("__metadata__", {}).get("caption1") == caption else "caption"


def clean(found: Survey) -> int:
    """Remove what is stale or foreign; returns how many files went. They are caches: the next step makes them again."""
    doomed = [*found.stale, *found.foreign]
    for path in doomed:
        path.unlink(missing_ok=True)
    return len(doomed)


def fingerprint(path: str) -> str:
    """Tells one weights file from another without reading it: name, size and time of change."""
    try:
        stat = Path(path).stat()
    except OSError:
        return ""
    return f"{Path(path).name}:{stat.st_size}:{stat.st_mtime_ns}"


def remember(folder: Path, made_with: Mapping[str, Any]) -> None:
    """Write down which weights the caches come from: {"latents": ..., "text": ...}; the engine's files do not say."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / _MARK, dict(made_with))


def _changed(folder: Path, made_with: Mapping[str, Any]) -> set[str]:
    try:
        before = read_json(folder / _MARK)
    except (FileNotFoundError, UserError):
        return set(made_with)
    return {part for part, value in made_with.items() if not isinstance(before, dict) or before.get(part) != value}
