"""The crop view in a real browser: find subjects as a job, look through the crops, drag one, skip one, apply, undo, reset."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from tagtrainer.captioning import profiles
from tagtrainer.datasets import store, transfer
from tagtrainer.datasets.curation import crops, proposals
from tests.browser.conftest import App, OpenPage, until
from tests.faces import photo

pytestmark = pytest.mark.browser
EVIL = "<img src=x onerror=pwned()> ${pwned()} {{value}}.jpg"
NAMES = ("astronaut", "coffee", "rocket", "chelsea")


@pytest.fixture(scope="module")
def dataset(app: App, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Real photographs, one of them under a name that attacks."""
    folder = tmp_path_factory.mktemp("photos")
    for name in NAMES:
        photo(name, folder)
    (folder / "chelsea.jpg").rename(folder / EVIL.replace("/", "_"))
    ident = store.create(app.ws, "photos").id
    transfer.import_paths(app.ws, ident, [folder])
    values = {"base_url": "https://vision.example.com/v1", "model": "m"}
    profiles.save_profile(app.ws, "Far away", "openai_compatible", values, profile_id="far")
    return ident


@pytest.fixture(autouse=True)
def _undecided(app: App, dataset: str) -> None:
    """What a test, or its first try, has cropped and decided is open again; what was found stays."""
    items = store.items(app.ws, dataset)
    proposals.reset(app.ws, dataset, items)
    for target in ("512x512", "3:4"):
        proposals.decide(app.ws, dataset, crops.parse_target(target), {item.id: ("open", None) for item in items})


def aim(page: Page, target: str) -> None:
    """Choose a target and wait for its crops: those of another one stand there until then."""
    with page.expect_response(lambda answer: "/offers" in answer.url and quote(target) in answer.url):
        page.locator(".vw-crop-target").select_option(target)
    expect(page.locator(".vw-crop-tile")).to_have_count(4)


def square(tile: Locator) -> bool:
    box = tile.locator(".vw-crop-frame").bounding_box()
    return box is not None and abs(box["width"] - box["height"]) < 2


def opened(open_page: OpenPage, **details: object) -> Page:
    page = open_page(tab="datasets", **details)
    page.locator("#view_crop-button").click()
    expect(page.locator(".vw-crop-find")).to_be_visible()
    return page


def tile(page: Page, name: str) -> Locator:
    return page.locator(".vw-crop-tile", has=page.locator("b", has_text=name))


def crop_of(app: App, dataset: str, name: str) -> tuple[int, ...] | None:
    return next(item.crop for item in store.items(app.ws, dataset) if item.name == name)


def test_subjects_are_found_and_every_crop_is_shown(app: App, open_page: OpenPage, dataset: str) -> None:
    page = opened(open_page)
    expect(page.locator(".vw-crop-where")).to_have_text("Nothing leaves this machine.")
    page.locator(".vw-crop-by").select_option("vision:far")
    expect(page.locator(".vw-crop-where")).to_have_text("Pictures are sent to vision.example.com.")
    page.locator(".vw-crop-by").select_option("auto")
    page.locator(".vw-crop-target").select_option("512x512")
    page.locator(".vw-crop-find").click()
    expect(page.locator(".vw-crop-tile")).to_have_count(4, timeout=90_000)
    expect(tile(page, EVIL)).to_be_visible()
    expect(tile(page, "astronaut")).to_contain_text("needs no crop")
    expect(tile(page, "coffee")).to_contain_text("enlarged")
    until(page, lambda: square(tile(page, "coffee")))


def test_a_crop_is_dragged_accepted_applied_and_undone(app: App, open_page: OpenPage, dataset: str) -> None:
    page = opened(open_page)
    aim(page, "512x512")
    tile(page, "rocket").locator(".vw-crop-open").click()
    frame, stage = page.locator(".vw-crop-dialog .vw-crop-frame"), page.locator(".vw-crop-stage")
    expect(frame).to_be_focused()
    start, room = frame.bounding_box(), stage.bounding_box()
    assert start and room
    page.mouse.move(start["x"] + start["width"] / 2, start["y"] + start["height"] / 2)
    page.mouse.down()
    page.mouse.move(room["x"] - 500, room["y"] + 5, steps=4)
    page.mouse.up()
    moved = frame.bounding_box()
    assert moved and abs(moved["x"] - room["x"]) < 2, "it stops at the picture's edge"
    page.mouse.move(moved["x"] + moved["width"] - 3, moved["y"] + moved["height"] - 3)
    page.mouse.down()
    page.mouse.move(moved["x"] + moved["width"] * 0.6, moved["y"] + moved["height"] * 0.6, steps=4)
    page.mouse.up()
    small = frame.bounding_box()
    assert small and small["width"] < moved["width"] * 0.7 and abs(small["width"] - small["height"]) < 3
    expect(page.locator(".vw-crop-facts")).to_contain_text("enlarged")
    page.keyboard.press("ArrowRight")
    shifted = frame.bounding_box()
    assert shifted and shifted["x"] > small["x"]
    page.locator(".vw-crop-accept").click()
    expect(page.locator(".vw-crop-dialog")).to_be_hidden()

    tile(page, "coffee").locator(".vw-crop-pass").click()
    expect(tile(page, "coffee")).to_contain_text("skipped")
    page.locator(".vw-crop-apply").click()
    expect(page.locator(".vw-notice", has_text="Cropped 2 pictures.")).to_be_visible()
    made = crop_of(app, dataset, "rocket.jpg")
    assert made and made[2] == made[3] and made[2] < 300 and crop_of(app, dataset, "coffee.jpg") is None
    expect(tile(page, "rocket")).to_contain_text("cropped")
    page.locator(".vw-notice .vw-link", has_text="Undo").click()
    expect(page.locator(".vw-notice", has_text="Taken back: 2.")).to_be_visible()
    assert crop_of(app, dataset, "rocket.jpg") is None


def test_keys_accept_and_skip_and_crops_are_taken_back(app: App, open_page: OpenPage, dataset: str) -> None:
    page = opened(open_page, width=800)
    aim(page, "3:4")
    page.locator(".vw-crop-open").first.click()
    expect(page.locator(".vw-crop-dialog")).to_be_visible()
    first = page.locator(".vw-crop-title").inner_text()
    page.keyboard.press("s")
    expect(page.locator(".vw-crop-title")).not_to_have_text(first)
    second = page.locator(".vw-crop-title").inner_text()
    page.keyboard.press("Enter")
    expect(page.locator(".vw-crop-title")).not_to_have_text(second)
    page.keyboard.press("Escape")
    expect(tile(page, first)).to_contain_text("skipped")
    page.locator(".vw-crop-apply").click()
    expect(page.locator(".vw-notice", has_text="Cropped 3 pictures.")).to_be_visible()
    page.locator(".vw-crop-reset").click()
    expect(page.locator(".vw-notice", has_text="Took back 3 crops")).to_be_visible()
    assert all(item.crop is None for item in store.items(app.ws, dataset))


def test_a_wrong_size_is_said_and_chinese_is_complete(open_page: OpenPage, dataset: str, app: App) -> None:
    page = opened(open_page, language="zh-CN", dark=True)
    expect(page.locator(".vw-crop-find")).to_have_text("查找主体")
    page.locator(".vw-crop-target").select_option("")
    page.locator(".vw-crop-size").fill("huge")
    page.locator(".vw-crop-size").press("Enter")
    expect(page.locator(".vw-notice.is-bad")).to_contain_text("不是有效的目标")
    page.locator(".vw-crop-size").fill("16:9")
    page.locator(".vw-crop-size").press("Enter")
    expect(page.locator(".vw-crop-tile")).to_have_count(4)
