"""Time until the first page is served, beside a bare Gradio app with one label in the same environment.

    python -m tests.bench.bench_start [ROUNDS]

Aim: at most 1.5 times the bare app.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from tests.bench.running import app_argv, bare_argv, free_port, running


def measure(rounds: int) -> tuple[list[float], list[float]]:
    """Seconds of the app and of the bare one, taken in turns; a first start of each warms the disk."""
    ours, bare = [], []
    with tempfile.TemporaryDirectory() as name:
        for _ in range(rounds + 1):
            port = free_port()
            with running(bare_argv(port), port, "/") as (_process, seconds):
                bare.append(seconds)
            port = free_port()
            with running(app_argv(Path(name) / "workspace", port), port, "/en/") as (_process, seconds):
                ours.append(seconds)
    return ours[1:], bare[1:]


def main() -> None:
    ours, bare = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
    a, b = statistics.median(ours), statistics.median(bare)
    print(f"app {a:.2f} s ({min(ours):.2f} to {max(ours):.2f}), bare {b:.2f} s ({min(bare):.2f} to {max(bare):.2f})")
    print(f"ratio {a / b:.2f} (aim: at most 1.5)")


if __name__ == "__main__":
    main()
