"""Duplicate, merge, split, trash: nothing shared that may change, nothing lost, also when killed and started again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tagtrainer.cli import main
from tagtrainer.core.text import UserError
from tagtrainer.datasets import deleted, history, index, linking, merge, shape, store, transfer
from tagtrainer.datasets.pairs import controls
from tagtrainer.workspace import Workspace, open_workspace
from tests.pictures import jpeg

ROOT = Path(__file__).resolve().parent.parent


def made(ws: Workspace, folder: Path, seeds: range, words: str = "caption", kind: str = "image") -> str:
    """A dataset of pictures p<seed>.jpg, each captioned."""
    for seed in seeds:
        jpeg(folder / f"p{seed:03d}.jpg", seed).with_suffix(".txt").write_text(f"{words} {seed}", "utf-8")
    dataset = store.create(ws, folder.name, kind, "about", "zwx").id
    transfer.import_paths(ws, dataset, [folder])
    return dataset


def by_name(ws: Workspace, dataset: str) -> dict[str, str]:
    index.sync(ws, dataset)
    return {item.name: item.id for item in store.items(ws, dataset)}


def texts(ws: Workspace, dataset: str) -> dict[str, str]:
    return {name: store.caption(ws, dataset, ident) for name, ident in by_name(ws, dataset).items()}


def whole(ws: Workspace, dataset: str) -> None:
    """Every item has its files, the index agrees with them."""
    index.sync(ws, dataset)
    for item in store.items(ws, dataset):
        assert store.media_path(ws, dataset, item.id).stat().st_size == item.bytes
        for path in (store.preview_path(ws, dataset, item.id), store.medium_path(ws, dataset, item.id)):
            assert path.stat().st_size
        for control in item.controls:
            assert store.control_path(ws, dataset, control).stat().st_size == control.bytes
            assert store.control_preview_path(ws, dataset, control).exists()
    assert not index.sync(ws, dataset)


def test_a_duplicate_is_whole_and_its_own(ws: Workspace, tmp_path: Path) -> None:
    first = made(ws, tmp_path / "first", range(6))
    ids = by_name(ws, first)
    store.change_items(ws, first, {ids["p001.jpg"]: {"crop": [1, 2, 30, 40], "flagged": True}}, who="t", title="t")
    store.delete_items(ws, first, [ids["p005.jpg"]])
    second = shape.duplicate(ws, first)
    whole(ws, second)
    assert store.get(ws, second).name == "first (copy)" and texts(ws, second) == texts(ws, first)
    assert [item.crop for item in store.items(ws, second)] == [item.crop for item in store.items(ws, first)]
    assert [item.id for item in store.trash_items(ws, second)] == [ids["p005.jpg"]]
    assert len(history.entries(ws, second)[0]) == len(history.entries(ws, first)[0])
    if os.name != "nt":
        assert store.media_path(ws, second, ids["p000.jpg"]).stat().st_nlink == 2
        assert (ws.dataset(second) / "captions" / f"{ids['p000.jpg']}.txt").stat().st_nlink == 1
    with (ws.dataset(second) / "captions" / f"{ids['p000.jpg']}.txt").open("w", encoding="utf-8") as handle:
        handle.write("typed over in place")
    store.delete_items(ws, second, [ids["p001.jpg"]])
    store.restore_items(ws, second, [ids["p005.jpg"]])
    assert texts(ws, first)["p000.jpg"] == "caption 0" and "p001.jpg" in by_name(ws, first)
    store.delete(ws, first)
    whole(ws, second)
    third = shape.duplicate(ws, second, "bare", history=False, with_trash=False)
    assert not store.trash_items(ws, third) and not history.entries(ws, third)[0]


def test_a_disk_without_links_gets_copies(ws: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(1, "not permitted")

    first = made(ws, tmp_path / "first", range(3))
    monkeypatch.setattr(linking.os, "link", refuse)
    second = shape.duplicate(ws, first)
    whole(ws, second)
    assert all(store.media_path(ws, second, ident).stat().st_nlink == 1 for ident in by_name(ws, second).values())


def test_merge_keeps_both_captions_and_is_undone_as_one(ws: Workspace, tmp_path: Path) -> None:
    ours, theirs = made(ws, tmp_path / "ours", range(4)), made(ws, tmp_path / "theirs", range(2, 7), "other")
    store.write_captions(ws, ours, {by_name(ws, ours)["p003.jpg"]: ""}, who="t", title="t")
    before = texts(ws, ours)
    done = merge.merge(ws, ours, theirs)
    whole(ws, ours)
    assert (done.added, done.same, done.captions) == (3, 2, 1)
    assert [(row.name, row.kept, row.other) for row in done.conflicts] == [("p002.jpg", "caption 2", "other 2")]
    assert texts(ws, ours) == {
        "p000.jpg": "caption 0", "p001.jpg": "caption 1", "p002.jpg": "caption 2", "p003.jpg": "other 3",
        "p004.jpg": "other 4", "p005.jpg": "other 5", "p006.jpg": "other 6",
    }  # fmt: skip
    assert "other 2" in (ws.dataset(ours) / "history" / "changes.jsonl").read_text("utf-8")
    entry = history.entries(ws, ours)[0][0]
    assert entry.title == "Merged in: theirs" and len(texts(ws, theirs)) == 5
    rows = {row["name"]: row for row in history.diff(ws, ours, entry.id)[0]}
    assert [name for name, row in rows.items() if row["refused"]] == ["p002.jpg"] and entry.count == 4
    history.undo(ws, ours)
    assert texts(ws, ours) == before
    history.redo(ws, ours)
    assert len(texts(ws, ours)) == 7 and texts(ws, ours)["p006.jpg"] == "other 6"


def test_merge_with_their_captions_and_the_other_one_deleted(ws: Workspace, tmp_path: Path) -> None:
    ours, theirs = made(ws, tmp_path / "ours", range(2)), made(ws, tmp_path / "theirs", range(1, 3), "other")
    done = merge.merge(ws, ours, theirs, prefer="theirs", delete_source=True)
    assert texts(ws, ours)["p001.jpg"] == "other 1" and done.conflicts[0].other == "caption 1"
    assert [meta.id for meta in store.list_all(ws)] == [ours] and deleted.entries(ws)[0].folder == theirs
    again = merge.merge(ws, ours, deleted.restore(ws, theirs))
    assert (again.added, again.same, again.captions, again.conflicts) == (0, 2, 0, [])


def test_controls_come_along(ws: Workspace, tmp_path: Path) -> None:
    ours = made(ws, tmp_path / "ours", range(3), kind="multi_control_image")
    theirs = made(ws, tmp_path / "theirs", range(1, 4), kind="multi_control_image")
    for dataset, name, seed in (
        (theirs, "p001.jpg", 50),
        (theirs, "p003.jpg", 51),
        (theirs, "p002.jpg", 52),
        (ours, "p002.jpg", 53),
    ):
        controls.attach(ws, dataset, by_name(ws, dataset)[name], jpeg(tmp_path / "c" / f"{seed}.jpg", seed))
    done = merge.merge(ws, ours, theirs)
    whole(ws, ours)
    found = {item.name: [control.name for control in item.controls] for item in store.items(ws, ours)}
    assert found == {"p000.jpg": [], "p001.jpg": ["50.jpg"], "p002.jpg": ["53.jpg"], "p003.jpg": ["51.jpg"]}
    assert [(row.file, row.key) for row in done.skipped] == [("p002.jpg", "shape.controls_differ")]
    part = shape.split(ws, ours, "part", items=[by_name(ws, ours)["p003.jpg"]])
    whole(ws, part.id)
    assert store.items(ws, part.id)[0].controls[0].name == "51.jpg"


def test_what_cannot_be_merged_is_said(ws: Workspace, tmp_path: Path) -> None:
    ours, clips = made(ws, tmp_path / "ours", range(1)), store.create(ws, "clips", "video").id
    for source, key in ((ours, "shape.itself"), (clips, "shape.other_kind"), ("nothing", "datasets.not_found")):
        with pytest.raises(UserError) as caught:
            merge.merge(ws, ours, source)
        assert caught.value.key == key


def test_split_copies_or_moves_and_a_move_can_be_taken_back(ws: Workspace, tmp_path: Path) -> None:
    first = made(ws, tmp_path / "first", range(6))
    copied = shape.split(ws, first, "copy", expr='"caption 2"')
    whole(ws, copied.id)
    assert texts(ws, copied.id) == {"p002.jpg": "caption 2"} and len(texts(ws, first)) == 6
    assert store.get(ws, copied.id).trigger_word == "zwx"
    moved = shape.split(ws, first, "moved", items=list(by_name(ws, first).values())[:4], move=True)
    whole(ws, moved.id)
    whole(ws, first)
    assert (moved.items, len(texts(ws, first)), len(texts(ws, moved.id))) == (4, 2, 4)
    assert history.entries(ws, first)[0][0].title == "4 moved to moved"
    history.undo(ws, first)
    assert len(texts(ws, first)) == 6 and texts(ws, first)["p000.jpg"] == "caption 0"
    for words, key in (
        ({"expr": "nothing-like-it"}, "shape.nothing_chosen"),
        ({"items": ["no"]}, "datasets.item_not_found"),
    ):
        with pytest.raises(UserError) as caught:
            shape.split(ws, first, "x", **words)  # type: ignore[arg-type]
        assert caught.value.key == key
    assert not list((ws.runtime / "shaping").iterdir())


def test_the_trash_is_emptied_for_good_but_captions_are_kept(ws: Workspace, tmp_path: Path) -> None:
    first = made(ws, tmp_path / "first", range(4))
    ids = by_name(ws, first)
    (ws.dataset(first) / "captions" / f"{ids['p000.jpg']}.txt").write_text("typed outside", "utf-8")
    store.delete_items(ws, first, [ids["p000.jpg"], ids["p001.jpg"], ids["p002.jpg"]])
    assert shape.empty_trash(ws, first, [ids["p001.jpg"]]) == 1
    assert {item.name for item in store.trash_items(ws, first)} == {"p000.jpg", "p002.jpg"}
    assert shape.empty_trash(ws, first) == 2 and store.stats(ws, first).trash == 0
    assert not list((ws.dataset(first) / "trash").iterdir()) and store.restore_items(ws, first) == 0
    kept = (ws.dataset(first) / "history" / "emptied.jsonl").read_text("utf-8")
    assert "typed outside" in kept and "caption 2" in kept
    with pytest.raises(UserError):
        shape.empty_trash(ws, first, ["../../x"])


def test_deleted_datasets_come_back_under_a_free_id(ws: Workspace, tmp_path: Path) -> None:
    first = made(ws, tmp_path / "twin", range(2))
    store.delete(ws, first)
    second = made(ws, tmp_path / "twin", range(3))
    assert second == first
    store.delete(ws, second)
    third = store.create(ws, "twin").id
    found = deleted.entries(ws)
    assert sorted(row.count for row in found) == [2, 3] and all(row.name == "twin" for row in found)
    back = {deleted.restore(ws, row.folder) for row in found}
    assert len({*back, third}) == 3 and sorted(len(texts(ws, ident)) for ident in back) == [2, 3]
    for bad in ("../../etc", "nothing", "..", ""):
        with pytest.raises(UserError):
            deleted.restore(ws, bad)
    store.delete(ws, third)
    deleted.purge(ws, third)
    assert deleted.entries(ws) == []


def test_a_folder_copied_from_another_workspace_works(ws: Workspace, tmp_path: Path) -> None:
    """Also when an index is there that knew another dataset of that id, and when its metadata says another id."""
    other = open_workspace(tmp_path / "elsewhere")
    there = made(other, tmp_path / "else" / "first", range(5), "theirs")
    here = made(ws, tmp_path / "first", range(2), "mine")
    assert there == here and len(texts(ws, here)) == 2
    shutil.copytree(other.dataset(there), ws.datasets / "guest")
    assert {meta.id for meta in store.list_all(ws)} == {here, "guest"}
    whole(ws, "guest")
    assert texts(ws, "guest")["p004.jpg"] == "theirs 4" and texts(ws, here)["p001.jpg"] == "mine 1"
    assert store.get(ws, "guest").id == "guest" and store.update(ws, "guest", name="Guest").id == "guest"
    assert json.loads((ws.datasets / "guest" / "metadata.json").read_text("utf-8"))["id"] == "guest"
    store.write_captions(ws, "guest", {by_name(ws, "guest")["p000.jpg"]: "new"}, who="t", title="t")
    assert history.undo(ws, "guest").changed == 1 and texts(other, there)["p000.jpg"] == "theirs 0"
    shutil.rmtree(ws.dataset(here))
    shutil.copytree(other.dataset(there), ws.dataset(here))
    index.sync(ws, here)
    whole(ws, here)
    assert texts(ws, here) == texts(other, there)
    merged = merge.merge(ws, "guest", here)
    assert (merged.added, merged.same) == (0, 5)


def test_every_verb_of_the_command_line(
    ws: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = made(ws, tmp_path / "ours", range(4)), made(ws, tmp_path / "theirs", range(3, 6), "other")
    chosen = tmp_path / "ids.txt"
    chosen.write_text("\n".join(list(by_name(ws, ours).values())[:2]), "utf-8")

    def run(*words: str) -> Any:
        code = main(["--workspace", str(ws.root), "--json", "dataset", *words])
        said = json.loads(capsys.readouterr().out)
        return said if code == 0 else (code, said["error"])

    assert run("export", ours, str(tmp_path / "out"), "--layout", "kohya", "--trash", "--as-trained")["items"] == 4
    assert run("export", ours, str(tmp_path / "two"), "--items-from", str(chosen))["items"] == 2
    assert run("export", ours, str(tmp_path / "two" / "p000.jpg")) == (1, "export.exists")
    assert run("duplicate", ours, "--name", "twin", "--no-history", "--no-trash") == {"id": "twin"}
    merged = run("merge", ours, theirs, "--prefer", "theirs", "--delete-source")
    assert (merged["added"], merged["same"], merged["conflicts"][0]["kept"]) == (2, 1, "other 3")
    assert [row["folder"] for row in run("deleted")] == [theirs]
    assert run("split", ours, "part", "--items-from", str(chosen), "--move")["moved"] is True
    assert run("split", ours, "named", "--filter", '"other 4"')["items"] == 1
    assert run("empty-trash", ours) == {"items": 2}
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    main(["--workspace", str(ws.root), "dataset", "merge", ours, "twin"])
    assert "新增 2 项" in capsys.readouterr().out


def command(ws: Workspace, *words: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "tagtrainer", "--workspace", str(ws.root), "--json", "dataset", *words]
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def kill_when(process: subprocess.Popen[bytes], done: Any) -> None:
    while process.poll() is None and not done():
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.crash
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
@pytest.mark.parametrize("verb", ["duplicate", "split", "merge"])
def test_killed_and_started_again_it_is_whole(ws: Workspace, tmp_path: Path, verb: str) -> None:
    first, second = made(ws, tmp_path / "first", range(150)), made(ws, tmp_path / "second", range(100, 160), "other")
    words = {
        "duplicate": ("duplicate", first, "--name", "new"),
        "split": ("split", first, "new", "--filter", "caption", "--move"),
        "merge": ("merge", second, first),
    }[verb]
    for count in (30, 100):
        place = ws.dataset(second) / "images" if verb == "merge" else ws.runtime / "shaping"
        start = len(list(place.rglob("*.jpg"))) if place.exists() else 0
        kill_when(command(ws, *words), lambda p=place, n=start + count: p.exists() and len(list(p.rglob("*.jpg"))) >= n)
        for meta in store.list_all(ws):
            whole(ws, meta.id)
    process = command(ws, *words)
    said = json.loads(process.communicate()[0])
    assert process.returncode == 0, said
    check = {"duplicate": check_duplicate, "split": check_split, "merge": check_merge}[verb]
    check(ws, first, second)


def check_duplicate(ws: Workspace, first: str, _second: str) -> None:
    new = next(meta.id for meta in store.list_all(ws) if meta.name == "new")
    whole(ws, new)
    assert texts(ws, new) == texts(ws, first) and len(texts(ws, new)) == 150


def check_split(ws: Workspace, first: str, _second: str) -> None:
    new = [meta.id for meta in store.list_all(ws) if meta.name == "new"]
    assert len(new) == 1 and len(texts(ws, new[0])) == 150 and not texts(ws, first)
    history.undo(ws, first)
    assert len(texts(ws, first)) == 150


def check_merge(ws: Workspace, _first: str, second: str) -> None:
    whole(ws, second)
    found = texts(ws, second)
    assert found == {f"p{n:03d}.jpg": f"{'other' if n >= 100 else 'caption'} {n}" for n in range(160)}
    history.undo(ws, second)
    assert len(texts(ws, second)) == 60
