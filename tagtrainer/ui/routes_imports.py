"""Routes that bring pictures in: uploads as streams, and imports as background jobs. Must not read any picture itself."""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import time
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.requests import ClientDisconnect

from tagtrainer import settings
from tagtrainer.core import pasted
from tagtrainer.core.files import safe_id, safe_join, write_error
from tagtrainer.core.text import UserError, t
from tagtrainer.datasets import store
from tagtrainer.jobs import store as jobs
from tagtrainer.jobs.store import State, Task
from tagtrainer.workspace import Workspace

WAITING = ("queued", "running")
KEEP_DAYS = 7
REPORT_HOURS = 24
SHOWN_SKIPS = 200


class Wanted(BaseModel):
    """An import: a folder or file on this machine, or what was uploaded under `upload`."""

    path: str = Field(default="", max_length=4000)
    upload: str = Field(default="", max_length=100)
    control: int | None = Field(default=None, ge=1, le=99)
    """All of it is this control image of pictures that are there already."""


def router(ws: Workspace) -> APIRouter:
    """Upload one file per request, then start an import of them, watch it, stop it."""
    routes = APIRouter(prefix="/api/imports")
    clean_uploads(ws)

    @routes.put("/{dataset}/upload/{upload}")
    async def receive(dataset: str, upload: str, name: str, request: Request) -> dict[str, Any]:
        """The body is the file, `name` its path inside what was dropped. Half a file is never left behind."""
        target = _place(ws, upload, name)
        _check_space(ws, int(request.headers.get("content-length") or 0))
        part = target.with_name(target.name[-60:] + ".part")
        size = 0
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as handle:
                async for block in request.stream():
                    size += len(block)
                    handle.write(block)
            part.replace(target)
        except OSError as error:
            raise write_error(target, error) from error
        except ClientDisconnect:  # the visitor stopped, or closed the page: nobody is left to answer
            return {"bytes": 0}
        finally:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
        return {"bytes": size}

    @routes.post("/{dataset}")
    def start(dataset: str, wanted: Wanted) -> dict[str, Any]:
        from tagtrainer import flows  # reaches every service, so it is loaded when it is first needed

        meta = store.get(ws, dataset)
        source = uploaded(ws, wanted.upload) if wanted.upload else typed_path(wanted.path)
        return {"task": flows.start_import(ws, meta.id, [source], wanted.control)}

    @routes.get("/{dataset}")
    def newest(dataset: str, task: str = "") -> dict[str, Any]:
        """The import `task`, or this dataset's newest of the last day; `{"task": null}` when there is none."""
        ident = task or _newest(ws, dataset)
        return _view(ws, jobs.load(ws, ident), jobs.state(ws, ident)) if ident else {"task": None}

    @routes.post("/{dataset}/stop/{task}")
    def stop(dataset: str, task: str) -> dict[str, Any]:
        jobs.request_stop(ws, task)
        return {"task": task}

    @routes.post("/{dataset}/again/{task}")
    def again(dataset: str, task: str) -> dict[str, Any]:
        from tagtrainer import flows

        return {"task": flows.again(ws, task)}

    return routes


def _uploads(ws: Workspace) -> Path:
    """Not among the temporary files: an import may go on over a restart of the app."""
    return ws.runtime / "uploads"


def _place(ws: Workspace, upload: str, name: str) -> Path:
    """Where an uploaded file goes: its folders are kept, for they may become words of a caption."""
    parts = [_clean_part(part) for part in re.split(r"[/\\]+", name) if part not in ("", ".", "..")]
    if not parts:
        raise UserError("core.outside", path=name[:80])
    return safe_join(_uploads(ws), safe_id(upload), *parts[-6:])


def _clean_part(part: str) -> str:
    """One path part that every file system takes: no control or reserved characters, at most 180 bytes."""
    part = re.sub(r'[\x00-\x1f<>:"|?*]', "_", part).strip(" ")
    stem, dot, suffix = part.rpartition(".")
    if not dot or len(suffix) > 12:
        stem, dot, suffix = part, "", ""
    room = 180 - len((dot + suffix).encode())
    if len(stem.encode()) > room:  # what is cut off may be all that differs; a caption beside it is cut the same way
        mark = "-" + hashlib.sha256(stem.encode("utf-8", "replace")).hexdigest()[:8]
        stem = stem.encode()[: 160 - len(mark)].decode("utf-8", "ignore") + mark
    return (stem or "_") + dot + suffix.rstrip(". ")


def _check_space(ws: Workspace, size: int) -> None:
    keep = settings.load(ws).storage.keep_free_gb * (1 << 30)
    if shutil.disk_usage(ws.root).free - size < keep:
        raise UserError("core.disk_full", path=ws.root)


def uploaded(ws: Workspace, upload: str) -> Path:
    """What was uploaded under this name. UserError datasets_tab.no_such_path."""
    return _there(_uploads(ws) / safe_id(upload))


def _there(path: Path) -> Path:
    if not path.exists():
        raise UserError("datasets_tab.no_such_path", path=path)
    return path


def typed_path(text: str) -> Path:
    """A path as people paste it: quotes and ~ allowed; must be absolute and exist."""
    plain = pasted.plain(text)
    path = pasted.path(plain) if plain else Path()
    if not plain or "\x00" in plain or not path.is_absolute():
        raise UserError("datasets_tab.path_not_absolute", path=plain[:200])
    return _there(path)


def _newest(ws: Workspace, dataset: str) -> str:
    """The dataset's newest import that goes on, or ended so lately that its report may still be wanted."""
    for task, state in jobs.list_tasks(ws, "import"):
        if task.detail.get("dataset") == dataset:
            recent = time.time() - (state.ended_at or time.time()) < REPORT_HOURS * 3600
            return task.id if recent or state.status in WAITING else ""
    return ""


def _view(ws: Workspace, task: Task, state: State) -> dict[str, Any]:
    """What the page shows of an import: how far, since when, and at the end what came in and what did not."""
    progress = state.progress
    started = state.started_at or state.queued_at or task.created
    result = jobs.result(ws, task.id) if state.status not in WAITING else None
    return {
        "task": task.id,
        "status": state.status,
        "n": progress.n if progress else 0,
        "total": progress.total if progress else None,
        "seconds": round((state.ended_at or time.time()) - started),
        "report": _report(result) if result is not None else None,
        "reason": ""
        if state.status != "failed"
        else t(state.reason)
        if state.reason
        else t("datasets_tab.import.failed"),
    }


def _report(result: dict[str, Any]) -> dict[str, Any]:
    skipped = result.get("skipped", [])
    shown = [{"file": str(row.get("file", "")), "reason": _sentence(row)} for row in skipped[:SHOWN_SKIPS]]
    numbers = {name: result.get(name, 0) for name in ("added", "duplicates", "captions", "controls")}
    took = [t(f"layouts.source.{name}", n=count) for name, count in (result.get("sources") or {}).items()]
    return {
        **numbers,
        "skipped": shown,
        "more": max(0, len(skipped) - SHOWN_SKIPS),
        "took": t("layouts.took", what=t("layouts.comma").join(took)) if took else "",
    }


def _sentence(row: dict[str, Any]) -> str:
    """The reason in the reader's language where its key is known, else as it was written."""
    key, values = row.get("key", ""), row.get("values") or {}
    return t(str(key), **{"file": row.get("file", ""), **values}) if key else str(row.get("reason", ""))


def clean_uploads(ws: Workspace) -> None:
    """Uploads that nobody can need any more go at start: their import is done, or they are a week old."""
    folder = _uploads(ws)
    if not folder.is_dir():
        return
    needed = {
        Path(path).name
        for task, state in jobs.list_tasks(ws, "import")
        if state.status != "completed"
        for path in task.detail.get("paths", [])
    }
    for upload in folder.iterdir():
        old = time.time() - upload.stat().st_mtime > KEEP_DAYS * 86_400
        if old or upload.name not in needed:
            shutil.rmtree(upload, ignore_errors=True)
