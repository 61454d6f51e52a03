"""Checks of what is trained on: datasets, captions, buckets, caches. Must not read pictures, only the index and captions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tagtrainer.core.buckets import bucket_for, bucket_sizes
from tagtrainer.core.text import UserError
from tagtrainer.datasets import store
from tagtrainer.datasets.captions import caption_path
from tagtrainer.datasets.models import DatasetMeta, Item
from tagtrainer.training.case import Case
from tagtrainer.training.checks.problem import Problem, error, from_error, note, warning
from tagtrainer.training.dataset_config import cache_folder
from tagtrainer.training.draft import DatasetUse

UNFINDABLE = "[]*?"
"""Letters that make the engine look for caches where there are none, because it takes the folder for a pattern."""
FEW = 5
MOST_REPEATS = 10_000


def check(case: Case) -> Iterator[Problem]:
    """Everything about the datasets of a draft."""
    bad = [letter for letter in UNFINDABLE if letter in str(case.ws.cache)]
    if bad:
        yield error("plan.brackets", "settings", path=case.ws.cache, letters=" ".join(bad))
    if not case.draft.datasets:
        yield error("plan.no_dataset", "dataset_0")
    for ident, times in Counter(use.id for use in case.draft.datasets).items():
        if times > 1:
            yield error("plan.dataset_twice", "dataset_0", id=ident)
    yield from _shape(case)
    for use in case.draft.datasets:
        yield from _dataset(case, use)


def _shape(case: Case) -> Iterator[Problem]:
    shape = case.shape
    width, height = shape.resolution
    uneven = width % shape.step or height % shape.step
    if not shape.enable_bucket and uneven:
        yield error("plan.uneven_crop", "resolution", width=width, height=height, step=shape.step)
    elif uneven:
        yield note("plan.uneven", "resolution", width=width, height=height, step=shape.step)
    if shape.enable_bucket:
        try:
            bucket_sizes(shape.resolution, shape.step)
        except UserError as small:
            yield from_error(small, "resolution")
    else:
        yield note("plan.no_buckets", "enable_bucket", width=width, height=height)


def _dataset(case: Case, use: DatasetUse) -> Iterator[Problem]:
    try:
        meta = store.get(case.ws, use.id)
        items = store.items(case.ws, use.id)
    except UserError as missing:
        yield from_error(missing, "datasets")
        return
    if meta.kind not in case.family.dataset_kinds:
        yield error("plan.wrong_kind", "dataset_0", name=meta.name, kind=meta.kind, family=case.family.name)
    if not 1 <= use.repeats <= MOST_REPEATS:
        yield error("plan.repeats", "dataset_0", name=meta.name, most=MOST_REPEATS)
    captioned = [item for item in items if item.has_caption]
    if not items:
        yield error("plan.empty_dataset", "datasets", name=meta.name)
    elif not captioned:
        yield error("plan.no_captions", "captioning", name=meta.name, count=len(items))
    else:
        if len(captioned) < len(items):
            left = len(items) - len(captioned)
            yield warning("plan.some_without_caption", "captioning", name=meta.name, count=left, total=len(items))
        yield from _media(case, meta, captioned)
        yield from _captions(case, meta, captioned)
        yield from _buckets(case, meta, captioned, use.repeats)
        yield from _caches(case, meta, captioned)


def _media(case: Case, meta: DatasetMeta, items: list[Item]) -> Iterator[Problem]:
    folder = case.ws.dataset(meta.id) / "images"
    try:
        there = {path.name for path in folder.iterdir()}
    except OSError:
        yield error("plan.folder_gone", "datasets", name=meta.name, path=folder)
        return
    gone = [item for item in items if f"{item.id}{item.ext}" not in there]
    if gone:
        yield error("plan.pictures_gone", "datasets", name=meta.name, count=len(gone), first=gone[0].name)
    if len(items) < FEW:
        yield note("plan.few_pictures", "datasets", name=meta.name, count=len(items))


def _captions(case: Case, meta: DatasetMeta, items: list[Item]) -> Iterator[Problem]:
    texts = store.captions(case.ws, meta.id)
    known = [texts.get(item.id, "") for item in items]
    if meta.trigger_word:
        without = sum(1 for text in known if meta.trigger_word.lower() not in text.lower())
        if without:
            yield warning("plan.no_trigger", "captioning", name=meta.name, count=without, word=meta.trigger_word)
    limit = case.family.caption_token_limit
    # about three letters a token in English, one in Chinese: bytes / 3 suits both well enough for a remark
    long = sum(1 for text in known if limit and len(text.encode("utf-8")) / 3 > limit)
    if long:
        yield note("plan.long_captions", "captioning", name=meta.name, count=long, limit=limit)


def _buckets(case: Case, meta: DatasetMeta, items: list[Item], repeats: int) -> Iterator[Problem]:
    shape = case.shape
    area = shape.resolution[0] * shape.resolution[1]
    counts: Counter[tuple[int, int]] = Counter()
    cropped = 0
    for item in items:
        width, height = item.size
        bucket = bucket_for((width, height), shape.resolution, shape.enable_bucket, shape.no_upscale, shape.step)
        counts[bucket] += max(1, repeats) * item.repeats
        if min(bucket) == 0:
            yield error("plan.too_small_picture", "datasets", name=item.name, dataset=meta.name, step=shape.step)
            return
        ratio = (width / height) / (bucket[0] / bucket[1])
        cropped += max(ratio, 1 / ratio) > 1.25
    small = sum(1 for item in items if item.size[0] * item.size[1] < area * 0.95)
    if small and not (shape.no_upscale and shape.enable_bucket):
        yield warning(
            "plan.upscaled", "resolution", name=meta.name, count=small, width=shape.resolution[0],
            height=shape.resolution[1],
        )  # fmt: skip
    if cropped:
        yield warning("plan.much_cropped", "enable_bucket", name=meta.name, count=cropped)
    thin = sum(1 for count in counts.values() if count < case.batch_size)
    if thin:
        yield warning("plan.thin_buckets", "batch_size", name=meta.name, count=thin, size=case.batch_size)


def _caches(case: Case, meta: DatasetMeta, items: list[Item]) -> Iterator[Problem]:
    """Only by name here, so that it costs nothing in a form; the task's first step compares what is inside."""
    folder = cache_folder(case.ws, meta.id, case.engine.id, case.family.id, case.variant, case.shape)
    stems = {item.id for item in items}
    mine = (f"_{case.suffix}.safetensors", f"_{case.suffix}_te.safetensors")
    there = [path.name for path in folder.glob("*.safetensors") if path.name.endswith(mine)] if folder.is_dir() else []
    foreign = sum(1 for name in there if _stem(name, case.suffix) not in stems)
    edited = sum(1 for item in items if _older(folder / f"{item.id}_{case.suffix}_te.safetensors", case, meta, item))
    if foreign + edited:
        yield note("plan.stale_caches", "datasets", name=meta.name, count=foreign + edited)


def _stem(name: str, suffix: str) -> str:
    if name.endswith(f"_{suffix}_te.safetensors"):
        return name.removesuffix(f"_{suffix}_te.safetensors")
    return name.removesuffix(f"_{suffix}.safetensors").rpartition("_")[0]


def _older(cache: Path, case: Case, meta: DatasetMeta, item: Item) -> bool:
    """Whether a caption was written after its cache."""
    try:
        made = cache.stat().st_mtime
        return caption_path(case.ws.dataset(meta.id), item.id).stat().st_mtime > made
    except OSError:
        return False
