"""Datasets of clips: import, skip, adopt, delete and restore, with what is recorded of each clip."""

from __future__ import annotations

from pathlib import Path

import pytest

from tagtrainer.core.text import UserError
from tagtrainer.datasets import index, store, transfer
from tagtrainer.workspace import Workspace
from tests import clips, pictures


@pytest.fixture
def dataset(ws: Workspace) -> str:
    return store.create(ws, "Clips", kind="video").id


def test_import_records_what_a_clip_is(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    inbox = tmp_path / "in 视频"
    clips.clip(inbox / "a.mp4", 33, 15)
    clips.clip(inbox / "sub" / "b.mov", 20, 10, turned=90)
    clips.moving_webp(inbox / "c.webp")
    (inbox / "a.txt").write_text("a square walks", "utf-8")
    report = transfer.import_paths(ws, dataset, [inbox])
    assert (report.added, report.captions, report.skipped) == (3, 1, [])
    first, second, third = store.items(ws, dataset)
    assert (first.media, first.frames, first.fps, first.duration, first.size) == ("video", 33, 15.0, 2.2, (96, 64))
    assert (second.size, second.turned, second.folder) == ((64, 96), 90, "sub")
    assert (third.ext, third.frames) == (".webp", 8)
    assert store.caption(ws, dataset, first.id) == "a square walks"
    for item in (first, second, third):
        assert store.medium_path(ws, dataset, item.id).exists() and store.preview_path(ws, dataset, item.id).exists()
        assert (ws.dataset(dataset) / "preview" / f"{item.id}.strip.jpg").exists()
    assert transfer.import_paths(ws, dataset, [inbox]).duplicates == 3


def test_index_made_anew_keeps_it(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    transfer.import_paths(ws, dataset, [clips.clip(tmp_path / "b.mov", turned=90)])
    before = store.items(ws, dataset)
    index.rebuild(ws, dataset)
    assert store.items(ws, dataset) == before and before[0].turned == 90


def test_each_kind_takes_its_own(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    inbox = tmp_path / "in"
    clips.clip(inbox / "a.mp4", 9)
    clips.clip(inbox / "b.gif", 9, 10)
    pictures.jpeg(inbox / "c.jpg", 3)
    pictures.picture(4).save(inbox / "d.webp")
    (inbox / "e.mp4").write_bytes(b"no clip at all")
    report = transfer.import_paths(ws, dataset, [inbox])
    assert [item.name for item in store.items(ws, dataset)] == ["a.mp4", "b.gif"]
    assert {row.file: row.key.rpartition(".")[2] for row in report.skipped} == {
        "c.jpg": "still", "d.webp": "still", "e.mp4": "not_a_clip",
    }  # fmt: skip
    plain = store.create(ws, "Pictures").id
    report = transfer.import_paths(ws, plain, [inbox])
    assert [item.media for item in store.items(ws, plain)] == ["image", "image", "image"]
    assert {row.file for row in report.skipped if row.key == "datasets.skip.video"} == {"a.mp4", "e.mp4"}


def test_clips_from_a_zip(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    data = clips.clip(tmp_path / "a.webm", 12).read_bytes()
    packed = pictures.zip_of(tmp_path / "all.zip", {"x/a.webm": data, "x/a.txt": b"a square"})
    report = transfer.import_paths(ws, dataset, [packed])
    assert (report.added, report.captions) == (1, 1)
    assert store.items(ws, dataset)[0].frames == 12


def test_put_there_by_hand(ws: Workspace, dataset: str) -> None:
    clips.clip(ws.dataset(dataset) / "images" / "my clip.mp4", 12)
    (ws.dataset(dataset) / "images" / "broken.mp4").write_bytes(b"nothing")
    index.sync(ws, dataset)
    (found,) = store.items(ws, dataset)
    assert (found.name, found.media, found.frames) == ("my clip.mp4", "video", 12)


def test_delete_takes_the_strip_along(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    transfer.import_paths(ws, dataset, [clips.clip(tmp_path / "a.mp4")])
    ident = store.items(ws, dataset)[0].id
    strip = ws.dataset(dataset) / "preview" / f"{ident}.strip.jpg"
    store.delete_items(ws, dataset, [ident])
    assert not strip.exists() and not store.items(ws, dataset)
    store.restore_items(ws, dataset)
    assert strip.exists() and store.item(ws, dataset, ident).frames == 30


def test_clips_are_not_cropped(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    transfer.import_paths(ws, dataset, [clips.clip(tmp_path / "a.mp4")])
    ident = store.items(ws, dataset)[0].id
    with pytest.raises(UserError):
        store.change_items(ws, dataset, {ident: {"crop": [0, 0, 32, 32]}}, who="user", title="crop")
