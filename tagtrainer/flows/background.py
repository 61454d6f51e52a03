"""Long work of one service as a queued task, and waiting for any task. Must not know a page or a terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tagtrainer.core.steps import Step
from tagtrainer.core.text import UserError, language
from tagtrainer.datasets import store
from tagtrainer.engines.base import PROGRESS_SAFE_ENV
from tagtrainer.jobs import store as jobs
from tagtrainer.jobs import worker
from tagtrainer.jobs.store import State, Task
from tagtrainer.training.plan import PACKAGE_ROOT
from tagtrainer.workspace import Workspace

ENDED = ("completed", "failed", "stopped")


def start_captioning(ws: Workspace, dataset: str, profile: str, mode: str, items: Sequence[str] | None = None) -> str:
    """Queue batch captioning of a dataset; returns the task's id."""
    from tagtrainer.captioning import batch  # its providers are loaded only when they are needed

    meta = store.get(ws, dataset)
    steps = batch.task_steps(ws, dataset, profile, mode, items)
    detail = {"dataset": dataset, "profile": profile, "mode": mode, "items": len(items) if items is not None else None}
    return _queue(
        ws, f"caption {meta.id}", steps, kind="captioning", title=meta.name, resource="network", detail=detail
    )


def start_import(ws: Workspace, dataset: str, paths: Sequence[Path], control: int | None = None) -> str:
    """Queue an import of files, folders and zips into a dataset, or as its control image `control`; returns the task's id."""
    meta = store.get(ws, dataset)
    words = [] if control is None else ["--control", str(control)]
    step = _own_step(ws, "import", dataset, *words, *(str(path) for path in paths))
    detail = {"dataset": dataset, "paths": [str(path) for path in paths]}
    return _queue(ws, f"import {meta.id}", [step], kind="import", title=meta.name, resource="disk", detail=detail)


def start_work(
    ws: Workspace, dataset: str, verb: str, words: Sequence[str] = (), title: str = "", total: int | None = None
) -> str:
    """Queue `dataset VERB ID WORDS...` of our own command line as a task; returns its id. One of a verb at a time."""
    meta = store.get(ws, dataset)
    for task, state in jobs.list_tasks(ws, "work"):
        if task.detail.get("dataset") == dataset and task.detail.get("verb") == verb and state.status in jobs.ACTIVE:
            raise UserError("flows.at_work", name=meta.name)
    step = _own_step(ws, verb, dataset, *words, total=total)
    detail = {"dataset": dataset, "verb": verb, "words": list(words)}
    return _queue(
        ws, f"{verb} {meta.id}", [step], kind="work", title=title or meta.name, resource="disk", detail=detail
    )


def _own_step(ws: Workspace, verb: str, dataset: str, *words: str, total: int | None = None) -> Step:
    argv = own_command(ws, "dataset", verb, dataset, *words)  # its log is for people, its result lies in result.json
    env = {**PROGRESS_SAFE_ENV, "TAGTRAINER_LANGUAGE": language()}  # its remarks are read by whoever started it
    return Step(name=verb, argv=argv, cwd=str(PACKAGE_ROOT), env=env, total=total)


def _queue(ws: Workspace, name: str, steps: Sequence[Step], **facts: Any) -> str:
    """Make a task and queue it; `facts` are the other fields of Task. Returns its id."""
    task = Task(id=jobs.new_id(name), created=time.time(), steps=list(steps), **facts)
    jobs.create(ws, task)
    jobs.submit(ws, task.id)
    return task.id


def own_command(ws: Workspace, *words: str) -> list[str]:
    """The argument list that runs one of our own commands on this workspace."""
    return [sys.executable, "-m", "tagtrainer", "--workspace", str(ws.root), "--config", str(ws.config), *words]


def wait(ws: Workspace, task_id: str, on_state: Callable[[State], None] = lambda _: None, pause: float = 0.3) -> State:
    """Watch a task until it ends; `on_state` sees every state read. The worker is started again should it vanish."""
    checked = time.monotonic()
    while True:
        state = jobs.state(ws, task_id)
        on_state(state)
        if state.status in ENDED:
            return state
        if time.monotonic() - checked > 5:
            worker.ensure_worker(ws)
            checked = time.monotonic()
        time.sleep(pause)
