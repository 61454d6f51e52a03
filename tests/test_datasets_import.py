"""Import: everything that can be taken is, everything else is named in a sentence, nothing is half-written."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms

from tagtrainer import settings
from tagtrainer.core import files
from tagtrainer.core.text import UserError, speaking
from tagtrainer.datasets import history, index, intake, store, transfer
from tagtrainer.datasets.exchange import archive
from tagtrainer.datasets.models import ImportReport
from tagtrainer.workspace import Workspace
from tests.pictures import huge_png, jpeg, jpeg_bytes, patched, picture, zip_of


@pytest.fixture
def dataset(ws: Workspace) -> str:
    return store.create(ws, "pictures").id


def take(ws: Workspace, dataset: str, *sources: Path) -> ImportReport:
    report = transfer.import_paths(ws, dataset, list(sources))
    folder = ws.dataset(dataset)
    rests = [path for part in store.FOLDERS for path in (folder / part).rglob("*") if ".tmp" in path.name]
    assert rests == [] and not list(ws.temporary.glob("import-*"))
    ids = {item.id for item in store.items(ws, dataset)}
    assert {path.stem for path in (folder / "images").iterdir()} == ids
    assert not index.sync(ws, dataset)
    return report


def reasons(report: ImportReport) -> dict[str, str]:
    return {row.file: row.key for row in report.skipped}


def test_a_folder_with_captions_at_any_depth(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    jpeg(tmp_path / "in" / "a.jpg", 1)
    jpeg(tmp_path / "in" / "beach trip" / "b 猫 🐱.jpeg", 2)
    (tmp_path / "in" / "beach trip" / "b 猫 🐱.txt").write_bytes("\ufeffwith mark".encode())
    (tmp_path / "in" / "a.caption").write_bytes("UTF-16 也行".encode("utf-16"))
    (tmp_path / "in" / ".DS_Store").write_bytes(b"x")
    seen: list[tuple[int, int]] = []
    report = transfer.import_paths(ws, dataset, [tmp_path / "in"], lambda n, total, _: seen.append((n, total)))
    assert (report.added, report.captions, report.skipped) == (2, 2, [])
    items = {item.name: item for item in store.items(ws, dataset)}
    assert items["b 猫 🐱.jpeg"].folder == "beach trip" and items["b 猫 🐱.jpeg"].id.startswith("b-")
    assert {store.caption(ws, dataset, item.id) for item in items.values()} == {"with mark", "UTF-16 也行"}
    assert seen[-1] == (2, 2)
    again = take(ws, dataset, tmp_path / "in")
    assert (again.added, again.duplicates) == (0, 2)


def test_single_files_zip_and_gbk_names(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    path = zip_of(
        tmp_path / "old windows.zip", {"folder/XXXX.jpg": jpeg_bytes(1), "folder/XXXX.txt": "描述".encode("gbk")}
    )
    patched(path, b"XXXX", "小猫".encode("gbk"))
    patched(path, b"PK\x01\x02\x14\x03", b"PK\x01\x02\x14\x00")  # made on Windows
    report = take(ws, dataset, path, jpeg(tmp_path / "one.jpg", 9))
    assert (report.added, report.captions) == (2, 1)
    names = {item.name: item.folder for item in store.items(ws, dataset)}
    assert names == {"小猫.jpg": "folder", "one.jpg": ""}


def test_hostile_zips_are_named_and_the_rest_is_taken(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.zip"
    with zipfile.ZipFile(path, "w") as made:
        for number, name in enumerate(
            ["../evil.jpg", "/etc/evil.jpg", "a/../../evil.jpg", "C:/evil.jpg", "..\\evil.jpg", "good.jpg"]
        ):
            made.writestr(name, jpeg_bytes(number))
        link = zipfile.ZipInfo("link.jpg")
        link.external_attr = 0o120777 << 16
        made.writestr(link, "/etc/passwd")
        made.writestr("inner.zip", b"PK")
        made.writestr("__MACOSX/._good.jpg", b"litter")
    report = take(ws, dataset, path)
    assert [item.name for item in store.items(ws, dataset)] == ["good.jpg"]
    keys = [row.key for row in report.skipped]
    assert (
        keys.count("datasets.zip.outside") == 5
        and keys.count("datasets.zip.link") == 1
        and keys.count("datasets.zip.nested") == 1
    )
    assert not list(tmp_path.rglob("evil*")) and "bad.zip" in report.skipped[0].file
    with speaking("zh-CN"):
        assert "压缩包" in report.skipped[0].reason


def test_ten_gigabytes_of_zeros(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    """Declared honestly it is refused by size; declared falsely it is stopped when it grows beyond its word."""
    honest = zip_of(tmp_path / "honest.zip", {"zeros.jpg": b"\0" * 1000, "good.jpg": jpeg_bytes(1)})
    patched(honest, (1000).to_bytes(4, "little"), (3 << 30).to_bytes(4, "little"))
    report = take(ws, dataset, honest)
    assert "datasets.zip.file_too_large" in reasons(report).values() and report.added == 1
    with zipfile.ZipFile(tmp_path / "liar.zip", "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("zeros.jpg", b"\0" * 5_000_000)
        made.writestr("fine.jpg", jpeg_bytes(2))
    patched(tmp_path / "liar.zip", (5_000_000).to_bytes(4, "little"), (5_000).to_bytes(4, "little"))
    report = take(ws, dataset, tmp_path / "liar.zip")
    assert report.added == 1 and set(reasons(report).values()) <= {"datasets.zip.bomb", "datasets.zip.entry_damaged"}
    assert len(report.skipped) == 1


def test_a_zip_that_unpacks_to_too_much_in_all(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    settings.change(ws, lambda known: setattr(known.storage, "zip_max_gb", 0.000001))
    report = take(ws, dataset, zip_of(tmp_path / "a.zip", {f"{n}.jpg": jpeg_bytes(n) for n in range(3)}))
    assert reasons(report) == {"a.zip": "datasets.zip.too_large"}


def test_seventy_thousand_entries(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as made:
        for number in range(70_000):
            made.writestr(f"{number}.txt", b"")
    report = take(ws, dataset, path)
    assert reasons(report) == {"many.zip": "datasets.zip.too_many"} and "70000" in report.skipped[0].reason


def test_encrypted_truncated_and_fake_zips(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    locked = zip_of(tmp_path / "locked.zip", {"a.jpg": jpeg_bytes(1)})
    data = bytearray(locked.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    locked.write_bytes(bytes(data))
    cut = zip_of(tmp_path / "cut.zip", {"a.jpg": jpeg_bytes(1)})
    cut.write_bytes(cut.read_bytes()[:-40])
    fake = tmp_path / "fake.zip"
    fake.write_bytes(b"<html>")
    report = take(ws, dataset, locked, cut, fake, jpeg(tmp_path / "ok.jpg", 3))
    assert report.added == 1
    assert reasons(report) == {
        "locked.zip: a.jpg": "datasets.zip.encrypted",
        "cut.zip": "datasets.zip.damaged",
        "fake.zip": "datasets.zip.damaged",
    }


def test_a_damaged_entry_spoils_only_itself(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    path = zip_of(tmp_path / "a.zip", {"bad.jpg": b"x" * 500 + b"MARKER" + b"y" * 500, "good.jpg": jpeg_bytes(1)})
    patched(path, b"MARKER", b"BROKEN")
    report = take(ws, dataset, path)
    assert report.added == 1 and reasons(report) == {"a.zip: bad.jpg": "datasets.zip.entry_damaged"}


def test_files_that_are_not_what_they_say(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    root = tmp_path / "in"
    jpeg(root / "good.jpg", 1)
    (root / "page.jpg").write_bytes(b"<!doctype html><html><body>not found</body></html>")
    (root / "zero.png").write_bytes(b"")
    whole = jpeg_bytes(2, (640, 480))
    (root / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    huge_png(root / "huge.png")
    (root / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
    (root / "notes.docx").write_bytes(b"PK")
    picture(3, (8, 8)).save(root / "dot.png")
    report = take(ws, dataset, root)
    assert report.added == 1
    assert reasons(report) == {
        "page.jpg": "datasets.skip.not_a_picture", "zero.png": "datasets.skip.empty", "cut.jpg": "datasets.skip.damaged",
        "huge.png": "datasets.skip.too_large", "clip.mp4": "datasets.skip.video", "notes.docx": "datasets.skip.unknown",
        "dot.png": "datasets.skip.tiny",
    }  # fmt: skip


def made(path: Path, kind: str) -> Path:
    """One picture of each awkward kind."""
    base = picture(5, (120, 80))
    if kind == "cmyk.jpg":
        base.convert("CMYK").save(path)
    elif kind == "sixteen.png":
        Image.fromarray(__import__("numpy").arange(120 * 80, dtype="uint16").reshape(80, 120) * 6).save(path)
    elif kind == "palette.png":
        base.quantize(16).save(path)
    elif kind == "animated.gif":
        base.save(path, save_all=True, append_images=[picture(n, (120, 80)) for n in (6, 7)])
    elif kind == "animated.webp":
        base.save(path, save_all=True, append_images=[picture(8, (120, 80))])
    elif kind == "transparent.png":
        clear = base.convert("RGBA")
        clear.putalpha(Image.linear_gradient("L").resize((120, 80)))
        clear.save(path)
    elif kind == "grey.jpg":
        base.convert("L").save(path)
    elif kind == "onebit.bmp":
        base.convert("1").save(path)
    else:
        base.save(path)
    return path


@pytest.mark.parametrize(
    "kind",
    [
        "cmyk.jpg",
        "sixteen.png",
        "palette.png",
        "animated.gif",
        "animated.webp",
        "transparent.png",
        "grey.jpg",
        "onebit.bmp",
        "a.tif",
        "b.avif",
    ],
)
def test_awkward_pictures_get_right_previews(ws: Workspace, dataset: str, tmp_path: Path, kind: str) -> None:
    report = take(ws, dataset, made(tmp_path / kind, kind))
    assert report.added == 1, [row.reason for row in report.skipped]
    item = store.items(ws, dataset)[0]
    preview = store.preview_path(ws, dataset, item.id)
    with Image.open(preview) as shown:
        assert shown.size == (item.width, item.height) == (120, 80)
        assert (preview.suffix, shown.mode) == ((".webp", "RGBA") if kind == "transparent.png" else (".jpg", "RGB"))
        if kind in ("animated.gif", "palette.png", "a.tif"):
            difference = max(
                abs(a - b)
                for a, b in zip(shown.convert("RGB").getpixel((100, 70)), picture(5).getpixel((90, 60)), strict=True)
            )
            assert difference < 30


@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_orientation_is_applied(ws: Workspace, dataset: str, tmp_path: Path, orientation: int) -> None:
    base = Image.new("RGB", (3000, 2000), (20, 20, 200))
    base.paste((250, 20, 20), (0, 0, 1500, 1000))
    exif = Image.Exif()
    exif[0x0112] = orientation
    base.save(tmp_path / "photo.jpg", exif=exif)
    take(ws, dataset, tmp_path / "photo.jpg")
    item = store.items(ws, dataset)[0]
    assert (item.width, item.height) == ((3000, 2000) if orientation in (1, 3) else (2000, 3000))
    with Image.open(store.medium_path(ws, dataset, item.id)) as shown:
        assert max(shown.size) == 1280 and shown.getexif().get(0x0112, 1) == 1
        corner = {1: (0.2, 0.2), 3: (0.8, 0.8), 6: (0.8, 0.2), 8: (0.2, 0.8)}[orientation]
        red, _, blue = shown.getpixel((int(corner[0] * shown.width), int(corner[1] * shown.height)))  # type: ignore[misc]
        assert red > 180 > 60 > blue


def test_a_colour_profile_is_turned_into_srgb(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes().replace(b"sRGB", b"xRGB")
    jpeg(tmp_path / "p.jpg", 1, icc_profile=lab)
    jpeg(tmp_path / "q.jpg", 2, icc_profile=b"not a profile at all")
    assert take(ws, dataset, tmp_path / "p.jpg", tmp_path / "q.jpg").added == 2
    for item in store.items(ws, dataset):
        with Image.open(store.preview_path(ws, dataset, item.id)) as shown:
            assert shown.mode == "RGB" and "icc_profile" not in shown.info


def test_long_names_and_names_that_differ_in_case_only(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    path = zip_of(
        tmp_path / "a.zip", {"Cat.jpg": jpeg_bytes(1), "cat.jpg": jpeg_bytes(2), "x" * 246 + ".jpg": jpeg_bytes(3)}
    )
    assert take(ws, dataset, path).added == 3
    ids = [item.id for item in store.items(ws, dataset)]
    assert len({ident.lower() for ident in ids}) == 3 and max(map(len, ids)) < 60


def test_one_content_under_two_names_is_one_picture(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(jpeg_bytes(1))
    report = take(ws, dataset, tmp_path / "a.jpg", tmp_path / "b.jpg")
    assert (report.added, report.duplicates) == (1, 1)


def test_a_caption_in_an_unknown_encoding_is_named(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    jpeg(tmp_path / "in" / "a.jpg", 1)
    (tmp_path / "in" / "a.txt").write_bytes(b"\x00\x01\x02\xff")
    report = take(ws, dataset, tmp_path / "in")
    assert report.added == 1 and reasons(report) == {"a.jpg": "datasets.skip.caption_encoding"}


def test_a_path_that_does_not_exist(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        transfer.import_paths(ws, dataset, [tmp_path / "nowhere"])


def test_two_imports_at_once(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    from tagtrainer.datasets import intake

    with intake.lock(ws.dataset(dataset)), pytest.raises(UserError, match="still at work"):
        transfer.import_paths(ws, dataset, [tmp_path])


def test_a_disk_that_fills_half_way_keeps_what_came_in(
    ws: Workspace, dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        jpeg(tmp_path / "in" / f"{number:02d}.jpg", number)
    monkeypatch.setattr(transfer, "GROUP", 4)
    real, written = os.fsync, []

    def fsync(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) > 12:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(files.os, "fsync", fsync)
    with pytest.raises(UserError, match="full"):
        transfer.import_paths(ws, dataset, [tmp_path / "in"], workers=1)
    monkeypatch.setattr(files.os, "fsync", real)
    index.sync(ws, dataset)
    before = len(store.items(ws, dataset))
    assert 0 < before < 12
    report = take(ws, dataset, tmp_path / "in")
    assert report.added + report.duplicates == 12 and len(store.items(ws, dataset)) == 12


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    jpeg(tmp_path / "a.jpg", 1)
    images = ws.dataset(dataset) / "images"
    images.chmod(0o555)
    try:
        with pytest.raises(UserError, match="permission"):
            transfer.import_paths(ws, dataset, [tmp_path / "a.jpg"])
    finally:
        images.chmod(0o755)


def test_a_write_that_is_refused_is_a_sentence(
    ws: Workspace, dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a read-only folder does, also where the tests run as root."""
    real = files.os.open

    def refusing(path: Any, *rest: Any) -> int:
        if "images" in str(path):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, *rest)

    monkeypatch.setattr(files.os, "open", refusing)
    with pytest.raises(UserError) as caught:
        transfer.import_paths(ws, dataset, [jpeg(tmp_path / "a.jpg", 1)])
    assert caught.value.key == "core.not_writable" and store.items(ws, dataset) == []


def test_readable_names_of_old_zips() -> None:
    info = zipfile.ZipInfo("x.jpg")
    info.orig_filename = "é.jpg".encode().decode("cp437")
    assert archive.readable_name(info, archive.name_encoding([info])) == "é.jpg"


def test_a_caption_that_came_between_a_killed_import_and_the_next_keeps_both(ws: Workspace, tmp_path: Path) -> None:
    picture = jpeg(tmp_path / "in" / "a boat.jpg")
    picture.with_suffix(".txt").write_text("from the file", "utf-8")
    dataset = store.create(ws, "between").id
    ident = intake.item_id(picture.name, hashlib.sha256(picture.read_bytes()).hexdigest())
    shutil.copy(picture, ws.dataset(dataset) / "images" / f"{ident}.jpg")  # what a kill leaves
    index.sync(ws, dataset)
    store.write_captions(ws, dataset, {ident: "from a model"}, who="caption:m", title="run")
    for _ in range(2):
        report = transfer.import_paths(ws, dataset, [tmp_path / "in"])
        assert (report.added, report.duplicates, report.captions) == (0, 1, 0)
    assert store.item(ws, dataset, ident).name == "a boat.jpg" and store.caption(ws, dataset, ident) == "from a model"
    refused = [entry for entry in history.entries(ws, dataset)[0] if entry.refused]
    assert [row["new"] for entry in refused for row in history.diff(ws, dataset, entry.id)[0]] == ["from the file"]
