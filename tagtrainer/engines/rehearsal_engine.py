"""The embedded engine seen as an engine: this very Python, no weights, CPU. Must not know how it trains."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tagtrainer import __version__
from tagtrainer.engines import interpreter
from tagtrainer.engines.base import PROGRESS_SAFE_ENV, EngineStatus, Interpreter
from tagtrainer.workspace import Workspace

ID = "rehearsal"
_ROOT = Path(__file__).resolve().parent.parent.parent


class Rehearsal:
    """Proves dataset, captions, buckets, paths and schedule in seconds, without a GPU."""

    id = ID
    rehearsal = True

    def status(self, ws: Workspace) -> EngineStatus:
        """Always there."""
        return EngineStatus(True, str(_ROOT / "tagtrainer" / "engines" / "rehearsal"), __version__, self.python(ws))

    def python(self, ws: Workspace) -> str:
        """The interpreter that runs the app."""
        return sys.executable

    def script_argv(self, ws: Workspace, script: str) -> list[str]:
        """`python -m tagtrainer.engines.rehearsal <script>`."""
        return [sys.executable, "-m", "tagtrainer.engines.rehearsal", script]

    def env(self, ws: Workspace) -> dict[str, str | None]:
        """Unbuffered and UTF-8 like the real one."""
        return dict(PROGRESS_SAFE_ENV)

    def cwd(self, ws: Workspace) -> str:
        """Where `-m tagtrainer` is found."""
        return str(_ROOT)

    def interpreter(self, ws: Workspace, modules: Sequence[str] = ()) -> Interpreter:
        """What this Python has."""
        return interpreter.ask(self.python(ws), self.env(ws), tuple(modules))
