"""CPU of the app while a training prints 20 progress updates a second: watched by a real page, and by nobody.

    python -m tests.bench.bench_watch [SECONDS]

Aim: the app under 3 percent of a core while a page watches, nothing beyond idling when nobody does. The worker that follows
the run is another process; its share is printed beside. Needs Chromium; without one only the unwatched part is measured.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from tagtrainer.core.steps import Step
from tagtrainer.jobs import store as jobs
from tagtrainer.workspace import Workspace, open_workspace
from tests.bench.running import app_argv, cpu_share, free_port, running

SETTLE = 8.0
PRINTER = """
import sys, time
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from tests.event_writer import append, session
events = session(Path(sys.argv[2]) / "tensorboard", int(time.time()))
total = 200_000
print("  num train items / x: 100\\n  num batches per epoch / x: 100\\n  num epochs / x: 2000", flush=True)
print(f"  total optimization steps / x: {total}\\n\\nepoch 1/2000", flush=True)
began = time.monotonic()
for n in range(1, total):
    time.sleep(max(0.0, began + n / 20 - time.monotonic()))
    append(events, [(tag, n, 1.0 / n) for tag in ("loss/current", "loss/average", "lr/unet")])
    sys.stderr.write(f"\\rsteps:   0%|          | {n}/{total} [00:03<00:09, 20.00it/s, avr_loss={1 / n:.3g}]")
    if n % 100 == 0:
        print(f"\\nepoch {n // 100 + 1}/2000", flush=True)
"""


def start_run(ws: Workspace) -> str:
    """A training task whose only program prints and logs 20 steps a second until it is stopped."""
    task = jobs.new_id("watched run")
    root = str(Path(__file__).resolve().parent.parent.parent)
    argv = [sys.executable, "-c", PRINTER, root, str(ws.task(task))]
    step = Step(name="train", argv=argv, cwd=root)
    jobs.create(ws, jobs.Task(id=task, kind="training", title="watched run", created=time.time(), steps=[step]))
    jobs.submit(ws, task)
    while jobs.state(ws, task).status != "running":
        time.sleep(0.1)
    return task


@contextlib.contextmanager
def watching(url: str) -> Iterator[bool]:
    """A real page on the Runs tab; False when there is no Chromium."""
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    if found is None:
        yield False
        return
    from playwright.sync_api import sync_playwright

    with sync_playwright() as api:
        browser = api.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page(locale="en", viewport={"width": 1440, "height": 900})
        page.goto(f"{url}/en/")
        page.locator("#tab_runs-button").click()
        page.get_by_text("watched run").first.click()
        yield True
        browser.close()


def worker_of(ws: Workspace) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(ws.root) in (process.info["cmdline"] or [])
        and (process.info["cmdline"] or [])[-2:] == ["jobs", "worker"]
    ]


def measure(ws: Workspace, seconds: float) -> None:
    port = free_port()
    with running(app_argv(ws.root, port), port, "/en/") as (app, _):
        time.sleep(SETTLE)
        idle = cpu_share([app], seconds)
        task = start_run(ws)
        try:
            unwatched(ws, app, idle, seconds)
            with watching(f"http://127.0.0.1:{port}") as watched:
                if watched:
                    time.sleep(SETTLE)
                    share = cpu_share([app], seconds)
                    print(f"run watched by a page {share:.2f} % of a core = {share / 3:.2f} of the limit (3 %)")
        finally:
            end(ws, task)


def unwatched(ws: Workspace, app: psutil.Process, idle: float, seconds: float) -> None:
    time.sleep(SETTLE)
    alone, follower = cpu_share([app], seconds), own_share(worker_of(ws)[:1], seconds)
    print(
        f"idle {idle:.2f} % of a core, a run that nobody watches {alone:.2f} %; the worker that follows it {follower:.2f} %"
    )


def end(ws: Workspace, task: str) -> None:
    """Stop the run and wait for its end; the worker retires by itself."""
    jobs.request_stop(ws, task)
    while jobs.state(ws, task).status not in jobs.ENDED:
        time.sleep(0.2)


def own_share(processes: list[psutil.Process], seconds: float) -> float:
    """Percent of a core of these processes without their children: the run itself is one."""
    before = [sum(process.cpu_times()[:2]) for process in processes]
    time.sleep(seconds)
    after = [sum(process.cpu_times()[:2]) for process in processes]
    return (sum(after) - sum(before)) / seconds * 100


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 20.0
    with tempfile.TemporaryDirectory() as name:
        measure(open_workspace(Path(name) / "workspace"), seconds)


if __name__ == "__main__":
    main()
