"""Routes of the crop view under /api/crop/. Must not hold anything: every call reads the service."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from tagtrainer import flows
from tagtrainer.core.files import safe_id
from tagtrainer.core.text import UserError
from tagtrainer.datasets import filters, index, store
from tagtrainer.datasets.curation import croplist, crops, extras, face_weights, proposals
from tagtrainer.datasets.curation.croplist import Show
from tagtrainer.datasets.curation.proposals import Offer
from tagtrainer.flows import looking
from tagtrainer.ui import work
from tagtrainer.workspace import Workspace

FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
LARGEST_PAGE = 240
Side = Annotated[int, Field(ge=0, le=1_000_000)]


class Look(BaseModel):
    """Which crops: for what target, whose subjects, of which pictures."""

    target: str = Field(default="1024x1024", max_length=40)
    by: str = Field(default="auto", max_length=120)
    filter: str = Field(default="", max_length=500)


class Decision(BaseModel):
    """accepted or skipped, with a box of one's own (x, y, width, height in pixels of the original) or the offered one."""

    target: str = Field(max_length=40)
    item: str = Field(max_length=120)
    state: Literal["open", "accepted", "skipped"]
    box: tuple[Side, Side, Side, Side] | None = None


class Which(BaseModel):
    filter: str = Field(default="", max_length=500)


class Wish(Which):
    by: str = Field(default="auto", max_length=120)


def router(ws: Workspace) -> APIRouter:
    """Options, offers, decisions, applying, and the job that looks for subjects."""
    routes = APIRouter(prefix="/api/crop")

    @routes.get("/{dataset}/options")
    def options(dataset: str) -> dict[str, Any]:
        """Ways of finding with where they send pictures, and which face finder there is."""
        store.get(ws, dataset)
        return {"ways": _ways(ws), "faces": _faces(ws), "known": proposals.known_ways(ws, dataset)}

    @routes.get("/{dataset}/offers")
    def offers(
        dataset: str, look: Annotated[Look, Query()], show: Show = "all", offset: int = 0, limit: int = 120
    ) -> dict[str, Any]:
        found = _list(ws, dataset, look)
        chosen, offset = found.shown(show), max(0, offset)
        rows = [row(offer) for offer in chosen[offset : offset + max(1, min(limit, LARGEST_PAGE))]]
        return {"total": len(chosen), "counts": _counts(found), "rows": rows, "rev": index.ensure(ws, dataset)}

    @routes.post("/{dataset}/decide")
    def decide(dataset: str, decision: Decision, look: Annotated[Look, Query()]) -> dict[str, Any]:
        """Note a decision; the offer as it is now."""
        target = crops.parse_target(decision.target)
        proposals.decide(ws, dataset, target, {safe_id(decision.item): (decision.state, decision.box)})
        item = store.item(ws, dataset, decision.item)
        found = next(proposals.offers(ws, dataset, [item], look.by, target), None)
        counts = _counts(_list(ws, dataset, look.model_copy(update={"target": decision.target})))
        return {"row": row(found) if found else None, "counts": counts}

    @routes.post("/{dataset}/apply")
    def apply(dataset: str, look: Look) -> dict[str, Any]:
        found = _list(ws, dataset, look)
        if not found.offers:
            raise UserError("curation.nothing_to_crop")
        return {"count": proposals.apply(ws, dataset, found.offers, crops.parse_target(look.target))}

    @routes.post("/{dataset}/reset")
    def reset(dataset: str, which: Which) -> dict[str, Any]:
        return {"count": proposals.reset(ws, dataset, store.select(ws, dataset, expr=which.filter or None))}

    @routes.get("/{dataset}/focus")
    def state(dataset: str) -> dict[str, Any]:
        return work.newest(ws, dataset, "focus")

    @routes.post("/{dataset}/focus")
    def focus(dataset: str, wish: Wish) -> dict[str, Any]:
        looking.checked_way(ws, wish.by)
        if wish.by == "face":
            face_weights.detector(ws)  # a missing package is said here, not at the end of a job
        filters.parse(wish.filter)
        words = [f"--by={wish.by}", *([f"--filter={wish.filter}"] if wish.filter else [])]
        return {"task": flows.start_work(ws, dataset, "focus", words)}

    @routes.post("/{dataset}/focus/stop")
    def stop(dataset: str) -> dict[str, Any]:
        return work.stop(ws, dataset, "focus")

    @routes.get("/{dataset}/picture/{item}")
    def picture(dataset: str, item: str) -> FileResponse:
        """The whole picture, at most 512 pixels a side."""
        path = store.whole_path(ws, safe_id(dataset), safe_id(item), "preview")
        if not path.is_file():
            raise UserError("curation.no_picture", name=item)
        return FileResponse(path, headers=FOREVER)

    return routes


def _list(ws: Workspace, dataset: str, look: Look) -> croplist.CropList:
    looking.checked_way(ws, look.by)
    return croplist.crop_list(ws, dataset, look.by, crops.parse_target(look.target), look.filter)


def _counts(found: croplist.CropList) -> dict[str, int]:
    shown = {name: len(found.shown(name)) for name in ("all", "cut", "small", "skipped")}
    return {**shown, "missing": found.missing, "cropped": found.cropped, "changes": found.changes}


def _ways(ws: Workspace) -> list[dict[str, str]]:
    from tagtrainer.captioning import profiles

    found = [{"id": way, "name": "", "host": ""} for way in looking.WAYS]
    for ident, profile in profiles.profiles(ws).items():
        way = f"{looking.VISION}{ident}"
        try:
            if looking.can_see(profile):
                found.append({"id": way, "name": profile.name, "host": looking.host_of(ws, way)})
        except UserError:
            continue  # a profile that is not filled in yet
    return found


def _faces(ws: Workspace) -> dict[str, str]:
    """Which finder would look for faces, and the sentence when none can."""
    if not extras.has_opencv():
        return {"tool": "", "package": extras.OPENCV}
    return {"tool": "yunet" if face_weights.path_of(ws, "yunet") else "haar", "package": extras.OPENCV}


def row(offer: Offer) -> dict[str, Any]:
    """What a tile shows."""
    item, proposal = offer.item, offer.proposal
    what = {"id": item.id, "name": item.name, "v": item.sha256[:8], "width": item.width, "height": item.height}
    crop = {"box": proposal.box, "aim": proposal.aim, "whole": proposal.whole, "enlarged": round(proposal.enlarged, 3)}
    seen = {"subject": offer.subject.box, "source": offer.subject.source, "state": offer.state, "drawn": offer.drawn}
    whole = (0, 0, item.width, item.height)
    return {**what, **crop, **seen, "applied": (item.crop or whole) == proposal.box}
