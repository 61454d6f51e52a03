"""What deserves a look in a pair of target and control images: size, shape, order, twins, lost file. Must not change anything."""

from __future__ import annotations

import math
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageFilter, ImageStat

from tagtrainer.core.files import append_jsonl, read_jsonl
from tagtrainer.datasets import index, records, store
from tagtrainer.datasets.models import Control, Item
from tagtrainer.workspace import Workspace

FLAGS = ("none", "size", "aspect", "orientation", "order", "identical", "missing")
ASPECT = 0.02
SIDE, FINE_SIDE = 128, 256
LIGHT, COLOUR = (1.0, 10), (4.0, 60)
"""How far two encodings of one picture, 128 pixels wide, may differ on average and at any one place (of 255)."""
FINE = 0.96
"""How much of its edges the softer of the two must have, 256 pixels wide. On 40 photographs: 0.985 after JPEG at quality 30,
0.99 after halving, at most 0.92 for nine in ten after a blur of 2 pixels in 1600."""
_NUMBER = re.compile(r"(?:^|_)(\d{1,9})\.[^.]*$")
_verdicts: dict[Path, dict[str, bool]] = {}
_reviews: dict[Path, tuple[tuple[int, int], Review]] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Review:
    """All pairs of a dataset by name. `pending`: how many pairs nobody has compared by their pixels yet."""

    flags: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, int]
    items: Sequence[Item]
    pending: int = 0

    def with_flag(self, flag: str) -> list[Item]:
        """The items with a flag, with any when it is "any", all when it is empty."""
        if not flag:
            return list(self.items)
        return [item for item in self.items if (flag in self.flags[item.id] or (flag == "any" and self.flags[item.id]))]


def review(ws: Workspace, dataset: str, budget: float = math.inf) -> Review:
    """Every pair with what deserves a look. Comparing pixels stops after `budget` seconds and goes on with the next call."""
    items = store.items(ws, dataset)
    place = ws.dataset(dataset) / "control"
    stamp = (index.ensure(ws, dataset), place.stat().st_mtime_ns if place.is_dir() else 0)
    kept = _reviews.get(place)
    if kept is not None and kept[0] == stamp and not kept[1].pending:
        return kept[1]
    flags, pending = _look(ws, dataset, items, budget)
    counts = Counter(flag for mine in flags.values() for flag in mine)
    done = Review(flags, {flag: counts[flag] for flag in FLAGS}, items, pending)
    if len(_reviews) > 8:
        _reviews.clear()
    _reviews[place] = (stamp, done)
    return done


def flags_of(ws: Workspace, dataset: str, items: Iterable[Item]) -> dict[str, tuple[str, ...]]:
    """Item -> its flags, in the order of FLAGS; looks at pictures only where nobody has yet."""
    return _look(ws, dataset, items, math.inf)[0]


def _look(ws: Workspace, dataset: str, items: Iterable[Item], budget: float) -> tuple[dict[str, tuple[str, ...]], int]:
    folder, end = ws.dataset(dataset), time.monotonic() + budget
    usual = _usual_count(records.read(folder))
    there = {path.name for path in (folder / "control").iterdir()} if (folder / "control").is_dir() else set()
    found, pending = {}, 0
    with _Verdicts(ws, dataset) as verdicts:
        for item in items:
            mine = set().union(*(_pair_flags(item, control) for control in item.controls))
            mine |= _list_flags(item, usual, there)
            same = [verdicts.same(item, control, end) for control in item.controls if control.file in there]
            pending += same.count(None)
            if any(same):
                mine.add("identical")
            found[item.id] = tuple(flag for flag in FLAGS if flag in mine)
    return found, pending


def _usual_count(known: Mapping[str, Item]) -> int:
    """How many control images most items have (of those that have any)."""
    counts = Counter(len(item.controls) for item in known.values() if item.controls)
    return max(counts, key=lambda count: (counts[count], count)) if counts else 0


def _pair_flags(item: Item, control: Control) -> set[str]:
    width, height = item.size
    if (width, height) == (control.width, control.height):
        return set()
    shape, other = width / height, control.width / control.height
    found = {"size"}
    if abs(shape - other) / shape > ASPECT:
        found.add("aspect")
    if (shape > 1 + ASPECT and other < 1 - ASPECT) or (shape < 1 - ASPECT and other > 1 + ASPECT):
        found.add("orientation")
    return found


def _list_flags(item: Item, usual: int, there: set[str]) -> set[str]:
    found = set()
    if not item.controls:
        found.add("none")
    elif len(item.controls) != usual or _has_gap(item.controls):
        found.add("order")
    if any(control.file not in there for control in item.controls):
        found.add("missing")
    return found


def _has_gap(controls: tuple[Control, ...]) -> bool:
    """Numbered names (x_0, x_2) that are not in their order, or leave one out."""
    numbers = [int(found[1]) for control in controls if (found := _NUMBER.search(control.name))]
    return len(numbers) == len(controls) > 1 and numbers != list(range(numbers[0], numbers[0] + len(numbers)))


class _Verdicts:
    """Which pairs show one picture; kept in the cache, for a pair never changes its answer."""

    def __init__(self, ws: Workspace, dataset: str) -> None:
        self._ws, self._dataset = ws, dataset
        self._path = ws.cache / dataset / "pairs.jsonl"
        self._fresh: dict[str, bool] = {}

    def __enter__(self) -> _Verdicts:
        with _lock:
            if self._path not in _verdicts:
                rows = (row for row in read_jsonl(self._path) if isinstance(row, dict))
                _verdicts[self._path] = {str(row.get("pair")): bool(row.get("same")) for row in rows}
        self._known = _verdicts[self._path]
        return self

    def __exit__(self, *_: object) -> None:
        if self._fresh:
            append_jsonl(self._path, *({"pair": pair, "same": same} for pair, same in self._fresh.items()))

    def same(self, item: Item, control: Control, end: float) -> bool | None:
        """None when it is not known and time is up."""
        if control.sha256 == item.sha256 and item.crop is None:
            return True
        key = f"{item.sha256[:16]}{item.stamp[8:]}:{control.sha256[:16]}"
        if key not in self._known:
            if time.monotonic() > end:
                return None
            one = store.preview_path(self._ws, self._dataset, item.id)
            other = store.control_preview_path(self._ws, self._dataset, control)
            self._known[key] = self._fresh[key] = same_picture(one, other)
        return self._known[key]


def same_picture(one: Path, other: Path) -> bool:
    """Whether two previews show the same but for how they were saved. A small retouched spot makes them differ."""
    try:
        left, right = _small(one), _small(other)
    except (OSError, ValueError, SyntaxError):
        return False
    if abs(left.width / left.height - right.width / right.height) > ASPECT * left.width / left.height:
        return False
    size = (SIDE, max(1, round(SIDE * left.height / left.width)))
    pairs = [(LIGHT, left.convert("L"), right.convert("L")), (COLOUR, left, right)]
    for (mean, peak), a, b in pairs:
        seen = ImageStat.Stat(ImageChops.difference(a.resize(size), b.resize(size)))
        if max(seen.mean) >= mean or max(high for _, high in seen.extrema) >= peak:
            return False
    fine = (FINE_SIDE, max(1, round(FINE_SIDE * left.height / left.width)))
    soft, sharp = sorted((_edges(left, fine), _edges(right, fine)))
    return soft >= FINE * sharp


_EDGES = ImageFilter.Kernel((3, 3), (0, 1, 0, 1, -4, 1, 0, 1, 0), scale=1, offset=128)


def _edges(picture: Image.Image, size: tuple[int, int]) -> float:
    grey = picture.convert("L")
    return ImageStat.Stat((grey.resize(size) if picture.width > size[0] else grey).filter(_EDGES)).stddev[0]


def _small(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        picture.draft("RGB", (FINE_SIDE, FINE_SIDE))
        return picture.convert("RGB")
