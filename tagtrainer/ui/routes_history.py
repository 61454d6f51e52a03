"""Routes of a dataset's history under /api/history/: changes, what each did, undo, redo. Must not hold anything."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from tagtrainer.core.text import UserError
from tagtrainer.datasets import history, index, store
from tagtrainer.datasets.history import Title
from tagtrainer.workspace import Workspace

LARGEST_PAGE = 200
Offset = Annotated[int, Query(ge=0)]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE)]


class Which(BaseModel):
    """A change; none means the newest that can be taken back or brought back."""

    entry: str | None = Field(default=None, max_length=100)


class Refused(BaseModel):
    """A text that was refused because somebody else was faster."""

    entry: str = Field(max_length=100)
    item: str = Field(max_length=200)


def router(ws: Workspace) -> APIRouter:
    """Everything the History view fetches."""
    routes = APIRouter(prefix="/api/history")

    @routes.get("/{dataset}")
    def entries(dataset: str, offset: Offset = 0, limit: Limit = 50) -> dict[str, Any]:
        """Changes from the newest on."""
        found, total = history.entries(ws, dataset, offset, limit)
        return {"total": total, "rev": index.ensure(ws, dataset), "entries": [asdict(entry) for entry in found]}

    @routes.get("/{dataset}/entry/{entry}")
    def entry(dataset: str, entry: str, offset: Offset = 0, limit: Limit = 50) -> dict[str, Any]:
        """What a change did; `v` of a row is the stamp of its picture, "" when that is not in the dataset now."""
        rows, total = history.diff(ws, dataset, entry, offset, limit)
        known = index.some(ws, dataset, list({str(row["item"]) for row in rows}))
        stamps = {ident: item.stamp for ident, item in known.items()}
        return {"total": total, "rows": [{**row, "v": stamps.get(str(row["item"]), "")} for row in rows]}

    @routes.post("/{dataset}/undo")
    def undo(dataset: str, which: Which) -> dict[str, Any]:
        return asdict(history.undo(ws, dataset, which.entry or None))

    @routes.post("/{dataset}/redo")
    def redo(dataset: str, which: Which) -> dict[str, Any]:
        return asdict(history.redo(ws, dataset, which.entry or None))

    @routes.post("/{dataset}/take")
    def take(dataset: str, refused: Refused) -> dict[str, Any]:
        """Write the text that was refused, as a change of its own."""
        item = store.item(ws, dataset, refused.item)
        text = _refused_text(ws, dataset, refused)
        title = Title("history_view.taken", name=item.name)
        return {"changed": store.write_captions(ws, dataset, {item.id: text}, who="user", title=title)}

    return routes


def _refused_text(ws: Workspace, dataset: str, refused: Refused) -> str:
    offset, total = 0, 1
    while offset < total:
        rows, total = history.diff(ws, dataset, refused.entry, offset, LARGEST_PAGE)
        found = next((row for row in rows if row["item"] == refused.item and row["refused"]), None)
        if found is not None:
            return str(found["new"])
        offset += LARGEST_PAGE
    raise UserError("datasets.no_such_change", id=refused.entry)
