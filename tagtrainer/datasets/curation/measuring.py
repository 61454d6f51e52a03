"""Measures the pictures of a dataset: only those not measured yet, so it can be stopped or killed and run again.

Must not judge pictures. Duplicates need the small previews only; quality needs the larger ones and the originals' headers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError
from tagtrainer.datasets import store
from tagtrainer.datasets.curation import facts, hashes, measures
from tagtrainer.datasets.curation.measures import COLOUR_SIDE, PARTS, Part
from tagtrainer.datasets.models import Item
from tagtrainer.workspace import Workspace

AT_ONCE = 64
"""Pictures whose measures are written in one go: what a kill can cost."""
CENTRE = 0.05
"""Cut off every side for the hash of the middle, which finds copies that were cropped a little."""
LARGEST_WHOLE = 2_500_000
"""Pixels up to which an original is decoded to look for blocks; larger ones lose theirs when they are shrunk to train."""
_UNREADABLE = (OSError, ValueError, SyntaxError, TypeError, EOFError, IndexError, MemoryError, UserError)


@dataclass
class Report:
    """What a pass did: pictures measured now, those whose measures were there already, those that cannot be read."""

    measured: int = 0
    known: int = 0
    failed: int = 0


Row = dict[str, Any]


def run(
    ws: Workspace,
    dataset: str,
    parts: Sequence[Part] = PARTS,
    items: Sequence[Item] | None = None,
    on_progress: OnProgress = silent,
    workers: int = 2,
) -> Report:
    """Measure what is missing."""
    items = store.items(ws, dataset) if items is None else items
    table = measures.table(ws, dataset, items)
    todo: dict[Part, list[Item]] = {part: _missing(table, part) for part in parts}
    total, report = sum(map(len, todo.values())), Report()
    report.known = len(items) * len(parts) - total
    done = 0
    on_progress(0, total, "")
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for part, missing in todo.items():
            for chunk in _chunks(missing, AT_ONCE):
                rows = _measure(ws, dataset, part, chunk, pool)
                measures.save(ws, dataset, rows)
                report.failed += sum(row["part"] == "failed" for row in rows)
                done += len(chunk)
                on_progress(done, total, chunk[-1].name)
    report.measured = done - report.failed
    return report


def _missing(table: measures.Table, part: Part) -> list[Item]:
    """Without what a pass before could not read."""
    return [table.items[at] for at in np.flatnonzero(~table.known[part] & ~table.failed).tolist()]


def _chunks(items: Sequence[Item], size: int) -> Iterator[list[Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def _measure(ws: Workspace, dataset: str, part: Part, items: Sequence[Item], pool: ThreadPoolExecutor) -> list[Row]:
    look: Callable[[Item], Any] = lambda item: _tried(_LOOKS[part], ws, dataset, item)  # noqa: E731
    seen = list(pool.map(look, items))
    good = [(item, found) for item, found in zip(items, seen, strict=True) if found is not None]
    rows = _finish(ws, dataset, good) if part == "duplicates" else [_named(item, part, found) for item, found in good]
    bad = [item for item, found in zip(items, seen, strict=True) if found is None]
    return rows + [{"id": item.id, "stamp": item.stamp, "part": "failed"} for item in bad]


def _tried(look: Callable[[Workspace, str, Item], Any], ws: Workspace, dataset: str, item: Item) -> Any:
    try:
        return look(ws, dataset, item)
    except _UNREADABLE:
        return None


def _named(item: Item, part: Part, numbers: dict[str, float]) -> Row:
    rounded = {name: round(value, 4) for name, value in numbers.items()}
    return {"id": item.id, "stamp": item.stamp, "part": part, **rounded}


@dataclass(frozen=True)
class _Small:
    whole: Any
    centre: Any
    colours: bytes
    detail: float


def _small(ws: Workspace, dataset: str, item: Item) -> _Small:
    path = store.preview_path(ws, dataset, item.id)
    with Image.open(path) as picture:
        grey = hashes.reduced(picture)
        grey.picture.load()
    return _Small(grey.shrunk(), grey.shrunk(CENTRE), _colours(path), facts.detail(np.asarray(grey.picture)))


def _colours(path: Path) -> bytes:
    """The two colour differences, COLOUR_SIDE x COLOUR_SIDE each."""
    with Image.open(path) as picture:
        picture.draft("RGB", (64, 64))
        small = picture.convert("RGB").resize((COLOUR_SIDE, COLOUR_SIDE), Image.Resampling.BOX).convert("YCbCr")
    return np.ascontiguousarray(np.moveaxis(np.asarray(small)[..., 1:], 2, 0)).tobytes()


def _finish(ws: Workspace, dataset: str, seen: Sequence[tuple[Item, _Small]]) -> list[Row]:
    """Hash a batch; its greys are on disk before the lines that point at them."""
    if not seen:
        return []
    whole = hashes.of_greys(np.stack([small.whole for _, small in seen]))
    centre = hashes.of_greys(np.stack([small.centre for _, small in seen]))
    first = measures.save_greys(ws, dataset, [small.whole.tobytes() + small.colours for _, small in seen])
    columns = (whole.plain, whole.mirrored, centre.plain, centre.mirrored)
    rows = []
    for number, (item, small) in enumerate(seen):
        row = _named(item, "duplicates", {"grey": first + number, "detail": small.detail})
        rows.append(
            row | {name: f"{int(values[number]):016x}" for name, values in zip(measures.HASHES, columns, strict=True)}
        )
    return rows


def _good(ws: Workspace, dataset: str, item: Item) -> dict[str, float]:
    with Image.open(store.medium_path(ws, dataset, item.id)) as picture:
        picture.draft("L", picture.size)
        grey = np.asarray(picture.convert("L"))
    high, low, clipped = facts.light(grey)
    left, top, right, bottom = facts.borders(grey)
    bars = {"left": left, "top": top, "right": right, "bottom": bottom}
    numbers = {"sharp": facts.score(facts.sharpness(grey)), "light": high, "shade": low, "clipped": clipped}
    return {**numbers, "quality": _saved_quality(ws, dataset, item), **bars}


def _saved_quality(ws: Workspace, dataset: str, item: Item) -> float:
    """As which JPEG quality the original looks, by its tables and by the blocks that can be seen in it."""
    if item.media != "image":
        return 100.0
    with Image.open(store.media_path(ws, dataset, item.id)) as picture:
        by_table = facts.table_quality(getattr(picture, "quantization", None) or {})
        if picture.width * picture.height > LARGEST_WHOLE or picture.mode not in ("L", "RGB", "P", "RGBA"):
            return by_table
        picture.draft("L", picture.size)
        return min(by_table, facts.block_quality(np.asarray(picture.convert("L"))))


_LOOKS: dict[Part, Callable[[Workspace, str, Item], Any]] = {"duplicates": _small, "quality": _good}
