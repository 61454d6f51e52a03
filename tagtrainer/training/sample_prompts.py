"""Sample prompts as the JSON file the engine reads. Must not know when samples are drawn.

JSON, because in the engine's text format a prompt that starts with "I " or holds " --" is read as an option.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tagtrainer.core.text import UserError

TAKEN = 2
"""Captions drawn when no prompt was typed."""


def prompts(options: Any) -> list[str]:
    """The prompts typed in the form: one a line, empty lines and lines starting with # left out."""
    lines = (line.strip() for line in str(getattr(options, "sample_prompts_text", "") or "").splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def chosen(options: Any, captions: Sequence[str]) -> list[str]:
    """The prompts to draw: the typed ones, else TAKEN captions, spread over the pictures, each on one line."""
    texts = list(dict.fromkeys(line for text in captions if (line := " ".join(text.split()))))
    spread = [texts[len(texts) * number // TAKEN] for number in range(min(TAKEN, len(texts)))]
    return prompts(options) or spread


def triggered(options: Any) -> bool:
    """Whether the options ask for samples at any time."""
    names = ("sample_every_n_epochs", "sample_every_n_steps", "sample_at_first")
    return any(getattr(options, name, None) for name in names)


def entries(options: Any, captions: Sequence[str] = ()) -> list[dict[str, Any]]:
    """One object with the engine's keys for each of the `chosen` prompts.

    The flow shift always stands: the engine's own default (14.5) is wrong for most models.
    """
    width, height = _size(options)
    common: dict[str, Any] = {
        "width": width,
        "height": height,
        "frame_count": 1,
        "sample_steps": getattr(options, "sample_steps", None) or 20,
        "discrete_flow_shift": float(_first(options, "sample_flow_shift", "discrete_flow_shift", default=1.0)),
    }
    for key, name in (("cfg_scale", "sample_cfg_scale"), ("guidance_scale", "sample_guidance_scale")):
        value = getattr(options, name, None)
        if value is not None:
            common[key] = float(value)
    negative = getattr(options, "sample_negative", "")
    if negative:
        common["negative_prompt"] = negative
    seed = getattr(options, "sample_seed", None)
    noise = {"seed": int(seed)} if seed is not None else {}
    return [{"prompt": text, **common, **noise} for text in chosen(options, captions)]


def _size(options: Any) -> tuple[int, int]:
    """Width and height, cut down to multiples of 8 as the engine does."""
    sides = (getattr(options, "sample_width", None) or 1024, getattr(options, "sample_height", None) or 1024)
    return int(sides[0]) // 8 * 8, int(sides[1]) // 8 * 8


def _first(options: Any, *names: str, default: float) -> Any:
    for name in names:
        value = getattr(options, name, None)
        if value is not None:
            return value
    return default


def text(options: Any, captions: Sequence[str] = ()) -> str:
    """The file's content. Raises UserError plan.no_prompts when there is no prompt and no caption."""
    found = entries(options, captions)
    if not found:
        raise UserError("plan.no_prompts")
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"
