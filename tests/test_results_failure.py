"""Why a run failed: the real engine's last words become one sentence, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagtrainer.core.steps import Step
from tagtrainer.core.text import catalogue, speaking
from tagtrainer.training.results import failure, places, run_view
from tagtrainer.training.results.failure import RULES, explain
from tagtrainer.workspace import Workspace
from tests.test_results_progress import FakeState, FakeTask

RECORDED = sorted((Path(__file__).resolve().parent / "data" / "failures").glob("*.log"))


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_failure(ws: Workspace, path: Path) -> None:
    log = places(ws, "t").log
    log.parent.mkdir()
    log.write_bytes(path.read_bytes())
    found = failure(ws, FakeTask(), FakeState("failed", exit_code=2 if path.stem == "argument" else 1))
    assert found.key == f"results.fail.{path.stem}" and found.stage == "train" and found.log
    english = str(found)
    with speaking("zh-CN"):
        chinese = str(found)
    assert english != chinese and "{" not in english + chinese and "\n" not in english


LAST_WORDS = {
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 64.00 MiB.": "gpu_memory",
    "RuntimeError: CUDA error: out of memory": "gpu_memory",
    "RuntimeError: [enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory": "memory",
    "OSError: [Errno 28] No space left on device: '/w/models/t/x.safetensors'": "disk_full",
    "safetensors_rust.SafetensorError: Error while deserializing header: HeaderTooLarge": "weights_damaged",
    "ModuleNotFoundError: No module named 'schedulefree'": "module",
    "ValueError: loaded state dict has a different number of parameter groups": "optimizer_changed",
    "OSError: image file is truncated (12 bytes not processed)": "picture",
    "RuntimeError: stack expects each tensor to be equal size, but got [16, 1, 8, 8]": "mixed_caches",
    "RuntimeError: CUDA error: an illegal memory access was encountered": "gpu_broken",
    "PermissionError: [Errno 13] Permission denied: '/w/models/t'": "permission",
    "OSError: We couldn't connect to 'https://huggingface.co' to load this file": "offline",
    "KeyError: 'latents_image'": "other",
}


@pytest.mark.parametrize("line", LAST_WORDS)
def test_last_words(line: str) -> None:
    found = explain(["Traceback (most recent call last):", '  File "x.py", line 1, in <module>', line], 1)
    assert found.key == f"results.fail.{LAST_WORDS[line]}"
    assert "{" not in str(found)


def test_values_of_the_sentence() -> None:
    assert "lycoris" in str(explain(["ModuleNotFoundError: No module named 'lycoris'"], 1))
    assert "/m/nope.safetensors" in str(
        explain(["FileNotFoundError: [Errno 2] No such file or directory: '/m/nope.safetensors'"], 1)
    )


@pytest.mark.parametrize(
    ("code", "key"), [(-9, "killed"), (137, "killed"), (-15, "signal"), (143, "signal"), (-11, "signal")]
)
def test_ended_from_outside(code: int, key: str) -> None:
    assert explain(["steps:  33%|#| 4/12 [00:01<00:03,  2.09it/s]"], code).key == f"results.fail.{key}"


def test_a_launchers_complaint_is_not_the_cause() -> None:
    lines = [
        "Traceback (most recent call last):", "ValueError: No training items found in the dataset.",
        "Traceback (most recent call last):",
        "subprocess.CalledProcessError: Command '[...]' returned non-zero exit status 1.",
    ]  # fmt: skip
    assert explain(lines, 1).key == "results.fail.no_items"


def test_warnings_are_no_reason() -> None:
    found = explain(["UserWarning: this is only a hint", "steps: 10%|#| 1/9 [00:01<00:03,  2.09it/s]"], 3)
    assert found.key == "results.fail.silent" and "3" in str(found)


def test_our_own_programs_say_it_themselves(ws: Workspace) -> None:
    log = places(ws, "t").log
    log.parent.mkdir()
    log.write_text("The drive is gone: 3 pictures are missing.\n", "utf-8")
    task = FakeTask(steps=[Step(name="prepare", argv=["/python", "-m", "tagtrainer", "train", "prepare", "t"])])
    state = FakeState("failed", step=0, exit_code=1)
    assert run_view(ws, task, state).message == "The drive is gone: 3 pictures are missing."


def test_the_workers_own_word_comes_first() -> None:
    assert explain(["KeyError: 'x'"], 1, "core.bad_id").key == "core.bad_id"
    assert str(explain([], 1, "RuntimeError: something new")).endswith("RuntimeError: something new")


def test_every_rule_has_its_sentence() -> None:
    for rule in RULES:
        for code in ("en", "zh-CN"):
            text = catalogue(code)[rule.key]
            assert set(rule.pattern.groupindex) >= {
                name for name in ("line", "path", "name") if "{" + name + "}" in text
            }


@given(st.lists(st.text(max_size=80), max_size=8), st.integers(-70, 300), st.text(max_size=40))
def test_any_end_has_a_sentence(lines: list[str], code: int, reason: str) -> None:
    assert str(explain(lines, code, reason))
