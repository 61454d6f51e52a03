"""captioning: batches that resume, wait, stop and are killed; keys that stay secret."""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tagtrainer import flows
from tagtrainer.captioning import batch, pace, profiles
from tagtrainer.core.files import read_json, read_jsonl
from tagtrainer.core.text import UserError
from tagtrainer.datasets import store
from tagtrainer.jobs import store as jobs
from tagtrainer.workspace import Workspace
from tests.captioning_kit import boats, profile_at, texts
from tests.fake_openai import KEY, Fake, Reply, answer, says

POSIX = pytest.mark.skipif(os.name == "nt", reason="signals are POSIX")


@pytest.fixture
def dataset(ws: Workspace, tmp_path: Path) -> str:
    return boats(ws, tmp_path / "in")


def test_modes(ws: Workspace, dataset: str) -> None:
    first = store.items(ws, dataset)[0]
    store.write_captions(ws, dataset, {first.id: "mine"}, who="user", title="typed")
    with Fake(says("theirs")) as fake:
        profile = profile_at(ws, fake.url)
        report = batch.run(ws, dataset, profile, "missing")
        assert (report.done, report.skipped, texts(ws, dataset)[0]) == (3, 1, "mine")
        batch.run(ws, dataset, profile, "append", [first.id])
        assert texts(ws, dataset)[0] == "mine, sks, theirs"
        batch.run(ws, dataset, profile, "replace")
        assert set(texts(ws, dataset)) == {"sks, theirs"}
        rows = list(read_jsonl(ws.dataset(dataset) / "history" / "changes.jsonl"))
        assert any(change["old"] == "mine, sks, theirs" for row in rows for change in row["changes"])
        assert rows[-1]["who"].startswith("caption:mine")
    with pytest.raises(UserError):
        batch.run(ws, dataset, profile, "nonsense")


def test_errors_of_one_picture_do_not_stop_the_others(ws: Workspace, dataset: str) -> None:
    def behave(number: int, body: dict[str, Any], reply: Reply) -> None:
        reply.json(answer("" if number == 2 else f"caption {number}"))

    with Fake(behave) as fake:
        report = batch.run(ws, dataset, profile_at(ws, fake.url))
    assert (report.done, len(report.errors), report.stopped) == (3, 1, "")
    assert report.errors[0]["name"].startswith("RedBoat") and "max tokens" in report.errors[0]["reason"]


def test_a_caption_edited_meanwhile_is_kept(ws: Workspace, dataset: str) -> None:
    target = store.items(ws, dataset)[0]

    def behave(number: int, body: dict[str, Any], reply: Reply) -> None:
        if number == 1:
            store.write_captions(ws, dataset, {target.id: "typed meanwhile"}, who="user", title="typed")
        reply.json(answer("by the model"))

    with Fake(behave) as fake:
        report = batch.run(ws, dataset, profile_at(ws, fake.url))
    assert texts(ws, dataset)[0] == "typed meanwhile" and report.errors[0]["key"] == "datasets.caption_changed"
    assert "by the model" in (ws.dataset(dataset) / "history" / "changes.jsonl").read_text("utf-8")


def test_several_calls_at_once(ws: Workspace, dataset: str) -> None:
    with Fake(says("caption {n}", pause=0.3)) as fake:
        began = time.monotonic()
        report = batch.run(ws, dataset, profile_at(ws, fake.url, concurrency=4))
        assert report.done == 4 and len(fake.calls) == 4
    assert len(set(texts(ws, dataset))) == 4 and time.monotonic() - began < 4 * 0.3 + 5


def in_task(ws: Workspace, dataset: str, profile: str, mode: str) -> tuple[list[str], Path, dict[str, Any]]:
    """(argv, task folder, details for subprocess) of a batch as the worker runs it."""
    step = batch.task_steps(ws, dataset, profile, mode)[0]
    task = ws.task("t")
    task.mkdir()
    return list(step.argv), task, {"cwd": step.cwd, "env": {**os.environ, "TAGTRAINER_TASK": str(task)}}


def started(argv: list[str], details: dict[str, Any], fake: Fake, calls: int) -> subprocess.Popen[bytes]:
    """The batch running, `calls` calls made."""
    process = subprocess.Popen(argv, **details, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 30
    while len(fake.calls) < calls and time.monotonic() < end:
        time.sleep(0.002)
    return process


@pytest.mark.crash
@POSIX
def test_a_killed_batch_goes_on_and_asks_nothing_twice(ws: Workspace, tmp_path: Path) -> None:
    """kill -9 at a random moment, twice: every answer on disk becomes its caption, and none is asked for again."""
    dataset = boats(ws, tmp_path / "many", 60)
    by_prompt: dict[str, int] = {}

    def behave(number: int, body: dict[str, Any], reply: Reply) -> None:
        asked = body["messages"][0]["content"][1]["text"]
        by_prompt[asked] = by_prompt.get(asked, 0) + 1
        time.sleep(0.03)
        reply.json(answer(f"caption of {asked}"))

    with Fake(behave) as fake:
        profile = profile_at(ws, fake.url, concurrency=3, prompt="{filename}")
        argv, task, details = in_task(ws, dataset, profile, "append")
        saved: dict[str, str] = {}
        before: dict[str, int] = {}
        for first, last in ((4, 25), (30, 50), (60, 60)):
            process = started(argv, details, fake, random.randint(first, last))
            if last < 60:
                time.sleep(random.random() * 0.05)
                process.kill()
            process.wait()
            assert {name: by_prompt[name] for name in before} == before  # nothing saved was asked for again
            saved = {row["item"]: row["new"] for row in read_jsonl(task / "ledger.jsonl") if "new" in row}
            before = {Path(item.name).stem: 0 for item in store.items(ws, dataset) if item.id in saved}
            before = {name: by_prompt[name] for name in before}
        assert process.returncode == 0 and len(saved) == 60
    captions = store.captions(ws, dataset)
    assert all(captions[item] == text for item, text in saved.items())
    assert len(captions) == 60 and all(text.count("caption of") == 1 for text in captions.values())


@POSIX
def test_a_stopped_batch_keeps_what_was_asked_and_goes_on(ws: Workspace, tmp_path: Path) -> None:
    dataset = boats(ws, tmp_path / "many", 20)
    with Fake(says("caption", pause=0.1)) as fake:
        argv, task, details = in_task(ws, dataset, profile_at(ws, fake.url, concurrency=2), "missing")
        process = started(argv, details, fake, 5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 1
        asked = len(fake.calls)
        report = read_json(task / "result.json")
        assert report["stopped_by"]["key"] == "captioning.stopped" and report["done"] == asked < 20
        subprocess.run(argv, **details, capture_output=True, check=True)
        assert len(fake.calls) == 20 and read_json(task / "result.json")["earlier"] == asked


def test_a_busy_server_is_left_alone_and_asked_again(
    ws: Workspace, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "FIRST_PAUSE", 0.2)
    moments: list[float] = []

    def behave(number: int, body: dict[str, Any], reply: Reply) -> None:
        moments.append(time.monotonic())
        if number in (2, 4):
            reply.json({"error": {"message": "busy"}}, 429, {"retry-after": "0.4"} if number == 2 else {})
        else:
            reply.json(answer("fine"))

    notes: list[str] = []
    with Fake(behave) as fake:
        report = batch.run(ws, dataset, profile_at(ws, fake.url), on_progress=lambda n, total, note: notes.append(note))
    assert (report.done, report.errors, len(moments)) == (4, [], 6)
    assert moments[2] - moments[1] >= 0.4 and any("asks to wait" in note for note in notes)
    assert not any(" 0 s left" in note for note in notes)


def test_a_server_that_wants_hours_ends_the_batch(ws: Workspace, tmp_path: Path) -> None:
    dataset = boats(ws, tmp_path / "many", 9)
    with Fake(lambda n, b, r: r.json({"error": {"message": "tomorrow"}}, 429, {"retry-after": "86400"})) as fake:
        report = batch.run(ws, dataset, profile_at(ws, fake.url))
        assert len(fake.calls) == batch.GIVE_UP_AFTER == len(report.errors)
    assert report.stopped_by["key"] == "captioning.rate_limited" and "86400" in report.stopped


def test_a_server_that_dies_ends_the_batch(ws: Workspace, tmp_path: Path) -> None:
    dataset = boats(ws, tmp_path / "many", 9)
    with Fake(lambda n, b, r: r.json(answer("one")) if n == 1 else r.cut()) as fake:
        report = batch.run(ws, dataset, profile_at(ws, fake.url))
    assert len(report.errors) == batch.GIVE_UP_AFTER and report.stopped_by["key"] == "captioning.cut"
    assert report.done == 1


def test_stopping_from_within(ws: Workspace, dataset: str) -> None:
    stop = threading.Event()

    def behave(number: int, body: dict[str, Any], reply: Reply) -> None:
        if number == 2:
            stop.set()
        reply.json(answer("fine"))

    with Fake(behave) as fake:
        report = batch.run(ws, dataset, profile_at(ws, fake.url), stop=stop.is_set)
    assert report.done == 2 and report.stopped


def test_a_ledger_with_damaged_lines(
    ws: Workspace, dataset: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TAGTRAINER_TASK", str(tmp_path))
    (tmp_path / "ledger.jsonl").write_text(
        '12\n{"item": "x", "new\n{"done": true}\n["a"]\n{"item": 3, "new": "y"}\n', "utf-8"
    )
    with Fake(says("fine")) as fake:
        assert batch.run(ws, dataset, profile_at(ws, fake.url)).done == 4


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [("", "a", "a"), ("one.", "Two.", "one. Two."), ("a, b", "c", "a, b, c"), ("sks, a", "sks, b", "sks, a, b")],
)
def test_appending(old: str, new: str, expected: str) -> None:
    assert batch.joined(old, new, "sks") == expected


def test_through_the_worker_with_errors_by_picture_and_retry(ws: Workspace, dataset: str) -> None:
    """The whole road: queue, worker, result, then the same task again for what failed. The key is in no file but one."""
    broken = threading.Event()
    broken.set()

    def behave(number: int, body: dict[str, Any], reply: Reply) -> None:
        reply.json(answer("" if broken.is_set() and number == 2 else f"caption {number}"))

    with Fake(behave, needs_key=True) as fake:
        task = flows.start_captioning(ws, dataset, profile_at(ws, fake.url, key=KEY), "missing")
        assert flows.wait(ws, task).status == "completed"
        errors = list(read_jsonl(ws.task(task) / "errors.jsonl"))
        assert [row["key"] for row in errors] == ["captioning.empty"] and (jobs.result(ws, task) or {})["done"] == 3
        broken.clear()
        flows.again(ws, task)
        assert flows.wait(ws, task).status == "completed" and len(fake.calls) == 5
        result = jobs.result(ws, task) or {}
        assert (result["done"], result["earlier"], result["errors"]) == (1, 3, [])
    assert all(texts(ws, dataset)) and not (ws.task(task) / "errors.jsonl").exists()
    assert files_with(ws, KEY) == [ws.secrets]


def files_with(ws: Workspace, text: str) -> list[Path]:
    return [path for path in ws.root.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


def test_a_finished_batch_is_run_anew_and_a_failed_one_retries_what_failed(
    ws: Workspace, dataset: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TAGTRAINER_TASK", str(tmp_path))
    broken = [True]

    def behave(number: int, body: dict[str, Any], reply: Reply) -> None:
        reply.json(answer("" if number == 2 and broken[0] else f"caption {number}"))

    with Fake(behave) as fake:
        profile = profile_at(ws, fake.url)
        assert len(batch.run(ws, dataset, profile, "replace").errors) == 1
        broken[0] = False
        again = batch.run(ws, dataset, profile, "replace")
        assert (again.done, len(fake.calls)) == (1, 5)
        assert batch.run(ws, dataset, profile, "replace").done == 4


# keys


def test_a_refused_key_ends_the_batch_and_is_shown_nowhere(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    planted = "sk-planted-and-wrong"
    with Fake(says("x"), needs_key=True) as fake:
        profile = profile_at(ws, fake.url, key=planted)
        report = batch.run(ws, dataset, profile)
        assert len(report.errors) == 1 and report.stopped and len(fake.calls) == 1
        assert planted not in str(report.errors) + report.stopped
        settings_text = ws.config.read_text("utf-8")
        assert planted not in settings_text and not [
            p for p in ws.datasets.rglob("*.jsonl") if planted in p.read_text("utf-8")
        ]
        profile_at(ws, fake.url, key=KEY)
        assert batch.run(ws, dataset, profile).done == 4


def test_a_planted_key_is_in_no_file_log_or_argument_of_a_task(ws: Workspace, dataset: str) -> None:
    planted = "sk-planted-" + "9" * 20
    with Fake(says("x"), needs_key=True) as fake:
        profile = profile_at(ws, fake.url, key=planted)
        step = batch.task_steps(ws, dataset, profile, "missing")[0]
        task = ws.task("t")
        task.mkdir()
        env = {**os.environ, "TAGTRAINER_TASK": str(task)}
        done = subprocess.run(step.argv, cwd=step.cwd, env=env, capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == 1 and planted not in " ".join(step.argv) + done.stdout + done.stderr
    assert files_with(ws, planted) == [ws.secrets]


def test_a_key_is_not_logged_even_when_everything_is(
    ws: Workspace, dataset: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), Fake(says("x"), needs_key=True) as fake:
        batch.run(ws, dataset, profile_at(ws, fake.url, key=KEY))
    assert KEY not in caplog.text and "base64" not in caplog.text


def test_keys_that_cannot_be(ws: Workspace, dataset: str) -> None:
    for key, expected in (("", "captioning.no_key"), ("sk-密钥", "captioning.key_letters")):
        profile = profiles.save_profile(
            ws, "Far", "openai_compatible", {"base_url": "https://far.example/v1"}, key=key
        ).id
        with pytest.raises(UserError) as caught:
            batch.list_models(ws, profile)
        assert caught.value.key == expected


def test_a_key_from_the_environment(ws: Workspace, dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_CAPTION_KEY", KEY)
    with Fake(says("x"), needs_key=True) as fake:
        profile = profile_at(ws, fake.url, key_env="MY_CAPTION_KEY")
        assert batch.run(ws, dataset, profile).done == 4
