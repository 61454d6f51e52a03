"""Ranked lists of pictures that may spoil a training: blurred, dark, bright, small, compressed, with borders. Must not measure.

A threshold only says where a list ends; nothing is removed without somebody choosing it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError
from tagtrainer.datasets import store, trash
from tagtrainer.datasets.curation import measures, measuring
from tagtrainer.datasets.curation.measures import Table
from tagtrainer.datasets.history import Title
from tagtrainer.datasets.models import Box, Item
from tagtrainer.workspace import Workspace

SIDE = 1024
"""Usual training size: the shorter side below which a picture would have to be enlarged."""


@dataclass(frozen=True)
class Rule:
    """A list: its number's usual threshold and range; `below` when small numbers are bad. The bad ones come first."""

    name: str
    usual: float
    lowest: float
    highest: float
    below: bool = True


RULES: tuple[Rule, ...] = (
    Rule("blurry", 45, 0, 100),  # sharpness, 0 to 100
    Rule("dark", 60, 0, 250),  # grey that nine tenths of the picture stay under
    Rule("bright", 200, 0, 250, below=False),  # grey that nine tenths of the picture exceed
    Rule("small", 1, 0, 2),  # shorter side, as a multiple of the training size
    Rule("compressed", 50, 0, 100),  # JPEG quality that it looks like
    Rule("borders", 2, 0, 50, below=False),  # percent of the width or height
)


@dataclass(frozen=True)
class Poor:
    """A picture of a list with its number."""

    item: Item
    value: float
    clipped: float


@dataclass(frozen=True)
class Judged:
    """Every list in full, worst first, as places in a table: a threshold only cuts it."""

    table: Table
    values: Mapping[str, NDArray[np.float64]]
    order: Mapping[str, NDArray[np.int64]]

    @property
    def pending(self) -> int:
        """How many pictures were not looked at yet."""
        return self.table.pending("quality")

    def count(self, rule: Rule, threshold: float | None = None) -> int:
        """How many are beyond the threshold (the usual one when None)."""
        limit, ranked = rule.usual if threshold is None else threshold, self.values[rule.name][self.order[rule.name]]
        ordered, most = (ranked, limit) if rule.below else (-ranked, -limit)
        return int(np.searchsorted(ordered, most, side="left"))

    def cut(self, rule: Rule, threshold: float | None = None, offset: int = 0, limit: int | None = None) -> list[Poor]:
        """The part of a list that is beyond the threshold, or a page of it."""
        upto = self.count(rule, threshold)
        upto = upto if limit is None else min(upto, offset + limit)
        places, values = self.order[rule.name][offset:upto].tolist(), self.values[rule.name]
        clipped = self.table.rows["clipped"]
        return [Poor(self.table.items[at], float(values[at]), float(clipped[at])) for at in places]


def rule(name: str) -> Rule:
    """A list by name. Raises UserError clean.bad_list."""
    found = next((one for one in RULES if one.name == name), None)
    if found is None:
        raise UserError("clean.bad_list", name=name, known=", ".join(one.name for one in RULES))
    return found


def look(ws: Workspace, dataset: str, on_progress: OnProgress = silent, workers: int = 2) -> measuring.Report:
    """Measure what is new; to be run as a job."""
    return measuring.run(ws, dataset, ("quality",), on_progress=on_progress, workers=workers)


def judge(ws: Workspace, dataset: str, side: int = SIDE) -> Judged:
    """Lists from what was measured; no picture is read. Sizes are known of every picture."""
    table = measures.table(ws, dataset)
    values = numbers(table, side)
    return Judged(table, values, {one.name: _ranked(table, one, values[one.name]) for one in RULES})


def numbers(table: Table, side: int) -> dict[str, NDArray[np.float64]]:
    """The number of every list for each row of a table."""
    rows = table.rows
    shorter = np.array([min(item.size) for item in table.items], dtype=np.float64)
    bars = np.maximum(rows["left"] + rows["right"], rows["top"] + rows["bottom"])
    found = {"blurry": rows["sharp"], "dark": rows["light"], "bright": rows["shade"], "compressed": rows["quality"]}
    made = {name: np.asarray(values, dtype=np.float64) for name, values in found.items()}
    return made | {"small": shorter / max(1, side), "borders": np.asarray(bars * 100, dtype=np.float64)}


def _ranked(table: Table, one: Rule, values: NDArray[np.float64]) -> NDArray[np.int64]:
    places = np.arange(len(values)) if one.name == "small" else np.flatnonzero(table.known["quality"])
    if one.name == "borders":
        places = places[values[places] > 0]
    order: NDArray[np.int64] = places[np.argsort(values[places] if one.below else -values[places], kind="stable")]
    return order


def remove(ws: Workspace, dataset: str, items: Sequence[str], *, group: str = "") -> int:
    """Move pictures to the trash as one change that can be undone. Raises UserError clean.nothing_chosen."""
    _some(items)
    return trash.delete_items(
        ws, dataset, list(items), title=Title("clean.change.quality", count=len(items)), group=group
    )


def flag(ws: Workspace, dataset: str, items: Sequence[str], *, group: str = "") -> int:
    """Flag pictures as one change; how many were not flagged yet. Raises UserError clean.nothing_chosen."""
    _some(items)
    title = Title("clean.change.flag", count=len(items))
    return store.change_items(
        ws, dataset, {ident: {"flagged": True} for ident in items}, who="user", title=title, group=group
    )


def cut_borders(ws: Workspace, dataset: str, items: Sequence[str], *, group: str = "") -> int:
    """Crop bars away as one change; originals stay. Raises UserError clean.nothing_chosen, clean.bad_box."""
    _some(items)
    boxes = {item.id: {"crop": box} for item, box in _boxes(ws, dataset, items)}
    title = Title("clean.change.borders", count=len(boxes))
    return store.change_items(ws, dataset, boxes, who="user", title=title, group=group)


def _boxes(ws: Workspace, dataset: str, items: Sequence[str]) -> Iterator[tuple[Item, Box]]:
    table = measures.table(ws, dataset, store.select(ws, dataset, items=items))
    for place, item in enumerate(table.items):
        row = table.rows[place]
        bars = [float(row[name]) for name in ("left", "top", "right", "bottom")]
        if not table.known["quality"][place] or not any(bars):
            raise UserError("clean.bad_box", name=item.name)
        yield item, inner(item, bars)


def inner(item: Item, bars: Sequence[float]) -> Box:
    """The box inside of bars (shares of left, top, right, bottom), a pixel or so tighter, in pixels of the upright original."""
    left, top, width, height = item.crop or (0, 0, item.width, item.height)
    more = [bar and bar + 0.003 for bar in bars]  # the shrunk picture that was measured blends the edge
    x, y = round(width * more[0]), round(height * more[1])
    right, bottom = round(width * (1 - more[2])), round(height * (1 - more[3]))
    return left + x, top + y, max(1, right - x), max(1, bottom - y)


def _some(items: Sequence[str]) -> None:
    if not items:
        raise UserError("clean.nothing_chosen")
