"""The page's frame in a real browser: languages, notices, the tab that was open, log-in, a lost server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tagtrainer import settings
from tagtrainer.workspace import open_workspace
from tests.browser.conftest import App, OpenPage, fits

pytestmark = pytest.mark.browser
TABS = ("datasets", "captioning", "models", "training", "runs", "settings")


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """An app in a folder with markup in its name."""
    running = App(open_workspace(tmp_path_factory.mktemp("shell <b>x") / "workspace")).start()
    yield running
    running.stop()


def test_every_tab_opens_in_both_languages(open_page: OpenPage) -> None:
    for language, word in (("en", "Datasets"), ("zh-CN", "数据集")):
        page = open_page(language)
        expect(page.locator("#tab_datasets-button")).to_have_text(word)
        assert page.title() == "TagTrainer"
        for tab in TABS:
            page.locator(f"#tab_{tab}-button").click()
            expect(page.locator(f"#tab_{tab}-button")).to_have_attribute("aria-selected", "true")
        assert "__i18n__" not in page.content()
        assert page.evaluate("document.documentElement.lang") == language
        assert page.evaluate("navigator.language") == language


def test_a_damaged_settings_file_is_named_until_dismissed(open_page: OpenPage, app: App) -> None:
    app.stop()
    app.ws.config.write_text("{ not json", "utf-8")
    app.start()
    page = open_page()
    notice = page.locator(".tt-notices > div")
    expect(notice).to_have_count(1)
    expect(notice).to_contain_text("<b>x")  # as text
    notice.get_by_role("button").click()
    expect(notice).to_have_count(0)
    page.reload()
    page.locator("#tab_datasets-button").wait_for()
    expect(notice).to_have_count(0)
    assert list(app.ws.root.glob("config.json.damaged-*"))


def test_the_language_switch_is_remembered_and_the_tab_stays(open_page: OpenPage, app: App) -> None:
    page = open_page(tab="settings")
    page.get_by_role("button", name="简体中文").click()
    expect(page.locator("#tab_settings-button")).to_have_text("设置")
    expect(page.locator("#tab_settings-button")).to_have_attribute("aria-selected", "true")
    assert settings.load(app.ws).ui.language == "zh-CN"
    page.goto(app.url + "/")
    expect(page.locator("#tab_settings-button")).to_have_text("设置")
    page.get_by_role("button", name="English").click()
    expect(page.locator("#tab_settings-button")).to_have_text("Settings")


def test_light_and_dark(open_page: OpenPage) -> None:
    for dark, colour in ((False, "rgb(247, 246, 243)"), (True, "rgb(20, 23, 22)")):
        expect(open_page(dark=dark).locator("body")).to_have_css("background-color", colour)


def test_the_page_does_not_need_to_scroll_sideways(open_page: OpenPage) -> None:
    for width in (800, 1440):
        page = open_page(width=width)
        for tab in TABS:
            page.locator(f"#tab_{tab}-button").click()
            expect(page.locator(f"#tab_{tab}")).to_be_visible()
            fits(page, width)


def test_with_a_password(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    ws = open_workspace(tmp_path_factory.mktemp("closed") / "workspace")
    closed = App(ws, env={"TAGTRAINER_PASSWORD": "open sesame"}).start()
    try:
        context = browser.new_context(locale="zh-CN")
        page = context.new_page()
        page.goto(closed.url)
        expect(page.locator("label")).to_have_text("密码")
        page.locator("#password").fill("wrong")
        page.locator("button").click()
        expect(page.get_by_role("alert")).to_have_text("密码不正确。")
        page.locator("#password").fill("open sesame")
        page.locator("button").click()
        expect(page.locator("#tab_datasets-button")).to_have_text("数据集")
        page.get_by_role("button", name="退出登录").click()
        expect(page.locator("#password")).to_be_visible()
        context.close()
        assert "open sesame" not in closed.log() + closed.output()
    finally:
        closed.stop()


def test_settings_are_measured_when_they_are_opened_and_the_engine_can_be_forgotten(
    open_page: OpenPage, app: App
) -> None:
    settings.change(app.ws, lambda known: setattr(known.engine, "musubi_path", "/nowhere/musubi"))
    page = open_page(tab="settings")
    expect(page.locator("#storage_table")).to_contain_text(str(app.ws.datasets))
    expect(page.locator("#engine_status .tt-mark")).to_contain_text("/nowhere/musubi")
    path = page.locator("#engine_path input, #engine_path textarea").first
    expect(path).to_have_value("/nowhere/musubi")
    path.fill("")
    page.locator("#engine_use").click()
    expect(page.locator("#engine_status .tt-mark")).to_contain_text(str(app.ws.runtime))
    assert settings.load(app.ws).engine.musubi_path == ""
