"""kill -9 of the worker, of the program and of the shim: the next look shows the truth and nothing runs on unseen."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from tagtrainer.core.steps import Step
from tagtrainer.core.system import ProcessId, group_members
from tagtrainer.jobs import store, worker
from tagtrainer.jobs.store import State, Task
from tagtrainer.workspace import Workspace

pytestmark = [pytest.mark.crash, pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")]
COUNT = (
    "import sys, time\nfor n in range(1, 61):\n"
    "    print(f'steps: {n}%|# | {n}/60 [00:01<00:01, 1.0it/s, avr_loss=1.0]', end='\\r', flush=True); time.sleep(0.05)\n"
    "print('\\ndone', flush=True); sys.exit(int(sys.argv[1]))"
)


def start(ws: Workspace, code: int = 0) -> State:
    steps = [Step(name="count", argv=[sys.executable, "-c", COUNT, str(code)])]
    store.create(ws, Task(id="t", kind="test", title="Count", steps=steps))
    store.submit(ws, "t")
    return wait(ws, lambda state: state.progress is not None and state.progress.n >= 5)


def wait(ws: Workspace, what: object, seconds: float = 25) -> State:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        state = store.state(ws, "t")
        if what(state):  # type: ignore[operator]
            return state
        time.sleep(0.05)
    log = Path(ws.runtime / "worker.log")
    raise AssertionError(f"{state}\n{log.read_text('utf-8') if log.exists() else ''}")


def shim_of(state: State) -> ProcessId:
    assert state.pid is not None and state.pid_started is not None
    return ProcessId(state.pid, state.pid_started)


def ended(state: State) -> bool:
    return state.status in store.ENDED


def kill_worker(ws: Workspace) -> None:
    holder = worker.worker_lock(ws).holder()
    assert holder is not None and holder != os.getpid()
    os.kill(holder, signal.SIGKILL)
    end = time.monotonic() + 5
    while worker.worker_lock(ws).held_elsewhere() and time.monotonic() < end:
        time.sleep(0.02)


@pytest.mark.parametrize("code", [0, 3])
def test_the_program_lives_on_and_the_next_worker_takes_over(ws: Workspace, code: int) -> None:
    before = start(ws, code)
    kill_worker(ws)
    assert before.pid is not None and psutil.pid_exists(before.pid)
    assert store.state(ws, "t").status == "running"
    assert len(worker.recover(ws)) == 1
    state = wait(ws, ended)
    assert (state.status, state.exit_code) == ("completed" if code == 0 else "failed", code)
    text = store.log_path(ws, "t").read_text("utf-8")
    assert text.rstrip().endswith("done") and state.pid is None


def test_a_program_that_ended_while_nobody_looked_is_found_ended(ws: Workspace) -> None:
    start(ws)
    kill_worker(ws)
    exit_file = ws.task("t") / "exit-1-0.json"
    end = time.monotonic() + 20
    while not exit_file.exists() and time.monotonic() < end:
        time.sleep(0.05)
    worker.ensure_worker(ws)
    assert wait(ws, ended).status == "completed"


def test_a_killed_program_is_failed_with_its_signal(ws: Workspace) -> None:
    state = start(ws)
    assert state.pid is not None
    for child in psutil.Process(state.pid).children(recursive=True):
        child.kill()
    state = wait(ws, ended)
    assert (state.status, state.exit_code) == ("failed", -9)


def test_a_killed_shim_leaves_nothing_running(ws: Workspace) -> None:
    state = start(ws)
    assert state.pid is not None
    os.kill(state.pid, signal.SIGKILL)
    after = wait(ws, ended)
    assert (after.status, after.reason) == ("failed", "jobs.vanished")
    assert group_members(shim_of(state)) == []


def test_a_pid_from_before_a_restart_of_the_machine_is_not_believed(ws: Workspace) -> None:
    steps = [Step(name="count", argv=[sys.executable, "-c", "print(1)"])]
    store.create(ws, Task(id="t", kind="test", title="Old", steps=steps))
    store.save_state(ws, "t", State(status="running", step=0, pid=os.getpid(), pid_started=1000.0, attempt=1))
    worker.ensure_worker(ws)
    state = wait(ws, ended)
    assert (state.status, state.reason) == ("failed", "jobs.vanished")
    assert psutil.pid_exists(os.getpid())
    store.submit(ws, "t")
    assert wait(ws, lambda s: s.status == "completed").attempt == 2


def test_a_step_begun_but_never_written_down_is_found(ws: Workspace) -> None:
    """The worker was killed between starting the program and writing its pid down."""
    before = start(ws)
    kill_worker(ws)
    store.save_state(ws, "t", before.model_copy(update={"pid": None, "pid_started": None}))
    worker.ensure_worker(ws)
    state = wait(ws, ended)
    assert state.status == "completed"
    assert store.log_path(ws, "t").read_text("utf-8").count("done") == 1


def test_stop_leaves_no_process(ws: Workspace) -> None:
    state = start(ws)
    store.request_stop(ws, "t")
    after = wait(ws, ended)
    assert (after.status, after.stopped_by_user) == ("stopped", True)
    assert group_members(shim_of(state)) == []
