"""Routes of the faces view under /api/faces/. Must not hold anything: every call reads the service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse
from pydantic import BaseModel, Field

from tagtrainer import flows
from tagtrainer.core import fields
from tagtrainer.core.files import safe_id
from tagtrainer.core.text import UserError
from tagtrainer.datasets import store
from tagtrainer.datasets.curation import extras, face_weights, faces, redundancy
from tagtrainer.datasets.curation.portraits import Group, PortraitRules
from tagtrainer.datasets.curation.redundancy import Verdict
from tagtrainer.ui import work
from tagtrainer.workspace import Workspace

FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
LARGEST_PAGE = 100
LARGEST_GROUP = 60
Share = Annotated[float, Field(ge=0, le=1)]


class Rules(BaseModel):
    """PortraitRules as the page sends them."""

    portrait_keep: Annotated[int, Field(ge=1, le=100)] = 2
    face_likely: Share = 0.75
    face_sure: Share = 0.85
    pose_similar: Share = 0.7
    ssim_likely: Share = 0.8
    ssim_sure: Share = 0.9
    box_tolerance: Share = 0.1

    def rules(self) -> PortraitRules:
        names = fields.specs(PortraitRules)
        return PortraitRules(**{name: getattr(self, name) for name in names})


class Removal(Rules):
    """`spared`: redundant pictures that the user keeps. `count`: how many the page said would go."""

    spared: list[str] = Field(default_factory=list, max_length=100_000)
    count: int = Field(ge=0)


class Run(BaseModel):
    download: bool = False


class Own(BaseModel):
    """A file of weights of one's own; an empty path takes the downloaded one again."""

    name: Literal["yunet", "sface"]
    path: str = Field(default="", max_length=4000)


def router(ws: Workspace) -> APIRouter:
    """Models, the job, people with their portraits, removal."""
    routes = APIRouter(prefix="/api/faces")

    @routes.get("/{dataset}/models")
    def models(dataset: str) -> dict[str, Any]:
        """Which packages and weights are here, their licences, and where weights would come from."""
        store.get(ws, dataset)
        return {
            "opencv": extras.has_opencv(),
            "package": extras.OPENCV,
            "weights": [_weights(ws, name) for name in face_weights.WEIGHTS],
        }

    @routes.post("/{dataset}/models")
    def use(dataset: str, own: Own) -> dict[str, Any]:
        face_weights.use(ws, own.name, Path(own.path.strip()) if own.path.strip() else None)
        return _weights(ws, own.name)

    @routes.get("/{dataset}/run")
    def state(dataset: str) -> dict[str, Any]:
        return work.newest(ws, dataset, "faces")

    @routes.post("/{dataset}/run")
    def run(dataset: str, wish: Run) -> dict[str, Any]:
        extras.opencv()  # a missing package is said here, not at the end of a job
        return {"task": flows.start_work(ws, dataset, "faces", ["--download"] if wish.download else [])}

    @routes.post("/{dataset}/run/stop")
    def stop(dataset: str) -> dict[str, Any]:
        return work.stop(ws, dataset, "faces")

    @routes.get("/{dataset}/people")
    def people(dataset: str, rules: Annotated[Rules, Query()], offset: int = 0, limit: int = 40) -> dict[str, Any]:
        verdict = _verdict(ws, dataset, rules)
        rows = _rows(verdict)
        shown = rows[max(0, offset) : max(0, offset) + max(1, min(limit, LARGEST_PAGE))]
        why = redundancy.reasons(verdict)
        counts = {"people": len(verdict.people), "redundant": len(why), "without": verdict.without}
        return {
            "total": len(rows), "rows": [_row(number, group, why) for number, group in shown], "counts": counts,
            "left_out": verdict.left_out, "apart": verdict.apart, "measured": sum(person.count for person in verdict.people),
        }  # fmt: skip

    @routes.post("/{dataset}/remove")
    def remove(dataset: str, removal: Removal) -> dict[str, Any]:
        verdict = _verdict(ws, dataset, removal)
        spared = {safe_id(ident) for ident in removal.spared}
        doomed = sum(face.item.id not in spared for face, _ in verdict.redundant())
        if doomed != removal.count:
            raise UserError("curation.faces_changed")
        return {"count": redundancy.remove(ws, dataset, verdict, spared)}

    @routes.get("/{dataset}/face/{item}/{finder}")
    def face(dataset: str, item: str, finder: str) -> FileResponse:
        path = faces.patch_path(ws, safe_id(dataset), store.item(ws, dataset, item), safe_id(finder))
        if not path.is_file():
            raise UserError("curation.no_picture", name=item)
        return FileResponse(path, media_type="image/jpeg", headers=FOREVER)

    return routes


def _verdict(ws: Workspace, dataset: str, rules: Rules) -> Verdict:
    """With what was measured last by the tools that are here now, else by any."""
    used = faces.tools_used(ws, dataset)
    wanted = "yunet" if face_weights.path_of(ws, "yunet") else "haar"
    wanted += "+sface" if face_weights.path_of(ws, "sface") else ""
    tool = wanted if wanted in used else used[-1] if used else wanted
    return redundancy.judged(ws, dataset, tool, rules.rules())


def _rows(verdict: Verdict) -> list[tuple[int, Group]]:
    """(number of the person, group), look-alikes first; people seen once come last, as one row."""
    rows: list[tuple[int, Group]] = []
    alone = Group([])
    for number, person in enumerate(verdict.people, 1):
        single = Group([member for group in person.groups if len(group.members) == 1 for member in group.members])
        rows += [(number, group) for group in person.groups if len(group.members) > 1]
        if person.count == 1:
            alone.members += single.members
        elif single.members:
            rows.append((number, single))
    return [*rows, *([(0, alone)] if alone.members else [])]


def _row(number: int, group: Group, why: dict[str, str]) -> dict[str, Any]:
    shown = [
        {
            "id": face.item.id,
            "name": face.item.name,
            "v": face.item.stamp,
            "by": face.finder,
            "why": why.get(face.item.id, ""),
        }
        for face, _ in group.members[:LARGEST_GROUP]
    ]
    alike = any(likeness is not None for _, likeness in group.members)
    return {"person": number, "alike": alike, "count": len(group.members), "members": shown}


def _weights(ws: Workspace, name: face_weights.Name) -> dict[str, Any]:
    known, path = face_weights.WEIGHTS[name], face_weights.path_of(ws, name)
    own = path is not None and path.parent != face_weights.folder(ws)
    host = ", ".join(urlsplit(url).netloc for url in known.urls)
    what = {"name": name, "licence": known.licence, "bytes": known.bytes, "hosts": host}
    return {**what, "here": path is not None, "own": str(path) if own else ""}
