"""The real engine through the app's own worker: what it leaves behind is read back completely."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tagtrainer.jobs import store as jobs
from tagtrainer.training import plan, results
from tagtrainer.training.results.checkpoints import read_header
from tagtrainer.workspace import Workspace
from tests import walk
from tests.engine.conftest import Trained

pytestmark = pytest.mark.engine


def test_it_trains_to_the_end(trained: Trained) -> None:
    ws, task = trained.ws, trained.task
    state = jobs.state(ws, task)
    assert state.status == "completed", walk.text_of_log(ws, task)[-3000:]
    view = results.run_view(ws, jobs.load(ws, task), state)
    totals = plan.summary(ws, walk.make_draft(trained.dataset, "musubi-tuner"))
    assert (view.step, view.total, view.epoch, view.epochs) == (totals.steps, totals.steps, 3, 3) == (18, 18, 3, 3)
    assert view.loss is not None and math.isfinite(view.loss) and view.message.endswith("toy_lora.safetensors.")
    assert [stage.name for stage in view.stages] == ["prepare", "cache_latents", "cache_text", "train"]
    assert all(stage.state == "done" and stage.seconds for stage in view.stages)


def test_its_loss_is_plotted(trained: Trained) -> None:
    found = results.curves(trained.ws, trained.task)
    assert found["loss/current"].steps.tolist() == list(range(1, 19))
    assert found["loss/epoch"].steps.tolist() == [1, 2, 3]
    assert found["lr/unet"].values.tolist() == pytest.approx([1e-3] * 18)
    view = results.run_view(trained.ws, jobs.load(trained.ws, trained.task), jobs.state(trained.ws, trained.task))
    assert view.loss == pytest.approx(float(found["loss/average"].values[-1]), rel=0.01)


def test_its_samples_are_a_grid(trained: Trained) -> None:
    grid = results.samples(trained.ws, trained.task)
    assert grid.prompts == ("a red lighthouse", "I love 雪 --w 9")
    assert [row.label for row in grid.rows] == ["before training", "epoch 1", "epoch 2", "epoch 3"]
    for row in grid.rows:
        for cell in row.cells:
            assert cell is not None and cell.seed == 7
            assert results.sample_path(trained.ws, trained.task, cell.file).read_bytes().startswith(b"\x89PNG")


def test_its_checkpoints_say_what_they_are(trained: Trained) -> None:
    found = results.checkpoints(trained.ws, trained.task)
    assert [(row.file, row.kind, row.epoch, row.step) for row in found] == [
        ("toy_lora-000001.safetensors", "epoch", 1, 6),
        ("toy_lora-000002.safetensors", "epoch", 2, 12),
        ("toy_lora.safetensors", "final", 3, 18),
    ]
    for row in found:
        assert row.complete and not row.rehearsal
        assert row.metadata["ss_base_model_version"] == "qwen_image" and row.metadata["ss_network_dim"] == "4"
    names = [state.folder for state in results.states(trained.ws, trained.task)]
    assert names == ["toy_lora-000001-state", "toy_lora-000002-state", "toy_lora-state"]


def test_an_edited_caption_is_the_only_one_encoded_again(trained: Trained) -> None:
    from tagtrainer.datasets import store

    ws, dataset = trained.ws, trained.dataset
    before = changed_at(ws, dataset)
    assert len(before) == 12
    item = store.items(ws, dataset)[0]
    store.write_captions(ws, dataset, {item.id: "sks toy, edited 改过"}, who="test", title="edit")
    task = walk.train(ws, walk.make_draft(dataset, "musubi-tuner", max_train_epochs=1, **walk.NO_SAMPLES))
    assert jobs.state(ws, task).status == "completed", walk.text_of_log(ws, task)[-3000:]
    after = changed_at(ws, dataset)
    changed = [path for path, time in after.items() if before.get(path) != time]
    assert set(after) == set(before) and len(changed) == 1
    assert read_header(changed[0]).metadata["caption1"] == "sks toy, edited 改过"


def changed_at(ws: Workspace, dataset: str) -> dict[Path, int]:
    """The real engine's caches of a dataset (others may have rehearsed, or trained others, here) and when each was written."""
    return {path: path.stat().st_mtime_ns for path in (ws.cache / dataset).glob("musubi-tuner-*/*.safetensors")}
