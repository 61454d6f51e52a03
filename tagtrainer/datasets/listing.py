"""A dataset's items in memory, by columns, for filters and sorting in milliseconds at any size. Must not read any dataset file.

Filled from the index and kept up to date by reading only what changed there since, also by other processes.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagtrainer.datasets.models import SQUARE, ItemFilter, Sort
from tagtrainer.datasets.text.tags import sought
from tagtrainer.workspace import Workspace

Slots = NDArray[np.int32]
_COLUMNS = "id, sort_name, has_caption, flagged, cropped, media = 'video', side, bytes, added, area, aspect, letters"
_TYPES: dict[str, Any] = {
    "captioned": np.bool_, "flagged": np.bool_, "cropped": np.bool_, "video": np.bool_, "side": np.int32,
    "bytes": np.int64, "added": np.float64, "area": np.int64, "aspect": np.float64, "letters": np.int32,
}  # fmt: skip
_SORTED: dict[Sort, str] = {"added": "added", "size": "area", "aspect": "aspect", "caption": "letters"}
KEPT_RESULTS = 24
KEPT_ITEMS = 250_000
"""Listings are kept in memory up to this many items in all; the one in use always is."""
MANY = 2_000
"""From here on changed rows are taken column by column."""


class Listing:
    """One dataset. `slots` are places in the columns; they stay the same while an item lives."""

    def __init__(self, epoch: str) -> None:
        self.epoch, self.rev = epoch, -1
        self.lock = threading.RLock()
        self.ids: list[str] = []
        self.slot: dict[str, int] = {}
        self._keys: list[str] = []
        self.columns: dict[str, NDArray[Any]] = {name: np.zeros(0, kind) for name, kind in _TYPES.items()}
        self._words: list[str] = []
        self._tags: list[str] = []
        self._texts_rev = -1
        self._orders: dict[str, Slots] = {}
        self._results: OrderedDict[ItemFilter, Slots] = OrderedDict()

    def refresh(self, db: sqlite3.Connection, dataset: str, rev: int) -> None:
        """Take over what changed in the index since the last time."""
        if rev == self.rev:
            return
        self._results.clear()
        if self.rev >= 0:
            query = "SELECT id FROM gone WHERE dataset = ? AND rev > ?"
            self._forget(row[0] for row in db.execute(query, (dataset, self.rev)).fetchall())
        query = f"SELECT {_COLUMNS} FROM items WHERE dataset = ? AND changed > ?"
        rows = db.execute(query, (dataset, self.rev))
        while part := rows.fetchmany(20_000):
            self._take(part)
        self.rev = rev

    def _forget(self, ids: Iterable[str]) -> None:
        doomed = {self.slot.pop(ident) for ident in ids if ident in self.slot}
        if doomed:
            gone = np.fromiter(doomed, np.int32, len(doomed))
            self._orders = {name: order[~np.isin(order, gone)] for name, order in self._orders.items()}

    def _take(self, rows: list[tuple[Any, ...]]) -> None:
        before = len(self.ids)
        for ident, name, *_ in rows:
            key, place = f"{name}\0{ident}", self.slot.get(ident)
            if place is not None and self._keys[place] != key:
                self._forget([ident])
                place = None
            if place is None:
                self.slot[ident] = len(self.ids)
                self.ids.append(ident)
                self._keys.append(key)
        self._grow(before)
        where = np.fromiter((self.slot[row[0]] for row in rows), np.int32, len(rows))
        for name, values in zip(_TYPES, list(zip(*rows, strict=True))[2:], strict=True):
            column, new = self.columns[name], np.array(values, _TYPES[name])
            if not np.array_equal(column[where], new):
                column[where] = new
                for sort in ("", "-"):
                    self._orders.pop(sort + name, None)

    def _grow(self, before: int) -> None:
        """Room for slots added since there were `before`; they join the order by name at its end, to be sorted when asked."""
        count = len(self.ids)
        if count == before:
            return
        room = len(self.columns["side"])
        if room < count:
            for name, column in self.columns.items():
                self.columns[name] = np.concatenate([column, np.zeros(max(count, room * 3 // 2) - room, column.dtype)])
        fresh = np.arange(before, count, dtype=np.int32)
        named = self._orders.get("unsorted", self._orders.get("name", np.zeros(0, np.int32)))
        self._orders = {"unsorted": np.concatenate([named, fresh])}

    def _take_texts(self, rows: Iterable[tuple[str, str, str]]) -> None:
        for ident, words, tags in rows:
            place = self.slot.get(ident)
            if place is not None:
                self._words[place], self._tags[place] = words, tags

    def load_texts(self, db: sqlite3.Connection, dataset: str) -> None:
        """Words and tags up to the revision of the columns: needed by searches only."""
        self._words += [""] * (len(self.ids) - len(self._words))
        self._tags += [""] * (len(self.ids) - len(self._tags))
        if self._texts_rev < 0:
            self._take_texts(db.execute("SELECT id, words, tags FROM texts WHERE dataset = ?", (dataset,)))
        elif self._texts_rev < self.rev:
            query = (
                "SELECT t.id, t.words, t.tags FROM items i JOIN texts t ON t.dataset = i.dataset AND t.id = i.id"
                " WHERE i.dataset = ? AND i.changed > ?"
            )
            self._take_texts(db.execute(query, (dataset, self._texts_rev)))
        self._texts_rev = self.rev

    def _order(self, sort: Sort, descending: bool) -> Slots:
        """Every living slot in an order; what is equal stands by name."""
        column = _SORTED.get(sort, "name")
        key = ("-" if descending else "") + column
        if key not in self._orders:
            if column != "name":
                named = self._order("name", False)
                values = self.columns[column][named]
                order = named[np.argsort(-values if descending else values, kind="stable")]
            elif descending:
                order = self._order("name", False)[::-1]
            else:
                loose = self._orders.pop("unsorted", np.zeros(0, np.int32)).tolist()
                loose.sort(key=self._keys.__getitem__)
                order = np.array(loose, np.int32)
            self._orders[key] = order
        return self._orders[key]

    def select(self, look: ItemFilter) -> Slots:
        """The slots of a filter in its order. Load the texts first when it looks at words or tags."""
        found = self._results.get(look)
        if found is None:
            found = self._order(look.sort, look.descending)
            mask = self._mask(look)
            found = found if mask is None else found[mask[found]]
            if look.text or look.tag:
                found = self._reading(found, look)
            while len(self._results) >= KEPT_RESULTS:
                self._results.popitem(last=False)
            self._results[look] = found
        return found

    def _mask(self, look: ItemFilter) -> NDArray[np.bool_] | None:
        columns, parts = self.columns, []
        for wanted, name in ((look.no_caption, "captioned"), (look.flagged, "flagged")):
            if wanted is not None:
                parts.append(columns[name] == (not wanted if name == "captioned" else wanted))
        if look.media:
            parts.append(columns["video"] == (look.media == "video"))
        if look.min_side:
            parts.append(columns["side"] >= look.min_side)
        if look.max_side:
            parts.append(columns["side"] <= look.max_side)
        if look.aspect:
            low = 1 + SQUARE if look.aspect == "landscape" else 1 - SQUARE if look.aspect == "square" else -1
            high = 1 - SQUARE if look.aspect == "portrait" else 1 + SQUARE if look.aspect == "square" else np.inf
            aspect = columns["aspect"]
            parts.append(
                (aspect >= low) & (aspect <= high) if look.aspect == "square" else (aspect > low) & (aspect < high)
            )
        return np.logical_and.reduce(parts) if parts else None

    def _reading(self, found: Slots, look: ItemFilter) -> Slots:
        left: list[int] = found.tolist()
        for word in look.text.casefold().split():
            words = self._words
            left = [place for place in left if word in words[place]]
        for tag in sought(look.tag):  # all of "red hat, smile"
            tags = self._tags
            left = [place for place in left if tag in tags[place]]
        return np.array(left, np.int32)

    def names(self, found: Slots) -> list[str]:
        """The ids of slots."""
        ids = self.ids
        return [ids[place] for place in found.tolist()]

    def place_of(self, found: Slots, ident: str) -> int:
        """Where an item stands in a selection, -1 when it is not in it."""
        hits = np.nonzero(found == self.slot.get(ident, -1))[0]
        return int(hits[0]) if len(hits) else -1

    def sum(self, name: str) -> int:
        """The sum of a column over all items."""
        return int(self.columns[name][self._order("name", False)].sum())


_listings: OrderedDict[tuple[Path, str], Listing] = OrderedDict()
_lock = threading.Lock()


def of(ws: Workspace, db: sqlite3.Connection, dataset: str, epoch: str) -> Listing:
    """The listing of a dataset, to be refreshed and asked while its lock is held."""
    key = (ws.index, dataset)
    with _lock:
        found = _listings.get(key)
        if found is None or found.epoch != epoch or len(found.ids) > 2 * len(found.slot) + MANY:
            found = _listings[key] = Listing(epoch)
        _listings.move_to_end(key)
        while len(_listings) > 1 and sum(len(each.ids) for each in _listings.values()) > KEPT_ITEMS:
            _listings.popitem(last=False)
        return found


def cut(found: Slots, ranges: Sequence[tuple[int, int]]) -> Slots:
    """The slots at [first, last] places of a selection."""
    parts = [found[max(0, first) : last + 1] for first, last in ranges if last >= first]
    return np.concatenate(parts) if parts else found[:0]
