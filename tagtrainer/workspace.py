"""Every path of the product. Must not know what is in the files, except that a workspace is a folder we may write."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tagtrainer.core.files import safe_id, write_error
from tagtrainer.core.text import UserError

PRESETS = Path(__file__).resolve().parent.parent / "presets"
DEFAULT_ROOT = Path(__file__).resolve().parent.parent / "workspace"


@dataclass(frozen=True)
class Workspace:
    """The user's data folder. `config` may lie elsewhere (--config, TAGTRAINER_CONFIG)."""

    root: Path
    config: Path

    @property
    def secrets(self) -> Path:
        """API keys and tokens, mode 0600."""
        return self.root / "secrets.json"

    @property
    def index(self) -> Path:
        """The search index; may be deleted at any time."""
        return self.root / "index.sqlite"

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    @property
    def tasks(self) -> Path:
        return self.root / "tasks"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def presets(self) -> Path:
        """The user's own presets, same layout as the shipped PRESETS folder."""
        return self.root / "presets"

    @property
    def trash(self) -> Path:
        """Deleted datasets and tasks; deleted items lie in their dataset's own trash."""
        return self.root / "trash"

    @property
    def runtime(self) -> Path:
        """Engines, locks, temporary files: nothing a user would miss."""
        return self.root / "runtime"

    @property
    def temporary(self) -> Path:
        """Uploads and unpacking; emptied at start."""
        return self.runtime / "tmp"

    @property
    def cache(self) -> Path:
        """Engine caches: one folder per dataset x family x variant x resolution."""
        return self.root / "cache"

    def dataset(self, dataset_id: str) -> Path:
        """Folder of one dataset; the id is checked, so it cannot lead out."""
        return self.datasets / safe_id(dataset_id)

    def task(self, task_id: str) -> Path:
        """Folder of one task (any background job)."""
        return self.tasks / safe_id(task_id)

    def model(self, task_id: str) -> Path:
        """Output folder of one training task: checkpoints, sample/, states."""
        return self.models / safe_id(task_id)


def place_of(root: Path | str | None = None, config: Path | str | None = None) -> Workspace:
    """Where the workspace is or would be; makes nothing."""
    folder = Path(root or os.environ.get("TAGTRAINER_WORKSPACE") or DEFAULT_ROOT).expanduser().absolute()
    settings = config or os.environ.get("TAGTRAINER_CONFIG")
    return Workspace(folder, Path(settings).expanduser().absolute() if settings else folder / "config.json")


def open_workspace(root: Path | str | None = None, config: Path | str | None = None) -> Workspace:
    """The workspace at `root`, else $TAGTRAINER_WORKSPACE, else the folder beside the program; made when missing.

    Raises UserError workspace.not_a_folder, workspace.not_writable.
    """
    ws = place_of(root, config)
    folder = ws.root
    if folder.exists() and not folder.is_dir():
        raise UserError("workspace.not_a_folder", path=folder)
    try:
        for path in (ws.datasets, ws.tasks, ws.models, ws.presets, ws.runtime, ws.temporary, ws.cache):
            path.mkdir(parents=True, exist_ok=True)
        probe = ws.runtime / ".writable"
        probe.write_text("", "utf-8")
    except OSError as error:
        if isinstance(error, PermissionError):
            raise UserError("workspace.not_writable", path=folder) from error
        raise write_error(folder, error) from error
    return ws
