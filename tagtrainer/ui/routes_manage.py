"""Routes of the view "manage" under /api/manage/: export, duplicate, merge, split, trash. Must not hold anything."""

from __future__ import annotations

import shutil
import time
import uuid
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from tagtrainer.core.files import safe_id, safe_join
from tagtrainer.core.text import UserError
from tagtrainer.datasets import deleted, filters, merge, shape, store, trash
from tagtrainer.datasets.exchange import export
from tagtrainer.datasets.models import Item
from tagtrainer.jobs import store as jobs
from tagtrainer.ui import chosen, work
from tagtrainer.workspace import Workspace

KEEP_HOURS = 24
LARGEST_PAGE = 500
SHOWN_CONFLICTS = 200
Name = Annotated[str, Field(max_length=200)]
Ids = Annotated[list[Annotated[str, Field(max_length=120)]], Field(max_length=1_000_000)]


class Scope(BaseModel):
    """Which items: `items`, else a `kept` selection, else those of the filter `expr`, else all."""

    items: Ids | None = None
    kept: str = Field(default="", max_length=40)
    expr: str = Field(default="", max_length=500)


class Export(Scope):
    """`where` "download" makes a zip for the browser, "folder" writes to `path` on this machine."""

    where: Literal["download", "folder"] = "download"
    layout: export.Layout = "zip"
    path: str = Field(default="", max_length=4000)
    trash: bool = False
    as_trained: bool = False


class Duplicate(BaseModel):
    name: Name = ""
    history: bool = True
    trash: bool = True


class Merge(BaseModel):
    source: str = Field(max_length=120)
    prefer: merge.Prefer = "ours"
    delete_source: bool = False


class Split(Scope):
    name: Name
    move: bool = False


class Wanted(BaseModel):
    """Items of the trash; all of them when the list is empty."""

    items: Ids = Field(default_factory=list)


class Folder(BaseModel):
    folder: str = Field(max_length=200)


def router(ws: Workspace) -> APIRouter:
    """Everything the view fetches."""
    routes = APIRouter(prefix="/api/manage")
    clean(ws)
    _jobs(routes, ws)
    _trash(routes, ws)

    @routes.get("/{dataset}/start")
    def start(dataset: str) -> dict[str, Any]:
        """The dataset's name, and the datasets that may be merged into it."""
        meta = store.get(ws, dataset)
        others = [other for other in store.list_all(ws) if other.id != dataset and merge.fits(meta.kind, other.kind)]
        rows = [{"id": other.id, "name": other.name, "count": store.stats(ws, other.id).count} for other in others]
        return {"name": meta.name, "kind": meta.kind, "others": rows, "stats": asdict(store.stats(ws, dataset))}

    @routes.get("/{dataset}/download/{token}")
    def download(dataset: str, token: str) -> FileResponse:
        """The zip of an export, sent in pieces."""
        folder = safe_join(_downloads(ws), safe_id(dataset), safe_id(token))
        found = [path for path in folder.glob("*.zip") if not path.name.startswith(".")] if folder.is_dir() else []
        if not found:
            raise UserError("view_manage.no_download")
        return FileResponse(found[0], media_type="application/zip", filename=found[0].name)

    return routes


def _jobs(routes: APIRouter, ws: Workspace) -> None:
    """POST starts, GET tells how the newest stands, POST .../stop stops it."""

    @routes.get("/{dataset}/job/{verb}")
    def newest(dataset: str, verb: Literal["export", "duplicate", "merge", "split"]) -> dict[str, Any]:
        seen = work.newest(ws, dataset, verb)
        result = seen.get("result") or {}
        if verb == "merge" and result:
            seen["more"] = max(0, len(result.get("conflicts", [])) - SHOWN_CONFLICTS)
            seen["result"] = {**result, "conflicts": result.get("conflicts", [])[:SHOWN_CONFLICTS]}
        if verb == "export" and seen["task"]:
            seen["download"] = _download_of(ws, dataset, str(result.get("path", "")))
        return seen

    @routes.post("/{dataset}/job/{verb}/stop")
    def stop(dataset: str, verb: Literal["export", "duplicate", "merge", "split"]) -> dict[str, Any]:
        return work.stop(ws, dataset, verb)

    @routes.post("/{dataset}/job/export")
    def start_export(dataset: str, wanted: Export) -> dict[str, Any]:
        from tagtrainer import flows

        meta, scope = store.get(ws, dataset), _scope(ws, dataset, wanted)
        if wanted.where == "download":
            clean(ws, dataset)
            target = _downloads(ws) / dataset / uuid.uuid4().hex[:12]
            target.mkdir(parents=True)
            layout: export.Layout = "zip"
        else:
            layout = wanted.layout
            target = export.place_of(ws, meta.name, wanted.path, layout)  # what is wrong with it is said at once
        flags = [name for name, on in (("--trash", wanted.trash), ("--as-trained", wanted.as_trained)) if on]
        return {"task": flows.start_work(ws, dataset, "export", [str(target), "--layout", layout, *flags, *scope])}

    @routes.post("/{dataset}/job/duplicate")
    def start_duplicate(dataset: str, wanted: Duplicate) -> dict[str, Any]:
        from tagtrainer import flows

        flags = [name for name, on in (("--no-history", wanted.history), ("--no-trash", wanted.trash)) if not on]
        return {"task": flows.start_work(ws, dataset, "duplicate", [f"--name={wanted.name}", *flags])}

    @routes.post("/{dataset}/job/merge")
    def start_merge(dataset: str, wanted: Merge) -> dict[str, Any]:
        from tagtrainer import flows

        flags = ["--delete-source"] if wanted.delete_source else []
        words = [safe_id(wanted.source), "--prefer", wanted.prefer, *flags]
        return {"task": flows.start_work(ws, dataset, "merge", words)}

    @routes.post("/{dataset}/job/split")
    def start_split(dataset: str, wanted: Split) -> dict[str, Any]:
        from tagtrainer import flows

        if not wanted.name.strip():
            raise UserError("datasets.no_name")
        scope = _scope(ws, dataset, wanted) or ["--filter="]
        flags = ["--move"] if wanted.move else []
        return {"task": flows.start_work(ws, dataset, "split", [*flags, *scope, "--", wanted.name.strip()])}


def _scope(ws: Workspace, dataset: str, wanted: Scope) -> list[str]:
    """The words that choose items; many ids go through a file."""
    items = chosen.kept(ws, dataset, wanted.kept) if wanted.kept and wanted.items is None else wanted.items
    if items is not None:
        path = ws.runtime / "chosen" / f"{uuid.uuid4().hex[:12]}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(map(safe_id, items)), "utf-8")
        return [f"--items-from={path}"]
    if wanted.expr.strip():
        filters.parse(wanted.expr)
        return [f"--filter={wanted.expr}"]
    return []


def _trash(routes: APIRouter, ws: Workspace) -> None:
    """The trash of a dataset, and deleted datasets."""

    @routes.get("/{dataset}/trash")
    def lying(dataset: str, offset: int = 0, limit: int = 100) -> dict[str, Any]:
        store.get(ws, dataset)
        part, total = trash.trash_page(ws, dataset, max(0, offset), max(1, min(limit, LARGEST_PAGE)))
        return {"total": total, "items": [_row(item) for item in part]}

    @routes.get("/{dataset}/trash/preview/{item}")
    def preview(dataset: str, item: str) -> FileResponse:
        grave = ws.dataset(dataset) / "trash" / safe_id(item)
        found = next((path for ext in ("jpg", "webp") if (path := grave / f"preview.{ext}").is_file()), None)
        if found is None:
            raise UserError("datasets_tab.picture_not_found", name=item)
        kind = "image/webp" if found.suffix == ".webp" else "image/jpeg"
        return FileResponse(found, media_type=kind, headers={"cache-control": "private, max-age=86400"})

    @routes.post("/{dataset}/trash/restore")
    def restore(dataset: str, wanted: Wanted) -> dict[str, Any]:
        store.get(ws, dataset)
        return {"count": store.restore_items(ws, dataset, wanted.items or None)}

    @routes.post("/{dataset}/trash/empty")
    def empty(dataset: str, wanted: Wanted) -> dict[str, Any]:
        """For good: the page asks first."""
        return {"count": shape.empty_trash(ws, dataset, wanted.items or None)}

    @routes.get("/deleted")
    def gone() -> dict[str, Any]:
        return {"datasets": [asdict(row) for row in deleted.entries(ws)]}

    @routes.post("/deleted/restore")
    def take_back(wanted: Folder) -> dict[str, Any]:
        return {"id": deleted.restore(ws, wanted.folder)}

    @routes.post("/deleted/purge")
    def purge(wanted: Folder) -> dict[str, Any]:
        """For good: the page asks first."""
        deleted.purge(ws, wanted.folder)
        return {"folder": wanted.folder}


def _row(item: Item) -> dict[str, Any]:
    width, height = item.width, item.height
    return {
        "id": item.id,
        "name": item.name,
        "width": width,
        "height": height,
        "bytes": item.bytes,
        "v": item.sha256[:8],
    }


def _downloads(ws: Workspace) -> Path:
    return ws.runtime / "exports" / "page"


def _download_of(ws: Workspace, dataset: str, path: str) -> str:
    """The token of a zip that lies ready, "" when it does not."""
    found = Path(path) if path else None
    if found is None or found.parent.parent != _downloads(ws) / dataset or not found.is_file():
        return ""
    return found.parent.name


def clean(ws: Workspace, dataset: str = "") -> None:
    """Zips made for a browser go after a day, those of `dataset` now unless one is being made; so do lists of ids."""
    for path in [*_downloads(ws).glob("*/*"), *(ws.runtime / "chosen").glob("*.txt")]:
        busy = dataset and work.newest(ws, dataset, "export").get("status") in jobs.ACTIVE
        mine = bool(dataset) and path.parent.name == dataset and not busy
        if mine or time.time() - path.stat().st_mtime > KEEP_HOURS * 3600:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
