"""Which starts of a task went on from a saved state, and how far the run had come by then. Must not start anything."""

from __future__ import annotations

from dataclasses import dataclass

from tagtrainer.training.results.places import places
from tagtrainer.workspace import Workspace


@dataclass(frozen=True)
class Resume:
    """A start that went on from a saved state: the engine counts from 0 again, so its points are moved by what was done.

    `at` is when it was started (seconds since 1970); every later start counts from here until the next Resume.
    """

    at: float
    step: int
    epoch: int = 0
    name: str = ""
    """What the files of this start are called."""


BEGINNING = Resume(0.0, 0)


def resumes(ws: Workspace, task_id: str) -> tuple[Resume, ...]:
    """Every start of a task, oldest first; () for one that was started once."""
    folder = places(ws, task_id).task
    if not (folder / "attempts.json").exists():
        return ()
    from tagtrainer.training import attempts  # knows the form's options: not for every look at a run

    found = attempts.load(folder)
    return tuple(Resume(a.at, a.steps_before, a.epochs_before, a.output_name) for a in found)


def before(ws: Workspace, task_id: str) -> dict[str, Resume]:
    """Name of files -> what was done before the start that writes them."""
    return {found.name: found for found in resumes(ws, task_id)}
