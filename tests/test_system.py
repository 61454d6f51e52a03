"""core/system: processes known for sure, groups that end whole, locks between processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tagtrainer.core import system
from tagtrainer.core.system import FileLock, ProcessId

SLEEPER = "import time; time.sleep(60)"
PARENT = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); time.sleep(60)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"
)


def until(what: object, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if what():  # type: ignore[operator]
            return True
        time.sleep(0.05)
    return False


def test_a_detached_program_writes_to_its_file_and_ends(tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    env = {"TT_ADDED": "雪", "PATH_TO_REMOVE": None, "PYTHONUTF8": "1"}
    process = system.spawn_detached(
        [sys.executable, "-c", "import os; print(os.environ['TT_ADDED'], os.getcwd())"],
        cwd=tmp_path,
        env=env,
        stdout=out,
    )
    assert until(lambda: not system.alive(process))
    assert out.read_text("utf-8").strip() == f"雪 {tmp_path}"


def test_a_pid_given_to_another_program_is_not_the_same_process() -> None:
    me = system.identify(os.getpid())
    assert me is not None and system.alive(me)
    assert not system.alive(ProcessId(me.pid, me.started - 1000))
    assert system.identify(2**22 + 7) is None
    assert system.group_members(ProcessId(me.pid, me.started - 1000)) == []


@pytest.mark.crash
def test_stop_ends_the_whole_group(tmp_path: Path) -> None:
    process = system.spawn_detached([sys.executable, "-c", PARENT])
    assert until(lambda: len(system.group_members(process)) == 2)
    system.stop_group(process, grace=5)
    assert system.group_members(process) == [] and not system.alive(process)


@pytest.mark.crash
@pytest.mark.skipif(os.name == "nt", reason="Windows has no TERM to ignore")
def test_what_ignores_the_request_is_killed(tmp_path: Path) -> None:
    process = system.spawn_detached([sys.executable, "-c", STUBBORN], stdout=tmp_path / "out")
    assert until(lambda: "ready" in (tmp_path / "out").read_text("utf-8"))
    system.stop_group(process, grace=0.3)
    assert not system.alive(process)


def test_a_lock_is_for_one_process_and_freed_by_its_death(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    script = (
        "import sys, time; from pathlib import Path; from tagtrainer.core.system import FileLock\n"
        "lock = FileLock(Path(sys.argv[1])); print(lock.acquire(), flush=True); time.sleep(60)"
    )
    root = Path(__file__).resolve().parent.parent
    other = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True, cwd=root)
    try:
        assert other.stdout is not None and other.stdout.readline().strip() == "True"
        lock = FileLock(path)
        assert not lock.acquire() and lock.held_elsewhere() and lock.holder() == other.pid
    finally:
        other.kill()
        other.wait()
    with lock:
        assert not FileLock(path).acquire()
    assert FileLock(path).acquire()


def test_snapshot_tells_what_is_left(tmp_path: Path) -> None:
    machine = system.snapshot(tmp_path)
    assert machine.memory_total > machine.memory_used > 0 and machine.disk_free > 0
