"""The manage view in a real browser: a zip that opens, a folder, duplicate, merge, split, the trash, deleted datasets."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tagtrainer.datasets import store, transfer
from tests.browser.conftest import App, OpenPage, turn_to
from tests.pictures import jpeg

pytestmark = pytest.mark.browser
EVIL = "<img src=x onerror=pwned()> ${pwned()} {{value}}"


def made(app: App, folder: Path, seeds: range, words: str = "caption", name: str = "") -> str:
    """A dataset of captioned pictures p<seed>.jpg."""
    for seed in seeds:
        jpeg(folder / f"p{seed}.jpg", seed).with_suffix(".txt").write_text(f"{words} {seed} {EVIL}", "utf-8")
    dataset = store.create(app.ws, name or folder.name).id
    transfer.import_paths(app.ws, dataset, [folder])
    return dataset


def shown(page: Page, dataset: str) -> Page:
    """The manage view of a dataset."""
    turn_to(page, dataset)
    page.locator("#tab_datasets-button").click()
    page.locator("#view_manage-button").click()
    expect(page.locator(".vw-manage-total")).not_to_be_empty()
    return page


def texts(app: App, dataset: str) -> dict[str, str]:
    return {item.name: store.caption(app.ws, dataset, item.id) for item in store.items(app.ws, dataset)}


def names(app: App) -> dict[str, str]:
    return {meta.name: meta.id for meta in store.list_all(app.ws)}


def test_an_export_is_downloaded_and_opens(open_page: OpenPage, app: App, tmp_path: Path) -> None:
    dataset = made(app, tmp_path / "pack", range(4))
    page = shown(open_page(), dataset)
    page.locator(".vw-manage-go").click()
    link = page.locator(".vw-manage-download")
    expect(link).to_be_visible(timeout=60_000)
    with page.expect_download() as coming:
        link.click()
    coming.value.save_as(tmp_path / "got.zip")
    assert coming.value.suggested_filename == "pack.zip"
    with zipfile.ZipFile(tmp_path / "got.zip") as archive:
        assert archive.testzip() is None
        assert {"p0.jpg", "p0.txt", "p3.jpg", "metadata.jsonl", "dataset.json"} <= set(archive.namelist())
        assert archive.read("p2.txt").decode() == f"caption 2 {EVIL}"
    page.reload()
    expect(link).to_be_visible()  # it lies ready for a day


def test_an_export_to_a_folder_never_writes_over_anything(open_page: OpenPage, app: App, tmp_path: Path) -> None:
    dataset = made(app, tmp_path / "out", range(10, 13))
    page = shown(open_page(), dataset)
    page.locator("input[name=vw_manage_where][value=folder]").check()
    page.locator(".vw-manage-layout").select_option("kohya")
    path = page.locator(".vw-manage-path")
    path.fill(str(tmp_path / "nowhere" / "x"))
    page.locator(".vw-manage-go").click()
    expect(page.get_by_role("alert")).to_contain_text("does not exist")
    path.fill(str(tmp_path / "written"))
    page.locator(".vw-manage-export input[value=filter]").check()
    page.locator(".vw-manage-export .vw-manage-filter").fill('"caption 11"')
    page.locator(".vw-manage-go").click()
    expect(page.locator(".vw-manage-done code")).to_have_text(str(tmp_path / "written"), timeout=60_000)
    assert [p.name for p in (tmp_path / "written" / "1_out").iterdir() if p.suffix == ".jpg"] == ["p11.jpg"]
    page.locator(".vw-manage-go").click()  # a folder that is there by now: into it
    expect(page.locator(".vw-manage-done code")).to_have_text(str(tmp_path / "written" / "out"), timeout=60_000)
    page.locator(".vw-manage-go").click()
    expect(page.get_by_role("alert")).to_contain_text("never writes over")


def test_duplicate_and_open_it(open_page: OpenPage, app: App, tmp_path: Path) -> None:
    name = f"first {EVIL} {tmp_path.name}"
    dataset = made(app, tmp_path / "first", range(20, 23), name=name)
    page = shown(open_page(), dataset)
    page.locator(".vw-manage-duplicate button[type=submit]").click()
    notice = page.locator(".vw-manage > .vw-notice")
    expect(notice).to_contain_text(f"{name} (copy)", timeout=60_000)
    page.locator(".vw-manage-open").click()
    expect(page.locator("#datasets_pick input")).to_have_value(f"{name} (copy)")
    assert texts(app, names(app)[f"{name} (copy)"]) == texts(app, dataset)


def test_merge_shows_both_captions_and_is_undone(open_page: OpenPage, app: App, tmp_path: Path) -> None:
    ours = made(app, tmp_path / "ours", range(30, 33))
    theirs = made(app, tmp_path / "theirs", range(32, 35), "other")
    before = texts(app, ours)
    page = shown(open_page(), ours)
    page.locator(".vw-manage-source").select_option(theirs)
    page.locator(".vw-manage-merge-go").click()
    notice = page.locator(".vw-manage > .vw-notice")
    expect(notice).to_contain_text("2 items came in, 1 were in both", timeout=60_000)
    expect(page.locator(".vw-manage-conflicts")).to_contain_text(f"other 32 {EVIL}")
    assert len(texts(app, ours)) == 5
    notice.get_by_text("Undo").click()
    expect(notice).to_contain_text("Taken back")
    assert texts(app, ours) == before


def test_split_the_selection_off(open_page: OpenPage, app: App, tmp_path: Path) -> None:
    dataset, part = made(app, tmp_path / "whole", range(40, 45)), f"part {tmp_path.name}"
    page = shown(open_page(), dataset)
    page.locator("#view_pictures-button").click()
    page.locator(".gl-tile[data-index='1']").click()
    page.locator(".gl-tile[data-index='2']").click(modifiers=["Shift"])
    expect(page.locator(".gl-selection > span")).to_have_text("2 selected")
    page.wait_for_function("id => sessionStorage.getItem('tagtrainer.selection.' + id)", arg=dataset)
    page.locator("#view_manage-button").click()
    split = page.locator(".vw-manage-split")
    expect(split.locator(".vw-manage-selection")).to_have_text("The 2 selected in the gallery")
    split.locator("input[value=items]").check()
    split.locator(".vw-manage-split-name").fill(part)
    split.locator(".vw-manage-move").check()
    page.locator(".vw-manage-split-go").click()
    expect(page.locator(".vw-manage > .vw-notice")).to_contain_text("2 items moved", timeout=60_000)
    assert sorted(texts(app, names(app)[part])) == ["p41.jpg", "p42.jpg"]
    assert sorted(texts(app, dataset)) == ["p40.jpg", "p43.jpg", "p44.jpg"]
    expect(page.locator(".vw-manage-tile")).to_have_count(2)


def test_the_trash_and_deleted_datasets(open_page: OpenPage, app: App, tmp_path: Path) -> None:
    name = f"gone {tmp_path.name}"  # a test may be run once more in the same workspace
    gone = made(app, tmp_path / "gone", range(60, 62), name=name)
    store.delete(app.ws, gone)
    dataset = made(app, tmp_path / "trash", range(50, 56))
    store.delete_items(app.ws, dataset, [item.id for item in store.items(app.ws, dataset)][:4])
    page = shown(open_page(), dataset)
    tiles, lying = page.locator(".vw-manage-tile"), page.locator(".vw-manage-lying")
    expect(tiles).to_have_count(4)
    expect(tiles.first.locator("img")).to_have_js_property("complete", True)
    tiles.nth(1).click()
    page.get_by_role("button", name="Restore 1").click()
    expect(tiles).to_have_count(3)
    tiles.nth(0).click()
    page.locator(".vw-manage-empty").click()
    expect(page.locator(".vw-manage-ask")).to_contain_text("Delete 1 pictures for good?")
    page.locator(".vw-manage-no").click()
    assert store.stats(app.ws, dataset).trash == 3
    page.locator(".vw-manage-empty").click()
    page.locator(".vw-manage-yes").click()
    expect(lying).to_have_text("2 items")
    page.locator(".vw-manage-restore").click()
    expect(lying).to_have_text("Empty.")
    assert store.stats(app.ws, dataset).count == 5
    row = page.locator(".vw-manage-deleted tr", has_text=name)
    row.get_by_text("Delete for good …").click()
    row.get_by_role("button", name="Keep").click()
    row.get_by_text("Restore").click()
    expect(page.locator(".vw-manage > .vw-notice")).to_contain_text(f"“{name}” is back")
    assert len(texts(app, names(app)[name])) == 2


def test_an_import_says_what_it_took_from_beside(open_page: OpenPage, app: App, tmp_path: Path) -> None:
    jpeg(tmp_path / "in" / "10_red fox" / "a.jpg", 80).with_suffix(".txt").write_text("own", "utf-8")
    (tmp_path / "in" / "list.jsonl").write_text('{"image_path": "../../etc/passwd", "caption": "x"}', "utf-8")
    dataset = store.create(app.ws, f"took {tmp_path.name}").id
    page = open_page()
    turn_to(page, dataset)
    page.locator(".gl-path").fill(str(tmp_path / "in"))
    page.locator(".gl-path-go").click()
    report = page.locator(".gl-report")
    expect(report).to_contain_text("1 captions from .txt files", timeout=60_000)
    expect(report).to_contain_text("1 repeat counts from folder names")
    expect(report).to_contain_text("leads out of what is being imported")


def test_addresses_cannot_lead_out(open_page: OpenPage, app: App, tmp_path: Path) -> None:
    dataset = made(app, tmp_path / "safe", range(70, 71))
    (app.ws.runtime / "exports" / "page").mkdir(parents=True, exist_ok=True)
    (app.ws.root / "secret.zip").write_text("secret", "utf-8")
    page = open_page()
    for path in (
        f"manage/{dataset}/download/..%2f..%2f..%2f..",
        f"manage/{dataset}/download/%2e%2e",
        f"manage/{dataset}/trash/preview/..%2f..%2fmetadata",
        "manage/..%2f..%2fruntime/trash",
    ):
        status, text = page.evaluate(
            "async (path) => { const r = await fetch(tagtrainer.url(path)); return [r.status, await r.text()]; }", path
        )
        assert 400 <= status < 500 and "secret" not in text.replace("secret.zip", ""), (path, status, text)
