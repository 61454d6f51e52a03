"""Routes of the Runs tab under /api/runs/. Every call reads files; nothing is computed when nobody asks."""

from __future__ import annotations

import time
from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response

from tagtrainer import flows
from tagtrainer.core.files import human_size, tail
from tagtrainer.core.text import has_text, t
from tagtrainer.jobs import store as jobs
from tagtrainer.jobs import worker
from tagtrainer.jobs.store import State, Task
from tagtrainer.training import results
from tagtrainer.workspace import Workspace

LOG_PIECE = 131_072
COLUMNS = 800
FOREVER = {"cache-control": "private, max-age=31536000, immutable"}
DOWNLOAD = {"cache-control": "private, no-store"}
LISTED = 200
CURVES = ("loss/average", "loss/current")


def router(ws: Workspace) -> APIRouter:
    """What the list and the view of a run fetch, and what can be done to one."""
    routes = APIRouter(prefix="/api/runs")
    _acts(routes, ws)

    @routes.get("")
    def listed() -> dict[str, Any]:
        found = jobs.list_tasks(ws)
        if any(state.status in jobs.ACTIVE for _, state in found):
            worker.ensure_worker(ws)
        return {"runs": [_row(task, state) for task, state in found[:LISTED]], "more": max(0, len(found) - LISTED)}

    @routes.get("/{run}")
    def one(run: str) -> dict[str, Any]:
        task, state = jobs.load(ws, run), jobs.state(ws, run)
        return {**_row(task, state), **_view(ws, task, state)}

    @routes.get("/{run}/log")
    def log(run: str, offset: int | None = None) -> dict[str, Any]:
        jobs.load(ws, run)
        piece = tail(jobs.log_path(ws, run), offset, LOG_PIECE)
        return {"text": piece.text, "start": piece.start, "end": piece.end, "size": piece.size}

    @routes.get("/{run}/curves")
    def curves(run: str, revision: str = "") -> dict[str, Any]:
        """Decimated curves; empty when nothing is new since `revision`."""
        known = results.curves(ws, jobs.load(ws, run).id)
        wanted = {tag: curve for tag, curve in known.items() if tag in CURVES or tag.startswith("lr/")}
        now = "-".join(str(len(curve)) for curve in wanted.values())
        if now == revision:
            return {"revision": now, "curves": None}
        loss = next((wanted[tag] for tag in reversed(CURVES) if tag in wanted), None)
        rates = [curve for tag, curve in wanted.items() if tag.startswith("lr/")][:2]
        chosen = [("loss", loss), *(("rate", curve) for curve in rates)]
        return {
            "revision": now,
            "curves": [{"kind": k, **results.chart(c, COLUMNS)} for k, c in chosen if c is not None],
        }

    @routes.get("/{run}/curves.csv")
    def curves_csv(run: str) -> Response:
        """Every point of every curve, for a spreadsheet."""
        task = jobs.load(ws, run)
        headers = {**DOWNLOAD, "Content-Disposition": f'attachment; filename="{task.id}.csv"'}
        return Response(results.table_csv(ws, task.id), media_type="text/csv", headers=headers)

    @routes.get("/{run}/samples")
    def samples(run: str) -> dict[str, Any]:
        grid = results.samples(ws, jobs.load(ws, run).id)
        rows = [
            {
                "label": row.label,
                "cells": [{"file": c.file, "video": c.video, "v": int(c.modified)} if c else None for c in row.cells],
            }
            for row in grid.rows
        ]
        return {"prompts": list(grid.prompts), "rows": rows}

    @routes.get("/{run}/sample/{file}")
    def sample(run: str, file: str) -> FileResponse:
        return FileResponse(results.sample_path(ws, jobs.load(ws, run).id, file), headers=FOREVER)

    @routes.get("/{run}/checkpoints")
    def checkpoints(run: str) -> dict[str, Any]:
        found = results.checkpoints(ws, jobs.load(ws, run).id)
        rows = [
            {
                "file": c.file,
                "epoch": c.epoch,
                "step": c.step,
                "kind": c.kind,
                "size": human_size(c.size),
                "complete": c.complete,
            }
            for c in found
        ]
        return {"checkpoints": rows, "states": len(results.states(ws, run))}

    @routes.get("/{run}/checkpoint/{file}")
    def checkpoint(run: str, file: str) -> FileResponse:
        path = results.checkpoint_path(ws, jobs.load(ws, run).id, file)
        return FileResponse(path, filename=path.name, media_type="application/octet-stream", headers=DOWNLOAD)

    return routes


def _acts(routes: APIRouter, ws: Workspace) -> None:
    @routes.post("/{run}/stop")
    def stop(run: str) -> dict[str, Any]:
        jobs.request_stop(ws, run)
        worker.ensure_worker(ws)
        return {"status": jobs.state(ws, run).status}

    @routes.post("/{run}/again")
    def again(run: str) -> dict[str, Any]:
        return {"run": flows.again(ws, run)}

    @routes.post("/{run}/delete")
    def delete(run: str) -> dict[str, Any]:
        jobs.delete(ws, run)
        return {}


def _kind(task: Task) -> str:
    """What a task does, in words: the work on a dataset by its verb."""
    verb = f"runs.verb.{task.detail.get('verb')}"
    return t(verb) if task.kind == "work" and has_text(verb) else t(f"runs.kind.{task.kind}")


def _row(task: Task, state: State) -> dict[str, Any]:
    progress = state.progress and (state.progress.of("steps") or state.progress)
    share = progress.n / progress.total if progress and progress.total else None
    return {
        "id": task.id, "title": task.title, "kind": task.kind, "kind_label": _kind(task), "created": task.created,
        "status": state.status, "status_label": t(f"runs.status.{state.status}"), "share": share,
        "rehearsal": bool(task.detail.get("rehearsal")), "training": task.kind == "training",
    }  # fmt: skip


def _view(ws: Workspace, task: Task, state: State) -> dict[str, Any]:
    if task.kind == "training":
        view = results.run_view(ws, task, state).as_json()
        return {"view": view, "can_stop": state.status in jobs.ACTIVE, "wish": jobs.stop_path(ws, task.id).exists()}
    progress = state.progress
    ended = state.ended_at or time.time()
    view = {
        "stages": [], "step": progress.n if progress else None, "total": progress.total if progress else None,
        "seconds_per_step": progress.seconds_per_unit if progress else None, "eta": progress.eta if progress else None,
        "elapsed": ended - state.started_at if state.started_at else None, "message": _message(ws, task, state),
    }  # fmt: skip
    return {"view": view, "can_stop": state.status in jobs.ACTIVE, "wish": jobs.stop_path(ws, task.id).exists()}


def _message(ws: Workspace, task: Task, state: State) -> str:
    if state.status == "failed":
        return str(results.failure(ws, task, state))
    found = jobs.result(ws, task.id) if state.status in jobs.ENDED else None
    key = f"runs.result.{task.kind}"
    if found is not None and has_text(key, "en"):
        numbers = {name: len(value) if isinstance(value, list) else value for name, value in found.items()}
        return t(key, **numbers)
    return t(f"runs.status.{state.status}")
