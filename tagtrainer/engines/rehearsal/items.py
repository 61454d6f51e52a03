"""The pictures and captions of a dataset, in the engine's order and with its silent omissions. Must not resize or encode."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tagtrainer.core.buckets import Size, bucket_for
from tagtrainer.engines.rehearsal.console import logger
from tagtrainer.engines.rehearsal.dataset_file import ImageSet

LOG = logger("dataset")
EXTENSIONS = ("png", "jpg", "jpeg", "webp", "bmp", "avif")


@dataclass(frozen=True)
class Item:
    """`key` is the picture's path as it was given; its stem names the cache files."""

    key: str
    caption: str

    @property
    def stem(self) -> str:
        return Path(self.key).stem


@dataclass(frozen=True)
class Sized:
    """An item with the size it has and the size it is cut to for training."""

    item: Item
    size: Size
    bucket: Size


def of(dataset: ImageSet) -> list[Item]:
    """Every item. A folder's pictures without caption file are left out without a word, as the engine does."""
    return _listed(dataset.image_jsonl_file) if dataset.image_jsonl_file else _found(dataset)


def _listed(path: str) -> list[Item]:
    LOG.info(f"load image jsonl from {path}")
    with Path(path).open(encoding="utf-8") as handle:
        rows = []
        for line in handle:  # a blank line or a byte-order mark is refused by the JSON reader, like in the engine
            try:
                rows.append(json.loads(line))
            except json.JSONDecodeError:
                LOG.error(f"failed to load json: {line} @ {path}")
                raise
    LOG.info(f"loaded {len(rows)} images")
    return [Item(row["image_path"] if "image_path" in row else row["image_path_0"], row["caption"]) for row in rows]


def _found(dataset: ImageSet) -> list[Item]:
    folder = Path(dataset.image_directory or "")
    LOG.info(f"glob images in {dataset.image_directory}")
    suffixes = {f".{name}" for name in EXTENSIONS} | {f".{name.upper()}" for name in EXTENSIONS}
    entries = sorted(folder.iterdir()) if folder.is_dir() else []
    pictures = [path for path in entries if path.suffix in suffixes]
    if dataset.caption_extension is not None:
        worded = {path.stem for path in entries if path.name.endswith(dataset.caption_extension)}
        pictures = [path for path in pictures if path.stem in worded]
    LOG.info(f"found {len(pictures)} images")
    return [Item(str(path), _caption(path, dataset.caption_extension)) for path in pictures]


def _caption(picture: Path, extension: str | None) -> str:
    source = str(picture.with_suffix("")) + extension if extension else ""
    with open(source, encoding="utf-8") as handle:
        return handle.read().strip()


def sized(found: list[Item], dataset: ImageSet, step: int) -> Iterator[Sized]:
    """Every item with its bucket, one by one; opens each picture's header. Raises what opening raises."""
    from PIL import Image

    for item in found:
        with Image.open(item.key) as picture:
            size = picture.size
        yield Sized(
            item, size, bucket_for(size, dataset.resolution, dataset.enable_bucket, dataset.bucket_no_upscale, step)
        )


def batches(found: list[Item], dataset: ImageSet, step: int) -> Iterator[list[Sized]]:
    """Groups of up to batch_size items of one bucket, in the order in which they fill up; the rest at the end."""
    waiting: dict[Size, list[Sized]] = {}
    for one in sized(found, dataset, step):
        group = waiting.setdefault(one.bucket, [])
        group.append(one)
        if len(group) == dataset.batch_size:
            yield waiting.pop(one.bucket)
    yield from waiting.values()
