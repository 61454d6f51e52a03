"""datasets.store and index: make, caption, delete, restore, find; the files are the truth."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagtrainer.core.files import read_jsonl
from tagtrainer.core.text import UserError
from tagtrainer.datasets import captions, index, records, sample, store, transfer
from tagtrainer.datasets.intake import item_id
from tagtrainer.datasets.models import Item, ItemFilter
from tagtrainer.workspace import Workspace
from tests.pictures import jpeg


@pytest.fixture
def dataset(ws: Workspace, tmp_path: Path) -> str:
    """Five pictures, two of them captioned."""
    for number in (1, 2, 3, 10, 20):
        jpeg(tmp_path / "in" / f"img_{number}.jpg", number)
    (tmp_path / "in" / "img_2.txt").write_text("a cat on a sofa", "utf-8")
    (tmp_path / "in" / "img_10.txt").write_text("一只猫坐在沙发上", "utf-8")
    ident = store.create(ws, "猫 Cats", trigger_word="sks").id
    assert transfer.import_paths(ws, ident, [tmp_path / "in"]).added == 5
    return ident


def names(ws: Workspace, dataset: str, **look: object) -> list[str]:
    return [item.name for item in index.page(ws, dataset, ItemFilter(**look), 0, 100).items]  # type: ignore[arg-type]


def by_name(ws: Workspace, dataset: str, name: str) -> Item:
    return next(item for item in store.items(ws, dataset) if item.name == name)


def test_the_happy_path(ws: Workspace, dataset: str) -> None:
    assert store.get(ws, dataset).name == "猫 Cats" and dataset == "cats"
    assert names(ws, dataset) == ["img_1.jpg", "img_2.jpg", "img_3.jpg", "img_10.jpg", "img_20.jpg"]
    assert (store.stats(ws, dataset).count, store.stats(ws, dataset).captioned) == (5, 2)
    cat = by_name(ws, dataset, "img_2.jpg")
    assert cat.has_caption and store.caption(ws, dataset, cat.id) == "a cat on a sofa"
    assert store.media_path(ws, dataset, cat.id).exists()
    assert store.medium_path(ws, dataset, cat.id).exists() and store.preview_path(ws, dataset, cat.id).exists()


def test_filters_and_search_chinese_too(ws: Workspace, dataset: str) -> None:
    assert names(ws, dataset, no_caption=True) == ["img_1.jpg", "img_3.jpg", "img_20.jpg"]
    assert names(ws, dataset, text="SOFA cat") == ["img_2.jpg"]
    assert names(ws, dataset, text="猫") == ["img_10.jpg"]
    assert names(ws, dataset, text="%") == []
    assert index.search(ws, dataset, "img_2") == [by_name(ws, dataset, n).id for n in ("img_2.jpg", "img_20.jpg")]


def test_pages_are_slices_and_the_revision_tells_of_changes(ws: Workspace, dataset: str) -> None:
    first = index.page(ws, dataset, ItemFilter(), 1, 2)
    assert (first.total, [item.name for item in first.items]) == (5, ["img_2.jpg", "img_3.jpg"])
    store.write_captions(ws, dataset, {first.items[0].id: "changed"}, who="user", title="typed")
    assert index.page(ws, dataset, ItemFilter(), 0, 1).rev > first.rev


def test_a_caption_is_never_overwritten_without_history(ws: Workspace, dataset: str) -> None:
    cat = by_name(ws, dataset, "img_2.jpg")
    assert store.write_captions(ws, dataset, {cat.id: "a dog"}, who="user", title="typed") == 1
    assert store.write_captions(ws, dataset, {cat.id: "a dog"}, who="user", title="typed") == 0
    rows = list(read_jsonl(ws.dataset(dataset) / "history" / "changes.jsonl"))
    assert rows[-1]["changes"] == [{"item": cat.id, "old": "a cat on a sofa", "new": "a dog"}]
    assert (rows[-1]["who"], rows[-1]["title"]) == ("user", "typed")


def test_the_later_of_two_writers_is_told_and_both_texts_are_kept(ws: Workspace, dataset: str) -> None:
    cat = by_name(ws, dataset, "img_2.jpg")
    store.write_captions(ws, dataset, {cat.id: "first"}, who="a", title="typed", expected={cat.id: "a cat on a sofa"})
    with pytest.raises(UserError) as caught:
        store.write_captions(
            ws, dataset, {cat.id: "second"}, who="b", title="typed", expected={cat.id: "a cat on a sofa"}
        )
    assert caught.value.key == "datasets.caption_changed" and "img_2.jpg" in str(caught.value)
    assert store.caption(ws, dataset, cat.id) == "first"
    assert "second" in (ws.dataset(dataset) / "history" / "changes.jsonl").read_text("utf-8")


def test_delete_and_restore_items(ws: Workspace, dataset: str) -> None:
    cat, other = by_name(ws, dataset, "img_2.jpg"), by_name(ws, dataset, "img_1.jpg")
    assert store.delete_items(ws, dataset, [cat.id, other.id, cat.id, "not-there"]) == 2
    assert names(ws, dataset) == ["img_3.jpg", "img_10.jpg", "img_20.jpg"]
    assert {item.id for item in store.trash_items(ws, dataset)} == {cat.id, other.id}
    with pytest.raises(UserError):
        store.media_path(ws, dataset, cat.id)
    assert store.restore_items(ws, dataset, [cat.id]) == 1
    assert store.caption(ws, dataset, cat.id) == "a cat on a sofa" and store.preview_path(ws, dataset, cat.id).exists()
    assert store.restore_items(ws, dataset) == 1 and len(names(ws, dataset)) == 5


def test_delete_and_restore_a_dataset(ws: Workspace, dataset: str) -> None:
    store.delete(ws, dataset)
    assert store.list_all(ws) == []
    with pytest.raises(UserError):
        store.items(ws, dataset)
    store.restore(ws, dataset)
    assert len(names(ws, dataset)) == 5


def test_a_copied_folder_is_a_dataset_elsewhere(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    import shutil

    from tagtrainer.workspace import open_workspace

    other = open_workspace(tmp_path / "other")
    shutil.copytree(ws.dataset(dataset), other.dataset("renamed"))
    assert [meta.id for meta in store.list_all(other)] == ["renamed"]
    assert len(store.items(other, "renamed")) == 5 and len(store.captions(other, "renamed")) == 5


def test_deleting_the_index_loses_nothing(ws: Workspace, dataset: str) -> None:
    before = store.items(ws, dataset)
    for path in ws.root.glob("index.sqlite*"):
        path.unlink()
    assert store.items(ws, dataset) == before and store.captions(ws, dataset)


def test_a_damaged_index_is_set_aside(ws: Workspace, dataset: str) -> None:
    before = [item.id for item in store.items(ws, dataset)]
    for path in ws.root.glob("index.sqlite-*"):
        path.unlink()
    ws.index.write_bytes(b"this is not a database at all" * 100)
    assert [item.id for item in store.items(ws, dataset)] == before
    assert list(ws.root.glob("index.damaged-*.sqlite"))


def test_changes_made_outside_are_noticed(ws: Workspace, dataset: str) -> None:
    folder, items = ws.dataset(dataset), store.items(ws, dataset)
    assert not index.sync(ws, dataset)
    captions.caption_path(folder, items[0].id).write_bytes("外面写的".encode("gbk"))
    captions.caption_path(folder, items[1].id).unlink()
    store.media_path(ws, dataset, items[4].id).unlink()
    jpeg(folder / "images" / "My new one.JPG", 77)
    (folder / "captions" / "My new one.txt").write_text("new", "utf-8")
    assert index.sync(ws, dataset)
    texts = {item.name: store.captions(ws, dataset)[item.id] for item in store.items(ws, dataset)}
    assert texts == {
        "img_1.jpg": "外面写的",
        "img_2.jpg": "",
        "img_3.jpg": "",
        "img_10.jpg": "一只猫坐在沙发上",
        "My new one.JPG": "new",
    }
    assert not index.sync(ws, dataset)


def test_what_killed_writes_left_goes_after_a_day(ws: Workspace, dataset: str) -> None:
    folder = ws.dataset(dataset)
    old = [folder / "captions" / ".a.txt.1a2b3c4d.tmp", folder / "images" / ".a.jpg.1a2b3c4d.tmp"]
    new, own = folder / "captions" / ".b.txt.1a2b3c4d.tmp", folder / "captions" / ".notes"
    for path in (*old, new, own):
        path.write_text("half", "utf-8")
    for path in (*old, own):
        os.utime(path, (1e9, 1e9))
    index.sync(ws, dataset)
    assert [path.exists() for path in (*old, new, own)] == [False, False, True, True]


def test_every_kind_can_be_made_and_nonsense_is_refused(ws: Workspace) -> None:
    for kind in ("image", "video", "single_control_image", "multi_control_image"):
        assert store.get(ws, store.create(ws, "made", kind).id).kind == kind
    with pytest.raises(UserError, match="nonsense"):
        store.create(ws, "made", "nonsense")


def test_two_of_one_name_and_names_without_letters(ws: Workspace) -> None:
    assert [store.create(ws, name).id for name in ("A b", "a B", "猫", "狗", "con")] == [
        "a_b",
        "a_b-2",
        "dataset",
        "dataset-2",
        "dataset-3",
    ]


@pytest.mark.parametrize("ident", ["../x", "a/b", "", ".", "x\0"])
def test_ids_that_lead_out_are_refused(ws: Workspace, dataset: str, ident: str) -> None:
    for call in (store.get, store.items, store.delete, store.restore):
        with pytest.raises(UserError):
            call(ws, ident)
    for call in (store.media_path, store.preview_path, store.medium_path, store.caption):
        with pytest.raises(UserError):
            call(ws, dataset, ident)


def test_damaged_metadata_is_a_sentence_and_hides_no_other(ws: Workspace, dataset: str) -> None:
    bad = store.create(ws, "bad").id
    (ws.dataset(bad) / "metadata.json").write_text("{", "utf-8")
    assert [meta.id for meta in store.list_all(ws)] == [dataset]
    with pytest.raises(UserError, match="damaged"):
        store.get(ws, bad)


def test_update_keeps_unknown_keys(ws: Workspace, dataset: str) -> None:
    path = ws.dataset(dataset) / "metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "colour": "red"}), "utf-8")
    assert store.update(ws, dataset, name="New", trigger_word="tok").trigger_word == "tok"
    assert json.loads(path.read_text("utf-8"))["colour"] == "red"


def test_the_sample_dataset(ws: Workspace) -> None:
    ident = sample.make_sample(ws)
    items = store.items(ws, ident)
    assert len(items) == sample.COUNT and all(item.has_caption for item in items)
    assert all(text.startswith(sample.TRIGGER) for text in store.captions(ws, ident).values())
    assert len({item.sha256 for item in items}) == sample.COUNT


@given(st.text(max_size=120), st.binary(min_size=1, max_size=20))
def test_every_item_id_is_safe(name: str, data: bytes) -> None:
    import hashlib

    from tagtrainer.core.files import safe_id

    digest = hashlib.sha256(data).hexdigest()
    assert safe_id(item_id(name + ".jpg", digest)).endswith("-" + digest[:8])


@given(st.text(alphabet=st.characters(exclude_characters="\x00\r", exclude_categories=["Cs"]), max_size=80))
def test_captions_decode_what_editors_write(text: str) -> None:
    stripped = captions.as_read(text)
    assert stripped == text.strip("\n") or "\ufeff" in text
    assert captions.decode(text.encode("utf-8")) == stripped
    assert captions.decode(b"\xef\xbb\xbf" + text.encode("utf-8")) == stripped
    assert captions.decode(text.encode("utf-16")) == stripped


@given(st.text(max_size=80))
def test_what_is_written_is_what_is_read(text: str) -> None:
    known = captions.as_read(text)
    assert captions.as_read(known) == known == captions.decode(known.encode("utf-8"))


def test_a_file_that_is_no_text_is_kept_when_a_caption_replaces_it(ws: Workspace, dataset: str) -> None:
    cat, latin = by_name(ws, dataset, "img_2.jpg"), "café noir".encode("latin-1")
    path = ws.dataset(dataset) / "captions" / f"{cat.id}.txt"
    path.write_bytes(latin)
    assert store.captions(ws, dataset)[cat.id] == ""
    store.write_captions(ws, dataset, {cat.id: "a cat"}, who="user", title="typed")
    kept = list((ws.dataset(dataset) / "history").glob("*.unreadable"))
    assert store.caption(ws, dataset, cat.id) == "a cat" and [path.read_bytes() for path in kept] == [latin]


def test_gbk_and_nonsense() -> None:
    assert captions.decode("宇航员在月球上".encode("gbk")) == "宇航员在月球上"
    assert captions.decode(b"\x00\x01\x02") is None and captions.decode(b"\xff\x00") is None
    assert captions.decode(b"one\r\ntwo\r\n") == "one\ntwo"


@given(st.lists(st.one_of(st.binary(max_size=30), st.just(b"GOOD")), max_size=12))
def test_damaged_lines_of_items_are_skipped(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    folder = tmp_path_factory.mktemp("items")
    item = Item("a-12345678", "a.jpg", ".jpg", 10, 20, 30, "ff", 1.0)
    good = json.dumps(records.to_row(item)).encode()
    clean = [line.replace(b"\n", b" ") for line in lines]
    (folder / "items.jsonl").write_bytes(b"\n".join(good if line == b"GOOD" else line for line in clean) + b"\n")
    assert records.read(folder) == ({item.id: item} if b"GOOD" in clean else {})


def test_reading_items_takes_in_only_what_is_new(tmp_path: Path) -> None:
    items = [Item(f"i{n}-12345678", f"{n}.jpg", ".jpg", 1, 1, 1, "ff", 1.0) for n in range(3)]
    records.add(tmp_path, items[:2])
    assert list(records.read(tmp_path)) == [items[0].id, items[1].id]
    with (tmp_path / "items.jsonl").open("ab") as handle:
        handle.write(b'{"id": "half')
    assert len(records.read(tmp_path)) == 2
    records.forget(tmp_path, [items[0].id])
    records.add(tmp_path, [items[2]])
    assert list(records.read(tmp_path)) == [items[1].id, items[2].id]
    time.sleep(0.01)
    (tmp_path / "items.jsonl").rename(tmp_path / "old")
    assert records.read(tmp_path) == {}


def test_what_changed_about_items_is_in_the_index_as_if_it_were_made_anew(ws: Workspace, dataset: str) -> None:
    """Marks and crops go into the index without the captions being read, which it must keep."""
    ids = [item.id for item in store.items(ws, dataset)]
    with (ws.dataset(dataset) / "captions" / f"{ids[0]}.txt").open("w", encoding="utf-8") as handle:
        handle.write("written outside, not seen yet")
    for wanted in ({"flagged": True}, {"repeats": 70_000}, {"flagged": False, "repeats": 3}, {"crop": [0, 0, 20, 30]}):
        assert store.change_items(ws, dataset, dict.fromkeys(ids, wanted), who="user", title="x") == len(ids)
        index.sync(ws, dataset)
        seen = (store.items(ws, dataset), names(ws, dataset, sort="aspect"), index.totals(ws, dataset))
        texts = store.captions(ws, dataset)
        index.drop(ws, dataset)
        assert (store.items(ws, dataset), names(ws, dataset, sort="aspect"), index.totals(ws, dataset)) == seen
        assert store.captions(ws, dataset) == texts and texts[ids[0]] == "written outside, not seen yet"
    assert {item.repeats for item in seen[0]} == {3} and {item.size for item in seen[0]} == {(20, 30)}
    with pytest.raises(UserError, match="does not fit"):
        store.change_items(ws, dataset, {ids[0]: {"repeats": "often"}}, who="user", title="x")


def test_a_mark_on_an_item_that_the_index_does_not_know_yet(ws: Workspace, dataset: str) -> None:
    ids = [item.id for item in store.items(ws, dataset)]
    index.remove(ws, dataset, ids[:2])
    assert store.change_items(ws, dataset, {key: {"flagged": True} for key in ids}, who="user", title="x") == len(ids)
    assert names(ws, dataset, flagged=True) == names(ws, dataset) and len(names(ws, dataset)) == len(ids)
