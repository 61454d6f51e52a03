"""Server time of one grid page at 1,000 and at 20,000 items: must stay under 50 ms and not grow with the dataset.

python -m tests.bench.bench_grid [COUNT]
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from tagtrainer.datasets import index, records, store
from tagtrainer.datasets.models import Item, ItemFilter
from tagtrainer.workspace import Workspace, open_workspace


def fill(ws: Workspace, count: int) -> str:
    """A dataset of `count` recorded items with empty picture files and a caption for every other."""
    ident = store.create(ws, f"grid {count}").id
    folder = ws.dataset(ident)
    items = []
    for number in range(count):
        item = Item(
            f"photo_{number:06d}-{number:08x}", f"photo {number}.jpg", ".jpg", 1024, 768, 100, f"{number:064x}", 1.0
        )
        (folder / "images" / f"{item.id}.jpg").touch()
        if number % 2:
            (folder / "captions" / f"{item.id}.txt").write_text(f"a photo of subject {number}, soft light", "utf-8")
        items.append(item)
    records.add(folder, items)
    return ident


def measure(ws: Workspace, count: int) -> float:
    """Median milliseconds of a page of 200 anywhere in the list; prints the first look too."""
    ident = fill(ws, count)
    began = time.perf_counter()
    index.sync(ws, ident)
    index.page(ws, ident, ItemFilter(), 0, 200)
    first = time.perf_counter() - began
    times = []
    for turn in range(60):
        began = time.perf_counter()
        index.page(ws, ident, ItemFilter(), turn * count // 60, 200)
        times.append((time.perf_counter() - began) * 1000)
    began = time.perf_counter()
    hits = len(index.search(ws, ident, "subject 77"))
    search = (time.perf_counter() - began) * 1000
    median = statistics.median(times)
    print(f"{count:7} items: first index {first:.2f} s, page median {median:.1f} ms, worst {max(times):.1f} ms, "
          f"search {search:.0f} ms ({hits} hits)")  # fmt: skip
    return median


def main(count: int = 20_000) -> None:
    """Small and large, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        ws = open_workspace(Path(folder))
        small, large = measure(ws, 1_000), measure(ws, count)
    print(f"ratio large / small {large / small:.2f}; limit 50 ms: {large / 50:.2f} of it")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
