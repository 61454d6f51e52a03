"""What the trainer sees, in a real browser: its numbers are the command line's, settings act at once, windows are drawn."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from playwright.sync_api import Page, expect

from tagtrainer.cli import main
from tagtrainer.datasets import store, transfer
from tests import clips, pictures
from tests.browser.conftest import App, OpenPage, turn_to

pytestmark = pytest.mark.browser
SIZES = [(1200, 800), (800, 1200), (600, 600), (1500, 500), (300, 200), (900, 1600)]


@dataclass(frozen=True)
class Sets:
    photos: str
    clips: str


@pytest.fixture(scope="module")
def sets(app: App, tmp_path_factory: pytest.TempPathFactory) -> Sets:
    place = tmp_path_factory.mktemp("media")
    for number in range(18):
        pictures.jpeg(place / "photos" / f"p{number}.jpg", number, SIZES[number % len(SIZES)])
    clips.clip(place / "clips" / "long.mp4", 90, 24, (320, 180))
    clips.clip(place / "clips" / "short.mp4", 14, 24, (320, 180), seed=2)
    photos = store.create(app.ws, "Photos").id
    moving = store.create(app.ws, "Clips", kind="video").id
    transfer.import_paths(app.ws, photos, [place / "photos"])
    transfer.import_paths(app.ws, moving, [place / "clips"])
    return Sets(photos, moving)


def opened(open_page: OpenPage, dataset: str, **details: object) -> Page:
    page = open_page(tab="datasets", **details)
    turn_to(page, dataset)
    page.locator("#view_trainer-button").click()
    return page


def answer(app: App, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    capsys.readouterr()
    assert main(["--workspace", str(app.ws.root), "--json", "dataset", "trainer", *words]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def settled(page: Page, wanted: list[int]) -> None:
    page.wait_for_function(
        "wanted => JSON.stringify([...document.querySelectorAll('.vw-trainer-figure b')]"
        ".map(node => +node.textContent.replace(/,/g, ''))) === JSON.stringify(wanted)",
        arg=wanted,
    )


def test_numbers_are_the_command_lines(
    app: App, open_page: OpenPage, sets: Sets, capsys: pytest.CaptureFixture[str]
) -> None:
    page = opened(open_page, sets.photos)
    told = answer(app, capsys, sets.photos, "--size", "1024x1024")
    settled(page, [told[name] for name in ("items", "samples", "batches", "enlarged", "cropped")])
    assert page.locator(".vw-trainer-bucket").count() == len(told["buckets"])
    page.locator("[data-side='512']").click()
    page.locator("[data-set=batch_size]").fill("4")
    page.locator("[data-set=repeats]").fill("3")
    page.locator("[data-check=enable_bucket] input").uncheck()
    told = answer(app, capsys, sets.photos, "--size", "512", "--batch", "4", "--repeats", "3", "--no-bucket")
    settled(page, [told[name] for name in ("items", "samples", "batches", "enlarged", "cropped")])
    assert told["cropped"] == 15
    tile = page.locator(".vw-trainer-cropped .vw-trainer-tile").first
    expect(tile).to_contain_text("1500 × 500 → 512 × 512")
    cut = tile.locator(".vw-trainer-cut")
    whole = tile.locator(".vw-trainer-picture")
    share = cut.bounding_box()["width"] / whole.bounding_box()["width"]
    assert abs(share - 500 / 1500) < 0.02, "the frame is as wide as what the trainer keeps"


def test_nonsense_is_said_and_mended(open_page: OpenPage, sets: Sets) -> None:
    page = opened(open_page, sets.photos, language="zh-CN", dark=True, width=800)
    expect(page.locator(".vw-trainer-figure b").first).to_have_text("18")
    page.locator("[data-set=width]").fill("0")
    expect(page.locator(".vw-trainer .vw-notice.is-bad")).to_contain_text("不能作为训练尺寸")
    page.locator("[data-set=width]").fill("768")
    expect(page.locator(".vw-trainer .vw-notice")).to_have_count(0)
    expect(page.locator(".vw-trainer-figure b").first).to_have_text("18")


def test_windows_of_clips(app: App, open_page: OpenPage, sets: Sets, capsys: pytest.CaptureFixture[str]) -> None:
    page = opened(open_page, sets.clips)
    rows = page.locator(".vw-trainer-clip")
    expect(rows).to_have_count(2)
    expect(rows.first.locator(".vw-trainer-lane s")).to_have_count(1)
    expect(rows.nth(1)).to_contain_text("too short for 25 frames")
    for way, words in (("chunk", []), ("slide", ["--stride", "10"]), ("uniform", ["--sample", "4"]), ("full", [])):
        page.locator(f"[data-way={way}]").click()
        told = answer(app, capsys, sets.clips, "--size", "960x544", "--frames", "25", "--extraction", way, *words)
        settled(page, [told[name] for name in ("items", "samples", "batches", "short")])
    page.locator("[data-way=chunk]").click()
    page.locator("[data-set=model]").select_option("wan")
    page.locator("[data-set=source_fps]").fill("24")
    told = answer(
        app, capsys, sets.clips, "--size", "960x544", "--frames", "25", "--extraction", "chunk", "--source-fps", "24",
        "--model", "wan",
    )  # fmt: skip
    assert told["samples"] == 2, "90 frames at 24 are 60 at 16"
    settled(page, [told[name] for name in ("items", "samples", "batches", "short")])
    expect(rows.first).to_contain_text("60 read")
    page.wait_for_function("() => document.querySelector('.vw-trainer-strip img').naturalWidth > 0")
