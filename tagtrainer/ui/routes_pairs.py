"""Routes of the Pairs view under /api/pairs/. Must not hold anything: every call reads the services."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from tagtrainer.core.files import safe_id, safe_join
from tagtrainer.core.text import UserError
from tagtrainer.datasets import index, store
from tagtrainer.datasets.changes import new_group
from tagtrainer.datasets.models import Control, Item
from tagtrainer.datasets.pairs import controls, waiting
from tagtrainer.datasets.pairs import flags as pair_flags
from tagtrainer.jobs import store as jobs
from tagtrainer.jobs.store import ACTIVE
from tagtrainer.ui import work
from tagtrainer.ui.routes_datasets import FOREVER, MEDIA
from tagtrainer.workspace import Workspace

Part = Literal["preview", "medium"]
LARGEST_PAGE = 500
SECONDS = 1.0
"""How long one call compares pixels; the page asks again while some are left."""


class Given(BaseModel):
    """A picture for an item: one that waits, or one that was uploaded. `replace`: the control file it takes the place of."""

    item: str = Field(max_length=200)
    waiting: str = Field(default="", max_length=200)
    upload: str = Field(default="", max_length=100)
    position: int | None = Field(default=None, ge=1, le=1000)
    replace: str = Field(default="", max_length=200)


class Taken(BaseModel):
    item: str = Field(max_length=200)
    file: str = Field(max_length=200)


class Order(BaseModel):
    item: str = Field(max_length=200)
    order: list[str] = Field(max_length=1000)


class Waits(BaseModel):
    id: str = Field(max_length=200)


class Wanted(BaseModel):
    """An import as control image `control`: a path on this machine, or an upload."""

    control: int = Field(ge=1, le=99)
    path: str = Field(default="", max_length=4000)
    upload: str = Field(default="", max_length=100)


def router(ws: Workspace) -> APIRouter:
    """Rows, waiting files, pictures; attach, detach, order; import as a numbered control."""
    routes = APIRouter(prefix="/api/pairs")

    @routes.get("/{dataset}/rows")
    def rows(dataset: str, flag: str = "", offset: int = 0, limit: int = 50) -> dict[str, Any]:
        meta = controls.control_kind(ws, dataset)
        done = pair_flags.review(ws, dataset, SECONDS)
        items = done.with_flag(flag)
        shown = items[max(0, offset) : max(0, offset) + max(1, min(limit, LARGEST_PAGE))]
        return {
            "total": len(items), "all": len(done.items), "rev": index.ensure(ws, dataset), "counts": dict(done.counts),
            "any": len(done.with_flag("any")), "pending": done.pending, "waiting": waiting.count(ws, dataset),
            "single": meta.kind == "single_control_image",
            "rows": [_row(ws, dataset, item, done.flags[item.id]) for item in shown],
        }  # fmt: skip

    @routes.get("/{dataset}/row/{item}")
    def row(dataset: str, item: str) -> dict[str, Any]:
        return _one(ws, dataset, item)

    @routes.get("/{dataset}/waiting")
    def waits(dataset: str) -> dict[str, Any]:
        controls.control_kind(ws, dataset)
        return {"entries": [_entry(ws, dataset, entry) for entry in waiting.entries(ws, dataset)]}

    @routes.get("/{dataset}/control/{part}/{item}/{file}")
    def control(dataset: str, part: Part, item: str, file: str) -> FileResponse:
        found = _control(store.item(ws, dataset, item), file)
        return _picture(store.control_preview_path(ws, dataset, found, part))

    @routes.get("/{dataset}/waiting/{part}/{entry}")
    def waiting_picture(dataset: str, part: Part, entry: str) -> FileResponse:
        return _picture(waiting.preview_path(ws, dataset, entry, part))

    _changes(ws, routes)
    _imports(ws, routes)
    return routes


def _changes(ws: Workspace, routes: APIRouter) -> None:
    @routes.post("/{dataset}/attach")
    def attach(dataset: str, given: Given) -> dict[str, Any]:
        which, group = given.replace or _only(ws, dataset, given.item), new_group()
        if given.waiting:
            waiting.pair(ws, dataset, given.item, given.waiting, position=given.position, which=which, group=group)
            return {**_one(ws, dataset, given.item, group), "replaced": which is not None}
        path = _uploaded(ws, given.upload)
        try:
            if which is not None:
                controls.replace(ws, dataset, given.item, which, path, group=group)
            else:
                controls.attach(ws, dataset, given.item, path, position=given.position, group=group)
        finally:
            shutil.rmtree(_uploads(ws) / safe_id(given.upload), ignore_errors=True)
        return {**_one(ws, dataset, given.item, group), "replaced": which is not None}

    @routes.post("/{dataset}/detach")
    def detach(dataset: str, taken: Taken) -> dict[str, Any]:
        group = new_group()
        controls.detach(ws, dataset, taken.item, taken.file, group=group)
        return _one(ws, dataset, taken.item, group)

    @routes.post("/{dataset}/reorder")
    def reorder(dataset: str, wanted: Order) -> dict[str, Any]:
        group = new_group()
        controls.reorder(ws, dataset, wanted.item, wanted.order, group=group)
        return _one(ws, dataset, wanted.item, group)

    @routes.post("/{dataset}/promote")
    def promote(dataset: str, wanted: Waits) -> dict[str, Any]:
        """Make a waiting picture a target of its own."""
        controls.control_kind(ws, dataset)
        group = new_group()
        item = waiting.promote(ws, dataset, wanted.id, group=group)
        return {"item": item.id, "entry": group, "waiting": waiting.count(ws, dataset)}

    @routes.post("/{dataset}/discard")
    def discard(dataset: str, wanted: Waits) -> dict[str, Any]:
        waiting.discard(ws, dataset, wanted.id)
        return {"waiting": waiting.count(ws, dataset)}

    @routes.post("/{dataset}/recall")
    def recall(dataset: str, wanted: Waits) -> dict[str, Any]:
        waiting.recall(ws, dataset, wanted.id)
        return {"waiting": waiting.count(ws, dataset)}


def _imports(ws: Workspace, routes: APIRouter) -> None:
    @routes.post("/{dataset}/import")
    def start(dataset: str, wanted: Wanted) -> dict[str, Any]:
        from tagtrainer import flows
        from tagtrainer.ui.routes_imports import typed_path, uploaded

        meta = controls.control_kind(ws, dataset)
        source = uploaded(ws, wanted.upload) if wanted.upload else typed_path(wanted.path)
        return {"task": flows.start_import(ws, meta.id, [source], wanted.control)}

    @routes.get("/{dataset}/import")
    def newest(dataset: str) -> dict[str, Any]:
        """The newest import as a control image; what did not find its picture is in the waiting list."""
        found = _newest(ws, dataset)
        if found is None:
            return {"task": None}
        view = work.view_of(ws, *found)
        result = view["result"] or {}
        skipped = result.get("skipped", [])
        view["result"] = {"controls": result.get("controls", 0), "skipped": len(skipped)} if result else None
        return view

    @routes.post("/{dataset}/import/stop")
    def stop(dataset: str) -> dict[str, Any]:
        found = _newest(ws, dataset)
        if found is not None and found[1].status in ACTIVE:
            jobs.request_stop(ws, found[0].id)
        return {"task": found[0].id if found else None}


def _only(ws: Workspace, dataset: str, item: str) -> str | None:
    """The one control image that a new one takes the place of, in a dataset where there is only one."""
    if controls.control_kind(ws, dataset).kind != "single_control_image":
        return None
    held = store.item(ws, dataset, item).controls
    return held[0].file if held else None


def _newest(ws: Workspace, dataset: str) -> Any:
    tasks = jobs.list_tasks(ws, "import")
    mine = ((task, state) for task, state in tasks if task.detail.get("dataset") == dataset)
    return next(((task, state) for task, state in mine if "--control" in task.steps[0].argv), None)


def _uploads(ws: Workspace) -> Path:
    return ws.runtime / "uploads"


def _uploaded(ws: Workspace, upload: str) -> Path:
    """The one file of an upload. UserError pairs.no_upload."""
    folder = safe_join(_uploads(ws), safe_id(upload))
    files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else []
    if not files:
        raise UserError("pairs.no_upload")
    return files[0]


def _one(ws: Workspace, dataset: str, item: str, entry: str = "") -> dict[str, Any]:
    """A row as it is now; `entry` is the change that made it so."""
    found = store.item(ws, dataset, item)
    flags = pair_flags.flags_of(ws, dataset, [found])[found.id]
    return {**_row(ws, dataset, found, flags), "rev": index.ensure(ws, dataset), "entry": entry}


def _row(ws: Workspace, dataset: str, item: Item, flags: tuple[str, ...]) -> dict[str, Any]:
    width, height = item.size
    return {
        "id": item.id, "name": item.name, "width": width, "height": height, "v": item.stamp,
        "caption": store.caption(ws, dataset, item.id), "flags": list(flags),
        "controls": [_shown(ws, dataset, control) for control in item.controls],
    }  # fmt: skip


def _shown(ws: Workspace, dataset: str, control: Control) -> dict[str, Any]:
    there = store.control_path(ws, dataset, control).is_file()
    size = {"width": control.width, "height": control.height}
    return {"file": control.file, "name": control.name, **size, "missing": not there}


def _control(item: Item, file: str) -> Control:
    found = next((control for control in item.controls if control.file == file), None)
    if found is None:
        raise UserError("pairs.no_control", name=item.name, which=file[:80])
    return found


def _entry(ws: Workspace, dataset: str, entry: waiting.Waiting) -> dict[str, Any]:
    target = ""
    if entry.target:
        try:
            target = store.item(ws, dataset, entry.target).name
        except UserError:
            pass
    return {
        "id": entry.id, "name": entry.name, "label": entry.label, "reason": entry.reason, "key": entry.key, "width": entry.width,
        "height": entry.height, "target": entry.target if target else "", "target_name": target,
    }  # fmt: skip


def _picture(path: Path) -> FileResponse:
    kind = MEDIA.get(path.suffix.lower())
    if kind is None or not path.is_file():
        raise UserError("datasets_tab.picture_not_found", name=path.name)
    return FileResponse(path, media_type=kind, headers=FOREVER)
