"""The clean view in a real browser: look for copies as a job, move the slider, decide, remove, undo; lists of weak pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tagtrainer.datasets import store, transfer
from tagtrainer.datasets.curation import measuring
from tests import pictures
from tests.browser.conftest import App, OpenPage, fits
from tests.copies import cropped, recompressed, resized
from tests.photographs import photographs
from tests.test_quality import framed

pytestmark = pytest.mark.browser
EVIL = "<img src=x onerror=pwned()> ${pwned()} {{value}}"


def made(folder: Path) -> Path:
    """Two groups of copies, one with a name that attacks; a picture with bars, one compressed to pieces."""
    photos = photographs()
    photos["coffee"].save(folder / f"{EVIL}.jpg", quality=95)
    resized(0.5)(photos["coffee"]).save(folder / "coffee half.jpg", quality=90)
    cropped(0, 0.08, 0, 0)(photos["coffee"]).save(folder / "coffee top.jpg", quality=90)
    photos["chelsea"].save(folder / "chelsea.jpg", quality=95)
    recompressed(40)(photos["chelsea"]).save(folder / "chelsea again.jpg", quality=80)
    photos["astronaut"].save(folder / "astronaut.jpg", quality=10)
    framed(photos["camera"], (0, 0, 0)).save(folder / "bars.png")
    return folder


def new_dataset(app: App, folder: Path, name: str) -> str:
    folder.mkdir(parents=True)
    dataset = store.create(app.ws, name).id
    transfer.import_paths(app.ws, dataset, [made(folder)])
    return dataset


def opened(open_page: OpenPage, **details: object) -> Page:
    page = open_page(tab="datasets", **details)
    page.locator("#view_clean-button").click()
    expect(page.locator(".vw-clean-copies .vw-clean-find")).to_be_visible()
    return page


def tile(page: Page, name: str) -> Locator:
    return page.locator(".vw-clean-tile:visible", has=page.locator("b", has_text=name))


def names(app: App, dataset: str) -> set[str]:
    return {item.name for item in store.items(app.ws, dataset)}


def slide(page: Page, where: str, value: int) -> None:
    page.locator(where).evaluate("(box, to) => { box.value = to; box.dispatchEvent(new Event('input')); }", value)


def test_copies_are_found_decided_on_removed_and_brought_back(app: App, open_page: OpenPage, tmp_path: Path) -> None:
    dataset = new_dataset(app, tmp_path / "a", "copies")
    page = opened(open_page)
    copies = page.locator(".vw-clean-copies")
    expect(copies.locator(".vw-clean-known")).to_have_text("7 of 7 not looked at yet")
    copies.locator(".vw-clean-find").click()
    expect(copies.locator(".vw-clean-group")).to_have_count(2, timeout=90_000)
    expect(copies.locator(".vw-clean-known")).to_have_text("All 7 looked at")
    expect(copies.locator(".vw-clean-number")).to_have_text("2 groups, 3 more than needed")
    slide(page, ".vw-clean-distance", 4)
    expect(copies.locator(".vw-clean-number")).to_have_text("2 groups, 2 more than needed")
    expect(tile(page, "coffee top")).to_have_count(0)
    slide(page, ".vw-clean-distance", 12)
    expect(tile(page, EVIL)).to_contain_text("keep")
    expect(copies.locator(".vw-clean-remove")).to_have_text("Remove 3")

    tile(page, "coffee top").locator(".vw-clean-face").click()  # this one shall stay
    expect(tile(page, "coffee top")).to_contain_text("keep")
    expect(copies.locator(".vw-clean-remove")).to_have_text("Remove 2")
    tile(page, "chelsea.jpg").locator(".vw-clean-look").click()
    expect(page.locator(".vw-clean-large")).to_contain_text("chelsea.jpg")
    page.locator(".vw-clean-large").click()
    copies.locator(".vw-clean-remove").click()
    expect(page.locator(".vw-notice:visible")).to_contain_text("2 moved to the trash")
    assert names(app, dataset) == {f"{EVIL}.jpg", "coffee top.jpg", "chelsea.jpg", "astronaut.jpg", "bars.png"}
    page.locator(".vw-notice:visible .vw-link", has_text="Undo").click()
    expect(copies.locator(".vw-clean-remove")).to_have_text("Remove 3")
    assert len(names(app, dataset)) == 7


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipe to hold a job with")
def test_a_job_is_stopped_from_the_page_and_goes_on_later(app: App, open_page: OpenPage, tmp_path: Path) -> None:
    """The preview of the last picture is a pipe that nobody writes to: the job is at work until it is stopped."""
    for number in range(measuring.AT_ONCE + 6):
        pictures.jpeg(tmp_path / "many" / f"{number:03d}.jpg", number, (96 + number, 80))
    dataset = store.create(app.ws, "many").id
    transfer.import_paths(app.ws, dataset, [tmp_path / "many"])
    held = store.preview_path(app.ws, dataset, store.items(app.ws, dataset)[-1].id)
    held.replace(tmp_path / "preview")
    os.mkfifo(held)
    page = opened(open_page)
    copies, job = page.locator(".vw-clean-copies"), page.locator(".vw-clean-job .vw-job")
    expect(copies.locator(".vw-clean-known")).to_have_text("70 of 70 not looked at yet")
    copies.locator(".vw-clean-find").click()
    expect(job).to_contain_text("64 of 70", timeout=90_000)
    expect(copies.locator(".vw-clean-find")).to_be_hidden()
    job.locator("button", has_text="Stop").click()
    expect(page.locator(".vw-notice", has_text="Stopped. What was looked at until then is kept.")).to_be_visible(
        timeout=60_000
    )
    expect(job).to_be_hidden()
    expect(copies.locator(".vw-clean-known")).to_have_text("6 of 70 not looked at yet")

    held.unlink()
    (tmp_path / "preview").replace(held)
    copies.locator(".vw-clean-find").click()
    expect(copies.locator(".vw-clean-known")).to_have_text("All 70 looked at", timeout=90_000)


def test_weak_pictures_are_listed_flagged_cut_and_removed(app: App, open_page: OpenPage, tmp_path: Path) -> None:
    dataset = new_dataset(app, tmp_path / "b", "weak")
    page = opened(open_page)
    page.locator(".vw-clean-section[data-section=quality]").click()
    weak = page.locator(".vw-clean-quality")
    weak.locator(".vw-clean-find").click()
    compressed = weak.locator("[data-list=compressed]")
    expect(compressed.locator("small")).to_have_text("1", timeout=90_000)
    compressed.click()
    expect(tile(page, "astronaut")).to_contain_text("quality")
    slide(page, ".vw-clean-threshold", 2)
    expect(weak.locator(".vw-clean-none")).to_have_text("No picture is that heavily compressed.")
    slide(page, ".vw-clean-threshold", 50)
    tile(page, "astronaut").locator(".vw-clean-face").click()
    weak.locator(".vw-clean-flag").click()
    expect(page.locator(".vw-notice:visible")).to_contain_text("1 flagged")
    assert [item.name for item in store.items(app.ws, dataset) if item.flagged] == ["astronaut.jpg"]

    weak.locator("[data-list=borders]").click()
    weak.locator(".vw-clean-all").click()
    weak.locator(".vw-clean-cut").click()
    expect(page.locator(".vw-notice:visible")).to_contain_text("Borders cut off: 1")
    expect(weak.locator(".vw-clean-known")).to_have_text("1 of 7 not looked at yet")
    assert next(item for item in store.items(app.ws, dataset) if item.name == "bars.png").crop

    weak.locator("[data-list=small]").click()
    expect(weak.locator("[data-list=small] small")).to_have_text("7")
    weak.locator(".vw-clean-side").fill("310")
    expect(weak.locator("[data-list=small] small")).to_have_text("3")
    weak.locator(".vw-clean-all").click()
    tile(page, "coffee half").locator(".vw-clean-face").click()
    weak.locator(".vw-clean-remove").click()
    expect(page.locator(".vw-notice:visible")).to_contain_text("2 moved to the trash")
    assert {"chelsea.jpg", "chelsea again.jpg"}.isdisjoint(names(app, dataset))
    page.locator(".vw-notice:visible .vw-link", has_text="Undo").click()
    expect(weak.locator("[data-list=small] small")).to_have_text("3")


def test_it_speaks_chinese_and_fits_a_narrow_window(app: App, open_page: OpenPage, tmp_path: Path) -> None:
    new_dataset(app, tmp_path / "c", "narrow")
    page = opened(open_page, language="zh-CN", dark=True, width=800)
    expect(page.locator(".vw-clean-copies .vw-clean-find")).to_have_text("查找重复图片")
    fits(page, 800)
