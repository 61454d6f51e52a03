"""Routes of the view "text" under /api/text/: operations, preview and apply, tags, tokens. Must not hold anything."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from tagtrainer.core.text import UserError
from tagtrainer.datasets import index, store
from tagtrainer.datasets.models import Item
from tagtrainer.datasets.text import bulk, operations, texts
from tagtrainer.datasets.text.bulk import Scope
from tagtrainer.flows import caption_tokens
from tagtrainer.ui import chosen
from tagtrainer.workspace import Workspace

WAITING = frozenset({"bulk.missing", "bulk.nothing_to_find"})
Tag = Annotated[str, Field(max_length=500)]


class Change(BaseModel):
    """An operation with its values, and which captions: `items`, a `kept` selection, those of the filter `expr`, else all."""

    operation: str = Field(max_length=60)
    values: dict[str, str | bool | int] = Field(default_factory=dict, max_length=20)
    items: list[Annotated[str, Field(max_length=120)]] | None = Field(default=None, max_length=1_000_000)
    kept: str = Field(default="", max_length=40)
    expr: str | None = Field(default=None, max_length=500)

    def scope(self, ws: Workspace, dataset: str) -> Scope:
        items = chosen.kept(ws, dataset, self.kept) if self.kept and self.items is None else self.items
        return Scope(items, self.expr)


class Folder(BaseModel):
    family: str = Field(max_length=60)
    path: str = Field(max_length=2_000)


class TagPage(BaseModel):
    """A slice of the tag table."""

    search: str = Field(default="", max_length=200)
    order: Literal["count", "name"] = "count"
    offset: int = Field(default=0, ge=0)
    limit: int = Field(default=200, ge=1, le=1_000)


def router(ws: Workspace) -> APIRouter:
    """Everything the view fetches."""
    routes = APIRouter(prefix="/api/text")

    @routes.get("/{dataset}/start")
    def start(dataset: str) -> dict[str, Any]:
        """The operations with their fields, and the families with their limits."""
        trigger = store.get(ws, dataset).trigger_word
        return {"operations": operations.forms(), "families": caption_tokens.families(ws), "trigger": trigger}

    @routes.post("/{dataset}/preview")
    def preview(dataset: str, change: Change, limit: Annotated[int, Query(ge=0, le=100)] = 12) -> dict[str, Any]:
        """What a change would do. A change that is not filled in yet has a count of null."""
        try:
            seen = bulk.preview(
                ws, dataset, operations.operation(change.operation, change.values), change.scope(ws, dataset), limit
            )
        except UserError as error:
            if error.key not in WAITING:
                raise
            return {"count": None, "total": bulk.size(ws, dataset, change.scope(ws, dataset)), "waiting": str(error)}
        hits = [{"item": row(hit.item), "parts": hit.parts, "empty": not hit.new.strip()} for hit in seen.hits]
        return {"count": seen.count, "total": seen.total, "sentences": seen.sentences, "hits": hits}

    @routes.post("/{dataset}/apply")
    def apply(dataset: str, change: Change) -> dict[str, Any]:
        """Change the captions; `entry` is what can be undone."""
        done = bulk.apply(ws, dataset, operations.operation(change.operation, change.values), change.scope(ws, dataset))
        return asdict(done)

    @routes.get("/{dataset}/tags")
    def tags(dataset: str, page: Annotated[TagPage, Query()]) -> dict[str, Any]:
        store.get(ws, dataset)
        table, _ = texts.table(ws, dataset)
        rows = table.top(page.limit, page.offset, page.search, page.order)
        return {
            "rows": [asdict(found) for found in rows],
            "total": table.matching(page.search),
            "different": len(table.names),
            "captions": table.captions,
            "sentences": table.sentences,
        }

    @routes.get("/{dataset}/tag")
    def tag(
        dataset: str, tag: Annotated[list[Tag], Query(max_length=20)], limit: Annotated[int, Query(ge=0, le=200)] = 24
    ) -> dict[str, Any]:
        """The pictures that have all these tags, and what goes with the first one."""
        store.get(ws, dataset)
        table, idents = texts.table(ws, dataset)
        rows = table.rows_with(tag)
        items = store.select(ws, dataset, items=[idents[n] for n in rows[:limit]])
        partners = [asdict(found) for found in table.partners(tag[0], 16)]
        return {"count": len(rows), "items": [row(item) for item in items], "partners": partners}

    @routes.get("/{dataset}/tokens")
    def tokens(dataset: str, family: str, limit: Annotated[int, Query(ge=0, le=1_000)] = 200) -> dict[str, Any]:
        """Counts against the family's limit; the longest of those over it."""
        store.get(ws, dataset)
        found = caption_tokens.report(ws, dataset, family)
        shown = found.over[:limit]
        items = store.select(ws, dataset, items=[ident for ident, _ in shown])
        over = [{**row(item), "tokens": count} for item, (_, count) in zip(items, shown, strict=True)]
        return {**asdict(found), "over": over, "count": len(found.over), "rev": index.ensure(ws, dataset)}

    @routes.post("/{dataset}/tokenizer")
    def tokenizer(dataset: str, folder: Folder) -> dict[str, Any]:
        """Name the folder of a family's tokenizer; an empty path forgets it."""
        found = caption_tokens.set_tokenizer(ws, folder.family, folder.path)
        return {"exact": found.exact, "name": found.name}

    return routes


def row(item: Item) -> dict[str, Any]:
    """What the page needs to show a picture."""
    return {"id": item.id, "name": item.name, "v": item.stamp}
