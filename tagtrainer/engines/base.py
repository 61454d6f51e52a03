"""What any training engine offers: where it is, what it runs with, how one of its scripts is called. Knows no engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tagtrainer.workspace import Workspace

PROGRESS_SAFE_ENV: Mapping[str, str | None] = {
    "PYTHONUNBUFFERED": "1",  # else "saving checkpoint" comes late or only at exit
    "PYTHONUTF8": "1",  # a Windows code page cannot print the engine's Japanese messages: the run would die
    "PYTHONIOENCODING": "utf-8",  # set otherwise, it would win over the line above
    "TQDM_ASCII": None,  # crashes the run
    "TQDM_DISABLE": None,  # removes all progress
    "TQDM_NCOLS": None,
}


@dataclass(frozen=True)
class EngineStatus:
    """`message` is a sentence for the user: what is missing when not `found`, a remark otherwise, or empty."""

    found: bool
    path: str = ""
    version: str = ""
    python: str = ""
    message: str = ""


@dataclass(frozen=True)
class Interpreter:
    """What an engine's own Python was found to have. `error` is its last words when it could not be asked."""

    version: tuple[int, int, int] = (0, 0, 0)
    modules: Mapping[str, str] = field(default_factory=dict)
    """Importable top-level module -> where it lies."""
    torch: str = ""
    error: str = ""

    def has(self, module: str) -> bool:
        """Whether `import module` finds something."""
        return module in self.modules


class Engine(Protocol):
    """An engine is another program: own interpreter, own environment, argument lists."""

    id: str
    rehearsal: bool
    """True when it trains on a miniature network: no weights are needed, results are marked."""

    def status(self, ws: Workspace) -> EngineStatus:
        """Whether it can be used, cheap enough for a page."""
        ...

    def python(self, ws: Workspace) -> str:
        """Absolute path of its interpreter. Raises UserError when there is none."""
        ...

    def script_argv(self, ws: Workspace, script: str) -> list[str]:
        """The words that start one script (`qwen_image_train_network`), options not included."""
        ...

    def env(self, ws: Workspace) -> dict[str, str | None]:
        """What is added to the environment; None removes a variable."""
        ...

    def cwd(self, ws: Workspace) -> str:
        """The folder it runs in."""
        ...

    def interpreter(self, ws: Workspace, modules: Sequence[str] = ()) -> Interpreter:
        """Asks its Python which of `modules` can be imported, without importing them; remembered."""
        ...
