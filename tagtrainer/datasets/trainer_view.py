"""What the trainer will make of a dataset: buckets, batches, enlarged and cropped pictures, windows of clips. Reads records only.

The rules are the engine's (core/buckets.py, datasets/clips/frames.py); nothing here opens a picture or a clip.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tagtrainer.core.buckets import Size, batches, bucket_for, bucket_sizes, buckets_for
from tagtrainer.core.text import UserError
from tagtrainer.datasets import store
from tagtrainer.datasets.clips import frames
from tagtrainer.datasets.clips.frames import Taking
from tagtrainer.datasets.models import CONTROL_KINDS, Item, Kind
from tagtrainer.workspace import Workspace

LOST = 0.15
"""Share of a picture whose loss by the crop is worth a word."""
LARGEST_SIDE = 8192
FRAMEPACK_WINDOW = 9
UNREADABLE = frozenset({".webp"})
"""Clips that this app takes and the engine cannot decode. A GIF it reads when it is listed, as this app lists clips."""


@dataclass(frozen=True)
class Setup:
    """Everything that decides what the trainer sees. Clips are always sorted into buckets."""

    size: Size = (1024, 1024)
    enable_bucket: bool = True
    no_upscale: bool = False
    batch_size: int = 1
    repeats: int = 1
    step: int = 16
    captioned: bool = False
    """Count only what has a caption; the trainer leaves out the rest."""
    taking: Taking = field(default_factory=Taking)
    model: str = ""
    """A video model (a key of frames.MODEL_FPS), for its frame rate and FramePack's sections."""


@dataclass(frozen=True)
class Bucket:
    """One training size. `items` are pictures or windows, `samples` the same with repeats; `frames` is 0 for pictures."""

    width: int
    height: int
    frames: int
    items: int
    samples: int
    batches: int


@dataclass(frozen=True, slots=True)
class Fit:
    """How one picture becomes its training size: enlarged by `scale`, then `box` (x, y, width, height of it) is kept."""

    item: Item
    bucket: Size
    scale: float
    lost: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True)
class Report:
    """What comes of a dataset. `left_out` has no caption; `samples` is one epoch with repeats."""

    kind: Kind
    total: int
    left_out: int
    buckets: list[Bucket]
    samples: int
    batches: int
    enlarged: list[Fit]
    cropped: list[Fit]
    clips: list[Item]
    short: list[Item]
    partly: int
    """Clips too short for some of the lengths only."""
    notes: dict[str, int]
    controls: dict[int, int]
    """Number of control images -> pictures that have so many."""


def report(ws: Workspace, dataset: str, setup: Setup) -> Report:
    """All of it. Raises UserError trainer_view.size, trainer_view.number, frames.*, buckets.too_small."""
    checked(setup)
    meta = store.get(ws, dataset)
    everything = store.items(ws, dataset)
    items = [item for item in everything if item.has_caption] if setup.captioned else everything
    bare = sum(not item.has_caption for item in everything)
    clips, pictures = [i for i in items if i.media == "video"], [i for i in items if i.media != "video"]
    chosen = _bucket_of_size(pictures, setup)
    enlarged, cropped = _worth_a_word(pictures, chosen)
    rows = _picture_buckets(pictures, chosen, setup) + _clip_buckets(clips, setup)
    short = [item for item in clips if not frames.shape(item.frames, setup.taking)]
    counts = Counter(len(item.controls) for item in pictures) if meta.kind in CONTROL_KINDS else Counter[int]()
    return Report(
        meta.kind, len(items), bare, rows, sum(row.samples for row in rows), sum(row.batches for row in rows), enlarged,
        cropped, clips, short, sum(bool(frames.too_short(item.frames, setup.taking)) for item in clips) - len(short),
        _notes(clips, setup), dict(sorted(counts.items())),
    )  # fmt: skip


def checked(setup: Setup) -> Setup:
    """The same, when it makes sense. Raises UserError as for `report`."""
    if not all(1 <= side <= LARGEST_SIDE for side in setup.size):
        raise UserError("trainer_view.size", width=setup.size[0], height=setup.size[1], most=LARGEST_SIDE)
    for name in ("batch_size", "repeats", "step"):
        if not 1 <= getattr(setup, name) <= 10_000:
            raise UserError("trainer_view.number", given=getattr(setup, name))
    if setup.model and setup.model not in frames.MODEL_FPS:
        raise UserError("trainer_view.model", given=setup.model, known=", ".join(frames.MODEL_FPS))
    frames.checked(setup.taking)
    bucket_sizes(setup.size, setup.step)
    return setup


def fit(item: Item, setup: Setup) -> Fit:
    """How one picture becomes its training size."""
    bucket = bucket_for(item.size, setup.size, setup.enable_bucket, setup.no_upscale, setup.step)
    return Fit(item, bucket, *_kept(item.size, bucket))


def _kept(size: Size, bucket: Size) -> tuple[float, float, tuple[float, float, float, float]]:
    """(scale, share lost, box): enlarged or shrunk until it covers its bucket, then cut in the middle, rounded as there."""
    scale, (wide, high) = _cover(size, bucket)
    left, top = (wide - bucket[0]) // 2, (high - bucket[1]) // 2
    scales = max(wide, 1) / size[0], max(high, 1) / size[1]
    box = (left / scales[0], top / scales[1], bucket[0] / scales[0], bucket[1] / scales[1])
    return scale, _lost(bucket, (wide, high)), box


def _cover(size: Size, bucket: Size) -> tuple[float, Size]:
    if bucket == size:
        return 1.0, bucket
    scale = max(bucket[0] / size[0], bucket[1] / size[1])
    return scale, (int(size[0] * scale + 0.5), int(size[1] * scale + 0.5))


def _lost(bucket: Size, covered: Size) -> float:
    return max(0.0, 1 - bucket[0] * bucket[1] / max(1, covered[0] * covered[1]))


def frame_size(item: Item) -> Size:
    """A clip's frames as the engine reads them: it does not turn them."""
    width, height = item.size
    return (height, width) if item.turned in (90, 270) else (width, height)


def samples_of(length: int, setup: Setup) -> int:
    """How many training items one window makes: FramePack cuts it into sections."""
    return (length - 1) // frames.STEP // FRAMEPACK_WINDOW if setup.model == "framepack" else 1


def _bucket_of_size(pictures: Sequence[Item], setup: Setup) -> dict[Size, Size]:
    """Every size there is -> its bucket."""
    sizes = list({item.size for item in pictures})
    return dict(
        zip(sizes, buckets_for(sizes, setup.size, setup.enable_bucket, setup.no_upscale, setup.step), strict=True)
    )


def _worth_a_word(pictures: Sequence[Item], chosen: Mapping[Size, Size]) -> tuple[list[Fit], list[Fit]]:
    """(enlarged, heavily cropped), the worst first. A picture is judged by its size alone."""
    large: dict[Size, tuple[float, float, tuple[float, float, float, float]]] = {}
    for size, bucket in chosen.items():
        scale, covered = _cover(size, bucket)
        if scale > 1 or _lost(bucket, covered) > LOST or 0 in bucket:
            large[size] = _kept(size, bucket)
    sized = ((item, item.size) for item in pictures)
    marked = [Fit(item, chosen[size], *large[size]) for item, size in sized if size in large]
    enlarged = sorted((each for each in marked if each.scale > 1), key=lambda each: -each.scale)
    heavy = (each for each in marked if each.lost > LOST or 0 in each.bucket)
    return enlarged, sorted(heavy, key=lambda each: -each.lost)


def _picture_buckets(pictures: Sequence[Item], chosen: Mapping[Size, Size], setup: Setup) -> list[Bucket]:
    """Batches are made of one training size, one number of control images and one number of repeats."""
    groups = Counter((*chosen[item.size], 0, len(item.controls), item.repeats) for item in pictures)
    return _rows(groups, setup)


def _clip_buckets(clips: Sequence[Item], setup: Setup) -> list[Bucket]:
    counts = Counter((frame_size(item), item.frames, item.repeats) for item in clips)
    groups: Counter[tuple[int, int, int, int, int]] = Counter()
    for (size, length, repeats), count in counts.items():
        bucket = bucket_for(size, setup.size, step=setup.step)
        for window, number in frames.shape(length, setup.taking):
            made = samples_of(window, setup)
            if made:
                groups[(*bucket, window, 0, repeats)] += count * number * made
    return _rows(groups, setup)


def _rows(groups: Counter[tuple[int, int, int, int, int]], setup: Setup) -> list[Bucket]:
    """One row a size and length; what cannot share a batch was counted apart."""
    found: dict[tuple[int, int, int], list[int]] = {}
    for (width, height, length, _, repeats), count in groups.items():
        samples = count * repeats * setup.repeats
        row = found.setdefault((width, height, length), [0, 0, 0])
        for place, number in enumerate((count, samples, batches(samples, setup.batch_size))):
            row[place] += number
    return [Bucket(*size, *numbers) for size, numbers in sorted(found.items())]


def _notes(clips: Iterable[Item], setup: Setup) -> dict[str, int]:
    """What else is worth knowing of clips: text key below trainer_view.note -> how many."""
    taking, found = setup.taking, Counter[str]()
    for item in clips:
        found["turned"] += item.turned != 0
        found["unreadable"] += item.ext in UNREADABLE
        found["other_rate"] += bool(taking.source_fps and abs(item.fps - taking.source_fps) > 0.02 * taking.source_fps)
        found["every_frame"] += not taking.converts and bool(setup.model) and _differs(item.fps, setup.model)
    found["slow"] += bool(taking.converts and taking.source_fps < taking.target_fps)
    return {name: count for name, count in found.items() if count}


def _differs(fps: float, model: str) -> bool:
    return abs(fps - frames.MODEL_FPS[model]) > 0.02 * frames.MODEL_FPS[model]
