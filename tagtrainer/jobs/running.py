"""One task that runs: starting its steps, reading what they print, seeing how they end. Must not know the other tasks.

A program prints into raw.log, not into a pipe, so it lives on when the worker is killed; the next worker adopts it.
"""

from __future__ import annotations

import codecs
import logging
import sys
import threading
import time
from pathlib import Path

import psutil

from tagtrainer.core.files import read_json
from tagtrainer.core.steps import Step
from tagtrainer.core.system import ProcessId, alive, group_members, identify, spawn_detached, stop_group
from tagtrainer.core.text import UserError
from tagtrainer.jobs import store
from tagtrainer.jobs.output import Collapser, Meter, append_lines
from tagtrainer.jobs.store import State, StepTime, Task
from tagtrainer.workspace import Workspace

log = logging.getLogger(__name__)
SHIM = Path(__file__).resolve().with_name("shim.py")
GRACE_SECONDS = 10.0
RAW_BYTES = 8 << 20
READ_BYTES = 4 << 20


class Running:
    """Drives one task from step to step; `poll` is called a few times a second and never blocks for long."""

    def __init__(self, ws: Workspace, task: Task, state: State) -> None:
        self.ws, self.task, self.state = ws, task, state
        self.folder = ws.task(task.id)
        self.shim: ProcessId | None = None
        self._stopping: threading.Thread | None = None
        self._prepare(self.state.step or 0)

    def start(self) -> None:
        """Begin a queued task with its first step; the log of an earlier attempt is kept beside."""
        log_path = store.log_path(self.ws, self.task.id)
        if log_path.exists():
            log_path.replace(self.folder / f"log-{max(1, self.state.attempt - 1)}.txt")
        store.raw_path(self.ws, self.task.id).write_bytes(b"")
        (self.folder / "result.json").unlink(missing_ok=True)
        self.state = self.state.model_copy(update={"status": "running", "started_at": time.time(), "step_times": []})
        if self.task.steps:
            self._begin(0)
        else:
            self._end("completed")

    def adopt(self) -> None:
        """Take over from a worker that is gone: its step may still run, may have ended, or may never have begun."""
        step = self.state.step
        if step is None:
            self.start()
            return
        self._prepare(step)
        if self.state.pid is not None and self.state.pid_started is not None:
            self.shim = ProcessId(self.state.pid, self.state.pid_started)
        else:
            self.shim = self._orphan()
        log.info("%s: adopted step %s, process %s", self.task.id, step, self.shim)
        if self.shim is None and not self._exit_file().exists():
            self._spawn(self.task.steps[step])

    def _orphan(self) -> ProcessId | None:
        """The shim that a worker started just before it was killed and could not write down any more."""
        try:
            pid = int(read_json(self._exit_file().with_suffix(".pid"))["pid"])
            if str(self._exit_file()) in psutil.Process(pid).cmdline():
                return identify(pid)
        except (OSError, UserError, psutil.Error, KeyError, TypeError, ValueError):
            pass
        return None

    def _exit_file(self) -> Path:
        return self.folder / f"exit-{self.state.attempt}-{self.state.step}.json"

    def _prepare(self, number: int) -> None:
        self._collapser = Collapser(Meter(expected=self.task.steps[number].total if self.task.steps else None))
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def _begin(self, number: int) -> None:
        step = self.task.steps[number]
        self._prepare(number)
        times = [*self.state.step_times, StepTime(name=step.name, started_at=time.time())]
        changes = {"step": number, "step_name": step.name, "pid": None, "pid_started": None, "progress": None}
        self._save(**changes, step_times=times, exit_code=None)
        self._spawn(step)

    def _spawn(self, step: Step) -> None:
        env = {"PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", **step.env, "TAGTRAINER_TASK": str(self.folder)}
        argv = [sys.executable, "-I", "-S", str(SHIM), str(self._exit_file()), *step.argv]
        try:
            self.shim = spawn_detached(argv, cwd=step.cwd, env=env, stdout=store.raw_path(self.ws, self.task.id))
        except OSError as error:
            append_lines(store.log_path(self.ws, self.task.id), [f"{step.cwd or ''} {step.argv[0]}: {error}"])
            self._end("failed", reason="jobs.cannot_start")
            return
        self._save(pid=self.shim.pid, pid_started=self.shim.started)

    def poll(self) -> bool:
        """Read, record, go on to the next step; False when the task has ended."""
        if self.state.status != "running":
            return False
        self._heed_stop()
        gone = self.shim is None or not alive(self.shim)
        self._read(last=gone)
        if gone:
            self._step_ended()
        return self.state.status == "running"

    def _heed_stop(self) -> None:
        if self._stopping is not None or self.shim is None or not self._stop_wished():
            return
        self._stopping = threading.Thread(target=stop_group, args=(self.shim, GRACE_SECONDS), daemon=True)
        self._stopping.start()

    def _stop_wished(self) -> bool:
        return store.stop_path(self.ws, self.task.id).exists()

    def _read(self, *, last: bool) -> None:
        raw = store.raw_path(self.ws, self.task.id)
        lines: list[str] = []
        position = self.state.raw_read
        try:
            with raw.open("rb") as handle:
                handle.seek(position)
                while data := handle.read(READ_BYTES):
                    position += len(data)
                    lines += self._collapser.feed(self._decoder.decode(data))
        except OSError as error:
            log.warning("%s: %s", raw, error)
        if last:
            lines += self._collapser.end()
        if position == self.state.raw_read and not lines:
            return
        append_lines(store.log_path(self.ws, self.task.id), lines)
        if position > RAW_BYTES or last:
            position = self._empty(raw, position)
        self._save(progress=self._collapser.meter.now, raw_read=position)

    def _empty(self, raw: Path, position: int) -> int:
        """Forget what was read; the program appends, so it simply goes on at the new end."""
        if raw.stat().st_size != position:
            return position
        with raw.open("r+b") as handle:
            handle.truncate(0)
        return 0

    def _step_ended(self) -> None:
        if self._stopping is not None:
            self._stopping.join()
        elif self.shim is not None and group_members(self.shim):
            stop_group(self.shim, 2.0)
        code = self._exit_code()
        times = list(self.state.step_times)
        if times:
            times[-1] = times[-1].model_copy(update={"ended_at": time.time(), "exit_code": code})
        self._save(step_times=times, exit_code=code)
        number = self.state.step or 0
        if code == 0 and number + 1 == len(self.task.steps):
            self._end("completed")
        elif self._stop_wished():
            self._end("stopped", stopped_by_user=True)
        elif code != 0:
            self._end("failed", reason="jobs.vanished" if code is None else "")
        else:
            self._begin(number + 1)

    def _exit_code(self) -> int | None:
        try:
            return int(read_json(self._exit_file())["exit_code"])
        except (OSError, UserError, KeyError, TypeError, ValueError):
            return None

    def _end(self, status: store.Status, *, reason: str = "", stopped_by_user: bool = False) -> None:
        self._save(
            status=status,
            reason=reason,
            stopped_by_user=stopped_by_user,
            ended_at=time.time(),
            pid=None,
            pid_started=None,
        )
        store.stop_path(self.ws, self.task.id).unlink(missing_ok=True)
        log.info("%s: %s", self.task.id, status)

    def _save(self, **changes: object) -> None:
        self.state = self.state.model_copy(update=changes)
        store.save_state(self.ws, self.task.id, self.state)
