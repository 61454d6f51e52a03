"""Hashing of previews against imagehash.phash on the same files, both with the same number of threads.

    python -m tests.bench.bench_hashes [COUNT]

The previews are cut at random from the photographs that scikit-image ships. Prints pictures per second, the ratio, and by how
many of the 64 bits the hashes differ. Aim: at least 2 times, less than 1 bit on average.
"""

from __future__ import annotations

import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import imagehash
import numpy as np
from PIL import Image

from tagtrainer.datasets.curation import hashes
from tests.photographs import photographs

WORKERS = 2
SIDE = 512


def previews(folder: Path, count: int) -> list[Path]:
    """Pieces of real photographs, as large as previews."""
    chance = np.random.default_rng(1)
    sources = list(photographs().values())
    made = []
    for number in range(count):
        photo = sources[number % len(sources)]
        share = chance.uniform(0.5, 1.0)
        width, height = int(photo.width * share), int(photo.height * share * chance.uniform(0.8, 1.0))
        left, top = chance.integers(0, photo.width - width + 1), chance.integers(0, photo.height - height + 1)
        piece = photo.crop((left, top, left + width, top + height))
        scale = SIDE / max(piece.size)
        path = folder / f"{number:05d}.jpg"
        piece.resize((round(piece.width * scale), round(piece.height * scale))).save(path, quality=85)
        made.append(path)
    return made


def reference(path: Path) -> int:
    """imagehash's own."""
    with Image.open(path) as picture:
        return int(str(imagehash.phash(picture)), 16)


def main(count: int = 10_000) -> None:
    """Make, hash both ways, print."""
    with tempfile.TemporaryDirectory() as folder:
        paths = previews(Path(folder), count)
        hashes.of_files(paths[:50], WORKERS)
        began = time.perf_counter()
        own = hashes.of_files(paths, WORKERS)
        mine = time.perf_counter() - began
        began = time.perf_counter()
        with ThreadPoolExecutor(WORKERS) as pool:
            theirs = np.array(list(pool.map(reference, paths, chunksize=16)), dtype=np.uint64)
        usual = time.perf_counter() - began
    off = np.bitwise_count(own ^ theirs)
    print(f"{count:,} previews, {WORKERS} threads: {count / mine:.0f}/s, imagehash {count / usual:.0f}/s")
    print(f"ratio {usual / mine:.1f} (aim 2); bits off {off.mean():.2f} on average (aim under 1), {off.max()} at most")
    print("pictures by bits off: " + ", ".join(f"{bits}: {n}" for bits, n in enumerate(np.bincount(off)) if n))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
