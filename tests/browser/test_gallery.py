"""The gallery in a real browser: walked by keys, filtered, all of a filter selected and changed, two tabs on one caption."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tagtrainer.datasets import history, index, records, store, transfer
from tagtrainer.datasets.models import Item
from tests.browser.conftest import App, OpenPage, until
from tests.pictures import jpeg

pytestmark = pytest.mark.browser


@pytest.fixture
def dataset(app: App, tmp_path: Path) -> str:
    """12 pictures, every third without caption; the first four stand upright."""
    for n in range(12):
        jpeg(tmp_path / "in" / f"p{n:02d}.jpg", n, (320, 480) if n < 4 else (640, 480))
        if n % 3:
            (tmp_path / "in" / f"p{n:02d}.txt").write_text(f"caption {n}, {'red hat' if n % 2 else '蓝色'}", "utf-8")
    ident = store.create(app.ws, f"keys {tmp_path.name[-12:]}").id
    transfer.import_paths(app.ws, ident, [tmp_path / "in"])
    return ident


@pytest.fixture
def page(dataset: str, open_page: OpenPage) -> Page:
    found = open_page()  # the newest dataset is shown first
    expect(found.locator(".gl-count")).to_contain_text("12 pictures, 8 with caption")
    return found


def tile(page: Page, index: int) -> Locator:
    return page.locator(f".gl-tile[data-index='{index}']")


def above(upper: Locator, lower: Locator) -> bool:
    one, other = upper.bounding_box(), lower.bounding_box()
    return bool(one and other and one["y"] + one["height"] <= other["y"])


def flagged(app: App, dataset: str) -> list[str]:
    return [item.name for item in store.items(app.ws, dataset) if item.flagged]


def stored(page: Page, name: str, dataset: str) -> Any:
    text = page.evaluate("(key) => sessionStorage.getItem(key)", f"tagtrainer.{name}.{dataset}")
    return json.loads(text) if text else None


def filter_by(page: Page, rule: str, value: str) -> None:
    page.locator(".gl-filter").click()
    field = page.locator(f".gl-f-{rule}")
    field.select_option(value) if field.evaluate("(f) => f.tagName") == "SELECT" else field.fill(value)
    expect(page.locator(".gl-count")).to_contain_text("shown")
    page.keyboard.press("Escape")
    expect(page.locator(".gl-panel")).to_be_hidden()


def test_by_keys_alone(page: Page, app: App, dataset: str) -> None:
    name, box, keys = page.locator(".gl-name"), page.locator(".gl-caption"), page.keyboard
    page.locator(".gl-grid").focus()
    for key, there in (
        ("End", "p11.jpg"),
        ("Home", "p00.jpg"),
        ("ArrowRight", "p01.jpg"),
        ("j", "p03.jpg"),
        ("J", "p06.jpg"),
    ):
        keys.press(key)
        expect(name).to_have_text(there)
    keys.press("Enter")
    expect(box).to_be_focused()
    keys.type("six")
    keys.press("Control+Enter")
    expect(name).to_have_text("p07.jpg")
    expect(box).to_have_value("caption 7, red hat")
    keys.press("Escape")
    expect(page.locator(".gl-grid")).to_be_focused()
    for there in ("p09.jpg", "p00.jpg", "p03.jpg", "p09.jpg"):  # p06 has one now; round the end
        keys.press("j")
        expect(name).to_have_text(there)
    keys.press("f")
    expect(page.locator(".gl-undo")).to_contain_text("1 flagged")
    expect(tile(page, 9).locator(".gl-is-flag")).to_be_visible()
    assert flagged(app, dataset) == ["p09.jpg"]
    keys.press("F")
    expect(tile(page, 9).locator(".gl-is-flag")).to_be_hidden()
    assert flagged(app, dataset) == []
    keys.press("?")
    expect(page.locator(".gl-help")).to_contain_text("next picture without caption")
    keys.press("Escape")
    expect(page.locator(".gl-help")).to_be_hidden()
    keys.press("Delete")
    expect(page.locator(".gl-yes")).to_be_focused()
    keys.press("Enter")
    expect(page.locator(".gl-count")).to_contain_text("11 pictures")
    by_name = {item.name: store.caption(app.ws, dataset, item.id) for item in store.items(app.ws, dataset)}
    assert "p09.jpg" not in by_name and by_name["p06.jpg"] == "six"
    page.locator(".gl-back").click()
    expect(page.locator(".gl-count")).to_contain_text("12 pictures, 9 with caption")


def test_filters_chips_and_sorting(page: Page) -> None:
    count, chips = page.locator(".gl-count"), page.locator(".gl-chip")
    filter_by(page, "aspect", "portrait")
    expect(count).to_contain_text("4 shown")
    filter_by(page, "caption", "false")
    expect(count).to_contain_text("2 shown")
    expect(chips).to_have_text(["With caption×", "Portrait×"])
    chips.locator("button").first.click()
    expect(count).to_contain_text("4 shown")
    page.locator(".gl-chip button").click()
    expect(count).not_to_contain_text("shown")
    filter_by(page, "tag", "Red Hat")
    expect(count).to_contain_text("4 shown")
    page.locator(".gl-filter").click()
    page.locator(".gl-f-none").click()
    page.locator(".gl-search").fill("蓝色 side>=480 sort:-added")
    expect(count).to_contain_text("3 shown")
    page.locator(".gl-search").fill("side>=481")
    expect(count).to_contain_text("0 shown")
    expect(page.locator(".gl-empty")).to_have_text("No picture fits the search.")
    page.locator(".gl-search").fill("aspect:round")
    expect(count).to_contain_text("“aspect:round” is no rule")
    page.locator(".gl-search").fill("")
    expect(count).to_contain_text("12 pictures")
    tile(page, 5).click()
    page.locator(".gl-way").click()  # from the end; what is looked at stays the current one
    expect(tile(page, 0).locator("b")).to_have_text("p11.jpg")
    expect(page.locator(".gl-name")).to_have_text("p05.jpg")
    expect(page.locator(".gl-place")).to_have_text("7 of 12")
    page.locator(".gl-sort").select_option("caption")
    expect(tile(page, 11).locator("span")).to_have_text("no caption")


def test_all_of_a_filter_is_changed_at_once_and_taken_back(page: Page, app: App, dataset: str) -> None:
    filter_by(page, "caption", "true")
    page.locator(".gl-all").click()
    expect(page.locator(".gl-selection > span")).to_have_text("4 selected")
    expect(page.locator(".gl-every")).to_be_hidden()
    page.wait_for_function("(key) => sessionStorage.getItem(key)", arg=f"tagtrainer.selection.{dataset}")
    assert stored(page, "selection", dataset) == {"filter": "no_caption"}
    page.locator(".gl-flag").click()
    expect(page.locator(".gl-undo")).to_contain_text("4 flagged")
    assert flagged(app, dataset) == ["p00.jpg", "p03.jpg", "p06.jpg", "p09.jpg"]
    page.locator(".gl-repeats").click()
    page.locator(".gl-repeats-n").fill("7")
    page.keyboard.press("Enter")
    expect(page.locator(".gl-undo")).to_contain_text("Repeats of 4 set to 7")
    expect(tile(page, 0).locator("small")).to_contain_text("×7")
    page.locator(".gl-back").click()
    expect(tile(page, 0).locator("small")).not_to_contain_text("×7")
    entries, total = history.entries(app.ws, dataset)
    assert total == 3 and [(entry.count, entry.undone) for entry in entries[:2]] == [(4, True), (4, False)]
    page.locator(".gl-chip button").click()
    expect(page.locator(".gl-count")).not_to_contain_text("shown")
    tile(page, 1).click()
    tile(page, 3).click(modifiers=["Shift"])
    page.wait_for_function(
        "(key) => (sessionStorage.getItem(key) || '').includes('items')", arg=f"tagtrainer.selection.{dataset}"
    )
    assert len(stored(page, "selection", dataset)["items"]) == 3
    page.locator(".gl-every").click()
    expect(page.locator(".gl-selection > span")).to_have_text("12 selected")


def test_the_bar_of_the_selection_does_not_hide_the_last_row(page: Page) -> None:
    page.set_viewport_size({"width": 800, "height": 600})
    page.locator(".gl-grid").focus()
    page.keyboard.press("End")
    page.keyboard.press("Shift+ArrowLeft")
    expect(page.locator(".gl-selection > span")).to_have_text("2 selected")
    until(page, lambda: above(tile(page, 11).locator("small"), page.locator(".gl-float")))


def test_another_view_asks_for_a_filter(page: Page, dataset: str) -> None:
    page.evaluate(
        "([key, value]) => sessionStorage.setItem(key, value)",
        [f"tagtrainer.look.{dataset}", "no_caption aspect:portrait"],
    )
    page.locator("#tab_settings-button").click()
    page.locator("#tab_datasets-button").click()
    expect(page.locator(".gl-count")).to_contain_text("2 shown")
    expect(page.locator(".gl-chip")).to_have_count(2)
    assert stored(page, "look", dataset) is None


def test_two_tabs_edit_one_caption_and_both_texts_are_kept(
    page: Page, open_page: OpenPage, app: App, dataset: str
) -> None:
    other = open_page()
    for each in (page, other):
        tile(each, 1).click()
        expect(each.locator(".gl-caption")).to_have_value("caption 1, red hat")
    page.locator(".gl-caption").fill("from the first tab")
    other.locator(".gl-caption").fill("from the second tab")
    page.locator(".gl-caption").press("Escape")
    expect(page.locator(".gl-status")).to_have_text("Saved")
    other.locator(".gl-caption").press("Escape")
    expect(other.locator(".gl-conflict")).to_contain_text("from the first tab")
    expect(other.locator(".gl-caption")).to_have_value("from the second tab")
    item = next(item.id for item in store.items(app.ws, dataset) if item.name == "p01.jpg")
    assert store.caption(app.ws, dataset, item) == "from the first tab"
    other.locator(".gl-theirs").click()
    other.locator("#view_history-button").click()
    entry = other.locator(".vw-hi-entry.is-refused")
    entry.locator(".vw-hi-title").click()
    expect(entry.locator("dd")).to_have_text(["from the first tab", "from the second tab"])
    entry.locator(".vw-hi-take").click()
    expect(other.locator(".vw-hi-title").first).to_contain_text("Took the refused caption of p01.jpg")
    assert store.caption(app.ws, dataset, item) == "from the second tab"


def test_what_takes_long_says_so_and_is_not_done_twice(page: Page, app: App, dataset: str) -> None:
    held: list[Route] = []
    page.route("**/flag", lambda route: held.append(route))
    page.locator(".gl-grid").focus()
    page.keyboard.press("Control+a")
    expect(page.locator(".gl-selection > span")).to_have_text("12 selected")
    for _ in range(3):
        page.keyboard.press("f")
    line = page.locator(".gl-undo")
    expect(line).to_contain_text("Working … 0:0")
    expect(line.locator(".gl-back")).to_be_hidden()
    page.locator(".gl-flag").focus()
    page.keyboard.press("Enter")
    tile(page, 5).click()  # the page goes on meanwhile
    expect(page.locator(".gl-name")).to_have_text("p05.jpg")
    assert len(held) == 1 and not flagged(app, dataset)
    held[0].continue_()
    expect(line).to_contain_text("12 flagged")
    assert len(flagged(app, dataset)) == 12


def test_a_selection_of_thousands_is_handed_to_the_other_views(app: App, open_page: OpenPage) -> None:
    """More than the page holds ids of, and not all of a filter: the server keeps it."""
    dataset, many = store.create(app.ws, "thousands").id, 5_010
    folder = app.ws.dataset(dataset)
    for n in range(many):
        (folder / "images" / f"p{n:04d}-{n:08x}.jpg").touch()
    items = [Item(f"p{n:04d}-{n:08x}", f"p{n:04d}.jpg", ".jpg", 64, 64, 9, f"{n:064x}", 1.0 + n) for n in range(many)]
    records.add(folder, items)
    index.sync(app.ws, dataset)
    page = open_page()
    expect(page.locator(".gl-count")).to_contain_text("5010 pictures")
    tile(page, 4).click()
    page.keyboard.press("Shift+End")
    expect(page.locator(".gl-selection > span")).to_have_text("5006 selected")
    page.locator("#view_manage-button").click()
    expect(page.locator(".vw-manage-selection").first).to_have_text("The 5006 selected in the gallery")
    page.locator("#view_text-button").click()
    page.get_by_label("The selection in the Gallery (5006)").check()
    page.locator(".vw-text-operation").select_option("add")
    page.locator(".vw-text-fields [name=tags]").fill("red hat")
    expect(page.locator(".vw-text-count")).to_have_text("5006 of 5006 captions would change.")
    page.locator(".vw-text-apply").click()
    expect(page.locator(".vw-text > .vw-notice")).to_contain_text("Captions changed: 5006.", timeout=60_000)
    texts = store.captions(app.ws, dataset)
    assert [texts[item.id] for item in items[:6]] == ["", "", "", "", "red hat", "red hat"]
