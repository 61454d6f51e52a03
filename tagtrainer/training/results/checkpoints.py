"""LoRA files and saved states of a run: which epoch or step, how large, what their header says. Must not load tensors."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from tagtrainer.core.files import folder_size
from tagtrainer.training.results.places import output_file, places
from tagtrainer.training.results.resumes import BEGINNING, Resume, before
from tagtrainer.workspace import Workspace

REHEARSAL_MARK = "tagtrainer.rehearsal"
"""Header key of a file that the rehearsal made: it fits no real model."""
LARGEST_HEADER = 64 << 20

Kind = Literal["epoch", "step", "final"]
_NAME = re.compile(r"^(?P<name>.+?)(?:-step(?P<step>\d{8,})|-(?P<epoch>\d{6}))?$")


@dataclass(frozen=True)
class Checkpoint:
    """One LoRA file. `epoch` and `step` say how far training was when it was written; None where nothing tells.

    `complete` is False while it is being written or when it was cut off. `metadata` is the file's header as text.
    """

    file: str
    name: str
    kind: Kind
    epoch: int | None
    step: int | None
    size: int
    modified: float
    complete: bool
    rehearsal: bool
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SavedState:
    """A folder that training can be resumed from: weights, optimizer, schedule, random numbers."""

    folder: str
    name: str
    kind: Kind
    epoch: int | None
    step: int | None
    size: int
    modified: float


@dataclass(frozen=True)
class Header:
    """What a .safetensors file says of itself. `complete`: the file has all the bytes its header promises."""

    complete: bool
    metadata: Mapping[str, str]
    tensors: tuple[str, ...]


_EMPTY = Header(False, {}, ())


def parse_stem(stem: str) -> tuple[str, Kind, int | None, int | None]:
    """(output name, kind, epoch, step) of `NAME-000004`, `NAME-step00000250` or `NAME`."""
    found = _NAME.match(stem)
    if found is None:
        return stem, "final", None, None
    if found["step"]:
        return found["name"], "step", None, int(found["step"])
    if found["epoch"]:
        return found["name"], "epoch", int(found["epoch"]), None
    return stem, "final", None, None


def read_header(path: Path) -> Header:
    """Metadata and tensor names of a .safetensors file; a file that is none, or not whole, is not `complete`."""
    try:
        state = path.stat()
    except OSError:
        return _EMPTY
    return _read_header(path, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=512)
def _read_header(path: Path, size: int, _changed: int) -> Header:
    try:
        with path.open("rb") as handle:
            start = handle.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if not 0 < length <= min(LARGEST_HEADER, size - 8):
                return _EMPTY
            table: Any = json.loads(handle.read(length))
            return _header(table, size - 8 - length)
    except (OSError, ValueError, KeyError, TypeError):
        return _EMPTY


def _header(table: dict[str, Any], data: int) -> Header:
    metadata = {str(key): str(value) for key, value in (table.pop("__metadata__", None) or {}).items()}
    needed = max((int(row["data_offsets"][1]) for row in table.values()), default=0)
    return Header(data >= needed, metadata, tuple(table))


def checkpoints(ws: Workspace, task_id: str) -> list[Checkpoint]:
    """A run's LoRA files in the order they were written, the final one last."""
    done = before(ws, task_id)
    return [_moved(found, done.get(found.name, BEGINNING)) for found in list_checkpoints(places(ws, task_id).output)]


def _moved(found: Checkpoint, done: Resume) -> Checkpoint:
    """Counted from the beginning of the task, not of the start that saved it."""
    epoch, step = found.epoch, found.step
    return replace(
        found, epoch=None if epoch is None else epoch + done.epoch, step=None if step is None else step + done.step
    )


def list_checkpoints(folder: Path) -> list[Checkpoint]:
    """Every LoRA file directly in `folder`."""
    found = []
    for path in folder.glob("*.safetensors") if folder.is_dir() else ():
        try:
            state = path.stat()
        except OSError:
            continue
        found.append(_checkpoint(path, state.st_size, state.st_mtime))
    return sorted(found, key=lambda row: (row.modified, row.kind == "final", row.file))


def _checkpoint(path: Path, size: int, modified: float) -> Checkpoint:
    name, kind, epoch, step = parse_stem(path.stem)
    header = read_header(path)
    told = header.metadata
    if kind != "step" and epoch is None:
        epoch = _whole(told.get("ss_epoch"))
    if step is None:
        step = _whole(told.get("ss_steps"))
    return Checkpoint(path.name, name, kind, epoch, step, size, modified, header.complete, REHEARSAL_MARK in told, told)


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and re.fullmatch(r"\d{1,12}", text) else None


def states(ws: Workspace, task_id: str) -> list[SavedState]:
    """The folders that a run can be resumed from, oldest first."""
    folder = places(ws, task_id).output
    found = []
    for path in folder.glob("*-state") if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            name, kind, epoch, step = parse_stem(path.name.removesuffix("-state"))
            modified = path.stat().st_mtime
            found.append(SavedState(path.name, name, kind, epoch, step, folder_size(path), modified))
    return sorted(found, key=lambda row: (row.modified, row.kind == "final", row.folder))


def checkpoint_path(ws: Workspace, task_id: str, file: str) -> Path:
    """The LoRA file to serve. Raises UserError core.bad_id, core.outside, results.no_file."""
    return output_file(places(ws, task_id).output, file, frozenset({".safetensors"}))
