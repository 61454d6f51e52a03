"""Cost of the loss plot: first and second read of a long run, thinning; beside TensorBoard's own reader.

    python -m tests.bench.bench_curves [STEPS]

Aim: second read of 100,000 points with 100 new ones under 20 ms.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tagtrainer.training.results import chart, decimate
from tagtrainer.training.results.curves import read_curves
from tagtrainer.training.results.log import read_log
from tests.event_writer import Point, append, session

TAGS = ("loss/current", "loss/average", "lr/unet")


def points(first: int, count: int) -> list[Point]:
    return [(tag, step, random.random()) for step in range(first, first + count) for tag in TAGS]


def timed(work: Callable[[], Any], times: int = 1) -> float:
    """Best of `times` in milliseconds."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append((time.perf_counter() - began) * 1000)
    return min(found)


def curve_costs(folder: Path, steps: int) -> None:
    path = session(folder)
    append(path, points(1, steps))
    print(f"{steps} steps x {len(TAGS)} tags, {path.stat().st_size / 2**20:.1f} MB")
    first = timed(lambda: read_curves(folder))
    nothing = timed(lambda: read_curves(folder), 5)
    append(path, points(steps + 1, 100))
    second = timed(lambda: read_curves(folder))
    curve = read_curves(folder)[TAGS[0]]
    plot = timed(lambda: chart(curve), 5)
    thin = timed(lambda: decimate(curve.steps, curve.values), 5)
    print(f"  first read {first:8.1f} ms")
    print(
        f"  second read, 100 new steps {second:6.1f} ms = {second / 20:.2f} of the limit (20 ms); nothing new {nothing:.1f} ms"
    )
    print(
        f"  one curve for the plot {plot:6.1f} ms ({thin:.1f} ms of it thinning to {len(chart(curve)['steps'])} points)"
    )
    theirs(folder, path, steps, first, second)


def theirs(folder: Path, path: Path, steps: int, first: float, second: float) -> None:
    """TensorBoard's EventAccumulator on the same file."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(path.parent), size_guidance={"scalars": 0, "tensors": 0})
    whole = timed(reader.Reload)
    append(path, points(steps + 101, 100))
    more = timed(lambda: (reader.Reload(), [reader.Scalars(tag) for tag in reader.Tags()["scalars"]]))
    print(
        f"  ratio to EventAccumulator: first {first / whole:.2f} ({whole:.0f} ms), second {second / more:.2f} ({more:.1f} ms)"
    )


def log_costs(folder: Path) -> None:
    """A day's log, then one more line."""
    log = folder / "log.txt"
    frame = "steps:  10%|#  | {0}/90000 [00:03<00:09,  1.07s/it, avr_loss=0.5]\nINFO:musubi_tuner.x:something {0}\n"
    with log.open("w", encoding="utf-8") as handle:
        handle.writelines(frame.format(number) for number in range(400_000))
    cold = timed(lambda: read_log(log))
    with log.open("a", encoding="utf-8") as handle:
        handle.write(frame.format(400_000))
    warm = timed(lambda: read_log(log))
    print(f"log of {log.stat().st_size / 2**20:.0f} MB: first look {cold:.1f} ms, one more line {warm:.2f} ms")


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as name:
        curve_costs(Path(name), steps)
        log_costs(Path(name))


if __name__ == "__main__":
    main()
