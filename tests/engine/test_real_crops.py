"""Crops and repeats of single pictures on the real engine: it trains the cut part, as often as it was told."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagtrainer.datasets import store
from tagtrainer.jobs import store as jobs
from tagtrainer.training import freeze, plan
from tagtrainer.workspace import Workspace
from tests import walk

pytestmark = pytest.mark.engine


def test_crops_and_repeats_are_trained(engine_ws: Workspace, tmp_path: Path) -> None:
    dataset = walk.make_dataset(engine_ws, tmp_path / "pictures", "cut toys")
    first, second, *_ = store.items(engine_ws, dataset)
    change = {first.id: {"crop": [10, 20, 160, 90]}, second.id: {"repeats": 3}}
    store.change_items(engine_ws, dataset, change, who="test", title="crop")
    draft = walk.make_draft(dataset, "musubi-tuner", "cut toys", max_train_epochs=1, **walk.NO_SAMPLES)
    assert plan.summary(engine_ws, draft).steps == 5 + 3
    task = walk.train(engine_ws, draft)
    state, log = jobs.state(engine_ws, task), walk.text_of_log(engine_ws, task)
    assert state.status == "completed", log[-3000:]
    assert "8/8" in log
    cached = [path.name for source in freeze.load(engine_ws.task(task)).sources for path in source.cache.iterdir()]
    latents = [name for name in cached if name.startswith(first.id) and not name.endswith("_te.safetensors")]
    assert len(latents) == 1 and "0160x0090" in latents[0], cached
