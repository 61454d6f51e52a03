"""The Datasets tab in a real browser: every way to bring pictures in, captions, selections, and text that attacks."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tagtrainer.datasets import store, transfer
from tests.browser.conftest import App, OpenPage

pytestmark = pytest.mark.browser
EVIL = "<img src=x onerror=pwned()> ${pwned()} {{value}} <script>pwned()</script>"
EVIL_NAME = EVIL.replace("/", "_") + ".jpg"


def draw(path: Path, number: int, size: tuple[int, int] = (320, 240)) -> Path:
    """A picture unlike any other of another number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", size, (number * 37 % 256, number * 91 % 256, number * 53 % 256))
    picture.putpixel((0, 0), (number % 256, number // 256, 7))
    picture.save(path, quality=92)
    return path


def new_dataset(page: Page, name: str) -> None:
    page.locator("#datasets_new").click()
    page.locator("#datasets_new_name").locator("input, textarea").fill(name)
    page.locator("#datasets_create").click()
    expect(page.locator(".gl-choose-files")).to_be_visible()
    expect(page.locator("#datasets_pick input")).to_have_value(name)


def import_path(page: Page, path: Path) -> str:
    """Import by path, wait for the end; returns what the page reports."""
    page.locator(".gl-path").fill(str(path))
    page.locator(".gl-path-go").click()
    return finished(page)


def finished(page: Page) -> str:
    report = page.locator(".gl-report")
    expect(report).to_be_visible(timeout=60_000)
    return report.inner_text()


def tile(page: Page, index: int) -> Locator:
    return page.locator(f".gl-tile[data-index='{index}']")


def fresh(name: str, tmp_path: Path) -> str:
    """A name that no other try of the test has taken."""
    return f"{name} {tmp_path.name[-12:]}"


def named(app: App, name: str) -> str:
    return next(meta.id for meta in store.list_all(app.ws) if meta.name == name)


def test_an_empty_page_says_what_to_do_and_the_sample_fills_it(open_page: OpenPage, app: App) -> None:
    for known in store.list_all(app.ws):
        store.delete(app.ws, known.id)
    page = open_page()
    expect(page.locator("#datasets_welcome")).to_be_visible()
    page.locator("#datasets_sample").click()
    expect(page.locator(".gl-count")).to_contain_text("pictures", timeout=60_000)
    expect(tile(page, 0).locator("img")).to_have_js_property("complete", True)
    expect(page.locator(".gl-large")).to_have_js_property("complete", True)
    expect(page.locator(".gl-caption")).not_to_have_value("")
    page.reload()
    expect(tile(page, 0)).to_be_visible()


def test_pictures_come_in_by_upload_by_folder_and_by_zip(open_page: OpenPage, app: App, tmp_path: Path) -> None:
    page = open_page()
    new_dataset(page, fresh("ways", tmp_path))
    files = [draw(tmp_path / "up" / f"up {n}.jpg", n) for n in range(60)]
    (tmp_path / "up" / "up 3.txt").write_text("a caption beside it", "utf-8")
    broken = tmp_path / "up" / "broken.jpg"
    broken.write_text("<html>not a picture</html>", "utf-8")
    page.locator(".gl-input-files").set_input_files([*files, tmp_path / "up" / "up 3.txt", broken])
    report = finished(page)
    assert "Pictures added: 60" in report and "broken.jpg" in report
    expect(page.locator(".gl-count")).to_contain_text("60 pictures, 1 with caption")
    page.reload()
    expect(page.locator(".gl-report")).to_contain_text("broken.jpg")  # what came of it is told until dismissed
    page.locator(".gl-report .gl-link").click()
    page.reload()
    expect(page.locator(".gl-count")).to_contain_text("60 pictures")
    expect(page.locator(".gl-report")).to_be_hidden()

    draw(tmp_path / "folder" / "deep" / "图片 🙂.png", 100)
    page.locator(".gl-toggle").click()
    assert "Pictures added: 1" in import_path(page, tmp_path / "folder")

    with zipfile.ZipFile(tmp_path / "some.zip", "w") as packed:
        packed.write(draw(tmp_path / "z.jpg", 200), "inside/z.jpg")
        packed.write(files[0], "inside/again.jpg")
        packed.writestr("../../outside.jpg", "x")
    page.locator(".gl-toggle").click()
    report = import_path(page, tmp_path / "some.zip")
    assert "Pictures added: 1" in report and "outside.jpg" in report
    expect(page.locator(".gl-count")).to_contain_text("62 pictures")
    assert store.stats(app.ws, named(app, fresh("ways", tmp_path))).count == 62
    assert not list(app.ws.root.rglob("*.part"))


@pytest.mark.crash
def test_an_import_outlives_the_app(open_page: OpenPage, app: App, tmp_path: Path) -> None:
    """kill -9 of the app while it imports: the next start shows how far it is, and then what came of it."""
    page = open_page()
    new_dataset(page, fresh("outlives", tmp_path))
    for n in range(200):
        draw(tmp_path / "many" / f"m{n:03d}.jpg", n, (1200, 900))
    page.locator(".gl-path").fill(str(tmp_path / "many"))
    page.locator(".gl-path-go").click()
    expect(page.locator(".gl-job")).to_contain_text("Importing")
    app.kill()
    app.start()
    page = open_page()
    expect(page.locator(".gl-report")).to_contain_text("Pictures added: 200", timeout=120_000)
    assert store.stats(app.ws, named(app, fresh("outlives", tmp_path))).count == 200


def test_a_path_that_is_not_there_is_a_sentence(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    new_dataset(page, fresh("nowhere", tmp_path))
    for path, words in ((str(tmp_path / "missing"), "There is nothing at"), ("pictures", "not a full path")):
        page.locator(".gl-path").fill(path)
        page.locator(".gl-path-go").click()
        expect(page.locator(".gl-report")).to_contain_text(words)
    (tmp_path / "empty").mkdir()
    assert "No pictures were found there" in import_path(page, tmp_path / "empty")
    expect(page.locator(".gl-path")).to_be_visible()  # to try another one


def test_an_empty_name_is_refused_and_another_kind_is_made(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page()
    page.locator("#datasets_new").click()
    page.locator("#datasets_create").click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("needs a name")
    page.reload()
    page.locator("#datasets_new").click()
    name = page.locator("#datasets_new_name").locator("input, textarea")
    name.fill(fresh("a video set", tmp_path))
    page.locator("#datasets_kind input").click()
    page.get_by_role("option", name="Video clips").click()
    page.locator("#datasets_create").click()
    expect(page.locator("#datasets_pick input")).to_have_value(fresh("a video set", tmp_path))


def texts(app: App, dataset: str) -> dict[str, str]:
    return {item.name: store.caption(app.ws, dataset, item.id) for item in store.items(app.ws, dataset)}


@pytest.fixture
def captioned(open_page: OpenPage, app: App, tmp_path: Path) -> tuple[Page, str]:
    """A page on a new dataset of 12 pictures; every third has no caption."""
    for n in range(12):
        draw(tmp_path / "c" / f"p{n:02d}.jpg", n)
        if n % 3:
            (tmp_path / "c" / f"p{n:02d}.txt").write_text(f"caption {n}", "utf-8")
    dataset = store.create(app.ws, fresh("captions", tmp_path)).id
    transfer.import_paths(app.ws, dataset, [tmp_path / "c"])
    page = open_page()  # the newest dataset is shown first
    expect(page.locator(".gl-count")).to_contain_text("12 pictures, 8 with caption")
    return page, dataset


def test_captions_are_saved_on_leaving_and_by_keys(captioned: tuple[Page, str], app: App) -> None:
    page, dataset = captioned
    box, name = page.locator(".gl-caption"), page.locator(".gl-name")
    tile(page, 1).click()
    expect(box).to_have_value("caption 1")
    box.fill("left by a click")
    tile(page, 4).click()
    expect(box).to_have_value("caption 4")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(name).to_have_text("p06.jpg")
    expect(tile(page, 6).locator("span")).to_have_text("no caption")
    page.keyboard.press("Enter")
    expect(box).to_be_focused()
    page.keyboard.type("by keys")
    page.keyboard.press("Control+Enter")
    expect(name).to_have_text("p07.jpg")
    expect(box).to_be_focused()
    expect(box).to_have_value("caption 7")
    expect(tile(page, 6).locator("span")).to_have_text("")
    page.keyboard.press("Control+a")
    page.keyboard.type("unsaved when the page closes")
    page.close(run_before_unload=True)
    assert texts(app, dataset)["p01.jpg"] == "left by a click" and texts(app, dataset)["p06.jpg"] == "by keys"


def test_two_tabs_do_not_overwrite_each_other(captioned: tuple[Page, str], app: App) -> None:
    page, dataset = captioned
    box = page.locator(".gl-caption")
    tile(page, 1).click()
    expect(box).to_have_value("caption 1")
    box.fill("mine")
    item = next(item.id for item in store.items(app.ws, dataset) if item.name == "p01.jpg")
    store.write_captions(app.ws, dataset, {item: f"theirs {EVIL}"}, who="user", title="another tab")
    page.locator(".gl-search").click()
    conflict = page.locator(".gl-conflict")
    expect(conflict).to_contain_text(f"theirs {EVIL}")
    expect(box).to_have_value("mine")
    assert store.caption(app.ws, dataset, item) == f"theirs {EVIL}"
    page.locator(".gl-mine").click()
    expect(conflict).to_be_hidden()
    expect(page.locator(".gl-status")).to_have_text("Saved")
    assert store.caption(app.ws, dataset, item) == "mine"


def test_changes_from_elsewhere_appear(captioned: tuple[Page, str], app: App) -> None:
    page, dataset = captioned
    first = store.items(app.ws, dataset)[0]
    expect(tile(page, 0).locator("span")).to_have_text("no caption")
    store.write_captions(app.ws, dataset, {first.id: "written by a batch"}, who="batch", title="batch")
    expect(tile(page, 0).locator("span")).to_have_text("")
    expect(page.locator(".gl-caption")).to_have_value("written by a batch")


def test_several_are_deleted_and_come_back(captioned: tuple[Page, str], app: App) -> None:
    page, dataset = captioned
    selected, count = page.locator(".gl-selection > span"), page.locator(".gl-count")
    tile(page, 2).click()
    tile(page, 5).click(modifiers=["Shift"])
    expect(selected).to_have_text("4 selected")
    tile(page, 4).click(modifiers=["Control"])
    expect(selected).to_have_text("3 selected")
    page.locator(".gl-delete").click()
    page.locator(".gl-keep").click()
    assert store.stats(app.ws, dataset).count == 12
    page.keyboard.press("Delete")
    page.locator(".gl-yes").click()
    expect(count).to_contain_text("9 pictures")
    expect(page.locator(".gl-undo")).to_contain_text("3 moved to the trash")
    assert store.stats(app.ws, dataset).count == 9
    page.locator(".gl-back").click()
    expect(count).to_contain_text("12 pictures, 8 with caption")
    page.locator(".gl-grid").focus()
    page.keyboard.press("Control+a")
    expect(selected).to_have_text("12 selected")
    page.keyboard.press("Delete")
    page.locator(".gl-yes").click()
    expect(page.locator(".gl-choose-files")).to_be_visible()
    page.reload()
    page.locator(".gl-trash").click()
    expect(count).to_contain_text("12 pictures, 8 with caption")


def test_filter_and_search(captioned: tuple[Page, str]) -> None:
    page, _ = captioned
    page.locator(".gl-filter").click()
    page.locator(".gl-f-caption").select_option("true")
    expect(page.locator(".gl-count")).to_contain_text("4 shown")
    page.locator(".gl-chip button").click()
    expect(page.locator(".gl-count")).not_to_contain_text("shown")
    page.locator(".gl-search").fill("caption 1")
    expect(page.locator(".gl-count")).to_contain_text("3 shown")  # 1, 10, 11
    page.locator(".gl-search").fill("nothing like it")
    expect(page.locator(".gl-empty")).to_have_text("No picture fits the search.")


def test_details_delete_and_undo(captioned: tuple[Page, str], app: App) -> None:
    page, dataset = captioned
    name = f"{EVIL} {dataset}"
    page.locator("#datasets_open_about").click()
    page.locator("#datasets_name").locator("input, textarea").fill(name)
    page.locator("#datasets_trigger").locator("input, textarea").fill("zwx")
    page.locator("#datasets_description textarea").fill(EVIL)
    page.locator("#datasets_save").click()
    expect(page.locator("#datasets_pick input")).to_have_value(name)
    meta = store.get(app.ws, dataset)
    assert (meta.name, meta.trigger_word, meta.description) == (name, "zwx", EVIL)
    page.locator("#datasets_delete").click()
    page.locator("#datasets_yes").click()
    expect(page.locator("#datasets_undo")).to_be_visible()
    assert dataset not in [known.id for known in store.list_all(app.ws)]
    page.locator("#datasets_back").click()
    expect(page.locator("#datasets_pick input")).to_have_value(name)
    expect(page.locator(".gl-count")).to_contain_text("12 pictures")
    assert page.evaluate("window.pwned") is None


def test_names_and_captions_are_only_ever_text(open_page: OpenPage, app: App, tmp_path: Path) -> None:
    page = open_page()
    page.add_init_script("window.hits = 0; window.pwned = () => { window.hits++; }")
    page.reload()
    new_dataset(page, fresh(f"evil {EVIL}", tmp_path))
    draw(tmp_path / "evil" / EVIL_NAME, 1)
    (tmp_path / "evil" / EVIL_NAME).with_suffix(".txt").write_text(EVIL, "utf-8")
    (tmp_path / "evil" / f"bad {EVIL_NAME}").write_text(EVIL, "utf-8")
    assert f"bad {EVIL_NAME}" in import_path(page, tmp_path / "evil")
    expect(tile(page, 0).locator("b")).to_have_text(EVIL_NAME)
    expect(page.locator(".gl-name")).to_have_text(EVIL_NAME)
    expect(page.locator(".gl-caption")).to_have_value(EVIL)
    page.locator(".gl-search").fill(EVIL)
    expect(page.locator(".gl-count")).to_contain_text("shown")
    page.reload()
    expect(tile(page, 0).locator("b")).to_have_text(EVIL_NAME)
    assert page.evaluate("window.hits") == 0


def test_addresses_cannot_lead_out(app: App, open_page: OpenPage) -> None:
    page = open_page()
    dataset = store.list_all(app.ws)[0].id
    (app.ws.root / "secret.txt").write_text("secret", "utf-8")
    for path in (
        f"datasets/{dataset}/preview/..%2f..%2f..%2fsecret.txt",
        f"datasets/{dataset}/medium/%2e%2e",
        "datasets/..%2f..%2fruntime/items",
        "datasets/%00/items",
        f"datasets/{dataset}/item/{'x' * 300}",
        f"imports/{dataset}?task=..%2f..%2fx",
    ):
        status, text = page.evaluate(
            "async (path) => { const r = await fetch(tagtrainer.url(path)); return [r.status, await r.text()]; }", path
        )
        assert 400 <= status < 500, (path, status, text)
        assert "secret" not in text.replace("secret.txt", "")
