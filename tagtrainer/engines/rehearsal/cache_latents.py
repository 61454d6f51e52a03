"""Step one: every picture of the dataset becomes a latents cache file. Must not know captions or training."""

from __future__ import annotations

import argparse
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from tagtrainer.engines.rehearsal import architectures, caches, dataset_file, items, pictures, weights
from tagtrainer.engines.rehearsal.architectures import Architecture
from tagtrainer.engines.rehearsal.console import counted, logger
from tagtrainer.engines.rehearsal.items import Sized

LOG = logger("cache_latents")
AHEAD = 2
"""Batches per thread that are in work while another is written: enough to keep every thread busy, little memory."""


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
        maker = Maker(dataset.cache_directory, architecture, args.skip_existing)
        workers = args.num_workers or min(4, os.cpu_count() or 1)
        batches = items.batches(listed[number], dataset, architecture.step)
        written = [path for batch in counted(_ahead(batches, maker, workers)) for path in batch]
        if not args.keep_cache:
            caches.remove_others(dataset.cache_directory, architecture, "", written, "cache_latents")


def _refuse(args: argparse.Namespace) -> None:
    if args.debug_mode is not None:
        raise ValueError("--debug_mode shows pictures instead of caching them; the rehearsal has no such view")
    if getattr(args, "vae_dtype", None) is not None:
        raise ValueError("VAE dtype is not supported in Qwen-Image")


def _ahead(batches: Iterable[list[Sized]], maker: Maker, workers: int) -> Iterator[list[Path]]:
    """The cache files of each batch in order; the pictures of the next few are already in work."""
    waiting: deque[list[Future[Path]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for batch in batches:
                waiting.append([pool.submit(maker.make, found) for found in batch])
                if len(waiting) > AHEAD * workers:
                    yield [one.result() for one in waiting.popleft()]
            while waiting:
                yield [one.result() for one in waiting.popleft()]
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class Maker:
    """Encodes single pictures into one cache folder."""

    def __init__(self, folder: str, architecture: Architecture, skip: bool) -> None:
        self.folder, self.architecture, self.skip = folder, architecture, skip

    def make(self, found: Sized) -> Path:
        """Where the picture's latents lie; written unless a file of that name may be kept."""
        path = caches.latents_path(self.folder, found, self.architecture)
        if self.skip and path.exists():
            return path
        latents = pictures.encode(pictures.fitted(found.item.key, found.bucket))
        print(
            f"Saving cache for item {found.item.key} at {path}, target latents shape: "
            f"torch.Size({list(latents.shape)}), control latents shape: None\n",
            end="",  # one write, so that lines of two threads do not mix
        )
        caches.write_latents(path, found, self.architecture, latents)
        return path
