"""A list given by itself: a musubi dataset.toml or a JSONL brings the media it names, and nothing that it must not."""

from __future__ import annotations

import json
from pathlib import Path

from tagtrainer.core.text import t
from tagtrainer.datasets import store, transfer
from tagtrainer.datasets.models import ImportReport
from tagtrainer.workspace import Workspace
from tests.pictures import jpeg


def rows(path: Path, *given: dict[str, object]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(json.dumps(row) for row in given), "utf-8")
    return path


def take(ws: Workspace, source: Path, kind: str = "image") -> tuple[ImportReport, dict[str, tuple[str, str, int]]]:
    """The report, and (caption, folder, repeats) by name."""
    dataset = store.create(ws, source.name, kind).id
    report = transfer.import_paths(ws, dataset, [source])
    items = store.items(ws, dataset)
    return report, {item.name: (store.caption(ws, dataset, item.id), item.folder, item.repeats) for item in items}


def test_a_jsonl_brings_what_it_names_from_everywhere(ws: Workspace, tmp_path: Path) -> None:
    near, far = jpeg(tmp_path / "set" / "near.jpg", 1), jpeg(tmp_path / "other disk" / "远.jpg", 2)
    jpeg(tmp_path / "set" / "not named.jpg", 3)
    jpeg(tmp_path / "twin" / "near.jpg", 4)
    source = rows(
        tmp_path / "set" / "list.jsonl",
        {"image_path": near.name, "caption": "near"},
        {"image_path": str(far), "caption": "far"},
        {"image_path": str(tmp_path / "twin" / "near.jpg"), "caption": "twin"},
    )
    report, found = take(ws, source)
    assert not report.skipped and report.added == 3
    assert found["远.jpg"] == ("far", "other disk", 1) and len(found) == 2  # two are called near.jpg


def test_a_dataset_toml_brings_its_folders_and_lists(ws: Workspace, tmp_path: Path) -> None:
    for n in range(3):
        jpeg(tmp_path / "pictures" / f"p{n}.jpg", n)
        (tmp_path / "pictures" / f"p{n}.cap").write_text(f"caption {n}", "utf-8")
    jpeg(tmp_path / "pictures" / "below" / "not read by the trainer.jpg", 5)
    listed = jpeg(tmp_path / "elsewhere" / "x.jpg", 6)
    rows(tmp_path / "conf" / "more.jsonl", {"image_path": str(listed), "caption": "from the list"})
    source = tmp_path / "conf" / "dataset.toml"
    source.write_text(
        f"""[general]\nresolution = [512, 512]\ncaption_extension = ".cap"\n
[[datasets]]\nimage_directory = {json.dumps(str(tmp_path / "pictures"))}\nnum_repeats = 4\n
[[datasets]]\nimage_jsonl_file = "more.jsonl"\n""",
        "utf-8",
    )
    report, found = take(ws, source)
    assert not report.skipped
    assert found == {
        **{f"p{n}.jpg": (f"caption {n}", "pictures", 4) for n in range(3)},
        "x.jpg": ("from the list", "elsewhere", 1),
    }


def test_control_images_come_with_their_pictures(ws: Workspace, tmp_path: Path) -> None:
    target, control = jpeg(tmp_path / "t" / "a.jpg", 1), jpeg(tmp_path / "c" / "a.jpg", 2)
    source = rows(tmp_path / "list.jsonl", {"image_path": str(target), "control_path": str(control), "caption": "edit"})
    report, found = take(ws, source, "single_control_image")
    assert report.added == 1 and found["a.jpg"][0] == "edit"
    assert [len(item.controls) for item in store.items(ws, store.list_all(ws)[0].id)] == [1]


def test_hostile_lists(ws: Workspace, tmp_path: Path) -> None:
    jpeg(tmp_path / "private.jpg", 1)
    secret = tmp_path / "secret.txt"
    secret.write_text("secret", "utf-8")
    page = tmp_path / "page.jpg"
    page.write_text("<html>", "utf-8")
    source = rows(
        tmp_path / "set" / "list.jsonl",
        {"image_path": "../private.jpg"},
        {"image_path": str(secret)},
        {"image_path": "//server/share/x.jpg"},
        {"image_path": "a\x00b.jpg"},
        {"image_path": str(page)},
        {"image_path": ["x"]},
        {"image_path": "x" * 9000},
    )
    report, found = take(ws, source)
    assert not found and len(report.skipped) == 7  # five lines and how many more, and what is no picture
    assert all(row.file.startswith(str(tmp_path)) or row.file.endswith("list.jsonl") for row in report.skipped)
    (tmp_path / "broken.toml").write_text("[[datasets", "utf-8")
    broken, _ = take(ws, tmp_path / "broken.toml")
    assert [t(row.key, **row.values) for row in broken.skipped] and not broken.added
    (tmp_path / "other.toml").write_text("[tool]\nx = 1\n", "utf-8")
    assert take(ws, tmp_path / "other.toml") == (ImportReport(), {})
