"""Clips in the gallery: length on the tile, facts, playing in the page, and what is shown when the browser cannot play."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tagtrainer.datasets import store, transfer
from tests import clips
from tests.browser.conftest import App, OpenPage

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module", autouse=True)
def dataset(app: App, tmp_path_factory: pytest.TempPathFactory) -> str:
    inbox = tmp_path_factory.mktemp("clips")
    clips.clip(inbox / "a walk.webm", 60, 15, (320, 180), black=3)
    clips.clip(inbox / "b old.avi", 30, 15, (320, 180), seed=2)
    clips.clip(inbox / "c moving.gif", 20, 10, (160, 90), seed=3)
    made = store.create(app.ws, "Clips", kind="video").id
    assert transfer.import_paths(app.ws, made, [Path(inbox)]).added == 3
    return made


def test_clip_plays(open_page: OpenPage) -> None:
    page = open_page(tab="datasets")
    tile = page.locator(".gl-tile").first
    expect(tile).to_have_attribute("data-clip", "0:04")
    tile.click()
    expect(page.locator(".gl-facts")).to_contain_text("320 × 180 · 4.0 s · 15 frames a second · 60 frames · WEBM")
    player = page.locator("video.gl-clip")
    expect(player).to_be_visible()
    assert player.evaluate("node => [node.muted, node.loop, node.preload, node.paused]") == [True, True, "none", True]
    player.evaluate("node => node.play()")
    page.wait_for_function("() => document.querySelector('video.gl-clip').currentTime > 0.3")


def test_parts_of_a_clip_are_served(app: App, open_page: OpenPage, dataset: str) -> None:
    page = open_page(tab="datasets")
    item = store.items(app.ws, dataset)[0]
    url = f"{app.url}/api/video/{dataset}/clip/{item.id}"
    part = page.request.get(url, headers={"Range": "bytes=4-19"})
    original = store.media_path(app.ws, dataset, item.id).read_bytes()
    assert (part.status, part.body()) == (206, original[4:20])
    assert part.headers["content-type"] == "video/webm"
    assert part.headers["content-range"] == f"bytes 4-19/{len(original)}"
    assert page.request.get(url, headers={"Range": f"bytes={len(original)}-"}).status == 416
    assert page.request.get(f"{app.url}/api/video/{dataset}/clip/nothing-00000000").status == 404


def test_unplayable_clip_shows_its_strip(open_page: OpenPage) -> None:
    page = open_page(tab="datasets", language="zh-CN", dark=True)
    page.locator(".gl-tile").nth(1).click()
    expect(page.locator(".gl-instead")).to_contain_text("浏览器不能播放")
    page.wait_for_function("() => document.querySelector('.gl-instead img').naturalWidth === 1280")
    page.locator(".gl-tile").nth(2).click()
    expect(page.locator(".gl-instead")).to_be_hidden()
    page.wait_for_function("() => document.querySelector('.gl-large').src.includes('/video/')")
