"""Datasets and their items: make, describe, read, caption, delete, restore. Must not import pictures nor decode them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from tagtrainer.core.files import move_to_trash, read_json, safe_id, safe_join, slug, write_error, write_json
from tagtrainer.core.text import UserError
from tagtrainer.datasets import captions as caption_files
from tagtrainer.datasets import filters, index, media, records
from tagtrainer.datasets.changes import Title
from tagtrainer.datasets.models import KINDS, Control, DatasetMeta, Item, Kind, Stats
from tagtrainer.datasets.properties import change_items, plain_of
from tagtrainer.datasets.trash import delete_items, restore_items, trash_count, trash_items
from tagtrainer.workspace import Workspace

__all__ = ["change_items", "delete_items", "plain_of", "restore_items", "trash_items"]
FOLDERS = ("images", "medium", "preview", "captions", "control", "history", "trash")
_EDITABLE = frozenset({"name", "description", "trigger_word"})


def create(
    ws: Workspace, name: str, kind: Kind | str = "image", description: str = "", trigger_word: str = ""
) -> DatasetMeta:
    """A new, empty dataset. Raises UserError datasets.no_such_kind, datasets.no_name."""
    known = next((each for each in KINDS if each == kind), None)
    if known is None:
        raise UserError("datasets.no_such_kind", kind=kind)
    if not name.strip():
        raise UserError("datasets.no_name")
    base = slug(name, limit=32, fallback="dataset")
    ident, number = base, 2
    while ws.dataset(ident).exists():
        ident, number = f"{base}-{number}", number + 1
    meta = DatasetMeta(
        id=ident, name=name.strip(), kind=known, description=description, trigger_word=trigger_word.strip()
    )
    folder = ws.dataset(ident)
    try:
        for part in FOLDERS:
            (folder / part).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error
    _save(ws, meta)
    return meta


def _save(ws: Workspace, meta: DatasetMeta) -> None:
    write_json(ws.dataset(meta.id) / "metadata.json", json.loads(meta.model_dump_json()))


def get(ws: Workspace, dataset: str) -> DatasetMeta:
    """The dataset's description. Raises UserError datasets.not_found, datasets.damaged."""
    path = ws.dataset(dataset) / "metadata.json"
    try:
        meta = DatasetMeta.model_validate(read_json(path))
    except FileNotFoundError as error:
        raise UserError("datasets.not_found", id=dataset) from error
    except (ValidationError, UserError) as error:
        raise UserError("datasets.damaged", id=dataset, path=path) from error
    return meta if meta.id == dataset else meta.model_copy(update={"id": dataset})


def list_all(ws: Workspace) -> list[DatasetMeta]:
    """Every dataset that can be read, newest first; also a folder copied in from another workspace."""
    found: list[DatasetMeta] = []
    for path in ws.datasets.glob("*/metadata.json") if ws.datasets.exists() else ():
        try:
            found.append(get(ws, path.parent.name))
        except UserError:
            continue
    return sorted(found, key=lambda meta: (-meta.created, meta.id))


def update(ws: Workspace, dataset: str, **fields: Any) -> DatasetMeta:
    """Change name, description or trigger word."""
    unknown = fields.keys() - _EDITABLE
    if unknown:
        raise TypeError(f"not editable: {sorted(unknown)}")
    if "name" in fields and not str(fields["name"]).strip():
        raise UserError("datasets.no_name")
    meta = get(ws, dataset).model_copy(update=fields)
    _save(ws, meta)
    return meta


def delete(ws: Workspace, dataset: str) -> None:
    """Move the whole dataset to the workspace's trash."""
    get(ws, dataset)
    move_to_trash(ws.dataset(dataset), ws.trash / "datasets")
    index.drop(ws, dataset)


def restore(ws: Workspace, dataset: str) -> None:
    """Take a deleted dataset back. Raises UserError datasets.not_in_trash, datasets.name_taken."""
    source = ws.trash / "datasets" / safe_id(dataset)
    if not (source / "metadata.json").exists():
        raise UserError("datasets.not_in_trash", id=dataset)
    if ws.dataset(dataset).exists():
        raise UserError("datasets.name_taken", id=dataset)
    shutil.move(source, ws.dataset(dataset))
    index.drop(ws, dataset)


def items(ws: Workspace, dataset: str) -> list[Item]:
    """All items by name. Do not change the list: it is shared."""
    get(ws, dataset)
    return index.all_items(ws, dataset)


def item(ws: Workspace, dataset: str, item_id: str) -> Item:
    """One item. Raises UserError datasets.item_not_found."""
    ident = safe_id(item_id)
    found = index.one(ws, dataset, ident) or records.read(ws.dataset(dataset)).get(ident)
    if found is None:
        raise UserError("datasets.item_not_found", id=item_id)
    return found


def media_path(ws: Workspace, dataset: str, item_id: str) -> Path:
    """The original. Raises UserError datasets.item_not_found when it is not recorded."""
    known = item(ws, dataset, item_id)
    return ws.dataset(dataset) / "images" / f"{known.id}{known.ext}"


def medium_path(ws: Workspace, dataset: str, item_id: str) -> Path:
    """The picture, cropped if it is, shrunk to at most 1280 pixels a side, .jpg or .webp."""
    return _shown(ws, dataset, item_id, "medium")


def preview_path(ws: Workspace, dataset: str, item_id: str) -> Path:
    """The picture, cropped if it is, shrunk to at most 512 pixels a side, .jpg or .webp."""
    return _shown(ws, dataset, item_id, "preview")


def whole_path(ws: Workspace, dataset: str, item_id: str, part: Literal["medium", "preview"] = "medium") -> Path:
    """The whole picture, whether it is cropped or not: what a crop is drawn on."""
    return _either(ws.dataset(dataset) / part, safe_id(item_id))


def _shown(ws: Workspace, dataset: str, item_id: str, part: str) -> Path:
    folder = ws.dataset(dataset)
    found = index.one(ws, dataset, safe_id(item_id))
    if found is None or found.crop is None:
        return _either(folder / part, item_id)
    name = f"{found.id}.{'-'.join(map(str, found.crop))}"
    path = _either(folder / part, name)
    if not path.exists():
        original = folder / "images" / f"{found.id}{found.ext}"
        media.make_crop(original, found.crop, folder / "medium" / name, folder / "preview" / name)
        path = _either(folder / part, name)
    return path


def control_path(ws: Workspace, dataset: str, control: Control) -> Path:
    """A control image as it was given."""
    return safe_join(ws.dataset(dataset), "control", control.file)


def control_preview_path(
    ws: Workspace, dataset: str, control: Control, part: Literal["medium", "preview"] = "preview"
) -> Path:
    """A control image shrunk like the pictures."""
    return _either(ws.dataset(dataset) / part, Path(control.file).stem)


def _either(folder: Path, name: str) -> Path:
    usual = safe_join(folder, f"{name}.jpg")
    other = safe_join(folder, f"{name}.webp") if not usual.exists() else usual
    return other if other.exists() else usual


def select(ws: Workspace, dataset: str, *, items: Sequence[str] | None = None, expr: str | None = None) -> list[Item]:
    """The items named, else those of a filter expression in its order, else all by name. UserError datasets.item_not_found."""
    get(ws, dataset)
    if items is not None:
        known = _named(ws, dataset, items)
        return [known[ident] for ident in dict.fromkeys(items)]
    if expr is not None and expr.strip():
        return index.chosen(ws, dataset, filters.parse(expr))
    return index.all_items(ws, dataset)


def _named(ws: Workspace, dataset: str, ids: Iterable[str]) -> dict[str, Item]:
    """Items by id, also those that are recorded and not in the index yet. UserError datasets.item_not_found."""
    wanted = list(dict.fromkeys(ids))
    known = index.some(ws, dataset, wanted)
    recorded = records.read(ws.dataset(dataset)) if len(known) < len(wanted) else {}
    missing = next((ident for ident in wanted if ident not in known and ident not in recorded), None)
    if missing is not None:
        raise UserError("datasets.item_not_found", id=missing)
    return known if not recorded else {ident: known.get(ident) or recorded[ident] for ident in wanted}


def caption(ws: Workspace, dataset: str, item_id: str) -> str:
    """The caption on disk; "" when there is none."""
    return caption_files.read_caption(ws.dataset(dataset), safe_id(item_id))[0]


def captions(ws: Workspace, dataset: str) -> dict[str, str]:
    """Every item's caption, changes made outside the app included."""
    index.sync(ws, dataset)
    return index.all_captions(ws, dataset)


def write_captions(
    ws: Workspace,
    dataset: str,
    texts: Mapping[str, str],
    *,
    who: str,
    title: str | Title,
    expected: Mapping[str, str] | None = None,
    group: str = "",
) -> int:
    """Replace captions as one named, recorded change; how many differ now. Writes of one `group` count as one change.

    Raises UserError datasets.caption_changed (nothing written, both texts in the history) when one on disk is not the expected
    one, datasets.item_not_found.
    """
    folder = ws.dataset(dataset)
    known = _named(ws, dataset, texts)
    names = {ident: known[ident].name for ident in texts}
    changed = caption_files.write(folder, texts, names, who=who, title=title, expected=expected, group=group)
    if changed:
        index.put(ws, dataset, [known[ident] for ident in changed])
    return len(changed)


def stats(ws: Workspace, dataset: str) -> Stats:
    """How many pictures, how many with a caption, how many bytes."""
    get(ws, dataset)
    count, captioned, size, flagged, cropped = index.totals(ws, dataset)
    return Stats(count, captioned, size, trash_count(ws, dataset), flagged, cropped)
