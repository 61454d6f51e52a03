"""captioning: profiles, both providers against a server that misbehaves, batches that resume, keys that stay secret."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagtrainer.captioning import batch, profiles
from tagtrainer.captioning.base import PROVIDERS, CaptionRequest, fill
from tagtrainer.captioning.clean import clean
from tagtrainer.captioning.providers.template import words
from tagtrainer.core import fields
from tagtrainer.core.files import read_jsonl
from tagtrainer.core.text import UserError
from tagtrainer.datasets import store, transfer
from tagtrainer.workspace import Workspace
from tests.fake_openai import KEY, Fake, Reply, answer, says
from tests.pictures import jpeg

ROOT = Path(__file__).resolve().parent.parent
Behave = Callable[[int, dict[str, Any], Reply], None]


@pytest.fixture
def dataset(ws: Workspace, tmp_path: Path) -> str:
    for number in range(4):
        jpeg(tmp_path / "in" / "beach trip" / f"RedBoat_{number:03d}.jpg", number)
    ident = store.create(ws, "boats", trigger_word="sks").id
    transfer.import_paths(ws, ident, [tmp_path / "in"])
    return ident


def profile_at(ws: Workspace, url: str, key: str | None = None, **options: Any) -> str:
    values = {"base_url": url, "retries": 0, "timeout": 5.0, "concurrency": 1, **options}
    return profiles.save_profile(ws, "Mine", "openai_compatible", values, profile_id="mine", key=key).id


def texts(ws: Workspace, dataset: str) -> list[str]:
    return [store.caption(ws, dataset, item.id) for item in store.items(ws, dataset)]


# template


def test_template_makes_captions_of_names(ws: Workspace, dataset: str) -> None:
    report = batch.run(ws, dataset, "template")
    assert (report.done, report.errors, report.stopped) == (4, [], "")
    assert set(texts(ws, dataset)) == {"sks, Red Boat, beach trip"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("IMG_20240131", []),
        ("RedBoat-02", ["Red", "Boat"]),
        ("10_my cat (1)", ["my", "cat"]),
        ("红色 小船", ["红色", "小船"]),
    ],
)
def test_words_of_a_name(name: str, expected: list[str]) -> None:
    assert words(name) == expected


def test_a_name_that_tells_nothing_gets_the_fallback(ws: Workspace, tmp_path: Path) -> None:
    ident = store.create(ws, "x").id
    transfer.import_paths(ws, ident, [jpeg(tmp_path / "IMG_0001.jpg", 1)])
    batch.run(ws, ident, "template")
    assert texts(ws, ident) == ["a photo"]


# the real SDK


def test_what_is_sent_and_what_comes_back(ws: Workspace, dataset: str) -> None:
    with Fake(says('<think>hm, a boat</think>\nHere is a caption: "A red boat\nat sea."')) as fake:
        profile = profile_at(
            ws, fake.url, temperature=0.1, max_tokens=77, prompt="Look: {trigger} {folder}", model="tiny"
        )
        item = store.items(ws, dataset)[0]
        result = batch.try_one(ws, profile, dataset, item.id)
        assert (result.text, result.thinking, result.tokens_in, result.tokens_out) == (
            "sks, A red boat at sea.",
            "hm, a boat",
            11,
            7,
        )
        sent = fake.calls[0]
        assert (sent["model"], sent["temperature"], sent["max_tokens"]) == ("tiny", 0.1, 77)
        picture, text = sent["messages"][0]["content"]
        kind, data = picture["image_url"]["url"].split(",")
        assert kind == "data:image/jpeg;base64"
        assert base64.b64decode(data) == store.medium_path(ws, dataset, item.id).read_bytes()
        assert text["text"] == "Look: sks beach trip"
    assert texts(ws, dataset) == [""] * 4


def test_models_are_listed_and_the_first_is_taken(ws: Workspace, dataset: str) -> None:
    with Fake(says("x")) as fake:
        profile = profile_at(ws, fake.url)
        assert batch.list_models(ws, profile) == ["large", "tiny"]
        batch.try_one(ws, profile, dataset, store.items(ws, dataset)[0].id)
        assert fake.calls[0]["model"] == "large"


def failing(ws: Workspace, dataset: str, behave: Behave, **options: Any) -> tuple[str, Fake]:
    with Fake(behave) as fake:
        profile = profile_at(ws, fake.url, model="tiny", **options)
        with pytest.raises(UserError) as caught:
            batch.try_one(ws, profile, dataset, store.items(ws, dataset)[0].id)
        return caught.value.key, fake


@pytest.mark.parametrize(
    ("behave", "key"),
    [
        (
            lambda n, b, r: r.json({"error": {"message": "slow down"}}, 429, {"retry-after": "300"}),
            "captioning.rate_limited",
        ),
        (lambda n, b, r: r.json({"error": {"message": "boom"}}, 500), "captioning.server_error"),
        (lambda n, b, r: r.json({"error": {"message": "no such model"}}, 404), "captioning.not_found"),
        (lambda n, b, r: r.cut(), "captioning.unreachable"),
        (lambda n, b, r: r.json(answer("")), "captioning.empty"),
        (lambda n, b, r: r.json(answer(None)), "captioning.empty"),
        (lambda n, b, r: r.json(answer("<think>only thoughts, then the limit")), "captioning.empty"),
        (lambda n, b, r: r.json({**answer("x"), "choices": []}), "captioning.empty"),
        (lambda n, b, r: r.raw(b"<html>hello</html>", "text/html"), "captioning.not_json"),
        (lambda n, b, r: r.raw(b"{not json", "application/json"), "captioning.not_json"),
        (lambda n, b, r: r.json({"hello": 1}), "captioning.not_json"),
    ],
)
def test_bad_answers_are_sentences(ws: Workspace, dataset: str, behave: Behave, key: str) -> None:
    assert failing(ws, dataset, behave)[0] == key


def test_a_timeout_is_a_sentence(ws: Workspace, dataset: str) -> None:
    assert failing(ws, dataset, says("late", pause=1.6), timeout=1.0)[0] == "captioning.timeout"


def test_busy_servers_are_asked_again(ws: Workspace, dataset: str) -> None:
    def behave(number: int, body: dict[str, Any], reply: Reply) -> None:
        if number == 1:
            reply.json({"error": {"message": "busy"}}, 429, {"retry-after": "0.2"})
        elif number == 2:
            reply.json({"error": {"message": "boom"}}, 500)
        elif number == 3:
            reply.cut()
        else:
            reply.json(answer("at last"))

    with Fake(behave) as fake:
        profile = profile_at(ws, fake.url, model="tiny", retries=4)
        assert batch.try_one(ws, profile, dataset, store.items(ws, dataset)[0].id).text == "sks, at last"
        assert len(fake.calls) == 4


def test_nobody_there(ws: Workspace, dataset: str) -> None:
    with Fake(says("x")) as fake:
        url = fake.url
    report = batch.run(ws, dataset, profile_at(ws, url, model="tiny"))
    assert report.done == 0 and {row["key"] for row in report.errors} == {"captioning.unreachable"}


# keys


def test_a_refused_key_ends_the_batch_and_is_shown_nowhere(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    planted = "sk-planted-and-wrong"
    with Fake(says("x"), needs_key=True) as fake:
        profile = profile_at(ws, fake.url, key=planted, model="tiny")
        report = batch.run(ws, dataset, profile)
        assert len(report.errors) == 1 and report.stopped and len(fake.calls) == 1
        assert planted not in str(report.errors) + report.stopped
        settings_text = ws.config.read_text("utf-8")
        assert planted not in settings_text and not [
            p for p in ws.datasets.rglob("*.jsonl") if planted in p.read_text("utf-8")
        ]
        profile_at(ws, fake.url, key=KEY, model="tiny")
        assert batch.run(ws, dataset, profile).done == 4


def test_a_planted_key_is_in_no_file_log_or_argument_of_a_task(ws: Workspace, dataset: str) -> None:
    planted = "sk-planted-" + "9" * 20
    with Fake(says("x"), needs_key=True) as fake:
        profile = profile_at(ws, fake.url, key=planted, model="tiny")
        step = batch.task_steps(ws, dataset, profile, "missing")[0]
        task = ws.task("t")
        task.mkdir()
        env = {**os.environ, "TAGTRAINER_TASK": str(task)}
        done = subprocess.run(step.argv, cwd=step.cwd, env=env, capture_output=True, text=True, encoding="utf-8")
        assert done.returncode == 1 and planted not in " ".join(step.argv) + done.stdout + done.stderr
    found = [path for path in ws.root.rglob("*") if path.is_file() and planted.encode() in path.read_bytes()]
    assert found == [ws.secrets]


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
        profile = profile_at(ws, fake.url, model="tiny", key_env="MY_CAPTION_KEY")
        assert batch.run(ws, dataset, profile).done == 4


# batches


def test_modes(ws: Workspace, dataset: str) -> None:
    first = store.items(ws, dataset)[0]
    store.write_captions(ws, dataset, {first.id: "mine"}, who="user", title="typed")
    with Fake(says("theirs")) as fake:
        profile = profile_at(ws, fake.url, model="tiny")
        report = batch.run(ws, dataset, profile, "missing")
        assert (report.done, report.skipped, texts(ws, dataset)[0]) == (3, 1, "mine")
        batch.run(ws, dataset, profile, "append", [first.id])
        assert texts(ws, dataset)[0] == "mine, sks, theirs"
        batch.run(ws, dataset, profile, "replace")
        assert set(texts(ws, dataset)) == {"sks, theirs"}
        rows = list(read_jsonl(ws.dataset(dataset) / "history" / "captions.jsonl"))
        assert any(change["old"] == "mine, sks, theirs" for row in rows for change in row["changes"])
        assert rows[-1]["who"].startswith("caption:mine")
    with pytest.raises(UserError):
        batch.run(ws, dataset, profile, "nonsense")


def test_errors_of_one_picture_do_not_stop_the_others(ws: Workspace, dataset: str) -> None:
    def behave(number: int, body: dict[str, Any], reply: Reply) -> None:
        reply.json(answer("" if number == 2 else f"caption {number}"))

    with Fake(behave) as fake:
        report = batch.run(ws, dataset, profile_at(ws, fake.url, model="tiny"))
    assert (report.done, len(report.errors), report.stopped) == (3, 1, "")
    assert report.errors[0]["name"].startswith("RedBoat") and "max tokens" in report.errors[0]["reason"]


def test_a_caption_edited_meanwhile_is_kept(ws: Workspace, dataset: str) -> None:
    target = store.items(ws, dataset)[0]

    def behave(number: int, body: dict[str, Any], reply: Reply) -> None:
        if number == 1:
            store.write_captions(ws, dataset, {target.id: "typed meanwhile"}, who="user", title="typed")
        reply.json(answer("by the model"))

    with Fake(behave) as fake:
        report = batch.run(ws, dataset, profile_at(ws, fake.url, model="tiny"))
    assert texts(ws, dataset)[0] == "typed meanwhile" and report.errors[0]["key"] == "datasets.caption_changed"
    assert "by the model" in (ws.dataset(dataset) / "history" / "captions.jsonl").read_text("utf-8")


def test_several_calls_at_once(ws: Workspace, dataset: str) -> None:
    with Fake(says("caption {n}", pause=0.3)) as fake:
        began = time.monotonic()
        report = batch.run(ws, dataset, profile_at(ws, fake.url, model="tiny", concurrency=4))
        assert report.done == 4 and len(fake.calls) == 4
    assert len(set(texts(ws, dataset))) == 4 and time.monotonic() - began < 4 * 0.3 + 5


@pytest.mark.crash
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_a_killed_batch_goes_on_and_asks_nothing_twice(ws: Workspace, tmp_path: Path) -> None:
    for number in range(30):
        jpeg(tmp_path / "many" / f"{number:03d}.jpg", number)
    dataset = store.create(ws, "many").id
    transfer.import_paths(ws, dataset, [tmp_path / "many"])
    with Fake(says("caption {n}", pause=0.05)) as fake:
        profile = profile_at(ws, fake.url, model="tiny", concurrency=3)
        step = batch.task_steps(ws, dataset, profile, "append")[0]
        task = ws.task("t")
        task.mkdir()
        env = {**os.environ, "TAGTRAINER_TASK": str(task)}
        process = subprocess.Popen(
            step.argv, cwd=step.cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + 20
        while len(fake.calls) < 12 and time.monotonic() < end:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        known = {row["item"]: row["new"] for row in read_jsonl(task / "ledger.jsonl") if "new" in row}
        assert 5 <= len(known) <= 15
        asked = len(fake.calls)
        done = subprocess.run(step.argv, cwd=step.cwd, env=env, capture_output=True, check=True)
        assert done.returncode == 0 and len(fake.calls) - asked == 30 - len(known)
    captions = store.captions(ws, dataset)
    assert all(captions[item] == text for item, text in known.items())
    assert len(captions) == 30 and all(text.count("caption") == 1 for text in captions.values())


def test_a_finished_batch_is_run_anew_and_a_failed_one_retries_what_failed(
    ws: Workspace, dataset: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TAGTRAINER_TASK", str(tmp_path))
    broken = [True]

    def behave(number: int, body: dict[str, Any], reply: Reply) -> None:
        reply.json(answer("" if number == 2 and broken[0] else f"caption {number}"))

    with Fake(behave) as fake:
        profile = profile_at(ws, fake.url, model="tiny")
        assert len(batch.run(ws, dataset, profile, "replace").errors) == 1
        broken[0] = False
        again = batch.run(ws, dataset, profile, "replace")
        assert (again.done, len(fake.calls)) == (1, 5)
        assert batch.run(ws, dataset, profile, "replace").done == 4


# profiles


def test_shipped_profiles_are_valid_and_lm_studio_is_one(ws: Workspace) -> None:
    known = profiles.profiles(ws)
    assert next(iter(known)) == "template" and {"lm_studio", "openai", "ollama"} <= set(known)
    assert profiles.options_of(known["lm_studio"]).base_url == "http://127.0.0.1:1234/v1"
    for profile in known.values():
        assert list(fields.problems(profiles.options_of(profile))) == []
    assert profiles.remote_host(known["lm_studio"]) == "" and profiles.remote_host(known["openai"]) == "api.openai.com"


def test_own_profiles(ws: Workspace) -> None:
    saved = profiles.save_profile(ws, "My server", "openai_compatible", {"temperature": 0.5, "model": ""}, key="sk-1")
    assert saved.options == {"temperature": 0.5} and saved.has_key and profiles.key_of(ws, saved) == "sk-1"
    assert "sk-1" not in str(saved)
    profiles.delete_profile(ws, saved.id)
    assert saved.id not in profiles.profiles(ws) and profiles.key_of(ws, saved) == ""
    for call in (lambda: profiles.delete_profile(ws, "template"), lambda: profiles.get(ws, "nothing")):
        with pytest.raises(UserError):
            call()
    with pytest.raises(UserError):
        profiles.save_profile(ws, "x", "openai_compatible", {"temperature": 9})


def test_every_provider_is_complete() -> None:
    for provider in PROVIDERS:
        assert list(fields.problems(provider.options())) == []
        assert provider.concurrency(provider.options()) >= 1 and isinstance(provider.remote(provider.options()), str)


def test_the_template_in_the_readme_works() -> None:
    text = (ROOT / "tagtrainer/captioning/providers/README.md").read_text("utf-8")
    namespace: dict[str, Any] = {"__name__": "readme_provider"}
    module = type(sys)("readme_provider")
    sys.modules["readme_provider"] = module
    exec(compile(text.split("```python")[1].split("```")[0], "README", "exec"), namespace)
    provider = namespace["PROVIDER"]
    with provider.open(provider.options(), "") as session:
        assert session.caption(CaptionRequest("i", Path("x"), "a.jpg")).text == "wow, a.jpg"


# cleaning


@pytest.mark.parametrize(
    ("said", "text", "thinking"),
    [
        ("A boat.", "A boat.", ""),
        ("<think>a\nb</think>A boat.", "A boat.", "a\nb"),
        ("thoughts without a start</think> A boat.", "A boat.", "thoughts without a start"),
        ("```text\nA boat.\n```", "A boat.", ""),
        ("Sure! Here is a caption for this image: A boat.", "A boat.", ""),
        ("Caption: A boat.", "A boat.", ""),
        ("好的，以下是图片的描述：一艘船。", "一艘船。", ""),
        ("“一艘船”", "一艘船", ""),
        ('"A" and "B"', '"A" and "B"', ""),
        ("Here is where the boat lies.", "Here is where the boat lies.", ""),
    ],
)
def test_answers_are_cleaned(said: str, text: str, thinking: str) -> None:
    assert clean(said) == (text, thinking)


@given(st.text(max_size=200))
def test_cleaning_takes_any_text(text: str) -> None:
    cleaned, _ = clean(text)
    assert "\n" not in cleaned and cleaned == cleaned.strip()


def test_places_are_filled_once() -> None:
    assert fill("{a} {b} {c}", {"a": "{b}", "b": "x"}) == "{b} x {c}"
