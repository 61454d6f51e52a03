"""Routes of the dataset grid and viewer under /api/datasets/. Must not hold anything: every call reads the service."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from tagtrainer.core.files import safe_id
from tagtrainer.core.text import UserError, t
from tagtrainer.datasets import index, store
from tagtrainer.datasets.models import Item, ItemFilter
from tagtrainer.workspace import Workspace

FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
MEDIA = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
LARGEST_PAGE = 500
LONGEST_CAPTION = 100_000
Sort = Literal["name", "added"]


class Look(BaseModel):
    """What the grid shows: a filter. Sent as query or, with a selection, as part of a body."""

    text: str = Field(default="", max_length=500)
    no_caption: bool = False
    sort: Sort = "name"

    def filter(self) -> ItemFilter:
        return ItemFilter(text=self.text.strip(), no_caption=True if self.no_caption else None, sort=self.sort)


class Selection(Look):
    """Ids, or places in the filtered list as [first, last] pairs, good for the revision they were chosen in."""

    items: list[str] = Field(default_factory=list, max_length=1_000_000)
    ranges: list[tuple[int, int]] = Field(default_factory=list, max_length=100_000)
    rev: int | str = ""


class Caption(BaseModel):
    """`expected` is the text that the writer saw; another one on disk means somebody else was faster."""

    text: str = Field(max_length=LONGEST_CAPTION)
    expected: str | None = None


class Items(BaseModel):
    items: list[str] = Field(max_length=1_000_000)


def router(ws: Workspace) -> APIRouter:
    """Everything the grid and the viewer fetch."""
    routes = APIRouter(prefix="/api/datasets")

    @routes.get("/{dataset}/items")
    def items(
        dataset: str, look: Annotated[Look, Query()], offset: int = 0, limit: int = 200, sync: bool = False
    ) -> dict[str, Any]:
        """One page of the grid. `sync` first looks for changes made outside the app (on opening, not on scrolling)."""
        if sync:
            index.sync(ws, dataset)
        found = index.page(ws, dataset, look.filter(), max(0, offset), max(1, min(limit, LARGEST_PAGE)))
        return {"total": found.total, "rev": found.rev, "items": [_row(item) for item in found.items]}

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

    @routes.get("/{dataset}/preview/{item}")
    def preview(dataset: str, item: str) -> FileResponse:
        return _picture(store.preview_path(ws, safe_id(dataset), safe_id(item)))

    @routes.get("/{dataset}/medium/{item}")
    def medium(dataset: str, item: str) -> FileResponse:
        return _picture(store.medium_path(ws, safe_id(dataset), safe_id(item)))

    @routes.get("/{dataset}/whole/{item}")
    def whole(dataset: str, item: str) -> FileResponse:
        """The uncropped picture: what a crop is drawn on."""
        return _picture(store.whole_path(ws, safe_id(dataset), safe_id(item)))

    @routes.post("/{dataset}/caption/{item}")
    def write(dataset: str, item: str, caption: Caption) -> dict[str, Any]:
        """Save a caption; 400 datasets.caption_changed with the text now on disk when somebody else was faster."""
        expected = None if caption.expected is None else {item: caption.expected}
        title = t("datasets_tab.history.typed", name=store.item(ws, dataset, item).name)
        store.write_captions(ws, dataset, {item: caption.text}, who="user", title=title, expected=expected)
        return {"caption": store.caption(ws, dataset, item), "rev": index.ensure(ws, dataset)}

    @routes.post("/{dataset}/delete")
    def delete(dataset: str, selection: Selection) -> dict[str, Any]:
        chosen = selection.items or [item.id for item in _chosen(ws, dataset, selection)]
        return {"count": store.delete_items(ws, dataset, chosen), "items": chosen}

    @routes.post("/{dataset}/restore")
    def restore(dataset: str, wanted: Items) -> dict[str, Any]:
        """Bring items back from the trash; an empty list means all of them."""
        return {"count": store.restore_items(ws, dataset, wanted.items or None)}

    return routes


def _row(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "width": item.width,
        "height": item.height,
        "bytes": item.bytes,
        "captioned": item.has_caption,
        "v": item.sha256[:8],
    }


def _picture(path: Path) -> FileResponse:
    kind = MEDIA.get(path.suffix.lower())
    if kind is None or not path.is_file():
        raise UserError("datasets_tab.picture_not_found", name=path.name)
    return FileResponse(path, media_type=kind, headers=FOREVER)


def _chosen(ws: Workspace, dataset: str, selection: Selection) -> Iterator[Item]:
    """The items at the selected places. UserError when the list is not the one that the places were chosen in."""
    for first, last in selection.ranges:
        for offset in range(max(0, first), last + 1, LARGEST_PAGE):
            limit = min(LARGEST_PAGE, last + 1 - offset)
            found = index.page(ws, dataset, selection.filter(), offset, limit)
            if found.rev != selection.rev:
                raise UserError("datasets_tab.list_changed")
            yield from found.items
