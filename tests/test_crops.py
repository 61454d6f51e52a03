"""datasets/curation/crops: properties of every proposal, and the geometry of a few that people would judge."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagtrainer.core.buckets import bucket_for, bucket_sizes
from tagtrainer.core.text import UserError
from tagtrainer.datasets.curation import crops
from tagtrainer.datasets.curation.crops import Target, parse_target, propose
from tagtrainer.datasets.curation.focus import Subject

SQUARE = Target("size", 1024, 1024)


@st.composite
def pictures(draw: st.DrawFn) -> tuple[tuple[int, int], Subject]:
    """A size and a subject inside it."""
    width, height = draw(st.integers(16, 9000)), draw(st.integers(16, 9000))
    x, y = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
    box = (x, y, draw(st.integers(1, width - x)), draw(st.integers(1, height - y)))
    return (width, height), Subject(box, draw(st.sampled_from(["face", "saliency", "vision", "centre"])), 1.0)


shapes = st.one_of(
    st.builds(Target, st.just("size"), st.integers(64, 4096), st.integers(64, 4096)),
    st.builds(Target, st.just("aspect"), st.integers(1, 32), st.integers(1, 32)),
    st.sampled_from([Target("buckets", 1024, 1024), Target("buckets", 512, 768), Target("buckets", 256, 256)]),
)


@given(pictures(), shapes)
def test_every_proposal_lies_inside_is_as_large_as_can_be_and_tells_the_truth(
    picture: tuple[tuple[int, int], Subject], target: Target
) -> None:
    size, subject = picture
    found = propose(size, subject, target)
    x, y, width, height = found.box
    assert x >= 0 and y >= 0 and width >= 1 and height >= 1 and x + width <= size[0] and y + height <= size[1]
    assert width == size[0] or height == size[1], "no larger box of that aspect fits"
    left, top, across, down = subject.box
    inside = left >= x and top >= y and left + across <= x + width and top + down <= y + height
    assert found.whole == inside
    if target.shape != "buckets":
        assert found.whole == (across <= width and down <= height), "whole wherever it fits"
        assert_aspect(found.box, (target.width, target.height))
    if target.shape == "size":
        assert (found.enlarged > 1) == (width < target.width or height < target.height)


def assert_aspect(box: crops.Box, shape: tuple[int, int]) -> None:
    """The aspect is right to the pixel: one side is what the other one asks for, rounded."""
    _, _, width, height = box
    right = {max(1, round(height * shape[0] / shape[1])), max(1, round(width * shape[1] / shape[0]))}
    assert width in right or height in right


@given(pictures(), st.sampled_from([(1024, 1024), (768, 512)]))
def test_a_bucket_is_found_that_holds_the_subject_if_any_does(
    picture: tuple[tuple[int, int], Subject], area: tuple[int, int]
) -> None:
    size, subject = picture
    found = propose(size, subject, Target("buckets", *area))
    fits = [crops.largest(size, bucket) for bucket in bucket_sizes(area)]
    assert found.whole == any(subject.box[2] <= width and subject.box[3] <= height for width, height in fits)
    assert found.aim in bucket_sizes(area)


@given(st.integers(1500, 6000), st.integers(1500, 6000))
def test_the_trainer_puts_the_crop_into_the_bucket_it_was_made_for(width: int, height: int) -> None:
    subject = Subject((width // 2, height // 2, 10, 10), "face", 1.0)
    found = propose((width, height), subject, Target("buckets", 1024, 1024))
    assert bucket_for(found.box[2:], (1024, 1024)) == found.aim


def test_a_portrait_keeps_its_head_with_the_eyes_high() -> None:
    head = (1400, 300, 500, 600)
    x, y, width, height = propose((3000, 4000), Subject(head, "face", 1.0), SQUARE).box
    assert (width, height) == (3000, 3000) and x == 0
    assert y == 0, "the head is near the top already"
    low = propose((3000, 4000), Subject((1400, 2000, 500, 600), "face", 1.0), SQUARE).box
    assert 0.3 < (2300 - low[1]) / 3000 < 0.45


def test_a_subject_at_the_side_stays_on_its_side() -> None:
    x, _, width, _ = propose((3000, 1000), Subject((500, 400, 100, 200), "saliency", 0.5), SQUARE).box
    assert (550 - x) / width == pytest.approx(1 / 3, abs=0.01)


def test_a_subject_that_cannot_be_whole_is_said_so_and_stays_in_the_middle() -> None:
    found = propose((3000, 1000), Subject((500, 0, 2000, 1000), "face", 1.0), SQUARE)
    assert not found.whole and found.box == (1000, 0, 1000, 1000) and found.enlarged == pytest.approx(1.024)


def test_a_drawn_box_is_judged_the_same_way() -> None:
    subject = Subject((100, 100, 100, 100), "face", 1.0)
    assert crops.drawn((90, 90, 512, 512), (2000, 2000), subject, SQUARE).enlarged == 2
    assert not crops.drawn((150, 90, 512, 512), (2000, 2000), subject, SQUARE).whole
    wide = crops.drawn((0, 0, 1600, 800), (2000, 2000), subject, Target("buckets", 1024, 1024))
    assert wide.aim[0] / wide.aim[1] == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("text", ["1024x768", "3:4", "buckets:1024x1024"])
def test_targets_are_read_and_written(text: str) -> None:
    assert str(parse_target(f" {text.upper()} ")) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1024",
        "x",
        "0x0",
        "8x8",
        "99999x1024",
        "buckets:3:4",
        "1:50",
        "nonbuckets:64x64",
        "-3:4",
        "buckets:16x16",
        "buckets:9000x9000",
    ],
)
def test_other_targets_are_refused(text: str) -> None:
    with pytest.raises(UserError):
        parse_target(text)


@pytest.mark.parametrize("box", [(-1, 0, 10, 10), (0, 0, 101, 50), (0, 0, 4, 50), (60, 0, 50, 50)])
def test_a_box_that_leaves_the_picture_is_refused(box: crops.Box) -> None:
    with pytest.raises(UserError):
        crops.checked(box, (100, 50))
