"""What every test may use: a fresh workspace, pictures drawn on the spot. Nothing here talks to a network."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("calm", deadline=None)  # no test asserts a time, and machines are busy at times
hypothesis.settings.load_profile("calm")
ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy; on busy cores more threads take ten times longer

from tagtrainer.core.text import set_language  # noqa: E402
from tagtrainer.workspace import Workspace, open_workspace  # noqa: E402


@pytest.fixture
def ws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """An empty workspace of its own."""
    for name in ("TAGTRAINER_WORKSPACE", "TAGTRAINER_CONFIG", "TAGTRAINER_DEBUG", "TAGTRAINER_TASK"):
        monkeypatch.delenv(name, raising=False)
    return open_workspace(tmp_path / "workspace")


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    set_language("en")
    yield
    set_language("en")
