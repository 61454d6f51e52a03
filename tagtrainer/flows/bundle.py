"""One zip of a training that others can read and repeat: what it was told, saw and made. Must not hold pictures or secrets."""

from __future__ import annotations

import json
import os
import platform
import re
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tagtrainer import __version__, engines, settings
from tagtrainer.core.files import read_jsonl, sha256_of, writing
from tagtrainer.core.progress import OnProgress, silent
from tagtrainer.core.text import UserError
from tagtrainer.core.zips import add_file, add_text
from tagtrainer.engines.commit import commit_of
from tagtrainer.jobs import store as jobs
from tagtrainer.jobs.store import Task
from tagtrainer.training import results, scripts
from tagtrainer.workspace import Workspace

Checkpoints = Literal["none", "final", "all"]
TEXTS = (
    "task.json", "state.json", "draft.json", "freeze.json", "attempts.json", "dataset.toml", "dataset_*.jsonl",
    "sample_prompts.json", "config.toml", "train.sh", "train.bat", "log.txt",
)  # fmt: skip
SECRET_NAME = re.compile(r"(^|_)(API)?(KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)(_|$)", re.IGNORECASE)
"""Variables whose values are taken out of every text, wherever they stand there; not TOKENIZERS_PARALLELISM."""
SHORTEST_STORED, SHORTEST_VALUE = 4, 8
"""Shorter ones are no secrets, and taking them out would harm the texts."""


@dataclass(frozen=True)
class Bundle:
    """What was packed. `missing` are media that are gone since the training was frozen."""

    path: str
    size: int
    files: tuple[str, ...]
    media: int
    missing: tuple[str, ...] = field(default=())


def bundle(
    ws: Workspace, task_id: str, target: Path, kept: Checkpoints = "none", on_progress: OnProgress = silent
) -> Bundle:
    """Pack a training into the zip `target`, or into `<task>.zip` inside it when it names a folder.

    Media go in as names and hashes only. Raises UserError bundle.not_a_training, bundle.exists.
    """
    task = jobs.load(ws, task_id)
    if task.kind != "training":
        raise UserError("bundle.not_a_training", id=task_id)
    path = target if target.suffix.lower() == ".zip" and not target.is_dir() else target / f"{task_id}.zip"
    if path.exists():
        raise UserError("bundle.exists", path=path)
    media = _media(ws.task(task_id), on_progress)
    files = [
        *_below(ws.task(task_id) / "tensorboard"),
        *_below(ws.model(task_id) / "sample"),
        *_weights(ws, task, kept),
    ]
    with writing(path) as handle, zipfile.ZipFile(handle, "w") as archive:
        names = _write_texts(ws, archive, task, media)
        names += _write_files(ws, archive, task_id, files)
    gone = tuple(row["path"] for row in media if row["sha256"] is None)
    return Bundle(str(path), path.stat().st_size, tuple(names), len(media), gone)


def _media(folder: Path, on_progress: OnProgress) -> list[dict[str, Any]]:
    """Every picture of the frozen list, control images too, with its size and SHA-256 (None: gone)."""
    paths: dict[str, None] = {}
    for listing in sorted(folder.glob("dataset_*.jsonl")):
        for row in read_jsonl(listing):
            paths |= {value: None for name, value in row.items() if "path" in name and isinstance(value, str)}
    found: list[dict[str, Any]] = []
    for number, path in enumerate(paths, 1):
        try:
            found.append({"path": path, "bytes": Path(path).stat().st_size, "sha256": sha256_of(Path(path))})
        except OSError:
            found.append({"path": path, "bytes": None, "sha256": None})
        on_progress(number, len(paths), Path(path).name)
    return found


def _below(folder: Path) -> Iterator[Path]:
    """The files below a folder; links are left out, they may lead anywhere."""
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file() and not path.is_symlink() and path.resolve().is_relative_to(folder.resolve()):
            yield path


def _weights(ws: Workspace, task: Task, kept: Checkpoints) -> Iterator[Path]:
    """The LoRA files asked for; a half-written one is none."""
    for one in results.checkpoints(ws, task.id):
        if one.complete and (kept == "all" or (kept == "final" and one.kind == "final")):
            yield ws.model(task.id) / one.file


def _write_texts(ws: Workspace, archive: zipfile.ZipFile, task: Task, media: Sequence[dict[str, Any]]) -> list[str]:
    """What tells of the run, secrets taken out; returns the names."""
    folder, secrets = ws.task(task.id), _secrets(ws, task)
    texts = {"bundle.json": _json(_about(ws, task)), "media.json": _json(media)}
    texts["command.json"] = scripts.render(task.steps, "json")
    for pattern in TEXTS:
        for path in sorted(folder.glob(pattern)):
            if path.is_file() and not path.is_symlink():
                texts[path.name] = path.read_bytes().decode("utf-8", "replace")
    for name, text in texts.items():
        add_text(archive, name, _without(text, secrets).encode("utf-8"), time.time())
    return list(texts)


def _write_files(ws: Workspace, archive: zipfile.ZipFile, task_id: str, files: Sequence[Path]) -> list[str]:
    names: list[str] = []
    for path in files:
        root = ws.task(task_id) if path.is_relative_to(ws.task(task_id)) else ws.model(task_id)
        name = path.relative_to(root).as_posix()
        try:
            add_file(archive, name, path, path.stat().st_mtime)
        except FileNotFoundError:  # the run may still be going on, and clears away old checkpoints
            continue
        names.append(name)
    return names


def _about(ws: Workspace, task: Task) -> dict[str, Any]:
    """Who made this with what. The engine's commit is the one of today: an update since the run would show here."""
    engine = engines.get(str(task.detail.get("engine", "rehearsal")))
    status = engine.status(ws)
    known = {"id": engine.id, "version": status.version}
    known["commit"] = "" if engine.rehearsal else commit_of(Path(status.path))
    return {
        "tagtrainer": __version__, "task": task.id, "title": task.title, "status": jobs.state(ws, task.id).status,
        "packed": time.time(), "engine_now": known, "python": platform.python_version(), "system": platform.platform(),
        "rehearsal": bool(task.detail.get("rehearsal")),
    }  # fmt: skip


def _secrets(ws: Workspace, task: Task) -> list[str]:
    """Everything that must not leave this machine: stored keys, and values of variables that are named like keys."""
    variables: list[Mapping[str, str | None]] = [os.environ, settings.load(ws).engine.extra_env]
    variables += [step.env for step in task.steps]
    named = {value.strip() for row in variables for name, value in row.items() if value and SECRET_NAME.search(name)}
    found = {value for value in named if len(value) >= SHORTEST_VALUE}
    found |= {value for value in settings.secret_values(ws) if len(value) >= SHORTEST_STORED}
    return sorted(found, key=len, reverse=True)


def _without(text: str, secrets: Sequence[str]) -> str:
    for secret in secrets:
        for form in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
            text = text.replace(form, "***")
    return text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
