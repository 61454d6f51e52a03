"""The worker: one detached process per workspace that runs queued tasks, side by side where they need different things.

Must not know what a task does. It may be killed at any moment: the next one takes over what still runs.
"""

from __future__ import annotations

import logging
import sys
import time
from pathlib import Path

from tagtrainer.core.system import FileLock, spawn_detached
from tagtrainer.core.text import t
from tagtrainer.jobs import store
from tagtrainer.jobs.running import Running
from tagtrainer.jobs.store import State, Task
from tagtrainer.workspace import Workspace

log = logging.getLogger(__name__)
POLL_SECONDS = 0.3
SCAN_SECONDS = 20.0
PACKAGE_ROOT = Path(__file__).resolve().parent.parent.parent


def worker_lock(ws: Workspace) -> FileLock:
    """Held by the worker as long as it lives."""
    return FileLock(ws.runtime / "worker.lock")


def ensure_worker(ws: Workspace) -> bool:
    """Start the worker when something waits or runs and none is there. Cheap enough for a timer; True when it started one."""
    if worker_lock(ws).held_elsewhere() or not active_tasks(ws):
        return False
    argv = [
        sys.executable,
        "-m",
        "tagtrainer",
        "--workspace",
        str(ws.root),
        "--config",
        str(ws.config),
        "jobs",
        "worker",
    ]
    spawn_detached(argv, cwd=PACKAGE_ROOT, env={"PYTHONUTF8": "1"}, stdout=ws.runtime / "worker.log")
    return True


def active_tasks(ws: Workspace) -> list[tuple[Task, State]]:
    """What waits or runs, longest waiting first."""
    found = [(task, state) for task, state in store.list_tasks(ws) if state.status in store.ACTIVE]
    return sorted(found, key=lambda pair: (pair[1].queued_at or 0.0, pair[0].created))


def recover(ws: Workspace) -> list[str]:
    """For the start of the app: give waiting and interrupted tasks their worker back. A sentence for each of them."""
    if not ensure_worker(ws):
        return []
    return [t("jobs.recovered", title=task.title, id=task.id) for task, _ in active_tasks(ws)]


def run(ws: Workspace, *, linger: float = 30.0) -> int:
    """Work until nothing has been left to do for `linger` seconds. 0, also when another worker is at work already."""
    lock = worker_lock(ws)
    if not lock.acquire(timeout=5):
        return 0
    logging.getLogger("tagtrainer.jobs").setLevel(logging.INFO)
    _Worker(ws, lock, linger).run()
    return 0


class _Worker:
    def __init__(self, ws: Workspace, lock: FileLock, linger: float) -> None:
        self.ws, self.lock, self.linger = ws, lock, linger
        self.running: dict[str, Running] = {}
        self._mark = ""
        self._scanned = float("-inf")
        self._idle_since = time.monotonic()

    def run(self) -> None:
        try:
            while self._round():
                time.sleep(POLL_SECONDS)
        finally:
            self.lock.release()

    def _round(self) -> bool:
        for resource, running in list(self.running.items()):
            if not self._poll(running):
                del self.running[resource]
                self._scanned = float("-inf")
        self._take_up()
        if self.running:
            self._idle_since = time.monotonic()
        return time.monotonic() - self._idle_since < self.linger or not self._retire()

    def _poll(self, running: Running) -> bool:
        try:
            return running.poll()
        except Exception:  # border: one task's trouble must not stop the others; it is tried again
            log.exception("%s cannot be followed", running.task.id)
            time.sleep(1)
            return True

    def _take_up(self) -> None:
        """Adopt what runs without us, start what waits, one per resource."""
        mark = self._read_mark()
        if mark == self._mark and time.monotonic() - self._scanned < SCAN_SECONDS:
            return
        self._mark, self._scanned = mark, time.monotonic()
        active = active_tasks(self.ws)
        for task, _ in sorted(active, key=lambda pair: pair[1].status != "running"):
            if task.resource not in self.running:
                self._begin(task)

    def _begin(self, task: Task) -> None:
        running = None
        with store.queue_lock(self.ws):
            state = store.state(self.ws, task.id)  # it may have been stopped since it was listed
            if state.status in store.ACTIVE:
                running = Running(self.ws, task, state)
                running.start() if state.status == "queued" else running.adopt()
        if running is not None:
            self.running[task.resource] = running

    def _read_mark(self) -> str:
        try:
            return store.mark_path(self.ws).read_text("ascii")
        except OSError:
            return ""

    def _retire(self) -> bool:
        """Let go of the lock unless something was queued in this very moment; then whoever queued it starts a worker."""
        with store.queue_lock(self.ws):
            if self._read_mark() != self._mark or active_tasks(self.ws):
                self._idle_since = time.monotonic()
                return False
            self.lock.release()
            return True
