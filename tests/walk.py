"""The whole walk through the services, for tests of any engine: drawn pictures -> dataset -> captions -> training -> its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tagtrainer import flows
from tagtrainer.datasets import store, transfer
from tagtrainer.jobs import store as jobs
from tagtrainer.jobs import worker
from tagtrainer.training.draft import DatasetUse, Draft
from tagtrainer.workspace import Workspace
from tests.drawings import draw

OPTIONS: dict[str, Any] = {
    "resolution": "128,128", "batch_size": 1, "enable_bucket": True,
    "network_dim": 4, "network_alpha": 4, "optimizer_type": "adamw", "learning_rate": 1e-3, "mixed_precision": "bf16",
    "lr_scheduler": "constant", "lr_warmup_steps": None, "sdpa": True, "gradient_checkpointing": True,
    "timestep_sampling": "shift", "discrete_flow_shift": 2.2, "weighting_scheme": "none", "seed": 42,
    "max_data_loader_n_workers": 1, "persistent_data_loader_workers": True, "max_train_epochs": 3,
    "save_every_n_epochs": 1, "save_state": True, "fp8_base": False, "fp8_scaled": False, "fp8_vl": False, "blocks_to_swap": None,
    "sample_prompts_text": "a red lighthouse\nI love 雪 --w 9", "sample_every_n_epochs": 1, "sample_at_first": True,
    "sample_width": 64, "sample_height": 64, "sample_steps": 2, "sample_seed": 7,
}  # fmt: skip
"""Small enough for a processor. The second prompt holds what the engine's text format would take for options."""
NO_SAMPLES: dict[str, Any] = {"sample_prompts_text": "", "sample_every_n_epochs": None, "sample_at_first": False}


def make_dataset(ws: Workspace, folder: Path, name: str = "toys") -> str:
    """A captioned dataset of a folder's pictures."""
    dataset = store.create(ws, name).id
    report = transfer.import_paths(ws, dataset, [draw(folder)])
    assert report.added == 6 and not report.skipped
    texts = {item.id: f"sks toy, {item.name}" for item in store.items(ws, dataset)}
    store.write_captions(ws, dataset, texts, who="test", title="captions")
    return dataset


def make_draft(dataset: str, engine: str, name: str = "toy lora", **options: Any) -> Draft:
    return Draft(
        name=name,
        engine=engine,
        datasets=[DatasetUse(id=dataset)],
        options={**OPTIONS, **options},
    )


def train(ws: Workspace, draft: Draft) -> str:
    """Start a training and wait for its end; returns the task's id."""
    task = flows.start_training(ws, draft)
    flows.wait(ws, task)
    return task


def text_of_log(ws: Workspace, task: str) -> str:
    path = jobs.log_path(ws, task)
    return path.read_text("utf-8", "replace") if path.exists() else ""


def wait_until(what: Callable[[], Any], ws: Workspace, task: str, timeout: float = 150) -> Any:
    """The first true value of `what`; fails with the end of the log when it does not come."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.2)
    raise AssertionError(f"{jobs.state(ws, task)}\n{text_of_log(ws, task)[-3000:]}")


def at_step(ws: Workspace, task: str, step: int) -> Callable[[], bool]:
    """Whether the training has done so many steps (or the task has ended, which fails the test that waits)."""

    def reached() -> bool:
        state = jobs.state(ws, task)
        assert state.status not in flows.ENDED, text_of_log(ws, task)[-3000:]
        progress = state.progress
        return progress is not None and progress.label == "steps" and progress.n >= step

    return reached


def end_worker(ws: Workspace) -> None:
    """Stop whatever still runs in a workspace, so that a test leaves no process behind."""
    for task, state in jobs.list_tasks(ws):
        if state.status in ("queued", "running"):
            jobs.request_stop(ws, task.id)
            worker.ensure_worker(ws)
            flows.wait(ws, task.id)
