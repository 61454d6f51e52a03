"""What a run trains on, frozen: pictures, final captions, cache folders, as the engine's dataset.toml and JSON lines.

Must not decide what is right or wrong with it (checks do) nor start anything.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from tagtrainer.core.buckets import Size
from tagtrainer.core.files import write_text
from tagtrainer.workspace import Workspace


@dataclass(frozen=True)
class Picture:
    """One training picture as the engine will open it. `size` is what the engine sees when it opens `path`."""

    item: str
    path: Path
    size: Size
    caption: str


@dataclass(frozen=True)
class Shape:
    """Everything that decides to which size a picture is cut."""

    resolution: Size
    enable_bucket: bool
    no_upscale: bool
    step: int = 16

    @property
    def label(self) -> str:
        """Readable part of a cache folder's name; unlike shapes never share one."""
        mode = "" if self.enable_bucket else "-crop"
        return f"{self.resolution[0]}x{self.resolution[1]}{mode or ('-small' if self.no_upscale else '')}"


@dataclass(frozen=True)
class Source:
    """One dataset of the run: its captioned pictures and the folder of its caches."""

    dataset: str
    repeats: int
    batch_size: int
    shape: Shape
    cache: Path
    pictures: tuple[Picture, ...]


def cache_folder(ws: Workspace, dataset: str, engine: str, family: str, variant: str, shape: Shape) -> Path:
    """One folder per dataset x engine x family x variant x shape: the engine's cache files record none of these."""
    parts = [engine, family, *([variant] if variant else []), shape.label]
    return ws.cache / dataset / "-".join(part.replace("/", "_") for part in parts)


def jsonl(pictures: Sequence[Picture]) -> str:
    """One object a line, no blank line and no byte-order mark: either stops the engine."""
    rows = ({"image_path": slashed(picture.path), "caption": picture.caption.strip()} for picture in pictures)
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)


def slashed(path: Path) -> str:
    """Absolute, with forward slashes, which the engine takes on every system and TOML needs no escape for."""
    return path.absolute().as_posix()


def config(folder: Path, sources: Sequence[Source]) -> dict[str, Any]:
    """The engine's dataset configuration; every value is written out because its own defaults surprise."""
    return {"general": {}, "datasets": [_table(folder, number, source) for number, source in enumerate(sources)]}


def jsonl_path(folder: Path, number: int) -> Path:
    """Where the pictures of source `number` are listed."""
    return folder / f"dataset_{number}.jsonl"


def _table(folder: Path, number: int, source: Source) -> dict[str, Any]:
    shape = source.shape
    return {
        "image_jsonl_file": slashed(jsonl_path(folder, number)),
        "cache_directory": slashed(source.cache),
        "resolution": list(shape.resolution),
        "batch_size": source.batch_size,
        "num_repeats": source.repeats,
        "enable_bucket": shape.enable_bucket,
        "bucket_no_upscale": shape.no_upscale and shape.enable_bucket,
        "caption_extension": ".txt",
    }


def write(folder: Path, sources: Sequence[Source]) -> Path:
    """Write dataset.toml and one dataset_<n>.jsonl per source into `folder`; returns the TOML's path."""
    for number, source in enumerate(sources):
        write_text(jsonl_path(folder, number), jsonl(source.pictures))
        source.cache.mkdir(parents=True, exist_ok=True)
    target = folder / "dataset.toml"
    write_text(target, tomli_w.dumps(config(folder, sources)))
    return target
