"""Writes a dataset out for other programs, and for ourselves to read back: folder or zip. Must not change the dataset.

Everything is written beside its place under a hidden name and renamed at the end, so a half export is never taken for a whole
one; the same export started again goes on where it was killed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagtrainer.core import pasted
from tagtrainer.core.files import folder_size, human_size, read_json, write_error, write_json, writing
from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.system import FileLock
from tagtrainer.core.text import UserError
from tagtrainer.datasets import index, intake, store
from tagtrainer.datasets.exchange import cutting, export_plan
from tagtrainer.datasets.exchange.export_plan import LAYOUTS, Layout, Placed
from tagtrainer.datasets.exchange.export_zip import write_zip
from tagtrainer.workspace import Workspace

__all__ = ["LAYOUTS", "Exported", "Layout", "Options", "export", "place_of", "unpublished"]
MARKER = ".tagtrainer-export.json"
ROOM = 64 << 20


@dataclass(frozen=True)
class Options:
    """How to export. `as_trained`: crops are applied; `items` are ids, else `expr` is a filter, "" for everything."""

    layout: Layout = "sidecar"
    trash: bool = False
    as_trained: bool = False
    expr: str = ""
    items: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Exported:
    """What an export wrote, and where."""

    path: str
    items: int
    captions: int
    controls: int
    trash: int
    bytes: int


def place_of(ws: Workspace, name: str, dest: Path | str, layout: Layout) -> Path:
    """Where an export to `dest` goes: `dest` itself, or something named after the dataset in it when that is a folder.

    UserError export.not_absolute, export.no_parent, export.inside, export.exists.
    """
    text = pasted.plain(str(dest))
    path = pasted.path(text) if text else Path()
    if not text or "\x00" in text or not path.is_absolute():
        raise UserError("export.not_absolute", path=text[:200])
    ending = ".zip" if layout == "zip" else ""
    if path.is_dir():
        path = path / (export_plan.folder_name(name) + ending)
    elif ending and path.suffix.lower() != ending:
        path = path.with_name(path.name + ending)
    if not path.parent.is_dir():
        raise UserError("export.no_parent", path=path.parent)
    root, target = ws.root.resolve(), path.parent.resolve() / path.name
    exports = (ws.runtime / "exports").resolve()
    if (root in target.parents or root == target) and exports not in target.parents:
        raise UserError("export.inside", path=target)
    if os.path.lexists(target):
        raise UserError("export.exists", path=target)
    return target


def unpublished(target: Path) -> Path:
    """Where a half export lies."""
    return target.with_name(f".{target.name[:80]}.tagtrainer-part")


def export(
    ws: Workspace, dataset: str, dest: Path | str, options: Options | None = None, on_progress: OnProgress = silent
) -> Exported:
    """Write the dataset to `dest`, which must not exist. UserError export.*, core.disk_full, core.not_writable."""
    options = options or Options()
    if options.layout not in LAYOUTS:
        raise UserError("export.no_layout", layout=options.layout)
    meta = store.get(ws, dataset)
    target = place_of(ws, meta.name, dest, options.layout)
    index.sync(ws, dataset)
    items = store.select(ws, dataset, items=options.items, expr=options.expr or None)
    dead = store.trash_items(ws, dataset) if options.trash else []
    placed = export_plan.lay_out(ws.dataset(dataset), meta, items, dead, options.layout, options.as_trained)
    if not placed:
        raise UserError("export.empty", name=meta.name)
    about = export_plan.about(meta, options.layout, options.as_trained)
    part = unpublished(target)
    busy = FileLock(ws.runtime / f"export-{export_plan.digest(str(target))}.lock")
    if not busy.acquire(timeout=2):
        raise UserError("export.at_work", path=target)
    try:
        _check_room(target.parent, placed, part)
        if options.layout == "zip":
            write_zip(part, placed, about, lambda each: _content(each, options.as_trained), on_progress)
            _publish_file(part, target)
        else:
            _write_folder(part, placed, about, options, _mark(dataset, options, placed), on_progress)
            _publish_folder(part, target)
    except OSError as error:
        raise write_error(target, error) from error
    finally:
        busy.release()
    return _summary(target, placed)


def _check_room(folder: Path, placed: Sequence[Placed], part: Path) -> None:
    wanted = sum(each.bytes for each in placed)
    there = folder_size(part) if part.is_dir() else 0
    free = shutil.disk_usage(folder).free
    if wanted - there + ROOM > free:
        raise UserError("export.no_room", need=human_size(wanted + ROOM), free=human_size(free), path=folder)


def _content(placed: Placed, as_trained: bool) -> bytes | None:
    """The picture as it is trained on; None when that is the file as it lies there."""
    crop = placed.item.crop
    if not as_trained or crop is None or not export_plan.is_cut(placed.item):
        return None
    return cutting.cut(placed.source, crop)


def _write_folder(
    part: Path, placed: Sequence[Placed], about: dict[str, Any], options: Options, mark: str, on_progress: OnProgress
) -> None:
    _begin(part, mark)
    wanted: set[str] = {MARKER, "dataset.json", "metadata.jsonl"}
    on_progress(0, len(placed), "")
    for done, each in enumerate(placed, 1):
        wanted |= _write_one(part, each, options)
        on_progress(done, len(placed), each.item.name)
    rows = (json.dumps(row, ensure_ascii=False) for row in export_plan.rows(placed, options.as_trained))
    with writing(part / "metadata.jsonl") as handle:
        handle.writelines(f"{row}\n".encode() for row in rows)
    write_json(part / "dataset.json", about)
    for path in [
        path for path in part.rglob("*") if path.is_file()
    ]:  # left by a run that was killed, for items gone since
        if path.relative_to(part).as_posix() not in wanted:
            path.unlink(missing_ok=True)


def _mark(dataset: str, options: Options, placed: Sequence[Placed]) -> str:
    """What a half export must agree on to be gone on with: dataset, options, and which content has which name."""
    names = [(each.target, each.item.sha256, [target for _, target in each.controls]) for each in placed]
    return f"{dataset} {options.layout} {options.trash} {options.as_trained} {export_plan.digest(repr(names))}"


def _begin(part: Path, mark: str) -> None:
    """Take over a half export of the same dataset and options, clear away one of other options; touch nothing foreign."""
    if os.path.lexists(part):
        try:
            known = str(read_json(part / MARKER)["export"])
        except (OSError, UserError, KeyError, TypeError) as error:
            if part.is_dir() and not any(part.iterdir()):
                known = mark
            else:
                raise UserError("export.foreign", path=part) from error
        if known != mark:
            shutil.rmtree(part)
    part.mkdir(exist_ok=True)
    write_json(part / MARKER, {"export": mark})


def _write_one(part: Path, placed: Placed, options: Options) -> set[str]:
    """Picture, caption and control images of one item; what lies there whole already stays. Returns the names."""
    picture = _content(placed, options.as_trained)
    if picture is None:
        _copy(placed.source, part / placed.target)
    else:
        with writing(part / placed.target, durable=False) as handle:
            handle.write(picture)
    names = {placed.target}
    for source, target in placed.controls:
        _copy(source, part / target)
        names.add(target)
    if placed.raw_caption and options.layout != "jsonl":
        names.add(placed.caption_target)
        with writing(part / placed.caption_target, durable=False) as handle:
            handle.write(placed.raw_caption)
    return names


def _copy(source: Path, target: Path) -> None:
    """Files are whole or not there, and originals never change: one of the right size is the right one."""
    with suppress(FileNotFoundError):
        if target.stat().st_size == source.stat().st_size:
            return
    with source.open("rb") as reader, writing(target, durable=False) as writer:
        shutil.copyfileobj(reader, writer, intake.BLOCK)


def _publish_folder(part: Path, target: Path) -> None:
    if os.path.lexists(target):
        raise UserError("export.exists", path=target)
    part.rename(target)
    (target / MARKER).unlink(missing_ok=True)


def _publish_file(part: Path, target: Path) -> None:
    """Into place, never over something that came there meanwhile."""
    try:
        target.hardlink_to(part)
    except FileExistsError as error:
        raise UserError("export.exists", path=target) from error
    except OSError:  # a file system without hard links
        if os.path.lexists(target):
            raise UserError("export.exists", path=target) from None
        part.rename(target)
    else:
        part.unlink()


def _summary(target: Path, placed: Sequence[Placed]) -> Exported:
    alive = [each for each in placed if not each.trash]
    size = target.stat().st_size if target.is_file() else folder_size(target)
    captions = sum(bool(each.caption.strip()) for each in alive)
    controls = sum(len(each.controls) for each in alive)
    return Exported(str(target), len(alive), captions, controls, len(placed) - len(alive), size)
