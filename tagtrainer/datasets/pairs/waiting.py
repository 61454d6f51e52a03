"""control/unpaired/: pictures that found no target, each with the reason, until they are paired by hand or thrown away.

A picture and <stem>.json beside it. A file without the latter (put there by hand) waits too. Must not decide what fits what.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tagtrainer.core.files import read_json, safe_id, safe_join, slug, write_json
from tagtrainer.core.text import UserError, t
from tagtrainer.datasets import changes, index, intake, media, records
from tagtrainer.datasets.changes import Title
from tagtrainer.datasets.models import Control, Item
from tagtrainer.datasets.pairs import controls
from tagtrainer.workspace import Workspace

ENDING = "_w"
FOUND = "pairs.reason.found"


@dataclass(frozen=True)
class Waiting:
    """A picture without a target. `target` is the item it nearly went to, `position` the place it asked for there."""

    id: str
    file: str
    name: str
    label: str
    key: str
    values: Mapping[str, Any] = field(default_factory=dict)
    width: int = 0
    height: int = 0
    bytes: int = 0
    sha256: str = ""
    at: float = 0.0
    target: str = ""
    position: int | None = None

    @property
    def reason(self) -> str:
        """The sentence in the current language."""
        return t(self.key, **{"file": self.label, **self.values})


def _place(ws: Workspace, dataset: str) -> Path:
    return ws.dataset(dataset) / "control" / "unpaired"


def add(
    ws: Workspace, dataset: str, path: Path, name: str, label: str, key: str, values: Mapping[str, Any], *,
    target: str = "", position: int | None = None, sha256: str = "",
) -> Waiting:  # fmt: skip
    """Let a picture wait; one of the same content that waits already gets the new reason. UserError datasets.skip.*"""
    folder, place = ws.dataset(dataset), _place(ws, dataset)
    sha256 = sha256 or intake.hashed(path)
    stem = f"{slug(Path(name).stem, fallback='picture')}-{sha256[:8]}{ENDING}"
    info = media.make_previews(path, folder / "medium" / stem, folder / "preview" / stem)
    kept = place / f"{stem}{info.ext}"
    if not kept.exists():
        intake.copy(path, kept)
    row = {
        "name": name, "label": label, "key": key, "values": dict(values), "width": info.width, "height": info.height,
        "sha256": sha256, "at": time.time(), "target": target, "position": position,
    }  # fmt: skip
    write_json(place / f"{stem}.json", row)
    return _read(kept)


def entries(ws: Workspace, dataset: str) -> list[Waiting]:
    """Everything that waits, in the order it came."""
    place = _place(ws, dataset)
    files = sorted(place.iterdir()) if place.is_dir() else []
    pictures = [path for path in files if path.suffix.lower() in media.PICTURES and not path.name.startswith(".")]
    return sorted(map(_read, pictures), key=lambda entry: (entry.at, entry.label, entry.id))


def count(ws: Workspace, dataset: str) -> int:
    """How many wait, without reading them."""
    place = _place(ws, dataset)
    return sum(path.suffix.lower() in media.PICTURES for path in place.iterdir()) if place.is_dir() else 0


def one(ws: Workspace, dataset: str, ident: str) -> Waiting:
    """One of them. UserError pairs.not_waiting."""
    found = next((path for path in _place(ws, dataset).glob(f"{safe_id(ident)}.*") if path.suffix != ".json"), None)
    if found is None:
        raise UserError("pairs.not_waiting", id=ident)
    return _read(found)


def path_of(ws: Workspace, dataset: str, entry: Waiting) -> Path:
    """Where its picture lies."""
    return safe_join(_place(ws, dataset), entry.file)


def preview_path(ws: Workspace, dataset: str, ident: str, part: Literal["medium", "preview"] = "preview") -> Path:
    """Its small picture; made now for a file that was put there by hand."""
    folder, stem = ws.dataset(dataset), safe_id(ident)
    for ext in (".jpg", ".webp"):
        if (folder / part / f"{stem}{ext}").exists():
            return folder / part / f"{stem}{ext}"
    info = media.make_previews(
        path_of(ws, dataset, one(ws, dataset, stem)), folder / "medium" / stem, folder / "preview" / stem
    )
    return folder / part / f"{stem}{info.previews}"


def _read(path: Path) -> Waiting:
    size = path.stat().st_size
    try:
        row = read_json(path.with_suffix(".json"))
        position = row.get("position")
        return Waiting(
            path.stem, path.name, str(row["name"]), str(row["label"]), str(row["key"]), dict(row.get("values") or {}),
            int(row["width"]), int(row["height"]), size, str(row["sha256"]), float(row.get("at", 0.0)),
            str(row.get("target", "")), int(position) if position is not None else None,
        )  # fmt: skip
    except (OSError, UserError, KeyError, TypeError, ValueError, AttributeError):
        return Waiting(path.stem, path.name, path.name, path.name, FOUND, bytes=size)


def pair(
    ws: Workspace, dataset: str, item: str, ident: str, *, position: int | None = None, which: int | str | None = None,
    who: str = "user", group: str = "",
) -> Control:  # fmt: skip
    """Give one that waits to an item, or in the place of its control `which`. It waits no longer when that is on disk.

    Without a position it goes where its import wanted it.
    """
    entry = one(ws, dataset, ident)
    path = path_of(ws, dataset, entry)
    if (known := controls.holding(ws, dataset, item, entry.sha256)) is not None:
        forget(ws, dataset, entry)  # paired before, and killed before it stopped waiting
        return known
    if which is not None:
        new = controls.replace(ws, dataset, item, which, path, entry.name, who=who, group=group)
    else:
        place = entry.position if position is None else position
        new = controls.attach(ws, dataset, item, path, entry.name, position=place, who=who, group=group)
    forget(ws, dataset, entry)
    return new


def promote(ws: Workspace, dataset: str, ident: str, *, who: str = "user", group: str = "") -> Item:
    """Make one a target: a picture of the dataset. UserError pairs.is_target, datasets.importing."""
    folder, entry = ws.dataset(dataset), one(ws, dataset, ident)
    path = path_of(ws, dataset, entry)
    busy = intake.lock(folder)
    if not busy.acquire(timeout=2):
        raise UserError("datasets.importing", id=dataset)
    try:
        sha256 = intake.hashed(path)
        if any(known.sha256 == sha256 for known in records.read(folder).values()):
            raise UserError("pairs.is_target", name=entry.name)
        item = intake.take(folder, intake.Source(path, entry.name), sha256)
        title = Title("pairs.change.promote", name=entry.name)
        with changes.lock(folder):
            rows = [{"item": item.id, "old": None, "new": item.name}]
            changes.append(folder, "add", rows, who=who, title=title, group=group)
            records.add(folder, [item])
        index.put(ws, dataset, [item])
    finally:
        busy.release()
    forget(ws, dataset, entry)
    return item


def discard(ws: Workspace, dataset: str, ident: str) -> None:
    """Throw one away: its picture goes to the dataset's trash, with what was known of it."""
    entry, trash = one(ws, dataset, ident), ws.dataset(dataset) / "trash"
    picture = path_of(ws, dataset, entry)
    for path in (picture, picture.with_suffix(".json")):
        if path.exists():
            path.replace(trash / path.name)
    forget(ws, dataset, entry)


def recall(ws: Workspace, dataset: str, ident: str) -> Waiting:
    """Take one back that was thrown away. UserError pairs.not_waiting."""
    place = _place(ws, dataset)
    place.mkdir(parents=True, exist_ok=True)
    for path in (ws.dataset(dataset) / "trash").glob(f"{safe_id(ident)}.*"):
        if path.is_file():
            path.replace(place / path.name)
    return one(ws, dataset, ident)


def forget(ws: Workspace, dataset: str, entry: Waiting) -> None:
    """Remove one whose picture is kept elsewhere by now."""
    folder = ws.dataset(dataset)
    path_of(ws, dataset, entry).unlink(missing_ok=True)
    (_place(ws, dataset) / f"{entry.id}.json").unlink(missing_ok=True)
    for part in ("medium", "preview"):
        for ext in (".jpg", ".webp"):
            (folder / part / f"{entry.id}{ext}").unlink(missing_ok=True)
