"""What an export consists of: the name of every file, and the lists that say everything we know. Must not write anything."""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal, get_args

from tagtrainer.datasets import captions, media
from tagtrainer.datasets.exchange import cutting, names
from tagtrainer.datasets.exchange.names import Taken
from tagtrainer.datasets.models import DatasetMeta, Item

Layout = Literal["sidecar", "jsonl", "kohya", "zip"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
RESERVED = ("metadata.jsonl", "metadata", "dataset.json", "dataset", "control", "trash")
ENDINGS = media.PICTURES | media.VIDEOS


@dataclass(frozen=True)
class Placed:
    """An item of an export: where it lies and what its files are called there, `/` between folders."""

    item: Item
    source: Path
    target: str
    caption: str
    raw_caption: bytes
    """What lies in the caption file, for a .txt beside; also when nobody can read it."""
    controls: tuple[tuple[Path, str], ...] = ()
    trash: bool = False

    @property
    def caption_target(self) -> str:
        return PurePosixPath(self.target).with_suffix(".txt").as_posix()

    @property
    def bytes(self) -> int:
        return self.item.bytes + sum(control.bytes for control in self.item.controls) + len(self.raw_caption)


def folder_name(name: str) -> str:
    """A dataset's name as the name of a folder."""
    return names.safe_part(name, names.LONGEST_FOLDER)


def digest(text: str) -> str:
    """A short name for a long one."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def lay_out(
    folder: Path,
    meta: DatasetMeta,
    items: Sequence[Item],
    dead: Sequence[Item],
    layout: Layout,
    as_trained: bool = False,
) -> list[Placed]:
    """Every file's place. The same dataset gives the same names every time."""
    taken = Taken(RESERVED)
    words = names.safe_part(meta.trigger_word or meta.name, 80)
    wanted = [(item, False) for item in sorted(items, key=_order)] + [(item, True) for item in sorted(dead, key=_order)]
    stems: dict[str, set[str]] = defaultdict(set)
    targets: list[tuple[Item, bool, str, str, str]] = []
    for item, trash in wanted:
        place = f"{item.repeats}_{words}" if layout == "kohya" else names.safe_folder(item.folder)
        place = "trash" + (f"/{place}" if place and layout != "kohya" else "") if trash else taken.folder(place)
        stem, ending = names.split(item.name, item.ext, ENDINGS)
        ending = cutting.ending(item.ext) if as_trained and is_cut(item) else ending
        stem = taken.claim(place, stem)
        stems[place].add(stem)
        targets.append((item, trash, place, stem, ending))
    return [
        _placed(folder, item, trash, place, stem, ending, stems[place]) for item, trash, place, stem, ending in targets
    ]


def _order(item: Item) -> tuple[float, str]:
    return item.added, item.id


def _placed(folder: Path, item: Item, trash: bool, place: str, stem: str, ending: str, stems: Iterable[str]) -> Placed:
    grave = folder / "trash" / item.id
    source = grave / f"image{item.ext}" if trash else folder / "images" / f"{item.id}{item.ext}"
    caption_file = grave / "caption.txt" if trash else captions.caption_path(folder, item.id)
    raw = caption_file.read_bytes() if caption_file.is_file() else b""
    text = captions.decode(raw[: captions.LARGEST_FILE]) or ""
    beside = f"{place}/" if place else ""
    width = _width(stem, stems, len(item.controls))
    controls = tuple(
        (
            (grave if trash else folder / "control") / control.file,
            f"control/{beside}{stem}_{number:0{width}}{PurePosixPath(control.file).suffix}",
        )
        for number, control in enumerate(item.controls)
    )
    return Placed(item, source, f"{beside}{stem}{ending}", text, raw, controls, trash)


def _width(stem: str, stems: Iterable[str], count: int) -> int:
    """Digits for the numbers of control images, so that no name is that of another item: trainers go by names."""
    known, width = set(stems), 1
    while any(f"{stem}_{number:0{width}}" in known for number in range(count)):
        width += 1
    return width


def rows(placed: Iterable[Placed], as_trained: bool) -> Iterator[dict[str, Any]]:
    """metadata.jsonl: the keys that trainers read, then all that is recorded."""
    for each in placed:
        item = each.item
        row: dict[str, Any] = {f"{item.media}_path": each.target, "caption": each.caption}
        if len(each.controls) == 1:
            row["control_path"] = each.controls[0][1]
        else:
            row |= {f"control_path_{number}": target for number, (_, target) in enumerate(each.controls)}
        width, height = item.size if as_trained and is_cut(item) else (item.width, item.height)
        row |= {
            "id": item.id,
            "name": item.name,
            "folder": item.folder,
            "added": item.added,
            "width": width,
            "height": height,
        }
        row |= {"sha256": item.sha256} if not (as_trained and is_cut(item)) else {}
        row |= {"repeats": item.repeats, "flagged": item.flagged}
        if item.crop and not (as_trained and is_cut(item)):
            row["crop"] = list(item.crop)
        if item.controls:
            row["controls"] = [control.name for control in item.controls]
        if each.trash:
            row["trash"] = True
        yield row


def is_cut(item: Item) -> bool:
    """Whether the trainer sees a part of it only; clips are cut by the trainer itself."""
    return item.crop is not None and item.media == "image"


def about(meta: DatasetMeta, layout: Layout, as_trained: bool) -> dict[str, Any]:
    """dataset.json: what is known of the whole."""
    return {
        "tagtrainer": 1, "name": meta.name, "kind": meta.kind, "description": meta.description,
        "trigger_word": meta.trigger_word, "layout": layout, "as_trained": as_trained, "exported": round(time.time()),
    }  # fmt: skip
