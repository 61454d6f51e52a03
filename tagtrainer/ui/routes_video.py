"""Routes of clips under /api/video/: the original, in parts as a player asks for them, and its strip. Must not decode for it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse

from tagtrainer.core.text import UserError
from tagtrainer.datasets import store
from tagtrainer.datasets.clips import posters
from tagtrainer.datasets.models import Item
from tagtrainer.ui.routes_datasets import FOREVER
from tagtrainer.workspace import Workspace

TYPES = {
    ".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/mp4", ".webm": "video/webm", ".mkv": "video/x-matroska",
    ".avi": "video/x-msvideo", ".wmv": "video/x-ms-wmv", ".flv": "video/x-flv", ".mpg": "video/mpeg", ".mpeg": "video/mpeg",
    ".gif": "image/gif", ".webp": "image/webp",
}  # fmt: skip
"""A .mov is the same container as .mp4, under whose name every browser plays it."""
NEVER_PLAYED = frozenset({".avi", ".wmv", ".flv", ".mpg", ".mpeg"})
PICTURES = frozenset({".gif", ".webp"})


def router(ws: Workspace) -> APIRouter:
    """Everything the player fetches."""
    routes = APIRouter(prefix="/api/video")

    @routes.get("/{dataset}/facts/{item}")
    def facts(dataset: str, item: str) -> dict[str, Any]:
        """What is known of a clip, and how the page shows it: as a video, a moving picture, or only its strip."""
        found = _clip(ws, dataset, item)
        shown = "picture" if found.ext in PICTURES else "strip" if found.ext in NEVER_PLAYED else "video"
        return {
            "duration": found.duration, "fps": found.fps, "frames": found.frames, "turned": found.turned,
            "shown": shown, "format": found.ext[1:].upper(), "v": found.stamp,
        }  # fmt: skip

    @routes.get("/{dataset}/clip/{item}")
    def clip(dataset: str, item: str) -> FileResponse:
        """The original, whole or in the ranges that are asked for."""
        found = _clip(ws, dataset, item)
        path = store.media_path(ws, dataset, item)
        if found.ext not in TYPES or not path.is_file():
            raise UserError("datasets_tab.picture_not_found", name=found.name)
        return FileResponse(path, media_type=TYPES[found.ext], headers=FOREVER)

    @routes.get("/{dataset}/strip/{item}")
    def strip(dataset: str, item: str) -> FileResponse:
        """Four frames side by side, made now when they are missing."""
        found = _clip(ws, dataset, item)
        preview = ws.dataset(dataset) / "preview" / found.id
        path = posters.make_strip(store.media_path(ws, dataset, item), preview)
        return FileResponse(path, media_type="image/jpeg", headers=FOREVER)

    return routes


def _clip(ws: Workspace, dataset: str, item: str) -> Item:
    """A recorded clip. UserError for anything else."""
    store.get(ws, dataset)
    found = store.item(ws, dataset, item)
    if found.media != "video":
        raise UserError("datasets_tab.picture_not_found", name=found.name)
    return found
