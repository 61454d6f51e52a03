"""The two caching scripts. Their option names mean something else in the training script, so ours differ."""

from __future__ import annotations

from dataclasses import dataclass

from tagtrainer.core.fields import option

BOTH = ("cache_latents", "cache_text")


@dataclass(frozen=True)
class CachingOptions:
    """Pictures and captions are encoded once before the training."""

    cache_latents_batch_size: int = option(
        None, "Latent caching batch", "Pictures encoded at once; empty: the batch size.", kind="int", group="advanced",
        roles=("cache_latents",), cli="--batch_size", lo=1,
    )  # fmt: skip
    cache_text_batch_size: int = option(
        None, "Caption caching batch", "Captions encoded at once; empty: the batch size.", kind="int", group="advanced",
        roles=("cache_text",), cli="--batch_size", lo=1,
    )  # fmt: skip
    cache_num_workers: int = option(
        2, "Caching workers", "Threads that read pictures. Many have locked up; 2 to 4 are good.", group="advanced", roles=BOTH,
        cli="--num_workers", lo=1, hi=64,
    )  # fmt: skip
    cache_device: str = option(
        "",
        "Caching device",
        "Empty: the GPU if there is one. cpu is possible.",
        group="advanced",
        roles=BOTH,
        cli="--device",
    )
    disable_cudnn_backend: bool = option(
        False,
        "Caching without cuDNN",
        "For AMD cards that fail while caching.",
        group="advanced",
        roles=("cache_latents",),
    )
    skip_existing: bool = option(True, "Skip what is cached", group="path", roles=BOTH, ui_hidden=True, persist=False)
    keep_cache: bool = option(True, "Keep other caches", group="path", roles=BOTH, ui_hidden=True, persist=False)
    debug_mode: str = option(
        "",
        "Show instead of caching",
        group="advanced",
        roles=("cache_latents",),
        choices=("image", "console", "video"),
        ui_hidden=True,
    )
