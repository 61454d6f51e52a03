"""Tags of a whole dataset: counts and which go together, quick at 100,000 captions. Must not read captions itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from tagtrainer.datasets.text.tags import key, tags_of

Array = np.ndarray[Any, np.dtype[Any]]
Sorting = Literal["count", "name"]


@dataclass(frozen=True, slots=True)
class TagCount:
    """A tag as it is most often written, and how many captions have it."""

    tag: str
    count: int


@dataclass(frozen=True, slots=True)
class Partner:
    """A tag seen together with another one. `jaccard`: share of captions with either that have both; `lift`: how many
    times more often together than by chance."""

    tag: str
    together: int
    jaccard: float
    lift: float


@dataclass(frozen=True)
class TagTable:
    """Numbers of all tags. Rows are captions in the order given; both ways of the caption-tag relation are kept as arrays."""

    names: list[str]
    places: dict[str, int]
    counts: Array
    captions: int
    """Captions with any text."""
    sentences: int
    """Captions that are, or end in, running text; only the tags before it are counted."""
    by_tag: Array
    tag_starts: Array
    by_row: Array
    row_starts: Array

    def top(self, limit: int = 100, offset: int = 0, search: str = "", order: Sorting = "count") -> list[TagCount]:
        """Tags that hold the search text, by count or by name."""
        return [
            TagCount(self.names[n], int(self.counts[n])) for n in self._found(search, order)[offset : offset + limit]
        ]

    def matching(self, search: str = "") -> int:
        """How many tags hold the search text."""
        return len(self._found(search, "name")) if search.strip() else len(self.names)

    def _found(self, search: str, order: Sorting) -> list[int]:
        wanted = key(search)
        found = [n for known, n in self.places.items() if wanted in known]
        if order == "name":
            return sorted(found, key=lambda n: key(self.names[n]))
        return sorted(found, key=lambda n: (-self.counts[n], key(self.names[n])))

    def count_of(self, tag: str) -> int:
        """In how many captions it is."""
        place = self.places.get(key(tag))
        return 0 if place is None else int(self.counts[place])

    def rows_with(self, tags: Iterable[str]) -> list[int]:
        """The captions that have all of these tags, in order."""
        rows: Array | None = None
        for tag in tags:
            place = self.places.get(key(tag))
            if place is None:
                return []
            own = self.by_tag[self.tag_starts[place] : self.tag_starts[place + 1]]
            rows = own if rows is None else np.intersect1d(rows, own, assume_unique=True)
        return [] if rows is None else [int(row) for row in rows]

    def partners(self, tag: str, limit: int = 20) -> list[Partner]:
        """Tags that go with this one, by Jaccard index, ties by count."""
        place = self.places.get(key(tag))
        if place is None:
            return []
        rows = self.by_tag[self.tag_starts[place] : self.tag_starts[place + 1]]
        together = np.bincount(_gather(self.by_row, self.row_starts, rows), minlength=len(self.names))
        together[place] = 0
        own = int(self.counts[place])
        jaccard = together / np.maximum(1, own + self.counts - together)
        best = np.lexsort((-together, -jaccard))[:limit]
        total = max(1, self.captions)
        return [
            Partner(
                self.names[n], int(together[n]), float(jaccard[n]), float(together[n] * total / own / self.counts[n])
            )
            for n in best
            if together[n]
        ]

    def frequencies(self) -> dict[str, int]:
        """Key of each tag -> captions that have it; for sorting by frequency."""
        return {known: int(self.counts[n]) for known, n in self.places.items()}


def _gather(values: Array, starts: Array, rows: Array) -> Array:
    """values[starts[r]:starts[r + 1]] of all rows, one after the other, without a Python loop."""
    lengths = starts[rows + 1] - starts[rows]
    ends = np.cumsum(lengths)
    offsets = np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - lengths, lengths)
    found: Array = values[np.repeat(starts[rows], lengths) + offsets]
    return found


def build(captions: Sequence[str]) -> TagTable:
    """Count everything once."""
    spellings: dict[str, int] = {}
    written, lengths = [], []
    filled = sentences = 0
    for text in captions:
        found, prose = tags_of(text)
        sentences += prose
        filled += bool(found) or prose
        lengths.append(len(found))
        written += [spellings.setdefault(tag, len(spellings)) for tag in found]
    places: dict[str, int] = {}
    of_spelling = np.array([places.setdefault(key(tag), len(places)) for tag in spellings], np.int64)
    used = np.array(written, np.int64)
    names = _usual_names(list(spellings), of_spelling, np.bincount(used, minlength=len(spellings)), len(places))
    rows = np.repeat(np.arange(len(lengths)), lengths)
    pairs = np.unique(rows * max(1, len(places)) + (of_spelling[used] if len(used) else used))
    return _tabulate(names, places, pairs, len(captions), filled, sentences)


def _usual_names(spellings: list[str], places: Array, uses: Array, count: int) -> list[str]:
    """For each tag the spelling that is used most, the first one on a tie."""
    names = [""] * count
    for n in np.argsort(-uses, kind="stable"):
        if not names[places[n]]:
            names[places[n]] = spellings[n]
    return names


def _tabulate(
    names: list[str], places: dict[str, int], pairs: Array, rows: int, captions: int, sentences: int
) -> TagTable:
    width = max(1, len(names))
    by_row, of_row = pairs % width, pairs // width
    counts = np.bincount(by_row, minlength=len(names)) if len(names) else np.zeros(0, np.int64)
    return TagTable(
        names=names, places=places, counts=counts, captions=captions, sentences=sentences,
        by_tag=of_row[np.argsort(by_row, kind="stable")].astype(np.int64),
        tag_starts=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        by_row=by_row.astype(np.int32),
        row_starts=np.searchsorted(of_row, np.arange(rows + 1)).astype(np.int64),
    )  # fmt: skip
