"""Reads the box out of a vision model's answer, strictly. Must not ask anybody."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from tagtrainer.core.text import UserError

QUESTION = (
    "Find the main subject of this picture: the whole person or people, animal or thing that it is about. Answer with JSON only, "
    'no other words: {"box": [left, top, right, bottom]}, each number from 0 to 1000, where 0 is the left or top edge of the '
    "picture and 1000 is the right or bottom edge."
)
"""Most models that can point speak 0..1000, whatever the picture's size."""
KEYS = ("box", "bbox", "bbox_2d", "box_2d")
SMALLEST = 0.01
"""A box narrower or lower than this share of the picture is a mistake."""
_OBJECT = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]", re.DOTALL)


def shares_of(answer: str, size: tuple[int, int]) -> tuple[float, float, float, float]:
    """left, top, right, bottom as shares of the picture, from 0..1, 0..1000 or pixels of the picture of `size` that was shown.

    Numbers up to 1 are shares, above 1000 pixels, others thousandths, as they were asked for. Raises UserError
    curation.no_box.
    """
    numbers = _numbers(answer)
    if numbers is None:
        raise UserError("curation.no_box", answer=" ".join(answer.split())[:120])
    left, top, right, bottom = _scaled(numbers, size)
    slack = 0.02
    inside = all(-slack <= value <= 1 + slack for value in (left, top, right, bottom))
    if not inside or right - left < SMALLEST or bottom - top < SMALLEST:
        raise UserError("curation.no_box", answer=" ".join(answer.split())[:120])
    return max(0.0, left), max(0.0, top), min(1.0, right), min(1.0, bottom)


def _scaled(numbers: list[float], size: tuple[int, int]) -> list[float]:
    largest = max(numbers)
    across, down = (1.0, 1.0) if largest <= 1 else (1000.0, 1000.0) if largest <= 1000 else size
    return [value / (down if at % 2 else across) for at, value in enumerate(numbers)]


def _numbers(answer: str) -> list[float] | None:
    """Four finite numbers from the first JSON object or list that holds them."""
    for text in [answer.strip(), *(match[0] for match in _OBJECT.finditer(answer))]:
        try:
            found = _four(json.loads(text))
        except (ValueError, RecursionError):
            continue
        if found is not None:
            return found
    return None


def _four(value: Any) -> list[float] | None:
    if isinstance(value, dict):
        return next((found for key in KEYS if (found := _four(value.get(key))) is not None), None)
    if isinstance(value, list) and len(value) == 1:
        return _four(value[0])
    if not isinstance(value, list) or len(value) != 4:
        return None
    if any(isinstance(part, bool) or not isinstance(part, (int, float)) for part in value):
        return None
    numbers = [float(part) for part in value]
    return numbers if all(math.isfinite(part) for part in numbers) else None
