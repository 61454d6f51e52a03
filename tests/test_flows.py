"""flows: queueing, refusing, going on after a stop or a kill, cloning; the work itself is done by the real worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tagtrainer import flows
from tagtrainer.core.text import UserError
from tagtrainer.datasets import store
from tagtrainer.jobs import store as jobs
from tagtrainer.jobs import worker
from tagtrainer.training.draft import Draft
from tagtrainer.workspace import Workspace
from tests.test_plan import draft_for, make_dataset


@pytest.fixture(autouse=True)
def _worker_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker runs in a thread of the test, so that none is left behind."""
    started: list[threading.Thread] = []

    def ensure(ws: Workspace) -> bool:
        if not any(thread.is_alive() for thread in started):
            started.append(threading.Thread(target=worker.run, args=(ws,), kwargs={"linger": 0.2}, daemon=True))
            started[-1].start()
        return True

    monkeypatch.setattr(worker, "ensure_worker", ensure)


@pytest.fixture
def dataset(ws: Workspace, tmp_path: Path) -> str:
    return make_dataset(ws, tmp_path / "pictures")


def quick(dataset: str, **options: Any) -> Draft:
    return draft_for(
        dataset, max_train_epochs=2, save_every_n_epochs=1, optimizer_type="adamw", network_dim=4, network_alpha=4,
        lr_scheduler="constant", lr_warmup_steps=None, sample_every_n_epochs=None, save_state=True, **options,
    )  # fmt: skip


def log_of(ws: Workspace, task: str) -> str:
    return jobs.log_path(ws, task).read_text("utf-8") if jobs.log_path(ws, task).exists() else ""


def test_a_training_runs_to_its_end(ws: Workspace, dataset: str) -> None:
    task = flows.start_training(ws, quick(dataset))
    seen: list[str] = []
    state = flows.wait(ws, task, lambda now: seen.append(now.step_name))
    assert state.status == "completed", log_of(ws, task)
    names = {path.name for path in ws.model(task).iterdir()}
    assert {"toy_lora.safetensors", "toy_lora-000001.safetensors"} <= names
    assert jobs.load(ws, task).resource == "cpu"
    assert list((ws.task(task) / "tensorboard").rglob("events.out*"))


def test_errors_refuse_the_start(ws: Workspace, dataset: str) -> None:
    with pytest.raises(UserError, match="not started") as caught:
        flows.start_training(ws, quick(dataset, sdpa=False))
    assert caught.value.key == "flows.refused"
    assert not jobs.list_tasks(ws) and not list(ws.tasks.iterdir())


def test_a_failed_freeze_leaves_nothing(ws: Workspace, tmp_path: Path) -> None:
    bare = make_dataset(ws, tmp_path / "bare", "bare", captions=0)
    with pytest.raises(UserError):
        flows.create_training(ws, quick(bare))
    assert not list(ws.tasks.iterdir()) and not list(ws.models.iterdir())


def test_again_after_the_end_keeps_every_file(ws: Workspace, dataset: str) -> None:
    task = flows.start_training(ws, quick(dataset))
    assert flows.wait(ws, task).status == "completed", log_of(ws, task)
    before = {path: path.stat().st_mtime_ns for path in ws.model(task).rglob("*.safetensors")}
    caches = {path: path.stat().st_mtime_ns for path in ws.cache.rglob("*.safetensors")}
    flows.again(ws, task)
    assert flows.wait(ws, task).status == "completed", log_of(ws, task)
    assert all(path.stat().st_mtime_ns == when for path, when in {**before, **caches}.items())
    assert (ws.model(task) / "toy_lora-2.safetensors").exists()
    assert "toy_lora-2" in (ws.task(task) / "train.sh").read_text("utf-8")


@pytest.mark.crash
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
def test_one_call_goes_on_after_a_kill(ws: Workspace, dataset: str) -> None:
    draft = quick(dataset)
    draft.options.update(max_train_epochs=400, save_every_n_epochs=2)
    task = flows.start_training(ws, draft)
    end = time.monotonic() + 40
    while not list(ws.model(task).glob("*-state/random_states*")) and time.monotonic() < end:
        time.sleep(0.05)
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if (
            "qwen_image_train_network" in words
            and any(task in word for word in words)
            and "shim.py" not in " ".join(words)
        ):
            process.send_signal(signal.SIGKILL)
    assert flows.wait(ws, task).status == "failed"
    kept = {path.name for path in ws.model(task).glob("*.safetensors")}
    flows.again(ws, task)
    words = next(step.argv for step in jobs.load(ws, task).steps if step.name == "train")
    left = int(words[words.index("--max_train_epochs") + 1])
    assert "--resume" in words and 0 < left < 400
    jobs.request_stop(ws, task)
    assert flows.wait(ws, task).status == "stopped"
    assert kept <= {path.name for path in ws.model(task).glob("*.safetensors")}


def test_pictures_gone_before_the_turn_comes(ws: Workspace, dataset: str) -> None:
    import shutil

    task = flows.create_training(ws, quick(dataset))
    shutil.move(ws.dataset(dataset) / "images", ws.root / "away")
    jobs.submit(ws, task)
    assert flows.wait(ws, task).status == "failed"
    assert "5 pictures of this task are gone" in log_of(ws, task)
    assert not list(ws.model(task).iterdir())
    shutil.move(ws.root / "away", ws.dataset(dataset) / "images")
    flows.again(ws, task)
    assert flows.wait(ws, task).status == "completed", log_of(ws, task)


def test_clone_takes_captions_as_they_are_now(ws: Workspace, dataset: str) -> None:
    first = flows.create_training(ws, quick(dataset))
    item = store.items(ws, dataset)[0]
    store.write_captions(ws, dataset, {item.id: "changed"}, who="test", title="edit")
    second = flows.clone_training(ws, first, "Other")
    assert flows.draft_of(ws, second).name == "Other"
    texts = [
        json.loads(line)["caption"] for line in (ws.task(second) / "dataset_0.jsonl").read_text("utf-8").splitlines()
    ]
    assert "changed" in texts
    assert "changed" not in (ws.task(first) / "dataset_0.jsonl").read_text("utf-8")


def test_a_captioning_has_no_draft(ws: Workspace) -> None:
    with pytest.raises(UserError):
        flows.draft_of(ws, "nothing")


def test_import_as_a_task(ws: Workspace, tmp_path: Path) -> None:
    make_dataset(ws, tmp_path / "pictures", "first")
    second = store.create(ws, "second").id
    task = flows.start_import(ws, second, [tmp_path / "pictures"])
    assert flows.wait(ws, task).status == "completed", log_of(ws, task)
    assert len(store.items(ws, second)) == 5


def test_captioning_as_a_task(ws: Workspace, tmp_path: Path) -> None:
    dataset = make_dataset(ws, tmp_path / "pictures", captions=0)
    task = flows.start_captioning(ws, dataset, "template", "missing")
    assert flows.wait(ws, task).status == "completed", log_of(ws, task)
    assert all(item.has_caption for item in store.items(ws, dataset))


def test_a_frozen_task_starts_whatever_became_of_the_captions(ws: Workspace, dataset: str) -> None:
    task = flows.create_training(ws, quick(dataset))
    store.write_captions(ws, dataset, {item.id: "" for item in store.items(ws, dataset)}, who="test", title="wipe")
    flows.again(ws, task)
    assert flows.wait(ws, task).status == "completed", log_of(ws, task)


@pytest.mark.skipif(os.name == "nt", reason="a POSIX shell")
def test_the_script_runs_by_hand(ws: Workspace, dataset: str) -> None:
    task = flows.create_training(ws, quick(dataset))
    done = subprocess.run(["sh", str(ws.task(task) / "train.sh")], capture_output=True, text=True, cwd=ws.root)
    assert done.returncode == 0, done.stderr[-2000:]
    assert (ws.model(task) / "toy_lora.safetensors").exists()


def test_an_unfinished_walk_joins_its_training(ws: Workspace, dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from tagtrainer.flows import walk

    draft = quick(dataset)
    monkeypatch.setattr(worker, "ensure_worker", lambda ws: False)
    task = flows.start_training(ws, draft)
    assert walk._under_way(ws, draft) == task
    assert walk._under_way(ws, draft.model_copy(update={"name": "other"})) == ""
