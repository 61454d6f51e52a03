"""Datasets and their items: make, describe, read, caption, delete, restore. Must not import pictures nor decode them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tagtrainer.core.files import move_to_trash, read_json, safe_id, slug, write_error, write_json
from tagtrainer.core.text import UserError
from tagtrainer.datasets import captions as caption_files
from tagtrainer.datasets import index, records
from tagtrainer.datasets.models import DatasetMeta, Item, Kind, Stats
from tagtrainer.workspace import Workspace

FOLDERS = ("images", "medium", "preview", "captions", "history", "trash")
_EDITABLE = frozenset({"name", "description", "trigger_word"})


def create(
    ws: Workspace, name: str, kind: Kind | str = "image", description: str = "", trigger_word: str = ""
) -> DatasetMeta:
    """A new, empty dataset. Raises UserError datasets.kind_later, datasets.no_name."""
    if kind != "image":
        raise UserError("datasets.kind_later", kind=kind)
    if not name.strip():
        raise UserError("datasets.no_name")
    base = slug(name, limit=32, fallback="dataset")
    ident, number = base, 2
    while ws.dataset(ident).exists():
        ident, number = f"{base}-{number}", number + 1
    meta = DatasetMeta(id=ident, name=name.strip(), description=description, trigger_word=trigger_word.strip())
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
    found = index.one(ws, dataset, safe_id(item_id))
    if found is None:
        raise UserError("datasets.item_not_found", id=item_id)
    return found


def media_path(ws: Workspace, dataset: str, item_id: str) -> Path:
    """The original. Raises UserError datasets.item_not_found when it is not recorded."""
    known = records.read(ws.dataset(dataset)).get(safe_id(item_id))
    if known is None:
        raise UserError("datasets.item_not_found", id=item_id)
    return ws.dataset(dataset) / "images" / f"{known.id}{known.ext}"


def medium_path(ws: Workspace, dataset: str, item_id: str) -> Path:
    """The picture shrunk to at most 1280 pixels a side, .jpg or .webp."""
    return _either(ws.dataset(dataset) / "medium", item_id)


def preview_path(ws: Workspace, dataset: str, item_id: str) -> Path:
    """The picture shrunk to at most 512 pixels a side, .jpg or .webp."""
    return _either(ws.dataset(dataset) / "preview", item_id)


def _either(folder: Path, item_id: str) -> Path:
    usual = folder / f"{safe_id(item_id)}.jpg"
    other = usual.with_suffix(".webp") if not usual.exists() else usual
    return other if other.exists() else usual


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
    title: str,
    expected: Mapping[str, str] | None = None,
) -> int:
    """Replace captions as one named, recorded change; how many differ now.

    Raises UserError datasets.caption_changed (nothing written, both texts in the history) when one on disk is not the expected
    one, datasets.item_not_found.
    """
    folder = ws.dataset(dataset)
    known = records.read(folder)
    for ident in texts:
        if ident not in known:
            raise UserError("datasets.item_not_found", id=ident)
    names = {ident: known[ident].name for ident in texts}
    changed = caption_files.write(folder, texts, names, who=who, title=title, expected=expected)
    if changed:
        index.put(ws, dataset, [known[ident] for ident in changed])
    return len(changed)


def delete_items(ws: Workspace, dataset: str, ids: Sequence[str]) -> int:
    """Move items with previews and captions to the dataset's trash; how many there were."""
    folder = ws.dataset(dataset)
    known = records.read(folder)
    doomed = [known[ident] for ident in dict.fromkeys(map(safe_id, ids)) if ident in known]
    for gone in doomed:
        _bury(folder, gone)
    records.forget(folder, [gone.id for gone in doomed])
    index.remove(ws, dataset, [gone.id for gone in doomed])
    return len(doomed)


def _bury(folder: Path, gone: Item) -> None:
    """One folder per item in the trash; its record goes first, so that a crash in between loses nothing."""
    grave = folder / "trash" / gone.id
    write_json(grave / "record.json", records.to_row(gone))
    for part, path in _parts(folder, gone):
        if path.exists():
            path.replace(grave / f"{part}{path.suffix}")


def _parts(folder: Path, item: Item) -> list[tuple[str, Path]]:
    previews = [
        (part, folder / part / f"{item.id}{ext}") for part in ("medium", "preview") for ext in (".jpg", ".webp")
    ]
    caption_file = caption_files.caption_path(folder, item.id)
    return [("image", folder / "images" / f"{item.id}{item.ext}"), ("caption", caption_file), *previews]


def restore_items(ws: Workspace, dataset: str, ids: Sequence[str] | None = None) -> int:
    """Bring items back from the dataset's trash, all of them when `ids` is None; how many came."""
    folder = ws.dataset(dataset)
    wanted = [found.id for found in trash_items(ws, dataset)] if ids is None else [safe_id(ident) for ident in ids]
    back: list[Item] = []
    for ident in wanted:
        grave = folder / "trash" / ident
        if not (grave / "record.json").exists():
            continue
        risen = records.from_row(read_json(grave / "record.json"))
        for part, path in _parts(folder, risen):
            lying = grave / f"{part}{path.suffix}"
            if lying.exists() and not path.exists():
                lying.replace(path)
        back.append(risen)
    records.add(folder, back)
    for risen in back:
        shutil.rmtree(folder / "trash" / risen.id, ignore_errors=True)
    if back:
        index.put(ws, dataset, back)
    return len(back)


def trash_items(ws: Workspace, dataset: str) -> list[Item]:
    """What lies in the dataset's trash."""
    found: list[Item] = []
    for path in sorted((ws.dataset(dataset) / "trash").glob("*/record.json")):
        try:
            found.append(records.from_row(read_json(path)))
        except (UserError, OSError, KeyError, TypeError, ValueError):
            continue
    return found


def stats(ws: Workspace, dataset: str) -> Stats:
    """How many pictures, how many with a caption, how many bytes."""
    get(ws, dataset)
    count, captioned, size = index.totals(ws, dataset)
    return Stats(count, captioned, size, len(trash_items(ws, dataset)))
