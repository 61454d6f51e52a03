"""captioning: profiles, prompts, cleaning, and both providers against a server that misbehaves."""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagtrainer.captioning import batch, profiles, prompts
from tagtrainer.captioning.base import PROVIDERS, CaptionRequest, fill
from tagtrainer.captioning.clean import clean
from tagtrainer.captioning.providers.template import words
from tagtrainer.core import fields
from tagtrainer.core.text import UserError, catalogue, speaking
from tagtrainer.datasets import store, transfer
from tagtrainer.workspace import Workspace
from tests.captioning_kit import boats, profile_at, texts
from tests.fake_openai import Fake, Reply, answer, says
from tests.pictures import jpeg

ROOT = Path(__file__).resolve().parent.parent
Behave = Callable[[int, dict[str, Any], Reply], None]


@pytest.fixture
def dataset(ws: Workspace, tmp_path: Path) -> str:
    return boats(ws, tmp_path / "in")


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
        profile = profile_at(ws, fake.url, temperature=0.1, max_tokens=77, prompt="Look: {trigger} {folder}")
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
        profile = profile_at(ws, fake.url, model="")
        assert batch.list_models(ws, profile) == ["large", "tiny"]
        batch.try_one(ws, profile, dataset, store.items(ws, dataset)[0].id)
        assert fake.calls[0]["model"] == "large"


def failing(ws: Workspace, dataset: str, behave: Behave, **options: Any) -> tuple[str, Fake]:
    with Fake(behave) as fake:
        profile = profile_at(ws, fake.url, **options)
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
        (lambda n, b, r: r.cut(), "captioning.cut"),
        (lambda n, b, r: r.json(answer("")), "captioning.empty"),
        (lambda n, b, r: r.json(answer(None)), "captioning.empty"),
        (lambda n, b, r: r.json(answer("<think>only thoughts, then the limit")), "captioning.empty"),
        (lambda n, b, r: r.json({**answer("x"), "choices": []}), "captioning.empty"),
        (lambda n, b, r: r.json({**answer("x"), "choices": [{"message": "text"}]}), "captioning.empty"),
        (lambda n, b, r: r.json({**answer("x"), "choices": {"0": 1}}), "captioning.not_json"),
        (lambda n, b, r: r.json([1, 2]), "captioning.not_json"),
        (lambda n, b, r: r.json({"error": {"message": "no pictures here"}}, 400), "captioning.server_error"),
        (lambda n, b, r: r.json({"error": {"message": "flagged"}}, 403), "captioning.forbidden"),
        (
            lambda n, b, r: r.json({"error": {"message": "pay", "code": "insufficient_quota"}}, 429),
            "captioning.no_credit",
        ),
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
        profile = profile_at(ws, fake.url, retries=4)
        assert batch.try_one(ws, profile, dataset, store.items(ws, dataset)[0].id).text == "sks, at last"
        assert len(fake.calls) == 4


def test_options_that_a_model_refuses_are_left_out_from_then_on(ws: Workspace, dataset: str) -> None:
    def behave(number: int, body: dict[str, Any], reply: Reply) -> None:
        if "max_tokens" in body:
            said = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
        elif "temperature" in body:
            said = "Unsupported value: 'temperature' does not support 0.3 with this model. Only the default (1) is supported."
        else:
            reply.json(answer("fine"))
            return
        reply.json({"error": {"message": said, "code": "unsupported_parameter"}}, 400)

    with Fake(behave) as fake:
        assert batch.run(ws, dataset, profile_at(ws, fake.url, max_tokens=50)).done == 4
        assert len(fake.calls) == 6 and fake.calls[-1]["max_completion_tokens"] == 50


def test_answers_in_parts_and_thoughts_apart(ws: Workspace, dataset: str) -> None:
    def behave(number: int, body: dict[str, Any], reply: Reply) -> None:
        parts = [{"type": "text", "text": "a boat "}, {"type": "text", "text": "at sea"}]
        reply.json(answer(parts, reasoning_content="first the boat"))  # type: ignore[arg-type]

    with Fake(behave) as fake:
        item = store.items(ws, dataset)[0].id
        result = batch.try_one(ws, profile_at(ws, fake.url, prefix=""), dataset, item)
        assert (result.text, result.thinking) == ("a boat at sea", "first the boat")


def test_what_a_text_file_cannot_hold_is_left_out(ws: Workspace, dataset: str) -> None:
    with Fake(says("a \ud800\x00 boat\r\nat\x1b sea")) as fake:
        assert batch.run(ws, dataset, profile_at(ws, fake.url)).done == 4
    assert set(texts(ws, dataset)) == {"sks, a  boat at sea"}


@pytest.mark.parametrize("prefix", ["{trigger}", "{trigger}, ", ""])
def test_the_trigger_word_stands_first_and_once(ws: Workspace, dataset: str, prefix: str) -> None:
    for said in ("a boat", "SKS, a boat"):
        with Fake(says(said)) as fake:
            profile = profile_at(ws, fake.url, prefix=prefix)
            text = batch.try_one(ws, profile, dataset, store.items(ws, dataset)[0].id).text
        assert text == ("sks, a boat" if prefix and said == "a boat" else said)


def test_a_picture_whose_thumbnail_is_gone_is_named(ws: Workspace, dataset: str) -> None:
    item = store.items(ws, dataset)[1]
    store.medium_path(ws, dataset, item.id).unlink()
    with Fake(says("x")) as fake:
        report = batch.run(ws, dataset, profile_at(ws, fake.url))
    assert report.done == 3 and [(row["key"], row["item"]) for row in report.errors] == [
        ("captioning.no_picture", item.id)
    ]


def test_a_server_that_is_not_started_is_told_at_once(ws: Workspace, dataset: str) -> None:
    with Fake(says("x")) as fake:
        url = fake.url
    profile = profile_at(ws, url, retries=20)  # the SDK would try for minutes
    for asked in (lambda: batch.run(ws, dataset, profile), lambda: batch.list_models(ws, profile)):
        with pytest.raises(UserError) as caught:
            asked()
        assert caught.value.key == "captioning.unreachable"


def test_no_proxy_stands_between_us_and_this_machine(
    ws: Workspace, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Fake(says("x")) as nobody:
        dead = nobody.url
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, dead)
    with Fake(says("a boat")) as fake:
        assert batch.run(ws, dataset, profile_at(ws, fake.url)).done == 4


def test_a_key_that_is_wanted_and_one_that_is_refused(ws: Workspace, dataset: str) -> None:
    with Fake(says("x")) as fake:
        fake.needs_key = True
        for key, told in (("", "captioning.key_wanted"), ("sk-wrong", "captioning.key_refused")):
            report = batch.run(ws, dataset, profile_at(ws, fake.url, key=key))
            assert report.stopped_by["key"] == told and len(report.errors) == 1


def test_reasons_do_not_say_their_code_twice(ws: Workspace, dataset: str) -> None:
    with Fake(lambda n, b, r: r.json({"error": {"message": "no pictures here"}}, 400)) as fake:
        report = batch.run(ws, dataset, profile_at(ws, fake.url))
    assert str(report.errors[0]["reason"]).endswith("failed with error 400: no pictures here")


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


def test_an_emptied_option_stays_empty_and_is_not_sent(ws: Workspace, dataset: str) -> None:
    with Fake(says("x")) as fake:
        profile = profile_at(ws, fake.url, temperature="", max_tokens=None)
        assert batch.run(ws, dataset, profile).done == 4
        assert not {"temperature", "max_tokens", "top_p"} & fake.calls[0].keys()


def test_names_that_look_alike_get_ids_of_their_own(ws: Workspace) -> None:
    made = [profiles.save_profile(ws, name, "template", {}) for name in ("OpenAI", "模型一", "模型二")]
    assert len({profile.id for profile in made} | {"openai"}) == 4
    assert profiles.get(ws, "openai").shipped


def test_a_changed_shipped_profile_can_be_had_back(ws: Workspace) -> None:
    profiles.save_profile(ws, "Mine now", "openai_compatible", {"model": ""}, profile_id="openai", key="sk-1")
    assert (profiles.get(ws, "openai").name, profiles.get(ws, "openai").shipped) == ("Mine now", False)
    profiles.delete_profile(ws, "openai")
    assert profiles.get(ws, "openai").shipped and not profiles.get(ws, "openai").has_key


@pytest.mark.parametrize("url", ["ftp://x/v1", "far.example", "https://me:pass@far.example/v1"])
def test_addresses_that_cannot_be(ws: Workspace, url: str) -> None:
    with pytest.raises(UserError) as caught:
        batch.list_models(ws, profile_at(ws, url))
    assert caught.value.key == "captioning.bad_url" and "pass@" not in str(caught.value)


def test_where_pictures_go() -> None:
    remote, options = PROVIDERS.all()["openai_compatible"].remote, PROVIDERS.all()["openai_compatible"].options
    for url, host in (
        ("http://127.0.0.1:1234/v1", ""), ("http://localhost/v1", ""), ("http://[::1]:8/v1", ""),
        ("http://192.168.1.5/v1", "192.168.1.5"), ("https://api.far.example/v1", "api.far.example"),
        ("http://127.0.0.1.far.example/v1", "127.0.0.1.far.example"),
    ):  # fmt: skip
        assert remote(options(base_url=url)) == host


def test_shipped_prompts_are_there_in_both_languages_and_use_known_places() -> None:
    known = CaptionRequest("i", Path("x"), "a.jpg").variables
    with speaking("zh-CN"):
        found = prompts.shipped()
    assert {prompt.id.split(".")[0] for prompt in found} == {"describe", "tags", "character", "style"}
    assert len(found) == 8 and found[0].id.endswith(".zh")
    for prompt in found:
        assert set(re.findall(r"\{(\w+)\}", prompt.text)) <= set(known)


def test_every_option_has_chinese_texts() -> None:
    chinese = catalogue("zh-CN")
    for provider in PROVIDERS:
        for name, spec in fields.specs(provider.options).items():
            assert f"field.{name}.label" in chinese and (not spec.help_en or f"field.{name}.help" in chinese), name


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
