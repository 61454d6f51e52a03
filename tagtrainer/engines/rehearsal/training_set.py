"""What training reads: the cache folders, sorted into batches, in an order shuffled every epoch. Must not read pictures.

As in the engine the dataset's own files are not looked at: whatever lies in the cache folder is trained.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tagtrainer.core.buckets import Size, bucket_for
from tagtrainer.engines.rehearsal import caches, pictures, tokens
from tagtrainer.engines.rehearsal.architectures import Architecture
from tagtrainer.engines.rehearsal.console import logger
from tagtrainer.engines.rehearsal.dataset_file import ImageSet
from tagtrainer.engines.rehearsal.layers import Array

LOG = logger("dataset.bucket")


@dataclass(frozen=True)
class Cached:
    """One picture with both its caches."""

    latents: Path
    text: Path
    bucket: Size


@dataclass(frozen=True)
class Batch:
    """tokens: batch x tokens x 48; text: batch x words x 64; padding: True where a word is none."""

    size: Size
    grid: tuple[int, int]
    tokens: Array
    text: Array
    padding: Array


@dataclass(frozen=True)
class Bucket:
    """The items of one training size in one dataset, repeats included."""

    members: list[Cached]
    batch_size: int

    def __len__(self) -> int:
        return -(-len(self.members) // self.batch_size)

    def groups(self, rng: np.random.Generator) -> list[list[Cached]]:
        """Its batches, members drawn anew."""
        order = [self.members[place] for place in rng.permutation(len(self.members))]
        return [order[start : start + self.batch_size] for start in range(0, len(order), self.batch_size)]


@dataclass
class TrainingSet:
    """All buckets of all datasets."""

    buckets: list[Bucket]
    _pictures: dict[Path, tuple[Array, tuple[int, ...]]] = field(default_factory=dict)
    _texts: dict[Path, Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return sum(len(bucket) for bucket in self.buckets)

    @property
    def items(self) -> int:
        """Pictures, each as often as it is repeated."""
        return sum(len(bucket.members) for bucket in self.buckets)

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Every batch once, shuffled."""
        groups = [group for bucket in self.buckets for group in bucket.groups(rng)]
        for place in rng.permutation(len(groups)):
            yield self.batch(groups[place])

    def batch(self, group: list[Cached]) -> Batch:
        """Load a group; what was read once stays in memory (12 KB a picture)."""
        grid = tokens.grid_of(group[0].bucket)
        loaded = [self._picture(member.latents, grid) for member in group]
        _require_equal([shape for _, shape in loaded])
        texts = [self._text(member.text) for member in group]
        longest = max(len(text) for text in texts)
        return Batch(
            size=group[0].bucket,
            grid=grid,
            tokens=np.stack([numbers for numbers, _ in loaded]),
            text=np.stack([np.pad(text, ((0, longest - len(text)), (0, 0))) for text in texts]),
            padding=np.array([[place >= len(text) for place in range(longest)] for text in texts]),
        )

    def _picture(self, path: Path, grid: tuple[int, int]) -> tuple[Array, tuple[int, ...]]:
        if path not in self._pictures:
            latents = caches.read_latents(path)
            self._pictures[path] = tokens.from_picture(pictures.decode(latents), grid), latents.shape
        return self._pictures[path]

    def _text(self, path: Path) -> Array:
        if path not in self._texts:
            self._texts[path] = caches.read_text(path)
        return self._texts[path]


def _require_equal(shapes: list[tuple[int, ...]]) -> None:
    for place, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shapes[0])} at entry 0 and {list(shape)} "
                f"at entry {place}"
            )


def collect(sets: list[ImageSet], architecture: Architecture) -> TrainingSet:
    """The batches that the cache folders hold. Raises ValueError when there is nothing to train."""
    found: list[Bucket] = []
    for dataset in sets:
        own = [Bucket(members, dataset.batch_size) for _, members in sorted(_buckets(dataset, architecture).items())]
        for bucket in own:
            LOG.info(f"bucket: {bucket.members[0].bucket}, count: {len(bucket.members)}")
        LOG.info(f"total batches: {sum(len(bucket) for bucket in own)}")
        found += own
    if not found:
        raise ValueError(
            "No training items found in the dataset. Please ensure that the latent/Text Encoder cache has been created "
            "beforehand. / データセットに学習データがありません。latent/Text Encoderキャッシュを事前に作成したか確認してください"
        )
    return TrainingSet(found)


def _buckets(dataset: ImageSet, architecture: Architecture) -> dict[Size, list[Cached]]:
    found: dict[Size, list[Cached]] = {}
    for path in caches.listed(dataset.cache_directory, architecture):
        stem, size = caches.size_in_name(path, architecture)
        text = path.with_name(f"{stem}_{architecture.suffix}_te.safetensors")
        if not text.exists():
            logger("cache_io").warning(f"Text encoder output cache file not found: {text}")
            continue
        bucket = bucket_for(
            size, dataset.resolution, dataset.enable_bucket, dataset.bucket_no_upscale, architecture.step
        )
        found.setdefault(bucket, []).extend([Cached(path, text, bucket)] * dataset.num_repeats)
    return found
