"""The History view in a real browser and its verbs: what a change did, undo and redo, also after the app was killed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tagtrainer.datasets import store, transfer
from tests.browser.conftest import ROOT, App, OpenPage
from tests.pictures import jpeg

pytestmark = pytest.mark.browser


@pytest.fixture
def dataset(app: App, tmp_path: Path) -> str:
    folder = tmp_path / "in"
    folder.mkdir()
    for n in range(50):
        jpeg(folder / f"p{n:02d}.jpg", n)
        (folder / f"p{n:02d}.txt").write_text(f"an old boat {n}, <b>soft</b> light", "utf-8")
    ident = store.create(app.ws, "history").id
    transfer.import_paths(app.ws, ident, [folder])
    return ident


def texts(app: App, dataset: str) -> list[str]:
    return [store.caption(app.ws, dataset, item.id) for item in store.items(app.ws, dataset)]


def history(open_page: OpenPage, language: str = "en", width: int = 1440) -> Page:
    page = open_page(language, width=width)
    expect(page.locator(".gl-tile").first).to_be_visible()
    page.locator("#view_history-button").click()
    return page


def command(app: App, *words: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "tagtrainer", "--workspace", str(app.ws.root), "--json", "dataset", *words],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def test_a_bulk_change_is_shown_undone_and_redone_across_a_kill(open_page: OpenPage, app: App, dataset: str) -> None:
    before = texts(app, dataset)
    changed = {item.id: before[n].replace("old", "golden 新的") for n, item in enumerate(store.items(app.ws, dataset))}
    store.write_captions(app.ws, dataset, changed, who="user", title="Replaced “old”")
    store.write_captions(app.ws, dataset, {next(iter(changed)): "by hand"}, who="user", title="By hand")
    page = history(open_page)
    entry = page.locator(".vw-hi-entry", has_text="Replaced “old”")
    expect(entry).to_contain_text("50 · you · Today")
    entry.locator(".vw-hi-title").click()
    row = entry.locator(".vw-hi-row").nth(1)
    expect(row.locator("del")).to_have_text("old")
    expect(row.locator("ins")).to_have_text("golden 新的")
    expect(row.locator(".vw-hi-text")).to_contain_text("<b>soft</b> light")
    expect(row.locator("img")).to_have_js_property("complete", True)
    expect(entry.locator(".vw-hi-row")).to_have_count(40)
    entry.locator(".vw-hi-rows > .vw-link").click()
    expect(entry.locator(".vw-hi-row")).to_have_count(50)
    entry.locator(".vw-hi-turn").click()
    expect(page.locator(".vw-notice")).to_contain_text("Taken back: 49. 1 were changed again since")
    expect(entry.locator(".vw-hi-mark")).to_have_text("undone")
    assert texts(app, dataset) == ["by hand", *before[1:]]
    app.kill()
    app.start()
    page = history(open_page)
    entry = page.locator(".vw-hi-entry", has_text="Replaced “old”")
    expect(entry.locator(".vw-hi-mark")).to_have_text("undone")
    entry.locator(".vw-hi-turn").click()
    expect(page.locator(".vw-notice")).to_contain_text("Brought back: 49")
    assert texts(app, dataset)[1:] == list(changed.values())[1:]


def test_flags_crops_and_deletions_are_said_in_words(open_page: OpenPage, app: App, dataset: str) -> None:
    first, second, third = (item.id for item in store.items(app.ws, dataset)[:3])
    change = {first: {"crop": [1, 2, 30, 40]}, second: {"flagged": True, "repeats": 3}}
    store.change_items(app.ws, dataset, change, who="user", title="Several things")
    store.delete_items(app.ws, dataset, [third])
    page = history(open_page, "zh-CN", 800)
    several = page.locator(".vw-hi-entry", has_text="Several things")
    several.locator(".vw-hi-title").click()
    expect(several.locator(".vw-hi-text")).to_have_text(
        ["裁剪：整张图片 → 30 × 40，起点 1, 2", "已标记 · 重复次数 1 → 3"]
    )
    gone = page.locator(".vw-hi-entry").first
    gone.locator(".vw-hi-title").click()
    expect(gone.locator(".vw-hi-row")).to_contain_text("已移到回收站")
    gone.locator(".vw-hi-turn").click()
    expect(page.locator(".vw-notice")).to_contain_text("已撤销 1 项")
    assert len(store.items(app.ws, dataset)) == 50


def test_the_command_line_lists_undoes_and_redoes(app: App, dataset: str) -> None:
    item = store.items(app.ws, dataset)[5].id
    store.write_captions(app.ws, dataset, {item: "for the command line"}, who="user", title="One")
    entry = command(app, "history", dataset)["entries"][0]
    assert (entry["title"], entry["count"], entry["undone"]) == ("One", 1, False)
    rows = command(app, "history", dataset, "--entry", entry["id"])["rows"]
    assert [row["new"] for row in rows] == ["for the command line"]
    assert command(app, "undo", dataset)["changed"] == 1
    assert store.caption(app.ws, dataset, item) == rows[0]["old"]
    assert command(app, "redo", dataset, entry["id"])["changed"] == 1
    assert store.caption(app.ws, dataset, item) == "for the command line"
