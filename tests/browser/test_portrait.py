"""The portrait pipeline in a real browser: what it says before, what every stage did, the zip, and taking it all back."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tagtrainer.captioning import profiles
from tagtrainer.datasets import index, store, transfer
from tagtrainer.workspace import open_workspace
from tests.browser.conftest import App, OpenPage

pytestmark = pytest.mark.browser


@pytest.fixture  # one for each test: a test that is run again must find its pictures as they were
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app with six pictures, two of them again."""
    ws, folder = open_workspace(tmp_path_factory.mktemp("portrait") / "workspace"), tmp_path_factory.mktemp("raw")
    for number in range(6):
        noise = np.random.default_rng(number).integers(0, 256, (9, 12, 3), dtype=np.uint8)
        whole = Image.fromarray(noise).resize((640, 480), Image.Resampling.BICUBIC)
        whole.save(folder / f"shot {number}.jpg", quality=95)
        if number < 2:
            whole.resize((320, 240)).save(folder / f"copy {number}.jpg", quality=60)
    transfer.import_paths(ws, store.create(ws, "Anna").id, [folder])
    profiles.save_profile(ws, "Far", "openai_compatible", {"base_url": "https://far.example/v1"}, profile_id="far")
    running = App(ws).start()
    yield running
    running.stop()


def test_one_click_one_zip_one_undo(open_page: OpenPage, app: App, tmp_path: Path) -> None:
    page = open_page(tab="datasets")
    page.locator("#view_portrait-button").click()
    where = page.locator(".vw-where")
    expect(where).to_have_text("Nothing leaves this machine.", timeout=60_000)
    page.locator(".vw-profile").select_option("far")
    expect(where).to_have_text("Pictures are sent to far.example.")
    page.locator(".vw-profile").select_option("template")
    page.locator(".vw-by").select_option("saliency")
    page.locator(".vw-stages input[value=faces]").uncheck()
    page.locator(".vw-target").fill("256x256")
    page.locator(".vw-portrait .vw-start").click()
    pack = page.locator(".vw-stage[data-stage=pack]")
    expect(pack).to_be_visible(timeout=90_000)
    dropped = page.locator(".vw-stage[data-stage=duplicates]")
    expect(dropped).to_contain_text("8 in → 6 out")
    expect(dropped.locator("li")).to_have_count(2)
    expect(dropped.locator("li").first).to_contain_text("shot 0.jpg")
    expect(page.locator(".vw-stage")).to_have_count(5)
    with page.expect_download() as waiting:
        page.locator(".vw-zip").click()
    waiting.value.save_as(tmp_path / "set.zip")
    with zipfile.ZipFile(tmp_path / "set.zip") as packed:
        assert len([name for name in packed.namelist() if name.endswith(".jpg")]) == 6
    page.reload()
    expect(page.locator(".vw-stage[data-stage=pack]")).to_be_visible()
    page.locator(".vw-undo").click()
    expect(page.locator(".vw-portrait > .vw-notice")).to_contain_text("Taken back")
    index.sync(app.ws, "anna")
    items = store.items(app.ws, "anna")
    assert len(items) == 8 and not any(item.crop or item.has_caption for item in items)


def test_in_chinese_and_with_a_target_that_is_none(open_page: OpenPage) -> None:
    page = open_page("zh-CN", dark=True, width=800, tab="datasets")
    page.evaluate("document.getElementById('view_portrait-button').click()")  # may stand in the menu of a narrow page
    expect(page.locator(".vw-where")).to_have_text("所有数据都留在本机。", timeout=60_000)
    page.locator(".vw-source").fill("photos")
    page.locator(".vw-portrait .vw-start").click()
    expect(page.locator(".vw-portrait > .vw-notice.is-bad")).to_contain_text("photos")
    page.locator(".vw-source").fill("")
    page.locator(".vw-target").fill("圆形")
    page.locator(".vw-portrait .vw-start").click()
    expect(page.locator(".vw-job.is-bad")).to_contain_text("圆形", timeout=60_000)
