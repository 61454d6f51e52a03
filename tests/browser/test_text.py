"""The view "text" in a real browser: replace with preview, apply, undo; tags; scopes; text that attacks; both languages."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tagtrainer.datasets import store, transfer
from tests.browser.conftest import App, OpenPage, fits
from tests.browser.test_datasets import EVIL, draw, tile

pytestmark = pytest.mark.browser
TEXTS = [
    "zwx, red hat, smile",
    "zwx, Red Hat, street",
    "red hat，smile",
    "A woman in a red hat, smiling at you.",
    "",
    f"zwx, {EVIL}",
]


@pytest.fixture
def opened(open_page: OpenPage, app: App, tmp_path: Path) -> tuple[Page, str]:
    """The view on a new dataset of six pictures."""
    for n, text in enumerate(TEXTS):
        draw(tmp_path / "t" / f"p{n}.jpg", n)
        if text:
            (tmp_path / "t" / f"p{n}.txt").write_text(text, "utf-8")
    dataset = store.create(app.ws, f"text {tmp_path.name[-12:]}", trigger_word="zwx").id
    transfer.import_paths(app.ws, dataset, [tmp_path / "t"])
    page = open_page()
    page.evaluate("() => { window.hits = 0; window.pwned = () => { window.hits++; }; }")
    show(page)
    return page, dataset


def show(page: Page) -> None:
    page.locator("#view_text-button").click()
    expect(page.locator(".vw-text-row").first).to_be_visible()


def field(page: Page, name: str) -> Locator:
    return page.locator(f".vw-text-fields [name={name}]")


def captions(app: App, dataset: str) -> list[str]:
    return [store.caption(app.ws, dataset, item.id) for item in store.items(app.ws, dataset)]


def test_replace_with_preview_apply_and_undo(opened: tuple[Page, str], app: App) -> None:
    page, dataset = opened
    count, apply = page.locator(".vw-text-count"), page.locator(".vw-text-apply")
    expect(apply).to_be_disabled()
    field(page, "old").fill("red hat")
    field(page, "new").fill("cap")
    expect(count).to_have_text("4 of 6 captions would change.")
    first = page.locator(".vw-text-hit").first
    expect(first.locator("del")).to_have_text("red hat")
    expect(first.locator("ins")).to_have_text("cap")
    field(page, "case").check()
    expect(count).to_have_text("3 of 6 captions would change.")
    field(page, "regex").check()
    field(page, "old").fill("(red")
    expect(count).to_contain_text("not a pattern")
    expect(apply).to_be_disabled()
    field(page, "old").fill(r"(red|Red) [hH]at")
    expect(count).to_have_text("4 of 6 captions would change.")
    assert captions(app, dataset) == TEXTS
    stood = page.locator(".vw-text-form").bounding_box()
    field(page, "old").press("Control+Enter")
    notice = page.locator(".vw-text > .vw-notice")
    expect(notice).to_contain_text("Captions changed: 4.")
    assert page.locator(".vw-text-form").bounding_box() == stood  # what is said moves nothing
    assert captions(app, dataset)[1:4] == ["zwx, cap, street", "cap，smile", "A woman in a cap, smiling at you."]
    expect(page.locator(".vw-text-name", has_text="cap")).to_be_visible()
    notice.get_by_role("button", name="Undo").click()
    expect(page.locator(".vw-text-name", has_text="red hat")).to_be_visible()
    assert captions(app, dataset) == TEXTS


def test_a_tag_is_looked_at_renamed_and_merged(opened: tuple[Page, str], app: App) -> None:
    page, dataset = opened
    page.locator(".vw-text-name", has_text="smile").press("Enter")
    about = page.locator(".vw-text-tag")
    expect(about).to_contain_text("smile · 2")
    expect(about.locator(".vw-tile")).to_have_count(2)
    about.locator(".vw-text-partner", has_text="zwx").click()
    expect(about).to_contain_text("smile + zwx · 1")
    about.get_by_role("button", name="Show in the Gallery").click()
    expect(page.locator(".gl-count")).to_contain_text("1 shown")
    show(page)
    page.locator(".vw-text-search").fill("HAT")
    expect(page.locator(".vw-text-row")).to_have_count(1)
    page.locator(".vw-text-row input").check()
    page.locator(".vw-text-rename").click()
    expect(field(page, "new")).to_be_focused()
    field(page, "new").fill("cap")
    expect(page.locator(".vw-text-count")).to_have_text("3 of 6 captions would change.")
    page.locator(".vw-text-apply").click()
    expect(page.locator(".vw-notice")).to_contain_text("Captions changed: 3.")
    assert captions(app, dataset)[:4] == ["zwx, cap, smile", "zwx, cap, street", "cap，smile", TEXTS[3]]
    page.locator(".vw-text-search").fill("")
    for tag in ("smile", "street"):
        page.locator(".vw-text-row", has_text=tag).locator("input").check()
    page.locator(".vw-text-merge").click()
    field(page, "new").fill("scene")
    page.locator(".vw-text-apply").click()
    expect(page.locator(".vw-text-name", has_text="scene")).to_be_visible()
    assert captions(app, dataset)[:3] == ["zwx, cap, scene", "zwx, cap, scene", "cap，scene"]


def test_scopes_and_the_trigger_word(opened: tuple[Page, str], app: App) -> None:
    page, dataset = opened
    count = page.locator(".vw-text-count")
    page.locator(".vw-text-operation").select_option("trigger")
    expect(count).to_have_text("3 of 6 captions would change.")
    page.get_by_label("A filter").first.check()
    page.locator(".vw-text-filter").fill("no_caption")
    expect(count).to_have_text("1 of 1 captions would change.")
    page.locator(".vw-text-filter").fill("side<many tag:")
    expect(count).to_contain_text("no rule")
    page.locator("#view_pictures-button").click()
    tile(page, 2).click()
    tile(page, 3).click(modifiers=["Shift"])
    page.wait_for_function("(key) => sessionStorage.getItem(key)", arg=f"tagtrainer.selection.{dataset}")
    show(page)
    page.get_by_label("The selection in the Gallery (2)").check()
    expect(count).to_have_text("2 of 2 captions would change.")
    page.locator(".vw-text-apply").click()
    expect(page.locator(".vw-notice")).to_contain_text("Captions changed: 2.")
    assert captions(app, dataset)[2:4] == ["zwx，red hat，smile", "zwx, A woman in a red hat, smiling at you."]


def test_captions_are_only_ever_text(opened: tuple[Page, str], app: App) -> None:
    page, _ = opened
    page.locator(".vw-text-operation").select_option("add")
    field(page, "tags").fill(EVIL.replace(",", ""))
    expect(page.locator(".vw-text-hit ins").first).to_contain_text("<script>")
    expect(page.locator(".vw-text-hit").last).to_contain_text("pwned()")
    evil = page.locator(".vw-text-name", has_text="<img")
    evil.click()
    expect(page.locator(".vw-text-tag b").first).to_contain_text("<img src=x")
    assert page.evaluate("window.hits") == 0


def test_token_lengths_in_chinese(opened: tuple[Page, str], open_page: OpenPage) -> None:
    page = open_page("zh-CN", width=800)
    show(page)
    expect(page.locator(".vw-text-longest")).to_contain_text("最长的描述约")
    page.locator(".vw-text-tokenizer summary").click()
    page.locator(".vw-text-folder").fill("no folder")
    page.locator(".vw-text-folder-go").click()
    expect(page.locator(".vw-notice")).to_contain_text("分词器")
    fits(page, 800)
