"""musubi-tuner: finds a checkout and its Python, says what is wrong with them. Must never import it, nor share its packages."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from tagtrainer import settings
from tagtrainer.core import pasted
from tagtrainer.core.text import UserError, t
from tagtrainer.engines import interpreter
from tagtrainer.engines.base import PROGRESS_SAFE_ENV, EngineStatus, Interpreter
from tagtrainer.workspace import Workspace

ID = "musubi-tuner"
KNOWN_VERSION = "0.3.4"
LOWEST_TORCH = (2, 5, 1)
LOWEST_PYTHON, BELOW_PYTHON = (3, 10), (3, 13)
NEEDED = (
    "torch", "torchvision", "accelerate", "transformers", "diffusers", "safetensors", "cv2", "av", "toml", "voluptuous",
)  # fmt: skip
_PYTHONS = (
    ".venv/bin/python", "venv/bin/python", ".venv/Scripts/python.exe", "venv/Scripts/python.exe",
)  # fmt: skip


class Musubi:
    """The engine that makes real LoRAs, on a GPU."""

    id = ID
    rehearsal = False

    def path(self, ws: Workspace) -> Path:
        """The checkout: the one in the settings, else the one inside the workspace (which may not exist)."""
        chosen = settings.load(ws).engine.musubi_path
        return pasted.path(chosen).absolute() if chosen else ws.runtime / "engines" / "musubi-tuner"

    def version(self, ws: Workspace) -> str:
        """The checkout's version; empty when there is none."""
        return checkout_version(self.path(ws)) or ""

    def python(self, ws: Workspace) -> str:
        """The interpreter in the settings, else a virtual environment inside the checkout."""
        chosen = settings.load(ws).engine.musubi_python
        if chosen:
            return str(pasted.path(chosen).absolute())
        for name in _PYTHONS:
            if (self.path(ws) / name).exists():
                return str(self.path(ws) / name)
        raise UserError("engines.no_python", path=self.path(ws))

    def script_argv(self, ws: Workspace, script: str) -> list[str]:
        """Plain `python <script>`: accelerate's launcher is not needed for one GPU and hides the trainer from signals."""
        checkout = self.path(ws)
        for place in (checkout / f"{script}.py", checkout / "src" / "musubi_tuner" / f"{script}.py"):
            if place.exists():
                return [self.python(ws), str(place)]
        raise UserError("engines.no_script", script=script, path=checkout)

    def env(self, ws: Workspace) -> dict[str, str | None]:
        """Unbuffered, UTF-8, the user's own variables, and the checkout's `src` when it is not installed."""
        own: dict[str, str | None] = {**settings.load(ws).engine.extra_env, **PROGRESS_SAFE_ENV}
        source = self.path(ws) / "src"
        told = interpreter.ask(self.python(ws), own)
        where = told.modules.get("musubi_tuner", "")
        if told.error or (where and _inside(Path(where), source)):
            return own
        before = own.get("PYTHONPATH") or os.environ.get("PYTHONPATH") or ""
        own["PYTHONPATH"] = os.pathsep.join(part for part in (str(source), before) if part)
        return own

    def cwd(self, ws: Workspace) -> str:
        """The checkout, so that relative paths inside the engine mean what they mean to its authors."""
        return str(self.path(ws))

    def interpreter(self, ws: Workspace, modules: Sequence[str] = ()) -> Interpreter:
        """What its Python has."""
        return interpreter.ask(self.python(ws), self.env(ws), tuple(modules))

    def status(self, ws: Workspace) -> EngineStatus:
        """Found when checkout, interpreter, its version and the packages every script needs are there."""
        checkout, version, python = self.path(ws), self.version(ws), ""
        try:
            if not version:
                raise UserError("engines.not_a_checkout", path=checkout)
            python = self.python(ws)
            _require_usable(python, self.interpreter(ws))
        except UserError as error:
            return EngineStatus(False, str(checkout), version, python, str(error))
        return EngineStatus(True, str(checkout), version, python, _remark(version, self.interpreter(ws)))

    def use(self, ws: Workspace, path: str | Path, python: str = "") -> EngineStatus:
        """Point the settings at a checkout (and its interpreter). Refused, with the reason, when it cannot work."""
        checkout = pasted.path(str(path)).absolute()
        if not checkout_version(checkout):
            raise UserError("engines.not_a_checkout", path=checkout)
        before = settings.load(ws).engine.model_copy()
        # not resolve(): a virtual environment's python is a link, and following it loses the environment
        _set(ws, str(checkout), str(pasted.path(python).absolute()) if pasted.plain(python) else "")
        status = self.status(ws)
        if not status.found:
            _set(ws, before.musubi_path, before.musubi_python)
            raise UserError("engines.refused", reason=status.message)
        return status


def _set(ws: Workspace, path: str, python: str) -> None:
    def edit(known: settings.Settings) -> None:
        known.engine.musubi_path = path
        known.engine.musubi_python = python

    settings.change(ws, edit)


def _inside(path: Path, folder: Path) -> bool:
    return folder.resolve() in path.resolve().parents


def checkout_version(path: Path) -> str | None:
    """The version in a checkout's pyproject.toml, or None when this is not a musubi-tuner checkout."""
    try:
        project = tomllib.loads((path / "pyproject.toml").read_text("utf-8")).get("project", {})
    except (OSError, ValueError):
        return None
    if project.get("name") not in ("musubi-tuner", "musubi_tuner") or not (path / "src" / "musubi_tuner").is_dir():
        return None
    return str(project.get("version", "?"))


def _require_usable(python: str, found: Interpreter) -> None:
    if found.error:
        raise UserError("engines.python_fails", python=python, reason=found.error)
    if not LOWEST_PYTHON <= found.version[:2] < BELOW_PYTHON:
        raise UserError("engines.python_version", python=python, version=".".join(map(str, found.version)))
    missing = [name for name in NEEDED if not found.has(name)]
    if missing:
        raise UserError("engines.packages_missing", python=python, names=", ".join(missing))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


def _remark(version: str, found: Interpreter) -> str:
    remarks = []
    if version != KNOWN_VERSION:
        remarks.append(t("engines.other_version", version=version, known=KNOWN_VERSION))
    if found.torch and _numbers(found.torch) < LOWEST_TORCH:
        remarks.append(t("engines.old_torch", version=found.torch, lowest=".".join(map(str, LOWEST_TORCH))))
    if found.torch.endswith("+cpu"):
        remarks.append(t("engines.torch_cpu", version=found.torch))
    if not found.has("tensorboard"):
        remarks.append(t("engines.no_tensorboard"))
    return " ".join(remarks)
