"""Trainings from draft to queue: create, start, clone, go on. Must not know a page or a terminal."""

from __future__ import annotations

import shutil
import time

from tagtrainer.core.files import read_json
from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError
from tagtrainer.jobs import store as jobs
from tagtrainer.jobs.store import Task
from tagtrainer.training import attempts, checks, freeze, plan
from tagtrainer.training.case import Case, resolve
from tagtrainer.training.draft import Draft
from tagtrainer.workspace import Workspace


def resource_of(case: Case) -> str:
    """What a training occupies: the graphics card, or only processor time."""
    return "cpu" if case.engine.rehearsal else "gpu0"


def create_training(ws: Workspace, draft: Draft, on_progress: OnProgress = silent) -> str:
    """Freeze a draft into a new task that waits for its start; returns the task's id."""
    case = resolve(ws, draft)
    task_id = jobs.new_id(draft.output_name)
    try:
        steps, detail = plan.create(ws, draft, task_id, on_progress)
        task = Task(
            id=task_id, kind="training", title=draft.name or draft.output_name, resource=resource_of(case),
            created=time.time(), steps=steps, detail=detail,
        )  # fmt: skip
        jobs.create(ws, task)
    except BaseException:
        shutil.rmtree(ws.task(task_id), ignore_errors=True)
        shutil.rmtree(ws.model(task_id), ignore_errors=True)
        raise
    return task_id


def start_training(ws: Workspace, draft: Draft, on_progress: OnProgress = silent) -> str:
    """Create and queue. Raises UserError flows.refused naming the first error of the check list."""
    refuse_errors(ws, draft)
    task_id = create_training(ws, draft, on_progress)
    jobs.submit(ws, task_id)
    return task_id


def refuse_errors(ws: Workspace, draft: Draft, *, frozen: bool = False) -> None:
    """Raise UserError flows.refused when the check list has an error."""
    errors = [problem for problem in checks.check(ws, draft, frozen=frozen) if problem.level == "error"]
    if errors:
        raise UserError("flows.refused", count=len(errors), first=errors[0])


def draft_of(ws: Workspace, task_id: str) -> Draft:
    """The draft that a training task was made from. Raises UserError flows.no_draft."""
    try:
        return Draft.model_validate(read_json(ws.task(task_id) / "draft.json"))
    except (FileNotFoundError, ValueError) as error:
        raise UserError("flows.no_draft", id=task_id) from error


def clone_training(ws: Workspace, task_id: str, name: str = "", engine: str = "") -> str:
    """A new task with the same choices and the captions as they are now; optionally on another engine."""
    draft = draft_of(ws, task_id)
    changes = {"name": name or draft.name, "engine": engine or draft.engine}
    return create_training(ws, draft.model_copy(update=changes))


def again(ws: Workspace, task_id: str) -> str:
    """Start a task, or go on with one that was stopped, failed or killed; returns its id.

    A training keeps its caches, goes on from the newest saved state where the schedule allows it, and never writes over files
    of an earlier attempt. Batch captioning and import go on item by item by themselves.
    """
    if jobs.load(ws, task_id).kind == "training":
        _refresh(ws, task_id)
    jobs.submit(ws, task_id)
    return task_id


def _refresh(ws: Workspace, task_id: str) -> None:
    """Build the steps of a training anew: paths in the settings may have changed, earlier files must stay."""
    draft, folder = draft_of(ws, task_id), ws.task(task_id)
    refuse_errors(ws, draft, frozen=True)
    case = resolve(ws, draft)
    totals = freeze.load(folder).summary()
    attempt, changes = attempts.next_attempt(case, folder, ws.model(task_id), totals)
    steps = plan.steps(case, task_id, totals, output_name=attempt.output_name, extra=changes)
    jobs.replace_steps(ws, task_id, steps)
    plan.write_scripts(folder, steps)
    known = attempts.load(folder)
    if not known or known[-1] != attempt:
        attempts.save(folder, [*known, attempt])
