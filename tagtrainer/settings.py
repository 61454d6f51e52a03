"""config.json and secrets.json: what they hold, loading, saving, migration. Must not act on what is set."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from tagtrainer.core.files import read_json, write_json
from tagtrainer.core.text import UserError, t
from tagtrainer.workspace import Workspace

VERSION = 1


class _Section(BaseModel):
    model_config = ConfigDict(extra="allow", validate_assignment=True)


class CaptioningSettings(_Section):
    """The user's own provider profiles by id; same keys as presets/captioning/*.toml. Keys are in secrets.json."""

    profiles: dict[str, dict[str, Any]] = Field(default_factory=dict)
    last_profile: str = ""


class TrainingSettings(_Section):
    """Drafts of the training form by family, kept so that a reload loses nothing."""

    last_family: str = "qwen_image"
    last_engine: Literal["rehearsal", "musubi-tuner"] = "rehearsal"


class EngineSettings(_Section):
    """Where musubi-tuner lies: a checkout and the interpreter that has its packages. Empty: look in the workspace."""

    musubi_path: str = ""
    musubi_python: str = ""
    extra_env: dict[str, str] = Field(default_factory=dict)


class StorageSettings(_Section):
    """Limits that keep a disk from filling."""

    keep_free_gb: float = Field(default=2.0, ge=0)
    zip_max_gb: float = Field(default=20.0, gt=0)
    zip_max_entries: int = Field(default=50_000, gt=0)


class UiSettings(_Section):
    """`language` empty: as the browser asks."""

    language: Literal["", "en", "zh-CN"] = ""


class LoggingSettings(_Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"


class Settings(BaseModel):
    """Everything in config.json. `model_paths` maps `<family>.<slot>` to a path on this machine."""

    model_config = ConfigDict(extra="allow", validate_assignment=True)

    version: int = VERSION
    model_paths: dict[str, str] = Field(default_factory=dict)
    captioning: CaptioningSettings = Field(default_factory=CaptioningSettings)
    training: TrainingSettings = Field(default_factory=TrainingSettings)
    engine: EngineSettings = Field(default_factory=EngineSettings)
    storage: StorageSettings = Field(default_factory=StorageSettings)
    ui: UiSettings = Field(default_factory=UiSettings)
    logging: LoggingSettings = Field(default_factory=LoggingSettings)


@dataclass(frozen=True)
class Notice:
    """Something about the settings file that the user should read, as key + values."""

    key: str
    values: dict[str, Any]

    def __str__(self) -> str:
        return t(self.key, **self.values)


MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""version -> function that turns settings of that version into the next."""


def load(ws: Workspace) -> Settings:
    """The settings; defaults where the file is missing, damaged or invalid. Never raises, never writes."""
    return _load(ws)[0]


def load_with_notices(ws: Workspace) -> tuple[Settings, list[Notice]]:
    """Settings and what should be said about their files: unknown keys, a newer version, or damage.

    A damaged file is kept aside as config.json.damaged-<time> so that saving loses nothing; secrets.json likewise.
    """
    settings, notices = _load(ws)
    return settings, [*notices, *_damaged_secrets(ws)]


def _load(ws: Workspace) -> tuple[Settings, list[Notice]]:
    if not ws.config.exists():
        return Settings(), []
    try:
        raw = read_json(ws.config)
        if not isinstance(raw, dict):
            raise UserError("core.damaged_json", path=ws.config, reason=type(raw).__name__)
    except UserError as error:
        return Settings(), [_keep_aside(ws.config, "settings.damaged", str(error.values.get("reason", "")))]
    except OSError as error:
        return Settings(), [Notice("settings.unreadable", {"path": ws.config, "reason": error.strerror or error})]
    notices: list[Notice] = []
    version = raw.get("version", 1)
    if isinstance(version, int) and version > VERSION:
        notices.append(Notice("settings.newer", {"path": ws.config, "version": version, "known": VERSION}))
    raw = _migrate(raw)
    settings, bad = _validate(raw)
    for place, reason in bad:
        notices.append(Notice("settings.bad_value", {"path": ws.config, "key": place, "reason": reason}))
    unknown = sorted(_unknown_keys(settings))
    if unknown:
        notices.append(Notice("settings.unknown_keys", {"path": ws.config, "keys": ", ".join(unknown)}))
    return settings, notices


def _migrate(raw: dict[str, Any]) -> dict[str, Any]:
    version = raw.get("version", 1)
    while isinstance(version, int) and version < VERSION and version in MIGRATIONS:
        raw = MIGRATIONS[version](raw)
        version += 1
        raw["version"] = version
    return raw


def _validate(raw: dict[str, Any]) -> tuple[Settings, list[tuple[str, Notice]]]:
    """Settings with every valid value kept: an invalid one falls back to its default and is named."""
    bad: list[tuple[str, Notice]] = []
    for _ in range(50):
        try:
            return Settings.model_validate(raw), bad
        except ValidationError as error:
            for item in error.errors():
                place = [str(part) for part in item["loc"]]
                if _drop(raw, list(item["loc"])):
                    bad.append((".".join(place), _reason(item)))
    return Settings(), bad


def _reason(item: ErrorDetails) -> Notice:
    """What is wrong with a value; said in the reader's language, not in the one the app was started in."""
    given = item.get("ctx", {})
    if item["type"] == "literal_error":
        return Notice("settings.reason.choice", {"allowed": str(given.get("expected")).replace(" or ", ", ")})
    for mark in ("ge", "gt"):
        if mark in given:
            return Notice(f"settings.reason.{mark}", {"limit": given[mark]})
    return Notice("settings.reason.kind", {})


def _drop(raw: Any, place: list[Any]) -> bool:
    for part in place[:-1]:
        if not isinstance(raw, dict) or part not in raw:
            return False
        raw = raw[part]
    if isinstance(raw, dict):
        return raw.pop(place[-1], None) is not None
    return False


def _unknown_keys(model: BaseModel, prefix: str = "") -> list[str]:
    found = [prefix + key for key in (model.model_extra or {})]
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            found += _unknown_keys(value, f"{prefix}{name}.")
    return found


def _keep_aside(path: Path, key: str, reason: str) -> Notice:
    aside = path.with_name(f"{path.name}.damaged-{time.strftime('%Y%m%d-%H%M%S')}")
    try:
        shutil.copy2(path, aside)
        os.remove(path)  # noqa: PTH107
    except OSError:
        aside = path
    return Notice(key, {"path": path, "aside": aside, "reason": reason})


def save(ws: Workspace, settings: Settings) -> None:
    """Write config.json in one step; unknown keys that were read are written back."""
    write_json(ws.config, json.loads(settings.model_dump_json()))


def change(ws: Workspace, edit: Callable[[Settings], None]) -> Settings:
    """Load, let `edit` change the settings, save. Raises UserError settings.invalid for a value that is not allowed."""
    settings = load(ws)
    try:
        edit(settings)
        settings = Settings.model_validate(settings.model_dump())
    except ValidationError as error:
        first = error.errors()[0]
        raise UserError(
            "settings.invalid", key=".".join(str(part) for part in first["loc"]), reason=_reason(first)
        ) from error
    save(ws, settings)
    return settings


def secret(ws: Workspace, name: str) -> str:
    """A stored secret, or "" when there is none. Names: `captioning.<profile>`, `hub.token`."""
    return _secrets(ws).get(name, "")


def set_secret(ws: Workspace, name: str, value: str) -> None:
    """Store a secret (mode 0600); an empty value removes it."""
    known = _secrets(ws)
    if value:
        known[name] = value
    else:
        known.pop(name, None)
    write_json(ws.secrets, known, secret=True)


def secret_values(ws: Workspace) -> list[str]:
    """Every stored secret, for whoever has to keep them out of logs."""
    return list(_secrets(ws).values())


def _secrets(ws: Workspace) -> dict[str, str]:
    if not ws.secrets.exists() or _damaged_secrets(ws):
        return {}
    return {str(key): str(value) for key, value in read_json(ws.secrets).items()}


def _damaged_secrets(ws: Workspace) -> list[Notice]:
    """A secrets.json that cannot be read is kept aside: what it held is entered anew. The reason could quote a key."""
    try:
        if not ws.secrets.exists() or isinstance(read_json(ws.secrets), dict):
            return []
    except UserError:
        pass
    return [_keep_aside(ws.secrets, "settings.secrets_damaged", "")]
