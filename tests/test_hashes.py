"""Perceptual hashes against imagehash's, and their grouping against comparing all with all."""

from __future__ import annotations

from pathlib import Path

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from tagtrainer.datasets.curation import groups, hashes
from tests.bench.bench_groups import by_popcount, flipped, likely
from tests.photographs import photographs


def saved_previews(folder: Path) -> list[Path]:
    paths = []
    for name, photo in photographs().items():
        small = photo.copy()
        small.thumbnail((512, 512))
        paths.append(folder / f"{name}.jpg")
        small.save(paths[-1], quality=85)
    return paths


def theirs(path: Path) -> int:
    with Image.open(path) as picture:
        return int(str(imagehash.phash(picture)), 16)


def test_hashes_are_those_of_imagehash(tmp_path: Path) -> None:
    paths = saved_previews(tmp_path)
    seen: list[int] = []
    own = hashes.of_files(paths, 2, seen.append)
    off = [hashes.distance(int(mine), theirs(path)) for mine, path in zip(own, paths, strict=True)]
    assert np.mean(off) <= 1 and max(off) <= 4 and seen == [len(paths)]


def test_the_same_greys_give_the_same_bits_as_imagehash_exactly() -> None:
    for photo in photographs().values():
        small = photo.convert("L").resize((32, 32), Image.Resampling.LANCZOS)
        own = hashes.of_greys(np.asarray(small)[None]).plain[0]
        assert int(own) == int(str(imagehash.phash(photo)), 16)


def test_the_mirrored_hash_is_the_hash_of_the_mirrored_picture() -> None:
    for photo in photographs().values():
        small = photo.convert("L").resize((32, 32), Image.Resampling.LANCZOS)
        both = hashes.of_greys(np.stack([np.asarray(small), np.asarray(ImageOps.mirror(small))]))
        assert int(np.bitwise_count(both.mirrored[0] ^ both.plain[1])) <= 2


def test_what_is_no_picture_is_an_error(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("no picture", "utf-8")
    with pytest.raises(OSError):
        hashes.of_files([bad])


def as_sets(found: list[np.ndarray]) -> set[frozenset[int]]:
    return {frozenset(map(int, group)) for group in found}


def linked(count: int, one: np.ndarray, other: np.ndarray) -> set[frozenset[int]]:
    """Components by the plainest means."""
    group = {place: {place} for place in range(count)}
    for a, b in zip(one.tolist(), other.tolist(), strict=True):
        if group[a] is not group[b]:
            group[a] |= group[b]
            for place in group[b]:
                group[place] = group[a]
    return {frozenset(members) for members in group.values() if len(members) > 1}


@pytest.mark.parametrize("radius", [0, 1, 3, 6, 9, 13])
def test_pairs_and_groups_are_exactly_those_of_comparing_all(radius: int) -> None:
    made = likely(3_000, seed=radius)
    made[100:140] = made[5]  # equal ones too
    expected = by_popcount(made, radius)
    one, other = groups.pairs(made, radius)
    assert np.array_equal(one, expected[0]) and np.array_equal(other, expected[1])
    assert as_sets(groups.groups(made, radius)) == linked(len(made), one, other)


@settings(max_examples=60, deadline=None)
@given(
    centres=st.lists(st.integers(0, (1 << 64) - 1), min_size=1, max_size=4),
    count=st.integers(0, 300),
    most=st.integers(0, 12),
    radius=st.integers(0, 14),
    seed=st.integers(0, 1000),
)
def test_crowds_are_grouped_exactly(centres: list[int], count: int, most: int, radius: int, seed: int) -> None:
    chance = np.random.default_rng(seed)
    middle = np.array(centres, dtype=np.uint64)
    made = np.concatenate([middle, middle[chance.integers(0, len(middle), count)]])
    made = flipped(chance, made, np.arange(len(made)), np.arange(len(made)), most)
    expected = by_popcount(made, radius)
    one, other = groups.pairs(made, radius)
    assert np.array_equal(one, expected[0]) and np.array_equal(other, expected[1])
    assert as_sets(groups.groups(made, radius)) == linked(len(made), one, other)


def test_nothing_and_one_have_no_groups() -> None:
    for count in (0, 1):
        made = np.zeros(count, dtype=np.uint64)
        assert groups.groups(made, 6) == [] and len(groups.pairs(made, 6)[0]) == 0
    with pytest.raises(ValueError):
        groups.pairs(np.zeros(2, dtype=np.uint64), 21)
