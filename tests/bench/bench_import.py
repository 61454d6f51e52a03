"""Import of 12-megapixel JPEGs against what decoding them at full scale alone costs on the same cores.

    python -m tests.bench.bench_import [COUNT]

Prints photos per second and the ratio to full-scale decoding by the same libjpeg-turbo that Pillow brings, on as many threads
as the import uses. Aim: at least 0.55.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image, ImageFilter

from tagtrainer.datasets import store, transfer
from tagtrainer.workspace import open_workspace

SIZE = (4032, 3024)
WORKERS = 2


def photos(folder: Path, count: int) -> list[Path]:
    """Distinct noisy pictures of 12 megapixels, about 5 MB each."""
    chance = random.Random(1)
    base = Image.effect_noise(SIZE, 70).filter(ImageFilter.GaussianBlur(0.8)).convert("RGB")
    made = []
    for number in range(count):
        picture = Image.blend(base, Image.new("RGB", SIZE, tuple(chance.randbytes(3))), 0.35)
        picture.paste(Image.effect_noise((900, 700), 90).convert("RGB"), (number * 31 % 3000, number * 17 % 2000))
        path = folder / f"photo_{number:04d}.jpg"
        picture.save(path, quality=92)
        made.append(path)
    return made


def decode(path: Path) -> None:
    """Full-scale decoding and nothing else."""
    with Image.open(path) as picture:
        picture.load()


def main(count: int = 60) -> None:
    """Make, decode, import, print."""
    with tempfile.TemporaryDirectory() as folder:
        paths = photos(Path(folder), count)
        size = sum(path.stat().st_size for path in paths) / count / 1e6
        began = time.perf_counter()
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(decode, paths))
        decoding = time.perf_counter() - began
        ws = open_workspace(Path(folder) / "workspace")
        dataset = store.create(ws, "bench").id
        began = time.perf_counter()
        report = transfer.import_paths(ws, dataset, paths, workers=WORKERS)
        importing = time.perf_counter() - began
        assert report.added == count, report.skipped
    print(f"{count} photos of {SIZE[0]}x{SIZE[1]}, {size:.1f} MB each, {WORKERS} threads")
    print(f"decoding alone {count / decoding:.1f}/s, import with both previews {count / importing:.1f}/s")
    print(f"ratio {decoding / importing:.2f} (aim 0.55)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
