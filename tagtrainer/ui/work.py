"""Background work of a dataset's views: how it stands, and stopping it. Must not know what the work is."""

from __future__ import annotations

import time
from typing import Any

from tagtrainer.core.text import UserError, t
from tagtrainer.jobs import store as jobs
from tagtrainer.jobs import worker
from tagtrainer.jobs.store import ACTIVE, State, Task
from tagtrainer.workspace import Workspace

KIND = "work"


def newest(ws: Workspace, dataset: str, verb: str) -> dict[str, Any]:
    """What the page shows of the dataset's newest task of this verb; {"task": None} when there is none."""
    found = _newest(ws, dataset, verb)
    return view_of(ws, *found) if found else {"task": None}


def _newest(ws: Workspace, dataset: str, verb: str) -> tuple[Task, State] | None:
    tasks = jobs.list_tasks(ws, KIND)
    mine = (pair for pair in tasks if pair[0].detail.get("dataset") == dataset and pair[0].detail.get("verb") == verb)
    return next(mine, None)


def view_of(ws: Workspace, task: Task, state: State) -> dict[str, Any]:
    """Progress, elapsed seconds, and at the end the result or the reason of failure. Work that has lost its worker gets one."""
    progress = state.progress
    started = state.started_at or state.queued_at or task.created
    ended = state.status not in ACTIVE
    if not ended:
        worker.ensure_worker(ws)
    return {
        "task": task.id,
        "status": state.status,
        "n": progress.n if progress else 0,
        "total": progress.total if progress else None,
        "note": progress.note if progress else "",
        "seconds": round((state.ended_at or time.time()) - started),
        "result": jobs.result(ws, task.id) if ended else None,
        "reason": _reason(ws, task, state) if state.status == "failed" else "",
    }


def _reason(ws: Workspace, task: Task, state: State) -> str:
    said = jobs.result(ws, task.id) or {}
    if said.get("error"):
        return t(str(said["error"]), **(said.get("values") or {}))
    return t(state.reason) if state.reason else t("work.failed")


def stop(ws: Workspace, dataset: str, verb: str) -> dict[str, Any]:
    """Ask the dataset's newest task of this verb to stop."""
    found = _newest(ws, dataset, verb)
    if found is None:
        raise UserError("work.failed")
    if found[1].status in ACTIVE:
        jobs.request_stop(ws, found[0].id)
    return {"task": found[0].id}
