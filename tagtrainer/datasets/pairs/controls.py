"""Control images of an item: attach, detach, put in order, replace. Every change is one entry of the history.

A file in control/ is never written over nor used for another picture: those of detached controls stay until `sweep`. Must not
know how files are paired.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tagtrainer.core.files import read_json, safe_id, write_json
from tagtrainer.core.system import FileLock
from tagtrainer.core.text import UserError
from tagtrainer.datasets import intake, media, records, store
from tagtrainer.datasets.changes import Title
from tagtrainer.datasets.models import CONTROL_KINDS, Control, DatasetMeta, Item
from tagtrainer.workspace import Workspace

SERIALS = ".serials.json"
_FILE = re.compile(r"(.+)_(\d{1,9})\.[a-z0-9]+")


def control_kind(ws: Workspace, dataset: str) -> DatasetMeta:
    """The dataset. UserError pairs.other_kind when it has no control images."""
    meta = store.get(ws, dataset)
    if meta.kind not in CONTROL_KINDS:
        raise UserError("pairs.other_kind", name=meta.name)
    return meta


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Held while controls are read, changed and recorded. UserError pairs.busy."""
    lock = FileLock(folder / ".controls.lock")
    if not lock.acquire(timeout=20):
        raise UserError("pairs.busy")
    try:
        yield
    finally:
        lock.release()


class Serials:
    """The control files there are, and the next free number of an item: those of files that are gone are not given again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.last: dict[str, int] = dict(_swept(folder))
        self._files: dict[str, list[Path]] = {}
        self._lock = threading.Lock()
        place = folder / "control"
        for path in place.iterdir() if place.is_dir() else ():
            if item := self._see(path.name):
                self._files.setdefault(item, []).append(path)

    def _see(self, name: str) -> str:
        found = _FILE.fullmatch(name)
        if found is None:
            return ""
        self.last[found[1]] = max(self.last.get(found[1], 0), int(found[2]))
        return found[1]

    def next(self, item: str) -> int:
        """A number that no file of this item has or had, those of the item in the trash included."""
        with self._lock:
            if item not in self.last and (self.folder / "trash" / item).is_dir():
                for path in (self.folder / "trash" / item).iterdir():
                    self._see(path.name)
            self.last[item] = self.last.get(item, 0) + 1
            return self.last[item]

    def same(self, item: str, path: Path, sha256: str) -> Path | None:
        """A file of the item with that very content, as a killed import leaves it or a detached control."""
        size = path.stat().st_size
        alike = [known for known in self._files.get(item, ()) if known.exists() and known.stat().st_size == size]
        return next((known for known in alike if intake.hashed(known) == sha256), None)


def _swept(folder: Path) -> dict[str, int]:
    try:
        return {str(item): int(number) for item, number in read_json(folder / "control" / SERIALS).items()}
    except (FileNotFoundError, UserError, ValueError, AttributeError, TypeError):
        return {}


def keep(serials: Serials, item: str, path: Path, name: str, sha256: str) -> Control:
    """Put a picture into control/ with its previews; nothing is recorded. UserError datasets.skip.* when it is none."""
    folder, known = serials.folder, serials.same(safe_id(item), path, sha256)
    stem = known.stem if known else f"{item}_{serials.next(item)}"
    info = media.make_previews(path, folder / "medium" / stem, folder / "preview" / stem)
    target = known or folder / "control" / f"{stem}{info.ext}"
    if known is None:
        intake.copy(path, target)
    return Control(target.name, name, info.width, info.height, target.stat().st_size, sha256)


def attach(
    ws: Workspace, dataset: str, item_id: str, path: Path, name: str = "", *, position: int | None = None,
    who: str = "user", group: str = "",
) -> Control:  # fmt: skip
    """Give an item one more control image, at `position` (from 1 on) or at the end. `group` is the change's id, as everywhere.

    UserError pairs.single_full, pairs.has_it, datasets.no_source, datasets.skip.*
    """
    meta, folder = control_kind(ws, dataset), ws.dataset(dataset)
    sha256 = _hash_of(path)
    with changing(folder):
        item = _item(ws, dataset, item_id)
        if meta.kind == "single_control_image" and item.controls:
            raise UserError("pairs.single_full", name=item.name)
        if any(known.sha256 == sha256 for known in item.controls):
            raise UserError("pairs.has_it", name=item.name)
        new = keep(Serials(folder), item.id, path, name or path.name, sha256)
        title = Title("pairs.change.attach", control=new.name, name=item.name)
        record(ws, dataset, {item.id: placed(item.controls, new, position)}, who=who, title=title, group=group)
    return new


def replace(
    ws: Workspace, dataset: str, item_id: str, which: int | str, path: Path, name: str = "", *, who: str = "user",
    group: str = "",
) -> Control:  # fmt: skip
    """Another picture in the place of a control image. UserError as for attach, pairs.no_control."""
    control_kind(ws, dataset)
    folder, sha256 = ws.dataset(dataset), _hash_of(path)
    with changing(folder):
        item = _item(ws, dataset, item_id)
        place = _place(item, which)
        new = keep(Serials(folder), item.id, path, name or path.name, sha256)
        rows = [*item.controls[:place], new, *item.controls[place + 1 :]]
        title = Title("pairs.change.replace", control=item.controls[place].name, name=item.name)
        record(ws, dataset, {item.id: rows}, who=who, title=title, group=group)
    return new


def detach(
    ws: Workspace, dataset: str, item_id: str, which: int | str, *, who: str = "user", group: str = ""
) -> Control:
    """Take a control image from an item; its file stays, so the history can bring it back. UserError pairs.no_control."""
    control_kind(ws, dataset)
    with changing(ws.dataset(dataset)):
        item = _item(ws, dataset, item_id)
        place = _place(item, which)
        gone = item.controls[place]
        rows = [*item.controls[:place], *item.controls[place + 1 :]]
        title = Title("pairs.change.detach", control=gone.name, name=item.name)
        record(ws, dataset, {item.id: rows}, who=who, title=title, group=group)
    return gone


def reorder(
    ws: Workspace, dataset: str, item_id: str, order: Sequence[int | str], *, who: str = "user", group: str = ""
) -> Item:
    """Put an item's control images in an order, each named once by number or file. UserError pairs.bad_order."""
    control_kind(ws, dataset)
    with changing(ws.dataset(dataset)):
        item = _item(ws, dataset, item_id)
        places = [_place(item, which) for which in order]
        if sorted(places) != list(range(len(item.controls))):
            raise UserError("pairs.bad_order", name=item.name, count=len(item.controls))
        rows = [item.controls[place] for place in places]
        title = Title("pairs.change.reorder", name=item.name)
        record(ws, dataset, {item.id: rows}, who=who, title=title, group=group)
    return store.item(ws, dataset, item_id)


def holding(ws: Workspace, dataset: str, item_id: str, sha256: str) -> Control | None:
    """The item's control image of that content."""
    control_kind(ws, dataset)
    mine = _item(ws, dataset, item_id).controls
    return next((control for control in mine if sha256 and control.sha256 == sha256), None)


def record(
    ws: Workspace, dataset: str, wanted: Mapping[str, Sequence[Control]], *, who: str, title: Title, group: str = ""
) -> int:
    """Write down the control images of items as one change."""
    rows: dict[str, dict[str, Any]] = {ident: {"controls": list(controls)} for ident, controls in wanted.items()}
    return store.change_items(ws, dataset, rows, who=who, title=title, group=group)


def placed(controls: Sequence[Control], new: Control, position: int | None) -> list[Control]:
    """The list with one more at `position`, counted from 1; beyond the end means at the end."""
    place = len(controls) if position is None else min(max(0, position - 1), len(controls))
    return [*controls[:place], new, *controls[place:]]


def _item(ws: Workspace, dataset: str, item_id: str) -> Item:
    known = records.read(ws.dataset(dataset)).get(safe_id(item_id))
    if known is None:
        raise UserError("datasets.item_not_found", id=item_id)
    return known


def _place(item: Item, which: int | str) -> int:
    """The place of a control image named by its number (from 1 on) or its file."""
    text = str(which)
    for place, control in enumerate(item.controls):
        if control.file == text or str(place + 1) == text:
            return place
    raise UserError("pairs.no_control", name=item.name, which=text[:80])


def _hash_of(path: Path) -> str:
    if not path.is_file():
        raise UserError("datasets.no_source", path=path)
    return intake.hashed(path)


def sweep(ws: Workspace, dataset: str) -> int:
    """Throw away control files that no item has, and discarded ones that waited; how many. For emptying the trash."""
    folder = ws.dataset(dataset)
    importing = intake.lock(folder)
    if not importing.acquire():  # what an import has kept is not recorded yet
        return 0
    try:
        with changing(folder):
            return _sweep(folder)
    finally:
        importing.release()


def _sweep(folder: Path) -> int:
    used = {control.file for item in records.read(folder).values() for control in item.controls}
    place = folder / "control"
    doomed = [path for path in place.iterdir() if _FILE.fullmatch(path.name)] if place.is_dir() else []
    doomed = [path for path in doomed if path.name not in used and path.is_file()]
    if doomed:
        write_json(place / SERIALS, dict(sorted(Serials(folder).last.items())))
    doomed += [path for path in (folder / "trash").glob("*_w.*") if path.is_file()]
    for path in doomed:
        path.unlink(missing_ok=True)
        for part in ("medium", "preview"):
            for ext in (".jpg", ".webp"):
                (folder / part / f"{path.stem}{ext}").unlink(missing_ok=True)
    return len(doomed)
