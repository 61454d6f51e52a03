"""What is wrong on this machine, and what was found. Must not mend, install or download anything."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from typing import Any

import psutil

from tagtrainer import engines, settings
from tagtrainer.core import system
from tagtrainer.core.files import human_size
from tagtrainer.datasets.curation.extras import OPENCV
from tagtrainer.engines import interpreter
from tagtrainer.training import model_paths
from tagtrainer.training.checks.problem import ORDER, Problem, error, note, warning
from tagtrainer.workspace import Workspace

OLDEST_PYTHON = (3, 11)
LEAST_MEMORY = 4 << 30
"""The page, a browser and the rehearsal engine need about 2 GB; below 4 GB a machine starts to swap."""
OPTIONAL = {"cv2": OPENCV, "sklearn": "scikit-learn", "skimage": "scikit-image"}
"""module -> what to install; the text doctor.without_<module> says what is missing without it"""


def examine(ws: Workspace) -> list[Problem]:
    """Everything that was looked at, what is wrong first. May take a minute: the engine's Python imports its torch."""
    found = [*_program(), *_room(ws), *_settings(ws), *_cards(), *_engine(ws), *_paths(ws), *_optional()]
    return sorted(found, key=lambda problem: ORDER[problem.level])


def _program() -> Iterator[Problem]:
    version = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        yield error("doctor.python_old", version=version, path=sys.executable)
    else:
        yield note("doctor.python", version=version, path=sys.executable, system=platform.platform())


def _room(ws: Workspace) -> Iterator[Problem]:
    """Free disk beside the limit of the settings, and main memory. That the workspace is writable was seen when it was opened."""
    free = shutil.disk_usage(ws.root).free
    keep = settings.load(ws).storage.keep_free_gb * 2**30
    values: dict[str, Any] = {"path": ws.root, "free": human_size(free), "keep": human_size(keep)}
    yield error("doctor.disk_short", **values) if free < keep else note("doctor.disk", **values)
    memory = psutil.virtual_memory().total
    values = {"memory": human_size(memory), "least": human_size(LEAST_MEMORY)}
    yield warning("doctor.little_memory", **values) if memory < LEAST_MEMORY else note("doctor.memory", **values)


def _settings(ws: Workspace) -> Iterator[Problem]:
    for told in settings.load_with_notices(ws)[1]:
        yield warning(told.key, "settings", **told.values)
    if os.name != "nt" and ws.secrets.exists() and stat.S_IMODE(ws.secrets.stat().st_mode) & 0o077:
        yield warning("doctor.loose_secrets", "settings", path=ws.secrets)


def _cards() -> Iterator[Problem]:
    cards = system.gpus()
    for card in cards:
        yield note("doctor.card", name=card.name, memory=human_size(card.memory_total * 2**20))
    if not cards:
        yield note("doctor.no_card")


def _engine(ws: Workspace) -> Iterator[Problem]:
    """musubi-tuner: none at all is no fault; one that was pointed to and cannot work is."""
    chosen, status = settings.load(ws).engine, engines.MUSUBI.status(ws)
    if not status.found:
        if chosen.musubi_path or chosen.musubi_python or status.version:
            yield error("doctor.engine_broken", "settings", reason=status.message)
        else:
            yield note("doctor.no_engine", "settings", path=status.path)
        return
    yield note("doctor.engine", version=status.version, path=status.path, python=status.python)
    if status.message:
        yield warning("plan.engine_remark", "settings", engine=engines.MUSUBI.id, remark=status.message)
    yield from _torch(ws, status.python)


def _torch(ws: Workspace, python: str) -> Iterator[Problem]:
    told = interpreter.ask_torch(python, engines.MUSUBI.env(ws))
    if told.error:
        yield error("doctor.torch_broken", "settings", python=python, reason=told.error)
    elif not told.card:
        yield warning("doctor.torch_no_card", "settings", version=told.version, cuda=told.cuda or "-")
    else:
        yield note("doctor.torch", version=told.version, cuda=told.cuda, card=told.card)


def _paths(ws: Workspace) -> Iterator[Problem]:
    """Slots that hold the wrong thing are faults; empty ones are counted only."""
    slots = model_paths.slots(ws)
    for slot in slots:
        if slot.state in ("missing", "bad"):
            yield error("plan.weights_bad", "models", label=slot.label, reason=slot.message)
    values = {"found": sum(slot.state == "found" for slot in slots), "count": len(slots)}
    yield note("doctor.paths", "models", **values)


def _optional() -> Iterator[Problem]:
    for module, package in OPTIONAL.items():
        if importlib.util.find_spec(module) is None:
            yield note(f"doctor.without_{module}", package=package)
