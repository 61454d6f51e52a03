"""How far a run is, as one value for the page and the command line. Must not know the job store, nor change anything."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from tagtrainer.core.text import has_text, t
from tagtrainer.training.results.failure import failure
from tagtrainer.training.results.job import JobState, JobTask
from tagtrainer.training.results.log import LogFacts, read_log
from tagtrainer.training.results.patterns import number, search
from tagtrainer.training.results.places import places
from tagtrainer.training.results.resumes import BEGINNING, Resume, resumes
from tagtrainer.workspace import Workspace

TRAIN = "train"
StageState = Literal["waiting", "running", "done", "failed", "stopped"]


@dataclass(frozen=True)
class Stage:
    """One program of the run. `seconds` is how long it took, or takes so far; None while it waits."""

    name: str
    label: str
    state: StageState
    seconds: float | None = None


@dataclass(frozen=True)
class RunView:
    """Everything a page shows of a run. Unknown numbers are None; `loss` may be NaN. `eta` and `elapsed` in seconds.

    `message` is a sentence in the current language: what it is doing, why it failed, or what came out.
    """

    status: str
    stage: str
    stages: tuple[Stage, ...]
    step: int | None = None
    total: int | None = None
    epoch: int | None = None
    epochs: int | None = None
    seconds_per_step: float | None = None
    eta: float | None = None
    loss: float | None = None
    elapsed: float | None = None
    message: str = ""

    def as_json(self) -> dict[str, Any]:
        """The same for JSON, which knows no NaN: a loss that is no number becomes None and `loss_text` says it."""
        values = asdict(self)
        finite = self.loss is not None and math.isfinite(self.loss)
        values["loss"] = self.loss if finite else None
        values["loss_text"] = "" if self.loss is None else f"{self.loss:.4g}"
        return values


def run_view(ws: Workspace, task: JobTask, state: JobState, *, now: float | None = None) -> RunView:
    """How far the run is: the worker's clock and counters, and what the log says. Cheap enough to call every second."""
    moment = time.time() if now is None else now
    facts = read_log(places(ws, task.id).log)
    stages = _stages(task, state, moment)
    stage = _current(task, state)
    training = stage == TRAIN or (state.status == "completed" and facts.total is not None)
    n, total, pace, eta = _counters(state, facts, stage)
    epoch, epochs = (_epoch(facts, n), facts.epochs) if training else (None, None)
    before = _before(ws, task) if training else BEGINNING
    return RunView(
        status=state.status, stage=stage, stages=stages, step=_plus(n, before.step), total=_plus(total, before.step),
        epoch=_plus(epoch, before.epoch), epochs=_plus(epochs, before.epoch), seconds_per_step=pace, eta=eta,
        loss=_loss(state, facts) if training else None, elapsed=_elapsed(state, moment),
        message=_message(ws, task, state, facts, stage),
    )  # fmt: skip


def _before(ws: Workspace, task: JobTask) -> Resume:
    """How far earlier starts of this task had come, which the newest one went on from."""
    return (resumes(ws, task.id) or (BEGINNING,))[-1]


def _plus(count: int | None, before: int) -> int | None:
    return None if count is None else count + before


def _current(task: JobTask, state: JobState) -> str:
    """The name of the running stage, or of the last one that ran; "" before the start."""
    if state.step is None or state.status in ("pending", "queued") or not task.steps:
        return ""
    return task.steps[min(max(state.step, 0), len(task.steps) - 1)].name


_ENDED: Mapping[str, StageState] = {
    "running": "running", "failed": "failed", "stopped": "stopped", "completed": "done",
}  # fmt: skip


def _stages(task: JobTask, state: JobState, now: float) -> tuple[Stage, ...]:
    found = []
    begun = state.step if state.step is not None and state.status not in ("pending", "queued") else -1
    for index, step in enumerate(task.steps):
        how: StageState = "waiting"
        if state.status == "completed" or index < begun:
            how = "done"
        elif index == begun:
            how = _ENDED.get(state.status, "waiting")
        seconds = _seconds(state, step.name, now if how == "running" else None) if how != "waiting" else None
        found.append(Stage(step.name, stage_label(step.name), how, seconds))
    return tuple(found)


def stage_label(name: str) -> str:
    """A stage's name for people."""
    key = f"results.stage.{name}"
    return t(key) if has_text(key, "en") else name


def _seconds(state: JobState, name: str, now: float | None) -> float | None:
    """How long one stage ran, from the worker's record of it."""
    for entry in reversed(state.step_times):
        if entry.name == name:
            ended = entry.ended_at or now or state.ended_at
            return max(0.0, ended - entry.started_at) if ended is not None else None
    return None


def _counters(
    state: JobState, facts: LogFacts, stage: str
) -> tuple[int | None, int | None, float | None, float | None]:
    """(done, total, seconds a unit, seconds left). While samples are drawn the training's own counter stands still."""
    progress = state.progress
    if stage != TRAIN and not (state.status == "completed" and facts.total):
        if progress is None:
            return None, None, None, None
        return progress.n, progress.total, progress.seconds_per_unit, progress.eta
    live = progress.of("steps") if progress is not None else None
    n = live.n if live else facts.step
    total = (live.total if live else None) or facts.total
    if state.status != "running" or live is None:
        return n, total, live.seconds_per_unit if live else None, None
    return n, total, live.seconds_per_unit, live.eta


def _loss(state: JobState, facts: LogFacts) -> float | None:
    """The loss beside the bar that moves now; else the last one in the log."""
    steps = state.progress.of("steps") if state.progress is not None else None
    live = search("avr_loss", steps.note) if steps is not None else None
    if live is not None:
        return number(live["loss"])
    return facts.loss


def _epoch(facts: LogFacts, step: int | None) -> int | None:
    """The epoch of a step; the log's own line, which a long epoch pushes out of sight, only where that is unknown."""
    if step is not None and facts.total and facts.epochs:
        per_epoch = max(1, math.ceil(facts.total / facts.epochs))
        return min(facts.epochs, max(1, math.ceil(step / per_epoch)))
    return facts.epoch


def _elapsed(state: JobState, now: float) -> float | None:
    if state.started_at is None or state.status in ("pending", "queued"):
        return None
    return max(0.0, (state.ended_at or now) - state.started_at)


def _message(ws: Workspace, task: JobTask, state: JobState, facts: LogFacts, stage: str) -> str:
    if state.status == "failed":
        return str(failure(ws, task, state))
    if state.status == "completed":
        bad = facts.loss is not None and not math.isfinite(facts.loss)
        name = facts.checkpoints[-1].replace("\\", "/").rsplit("/", 1)[-1] if facts.checkpoints else ""
        return t("results.now.bad_loss") if bad else t("results.now.completed", file=name)
    if state.status == "running":
        return _doing(state, facts, stage)
    return t(f"results.now.{state.status}") if has_text(f"results.now.{state.status}", "en") else ""


def _doing(state: JobState, facts: LogFacts, stage: str) -> str:
    """What a running stage is busy with, so that minutes without a step do not look like a halt."""
    if stage != TRAIN:
        key = f"results.now.{stage}"
        return t(key) if has_text(key, "en") else stage_label(stage)
    live = state.progress.n if state.progress is not None and state.progress.label == "steps" else 0
    if facts.doing in ("sampling", "saving") and live <= (facts.step or 0):
        return t(f"results.now.{facts.doing}")
    if not live and facts.step is None:
        return t("results.now.loading")
    loss = _loss(state, facts)
    return t("results.now.training" if loss is None or math.isfinite(loss) else "results.now.bad_loss")
