"""The faces view in a real browser, with OpenCV's Haar files: find, see why, spare one, remove the rest, bring it back."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image, ImageEnhance
from playwright.sync_api import Page, expect

from tagtrainer.datasets import store, transfer
from tests.browser.conftest import App, OpenPage
from tests.faces import photo

pytestmark = pytest.mark.browser
pytest.importorskip("cv2")
EVIL = "<img src=x onerror=pwned()> ${pwned()} {{value}}.png"


@pytest.fixture
def dataset(app: App, tmp_path_factory: pytest.TempPathFactory) -> str:
    """One real portrait three times in different light, and two pictures without a face."""
    folder: Path = tmp_path_factory.mktemp("faces")
    for name in ("coffee", "rocket"):
        photo(name, folder)
    with Image.open(photo("astronaut", tmp_path_factory.mktemp("whole"))) as picture:
        for name, bright in (("one.png", 1.0), ("two.png", 1.05), (EVIL, 0.96)):
            ImageEnhance.Brightness(picture).enhance(bright).save(folder / name)
    ident = store.create(app.ws, "portraits").id
    transfer.import_paths(app.ws, ident, [folder])
    return ident


def opened(open_page: OpenPage, **details: object) -> Page:
    page = open_page(tab="datasets", **details)
    page.locator("#view_faces-button").click()
    expect(page.locator(".vw-faces-find")).to_be_visible()
    return page


def test_look_alikes_are_found_spared_removed_and_brought_back(app: App, open_page: OpenPage, dataset: str) -> None:
    page = opened(open_page)
    expect(page.locator(".vw-faces-empty")).to_be_visible()
    page.locator(".vw-faces-find").click()
    tiles = page.locator(".vw-faces-tile")
    expect(tiles).to_have_count(3, timeout=90_000)
    expect(page.locator(".vw-faces-left")).to_contain_text("SFace")
    expect(page.locator(".vw-faces-tile.is-gone")).to_have_count(1)
    expect(page.locator(".vw-faces-tile.is-gone small")).to_contain_text("SSIM 0.9")
    page.locator("[name=portrait_keep]").fill("1")
    page.locator("[name=portrait_keep]").press("Enter")
    expect(page.locator(".vw-faces-tile.is-gone")).to_have_count(2)
    expect(page.locator(".vw-faces-remove")).to_have_text("Remove 2")
    page.locator(".vw-faces-tile.is-gone").first.click()
    expect(page.locator(".vw-faces-remove")).to_have_text("Remove 1")
    page.locator(".vw-faces-remove").click()
    expect(page.locator(".vw-notice", has_text="Moved to the trash: 1.")).to_be_visible()
    assert len(store.items(app.ws, dataset)) == 4
    page.locator(".vw-notice .vw-link", has_text="Undo").click()
    expect(tiles).to_have_count(3)
    assert len(store.items(app.ws, dataset)) == 5


def test_models_name_their_licences_and_a_wrong_file_is_a_sentence(open_page: OpenPage, dataset: str, app: App) -> None:
    page = opened(open_page, language="zh-CN", dark=True, width=800)
    page.locator(".vw-faces-models summary").click()
    expect(page.locator(".vw-faces-weights")).to_contain_text("MIT")
    expect(page.locator(".vw-faces-weights")).to_contain_text("Apache-2.0")
    expect(page.locator(".vw-faces-download")).to_contain_text("37.1 MB")
    junk = app.ws.root / "junk.onnx"
    junk.write_bytes(b"no network")
    row = page.locator(".vw-faces-weight").first
    row.locator("input").fill(str(junk))
    row.locator("button").click()
    expect(page.locator(".vw-notice.is-bad")).to_contain_text("不能当作这个模型使用")
