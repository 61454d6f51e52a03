"""Going on with a run that was stopped or killed: under which name, and from which saved state. Must not start anything.

The engine overwrites files of the same name without asking, and counts from zero again when it resumes. So every attempt
writes under a name of its own and trains only what is left.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tagtrainer.core.files import read_json, write_json
from tagtrainer.core.text import UserError
from tagtrainer.training.case import Case
from tagtrainer.training.summary import Summary

FILE = "attempts.json"
STEADY = ("constant", "constant_with_warmup")
"""Schedules that mean the same after a resume; others would rise again past their end."""


class Attempt(BaseModel):
    """One start of a task. `steps_before` and `epochs_before` were done by the attempts it goes on from: the engine counts from
    zero again. `at` is when it was queued, seconds since 1970."""

    model_config = ConfigDict(extra="ignore")

    output_name: str
    at: float = 0.0
    steps_before: int = 0
    epochs_before: int = 0
    resumed_from: str = ""


class Attempts(BaseModel):
    """attempts.json of a task, the newest last."""

    model_config = ConfigDict(extra="ignore")

    attempts: list[Attempt] = Field(default_factory=list)


@dataclass(frozen=True)
class Saved:
    """A state folder of the engine and how many optimizer steps the run had done when it was saved."""

    path: Path
    steps: int


def load(folder: Path) -> list[Attempt]:
    """Attempts of the task in that folder; none for one that was never started again."""
    try:
        return Attempts.model_validate(read_json(folder / FILE)).attempts
    except (FileNotFoundError, UserError, ValueError):
        return []


def save(folder: Path, attempts: list[Attempt]) -> None:
    """Write attempts.json."""
    write_json(folder / FILE, Attempts(attempts=attempts).model_dump())


def next_attempt(case: Case, folder: Path, models: Path, totals: Summary) -> tuple[Attempt, dict[str, Any]]:
    """(the next attempt, options to change for it). Nothing changes while the models folder holds no file of the run."""
    before = load(folder) or [Attempt(output_name=case.draft.output_name)]
    last = before[-1]
    if not _written(models, last.output_name):
        return last.model_copy(update={"at": time.time()}), _rest(case, totals, last)
    saved = latest_state(models, before, totals) if case.value("lr_scheduler", "constant") in STEADY else None
    name = f"{case.draft.output_name}-{len(before) + 1}"
    if saved is None or saved.steps >= totals.steps:
        return Attempt(output_name=name, at=time.time()), {}
    per_epoch = _per_epoch(totals)
    found = Attempt(
        output_name=name, at=time.time(), steps_before=saved.steps, resumed_from=str(saved.path),
        epochs_before=saved.steps // per_epoch if per_epoch else 0,
    )  # fmt: skip
    return found, _rest(case, totals, found)


def _rest(case: Case, totals: Summary, attempt: Attempt) -> dict[str, Any]:
    """What is left to train, counted the way the user chose: epochs where they come out even, else steps."""
    if not attempt.resumed_from:
        return {}
    left = totals.steps - attempt.steps_before
    per_epoch = _per_epoch(totals)
    if case.value("max_train_epochs") and per_epoch and left % per_epoch == 0:
        return {"resume": attempt.resumed_from, "max_train_epochs": left // per_epoch}
    return {"resume": attempt.resumed_from, "max_train_epochs": None, "max_train_steps": left}


def _per_epoch(totals: Summary) -> int:
    return totals.steps // totals.epochs if totals.epochs else 0


def _written(models: Path, name: str) -> bool:
    return models.is_dir() and any(_of(path.name, name) for path in models.iterdir())


def _of(file: str, name: str) -> bool:
    """Whether a file or state folder belongs to that output name: NAME.safetensors, NAME-000001..., NAME-step...,"""
    return re.fullmatch(re.escape(name) + r"(-\d{6}|-step\d{8})?(-state|\.safetensors)", file) is not None


def latest_state(models: Path, attempts: list[Attempt], totals: Summary) -> Saved | None:
    """The state with the most steps behind it; half-written ones (killed while saving) are passed over."""
    found = [saved for attempt in attempts for saved in _states(models, attempt, totals)]
    return max(found, key=lambda saved: saved.steps, default=None)


def _states(models: Path, attempt: Attempt, totals: Summary) -> list[Saved]:
    per_epoch = _per_epoch(totals)
    found: list[Saved] = []
    for path in models.glob(f"{attempt.output_name}-*-state") if models.is_dir() else ():
        if not _of(path.name, attempt.output_name) or not whole(path):
            continue
        part = path.name[len(attempt.output_name) + 1 : -len("-state")]
        done = int(part[4:]) if part.startswith("step") else int(part) * per_epoch
        found.append(Saved(path, attempt.steps_before + done))
    return found


def whole(state: Path) -> bool:
    """Whether a state folder was written to its end: the engine writes the random states last."""
    return any(state.glob("random_states_*.pkl"))


def rehearsed(state: Path) -> bool:
    """Whether the rehearsal engine wrote it: its random states are JSON, the others' a pickle."""
    for path in state.glob("random_states_*.pkl"):
        with path.open("rb") as handle:
            return handle.read(1) == b"{"
    return False
