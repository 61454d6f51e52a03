"""Step one: every picture of the dataset becomes a latents cache file. Must not know captions or training."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from tagtrainer.engines.rehearsal import architectures, caches, dataset_file, items, pictures, weights
from tagtrainer.engines.rehearsal.architectures import Architecture
from tagtrainer.engines.rehearsal.console import counted, logger
from tagtrainer.engines.rehearsal.dataset_file import ImageSet
from tagtrainer.engines.rehearsal.items import Sized

LOG = logger("cache_latents")


def run(family: str, args: argparse.Namespace) -> None:
    """Cache the latents of every dataset of the configuration."""
    architecture = architectures.of(family, args)
    sets = dataset_file.load(args.dataset_config)
    listed = [items.of(dataset) for dataset in sets]
    _refuse(args)
    weights.check(args, "vae")
    LOG.info("Rehearsal: a fixed transform stands in for the VAE, no weights are read")
    for number, dataset in enumerate(sets):
        LOG.info(f"Encoding dataset [{number}]")
        written: list[Path] = []
        for batch in counted(items.batches(listed[number], dataset, architecture.step)):
            written += _encode(dataset, batch, architecture, args.skip_existing)
        if not args.keep_cache:
            caches.remove_others(dataset.cache_directory, architecture, "", written, "cache_latents")


def _refuse(args: argparse.Namespace) -> None:
    if args.debug_mode is not None:
        raise ValueError("--debug_mode shows pictures instead of caching them; the rehearsal has no such view")
    if getattr(args, "vae_dtype", None) is not None:
        raise ValueError("VAE dtype is not supported in Qwen-Image")


def _encode(dataset: ImageSet, batch: list[Sized], architecture: Architecture, skip: bool) -> Iterator[Path]:
    for found in batch:
        path = caches.latents_path(dataset.cache_directory, found, architecture)
        yield path
        if skip and path.exists():
            continue
        latents = pictures.encode(pictures.fitted(found.item.key, found.bucket))
        print(
            f"Saving cache for item {found.item.key} at {path}, target latents shape: "
            f"torch.Size({list(latents.shape)}), control latents shape: None"
        )
        caches.write_latents(path, found, architecture, latents)
