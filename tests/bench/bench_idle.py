"""CPU of the app when nobody uses it, beside a bare Gradio app.

    python -m tests.bench.bench_idle [SECONDS]

Aim: at most 2 percent of a core.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.bench.running import app_argv, bare_argv, cpu_share, free_port, running

SETTLE = 8.0


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    with tempfile.TemporaryDirectory() as name:
        port, other = free_port(), free_port()
        with (
            running(app_argv(Path(name) / "workspace", port), port, "/en/") as (ours, _),
            running(bare_argv(other), other, "/") as (bare, _),
        ):
            time.sleep(SETTLE)
            mine = cpu_share([ours], seconds)
            theirs = cpu_share([bare], seconds)
    print(f"idle app {mine:.2f} % of a core = {mine / 2:.2f} of the limit (2 %); bare Gradio {theirs:.2f} %")


if __name__ == "__main__":
    main()
