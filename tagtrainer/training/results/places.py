"""Where a training run leaves its files, and how one of them is served safely. Must not read what is in them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tagtrainer.core.files import safe_join
from tagtrainer.core.text import UserError
from tagtrainer.workspace import Workspace


@dataclass(frozen=True)
class Places:
    """The folders and files of one run. Any of them may be missing."""

    task: Path
    output: Path

    @property
    def log(self) -> Path:
        """What the run printed, progress redraws collapsed by the worker."""
        return self.task / "log.txt"

    @property
    def tensorboard(self) -> Path:
        """The engine's `--logging_dir`; every start makes a folder of its own below."""
        return self.task / "tensorboard"

    @property
    def prompts(self) -> Path:
        """The sample prompts frozen with the task."""
        return self.task / "sample_prompts.json"

    @property
    def samples(self) -> Path:
        """Pictures and clips drawn while training."""
        return self.output / "sample"


def places(ws: Workspace, task_id: str) -> Places:
    """The places of a task. Raises UserError core.bad_id for an id that we could not have made."""
    return Places(ws.task(task_id), ws.model(task_id))


def output_file(folder: Path, name: str, suffixes: frozenset[str]) -> Path:
    """The file `name` directly in `folder`, links followed, still inside it, with one of `suffixes`.

    Raises UserError core.outside, results.no_file.
    """
    path = safe_join(folder, name)
    if path.parent != folder.resolve():
        raise UserError("core.outside", path=name[:120])
    if path.suffix.lower() not in suffixes or not path.is_file():
        raise UserError("results.no_file", name=name[:120])
    return path
