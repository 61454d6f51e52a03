"""The rig: a real musubi-tuner checkout, its Python, miniature weights and the hook that makes its models small.

TAGTRAINER_TEST_ENGINE, TAGTRAINER_TEST_ENGINE_PYTHON, TAGTRAINER_TEST_MINI, TAGTRAINER_TEST_MINI_HOOK name the four;
without them these tests are skipped.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tagtrainer import settings
from tagtrainer.workspace import Workspace, open_workspace
from tests import walk

NAMES = ("ENGINE", "ENGINE_PYTHON", "MINI", "MINI_HOOK")


@dataclass(frozen=True)
class Rig:
    """Where the engine and its miniature weights lie."""

    engine: Path
    python: Path
    mini: Path
    hook: Path

    def weights(self, name: str) -> str:
        return str(self.mini / "models" / f"{name}.safetensors")


@pytest.fixture(scope="session")
def rig() -> Rig:
    found = [os.environ.get(f"TAGTRAINER_TEST_{name}", "") for name in NAMES]
    missing = [f"TAGTRAINER_TEST_{name}" for name, value in zip(NAMES, found, strict=True) if not Path(value).exists()]
    if missing or not all(found):
        pytest.skip(f"the real engine is not at hand: {', '.join(missing)}")
    return Rig(*(Path(value) for value in found))


@pytest.fixture(scope="package")
def engine_ws(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A workspace, with a space and a Chinese letter in its path, that uses the rig's engine and weights."""
    ws = open_workspace(tmp_path_factory.mktemp("engine") / "work space 图")

    def edit(known: settings.Settings) -> None:
        known.engine.musubi_path, known.engine.musubi_python = str(rig.engine), str(rig.python)
        known.engine.extra_env = {
            "MINI_ENGINE": "1", "PYTHONPATH": str(rig.hook), "HF_HOME": str(rig.mini / "hf_home"), "HF_HUB_OFFLINE": "1",
        }  # fmt: skip
        known.model_paths = {
            "qwen_image.dit_path": rig.weights("qwen_image_dit"),
            "qwen_image.vae_path": rig.weights("qwen_image_vae"),
            "qwen_image.text_encoder_path": rig.weights("qwen_2.5_vl"),
        }

    settings.change(ws, edit)
    yield ws
    walk.end_worker(ws)


@dataclass(frozen=True)
class Trained:
    """One finished run of the real engine, shared by the tests that only look at it."""

    ws: Workspace
    dataset: str
    task: str


@pytest.fixture(scope="package")
def trained(engine_ws: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    dataset = walk.make_dataset(engine_ws, tmp_path_factory.mktemp("pictures"))
    return Trained(engine_ws, dataset, walk.train(engine_ws, walk.make_draft(dataset, "musubi-tuner")))
