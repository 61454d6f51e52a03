"""Routes of the dataset grid and viewer under /api/datasets/. Must not hold anything: every call reads the service."""

from __future__ import annotations

import logging
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, Field

from tagtrainer.core.files import safe_id
from tagtrainer.core.text import UserError, t
from tagtrainer.datasets import changes, filters, index, records, store
from tagtrainer.datasets.models import Item
from tagtrainer.ui import chosen
from tagtrainer.ui.looks import Look, Selection
from tagtrainer.workspace import Workspace

log = logging.getLogger(__name__)
FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
MEDIA = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
LARGEST_PAGE = 500
LONGEST_CAPTION = 100_000
WARM_AFTER = 1.5


class Flag(Selection):
    on: bool = True


class Repeats(Selection):
    repeats: int = Field(ge=1, le=records.MOST_REPEATS)


class Caption(BaseModel):
    """`expected` is the text that the writer saw; another one on disk means somebody else was faster."""

    text: str = Field(max_length=LONGEST_CAPTION)
    expected: str | None = None


class Items(BaseModel):
    items: list[str] = Field(max_length=1_000_000)


def router(ws: Workspace) -> APIRouter:
    """Everything the grid and the viewer fetch."""
    routes = APIRouter(prefix="/api/datasets")
    _lists(routes, ws)
    _pictures(routes, ws)
    _changes(routes, ws)
    return routes


def _lists(routes: APIRouter, ws: Workspace) -> None:
    @routes.get("/{dataset}/items")
    def items(dataset: str, look: Annotated[Look, Query()], offset: int = 0, limit: int = 200) -> dict[str, Any]:
        """One page of the grid; `filter` is what is looked for as one expression."""
        wanted = look.filter()
        found = index.page(ws, dataset, wanted, max(0, offset), max(1, min(limit, LARGEST_PAGE)))
        rows = [_row(item) for item in found.items]
        return {"total": found.total, "rev": found.rev, "filter": filters.expression(wanted), "items": rows}

    @routes.post("/{dataset}/sync")
    def sync(dataset: str) -> dict[str, Any]:
        """Look for changes made outside the app; what a first search needs is made ready a little later."""
        changed = index.sync(ws, dataset)
        later = threading.Timer(WARM_AFTER, _warm, (ws, dataset))
        later.daemon = True
        later.start()
        return {"changed": changed, "rev": index.ensure(ws, dataset)}

    @routes.get("/{dataset}/look")
    def look(dataset: str, expr: Annotated[str, Query(max_length=1000)] = "") -> dict[str, Any]:
        """An expression taken apart into rules."""
        return asdict(filters.parse(expr))

    @routes.get("/{dataset}/next")
    def following(dataset: str, look: Annotated[Look, Query()], after: int = -1) -> dict[str, Any]:
        """The first picture without caption after a place of the list, from its start again at its end; -1 when there is none."""
        found = index.following(ws, dataset, look.filter(), after)
        return {"index": found[0], "id": found[1]} if found else {"index": -1, "id": ""}

    @routes.post("/{dataset}/ids")
    def ids(dataset: str, selection: Selection) -> dict[str, Any]:
        """The ids of what is selected."""
        return {"items": selection.ids(ws, dataset)}

    @routes.post("/{dataset}/keep")
    def keep(dataset: str, selection: Selection) -> dict[str, Any]:
        """Keep a large selection for the other views of the dataset, under a name."""
        found = selection.ids(ws, dataset)
        return {"kept": chosen.keep(ws, dataset, found), "n": len(found)}

    @routes.get("/{dataset}/place/{item}")
    def place(dataset: str, item: str, look: Annotated[Look, Query()]) -> dict[str, Any]:
        """Where an item stands in the filtered list, -1 when it does not."""
        return {"index": index.place(ws, dataset, look.filter(), item)}

    @routes.get("/{dataset}/rev")
    def rev(dataset: str) -> dict[str, Any]:
        """Changes whenever the dataset does; asked every few seconds by a page that is looked at."""
        return {"rev": index.ensure(ws, dataset)}

    @routes.get("/{dataset}/stats")
    def stats(dataset: str) -> dict[str, Any]:
        return {**asdict(store.stats(ws, dataset)), "rev": index.ensure(ws, dataset)}

    @routes.get("/{dataset}/item/{item}")
    def item(dataset: str, item: str) -> dict[str, Any]:
        return {**_row(store.item(ws, dataset, item)), "caption": store.caption(ws, dataset, item)}


def _pictures(routes: APIRouter, ws: Workspace) -> None:
    @routes.get("/{dataset}/preview/{item}")
    def preview(dataset: str, item: str) -> Response:
        """Small and asked for by the dozen: read at once instead of streamed."""
        path = store.preview_path(ws, safe_id(dataset), safe_id(item))
        try:
            return Response(path.read_bytes(), media_type=MEDIA[path.suffix.lower()], headers=FOREVER)
        except (OSError, KeyError) as error:
            raise UserError("datasets_tab.picture_not_found", name=path.name) from error

    @routes.get("/{dataset}/medium/{item}")
    def medium(dataset: str, item: str) -> FileResponse:
        return _picture(store.medium_path(ws, safe_id(dataset), safe_id(item)))

    @routes.get("/{dataset}/whole/{item}")
    def whole(dataset: str, item: str) -> FileResponse:
        """The uncropped picture: what a crop is drawn on."""
        return _picture(store.whole_path(ws, safe_id(dataset), safe_id(item)))


def _changes(routes: APIRouter, ws: Workspace) -> None:
    @routes.post("/{dataset}/caption/{item}")
    def write(dataset: str, item: str, caption: Caption) -> dict[str, Any]:
        """Save a caption; 400 datasets.caption_changed with the text now on disk when somebody else was faster."""
        expected = None if caption.expected is None else {item: caption.expected}
        title = t("datasets_tab.history.typed", name=store.item(ws, dataset, item).name)
        store.write_captions(ws, dataset, {item: caption.text}, who="user", title=title, expected=expected)
        return {"caption": store.caption(ws, dataset, item), "rev": index.ensure(ws, dataset)}

    @routes.post("/{dataset}/flag")
    def flag(dataset: str, wanted: Flag) -> dict[str, Any]:
        """Mark items, or take the mark away, as one change."""
        title = "datasets_tab.history.flag" if wanted.on else "datasets_tab.history.unflag"
        return _change(ws, dataset, wanted.ids(ws, dataset), {"flagged": wanted.on}, title)

    @routes.post("/{dataset}/repeats")
    def repeats(dataset: str, wanted: Repeats) -> dict[str, Any]:
        """How often items are trained per epoch, as one change."""
        change = {"repeats": wanted.repeats}
        return _change(ws, dataset, wanted.ids(ws, dataset), change, "datasets_tab.history.repeats", **change)

    @routes.post("/{dataset}/delete")
    def delete(dataset: str, selection: Selection) -> dict[str, Any]:
        """Move items to the trash as one change."""
        entry = changes.new_group()
        return {"count": store.delete_items(ws, dataset, selection.ids(ws, dataset), group=entry), "entry": entry}

    @routes.post("/{dataset}/restore")
    def restore(dataset: str, wanted: Items) -> dict[str, Any]:
        """Bring items back from the trash; an empty list means all of them."""
        return {"count": store.restore_items(ws, dataset, wanted.items or None)}


def _row(item: Item) -> dict[str, Any]:
    width, height = item.size
    return {
        "id": item.id, "name": item.name, "width": width, "height": height, "bytes": item.bytes,
        "captioned": item.has_caption, "flagged": item.flagged, "media": item.media, "duration": item.duration,
        "crop": item.crop, "repeats": item.repeats, "controls": len(item.controls), "v": item.stamp,
    }  # fmt: skip


def _change(
    ws: Workspace, dataset: str, ids: list[str], change: dict[str, Any], title: str, **values: Any
) -> dict[str, Any]:
    entry = changes.new_group()
    named = changes.Title(title, count=len(ids), **values)
    wanted = dict.fromkeys(ids, change)
    return {"count": store.change_items(ws, dataset, wanted, who="user", title=named, group=entry), "entry": entry}


def _warm(ws: Workspace, dataset: str) -> None:
    try:
        index.warm(ws, dataset)
    except UserError as error:  # deleted meanwhile, or the index is busy: then the first search is a little slower
        log.debug("not made ready: %s", error)


def _picture(path: Path) -> FileResponse:
    kind = MEDIA.get(path.suffix.lower())
    if kind is None or not path.is_file():
        raise UserError("datasets_tab.picture_not_found", name=path.name)
    return FileResponse(path, media_type=kind, headers=FOREVER)
