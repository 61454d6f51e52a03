"""What a task was frozen with, and making it ready right before the engine starts. Must not choose options or build arguments.

Freezing happens when the task is made, getting ready when its turn comes: by then another run may have changed the caches, or
a drive may be gone.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tagtrainer.core.files import human_size, read_json, read_jsonl, write_json
from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError
from tagtrainer.datasets import store
from tagtrainer.datasets.models import Box
from tagtrainer.training import readable, staleness
from tagtrainer.training.case import Case
from tagtrainer.training.dataset_config import Picture, Shape, Source, cache_folder, jsonl_path
from tagtrainer.training.summary import BucketRow, Summary
from tagtrainer.workspace import Workspace

FILE = "freeze.json"


class FrozenSource(BaseModel):
    """One dataset of the task. `sizes` stand in the order of its JSON lines."""

    model_config = ConfigDict(extra="ignore")

    dataset: str
    cache: Path
    resolution: tuple[int, int]
    enable_bucket: bool
    no_upscale: bool
    step: int
    sizes: list[tuple[int, int]]


class Copy(BaseModel):
    """A copy that the engine reads instead of the original; `crop` is the part of it, upright."""

    source: Path
    target: Path
    crop: Box | None = None


class Freeze(BaseModel):
    """freeze.json of a task: what to check and clean before the engine starts."""

    model_config = ConfigDict(extra="ignore")

    version: int = 1
    suffix: str
    scale: int = 8
    sources: list[FrozenSource]
    copies: list[Copy] = Field(default_factory=list)
    weights: dict[str, str] = Field(default_factory=dict)
    made_with: dict[str, str] = Field(default_factory=dict)
    totals: dict[str, Any] = Field(default_factory=dict)

    def summary(self) -> Summary:
        """The numbers of the run as it was frozen, whatever happened to the dataset since."""
        rows = tuple(BucketRow(**row) for row in self.totals["buckets"])
        return Summary(**{**self.totals, "buckets": rows})


class Ready(BaseModel):
    """What getting ready did: cache files kept and removed, pictures copied."""

    kept: int = 0
    removed: int = 0
    copied: int = 0


def collect(case: Case, on_progress: OnProgress = silent) -> tuple[list[Source], list[Copy]]:
    """The captioned pictures of every dataset of the draft, and which need a copy that the engine reads rightly.

    Pictures with repeats of their own stand in a source (and a cache folder) of their own: the engine knows repeats per
    dataset only, and removes from a cache folder what its dataset does not hold.
    """
    sources: list[Source] = []
    copies: list[Copy] = []
    for use in case.draft.datasets:
        cache = cache_folder(case.ws, use.id, case.engine.id, case.family.id, case.variant, case.shape)
        for repeats, pictures in _pictures(case, use.id, copies, on_progress).items():
            place = cache if repeats == 1 else cache.with_name(f"{cache.name}-x{repeats}")
            times = max(1, use.repeats) * repeats
            sources.append(Source(use.id, times, case.batch_size, case.shape, place, tuple(pictures)))
    return sources, copies


def _pictures(case: Case, dataset: str, copies: list[Copy], on_progress: OnProgress) -> dict[int, list[Picture]]:
    """Pictures by their own repeats; `copies` grows by those that are needed."""
    found: dict[int, list[Picture]] = {}
    captions = store.captions(case.ws, dataset)
    items = [item for item in store.items(case.ws, dataset) if captions.get(item.id, "").strip()]
    for number, item in enumerate(items, 1):
        path = case.ws.dataset(dataset) / "images" / f"{item.id}{item.ext}"
        seen = readable.look(path)
        if seen.needs_copy or item.crop:
            target = readable.copy_path(case.ws.cache / dataset / "readable", path, item.crop, seen.recoloured)
            copies.append(Copy(source=path, target=target, crop=item.crop))
            path = target
        size = item.size if item.crop else seen.size
        found.setdefault(item.repeats, []).append(Picture(item.id, path, size, captions[item.id].strip()))
        on_progress(number, len(items), item.name)
    return dict(sorted(found.items())) or {1: []}


def made_with(case: Case) -> dict[str, str]:
    """Which weights the caches of this run come from: latents from the VAE, text from the text encoders."""
    if case.engine.rehearsal:
        return {"latents": "rehearsal", "text": "rehearsal"}
    by_kind = {slot.option: slot.kind for slot in case.family.slots}
    prints = {name: staleness.fingerprint(path) for name, path in case.paths.items() if path}
    words = [f"{name}={value}" for name, value in sorted(prints.items()) if by_kind[name] == "text_encoder"]
    return {
        "latents": " ".join(value for name, value in sorted(prints.items()) if by_kind[name] == "vae"),
        "text": " ".join([*words, *(["fp8"] if case.value("fp8_vl") else [])]),
    }


def write(folder: Path, case: Case, sources: list[Source], copies: list[Copy], totals: Summary) -> None:
    """Write freeze.json into the task's folder."""
    frozen = Freeze(
        suffix=case.suffix, scale=case.family.latent_scale, copies=copies, made_with=made_with(case),
        weights={} if case.engine.rehearsal else {name: path for name, path in case.paths.items() if path},
        sources=[_frozen(source) for source in sources], totals=asdict(totals),
    )  # fmt: skip
    write_json(folder / FILE, frozen.model_dump(mode="json"))


def _frozen(source: Source) -> FrozenSource:
    shape = source.shape
    return FrozenSource(
        dataset=source.dataset, cache=source.cache, resolution=shape.resolution, enable_bucket=shape.enable_bucket,
        no_upscale=shape.no_upscale, step=shape.step, sizes=[picture.size for picture in source.pictures],
    )  # fmt: skip


def load(folder: Path) -> Freeze:
    """The task's freeze.json. Raises UserError plan.not_frozen."""
    try:
        return Freeze.model_validate(read_json(folder / FILE))
    except (FileNotFoundError, ValueError) as error:
        raise UserError("plan.not_frozen", path=folder) from error


def get_ready(ws: Workspace, task_id: str, on_progress: OnProgress = silent) -> Ready:
    """Check that everything frozen is still there, make missing copies, remove caches that do not fit.

    Raises UserError plan.media_gone, plan.weights_gone, plan.disk_short: better than an engine that trains on nothing.
    """
    folder = ws.task(task_id)
    frozen = load(folder)
    report = Ready()
    _require(frozen.weights.values(), "plan.weights_gone")
    _require((copy.source for copy in frozen.copies), "plan.media_gone")
    for number, copy in enumerate(frozen.copies, 1):
        if not copy.target.exists():
            readable.make(copy.source, copy.target, copy.crop)
            report.copied += 1
        on_progress(number, len(frozen.copies), copy.source.name)
    for number, source in enumerate(frozen.sources):
        _ready_caches(folder, number, source, frozen, report)
    _require_disk(ws, frozen)
    return report


def _require(paths: Any, key: str) -> None:
    gone = [path for path in paths if not Path(path).exists()]
    if gone:
        raise UserError(key, count=len(gone), path=gone[0])


def _ready_caches(folder: Path, number: int, source: FrozenSource, frozen: Freeze, report: Ready) -> None:
    rows = list(read_jsonl(jsonl_path(folder, number)))
    _require((row["image_path"] for row in rows), "plan.media_gone")
    pictures = [
        Picture("", Path(row["image_path"]), size, row["caption"])
        for row, size in zip(rows, source.sizes, strict=True)
    ]  # fmt: skip
    shape = Shape(source.resolution, source.enable_bucket, source.no_upscale, source.step)
    found = staleness.survey(source.cache, pictures, shape, frozen.suffix, frozen.scale, frozen.made_with)
    report.removed += staleness.clean(found)
    report.kept += found.fresh
    staleness.remember(source.cache, frozen.made_with)


def _require_disk(ws: Workspace, frozen: Freeze, free: Callable[[Path], Any] = shutil.disk_usage) -> None:
    left, needed = free(ws.root).free, frozen.totals.get("disk_needed", 0)
    if left < needed:
        raise UserError("plan.disk_short", free=human_size(left), needed=human_size(needed))
