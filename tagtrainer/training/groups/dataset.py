"""How pictures become training sizes. They go into dataset.toml, not on the command line; repeats belong to each dataset."""

from __future__ import annotations

from dataclasses import dataclass

from tagtrainer.core.fields import option

SIDE = 16


@dataclass(frozen=True)
class DatasetOptions:
    """Keys of the engine's dataset file; `dataset_config` is the file itself, written by the app."""

    resolution: tuple[int, int] = option(
        (1024, 1024), "Resolution", "Training area as width,height. Pictures are scaled and cropped to fit its area.",
        kind="size", group="dataset", roles=(), emit="never", lo=64, hi=8192, basic=True, optional=False,
    )  # fmt: skip
    batch_size: int = option(
        1, "Batch size", "Pictures in one training step. More needs more GPU memory.", group="dataset", roles=(), emit="never",
        lo=1, hi=64, basic=True, optional=False,
    )  # fmt: skip
    enable_bucket: bool = option(
        True, "Aspect-ratio buckets",
        "Keeps each picture's shape by sorting into sizes of the same area. Off: everything is centre-cropped to the resolution.",
        group="dataset", roles=(), emit="never",
    )  # fmt: skip
    bucket_no_upscale: bool = option(
        False, "Never enlarge pictures", "Pictures smaller than the resolution keep their own size. Needs buckets.",
        group="dataset", roles=(), emit="never", when="enable_bucket",
    )  # fmt: skip
    dataset_config: str = option(
        "", "Dataset file", group="path", roles=("cache_latents", "cache_text", "train"), ui_hidden=True, persist=False
    )
