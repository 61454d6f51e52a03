"""Duplicate a dataset, split part of it off, empty its trash. Must not change a file that another dataset shares.

A new dataset is made whole in a place where nobody looks and then renamed, so a kill leaves all of it or nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagtrainer.core.files import append_jsonl, read_json, safe_id, write_json
from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError, t
from tagtrainer.datasets import captions as caption_files
from tagtrainer.datasets import changes as log
from tagtrainer.datasets import index, linking, records, store, trash
from tagtrainer.datasets.changes import Title
from tagtrainer.datasets.models import DatasetMeta, Item
from tagtrainer.datasets.pairs import controls
from tagtrainer.workspace import Workspace

LINKED = frozenset({"images", "medium", "preview", "control"})
SPLITTING = ".split.json"
STEP = 200


@dataclass(frozen=True)
class Split:
    """The new dataset, how many items it has, whether they left the old one."""

    id: str
    items: int
    moved: bool


def duplicate(
    ws: Workspace, dataset: str, name: str = "", *, history: bool = True, with_trash: bool = True,
    on_progress: OnProgress = silent,
) -> str:  # fmt: skip
    """A second dataset like this one, its history and trash included; the new id."""
    meta, source = store.get(ws, dataset), ws.dataset(dataset)
    name = name.strip() or t("shape.copy_of", name=meta.name)
    with linking.alone(source, meta.name), linking.shaping(ws) as folder, log.lock(source):
        files = [path for path in _files(source) if _wanted(path.relative_to(source), history, with_trash)]
        for part in store.FOLDERS:
            (folder / part).mkdir(exist_ok=True)
        for done, path in enumerate(files, 1):
            _take_over(path, source, folder)
            on_progress(done, len(files), path.name)
        ident = linking.free_id(ws, name)
        _describe(folder, meta, ident, name)
        linking.publish(ws, folder, ident)
    return ident


def _files(folder: Path) -> Iterable[Path]:
    for place, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(place) / name for name in sorted(names))


def _wanted(path: Path, history: bool, with_trash: bool) -> bool:
    """Locks and half-written files stay behind."""
    if path.parts[0].startswith(".") or path.name.endswith(".tmp") or path.as_posix() == "metadata.json":
        return False
    return (history or path.parts[0] != "history") and (with_trash or path.parts[0] != "trash")


def _take_over(path: Path, source: Path, folder: Path) -> None:
    inside = path.relative_to(source)
    fixed = inside.parts[0] in LINKED or (inside.parts[0] == "trash" and inside.name != "record.json")
    try:
        if fixed and path.suffix not in (".txt", ".json"):
            linking.link(path, folder / inside)
        else:
            (folder / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, folder / inside)
    except FileNotFoundError:  # a preview that was made anew, a lock that went: nothing of the dataset itself
        if inside.parts[0] in ("images", "captions", "trash"):
            raise


def _describe(folder: Path, meta: DatasetMeta, ident: str, name: str) -> None:
    fresh = meta.model_copy(update={"id": ident, "name": name, "created": time.time()})
    write_json(folder / "metadata.json", json.loads(fresh.model_dump_json()))


def split(
    ws: Workspace, dataset: str, name: str, *, items: Sequence[str] | None = None, expr: str | None = None,
    move: bool = False, on_progress: OnProgress = silent,
) -> Split:  # fmt: skip
    """Make a new dataset of some items. Moved ones go to the trash here as one change, so that it can be taken back.

    Killed and started again with the same words, a move is finished, not begun anew. UserError shape.nothing_chosen.
    """
    meta, source = store.get(ws, dataset), ws.dataset(dataset)
    if not name.strip():
        raise UserError("datasets.no_name")
    index.sync(ws, dataset)
    asked = {"name": name.strip(), "items": list(items) if items is not None else None, "expr": expr}
    half = _half_done(ws, source, asked) if move else None
    if half is not None:
        return _move_out(ws, dataset, half, name.strip())
    chosen = store.select(ws, dataset, items=items, expr=expr)
    if not chosen:
        raise UserError("shape.nothing_chosen")
    with linking.alone(source, meta.name), linking.shaping(ws) as folder:
        brought = _fill(source, chosen, folder, Title("shape.change.split", name=meta.name), on_progress)
        ident = linking.free_id(ws, name)
        _describe(folder, meta, ident, name.strip())
        if move:
            write_json(source / SPLITTING, {"id": ident, "asked": asked, "items": brought})
        linking.publish(ws, folder, ident)
    if not move:
        return Split(ident, len(brought), False)
    return _move_out(ws, dataset, {"id": ident, "items": brought}, name.strip())


def _half_done(ws: Workspace, source: Path, asked: dict[str, Any]) -> dict[str, Any] | None:
    """What a killed move had published but not taken out yet."""
    try:
        noted = read_json(source / SPLITTING)
        if noted["asked"] == asked and (ws.dataset(str(noted["id"])) / "metadata.json").exists():
            return {"id": str(noted["id"]), "items": [str(ident) for ident in noted["items"]]}
    except (OSError, UserError, KeyError, TypeError):
        pass
    return None


def _move_out(ws: Workspace, dataset: str, done: dict[str, Any], name: str) -> Split:
    title = Title("shape.change.moved", name=name, count=len(done["items"]))
    store.delete_items(ws, dataset, done["items"], title=title)
    (ws.dataset(dataset) / SPLITTING).unlink(missing_ok=True)
    return Split(done["id"], len(done["items"]), True)


def _fill(source: Path, chosen: Sequence[Item], folder: Path, title: Title, on_progress: OnProgress) -> list[str]:
    """Items with captions and one line of history; the ids of those that were still there."""
    for part in store.FOLDERS:
        (folder / part).mkdir(exist_ok=True)
    serials, group, brought = controls.Serials(folder), log.new_group(), []
    for start in range(0, len(chosen), STEP):
        fresh: list[Item] = []
        for item in chosen[start : start + STEP]:
            try:
                fresh.append(linking.bring(source, item, folder, item.id, serials))
            except UserError:  # deleted meanwhile
                continue
        record(folder, fresh, texts_of(source, fresh), title, "user", group)
        brought += [item.id for item in fresh]
        on_progress(min(start + STEP, len(chosen)), len(chosen), "")
    return brought


def texts_of(folder: Path, items: Iterable[Item]) -> dict[str, str]:
    """Captions on disk, without the empty ones."""
    texts = {item.id: caption_files.read_caption(folder, item.id)[0] for item in items}
    return {ident: text for ident, text in texts.items() if text}


def record(folder: Path, items: list[Item], texts: dict[str, str], title: Title, who: str, group: str) -> None:
    """Write down items that came from another dataset: the history first, as an import does."""
    if not items:
        return
    rows = [{"item": item.id, "old": None, "new": item.name, "caption": texts.get(item.id, "")} for item in items]
    with log.lock(folder):
        log.append(folder, "add", rows, who=who, title=title, group=group)
        records.add(folder, items)
        caption_files.put(folder, texts)


def empty_trash(ws: Workspace, dataset: str, ids: Sequence[str] | None = None) -> int:
    """Throw items in the trash away for good, all when `ids` is None; how many. Their captions stay in the history folder."""
    store.get(ws, dataset)
    folder = ws.dataset(dataset)
    with log.lock(folder):
        known = {item.id: item for item in trash.trash_items(ws, dataset)}
        doomed = [known[ident] for ident in (known if ids is None else map(safe_id, ids)) if ident in known]
        rows = [{**records.to_row(item), "caption": _last_words(folder, item)} for item in doomed]
        append_jsonl(folder / "history" / "emptied.jsonl", *({"at": time.time(), **row} for row in rows))
        for path in [folder / "trash" / item.id for item in doomed]:
            _throw_away(ws, path)
        if ids is None:
            for rest in [path for path in (folder / "trash").iterdir() if path.name not in known]:
                _throw_away(ws, rest)
    controls.sweep(ws, dataset)
    return len(doomed)


def _last_words(folder: Path, item: Item) -> str:
    try:
        return caption_files.decode((folder / "trash" / item.id / "caption.txt").read_bytes()) or ""
    except OSError:
        return ""


def _throw_away(ws: Workspace, path: Path) -> None:
    """Out of the trash in one step, so that nothing half there can come back."""
    gone = ws.temporary / f"gone-{uuid.uuid4().hex[:12]}"
    try:
        gone.parent.mkdir(parents=True, exist_ok=True)
        path.rename(gone)
    except OSError:
        gone = path
    shutil.rmtree(gone, ignore_errors=True) if gone.is_dir() else gone.unlink(missing_ok=True)
