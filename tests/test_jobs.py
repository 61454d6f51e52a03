"""jobs: tasks on disk, the worker, logs without redraws, progress by our own clock."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagtrainer.core.steps import Step
from tagtrainer.core.text import UserError
from tagtrainer.jobs import output, store, worker
from tagtrainer.jobs.output import Collapser, Meter
from tagtrainer.jobs.store import State, Task
from tagtrainer.workspace import Workspace


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """No detached worker: the test runs it itself."""
    monkeypatch.setattr(worker, "ensure_worker", lambda ws: False)


def task(ws: Workspace, *scripts: str, ident: str = "t1", resource: str = "cpu", **details: Any) -> str:
    steps = [Step(name=f"s{n}", argv=[sys.executable, "-c", script], **details) for n, script in enumerate(scripts)]
    store.create(ws, Task(id=ident, kind="test", title="Test", resource=resource, steps=steps))
    return ident


def work(ws: Workspace) -> None:
    worker.run(ws, linger=0.0)


def test_steps_run_in_order_and_the_log_holds_both_streams(ws: Workspace, here: None) -> None:
    ident = task(ws, "print('one 一')", "import sys; print('two', file=sys.stderr)")
    assert store.state(ws, ident).status == "pending"
    store.submit(ws, ident)
    assert store.state(ws, ident).status == "queued"
    work(ws)
    state = store.state(ws, ident)
    assert (state.status, state.exit_code, state.step_name) == ("completed", 0, "s1")
    assert [entry.name for entry in state.step_times] == ["s0", "s1"] and state.ended_at is not None
    assert store.log_path(ws, ident).read_text("utf-8").split("\n")[:2] == ["one 一", "two"]


def test_a_failing_step_ends_the_task_with_its_exit_code(ws: Workspace, here: None) -> None:
    ident = task(ws, "raise SystemExit(3)", "print('never')")
    store.submit(ws, ident)
    work(ws)
    assert (store.state(ws, ident).status, store.state(ws, ident).exit_code) == ("failed", 3)
    assert "never" not in (store.log_path(ws, ident).read_text("utf-8") if store.log_path(ws, ident).exists() else "")


def test_a_program_that_does_not_exist_is_named(ws: Workspace, here: None) -> None:
    store.create(ws, Task(id="t", kind="test", title="T", steps=[Step(name="s", argv=["/no/such/program"])]))
    store.submit(ws, "t")
    work(ws)
    assert store.state(ws, "t").exit_code == 127 and "/no/such/program" in store.log_path(ws, "t").read_text("utf-8")


def test_a_folder_that_does_not_exist_is_a_reason(ws: Workspace, here: None) -> None:
    ident = task(ws, "print(1)", cwd=str(ws.root / "gone"))
    store.submit(ws, ident)
    work(ws)
    assert (store.state(ws, ident).status, store.state(ws, ident).reason) == ("failed", "jobs.cannot_start")


def test_again_keeps_the_earlier_log(ws: Workspace, here: None) -> None:
    ident = task(ws, "print('first')")
    store.submit(ws, ident)
    work(ws)
    store.submit(ws, ident)
    work(ws)
    assert (ws.task(ident) / "log-1.txt").read_text("utf-8") == "first\n"
    assert store.state(ws, ident).attempt == 2


def test_one_resource_is_a_queue_and_two_run_side_by_side(ws: Workspace, here: None) -> None:
    meet = "import sys, time; from pathlib import Path\nme, other = map(Path, sys.argv[1:])\nme.write_text('')\n"
    meet += "end = time.time() + 8\n"
    meet += "while not other.exists() and time.time() < end: time.sleep(0.02)\nsys.exit(not other.exists())"
    for ident, other in (("a", "b"), ("b", "a")):
        argv = [sys.executable, "-c", meet, str(ws.root / ident), str(ws.root / other)]
        steps = [Step(name="s", argv=argv)]
        store.create(ws, Task(id=ident, kind="test", title=ident, resource=f"gpu-{ident}", steps=steps))
        store.submit(ws, ident)
    first, second = task(ws, "print(1)", ident="c", resource="one"), task(ws, "print(2)", ident="d", resource="one")
    store.submit(ws, second)
    time.sleep(0.01)
    store.submit(ws, first)
    work(ws)
    assert all(state.status == "completed" for _, state in store.list_tasks(ws))
    began = {ident: store.state(ws, ident).step_times[0].started_at for ident in (first, second)}
    assert began[second] < began[first]
    assert (store.state(ws, second).ended_at or 0) <= began[first]


def test_stopping_what_waits_and_what_runs(ws: Workspace, here: None) -> None:
    waiting, running = (
        task(ws, "print(1)", ident="waits"),
        task(ws, "import time; time.sleep(60)", ident="runs", resource="x"),
    )
    store.submit(ws, waiting)
    store.request_stop(ws, waiting)
    assert store.state(ws, waiting).status == "stopped"
    store.submit(ws, running)
    thread = threading.Thread(target=work, args=(ws,))
    thread.start()
    wait_for(ws, running, "running")
    with pytest.raises(UserError):
        store.delete(ws, running)
    store.request_stop(ws, running)
    thread.join(30)
    state = store.state(ws, running)
    assert (state.status, state.stopped_by_user) == ("stopped", True) and not store.stop_path(ws, running).exists()


def wait_for(ws: Workspace, ident: str, status: str, seconds: float = 15) -> State:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if store.state(ws, ident).status == status and (status != "running" or store.state(ws, ident).pid):
            return store.state(ws, ident)
        time.sleep(0.05)
    raise AssertionError(store.state(ws, ident))


def test_delete_goes_to_trash(ws: Workspace, here: None) -> None:
    ident = task(ws, "print(1)")
    ws.model(ident).mkdir(parents=True)
    store.delete(ws, ident)
    assert store.list_tasks(ws) == [] and (ws.trash / "tasks" / ident / "task.json").exists()
    assert (ws.trash / "models" / ident).exists()


def test_a_damaged_folder_does_not_hide_the_others(ws: Workspace, here: None) -> None:
    task(ws, "print(1)", ident="good")
    bad = ws.task("bad")
    bad.mkdir()
    (bad / "task.json").write_text("{", "utf-8")
    assert [found.id for found, _ in store.list_tasks(ws)] == ["good"]
    with pytest.raises(UserError, match="damaged"):
        store.load(ws, "bad")


@pytest.mark.parametrize("ident", ["../x", "", "a/b", "nothing"])
def test_ids_that_are_not_ours_are_refused(ws: Workspace, ident: str) -> None:
    with pytest.raises(UserError):
        store.load(ws, ident)


def frames(count: int) -> Iterator[str]:
    for n in range(count + 1):
        bar = f"{100 * n // count:3d}%|{'█' * 3}      | {n}/{count}"
        yield f"\rsteps: {bar} [00:{n % 60:02d}<00:10,  1.07s/it, avr_loss=0.{n:05d}]"


def test_redraws_collapse_to_what_people_read() -> None:
    collapser = Collapser(Meter())
    lines: list[str] = []
    for n, frame in enumerate(frames(200)):
        lines += collapser.feed(frame, at=1000.0 + n / 20)
        if n == 100:
            lines += collapser.feed("\nsaving checkpoint: /x/a-000001.safetensors\n", at=1005.0)
    lines += collapser.end()
    bars = [line for line in lines if line.startswith("steps:")]
    assert "saving checkpoint: /x/a-000001.safetensors" in lines and len(bars) <= 4
    assert "200/200" in lines[-1]


def test_a_record_behind_a_frame_is_a_line_of_its_own() -> None:
    collapser = Collapser(Meter())
    text = "\rsteps:   0%|          | 0/24 [00:00<?, ?it/s]INFO:musubi_tuner:network weights\n\x1b[32mgreen\x1b[0m\n"
    assert list(collapser.feed(text))[1:] == ["INFO:musubi_tuner:network weights", "green"]


def test_a_simulated_day_stays_small(tmp_path: Path) -> None:
    """20 redraws a second for 24 hours of the log's own clock, fed a thousand at a time."""
    collapser, log = Collapser(Meter()), tmp_path / "log.txt"
    total = 20 * 3600 * 24
    for start in range(0, total, 20_000):
        text = "".join(
            f"\rsteps: 50%|##### | {n}/{total} [01:00<01:00, 20.0it/s, avr_loss=0.1]"
            for n in range(start, start + 20_000, 50)
        )
        output.append_lines(log, list(collapser.feed(text, at=start / 20)))
    assert log.stat().st_size < 1_000_000


def test_a_chatty_log_keeps_its_head_and_its_newest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "MAX_BYTES", 40_000)
    monkeypatch.setattr(output, "HEAD_BYTES", 1_000)
    log = tmp_path / "log.txt"
    for n in range(3000):
        output.append_lines(log, [f"line {n:05d} of a program that never stops talking"])
    text = log.read_text("utf-8")
    assert len(text) <= 42_000 and text.startswith("line 00000") and "line 02999" in text


def test_pace_and_eta_are_by_our_own_clock() -> None:
    meter = Meter()
    for n in range(1, 11):
        meter.see(f"steps: 10%|# | {n}/110 [00:00<00:00, 1312.00it/s, avr_loss=2.4]", at=100.0 + 2.0 * n)
    assert meter.now is not None
    assert (meter.now.label, meter.now.n, meter.now.total, meter.now.note) == ("steps", 10, 110, "avr_loss=2.4")
    assert meter.now.seconds_per_unit == pytest.approx(2.0) and meter.now.eta == pytest.approx(200.0)
    meter.see("Denoising steps:  33%|### | 1/3 [00:00<00:00,  2.14it/s]", at=130.0)
    assert meter.now.label == "Denoising steps" and meter.now.eta is None


def test_a_bar_that_others_interrupt_keeps_its_pace_and_its_estimate() -> None:
    meter, at = Meter(), 0.0
    for n in range(1, 11):
        at += 2.0
        meter.see(f"steps: 10%|# | {n}/110 [00:00<00:00, 1.00it/s, avr_loss=2.4]", at=at)
    for n in range(1, 4):
        at += 10.0
        meter.see(f"Denoising steps:  33%|### | {n}/3 [00:00<00:00,  2.14it/s]", at=at)
        assert meter.now is not None and meter.now.outer is not None and meter.now.outer.note == "avr_loss=2.4"
        assert meter.now.outer.eta == pytest.approx(200.0) and meter.now.of("steps") == meter.now.outer
    for n in range(11, 20):
        at += 2.0
        meter.see(f"steps: 10%|# | {n}/110 [00:00<00:00, 1.00it/s, avr_loss=2.4]", at=at)
    assert meter.now is not None and meter.now.outer is None and meter.now.seconds_per_unit == pytest.approx(2.0)
    # 91 steps are left; 18 were walked with 30 seconds for samples between, and so it will go on
    assert meter.now.eta == pytest.approx(91 * (2.0 + 30 / 18))


def test_a_counter_without_total_uses_what_the_step_expects() -> None:
    meter = Meter(expected=6)
    meter.see("3it [00:02,  2.41it/s]", at=1.0)
    assert meter.now is not None and (meter.now.n, meter.now.total) == (3, 6)
    for count in (4, 1, 2):  # a second dataset begins
        meter.see(f"{count}it [00:02,  2.41it/s]", at=2.0)
    assert (meter.now.n, meter.now.total) == (6, 6)


def test_a_task_without_steps_is_done(ws: Workspace, here: None) -> None:
    store.create(ws, Task(id="none", kind="test", title="None", steps=[]))
    store.submit(ws, "none")
    work(ws)
    assert store.state(ws, "none").status == "completed"


@given(st.text(alphabet="ab\r\n%|/[]0123 :,<?it", max_size=300), st.integers(1, 7))
def test_any_cut_of_the_stream_loses_no_plain_line(text: str, size: int) -> None:
    whole, pieces = Collapser(Meter()), Collapser(Meter())
    expected = [*whole.feed(text, at=0.0), *whole.end()]
    found: list[str] = []
    for start in range(0, len(text), size):
        found += pieces.feed(text[start : start + size], at=0.0)
    found += pieces.end()
    assert [line for line in found if "it" not in line] == [line for line in expected if "it" not in line]
