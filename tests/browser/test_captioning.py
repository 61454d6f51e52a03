"""The Captioning tab in a real browser: profiles and their keys, one picture, a batch that fails, stops, reloads, goes on."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Error, Locator, Page, expect

from tagtrainer import settings
from tagtrainer.captioning import profiles
from tagtrainer.datasets import store
from tagtrainer.jobs import store as jobs
from tagtrainer.workspace import open_workspace
from tests.browser.conftest import App, OpenPage, fits, until
from tests.captioning_kit import boats
from tests.fake_openai import KEY, Fake, Reply, answer

pytestmark = pytest.mark.browser
EVIL = "<img src=x onerror=pwned()> ${pwned()} {{value}} <script>pwned()</script> </textarea>"


class Mind:
    """What the server does now; changed by the tests while it runs."""

    pause = 0.0
    fails: frozenset[int] = frozenset()
    text = "A boat {n} at sea."

    def __init__(self) -> None:
        self.go = threading.Event()
        self.go.set()

    def __call__(self, number: int, body: dict[str, Any], reply: Reply) -> None:
        self.go.wait(150)
        reply.json(answer("" if number in self.fails else self.text.replace("{n}", str(number))))


@pytest.fixture(scope="module")
def mind() -> Mind:
    return Mind()


@pytest.fixture(scope="module")
def server(mind: Mind) -> Iterator[Fake]:
    with Fake(mind, needs_key=True) as fake:
        yield fake


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, server: Fake) -> Iterator[App]:
    """The app with a dataset of eight pictures."""
    ws = open_workspace(tmp_path_factory.mktemp("captioning") / "workspace")
    boats(ws, tmp_path_factory.mktemp("pictures"), 8)
    running = App(ws).start()
    yield running
    running.stop()


def begin(app: App, server: Fake, chosen: str = "mine", key: str = KEY) -> None:
    """One profile of the user's own, as it was made, and the profile that was chosen last."""
    values = {"base_url": server.url, "retries": 0, "timeout": 200.0, "concurrency": 1, "model": "tiny"}
    for ident in settings.load(app.ws).captioning.profiles:
        profiles.delete_profile(app.ws, ident)
    profiles.save_profile(app.ws, "Mine", "openai_compatible", values, profile_id="mine", key=key)
    settings.change(app.ws, lambda known: setattr(known.captioning, "last_profile", chosen))


@pytest.fixture(autouse=True)
def _calm(mind: Mind, server: Fake, app: App, open_page: OpenPage) -> Iterator[None]:
    """Nothing of another test or try is left; what a test holds back is let go before the app ends its runs."""
    begin(app, server)
    server.calls.clear()
    mind.fails, mind.text = frozenset(), "A boat {n} at sea."
    mind.go.set()
    yield
    mind.go.set()


def choose(page: Page, name: str) -> None:
    expect(page.locator("#captioning_profile input")).not_to_have_value("")
    page.locator("#captioning_profile input").click()
    page.get_by_role("option", name=name, exact=True).click()
    expect(page.locator("#captioning_name input, #captioning_name textarea")).to_have_value(name)


def unfold(page: Page) -> None:
    page.locator("#captioning_settings > button").click()
    expect(page.locator("#captioning_name")).to_be_visible()


def captions(app: App) -> list[str]:
    dataset = store.list_all(app.ws)[0].id
    return [store.caption(app.ws, dataset, item.id) for item in store.items(app.ws, dataset)]


def start(page: Page) -> None:
    """Start with the profile chosen last, all without a caption: a click before the page knows them does nothing."""
    expect(page.locator("#captioning_profile input")).to_have_value("Mine")
    expect(page.locator(".cp-todo")).to_have_text("8 of 8 pictures have no caption.")
    page.locator("#captioning_start").click()


def clear(app: App) -> None:
    dataset = store.list_all(app.ws)[0].id
    blank = {item.id: "" for item in store.items(app.ws, dataset)}
    store.write_captions(app.ws, dataset, blank, who="user", title="cleared")


def test_the_template_captions_everything(open_page: OpenPage, app: App, server: Fake) -> None:
    clear(app)
    begin(app, server, chosen="")
    page = open_page(tab="captioning")
    expect(page.locator(".cp-where")).to_have_text("Pictures stay on this machine.")
    expect(page.locator(".cp-todo")).to_have_text("8 of 8 pictures have no caption.")
    page.locator("#captioning_start").click()
    expect(page.locator(".cp-head b")).to_have_text("Done with Template (no model)", timeout=90_000)
    expect(page.locator(".cp-todo")).to_contain_text("All 8 pictures have a caption.")
    assert set(captions(app)) == {"sks, Red Boat, beach trip"}
    page.locator(".cp-look").click()
    expect(page.locator(".gl-caption")).to_have_value("sks, Red Boat, beach trip")


def test_a_key_is_written_and_never_read(open_page: OpenPage, app: App, server: Fake) -> None:
    begin(app, server, chosen="", key="")
    sent: list[str] = []
    page = open_page(tab="captioning")
    page.on("response", lambda answer: sent.append(_text(answer)))
    unfold(page)
    choose(page, "Mine")
    page.locator("#captioning_ask").click()
    expect(page.locator("#captioning_facts")).to_contain_text("wants a key, and none is stored")
    field = page.locator("#captioning_key input")
    expect(field).to_have_attribute("placeholder", "no key stored")
    field.fill(KEY)
    page.locator("#captioning_name input, #captioning_name textarea").focus()
    expect(field).to_have_attribute("placeholder", "a key is stored; type another to replace it")
    expect(field).to_have_value("")
    assert profiles.key_of(app.ws, profiles.get(app.ws, "mine")) == KEY
    page.locator("#captioning_ask").click()
    expect(page.locator("#captioning_answer textarea")).to_have_value("sks, A boat 2 at sea.")
    page.reload()
    unfold(page)
    expect(field).to_have_attribute("placeholder", "a key is stored; type another to replace it")
    until(page, lambda: len(sent) > 10)
    assert not [text for text in sent if KEY in text]
    assert KEY not in page.content() + page.evaluate("JSON.stringify([localStorage, sessionStorage])")
    found = [path for path in app.ws.root.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert found == [app.ws.secrets]


def _text(answer: Any) -> str:
    kind = answer.headers.get("content-type", "")
    try:
        return answer.text() if "json" in kind or "html" in kind else ""
    except Error:  # the browser lets go of it when the page is loaded again
        return ""


def test_one_picture_with_thoughts_and_markup_and_keeping_the_answer(open_page: OpenPage, app: App, mind: Mind) -> None:
    clear(app)
    mind.text = f"<think>thinking {EVIL}</think>{EVIL}"
    page = open_page(tab="captioning")
    expect(page.locator("#captioning_profile input")).to_have_value("Mine")  # the one chosen last
    expect(page.locator(".cp-picture .cp-bar b")).to_have_text("RedBoat_000.jpg")
    page.locator(".cp-picture .cp-next").click()
    expect(page.locator(".cp-picture .cp-bar b")).to_have_text("RedBoat_001.jpg")
    page.locator("#captioning_ask").click()
    expect(page.locator("#captioning_answer textarea")).to_have_value(f"sks, {EVIL}")
    expect(page.locator("#captioning_facts")).to_contain_text("11 + 7 tokens")
    page.locator("#captioning_thinking > button").click()
    expect(page.locator("#captioning_thoughts textarea")).to_have_value(f"thinking {EVIL}")
    assert captions(app) == [""] * 8
    page.locator("#captioning_use").click()
    expect(page.locator(".cp-picture .cp-caption")).to_have_text(f"Caption now: sks, {EVIL}")
    assert captions(app)[1] == f"sks, {EVIL}"


def test_errors_by_picture_then_retry(open_page: OpenPage, app: App, mind: Mind, server: Fake) -> None:
    clear(app)
    mind.fails = frozenset({3, 5})
    page = open_page(tab="captioning")
    start(page)
    expect(page.locator(".cp-head b")).to_have_text("Done with Mine, but not for all pictures", timeout=90_000)
    expect(page.locator(".cp-errors summary")).to_have_text("Could not be captioned: 2")
    page.locator(".cp-errors summary").click()
    expect(page.locator(".cp-errors tr").first).to_contain_text("RedBoat_002.jpg")
    expect(page.locator(".cp-errors tr").first).to_contain_text("gave no text")
    mind.fails = frozenset()
    page.locator(".cp-again").click()
    expect(page.locator(".cp-head b")).to_have_text("Done with Mine", timeout=90_000)
    expect(page.locator(".cp-note")).to_contain_text("8 captioned")
    assert len(server.calls) == 10 and all(captions(app))


def test_what_start_would_do_is_said_before_and_nothing_is_started_for_nothing(open_page: OpenPage, app: App) -> None:
    dataset = store.list_all(app.ws)[0].id
    full = {item.id: "a boat" for item in store.items(app.ws, dataset)}
    store.write_captions(app.ws, dataset, full, who="user", title="all")
    page = open_page(tab="captioning")
    expect(page.locator(".cp-todo")).to_have_text(re.compile("All 8 pictures have a caption. Choose"))
    before = len(jobs.list_tasks(app.ws, "captioning"))
    page.locator("#captioning_start").click()
    expect(page.get_by_test_id("toast-body").first).to_contain_text("Every picture has a caption")
    assert len(jobs.list_tasks(app.ws, "captioning")) == before
    page.locator("#captioning_mode label").nth(1).click()
    expect(page.locator(".cp-todo")).to_contain_text("8 captions will be replaced")
    page.locator("#captioning_mode label").nth(2).click()
    expect(page.locator(".cp-todo")).to_contain_text("added to 8 captions")


def test_stopping_says_that_it_waits(open_page: OpenPage, app: App, mind: Mind) -> None:
    clear(app)
    page = open_page(tab="captioning")
    mind.go.clear()
    start(page)
    expect(page.locator(".cp-head b")).to_have_text("Captioning with Mine", timeout=90_000)
    page.locator(".cp-stop").click()
    expect(page.locator(".cp-note")).to_contain_text("Stopping")
    expect(page.locator(".cp-stop")).to_be_hidden()
    mind.go.set()
    expect(page.locator(".cp-job")).to_have_attribute("data-status", "stopped", timeout=90_000)
    expect(page.locator(".cp-why")).to_contain_text("What was answered is kept")


def test_progress_after_a_reload_in_a_second_tab_after_a_restart_and_stop(
    open_page: OpenPage, app: App, mind: Mind, server: Fake
) -> None:
    clear(app)
    page = open_page(tab="captioning")
    mind.go.clear()
    start(page)
    expect(page.locator(".cp-head b")).to_have_text("Captioning with Mine", timeout=90_000)
    page.reload()
    expect(page.locator(".cp-head b")).to_have_text("Captioning with Mine")
    second = open_page("zh-CN", tab="captioning")
    expect(second.locator(".cp-head b")).to_have_text("正在用 Mine 打标")
    expect(second.locator("#captioning_start")).to_have_class(re.compile("cp-off"))
    second.close()
    page.goto("about:blank")
    app.kill()
    app.start()
    page.goto(f"{app.url}/en/")
    page.locator("#tab_captioning-button").click()
    expect(page.locator(".cp-head b")).to_have_text("Captioning with Mine")
    page.locator(".cp-stop").click()
    mind.go.set()  # only now: eight fast answers would be over before the click
    expect(page.locator(".cp-job")).to_have_attribute("data-status", "stopped", timeout=90_000)
    asked = len(server.calls)
    if asked < 8:
        page.locator(".cp-again").click()
        expect(page.locator(".cp-head b")).to_have_text("Done with Mine", timeout=90_000)
    assert len(server.calls) == 8 and all(captions(app))


def test_settings_are_kept_on_leaving_a_field_and_never_mix(open_page: OpenPage, app: App) -> None:
    page = open_page(tab="captioning")
    unfold(page)
    expect(page.locator("#captioning_name input, #captioning_name textarea")).to_have_value("Mine")
    prompt = page.locator("#cap_openai_compatible_prompt textarea")
    prompt.fill("Only the colours of {filename}.")
    choose(page, "LM Studio (this machine)")  # straight from the field to another profile
    expect(
        page.locator("#cap_openai_compatible_base_url input, #cap_openai_compatible_base_url textarea")
    ).to_have_value("http://127.0.0.1:1234/v1")
    choose(page, "OpenAI")
    expect(page.locator(".cp-where")).to_have_text("Pictures are sent to api.openai.com.")
    choose(page, "Mine")
    expect(prompt).to_have_value("Only the colours of {filename}.")
    stored = profiles.profiles(app.ws)
    assert stored["mine"].options["prompt"] == "Only the colours of {filename}."
    assert stored["lm_studio"].shipped and stored["openai"].shipped
    page.locator("#cap_openai_compatible_prompts input").click()
    page.get_by_role("option", name="Character LoRA", exact=True).click()
    page.wait_for_function(
        "document.querySelector('#cap_openai_compatible_prompt textarea').value.startsWith('The person')"
    )
    page.locator("#captioning_copy").click()
    expect(page.locator("#captioning_profile input")).to_have_value("Mine 2")
    made = next(known for known in profiles.profiles(app.ws).values() if known.name == "Mine 2")
    assert str(made.options["prompt"]).startswith("The person") and not made.has_key
    page.locator("#captioning_delete").click()
    page.locator("#captioning_yes").click()
    expect(page.locator("#captioning_profile input")).to_have_value("Template (no model)")
    assert made.id not in profiles.profiles(app.ws)


def refused(page: Page, field: Locator, text: str) -> bool:
    """Gradio fills a field of a fold again just after it opened, sooner than any hand types: then it is typed again."""
    field.fill(text)
    page.locator("#captioning_name input, #captioning_name textarea").focus()
    page.wait_for_timeout(500)
    return page.get_by_test_id("toast-body").count() > 0


def test_values_that_cannot_be_are_said_and_not_saved(open_page: OpenPage, app: App) -> None:
    page = open_page(tab="captioning")
    unfold(page)
    choose(page, "Mine")
    page.locator("#cap_openai_compatible_more > button").click()
    field = page.locator("#cap_openai_compatible_temperature input, #cap_openai_compatible_temperature textarea")
    expect(field).to_have_value("0.3")
    until(page, lambda: refused(page, field, "warm"))
    expect(page.get_by_test_id("toast-body").first).to_contain_text("Temperature")
    expect(field).to_have_value("warm")
    assert "temperature" not in profiles.get(app.ws, "mine").options


def test_models_are_listed_and_one_is_taken(open_page: OpenPage, app: App) -> None:
    page = open_page(tab="captioning")
    unfold(page)
    choose(page, "Mine")
    page.locator("#cap_openai_compatible_list_models").click()
    page.locator("#cap_openai_compatible_models input").click()
    page.get_by_role("option", name="large").click()
    model = page.locator("#cap_openai_compatible_model input, #cap_openai_compatible_model textarea")
    expect(model).to_have_value("large")
    until(page, lambda: profiles.get(app.ws, "mine").options["model"] == "large")


def test_it_fits_from_800_pixels_in_both_languages(open_page: OpenPage, app: App, tmp_path: Path) -> None:
    for language, dark, width in (("en", False, 1440), ("zh-CN", True, 800)):
        page = open_page(language, dark=dark, width=width, tab="captioning")
        unfold(page)
        expect(page.locator(".cp-picture img")).to_be_visible()
        fits(page, width)
        assert "captioning_tab." not in page.content() and json.dumps("captioning.") not in page.content()
