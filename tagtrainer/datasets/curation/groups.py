"""Which 64-bit hashes lie within a Hamming radius of each other: exact, and quick for a hundred thousand of them.

Must not know what the hashes stand for. Pigeonhole: cut into four pieces, two hashes within the radius agree in one piece up to
a few bits; so only hashes whose piece equals, up to these flips, are compared (Norouzi et al., Multi-Index Hashing, 2014).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

PIECES, WIDTH = 4, 16
LARGEST_RADIUS = 20
CHUNK = 1 << 21
"""Candidates compared at a time."""
CROWDED = 64
"""A run of equal pieces longer than this is walked from neighbour to neighbour instead of comparing all with all."""

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]


def pairs(hashes: Hashes, radius: int) -> tuple[Places, Places]:
    """Every pair i < j of places whose hashes differ in at most `radius` (0 to 20) bits, sorted. Exact.

    The answer itself can be huge where many hashes are alike: `groups` does not list pairs.
    """
    unique, inverse = np.unique(hashes, return_inverse=True)
    near = list(_near(unique, _check(radius), None))
    one = np.concatenate([a for a, _ in near]) if near else np.zeros(0, dtype=np.int64)
    other = np.concatenate([b for _, b in near]) if near else one
    keys = np.unique(np.minimum(one, other) * len(unique) + np.maximum(one, other))  # found once a piece: keep it once
    return _for_places(keys // max(1, len(unique)), keys % max(1, len(unique)), inverse, len(unique))


def _check(radius: int) -> int:
    if not 0 <= radius <= LARGEST_RADIUS:
        raise ValueError(f"radius {radius} is not within 0 to {LARGEST_RADIUS}")
    return radius


def _for_places(one: Places, other: Places, inverse: Places, count: int) -> tuple[Places, Places]:
    """Pairs of unique hashes as pairs of places; equal hashes are pairs too."""
    same = np.arange(count)
    one, other = np.concatenate([one, same]), np.concatenate([other, same])
    order = np.argsort(inverse, kind="stable")
    counts = np.bincount(inverse, minlength=count)
    starts = np.cumsum(counts) - counts
    left, right = _product(starts[one], counts[one], starts[other], counts[other])
    first, second = order[left], order[right]
    low, high = np.minimum(first, second), np.maximum(first, second)
    keys = np.unique(low[low < high] * len(inverse) + high[low < high])
    return keys // max(1, len(inverse)), keys % max(1, len(inverse))


def _product(starts: Places, counts: Places, others: Places, widths: Places) -> tuple[Places, Places]:
    """Each member of every run against each member of its partner run."""
    total = counts * widths
    row = np.repeat(np.arange(len(starts)), total)
    within = np.arange(int(total.sum())) - np.repeat(np.cumsum(total) - total, total)
    return starts[row] + within // widths[row], others[row] + within % widths[row]


def components(hashes: Hashes, radius: int) -> Places:
    """A number for each hash, equal for all that are linked by steps of at most `radius` bits. Exact; no blow-up."""
    unique, inverse = np.unique(hashes, return_inverse=True)
    links = _Links(len(unique))
    for one, other in _near(unique, _check(radius), links):
        links.join(one, other)
    return links.labels()[inverse]


def groups(hashes: Hashes, radius: int) -> list[Places]:
    """Places of the hashes of each linked group of two or more, the largest group first."""
    labels = components(hashes, radius)
    order = np.argsort(labels, kind="stable")
    cuts = np.flatnonzero(np.diff(labels[order])) + 1
    found = [group for group in np.split(order, cuts) if len(group) > 1]
    return sorted(found, key=lambda group: (-len(group), int(group[0])))


class _Links:
    """Union-find over arrays: every place points at a smaller one of its group."""

    def __init__(self, count: int) -> None:
        self.parent: Places = np.arange(count)

    def labels(self) -> Places:
        """The smallest place of each one's group."""
        while True:
            up = self.parent[self.parent]
            if np.array_equal(up, self.parent):
                return up
            self.parent = up

    def join(self, one: Places, other: Places) -> None:
        """Link pairs, many at a time, until nothing changes."""
        while len(one):
            roots = self.labels()
            a, b = roots[one], roots[other]
            apart = a != b
            one, other = one[apart], other[apart]
            np.minimum.at(self.parent, np.maximum(a, b)[apart], np.minimum(a, b)[apart])


def _thresholds(radius: int) -> list[int]:
    """Flips to allow in each piece: (t + 1) summed over the pieces is radius + 1, so one piece must match; -1 skips it."""
    share, more = divmod(radius + 1, PIECES)
    return [share + (number < more) - 1 for number in range(PIECES)]


def _masks(flips: int) -> list[int]:
    """All 16-bit patterns with at most `flips` bits, none first."""
    return [
        sum(1 << bit for bit in bits) for count in range(flips + 1) for bits in combinations(range(WIDTH), count)
    ]  # fmt: skip


def _near(unique: Hashes, radius: int, links: _Links | None) -> Iterator[tuple[Places, Places]]:
    """Pairs within the radius, chunk by chunk, some more than once. With `links` only what could link two groups."""
    for piece, flips in enumerate(_thresholds(radius)):
        if flips < 0 or len(unique) < 2:
            continue
        run = _Runs(unique, piece, None if links is None else links.labels())
        for mask in _masks(flips):
            for left, right in run.candidates(mask, radius):
                close = np.bitwise_count(unique[left] ^ unique[right]) <= radius
                yield left[close], right[close]


class _Runs:
    """Hashes sorted by one piece, with a table of where each value's run begins; inside a run sorted by group."""

    def __init__(self, unique: Hashes, piece: int, labels: Places | None) -> None:
        values = ((unique >> np.uint64(WIDTH * piece)) & np.uint64((1 << WIDTH) - 1)).astype(np.int64)
        known = np.zeros(len(unique), dtype=np.int64) if labels is None else labels
        self.keys: Places = values * len(unique) + known
        self.order = np.argsort(self.keys, kind="stable")
        self.keys = self.keys[self.order]
        self.values = values[self.order]
        self.labels = None if labels is None else labels[self.order]
        self.hashes = unique[self.order]
        self.starts = np.searchsorted(self.values, np.arange((1 << WIDTH) + 1))

    def candidates(self, mask: int, radius: int) -> Iterator[tuple[Places, Places]]:
        """Pairs to compare: each hash with those whose piece is its own, `mask` flipped."""
        if mask == 0:
            yield from self._inside(radius)
            return
        partner = self.values ^ mask
        mine = np.flatnonzero((partner > self.values) & (self.starts[partner + 1] > self.starts[partner]))
        begin, end = self.starts[partner[mine]], self.starts[partner[mine] + 1]
        if self.labels is None:
            yield from self._spread(mine, begin, end)
            return
        keys = partner[mine] * len(self.order) + self.labels[mine]  # those of the own group need no comparing
        yield from self._spread(mine, begin, np.searchsorted(self.keys, keys))
        yield from self._spread(mine, np.searchsorted(self.keys, keys, side="right"), end)

    def _inside(self, radius: int) -> Iterator[tuple[Places, Places]]:
        places = np.arange(len(self.order))
        end = self.starts[self.values + 1]
        if self.labels is not None:
            sizes = np.diff(self.starts)
            for value in np.flatnonzero(sizes > CROWDED):
                yield from self._walk(int(self.starts[value]), int(self.starts[value + 1]), radius)
            places = places[sizes[self.values] <= CROWDED]
        yield from self._spread(places, places + 1, end[places])

    def _spread(self, mine: Places, begin: Places, end: Places) -> Iterator[tuple[Places, Places]]:
        """Each of `mine` with the places begin..end, at most about CHUNK pairs at a time."""
        counts = np.maximum(0, end - begin)
        mine, begin, counts = mine[counts > 0], begin[counts > 0], counts[counts > 0]
        total = np.cumsum(counts)
        at = 0
        while at < len(mine):
            base = int(total[at - 1]) if at else 0
            upto = max(at + 1, int(np.searchsorted(total, base + CHUNK, side="right")))
            n = counts[at:upto]
            left = np.repeat(mine[at:upto], n)
            right = np.repeat(begin[at:upto] - (total[at:upto] - n - base), n) + np.arange(int(n.sum()))
            yield self.order[left], self.order[right]
            at = upto

    def _walk(self, first: int, last: int, radius: int) -> Iterator[tuple[Places, Places]]:
        """A crowded run, breadth first: whoever was reached is compared only with those not reached yet."""
        hashes, order = self.hashes[first:last], self.order[first:last]
        alone = np.arange(len(hashes))
        while len(alone) > 1:
            frontier, alone = alone[:1], alone[1:]
            while len(frontier) and len(alone):
                some, frontier = frontier[:256], frontier[256:]
                close = np.bitwise_count(hashes[some][:, None] ^ hashes[alone][None, :]) <= radius
                reached = close.any(axis=0)
                yield order[some[close.argmax(axis=0)[reached]]], order[alone[reached]]
                frontier, alone = np.concatenate([frontier, alone[reached]]), alone[~reached]
