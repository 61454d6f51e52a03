"""What a run's log and job state become for the page, with a log recorded from the real engine."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tagtrainer.core.steps import Progress, Step
from tagtrainer.core.text import speaking
from tagtrainer.training.results import last_lines, places, read_log, run_view
from tagtrainer.workspace import Workspace

RECORDED = Path(__file__).resolve().parent / "data" / "real_run.log"
NAMES = ("prepare", "cache_latents", "cache_text", "train")


@dataclass
class FakeTask:
    id: str = "t"
    steps: list[Step] = field(default_factory=lambda: [Step(name=name, argv=["/python"]) for name in NAMES])


@dataclass
class FakeTime:
    name: str
    started_at: float
    ended_at: float | None


@dataclass
class FakeState:
    status: str = "running"
    step: int | None = 3
    started_at: float | None = 1000.0
    ended_at: float | None = None
    exit_code: int | None = None
    progress: Progress | None = None
    step_times: list[FakeTime] = field(default_factory=list)
    reason: str = ""


@pytest.fixture
def log(ws: Workspace) -> Path:
    path = places(ws, "t").log
    path.parent.mkdir()
    return path


def test_a_whole_recorded_run(ws: Workspace, log: Path) -> None:
    log.write_bytes(RECORDED.read_bytes())
    facts = read_log(log)
    assert (facts.step, facts.total, facts.epoch, facts.epochs) == (12, 12, 3, 3)
    assert (facts.items, facts.batches, facts.saved) == (4, 4, True)
    assert facts.loss is not None and 2 < facts.loss < 3
    assert [Path(path).name for path in facts.checkpoints] == [
        "real-000001.safetensors", "real-step00000005.safetensors", "real-000002.safetensors",
        "real-step00000010.safetensors", "real.safetensors",
    ]  # fmt: skip
    view = run_view(ws, FakeTask(), FakeState("completed", ended_at=1060.0), now=9999.0)
    assert (view.step, view.total, view.epoch, view.epochs, view.elapsed) == (12, 12, 3, 3, 60.0)
    assert view.message == "Done. The LoRA is real.safetensors." and {s.state for s in view.stages} == {"done"}


@pytest.mark.parametrize("size", [1, 7, 100, 4096])
def test_a_log_that_grows_gives_the_same(ws: Workspace, log: Path, size: int) -> None:
    data = RECORDED.read_bytes()[: 3000 if size == 1 else None]
    with log.open("wb", buffering=0) as handle:
        for start in range(0, len(data), size):
            handle.write(data[start : start + size])
            if start // size % 13 == 0:
                read_log(log)
        handle.write(b"\n")
    grown = read_log(log)
    other = log.with_name("whole.txt")
    other.write_bytes(data + b"\n")
    assert grown == read_log(other)


def test_a_log_that_was_replaced_is_read_anew(log: Path) -> None:
    log.write_text("epoch 7/9\n" * 50, "utf-8")
    assert read_log(log).epoch == 7
    log.write_text("epoch 1/9\n", "utf-8")
    assert read_log(log).epoch == 1


def test_a_huge_log_is_read_from_its_ends(log: Path) -> None:
    frame = "steps:  10%|#  | {}/9000 [00:03<00:09,  1.07s/it, avr_loss=0.5]\n"
    with log.open("w", encoding="utf-8") as handle:
        handle.write("  num train items / x: 6\n  num epochs / x: 9\n  total optimization steps / x: 9000\n")
        handle.writelines(frame.format(n) for n in range(60_000))
    facts = read_log(log)
    assert (facts.items, facts.epochs, facts.step) == (6, 9, 59_999)


def test_training_by_the_workers_clock(ws: Workspace, log: Path) -> None:
    log.write_text(
        "  num train items / x: 4\n  num epochs / x: 3\n  total optimization steps / x: 12\n\nepoch 1/3\n"
        "steps:  33%|###  | 4/12 [00:01<00:03,  2.09it/s, avr_loss=2.16]\n",
        "utf-8",
    )
    progress = Progress(label="steps", n=7, total=12, note="avr_loss=2.2", seconds_per_unit=0.5, eta=2.5)
    ends = (1001.0, 1005.0, 1006.0, None)
    times = [FakeTime(*row) for row in zip(NAMES, (1000.0, 1001.0, 1005.0, 1006.0), ends, strict=True)]
    view = run_view(ws, FakeTask(), FakeState(progress=progress, step_times=times), now=1010.0)
    assert (view.stage, view.step, view.total, view.epoch, view.epochs) == ("train", 7, 12, 2, 3)
    assert (view.seconds_per_step, view.eta, view.loss, view.elapsed) == (0.5, 2.5, 2.2, 10.0)
    assert [(stage.state, stage.seconds) for stage in view.stages] == [
        ("done", 1.0), ("done", 4.0), ("done", 1.0), ("running", 4.0),
    ]  # fmt: skip
    assert view.message == "Training."


def test_caching_counts_its_own_units(ws: Workspace) -> None:
    progress = Progress(label="", n=3, total=10, seconds_per_unit=0.5, eta=3.5)
    view = run_view(ws, FakeTask(), FakeState(step=1, progress=progress))
    assert (view.stage, view.step, view.total, view.epoch, view.loss) == ("cache_latents", 3, 10, None, None)
    assert [stage.state for stage in view.stages] == ["done", "running", "waiting", "waiting"]
    with speaking("zh-CN"):
        view = run_view(ws, FakeTask(), FakeState(step=1, progress=progress))
        assert view.stages[1].label == "编码图片" and "VAE" in view.message


def test_drawing_samples_keeps_the_training_counter(ws: Workspace, log: Path) -> None:
    data = RECORDED.read_bytes()
    moment = "ステップ: 6".encode()
    log.write_bytes(data[: data.index(moment) + len(moment)] + b"\n")
    progress = Progress(label="Denoising steps", n=1, total=2, seconds_per_unit=0.1, eta=0.1)
    view = run_view(ws, FakeTask(), FakeState(progress=progress))
    assert (view.step, view.total, view.epoch, view.eta) == (6, 12, 2, None)
    assert view.message == "Drawing sample pictures."
    waiting = Progress(label="steps", n=6, total=12, note="avr_loss=2.2", seconds_per_unit=0.5, eta=3.0)
    kept = run_view(ws, FakeTask(), FakeState(progress=progress.model_copy(update={"outer": waiting})))
    assert (kept.step, kept.total, kept.eta, kept.seconds_per_step, kept.loss) == (6, 12, 3.0, 0.5, 2.2)
    later = Progress(label="steps", n=7, total=12, seconds_per_unit=0.1, eta=0.5)
    assert run_view(ws, FakeTask(), FakeState(progress=later)).message == "Training."


@pytest.mark.parametrize(
    ("status", "word"), [("pending", "Not started"), ("queued", "Waiting"), ("stopped", "Stopped")]
)
def test_before_and_after(ws: Workspace, status: str, word: str) -> None:
    state = FakeState(status, step=None, started_at=None)
    view = run_view(ws, FakeTask(), state)
    assert view.message.startswith(word) and view.stage == "" and view.elapsed is None
    assert {stage.state for stage in view.stages} == {"waiting"}


def test_a_loss_that_is_no_number_is_said(ws: Workspace, log: Path) -> None:
    frame = "steps:  33%|###  | 4/12 [00:01<00:03,  2.09it/s, avr_loss=nan]\n"
    log.write_text("  num train items / x: 4\n  total optimization steps / x: 12\n" + frame, "utf-8")
    view = run_view(ws, FakeTask(), FakeState())
    assert view.loss is not None and math.isnan(view.loss) and "no longer a number" in view.message
    values = view.as_json()
    assert values["loss"] is None and values["loss_text"] == "nan"
    json.dumps(values, allow_nan=False)


def test_a_second_training_in_the_same_log_starts_over(ws: Workspace, log: Path) -> None:
    log.write_bytes(RECORDED.read_bytes() + b"\n  num train items / x: 4\n  total optimization steps / x: 20\n")
    facts = read_log(log)
    assert (facts.step, facts.total, facts.checkpoints, facts.saved) == (None, 20, (), False)


def test_last_lines_without_redraws(log: Path) -> None:
    log.write_bytes(RECORDED.read_bytes())
    lines = last_lines(log, 10)
    assert len(lines) == 10 and any(line.endswith("model saved.") for line in lines)
    log.write_text("".join(f"steps:  {n}%|#| {n}/9 [00:01<00:03,  2.09it/s]\n" for n in range(9)) + "end\n", "utf-8")
    assert [line[:10] for line in last_lines(log)] == ["steps:  8%", "end"]


def test_a_resumed_run_counts_on(ws: Workspace, log: Path) -> None:
    from tagtrainer.training import attempts

    first = attempts.Attempt(output_name="x")
    second = attempts.Attempt(output_name="x-2", at=500.0, steps_before=6, epochs_before=1, resumed_from="state")
    attempts.save(log.parent, [first, second])
    log.write_bytes(RECORDED.read_bytes())
    view = run_view(ws, FakeTask(), FakeState())
    assert (view.step, view.total, view.epoch, view.epochs) == (18, 18, 4, 4)
