"""The engine's console lines: every recorded sample gives what was recorded with it, however it is broken up."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagtrainer.training.results import patterns

DATA = Path(__file__).resolve().parent / "data"
SAMPLES = [json.loads(line) for line in (DATA / "log_samples.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("sample", SAMPLES, ids=[str(i) for i in range(len(SAMPLES))])
def test_recorded_line_is_read_as_recorded(sample: dict) -> None:
    (chunk,) = patterns.chunks(sample["raw"])
    found = patterns.matches(chunk)
    for name, caught in sample["expect"].items():
        assert name in found
        assert {key: found[name].get(key) for key in caught} == caught


def test_there_are_33_samples_and_every_pattern_is_the_recorded_one() -> None:
    assert len(SAMPLES) == 33
    recorded = json.loads((DATA / "log_patterns.json").read_text("utf-8"))["patterns"]
    assert {name: pattern.pattern for name, pattern in patterns.PATTERNS.items()} == recorded


@pytest.mark.parametrize("sample", SAMPLES, ids=[str(i) for i in range(len(SAMPLES))])
def test_hints_never_hide_a_match(sample: dict) -> None:
    chunk = next(patterns.chunks(sample["raw"]))
    for name, pattern in patterns.PATTERNS.items():
        assert bool(patterns.search(name, chunk)) == bool(pattern.search(chunk))


def test_redraws_and_colours_are_taken_apart() -> None:
    text = (
        "\x1b[32mepoch 1/2\x1b[0m\r\n\rsteps:   0%|  | 0/4 [00:00<?, ?it/s]\rsteps:  25%|  | 1/4 [00:00<?, ?it/s]\n\n"
    )
    assert [chunk[:9] for chunk in patterns.chunks(text)] == ["epoch 1/2", "steps:   ", "steps:  2"]


@given(st.text(alphabet="steps: 0123456789%|/[]<,it?=.\r\n\x1b", max_size=400))
def test_any_text_can_be_searched(text: str) -> None:
    for chunk in patterns.chunks(text):
        assert "\n" not in chunk and "\r" not in chunk and len(chunk) <= patterns.LONGEST
        patterns.matches(chunk)


def test_a_very_long_line_does_not_hold_anyone_up() -> None:
    (chunk,) = patterns.chunks("a: " * 200_000 + "%|")
    assert len(chunk) <= patterns.LONGEST
    patterns.matches(chunk)


def test_numbers() -> None:
    assert patterns.number("6.42e-5") == 6.42e-5
    assert math.isnan(patterns.number("nan"))
