"""datasets/clips/frames.py: the engine's own answers (kept in tests/data), and what must hold for any clip."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagtrainer.core.text import UserError
from tagtrainer.datasets.clips.frames import EXTRACTIONS, Taking, checked, kept, shape, too_short, windows
from tests.window_cases import COUNTS, FACTS, cases, print_of, taking


def test_windows_are_the_engines() -> None:
    facts = json.loads(FACTS.read_text("utf-8"))
    for case, answer in zip(cases(), facts, strict=True):
        for count in COUNTS:
            assert print_of(windows(count, taking(case))) == answer[str(count)], (case, count)


def test_by_hand() -> None:
    assert windows(50, Taking((25,), "chunk")) == [(0, 25), (25, 25)]
    assert windows(30, Taking((25, 26, 27), "head")) == [(0, 25)]
    assert windows(30, Taking((25,), "slide", stride=2)) == [(0, 25), (2, 25), (4, 25)]
    assert windows(26, Taking((25,), "uniform", sample=9)) == [(0, 25), (1, 25)]
    assert windows(100, Taking(extraction="full", max_frames=51)) == [(0, 49)]
    assert windows(0, Taking(extraction="full")) == []
    assert too_short(24, Taking((9, 25, 81))) == (25, 81)


def test_rate_is_lowered_by_dropping() -> None:
    assert list(kept(8, Taking((1,), "full", source_fps=32, target_fps=16))) == [0, 2, 4, 6]
    assert list(kept(6, Taking((1,), "full", source_fps=12, target_fps=16))) == [0, 1, 2, 3, 4, 5]


def test_a_slower_source_is_cut_short_by_head() -> None:
    """The engine counts target frames while it reads only source frames: 33 asked of 12 fps for 16 gives 25, too few."""
    slow = Taking((33,), "head", source_fps=12, target_fps=16)
    assert (len(kept(200, slow)), windows(200, slow), too_short(200, slow)) == (25, [], (33,))


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        (Taking(extraction="middle"), "frames.extraction"),
        (Taking((0,)), "frames.target"),
        (Taking(()), "frames.target"),
        (Taking(stride=0), "frames.number"),
        (Taking(source_fps=-1.0), "frames.fps"),
        (Taking(source_fps=float("nan")), "frames.fps"),
    ],
)
def test_what_the_engine_refuses_is_a_sentence(wrong: Taking, key: str) -> None:
    with pytest.raises(UserError) as caught:
        checked(wrong)
    assert caught.value.key == key and key not in str(caught.value)


@given(
    st.integers(0, 400), st.lists(st.integers(1, 150), min_size=1, max_size=3), st.sampled_from(EXTRACTIONS),
    st.integers(1, 9), st.integers(1, 9), st.sampled_from([(0.0, 0.0), (30.0, 16.0), (12.0, 24.0), (59.94, 24.0)]),
)  # fmt: skip
def test_any_clip(
    count: int, target: list[int], way: str, stride: int, sample: int, rates: tuple[float, float]
) -> None:
    asked = Taking(tuple(target), way, stride, sample, 129, *rates)
    found = windows(count, asked)
    read = len(kept(count, asked))
    assert all(start >= 0 and start + length <= read and length % 4 == 1 for start, length in found)
    assert len(set(found)) == len(found) == sum(number for _, number in shape(count, asked))
    assert windows(count, asked, most=2) == found[:2]
    assert not set(too_short(count, asked)) & {length for _, length in found}
