"""Routes of the clean view under /api/clean/: copies, bad pictures, the job that looks. Must not hold anything."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from tagtrainer import flows
from tagtrainer.datasets import changes, store
from tagtrainer.datasets.curation import duplicates, quality
from tagtrainer.datasets.curation.duplicates import Found, Member
from tagtrainer.datasets.curation.quality import Judged, Poor, Rule
from tagtrainer.datasets.models import Item
from tagtrainer.ui import work
from tagtrainer.workspace import Workspace

LARGEST_PAGE = 200
VERB = "measure"
STEPS = 100
"""Places of a threshold's slider; the page knows the count at each of them."""
Ids = Annotated[list[Annotated[str, Field(max_length=120)]], Field(max_length=200_000)]
Side = Annotated[int, Field(ge=16, le=100_000)]


class Wish(BaseModel):
    """What the job looks for."""

    only: Literal["duplicates", "quality"]


class Copies(BaseModel):
    """Groups at a distance; `keep` and `drop` are what somebody decided against the proposal."""

    distance: int = Field(default=duplicates.USUAL, ge=0, le=64)
    mirrored: bool = False
    keep: Ids = Field(default_factory=list)
    drop: Ids = Field(default_factory=list)
    offset: int = Field(default=0, ge=0)
    limit: int = Field(default=40, ge=1, le=LARGEST_PAGE)


class Cut(BaseModel):
    """Part of a list: beyond a threshold, for a training size."""

    threshold: float
    side: Side = quality.SIDE


class Chosen(Cut):
    """Pictures of a list: those named, or with `all` everything the list shows but those named."""

    items: Ids = Field(default_factory=list)
    all: bool = False


def router(ws: Workspace) -> APIRouter:
    """Everything the clean view fetches."""
    routes = APIRouter(prefix="/api/clean")
    _job(routes, ws)
    _copies(routes, ws)
    _quality(routes, ws)
    return routes


def _job(routes: APIRouter, ws: Workspace) -> None:
    @routes.get("/{dataset}/job")
    def state(dataset: str) -> dict[str, Any]:
        return work.newest(ws, dataset, VERB)

    @routes.post("/{dataset}/job")
    def start(dataset: str, wish: Wish) -> dict[str, Any]:
        return {"task": flows.start_work(ws, dataset, VERB, ["--only", wish.only])}

    @routes.post("/{dataset}/job/stop")
    def stop(dataset: str) -> dict[str, Any]:
        return work.stop(ws, dataset, VERB)


def _copies(routes: APIRouter, ws: Workspace) -> None:
    @routes.post("/{dataset}/duplicates")
    def groups(dataset: str, look: Copies) -> dict[str, Any]:
        """A page of groups, how many there are at every distance, and how many pictures would go."""
        found = _found(ws, dataset, look)
        page = found.groups[look.offset : look.offset + look.limit]
        rows = [[_member(member) for member in group.members] for group in page]
        numbers = {"counts": found.counts, "pending": found.pending, "older": found.older, "furthest": found.furthest}
        chosen = len(duplicates.chosen(found, set(look.keep), set(look.drop)))
        return {**numbers, "total": len(found.groups), "chosen": chosen, "groups": rows, "all": _count(ws, dataset)}

    @routes.post("/{dataset}/duplicates/remove")
    def remove(dataset: str, look: Copies) -> dict[str, Any]:
        chosen = duplicates.chosen(_found(ws, dataset, look), set(look.keep), set(look.drop))
        entry = changes.new_group()
        return {"count": duplicates.remove(ws, dataset, chosen, group=entry), "entry": entry}


def _found(ws: Workspace, dataset: str, look: Copies) -> Found:
    return duplicates.find(ws, dataset, look.distance, look.mirrored)


def _count(ws: Workspace, dataset: str) -> int:
    return len(store.items(ws, dataset))


def _member(member: Member) -> dict[str, Any]:
    near = {"distance": member.distance, "mirrored": member.mirrored, "exact": member.exact}
    sharp = None if member.sharp is None else round(member.sharp)
    return {**_row(member.item), **near, "sharp": sharp, "bytes": member.item.bytes}


def _row(item: Item) -> dict[str, Any]:
    width, height = item.size
    return {"id": item.id, "name": item.name, "width": width, "height": height, "v": item.stamp}


def _quality(routes: APIRouter, ws: Workspace) -> None:
    @routes.get("/{dataset}/quality")
    def lists(dataset: str, side: Annotated[int, Query(ge=16, le=100_000)] = quality.SIDE) -> dict[str, Any]:
        """Every list with its threshold and how many pictures it has at every place of the slider."""
        judged = quality.judge(ws, dataset, side)
        found = {rule.name: _scale(judged, rule) for rule in quality.RULES}
        known = int(judged.table.known["quality"].sum())
        numbers = {"pending": judged.pending, "older": judged.table.older.get("quality", 0), "known": known}
        return {"lists": found, **numbers, "all": len(judged.table.items)}

    @routes.get("/{dataset}/quality/{name}")
    def shown(
        dataset: str, name: str, cut: Annotated[Cut, Query()], offset: int = 0, limit: int = 60
    ) -> dict[str, Any]:
        rule, judged = quality.rule(name), quality.judge(ws, dataset, cut.side)
        rows = judged.cut(rule, cut.threshold, max(0, offset), max(1, min(limit, LARGEST_PAGE)))
        return {"total": judged.count(rule, cut.threshold), "rows": [_poor(poor) for poor in rows]}

    @routes.post("/{dataset}/quality/{name}/{act}")
    def change(dataset: str, name: str, act: Literal["remove", "flag", "cut"], chosen: Chosen) -> dict[str, Any]:
        entry = changes.new_group()
        done = {"remove": quality.remove, "flag": quality.flag, "cut": quality.cut_borders}[act]
        return {"count": done(ws, dataset, _ids(ws, dataset, name, chosen), group=entry), "entry": entry}


def _scale(judged: Judged, rule: Rule) -> dict[str, Any]:
    step = (rule.highest - rule.lowest) / STEPS
    counts = [judged.count(rule, rule.lowest + step * place) for place in range(STEPS + 1)]
    limits = {"usual": rule.usual, "lowest": rule.lowest, "highest": rule.highest, "below": rule.below}
    return {**limits, "counts": counts}


def _poor(poor: Poor) -> dict[str, Any]:
    return {**_row(poor.item), "value": round(poor.value, 2), "clipped": poor.clipped, "flagged": poor.item.flagged}


def _ids(ws: Workspace, dataset: str, name: str, chosen: Chosen) -> list[str]:
    if not chosen.all:
        return chosen.items
    left_out = set(chosen.items)
    judged = quality.judge(ws, dataset, chosen.side)
    return [poor.item.id for poor in judged.cut(quality.rule(name), chosen.threshold) if poor.item.id not in left_out]
