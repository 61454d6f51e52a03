"""Settings and clip lengths whose windows are compared with the engine's, and where its answers are kept for offline tests."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tagtrainer.datasets.clips.frames import Taking

FACTS = Path(__file__).parent / "data" / "engine_windows.json"
COUNTS = [1, 2, 4, 5, 6, 9, 12, 16, 17, 24, 25, 26, 33, 48, 49, 50, 61, 81, 97, 120]
TARGETS = [[1], [5], [1, 25, 24], [17, 33], [3, 81]]
RATES = [
    (30.0, "wan"),
    (29.97, "wan"),
    (24.0, "wan"),
    (60.0, "hunyuan_video"),
    (12.0, "wan"),
    (23.976, "hunyuan_video"),
]
SUFFIX = {"wan": "wan", "hunyuan_video": "hv"}


def cases() -> list[dict[str, Any]]:
    """Keyword arguments of the engine's video dataset."""
    ways: list[dict[str, Any]] = [{"frame_extraction": "head"}, {"frame_extraction": "chunk"}]
    ways += [{"frame_extraction": "slide", "frame_stride": stride} for stride in (1, 3, 10)]
    ways += [{"frame_extraction": "uniform", "frame_sample": sample} for sample in (1, 2, 4, 7)]
    ways += [{"frame_extraction": "full", "max_frames": most} for most in (129, 48)]
    plain = [{**way, "target_frames": target, "architecture": "wan"} for way in ways for target in TARGETS]
    rated = [
        {**way, "target_frames": [17], "source_fps": rate, "architecture": SUFFIX[model]}
        for way in ways
        for rate, model in RATES
    ]
    return plain + rated


def taking(case: dict[str, Any]) -> Taking:
    """One case in our words."""
    rate = {"wan": 16.0, "hv": 24.0}[case["architecture"]] if "source_fps" in case else 0.0
    return Taking(
        tuple(case["target_frames"]), case["frame_extraction"], case.get("frame_stride", 1), case.get("frame_sample", 1),
        case.get("max_frames", 129), case.get("source_fps", 0.0), rate,
    )  # fmt: skip


def print_of(windows: list[Any]) -> str:
    """Short ones as they are, long ones as their number and a hash."""
    rows = [[int(start), int(length)] for start, length in windows]
    text = json.dumps(rows, separators=(",", ":"))
    return text if len(text) < 40 else f"{len(rows)}:{hashlib.sha256(text.encode()).hexdigest()[:12]}"
