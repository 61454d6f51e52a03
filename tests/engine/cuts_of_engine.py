"""Runs inside the engine's own Python: which part of a picture its resize keeps. Every pixel of the picture says where it is."""

from __future__ import annotations

import json
import sys

import numpy as np
from musubi_tuner.dataset.bucket import BucketSelector  # type: ignore[import-not-found]
from musubi_tuner.dataset.media_utils import resize_image_to_bucket  # type: ignore[import-not-found]


def cut(size: tuple[int, int], resolution: tuple[int, int], bucket: bool) -> list[object]:
    """[bucket, left, right, top, bottom]: places of the outermost pixels kept, in pixels of the picture."""
    chosen = BucketSelector(resolution, bucket, False, "qi").get_bucket_resolution(size)
    width, height = size
    across, down = np.meshgrid(np.arange(width), np.arange(height))
    kept = [
        resize_image_to_bucket(np.stack([plane] * 3, axis=-1).astype(np.uint8), chosen)[..., 0].astype(int)
        for plane in (across, down)
    ]
    middle = (chosen[1] // 2, chosen[0] // 2)
    row, column = kept[0][middle[0]], kept[1][:, middle[1]]
    return [list(map(int, chosen)), int(row[0]), int(row[-1]), int(column[0]), int(column[-1])]


if __name__ == "__main__":
    print(
        json.dumps([cut(tuple(size), tuple(resolution), bucket) for size, resolution, bucket in json.load(sys.stdin)])
    )
