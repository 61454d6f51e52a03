"""Grouping of hashes within a radius against comparing all with all by popcount, block by block.

    python -m tests.bench.bench_groups [COUNT]

Prints seconds and ratios; says whether both found the same pairs. The second part has 10,000 nearly identical hashes among
them, where listing all pairs would be 50 million: grouping must not take longer for it. Aim: at most 1/20.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from tagtrainer.datasets.curation import groups

RADIUS = 6
CROWD = 10_000


def likely(count: int, seed: int = 1) -> np.ndarray:
    """Random hashes; one in ten is another one with up to eight bits flipped."""
    chance = np.random.default_rng(seed)
    hashes = chance.integers(0, 1 << 64, count, dtype=np.uint64)
    copies = chance.choice(count, count // 10, replace=False)
    return flipped(chance, hashes, copies, chance.choice(count, len(copies)), 8)


def flipped(
    chance: np.random.Generator, hashes: np.ndarray, places: np.ndarray, sources: np.ndarray, most: int
) -> np.ndarray:
    """`hashes` with those at `places` replaced by the ones at `sources`, up to `most` bits flipped."""
    made = hashes[sources]
    for _ in range(most):
        bits = np.uint64(1) << chance.integers(0, 64, len(places), dtype=np.uint64)
        made = np.where(chance.random(len(places)) < 0.5, made ^ bits, made)
    hashes = hashes.copy()
    hashes[places] = made
    return hashes


def by_popcount(hashes: np.ndarray, radius: int, block: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """The reference: every hash against every later one."""
    ones, others = [], []
    for start in range(0, len(hashes), block):
        far = np.bitwise_count(hashes[start : start + block, None] ^ hashes[None, start:]) <= radius
        one, other = np.nonzero(far)
        keep = other > one
        ones.append(one[keep] + start)
        others.append(other[keep] + start)
    return np.concatenate(ones), np.concatenate(others)


def main(count: int = 100_000) -> None:
    """Make, compare, print."""
    hashes = likely(count)
    began = time.perf_counter()
    one, other = groups.pairs(hashes, RADIUS)
    own = time.perf_counter() - began
    began = time.perf_counter()
    expected = by_popcount(hashes, RADIUS)
    reference = time.perf_counter() - began
    same = np.array_equal(one, expected[0]) and np.array_equal(other, expected[1])
    print(f"{count:,} hashes, radius {RADIUS}: {len(one):,} pairs in {own:.2f} s, popcount {reference:.1f} s")
    print(f"the same pairs: {same}; ratio 1/{reference / own:.0f} (aim 1/20 or less)")
    chance = np.random.default_rng(2)
    places = chance.choice(count, min(CROWD, count // 2), replace=False)
    crowded = flipped(chance, hashes, places, np.repeat(places[:1], len(places)), 6)
    for name, wanted in (("usual", hashes), ("with 10,000 nearly identical", crowded)):
        for radius in (RADIUS, 12):
            began = time.perf_counter()
            found = groups.groups(wanted, radius)
            took = time.perf_counter() - began
            largest = len(found[0]) if found else 0
            print(f"groups, {name}, radius {radius}: {took:.2f} s, {len(found):,} groups, the largest of {largest:,}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
