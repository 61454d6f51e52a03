"""Deleted datasets in the workspace's trash: what lies there, taking one back, throwing one away for good."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from tagtrainer.core.files import read_json, safe_join, write_error, write_json
from tagtrainer.core.text import UserError
from tagtrainer.datasets import index, linking, records
from tagtrainer.datasets.models import DatasetMeta, Kind
from tagtrainer.workspace import Workspace


@dataclass(frozen=True)
class Deleted:
    """A deleted dataset. `folder` names it in the trash; two of one id may lie there."""

    folder: str
    name: str
    kind: Kind
    count: int
    bytes: int
    deleted: float


def entries(ws: Workspace) -> list[Deleted]:
    """What lies there, the newest first."""
    place = ws.trash / "datasets"
    found = [each for path in place.iterdir() if (each := _read(path)) is not None] if place.is_dir() else []
    return sorted(found, key=lambda each: (-each.deleted, each.folder))


def _read(path: Path) -> Deleted | None:
    try:
        meta = DatasetMeta.model_validate(read_json(path / "metadata.json"))
    except (OSError, UserError, ValidationError):
        return None
    items = records.read(path).values()
    return Deleted(path.name, meta.name, meta.kind, len(items), sum(item.bytes for item in items), _moved(path))


def _moved(path: Path) -> float:
    """When it came there: renaming a folder changes its status time on most systems."""
    status = path.stat()
    return status.st_mtime if os.name == "nt" else status.st_ctime


def _place(ws: Workspace, folder: str) -> Path:
    place = ws.trash / "datasets"
    path = safe_join(place, folder)
    if path.parent != place.resolve() or not (path / "metadata.json").exists():
        raise UserError("datasets.not_in_trash", id=folder[:80])
    return path


def restore(ws: Workspace, folder: str) -> str:
    """Take one back, under another id when its own is taken; the id. UserError datasets.not_in_trash."""
    path = _place(ws, folder)
    meta = DatasetMeta.model_validate(read_json(path / "metadata.json"))
    wanted = folder.split("~")[0]
    ident = wanted if not os.path.lexists(ws.dataset(wanted)) else linking.free_id(ws, wanted)
    if meta.id != ident:
        write_json(path / "metadata.json", json.loads(meta.model_copy(update={"id": ident}).model_dump_json()))
    try:
        path.rename(ws.dataset(ident))
    except OSError as error:
        raise write_error(path, error) from error
    index.drop(ws, ident)
    return ident


def purge(ws: Workspace, folder: str) -> None:
    """Throw one away for good. UserError datasets.not_in_trash."""
    path = _place(ws, folder)
    gone = ws.temporary / f"gone-{uuid.uuid4().hex[:12]}"
    try:
        path.rename(gone)
    except OSError as error:
        raise write_error(path, error) from error
    shutil.rmtree(gone, ignore_errors=True)
