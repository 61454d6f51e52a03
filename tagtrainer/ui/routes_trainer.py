"""Routes of the view "What the trainer sees" under /api/trainer/. Must not compute: datasets/trainer_view.py does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from tagtrainer.core.text import t
from tagtrainer.datasets import trainer_view
from tagtrainer.datasets.clips import frames
from tagtrainer.datasets.models import Item
from tagtrainer.datasets.trainer_view import Fit, Report, Setup
from tagtrainer.workspace import Workspace

PAGE = 48
MOST_SPANS = 400
Number = Annotated[int, Field(ge=0, le=1_000_000)]
Part = Literal["enlarged", "cropped", "clips", "short"]


class Asked(BaseModel):
    """The settings of the view as they stand; what is out of range is answered with a sentence."""

    width: Number = 1024
    height: Number = 1024
    enable_bucket: bool = True
    no_upscale: bool = False
    captioned: bool = False
    batch_size: Number = 1
    repeats: Number = 1
    frames: list[Number] = Field(default_factory=lambda: [1], max_length=20)
    extraction: str = Field(default="head", max_length=20)
    stride: Number = 1
    sample: Number = 1
    max_frames: Number = 129
    source_fps: float = Field(default=0.0, ge=0, le=1_000_000)
    model: str = Field(default="", max_length=40)

    def setup(self) -> Setup:
        rate = frames.MODEL_FPS.get(self.model, 0.0)
        taking = frames.Taking(
            tuple(self.frames), self.extraction, self.stride, self.sample, self.max_frames, self.source_fps, rate
        )
        return Setup(
            (self.width, self.height), self.enable_bucket, self.no_upscale, self.batch_size, self.repeats,
            captioned=self.captioned, taking=taking, model=self.model,
        )  # fmt: skip


class More(Asked):
    part: Part
    offset: Number = 0


def router(ws: Workspace) -> APIRouter:
    """Everything the view fetches."""
    routes = APIRouter(prefix="/api/trainer")

    @routes.post("/{dataset}/look")
    def look(dataset: str, asked: Asked) -> dict[str, Any]:
        """All numbers, and the first of each list."""
        setup = asked.setup()
        found = trainer_view.report(ws, dataset, setup)
        parts: tuple[Part, ...] = ("enlarged", "cropped", "clips", "short")
        return {
            "kind": found.kind, "total": found.total, "left_out": found.left_out, "samples": found.samples,
            "batches": found.batches, "buckets": [asdict(row) for row in found.buckets], "partly": found.partly,
            "controls": found.controls, "lengths": setup.taking.lengths, "rate": setup.taking.target_fps,
            "notes": [t(f"trainer_view.note.{name}", count=count) for name, count in found.notes.items()],
            **{part: _part(found, part, 0, setup) for part in parts},
        }  # fmt: skip

    @routes.post("/{dataset}/more")
    def more(dataset: str, asked: More) -> dict[str, Any]:
        """The next ones of a list."""
        setup = asked.setup()
        return _part(trainer_view.report(ws, dataset, setup), asked.part, asked.offset, setup)

    return routes


def _part(found: Report, part: Part, offset: int, setup: Setup) -> dict[str, Any]:
    rows: Sequence[Fit | Item] = getattr(found, part)
    shown = [_fit(row) if isinstance(row, Fit) else _clip(row, setup) for row in rows[offset : offset + PAGE]]
    return {"count": len(rows), "items": shown}


def _fit(row: Fit) -> dict[str, Any]:
    """`box` in shares of the picture, whatever size it is shown in."""
    width, height = row.item.size
    x, y, wide, high = row.box
    return {
        "id": row.item.id, "name": row.item.name, "v": row.item.stamp, "width": width, "height": height,
        "bucket": row.bucket, "scale": row.scale, "lost": row.lost,
        "box": [x / width, y / height, wide / width, high / height],
    }  # fmt: skip


def _clip(item: Item, setup: Setup) -> dict[str, Any]:
    """`windows` as shares of the clip's length: [from, to, frames]."""
    taking = setup.taking
    kept = frames.kept(item.frames, taking)
    shape = frames.shape(item.frames, taking)
    spans = [
        [kept[start] / item.frames, (kept[start + length - 1] + 1) / item.frames, length]
        for start, length in frames.windows(item.frames, taking, MOST_SPANS)
    ]
    return {
        "id": item.id, "name": item.name, "v": item.stamp, "frames": item.frames, "fps": item.fps,
        "duration": item.duration, "read": len(kept) if taking.converts else item.frames, "shape": shape, "windows": spans,
        "short": frames.too_short(item.frames, taking), "width": item.width, "height": item.height,
    }  # fmt: skip
