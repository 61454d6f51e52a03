"""How long and how large a training will be, from the dataset index alone. Must not read pictures or captions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tagtrainer.core.buckets import Size, batches, bucket_for
from tagtrainer.datasets import store
from tagtrainer.training.case import Case, resolve
from tagtrainer.training.draft import Draft
from tagtrainer.workspace import Workspace


@dataclass(frozen=True)
class BucketRow:
    """One training size of one dataset. `count` is with repeats."""

    dataset: str
    width: int
    height: int
    count: int
    batches: int


@dataclass(frozen=True)
class Summary:
    """Numbers of a training. `disk_needed` is bytes: checkpoints, states and caches at their most."""

    pictures: int
    without_caption: int
    buckets: tuple[BucketRow, ...]
    batches_per_epoch: int
    epochs: int
    steps: int
    checkpoints: int
    states: int
    checkpoint_bytes: int
    disk_needed: int
    latent_batches: int
    text_batches: int


def summary(ws: Workspace, draft: Draft) -> Summary:
    """The numbers for a draft. Raises UserError when it names something unknown."""
    return of_case(resolve(ws, draft))


def of_case(case: Case) -> Summary:
    """The same for a resolved draft."""
    rows: list[BucketRow] = []
    pictures = bare = latents = words = 0
    for use in case.draft.datasets:
        items = store.items(case.ws, use.id)
        sizes: dict[int, list[Size]] = {}
        for item in items:
            if item.has_caption:
                sizes.setdefault(item.repeats, []).append(item.size)
        captioned = sum(map(len, sizes.values()))
        pictures, bare = pictures + captioned, bare + len(items) - captioned
        for repeats, group in sorted(sizes.items()):  # each stands in a dataset of its own for the engine
            counts = _counts(case, group)
            latents += sum(batches(count, case.batch_size) for count in counts.values())
            words += batches(len(group), case.batch_size)
            rows += _rows(use.id, counts, max(1, use.repeats) * repeats, case.batch_size)
    per_epoch = sum(row.batches for row in rows)
    epochs, steps = _length(case, per_epoch)
    saves, states = _saves(case, epochs, steps)
    size = checkpoint_bytes(case)
    disk = saves * size + states * 3 * size + _cache_bytes(case, pictures)
    return Summary(
        pictures, bare, tuple(rows), per_epoch, epochs, steps, saves, states, size, disk, latents, words
    )  # fmt: skip


def _counts(case: Case, sizes: list[Size]) -> dict[Size, int]:
    shape = case.shape
    found: Counter[Size] = Counter()
    for size, count in Counter(sizes).items():  # cameras make few sizes: each is looked up once
        found[bucket_for(size, shape.resolution, shape.enable_bucket, shape.no_upscale, shape.step)] += count
    return dict(sorted(found.items()))


def _rows(dataset: str, counts: dict[Size, int], repeats: int, batch_size: int) -> list[BucketRow]:
    return [
        BucketRow(dataset, size[0], size[1], count * repeats, batches(count * repeats, batch_size))
        for size, count in counts.items()
    ]


def _length(case: Case, per_epoch: int) -> tuple[int, int]:
    """(epochs, optimizer steps) as the engine computes them for one process; epochs win over steps."""
    updates = batches(per_epoch, max(1, int(case.value("gradient_accumulation_steps", 1))))
    wanted = case.value("max_train_epochs")
    if wanted:
        return int(wanted), int(wanted) * updates
    steps = int(case.value("max_train_steps", 1600))
    return (batches(steps, updates) if updates else 0), (steps if updates else 0)


def _saves(case: Case, epochs: int, steps: int) -> tuple[int, int]:
    """(checkpoints, states) on disk at the end. The last epoch has only the final file."""
    if not steps:
        return 0, 0
    every_epochs, every_steps = case.value("save_every_n_epochs"), case.value("save_every_n_steps")
    by_epoch = max(0, epochs - 1) // int(every_epochs) if every_epochs else 0
    by_step = steps // int(every_steps) if every_steps else 0
    kept = case.value("save_last_n_epochs")
    span = case.value("save_last_n_steps")
    if kept:
        by_epoch = min(by_epoch, int(kept))
    if span and every_steps:
        by_step = min(by_step, int(span) // int(every_steps) + 1)
    count = by_epoch + by_step + 1
    if case.value("save_state"):
        return count, count
    return count, 1 if case.value("save_state_on_train_end") else 0


def checkpoint_bytes(case: Case) -> int:
    """Bytes of one LoRA file: parameters per rank of the family times rank times the size of a number."""
    if case.engine.rehearsal:
        return 256 * 1024
    wide = 2 if case.value("save_precision", "float") in ("bf16", "fp16") else 4
    return int(case.value("network_dim", 4)) * case.family.lora_params_per_rank * wide


def _cache_bytes(case: Case, pictures: int) -> int:
    """Bytes of all caches: 16 latent channels of two bytes at an eighth of the side, and the encoded caption."""
    if case.engine.rehearsal:
        return pictures * 40_000
    width, height = case.shape.resolution
    return pictures * ((width // 8) * (height // 8) * 16 * 2 + 1_000_000)
