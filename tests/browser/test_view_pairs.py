"""The Pairs view in a real browser: rows, flags, order, captions in two tabs, the swipe compare, the waiting list, imports."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tagtrainer.datasets import store, transfer
from tagtrainer.datasets.pairs import controls, waiting
from tests.browser.conftest import App, OpenPage, until
from tests.pictures import jpeg

pytestmark = pytest.mark.browser
EVIL = "<img src=x onerror=pwned()> ${pwned()} {{value}}"


def shown(page: Page) -> Page:
    page.locator("#view_pairs-button").click()
    expect(page.locator(".vw-pairs-row").first).to_be_visible()
    return page


@pytest.fixture
def pairs(open_page: OpenPage, app: App, tmp_path: Path) -> tuple[Page, str]:
    """Eight pairs of two control images each, one of them flagged, and one file that found no target."""
    for n in range(8):
        jpeg(tmp_path / "in" / f"p{n}.jpg", n, (400, 300))
        jpeg(tmp_path / "in" / f"p{n}_0.jpg", 50 + n, (400, 300))
        jpeg(tmp_path / "in" / f"p{n}_1.jpg", 90 + n, (300, 400) if n == 3 else (400, 300))
        (tmp_path / "in" / f"p{n}.txt").write_text(f"edit {n}", "utf-8")
    jpeg(tmp_path / "in" / "lost_control.jpg", 200)
    dataset = store.create(app.ws, f"pairs {tmp_path.name[-12:]}", "multi_control_image").id
    transfer.import_paths(app.ws, dataset, [tmp_path / "in"])
    return shown(open_page(tab="datasets")), dataset


def row(page: Page, index: int) -> Locator:
    return page.locator(".vw-pairs-row").nth(index)


def controls_of(app: App, dataset: str, name: str) -> list[str]:
    found = next(item for item in store.items(app.ws, dataset) if item.name == name)
    return [control.name for control in found.controls]


def test_rows_order_detach_and_undo(pairs: tuple[Page, str], app: App) -> None:
    page, dataset = pairs
    expect(page.locator(".vw-pairs-row")).to_have_count(8)
    first = row(page, 0)
    expect(first.locator(".vw-pairs-name")).to_have_text("p0.jpg")
    expect(first.locator("figcaption").first).to_have_text("Control 1")
    for picture in first.locator("img").all():
        expect(picture).to_have_js_property("complete", True)
        expect(picture).not_to_have_js_property("naturalWidth", 0)
    first.locator(".vw-pairs-strip figure").first.hover()
    first.locator("[title='Move later']").first.click()
    expect(first.locator(".vw-pairs-strip img").first).to_have_attribute("alt", "p0_1.jpg")
    assert controls_of(app, dataset, "p0.jpg") == ["p0_1.jpg", "p0_0.jpg"]
    first.locator(".vw-pairs-strip figure").first.hover()
    first.locator("[title='Detach']").first.click()
    expect(first.locator(".vw-pairs-strip img")).to_have_count(1)
    expect(first.locator(".vw-pairs-flag")).to_have_text("order or number")
    assert controls_of(app, dataset, "p0.jpg") == ["p0_0.jpg"]
    page.locator(".vw-pairs .vw-notice").get_by_role("button", name="Undo").click()
    expect(first.locator(".vw-pairs-strip img")).to_have_count(2)
    assert controls_of(app, dataset, "p0.jpg") == ["p0_1.jpg", "p0_0.jpg"]


def test_flags_filter_the_rows(pairs: tuple[Page, str]) -> None:
    page, _ = pairs
    page.get_by_role("button", name="orientation differs").click()
    expect(page.locator(".vw-pairs-row")).to_have_count(1)
    expect(row(page, 0).locator(".vw-pairs-name")).to_have_text("p3.jpg")
    page.get_by_role("button", name="All").click()
    expect(page.locator(".vw-pairs-row")).to_have_count(8)


def test_captions_are_saved_on_leaving_and_two_tabs_keep_both(pairs: tuple[Page, str], app: App) -> None:
    page, dataset = pairs
    box = row(page, 1).locator(".vw-pairs-caption")
    expect(box).to_have_value("edit 1")
    box.fill(f"mine {EVIL}")
    box.press("Control+Enter")
    expect(row(page, 2).locator(".vw-pairs-caption")).to_be_focused()
    expect(row(page, 1).locator(".vw-pairs-status")).to_have_text("Saved")
    item = next(item.id for item in store.items(app.ws, dataset) if item.name == "p1.jpg")
    assert store.caption(app.ws, dataset, item) == f"mine {EVIL}"
    box.click()
    page.keyboard.type(" more")
    store.write_captions(app.ws, dataset, {item: f"theirs {EVIL}"}, who="user", title="another tab")
    box.blur()
    conflict = row(page, 1).locator(".vw-pairs-conflict")
    expect(conflict).to_contain_text(f"theirs {EVIL}")
    assert store.caption(app.ws, dataset, item) == f"theirs {EVIL}"
    conflict.locator(".vw-pairs-mine").click()
    expect(conflict).to_be_hidden()
    expect(row(page, 1).locator(".vw-pairs-status")).to_have_text("Saved")
    assert store.caption(app.ws, dataset, item).startswith("mine")


def test_swipe_compare_by_mouse_and_keys(pairs: tuple[Page, str]) -> None:
    page, _ = pairs
    row(page, 0).locator(".vw-pairs-swipe").click()
    line = page.locator(".vw-pairs-line")
    expect(line).to_be_focused()
    expect(line).to_have_attribute("aria-valuenow", "50")
    page.keyboard.press("ArrowRight")
    expect(line).to_have_attribute("aria-valuenow", "52")
    box = page.locator(".vw-pairs-stage").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.52, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 60)
    page.mouse.up()
    expect(line).to_have_attribute("aria-valuenow", "25")
    page.keyboard.press("2")
    expect(page.locator(".vw-pairs-tag.is-left")).to_have_text("Control 2")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".vw-pairs-compare b")).to_have_text("p1.jpg")
    page.keyboard.press("Escape")
    expect(page.locator(".vw-pairs-compare")).to_be_hidden()


def test_what_waits_is_paired_by_name_by_row_and_by_upload(pairs: tuple[Page, str], app: App, tmp_path: Path) -> None:
    page, dataset = pairs
    chip = page.locator(".vw-pairs-wait")
    expect(chip).to_contain_text("1")
    chip.click()
    entry = page.locator(".vw-pairs-entry")
    expect(entry).to_contain_text("there is no picture called “lost”")
    entry.get_by_role("button", name="Discard").click()
    expect(entry).to_have_count(0)
    page.get_by_role("button", name="Take it back").click()
    expect(entry).to_have_count(1)
    entry.get_by_role("button", name="Pair with …").click()
    entry.get_by_role("searchbox").fill("p4")
    entry.locator(".vw-pairs-hit", has_text="p4.jpg").click()
    expect(entry).to_have_count(0)
    expect(row(page, 4).locator(".vw-pairs-strip img")).to_have_count(3)
    assert controls_of(app, dataset, "p4.jpg")[2] == "lost_control.jpg" and waiting.count(app.ws, dataset) == 0
    row(page, 5).locator(".vw-pairs-attach").click()
    row(page, 5).locator(".vw-pairs-file").set_input_files(jpeg(tmp_path / f"{EVIL[:8]} new.jpg", 240))
    expect(row(page, 5).locator(".vw-pairs-strip img")).to_have_count(3)
    until(page, lambda: not list((app.ws.runtime / "uploads").glob("p*")))


def test_files_and_waiting_ones_are_dropped_on_a_row(pairs: tuple[Page, str], app: App, tmp_path: Path) -> None:
    page, dataset = pairs
    page.locator(".vw-pairs-wait").click()
    page.locator(".vw-pairs-entry").drag_to(row(page, 0))
    expect(row(page, 0).locator(".vw-pairs-strip img")).to_have_count(3)
    assert controls_of(app, dataset, "p0.jpg")[2] == "lost_control.jpg"
    data = list(jpeg(tmp_path / "dropped.jpg", 230).read_bytes())
    row(page, 1).evaluate(
        """(row, data) => { const carried = new DataTransfer();
        carried.items.add(new File([new Uint8Array(data)], 'dropped.jpg', { type: 'image/jpeg' }));
        row.dispatchEvent(new DragEvent('drop', { dataTransfer: carried, bubbles: true, cancelable: true })); }""",
        data,
    )
    expect(row(page, 1).locator(".vw-pairs-strip img")).to_have_count(3)
    assert controls_of(app, dataset, "p1.jpg")[2] == "dropped.jpg"


def test_changes_from_elsewhere_appear_and_typing_is_kept(pairs: tuple[Page, str], app: App) -> None:
    page, dataset = pairs
    items = {item.name: item for item in store.items(app.ws, dataset)}
    row(page, 0).locator(".vw-pairs-caption").fill("being typed")
    controls.detach(app.ws, dataset, items["p0.jpg"].id, 1)
    store.write_captions(app.ws, dataset, {items["p1.jpg"].id: "by a batch"}, who="batch", title="batch")
    expect(row(page, 0).locator(".vw-pairs-strip img")).to_have_count(1)
    expect(row(page, 1).locator(".vw-pairs-caption")).to_have_value("by a batch")
    expect(row(page, 0).locator(".vw-pairs-caption")).to_have_value("being typed")


def test_a_folder_is_imported_as_a_control_image(open_page: OpenPage, app: App, tmp_path: Path) -> None:
    for n in range(3):
        jpeg(tmp_path / "target" / f"t{n}.jpg", n)
        jpeg(tmp_path / "depth" / f"t{n}.jpg", 50 + n)
    jpeg(tmp_path / "depth" / "else.jpg", 77)
    dataset = store.create(app.ws, f"single {tmp_path.name[-12:]}", "single_control_image").id
    transfer.import_paths(app.ws, dataset, [tmp_path / "target"])
    page = shown(open_page(tab="datasets"))
    expect(row(page, 0).locator(".vw-pairs-none")).to_be_visible()
    page.locator(".vw-pairs-add").click()
    expect(page.locator(".vw-pairs-number")).to_be_hidden()
    page.locator(".vw-pairs-path").fill(str(tmp_path / "depth"))
    page.locator(".vw-pairs-go").click()
    expect(page.locator(".vw-pairs .vw-notice > span").first).to_contain_text(
        "3 control images imported", timeout=60_000
    )
    expect(page.locator(".vw-pairs-entry")).to_contain_text("else.jpg")
    expect(row(page, 2).locator(".vw-pairs-strip img")).to_have_count(1)
    assert controls_of(app, dataset, "t1.jpg") == ["t1.jpg"]


def test_the_first_control_images_of_an_empty_set_are_number_one(open_page: OpenPage, app: App, tmp_path: Path) -> None:
    store.create(app.ws, f"empty {tmp_path.name[-12:]}", "multi_control_image")
    page = open_page(tab="datasets")
    page.locator("#view_pairs-button").click()
    page.locator(".vw-pairs-add").click()
    expect(page.locator(".vw-pairs-number")).to_have_value("1")


def test_in_single_sets_a_waiting_one_takes_the_place(open_page: OpenPage, app: App, tmp_path: Path) -> None:
    for n, name in enumerate(("x", "x_0", "x_1")):
        jpeg(tmp_path / "in" / f"{name}.jpg", n)
    dataset = store.create(app.ws, f"place {tmp_path.name[-12:]}", "single_control_image").id
    transfer.import_paths(app.ws, dataset, [tmp_path / "in"])
    page = shown(open_page(tab="datasets"))
    page.locator(".vw-pairs-wait").click()
    page.locator(".vw-pairs-entry").get_by_role("button", name="Replace that of x.jpg").click()
    expect(row(page, 0).locator(".vw-pairs-strip img")).to_have_attribute("alt", "x_1.jpg")
    page.locator(".vw-pairs .vw-notice").get_by_role("button", name="Undo").click()
    expect(row(page, 0).locator(".vw-pairs-strip img")).to_have_attribute("alt", "x_0.jpg")


def test_hundreds_of_rows_come_in_pages(open_page: OpenPage, app: App, tmp_path: Path) -> None:
    for n in range(130):
        jpeg(tmp_path / "in" / f"r{n:03d}.jpg", n, (40 + n, 40))
        jpeg(tmp_path / "in" / f"r{n:03d}_control.jpg", n, (40 + n, 50))
    dataset = store.create(app.ws, f"hundreds {tmp_path.name[-12:]}", "single_control_image").id
    transfer.import_paths(app.ws, dataset, [tmp_path / "in"])
    page = shown(open_page(tab="datasets"))
    rows = page.locator(".vw-pairs-row")
    expect(rows.nth(49)).to_be_attached()
    assert rows.count() < 130
    page.wait_for_function(
        """() => { document.querySelector('.vw-pairs-end').scrollIntoView();
        return document.querySelectorAll('.vw-pairs-row').length === 130; }""",
        polling=200,
    )
    expect(rows.last.locator(".vw-pairs-name")).to_have_text("r129.jpg")
