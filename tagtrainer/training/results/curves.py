"""Loss and learning rate of a run, from its TensorBoard files, reading only what is new. Must not draw anything."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tagtrainer.training.results.events import EventFile
from tagtrainer.training.results.places import places
from tagtrainer.training.results.resumes import BEGINNING, Resume, resumes
from tagtrainer.training.results.series import Curve, Series, picks
from tagtrainer.workspace import Workspace

MOST_RUNS = 24
"""Runs kept in memory; the one not asked for longest is forgotten and read anew when it is asked for."""


@dataclass(frozen=True)
class Session:
    """One start of the engine: the event files in one folder below the logging folder."""

    began: float
    name: str
    files: tuple[Path, ...]

    @property
    def order(self) -> tuple[float, str]:
        return self.began, self.name


class RunCurves:
    """The joined curves of a run. A later session replaces the points from its first step on: a run started again shows
    itself and not a mixture with the earlier try, and a resumed one goes on where the state was saved.
    """

    def __init__(self, folder: Path, starts: Sequence[Resume] = ()) -> None:
        self.folder = folder
        self.starts = tuple(sorted(starts, key=lambda start: start.at))
        self._lock = threading.Lock()
        self._files: dict[Path, EventFile] = {}
        self._series: dict[str, Series] = {}
        self._current: tuple[float, str] = (-1.0, "")
        self._start = BEGINNING
        self._fresh = False

    def read(self) -> dict[str, Curve]:
        """All curves by tag, with what was written since the last call."""
        with self._lock:
            for session in sessions(self.folder):
                if session.order < self._current:
                    continue
                if session.order != self._current:
                    self._current, self._fresh = session.order, True
                    self._start = self._resume_of(session)
                for path in session.files:
                    self._follow(path)
            return {tag: series.curve() for tag, series in self._series.items()}

    def _resume_of(self, session: Session) -> Resume:
        # a file's name holds whole seconds, a resume's time is exact
        earlier = [start for start in self.starts if int(start.at) <= session.began]
        return earlier[-1] if earlier else BEGINNING

    def _follow(self, path: Path) -> None:
        file = self._files.setdefault(path, EventFile(path))
        for scalar in file.new_scalars():
            if self._fresh:
                self._begin()
            series = self._series.get(scalar.tag)
            if series is None:
                series = self._series[scalar.tag] = Series(scalar.tag)
            series.append(self._moved(scalar.tag, scalar.step), scalar.value)

    def _moved(self, tag: str, step: int) -> int:
        """The place on the joined axis; `loss/epoch` counts epochs, everything else steps."""
        return step + (self._start.epoch if tag == "loss/epoch" else self._start.step)

    def _begin(self) -> None:
        """A session's first point: what an earlier one has measured beyond its start is not part of this run."""
        self._fresh = False
        for tag, series in self._series.items():
            start = self._moved(tag, 0)
            series.cut(start + 1 if start else 0)


def sessions(folder: Path) -> list[Session]:
    """Every start that left event files below `folder`, in the order they began."""
    found: dict[str, list[Path]] = {}
    for path in folder.rglob("events.out.tfevents.*"):
        found.setdefault(path.relative_to(folder).parts[0], []).append(path)
    rows = []
    for name, paths in found.items():
        paths.sort(key=lambda path: (_began(path), path.name))
        rows.append(Session(_began(paths[0]), name, tuple(paths)))
    return sorted(rows, key=lambda session: session.order)


def _began(path: Path) -> float:
    """The time that TensorBoard puts into an event file's name: `events.out.tfevents.1763700000.host.pid.0`."""
    try:
        return float(path.name.split(".")[3])
    except (IndexError, ValueError):
        return 0.0


_cache: OrderedDict[tuple[Path, tuple[Resume, ...]], RunCurves] = OrderedDict()
_cache_lock = threading.Lock()


def read_curves(folder: Path, starts: Sequence[Resume] = ()) -> dict[str, Curve]:
    """Curves by tag from a logging folder, read incrementally; safe to call from many threads."""
    key = (folder, tuple(starts))
    with _cache_lock:
        run = _cache.pop(key, None) or RunCurves(*key)
        _cache[key] = run
        while len(_cache) > MOST_RUNS:
            _cache.popitem(last=False)
    return run.read()


def curves(ws: Workspace, task_id: str) -> dict[str, Curve]:
    """Curves of a task by tag: `loss/current`, `loss/average`, `loss/epoch`, `lr/...`; {} before the first point.

    Starts that went on from a saved state are joined where it was saved. Raises UserError core.bad_id.
    """
    return read_curves(places(ws, task_id).tensorboard, resumes(ws, task_id))


def chart(curve: Curve, columns: int = 999, first: int | None = None, last: int | None = None) -> dict[str, Any]:
    """A curve as JSON for a plot `columns` pixels wide: at most 2 * columns + 2 points of (step, value, running average).

    `first` and `last` narrow it to a range of steps. Values that are no numbers become None; `bad` counts them.
    """
    import numpy as np

    low = 0 if first is None else int(np.searchsorted(curve.steps, first, "left"))
    high = len(curve) if last is None else int(np.searchsorted(curve.steps, last, "right"))
    steps, values, ema = curve.steps[low:high], curve.values[low:high], curve.ema[low:high]
    bad = int((~np.isfinite(values)).sum())
    chosen = picks(steps, values, max(1, columns * 2 // 3 if bad else columns))
    return {
        "tag": curve.tag,
        "revision": curve.revision,
        "points": len(steps),
        "bad": bad,
        "steps": steps[chosen].tolist(),
        "values": _numbers(values[chosen]),
        "ema": _numbers(ema[chosen]),
    }


def metrics(ws: Workspace, task_id: str) -> dict[str, dict[str, list[Any]]]:
    """Every point of every curve as JSON: tag -> steps, values, ema. For scripts; a plot wants `chart`."""
    return {
        tag: {"steps": curve.steps.tolist(), "values": _numbers(curve.values), "ema": _numbers(curve.ema)}
        for tag, curve in curves(ws, task_id).items()
    }


def _numbers(values: Any) -> list[float | None]:
    import numpy as np

    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in values.tolist()]
