"""Which pictures are copies of which, found from their measures and kept in curation/links.json. Must not read pictures.

Hashes name candidates, greys decide. Crowds of nearly equal hashes are compared with their best member only, and what is
compared is bounded, so a hundred thousand pictures take minutes however alike they are.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tagtrainer.core.files import read_json, write_json, writing
from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError
from tagtrainer.datasets.curation import groups, likeness, measures
from tagtrainer.datasets.curation.measures import Table
from tagtrainer.datasets.models import Item
from tagtrainer.workspace import Workspace

VERSION = 2
FURTHEST = 16
"""Most bits by which hashes of copies may differ; fewer in large datasets, where chance brings hashes near each other."""
CROWD = 4
"""Hashes this near each other are first compared with the best of them only."""
MIRRORED = 8
TRIES = 20
"""Comparisons a picture may cost on average."""
FEW_TRIES, CROWD_TRIES, LARGE_CROWD = 2000, 4, 500
"""The same inside a crowd: all with all in those of up to 60, some of each in large ones."""
LONGER = 0.2
"""Seconds by which clips may differ and still be copies."""


@dataclass(frozen=True)
class Link:
    """Two copies: ids, bits their hashes differ in, whether one is mirrored, likeness of 0.75 to 1."""

    one: str
    other: str
    distance: int
    mirrored: bool
    likeness: float


def furthest(count: int) -> int:
    """Most bits to look for among so many pictures."""
    return FURTHEST if count <= 10_000 else 14 if count <= 40_000 else 12


def rank(item: Item, detail: float, face: float = 0.0) -> float:
    """Which copy is best: mostly pixels, then detail, the face's pixels if they are known, bytes; each doubling counts."""
    width, height = item.size
    share = width * height / max(1, item.width * item.height)
    numbers = np.log2([width * height, 1 + detail, 1 + face, 1 + item.bytes * share])
    return float(numbers @ np.array([1.0, 0.5, 0.3, 0.2]))


def find(ws: Workspace, dataset: str, on_progress: OnProgress = silent) -> list[Link]:
    """Compare what is measured and keep the answer."""
    table = measures.table(ws, dataset)
    found = list(_Search(table, measures.greys(ws, dataset), on_progress).links())
    names = sorted({name for link in found for name in (link.one, link.other)})
    places = {name: place for place, name in enumerate(names)}
    stamps = {item.id: item.stamp for item in table.items}
    rows = [[places[one.one], places[one.other], one.distance, int(one.mirrored), one.likeness] for one in found]
    with writing(measures.folder(ws, dataset) / "compared.bin") as handle:
        handle.write(np.unique(_marks(table)).tobytes())
    kept = {"version": VERSION, "links": rows}
    write_json(measures.folder(ws, dataset) / "links.json", {**kept, "items": [[name, stamps[name]] for name in names]})
    return found


def _marks(table: Table) -> NDArray[np.uint64]:
    """A number for every measured picture as it is: what tells whether it was among those compared."""
    places = np.flatnonzero(table.known["duplicates"]).tolist()
    marks = (
        zlib.crc32(table.items[place].id.encode()) << 32 | zlib.crc32(table.items[place].stamp.encode())
        for place in places
    )
    return np.fromiter(marks, np.uint64, len(places))


def _all_compared(ws: Workspace, dataset: str, table: Table) -> bool:
    """Also false for pictures that came back from the trash after the others were compared without them."""
    data = (measures.folder(ws, dataset) / "compared.bin").read_bytes()
    return bool(np.isin(_marks(table), np.frombuffer(data[: len(data) // 8 * 8], np.uint64)).all())


def read(ws: Workspace, dataset: str, table: Table) -> tuple[list[Link], bool]:
    """(links between pictures that are still there as they were, whether everything measured was compared)."""
    try:
        kept = read_json(measures.folder(ws, dataset) / "links.json")
        stamps = {item.id: item.stamp for item in table.items}
        names = [str(name) if stamps.get(name) == stamp else "" for name, stamp in kept["items"]]
        links = [Link(names[a], names[b], int(d), bool(m), float(like)) for a, b, d, m, like in kept["links"]]
        current = kept["version"] == VERSION and _all_compared(ws, dataset, table)
        return [link for link in links if link.one and link.other], current
    except (OSError, UserError, KeyError, ValueError, TypeError, IndexError):
        return [], not table.known["duplicates"].any()


class _Search:
    """One comparison of everything measured."""

    def __init__(self, table: Table, greys: NDArray[np.uint8], on_progress: OnProgress) -> None:
        places = np.flatnonzero(table.known["duplicates"] & (table.rows["grey"] < len(greys)))
        self.items: Sequence[Item] = [table.items[place] for place in places.tolist()]
        self.rows, self.greys, self.on_progress = table.rows[places], greys, on_progress
        pairs = zip(self.items, self.rows["detail"].tolist(), strict=True)
        self.ranks = np.array([rank(item, detail) for item, detail in pairs])
        self.done = 0

    def links(self) -> Iterator[Link]:
        """Crowds first, then the rest with their best members."""
        self.on_progress(0, max(1, len(self.items)), "")
        alone = np.ones(len(self.items), dtype=np.bool_)
        for group in groups.groups(self.rows["plain"], CROWD):
            yield from self._crowd(group, alone)
        places = np.flatnonzero(alone)
        yield from self._compared(places, self._candidates(places, "centre", furthest(len(places))), False)
        yield from self._compared(places, self._candidates(places, "mirrored", MIRRORED), True)
        self.on_progress(max(1, len(self.items)), max(1, len(self.items)), "")

    def _crowd(self, group: NDArray[np.int64], alone: NDArray[np.bool_]) -> Iterator[Link]:
        """Best first: copies of the best leave the crowd (and `alone`), then the best of the rest, and so on.

        Where a large crowd turns out not to be copies, its hashes say nothing and are not looked at again.
        """
        rest = group[np.argsort(-self.ranks[group], kind="stable")]
        tries = FEW_TRIES + CROWD_TRIES * len(rest)
        lonely: list[int] = []
        while len(rest) > 1 and tries > 0:
            best, rest = int(rest[0]), rest[1:]
            near = np.bitwise_count(self.rows["plain"][rest] ^ self.rows["plain"][best]) <= CROWD
            wanted = rest[near][:tries]
            tries -= len(wanted) + 1
            found = [link for place in wanted.tolist() if (link := self._left(best, place, alone)) is not None]
            yield from found
            lonely += [] if found else [best]
            rest = rest[alone[rest]]
        if len(group) > LARGE_CROWD:
            alone[lonely] = alone[rest] = False

    def _left(self, best: int, place: int, alone: NDArray[np.bool_]) -> Link | None:
        link = self._link(best, place, False)
        if link is not None:
            alone[place] = False
        return link

    def _candidates(self, places: NDArray[np.int64], also: str, radius: int) -> Iterator[tuple[int, int]]:
        """Pairs of places whose hashes, or one's hash and the other's second hash, are near: nearest first, bounded."""
        rows = self.rows[places]
        both = np.concatenate([rows["plain"], rows[also]])
        one, other = groups.pairs(both, radius)
        distances = np.bitwise_count(both[one] ^ both[other]).astype(np.int64)
        count = max(1, len(places))
        left, right = one % count, other % count
        across = (one < count) != (other < count) if also == "mirrored" else np.ones(len(one), dtype=np.bool_)
        keep = (left != right) & across
        keys = np.minimum(left, right)[keep] * count + np.maximum(left, right)[keep]
        keys = keys[np.argsort(distances[keep], kind="stable")]
        _, first = np.unique(keys, return_index=True)
        keys = keys[np.sort(first)][: TRIES * count]
        yield from zip(places[keys // count].tolist(), places[keys % count].tolist(), strict=True)

    def _compared(
        self, places: NDArray[np.int64], candidates: Iterator[tuple[int, int]], mirrored: bool
    ) -> Iterator[Link]:
        wanted = list(candidates)
        for number, (one, other) in enumerate(wanted):
            if number % 200 == 0:
                self.on_progress(number, len(wanted) + 1, "")
            link = self._link(one, other, mirrored)
            if link is not None:
                yield link

    def _link(self, one: int, other: int, mirrored: bool) -> Link | None:
        first, second = self.items[one], self.items[other]
        if first.media != second.media or abs(first.duration - second.duration) > LONGER:
            return None
        alike = likeness.likeness(self._grey(one), self._grey(other), mirrored)
        if alike < likeness.SAME:
            return None
        return Link(first.id, second.id, self._distance(one, other, mirrored), mirrored, round(alike, 3))

    def _grey(self, place: int) -> NDArray[np.uint8]:
        record: NDArray[np.uint8] = self.greys[int(self.rows["grey"][place])]
        return record

    def _distance(self, one: int, other: int, mirrored: bool) -> int:
        """The least of hash with hash and hash with the other's middle."""
        a, b = self.rows[one], self.rows[other]
        kinds: Sequence[Any] = ("mirrored", "centre_mirrored") if mirrored else ("plain", "centre")
        ways = [int(x["plain"]) ^ int(y[kind]) for x, y in ((a, b), (b, a)) for kind in kinds]
        return min(way.bit_count() for way in ways)
