"""The sub-tabs of a dataset in a real browser: all of them in sight, in a narrow window too, and reached by keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tagtrainer.datasets import store
from tests.browser.conftest import App, OpenPage, fits, until

pytestmark = pytest.mark.browser
PICTURES = ["pictures", "clean", "text", "faces", "crop", "trainer", "portrait", "history", "manage"]
VIEWS = {
    "image": PICTURES,
    "multi_control_image": ["pictures", "pairs", *PICTURES[1:]],
    "video": ["pictures", "clean", "text", "trainer", "history", "manage"],
}


def shown(page: Page) -> list[str]:
    """Names of the sub-tabs that lie inside the window as a whole."""
    names: list[str] = page.locator("#dataset_views > .tab-wrapper").evaluate(
        "(bar) => [...bar.querySelectorAll('[role=tab]')].filter((tab) => { const box = tab.getBoundingClientRect();"
        " return box.width && box.left >= 0 && box.right <= innerWidth && box.bottom <= innerHeight; })"
        ".map((tab) => tab.id.replace(/^view_|-button$/g, ''))"
    )
    return names


def in_sight(page: Page, names: list[str]) -> None:
    until(page, lambda: shown(page) == names)


@pytest.mark.parametrize(("language", "dark", "width"), [("en", False, 800), ("zh-CN", True, 800), ("en", True, 420)])
def test_every_view_is_in_sight(
    app: App, open_page: OpenPage, tmp_path: Path, language: str, dark: bool, width: int
) -> None:
    for kind, names in VIEWS.items():
        meta = store.create(app.ws, f"{kind} {tmp_path.name[-12:]}", kind)
        page = open_page(language, dark, width)  # the newest dataset is shown first
        expect(page.locator("#datasets_pick input")).to_have_value(meta.name)
        expect(page.locator("#dataset_views [role=tab]:visible")).to_have_count(len(names))
        in_sight(page, names)
        for name in names[:0:-1]:
            page.locator(f"#view_{name}-button").click()
            expect(page.locator(f"#view_{name}")).to_be_visible()
        fits(page, width)


def test_arrow_keys_go_from_view_to_view(app: App, open_page: OpenPage) -> None:
    store.create(app.ws, "a set of clips", "video")
    page = open_page(width=800)
    first, last = page.locator("#view_pictures-button"), page.locator("#view_manage-button")
    expect(page.locator("#dataset_views [role=tab]:visible")).to_have_count(len(VIEWS["video"]))
    first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#view_clean-button")).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#view_trainer-button")).to_be_focused()  # what clips have no use for is passed over
    for key, there in (("End", last), ("ArrowRight", first), ("ArrowLeft", last)):
        page.keyboard.press(key)
        expect(there).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#view_manage")).to_be_visible()
