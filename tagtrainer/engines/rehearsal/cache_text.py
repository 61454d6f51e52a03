"""Step two: every caption of the dataset becomes a text cache file. Must not open pictures or train."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from itertools import islice

from tagtrainer.engines.rehearsal import architectures, caches, dataset_file, items, text, weights
from tagtrainer.engines.rehearsal.console import counted, logger
from tagtrainer.engines.rehearsal.items import Item

LOG = logger("cache_text_encoder_outputs")


def run(family: str, args: argparse.Namespace) -> None:
    """Cache the captions of every dataset of the configuration."""
    architecture = architectures.of(family, args)
    sets = dataset_file.load(args.dataset_config)
    listed = [items.of(dataset) for dataset in sets]
    weights.check(args, "text_encoder")
    LOG.info("Rehearsal: hashed words stand in for the text encoder, no weights are read")
    for number, dataset in enumerate(sets):
        LOG.info(f"Encoding dataset [{number}]")
        written = []
        for batch in counted(_batches(listed[number], dataset.batch_size)):
            for place, item in enumerate(batch):
                path = caches.text_path(dataset.cache_directory, item, architecture)
                written.append(path)
                if args.skip_existing and path.exists():
                    continue
                shown = place % args.batch_size if args.batch_size else place
                print(f"Item {shown}: {item.key}, prompt: {item.caption}, control images: None")
                caches.write_text(path, item, architecture, text.encode(item.caption))
        if not args.keep_cache:
            caches.remove_others(dataset.cache_directory, architecture, "_te", written, "cache_text_encoder_outputs")


def _batches(found: list[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(found)
    while batch := list(islice(rest, max(1, size))):
        yield batch
