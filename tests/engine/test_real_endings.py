"""The real engine stopped, killed, and its worker killed: the truth is shown, nothing is left running, one call goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import psutil
import pytest

from tagtrainer import flows, settings
from tagtrainer.jobs import store as jobs
from tagtrainer.jobs import worker
from tagtrainer.training import results
from tagtrainer.workspace import Workspace
from tests import walk
from tests.engine.conftest import Trained

pytestmark = [pytest.mark.engine, pytest.mark.crash, pytest.mark.skipif(os.name == "nt", reason="POSIX signals")]


@pytest.fixture
def slow(trained: Trained) -> Iterator[Trained]:
    """The same workspace with every training step slowed down, so that there is a middle to interrupt."""
    before = dict(settings.load(trained.ws).engine.extra_env)

    def pace(env: dict[str, str]) -> None:
        settings.change(trained.ws, lambda known: setattr(known.engine, "extra_env", env))

    pace({**before, "MINI_ENGINE_STEP_SLEEP": "0.4"})
    yield trained
    pace(before)
    walk.end_worker(trained.ws)


def start(trained: Trained, name: str) -> str:
    draft = walk.make_draft(trained.dataset, "musubi-tuner", name, **walk.NO_SAMPLES, max_train_epochs=4)
    return flows.start_training(trained.ws, draft)


def processes(ws: Workspace, task: str) -> list[psutil.Process]:
    """Every process of the engine that works for the task."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if any(str(ws.task(task)) in word for word in words) and any("train_network" in word for word in words):
            found.append(process)
    return found


def trainers(ws: Workspace, task: str) -> list[psutil.Process]:
    """Of those, the training itself: not the shim that watches it."""
    return [process for process in processes(ws, task) if "shim.py" not in " ".join(process.cmdline())]


def test_stop(slow: Trained) -> None:
    ws, task = slow.ws, start(slow, "stopped one")
    walk.wait_until(walk.at_step(ws, task, 7), ws, task)
    assert processes(ws, task)
    jobs.request_stop(ws, task)
    assert flows.wait(ws, task).status == "stopped"
    walk.wait_until(lambda: not processes(ws, task), ws, task, 20)
    view = results.run_view(ws, jobs.load(ws, task), jobs.state(ws, task))
    assert view.step is not None and 7 <= view.step < 24 and view.stages[-1].state == "stopped"
    assert [row.file for row in results.checkpoints(ws, task)] == ["stopped_one-000001.safetensors"]


def test_killed_training_is_a_failure_with_a_reason_and_goes_on(slow: Trained) -> None:
    ws, task = slow.ws, start(slow, "killed one")
    walk.wait_until(walk.at_step(ws, task, 8), ws, task)
    for process in trainers(ws, task):
        process.send_signal(signal.SIGKILL)
    assert flows.wait(ws, task).status == "failed"
    view = results.run_view(ws, jobs.load(ws, task), jobs.state(ws, task))
    assert "memory" in view.message
    old = {row.file: row.modified for row in results.checkpoints(ws, task)}
    assert len(old) == 1
    flows.again(ws, task)
    assert flows.wait(ws, task).status == "completed", walk.text_of_log(ws, task)[-3000:]
    new = {row.file: row.modified for row in results.checkpoints(ws, task)}
    assert old.items() <= new.items(), "files of the first try are kept"
    assert any(row.kind == "final" for row in results.checkpoints(ws, task))
    curve = results.curves(ws, task)["loss/current"]
    assert curve.steps.tolist() == list(range(1, 25)), "joined where the state was saved"
    view = results.run_view(ws, jobs.load(ws, task), jobs.state(ws, task))
    assert (view.step, view.total, view.epoch, view.epochs) == (24, 24, 4, 4)


def test_training_outlives_its_worker(slow: Trained) -> None:
    ws, task = slow.ws, start(slow, "orphan")
    walk.wait_until(walk.at_step(ws, task, 3), ws, task)
    for process in psutil.process_iter(["cmdline"]):
        words = process.info["cmdline"] or []
        if str(ws.root) in words and words[-2:] == ["jobs", "worker"]:
            process.send_signal(signal.SIGKILL)
    assert processes(ws, task)
    worker.ensure_worker(ws)
    assert flows.wait(ws, task).status == "completed", walk.text_of_log(ws, task)[-3000:]
    assert results.curves(ws, task)["loss/current"].steps.tolist() == list(range(1, 25))
