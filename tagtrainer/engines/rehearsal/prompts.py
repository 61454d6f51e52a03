"""Reads a sample-prompts file: .json, .toml or .txt, as the engine does. Must not draw."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

_OPTIONS: list[tuple[str, str, Callable[[str], Any]]] = [
    (r"w (\d+)", "width", int), (r"h (\d+)", "height", int), (r"f (\d+)", "frame_count", int), (r"d (\d+)", "seed", int),
    (r"s (\d+)", "sample_steps", lambda text: max(1, min(1000, int(text)))), (r"g ([\d.]+)", "guidance_scale", float),
    (r"fs ([\d.]+)", "discrete_flow_shift", float), (r"l ([\d.]+)", "cfg_scale", float), (r"n (.+)", "negative_prompt", str),
]  # fmt: skip


def load(path: str) -> list[dict[str, Any]]:
    """One dict a prompt, numbered by the key `enum`. Raises ValueError for another kind of file."""
    text = Path(path).read_text(encoding="utf-8")
    if path.endswith(".txt"):
        lines = (line.strip() for line in text.splitlines())
        found: list[Any] = [line for line in lines if line and not line.startswith("#")]
    elif path.endswith(".toml"):
        told = tomllib.loads(text)["prompt"]
        shared = {name: value for name, value in told.items() if name != "subset"}
        found = [{**shared, **subset} for subset in told["subset"]]
    elif path.endswith(".json"):
        found = json.loads(text)
    else:
        raise ValueError(f"sample prompts must be .txt, .toml or .json: {path}")
    entries = [from_line(entry) if isinstance(entry, str) else dict(entry) for entry in found]
    return [{**entry, "enum": number} for number, entry in enumerate(entries)]


def from_line(line: str) -> dict[str, Any]:
    """`a cat --w 512 --d 1`; unknown options are dropped, and any part may be read as an option, the first one too."""
    first, *parts = line.split(" --")
    entry: dict[str, Any] = {"prompt": first}
    for part in (first, *parts):
        for pattern, name, kind in _OPTIONS:
            matched = re.match(pattern, part.strip(), re.IGNORECASE)
            if matched:
                entry[name] = kind(matched.group(1))
                break
    return entry
