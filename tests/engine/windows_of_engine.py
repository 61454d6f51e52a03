"""Runs inside the engine's own Python: which windows its VideoDataset cuts. Reads cases from stdin, writes facts to stdout.

Only the decoder is replaced (files are empty and give as many black frames as their name says) and its waiting is shorter.
Everything else is the engine's.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from musubi_tuner.dataset import image_video_dataset, media_utils  # type: ignore[import-not-found]
from musubi_tuner.dataset.image_video_dataset import VideoDataset  # type: ignore[import-not-found]
from PIL import Image

FRAME = SimpleNamespace(to_image=lambda: Image.new("RGB", (64, 64)))


def open_fake(path: str) -> SimpleNamespace:
    count = int(Path(path).stem.split("x")[1])
    return SimpleNamespace(decode=lambda video: (FRAME for _ in range(count)), close=lambda: None)


def windows(folder: Path, case: dict[str, Any]) -> dict[str, list[list[int]]]:
    """Number of frames -> the windows that land in cache files, in order, each once."""
    dataset = VideoDataset(
        resolution=(64, 64), caption_extension=".txt", batch_size=1, num_repeats=1, enable_bucket=True,
        bucket_no_upscale=False, video_directory=str(folder), cache_directory=str(folder), **case,
    )  # fmt: skip
    found: dict[str, list[list[int]]] = {path.stem.split("x")[1]: [] for path in folder.glob("*.mp4")}
    for _, batch in dataset.retrieve_latent_cache_batches(1):
        for item in batch:
            name, place = Path(item.item_key).stem.rsplit("_", 1)
            window = [int(part) for part in place.split("-")]
            if window not in found[name.split("x")[1]]:
                found[name.split("x")[1]].append(window)
    return {count: sorted(rows, key=lambda row: row[1]) for count, rows in found.items()}


def main() -> None:
    logging.disable(logging.WARNING)
    media_utils.av = SimpleNamespace(open=open_fake)
    pause = time.sleep
    image_video_dataset.time = SimpleNamespace(sleep=lambda seconds: pause(0.001))
    asked = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for count in asked["counts"]:
            (folder / f"clipx{count}.mp4").touch()
            (folder / f"clipx{count}.txt").write_text("a clip", "utf-8")
        print(json.dumps([windows(folder, case) for case in asked["cases"]]))


if __name__ == "__main__":
    main()
