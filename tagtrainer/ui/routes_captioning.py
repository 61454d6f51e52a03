"""Routes that watch, stop and go on with batch captioning. Must not caption: every call reads the job on disk."""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from fastapi import APIRouter

from tagtrainer import flows
from tagtrainer.captioning import profiles
from tagtrainer.core.files import read_jsonl
from tagtrainer.core.text import UserError, t
from tagtrainer.datasets import store
from tagtrainer.jobs import store as jobs
from tagtrainer.jobs.store import ACTIVE, State, Task
from tagtrainer.workspace import Workspace

SHOWN_ERRORS = 200
KIND = "captioning"


def router(ws: Workspace) -> APIRouter:
    """/api/captioning/<dataset>: its newest batch; .../stop/<task> and .../again/<task>."""
    routes = APIRouter(prefix="/api/captioning")

    @routes.get("/{dataset}")
    def show(dataset: str, task: str = "") -> dict[str, Any]:
        """How the newest batch of a dataset (or the batch `task`) stands; `{"task": ""}` when there is none."""
        stats = store.stats(ws, dataset)
        found = _own(ws, dataset, task) if task else newest(ws, dataset)
        counts = {"count": stats.count, "captioned": stats.captioned}
        return {**counts, **(_view(ws, *found) if found else {"task": ""})}

    @routes.post("/{dataset}/stop/{task}")
    def stop(dataset: str, task: str) -> dict[str, Any]:
        jobs.request_stop(ws, _own(ws, dataset, task)[0].id)
        return {"task": task}

    @routes.post("/{dataset}/again/{task}")
    def again(dataset: str, task: str) -> dict[str, Any]:
        """Ask again about what failed or was not reached."""
        return {"task": flows.again(ws, _own(ws, dataset, task)[0].id)}

    return routes


def newest(ws: Workspace, dataset: str) -> tuple[Task, State] | None:
    """The dataset's batch that was started last."""
    return next((pair for pair in jobs.list_tasks(ws, KIND) if pair[0].detail.get("dataset") == dataset), None)


def _own(ws: Workspace, dataset: str, task: str) -> tuple[Task, State]:
    found = jobs.load(ws, task)
    if found.kind != KIND or found.detail.get("dataset") != dataset:
        raise UserError("jobs.not_found", id=task)
    return found, jobs.state(ws, task)


def _view(ws: Workspace, task: Task, state: State) -> dict[str, Any]:
    """What the page shows of a batch; every text in it is meant to be shown as text."""
    active, progress = state.status in ACTIVE, state.progress
    started = state.started_at or state.queued_at or task.created
    result = None if active else jobs.result(ws, task.id)
    errors = deque(read_jsonl(ws.task(task.id) / "errors.jsonl"), SHOWN_ERRORS) if state.status != "queued" else ()
    count = len(result["errors"]) if result else len(errors)
    return {
        "task": task.id,
        "status": state.status,
        "stopping": active and jobs.stop_path(ws, task.id).exists(),
        "profile": _profile(ws, str(task.detail.get("profile", ""))),
        "n": progress.n if progress else 0,
        "total": progress.total if progress else None,
        "note": progress.note if progress and active else "",
        "eta": round(progress.eta) if progress and active and progress.eta is not None else None,
        "seconds": max(0, round((state.ended_at or time.time()) - started)),
        "ended": state.ended_at,
        "done": result["done"] + result.get("earlier", 0) if result else None,
        "skipped": result["skipped"] - result.get("earlier", 0) if result else None,
        "errors": [_error(row) for row in errors],
        "error_count": count,
        "reason": "" if active or state.status == "completed" else _reason(ws, task, state, result),
    }


def _profile(ws: Workspace, ident: str) -> str:
    known = profiles.profiles(ws).get(ident)
    return known.name if known else ident


def _error(row: dict[str, Any]) -> dict[str, str]:
    return {"item": str(row.get("item", "")), "name": str(row.get("name", "")), "reason": _sentence(row)}


def _sentence(row: dict[str, Any]) -> str:
    """The reason in the reader's language; the batch may have run in another."""
    key = str(row.get("key", ""))
    return t(key, **(row.get("values") or {})) if key else str(row.get("reason", ""))


def _reason(ws: Workspace, task: Task, state: State, result: dict[str, Any] | None) -> str:
    """Why it ended before its time: what the batch said, what the worker knows, else the last line of the log."""
    if result and result.get("stopped_by"):
        return _sentence(result["stopped_by"])
    if state.reason or state.status == "stopped":
        return t(state.reason or "captioning.stopped")
    return "" if result else _last_line(ws, task)


def _last_line(ws: Workspace, task: Task) -> str:
    try:
        with jobs.log_path(ws, task.id).open("rb") as handle:
            handle.seek(max(0, handle.seek(0, 2) - 4000))
            lines = handle.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    return next((line.strip()[:400] for line in reversed(lines) if line.strip()), "")
