"""A find and replace over 10,000 captions, its preview and its undo, against plainly writing the same files.

    python -m tests.bench.bench_bulk [COUNT]

Prints seconds and ratios to writing the same texts to the same number of files without history, locks or index.
Aim: undo of 10,000 under 3 s.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tagtrainer.datasets import history, index, records, store
from tagtrainer.datasets.models import Item
from tagtrainer.datasets.text import bulk
from tagtrainer.datasets.text.operations import operation
from tagtrainer.workspace import Workspace, open_workspace

TEXT = "zwx, red hat, smiling, looking at viewer, street, evening light, picture number {n}, film grain, long shadows"


def dataset_of(ws: Workspace, count: int) -> str:
    """Items with captions and empty picture files: what a bulk edit never reads."""
    dataset = store.create(ws, "bench", trigger_word="zwx").id
    folder = ws.dataset(dataset)
    items = [Item(f"item{n:06d}", f"photo {n}.jpg", ".jpg", 1024, 768, 0, f"{n:064x}", float(n)) for n in range(count)]
    for n, item in enumerate(items):
        (folder / "images" / f"{item.id}.jpg").touch()
        (folder / "captions" / f"{item.id}.txt").write_text(TEXT.format(n=n), "utf-8")
    records.add(folder, items)
    index.sync(ws, dataset)
    return dataset


def timed(label: str, work: Callable[[], Any], base: float = 0.0) -> tuple[Any, float]:
    """Run and print; the ratio when there is something to compare with."""
    began = time.perf_counter()
    result = work()
    took = time.perf_counter() - began
    print(f"{label:34} {took:7.3f} s" + (f"   {took / base:5.1f} x" if base else ""))
    return result, took


def plainly(folder: Path, count: int) -> None:
    """The same texts to fresh files."""
    folder.mkdir()
    for n in range(count):
        (folder / f"item{n:06d}.txt").write_text(TEXT.format(n=n).replace("red", "blue"), "utf-8")


def main(count: int = 10_000) -> None:
    """Make, preview, apply, undo, redo, print."""
    with tempfile.TemporaryDirectory() as folder:
        ws = open_workspace(Path(folder) / "workspace")
        dataset = dataset_of(ws, count)
        print(f"{count} captions of {len(TEXT)} characters")
        _, base = timed("plain writing of the files", lambda: plainly(Path(folder) / "plain", count))
        for label, values in (
            ("plain", {"old": "red hat", "new": "blue hat"}),
            ("regex", {"old": r"red (\w+)", "regex": True}),
        ):
            wanted = operation("replace", values)
            timed(f"preview, {label}, first", lambda w=wanted: bulk.preview(ws, dataset, w, bulk.Scope()))
            seen, _ = timed(f"preview, {label}, again", lambda w=wanted: bulk.preview(ws, dataset, w, bulk.Scope()))
            assert seen.count == count
            applied, _ = timed(f"apply, {label}", lambda w=wanted: bulk.apply(ws, dataset, w, bulk.Scope()), base)
            assert applied.changed == count
            undone, _ = timed("undo", lambda entry=applied.entry: history.undo(ws, dataset, entry), base)
            assert (undone.changed, undone.conflicts) == (count, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
