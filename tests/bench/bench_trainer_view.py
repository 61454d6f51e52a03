"""What the trainer sees of many pictures, against choosing the bucket of every picture by itself.

    python -m tests.bench.bench_trainer_view [COUNT]

Twice: every picture of another size (the worst there is), and of a dozen sizes as cameras make them. Prints seconds of processor
time and ratios; says whether both put the same number of pictures into every bucket. Aim: at most 1 and 1/2, under a second.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tagtrainer.core.buckets import bucket_for
from tagtrainer.datasets import index, records, store, trainer_view
from tagtrainer.datasets.models import Item
from tagtrainer.workspace import Workspace, open_workspace

SIZE = (1024, 1024)


def filled(ws: Workspace, sizes: list[tuple[int, int]]) -> str:
    """A dataset of records; its pictures are never opened."""
    dataset = store.create(ws, "Many").id
    items = [Item(f"p{n}", f"p{n}.jpg", ".jpg", *size, 1, f"{n:064x}", 1.0) for n, size in enumerate(sizes)]
    records.add(ws.dataset(dataset), items)
    index.put(ws, dataset, items)
    return dataset


def main(count: int = 100_000) -> None:
    """Make, compare, print."""
    chance = random.Random(1)
    few = [(chance.randint(300, 6000), chance.randint(300, 6000)) for _ in range(12)]
    unlike = [(chance.randint(300, 6000), chance.randint(300, 6000)) for _ in range(count)]
    for name, sizes in (("unlike sizes", unlike), ("a dozen sizes", [chance.choice(few) for _ in range(count)])):
        with tempfile.TemporaryDirectory() as place:
            ws = open_workspace(Path(place) / "workspace")
            dataset = filled(ws, sizes)
            store.items(ws, dataset)
            began = time.process_time()
            found = trainer_view.report(ws, dataset, trainer_view.Setup(SIZE))
            own = time.process_time() - began
        bucket_for.cache_clear()
        began = time.process_time()
        each = Counter(bucket_for.__wrapped__(size, SIZE) for size in sizes)
        alone = time.process_time() - began
        same = {(row.width, row.height): row.items for row in found.buckets} == dict(each)
        print(f"{count} pictures, {name}: {own:.2f} s, one by one {alone:.2f} s, ratio {own / alone:.3f}, same: {same}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
