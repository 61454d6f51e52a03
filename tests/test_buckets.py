"""core/buckets.py: values worked out by hand, and what must hold for any size."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagtrainer.core.buckets import batches, bucket_for, bucket_sizes, buckets_for, count_by_bucket
from tagtrainer.core.text import UserError

SQUARE = (1024, 1024)


def test_sizes_of_128() -> None:
    expected = [(64, 256), (80, 192), (96, 160), (112, 144), (128, 128), (144, 112), (160, 96), (192, 80), (256, 64)]
    assert bucket_sizes((128, 128)) == expected


@pytest.mark.parametrize(
    ("size", "bucket"),
    [((6000, 4000), (1248, 832)), ((4032, 3024), (1184, 880)), ((1000, 1000), SQUARE), ((10, 4000), (512, 2048))],
)
def test_nearest_ratio(size: tuple[int, int], bucket: tuple[int, int]) -> None:
    assert bucket_for(size, SQUARE) == bucket


def test_without_buckets_everything_is_cropped() -> None:
    assert bucket_for((640, 480), (960, 544), enable_bucket=False, no_upscale=True) == (960, 544)


def test_no_upscale_keeps_small_pictures() -> None:
    assert bucket_for((500, 300), SQUARE, True, True) == (496, 288)
    assert bucket_for((2000, 1000), SQUARE, True, True) == bucket_for((2000, 1000), SQUARE)


def test_step_32() -> None:
    assert all(side % 32 == 0 for size in bucket_sizes((1000, 700), 32) for side in size)


def test_too_small_is_a_sentence() -> None:
    with pytest.raises(UserError, match="16 x 16"):
        bucket_sizes((16, 16))


def test_counting() -> None:
    counts = count_by_bucket([(600, 400)] * 3 + [(400, 600)] * 2, (512, 512))
    assert counts == {(416, 624): 2, (624, 416): 3}
    assert (batches(3, 2), batches(4, 2), batches(0, 2)) == (2, 2, 0)


@given(st.integers(32, 2048), st.integers(32, 2048), st.integers(1, 5000), st.integers(1, 5000))
def test_any_picture_has_a_bucket_in_the_table(width: int, height: int, x: int, y: int) -> None:
    chosen = bucket_for((x, y), (width, height))
    assert chosen in bucket_sizes((width, height))
    nearest = min(abs(w / h - x / y) for w, h in bucket_sizes((width, height)))
    assert abs(chosen[0] / chosen[1] - x / y) == nearest


@given(
    st.lists(st.tuples(st.integers(1, 5000), st.integers(1, 5000)), max_size=40),
    st.tuples(st.integers(64, 1600), st.integers(64, 1600)), st.booleans(), st.booleans(),
)  # fmt: skip
def test_many_at_once_are_the_same(
    sizes: list[tuple[int, int]], resolution: tuple[int, int], bucket: bool, small: bool
) -> None:
    assert buckets_for(sizes, resolution, bucket, small) == [bucket_for(s, resolution, bucket, small) for s in sizes]
