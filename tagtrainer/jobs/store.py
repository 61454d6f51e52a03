"""Tasks on disk: folders under tasks/, their states and who may change them. Must not run anything.

tasks/<id>/: task.json (by the submitter), state.json (by the worker once it is queued), log.txt, raw.log (what the program
printed and the worker has not read yet), stop (a wish), exit-<n>.json (by the shim), result.json (by the body, if any).
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tagtrainer.core.files import move_to_trash, read_json, slug, write_json
from tagtrainer.core.steps import Progress, Step
from tagtrainer.core.system import FileLock
from tagtrainer.core.text import UserError
from tagtrainer.workspace import Workspace

log = logging.getLogger(__name__)
Status = Literal["pending", "queued", "running", "completed", "failed", "stopped"]
ACTIVE = ("queued", "running")
ENDED = ("completed", "failed", "stopped")


class Task(BaseModel):
    """What is to be done. `resource`: tasks of one resource wait for each other. `detail` is the submitter's own."""

    model_config = ConfigDict(extra="ignore")

    id: str
    kind: str
    title: str
    resource: str = "cpu"
    created: float = Field(default_factory=time.time)
    steps: list[Step]
    detail: dict[str, Any] = Field(default_factory=dict)


class StepTime(BaseModel):
    """When a step ran, seconds since 1970."""

    name: str
    started_at: float
    ended_at: float | None = None
    exit_code: int | None = None


class State(BaseModel):
    """How a task stands. `pid` and `pid_started` name the shim of the running step; `reason` is a text key."""

    model_config = ConfigDict(extra="ignore")

    status: Status = "pending"
    step: int | None = None
    step_name: str = ""
    pid: int | None = None
    pid_started: float | None = None
    queued_at: float | None = None
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    progress: Progress | None = None
    step_times: list[StepTime] = Field(default_factory=list)
    reason: str = ""
    stopped_by_user: bool = False
    attempt: int = 0
    raw_read: int = 0


def new_id(title: str) -> str:
    """A readable id that no other task has: `alice_lora-20261121-0412-x7f3`."""
    return f"{slug(title, limit=40, fallback='task')}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}"


def queue_lock(ws: Workspace) -> FileLock:
    """Held for the moment of a state change that the worker and others could both make."""
    return FileLock(ws.runtime / "queue.lock")


def create(ws: Workspace, task: Task) -> Task:
    """Write the task's folder; it waits as `pending`. Raises UserError jobs.exists."""
    folder = ws.task(task.id)
    if (folder / "task.json").exists():
        raise UserError("jobs.exists", id=task.id)
    folder.mkdir(parents=True, exist_ok=True)
    _save_task(ws, task)
    save_state(ws, task.id, State())
    return task


def _save_task(ws: Workspace, task: Task) -> None:
    write_json(ws.task(task.id) / "task.json", json.loads(task.model_dump_json()))


def submit(ws: Workspace, task_id: str) -> None:
    """Queue a task that waits or has ended (again, from its first step). Raises UserError jobs.active, jobs.not_found."""
    from tagtrainer.jobs.worker import ensure_worker

    load(ws, task_id)
    with queue_lock(ws):
        before = state(ws, task_id)
        if before.status in ACTIVE:
            raise UserError("jobs.active", id=task_id)
        stop_path(ws, task_id).unlink(missing_ok=True)
        attempt = before.attempt + 1
        save_state(ws, task_id, State(status="queued", queued_at=time.time(), attempt=attempt))
        mark_path(ws).write_text(str(time.time_ns()), "ascii")
    ensure_worker(ws)


def load(ws: Workspace, task_id: str) -> Task:
    """The task. Raises UserError jobs.not_found, jobs.damaged."""
    path = ws.task(task_id) / "task.json"
    try:
        return Task.model_validate(read_json(path))
    except FileNotFoundError as error:
        raise UserError("jobs.not_found", id=task_id) from error
    except (ValidationError, UserError) as error:
        raise UserError("jobs.damaged", id=task_id, path=path) from error


def state(ws: Workspace, task_id: str) -> State:
    """How it stands now; a missing or unreadable state counts as pending."""
    try:
        return State.model_validate(read_json(ws.task(task_id) / "state.json"))
    except (OSError, ValidationError, UserError):
        return State()


def save_state(ws: Workspace, task_id: str, value: State) -> None:
    """Replace state.json in one step."""
    write_json(ws.task(task_id) / "state.json", json.loads(value.model_dump_json()))


def list_tasks(ws: Workspace, kind: str | None = None) -> list[tuple[Task, State]]:
    """All tasks, newest first. A folder that cannot be read is skipped and named in the log."""
    found: list[tuple[Task, State]] = []
    for folder in ws.tasks.iterdir() if ws.tasks.exists() else ():
        if not (folder / "task.json").exists():
            continue
        try:
            task = load(ws, folder.name)
        except UserError as error:
            log.warning("%s", error)
            continue
        if kind is None or task.kind == kind:
            found.append((task, state(ws, task.id)))
    return sorted(found, key=lambda pair: (pair[0].created, pair[0].id), reverse=True)


def request_stop(ws: Workspace, task_id: str) -> None:
    """A queued task is stopped at once; a running one is stopped by the worker as soon as it sees the wish."""
    load(ws, task_id)
    with queue_lock(ws):
        before = state(ws, task_id)
        if before.status == "queued":
            ended = before.model_copy(update={"status": "stopped", "ended_at": time.time(), "stopped_by_user": True})
            save_state(ws, task_id, ended)
        elif before.status == "running":
            stop_path(ws, task_id).write_text("", "utf-8")


def delete(ws: Workspace, task_id: str) -> None:
    """Move the task's folder and its outputs to the trash. Raises UserError jobs.active while it waits or runs."""
    load(ws, task_id)
    with queue_lock(ws):
        if state(ws, task_id).status in ACTIVE:
            raise UserError("jobs.active", id=task_id)
        move_to_trash(ws.task(task_id), ws.trash / "tasks")
        if ws.model(task_id).exists():
            move_to_trash(ws.model(task_id), ws.trash / "models")


def replace_steps(ws: Workspace, task_id: str, steps: Sequence[Step]) -> None:
    """Give a task new steps. Raises UserError jobs.active while it waits or runs."""
    task = load(ws, task_id)
    with queue_lock(ws):
        if state(ws, task_id).status in ACTIVE:
            raise UserError("jobs.active", id=task_id)
        _save_task(ws, task.model_copy(update={"steps": list(steps)}))


def log_path(ws: Workspace, task_id: str) -> Path:
    """The log that people read, progress redraws collapsed."""
    return ws.task(task_id) / "log.txt"


def raw_path(ws: Workspace, task_id: str) -> Path:
    """What the program printed and the worker has yet to read."""
    return ws.task(task_id) / "raw.log"


def stop_path(ws: Workspace, task_id: str) -> Path:
    """Exists while somebody wishes the task to stop."""
    return ws.task(task_id) / "stop"


def mark_path(ws: Workspace) -> Path:
    """Changes whenever something was queued, so that the worker need not read all tasks all the time."""
    return ws.runtime / "queue.mark"


def result(ws: Workspace, task_id: str) -> dict[str, Any] | None:
    """What the body left in result.json, if it did."""
    try:
        found = read_json(ws.task(task_id) / "result.json")
    except (OSError, UserError):
        return None
    return found if isinstance(found, dict) else None
