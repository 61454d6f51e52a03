"""The trash of a dataset: items go there with all their files and come back whole. Must not throw anything away by itself."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from tagtrainer.core.files import read_json, safe_id, writing
from tagtrainer.core.text import UserError
from tagtrainer.datasets import captions as caption_files
from tagtrainer.datasets import changes as log
from tagtrainer.datasets import index, records
from tagtrainer.datasets.changes import Title
from tagtrainer.datasets.models import Item
from tagtrainer.workspace import Workspace

MANY = 50


def delete_items(
    ws: Workspace, dataset: str, ids: Sequence[str], *, who: str = "user", title: str | Title = "", group: str = "",
    undoes: str = "",
) -> int:  # fmt: skip
    """Move items with previews, captions and control images to the dataset's trash as one change; how many there were."""
    folder = ws.dataset(dataset)
    with log.lock(folder):
        known = records.read(folder)
        doomed = [known[ident] for ident in dict.fromkeys(map(safe_id, ids)) if ident in known]
        if not doomed:
            return 0
        changes = [{"item": item.id, "old": item.name, "new": None} for item in doomed]
        title = title or Title("datasets.change.delete", count=len(doomed))
        log.append(folder, "delete", changes, who=who, title=title, group=group, undoes=undoes)
        for item in doomed:
            _bury(folder, item, durable=len(doomed) <= MANY)
        records.forget(folder, [item.id for item in doomed])
    index.remove(ws, dataset, [item.id for item in doomed])
    return len(doomed)


def _bury(folder: Path, item: Item, durable: bool) -> None:
    """One folder per item in the trash; its record goes first, so that a crash in between loses nothing."""
    grave = folder / "trash" / item.id
    with writing(grave / "record.json", durable=durable) as handle:
        handle.write(json.dumps(records.to_row(item), ensure_ascii=False).encode("utf-8"))
    for name, path in parts(folder, item):
        if path.exists():
            path.replace(grave / name)


def parts(folder: Path, item: Item) -> list[tuple[str, Path]]:
    """(name in the trash, place in the dataset) of every file that belongs to an item; not all of them need to be there."""
    found = [
        (f"{part}{ext}", folder / part / f"{item.id}{ext}")
        for part in ("medium", "preview")
        for ext in (".jpg", ".webp")
    ]
    if item.media == "video":
        found.append(("strip.jpg", folder / "preview" / f"{item.id}.strip.jpg"))
    for control in item.controls:
        stem = Path(control.file).stem
        found.append((control.file, folder / "control" / control.file))
        found += [
            (f"{part}-{stem}{ext}", folder / part / f"{stem}{ext}")
            for part in ("medium", "preview")
            for ext in (".jpg", ".webp")
        ]
    caption = ("caption.txt", caption_files.caption_path(folder, item.id))
    return [(f"image{item.ext}", folder / "images" / f"{item.id}{item.ext}"), caption, *found]


def restore_items(
    ws: Workspace, dataset: str, ids: Sequence[str] | None = None, *, who: str = "user", title: str | Title = "",
    undoes: str = "",
) -> int:  # fmt: skip
    """Bring items back from the dataset's trash, all of them when `ids` is None; how many came."""
    folder = ws.dataset(dataset)
    with log.lock(folder):
        wanted = [found.id for found in trash_items(ws, dataset)] if ids is None else [safe_id(ident) for ident in ids]
        risen = [item for ident in wanted if (item := _dead(folder / "trash" / ident)) is not None]
        if not risen:
            return 0
        changes = [{"item": item.id, "old": None, "new": item.name} for item in risen]
        title = title or Title("datasets.change.restore", count=len(risen))
        log.append(folder, "restore", changes, who=who, title=title, undoes=undoes)
        for item in risen:
            _raise(folder, item)
        records.add(folder, risen)
        for item in risen:
            shutil.rmtree(folder / "trash" / item.id, ignore_errors=True)
    index.put(ws, dataset, risen)
    return len(risen)


def _raise(folder: Path, item: Item) -> None:
    grave = folder / "trash" / item.id
    for name, path in parts(folder, item):
        if (grave / name).exists() and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            (grave / name).replace(path)


def _dead(grave: Path) -> Item | None:
    try:
        return records.from_row(read_json(grave / "record.json"))
    except (UserError, OSError, KeyError, TypeError, ValueError):
        return None


def trash_items(ws: Workspace, dataset: str) -> list[Item]:
    """What lies in the dataset's trash."""
    graves = sorted((ws.dataset(dataset) / "trash").glob("*/record.json"))
    return [item for grave in graves if (item := _dead(grave.parent)) is not None]


def trash_count(ws: Workspace, dataset: str) -> int:
    """How many items lie there, without reading them."""
    folder = ws.dataset(dataset) / "trash"
    if not folder.is_dir():
        return 0
    with os.scandir(folder) as entries:
        return sum(entry.is_dir() and entry.name != "unpaired" for entry in entries)


def trash_page(ws: Workspace, dataset: str, offset: int, limit: int) -> tuple[list[Item], int]:
    """(some of the items there, the latest deleted first; how many there are in all). Reads only those it returns."""
    folder = ws.dataset(dataset) / "trash"
    if not folder.is_dir():
        return [], 0
    with os.scandir(folder) as entries:
        graves = [
            (-entry.stat().st_mtime_ns, entry.name) for entry in entries if entry.is_dir() and entry.name != "unpaired"
        ]
    part = sorted(graves)[offset : offset + limit]
    return [item for _, name in part if (item := _dead(folder / name)) is not None], len(graves)
