"""Processes, locks between processes, and what the machine has left. Must not know what any process does."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

import psutil

_WINDOWS = os.name == "nt"
_STARTED_TOLERANCE = 0.05
_children: list[subprocess.Popen[bytes]] = []


@dataclass(frozen=True)
class ProcessId:
    """A process for sure: a pid alone may have been given to another program since."""

    pid: int
    started: float
    """Seconds since 1970, as the system reports it."""


def identify(pid: int) -> ProcessId | None:
    """The process that has this pid now; None when there is none or it has already ended."""
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return ProcessId(pid, process.create_time())
    except psutil.Error:
        return None


def alive(process: ProcessId) -> bool:
    """Whether that very process still runs (a zombie does not)."""
    _reap()
    found = identify(process.pid)
    return found is not None and _same(found, process)


def _reap() -> None:
    _children[:] = [child for child in _children if child.poll() is None]


def merged_env(changes: Mapping[str, str | None]) -> dict[str, str]:
    """This process's environment with `changes` applied; None removes a variable."""
    env = dict(os.environ)
    for name, value in changes.items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value
    return env


def spawn_detached(
    argv: Sequence[str],
    *,
    cwd: str | Path | None = None,
    env: Mapping[str, str | None] | None = None,
    stdout: Path | None = None,
) -> ProcessId:
    """Start a program that outlives this one, in its own session (Windows: its own group, no console).

    Both of its output streams are appended to `stdout` (None: thrown away). Raises OSError when it cannot be started.
    """
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    with contextlib.ExitStack() as stack:
        output: IO[bytes] | int = stack.enter_context(stdout.open("ab")) if stdout is not None else subprocess.DEVNULL
        child = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=merged_env(env or {}),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=not _WINDOWS,
            creationflags=flags,
        )
    _children.append(child)
    return identify(child.pid) or ProcessId(child.pid, time.time())


def group_members(leader: ProcessId) -> list[psutil.Process]:
    """Every living process of the session that `leader` leads, and its descendants; the leader itself may be gone.

    A system does not give a pid away while a session of that number lives, so when another process has the pid now, or the
    machine was started since, nothing of the group can be left.
    """
    now = identify(leader.pid)
    if (now is not None and not _same(now, leader)) or psutil.boot_time() > leader.started + 5:
        return []
    found: dict[int, psutil.Process] = {}
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(leader.pid)
        for member in [process, *process.children(recursive=True)]:
            found[member.pid] = member
    if sys.platform != "win32":
        for process in psutil.process_iter():
            with contextlib.suppress(OSError):
                if os.getsid(process.pid) == leader.pid:
                    found[process.pid] = process
    return [process for process in found.values() if _running(process)]


def _same(one: ProcessId, other: ProcessId) -> bool:
    return one.pid == other.pid and abs(one.started - other.started) < _STARTED_TOLERANCE


def _running(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def stop_group(leader: ProcessId, grace: float = 10.0) -> None:
    """Ask the whole group to end (TERM; Windows: terminate), and kill what is still there after `grace` seconds."""
    members = group_members(leader)
    _signal(leader, members, force=False)
    _, left = psutil.wait_procs(members, timeout=grace)
    left = [*left, *group_members(leader)]
    if left:
        _signal(leader, left, force=True)
        psutil.wait_procs(left, timeout=5)
    _reap()


def _signal(leader: ProcessId, members: Sequence[psutil.Process], *, force: bool) -> None:
    if sys.platform != "win32" and members:
        with contextlib.suppress(OSError):
            os.killpg(leader.pid, signal.SIGKILL if force else signal.SIGTERM)
    for process in members:
        with contextlib.suppress(psutil.Error):
            process.kill() if force else process.terminate()


class FileLock:
    """A lock between processes that the system lets go of when its holder dies. The file tells who holds it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: IO[bytes] | None = None

    def acquire(self, timeout: float = 0.0) -> bool:
        """Take the lock, waiting up to `timeout` seconds; False when another holds it."""
        if self._handle is not None:
            return True
        self.path.parent.mkdir(parents=True, exist_ok=True)
        end = time.monotonic() + timeout
        while True:
            handle = self.path.open("a+b")
            if _lock(handle):
                self._handle = handle
                handle.truncate(0)
                handle.write(str(os.getpid()).encode("ascii"))
                handle.flush()
                return True
            handle.close()
            if time.monotonic() >= end:
                return False
            time.sleep(0.02)

    def release(self) -> None:
        """Let go; harmless when not held."""
        if self._handle is not None:
            _unlock(self._handle)
            self._handle.close()
            self._handle = None

    def held_elsewhere(self) -> bool:
        """Whether some other holder has it now."""
        if self._handle is not None or not self.path.exists():
            return False
        if self.acquire():
            self.release()
            return False
        return True

    def holder(self) -> int | None:
        """The pid that wrote itself in, if it can be read."""
        try:
            return int(self.path.read_text("ascii", "replace"))
        except (OSError, ValueError):
            return None

    def __enter__(self) -> FileLock:
        if not self.acquire(timeout=60):
            raise TimeoutError(f"{self.path} is held by process {self.holder()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


if sys.platform == "win32":
    import msvcrt

    _LOCKED_BYTE = 1 << 30  # far behind the pid, so that others can still read it

    def _lock(handle: IO[bytes]) -> bool:
        try:
            handle.seek(_LOCKED_BYTE)
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        handle.seek(0)
        return True

    def _unlock(handle: IO[bytes]) -> None:
        handle.seek(_LOCKED_BYTE)
        msvcrt.locking(handle.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(handle: IO[bytes]) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _unlock(handle: IO[bytes]) -> None:
        fcntl.flock(handle, fcntl.LOCK_UN)


@dataclass(frozen=True)
class Gpu:
    """One graphics card as its driver tells it; memory in MiB, load in percent."""

    index: int
    name: str
    memory_used: int
    memory_total: int
    load: int


@dataclass(frozen=True)
class Machine:
    """What is in use right now. Bytes; percent of all cores."""

    cpu_percent: float
    memory_used: int
    memory_total: int
    disk_free: int
    gpus: tuple[Gpu, ...]


def snapshot(place: Path) -> Machine:
    """Load and memory of this machine, and the room left on the disk of `place`."""
    memory = psutil.virtual_memory()
    return Machine(
        psutil.cpu_percent(),
        memory.total - memory.available,
        memory.total,
        shutil.disk_usage(place).free,
        tuple(gpus()),
    )


def gpus() -> list[Gpu]:
    """Graphics cards that nvidia-smi knows; none when there is no driver. Takes up to a second: not for every tick."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    query = "--query-gpu=index,name,memory.used,memory.total,utilization.gpu"
    try:
        done = subprocess.run(
            [program, query, "--format=csv,noheader,nounits"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    return [gpu for gpu in map(_gpu, done.stdout.splitlines()) if gpu is not None]


def _gpu(line: str) -> Gpu | None:
    try:
        index, name, used, total, load = (part.strip() for part in line.split(","))
        return Gpu(int(index), name, int(used), int(total), int(load) if load.isdigit() else 0)
    except ValueError:
        return None
