"""History: every kind of change is one entry, undone and redone exactly, also after a restart; later edits are left alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tagtrainer.core.text import UserError
from tagtrainer.datasets import history, index, store, transfer
from tagtrainer.datasets.history import Title
from tagtrainer.datasets.models import ItemFilter
from tagtrainer.workspace import Workspace, open_workspace
from tests.pictures import jpeg


@pytest.fixture
def ws(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "workspace")


@pytest.fixture
def dataset(ws: Workspace, tmp_path: Path) -> str:
    for number in range(6):
        jpeg(tmp_path / "in" / f"{number}.jpg", number)
        (tmp_path / "in" / f"{number}.txt").write_text(f"caption {number}", "utf-8")
    ident = store.create(ws, "boats").id
    transfer.import_paths(ws, ident, [tmp_path / "in"])
    return ident


def ids(ws: Workspace, dataset: str) -> list[str]:
    return [item.id for item in store.items(ws, dataset)]


def texts(ws: Workspace, dataset: str) -> list[str]:
    return [store.caption(ws, dataset, ident) for ident in ids(ws, dataset)]


def test_a_bulk_edit_is_one_entry_with_a_diff_and_goes_back_and_forth(ws: Workspace, dataset: str) -> None:
    before = texts(ws, dataset)
    changed = {ident: f"new {number}" for number, ident in enumerate(ids(ws, dataset))}
    store.write_captions(ws, dataset, changed, who="user", title=Title("datasets.change.delete", count=6))
    found, total = history.entries(ws, dataset)
    assert (total, found[0].count, found[0].kind, found[0].undone) == (2, 6, "captions", False)
    rows, count = history.diff(ws, dataset, found[0].id, 1, 2)
    assert count == 6 and [(row["old"], row["new"]) for row in rows] == [("caption 1", "new 1"), ("caption 2", "new 2")]
    assert rows[0]["name"] == "1.jpg"
    assert history.undo(ws, dataset) == history.Undone(found[0].id, 6, 0)
    assert texts(ws, dataset) == before and list(store.captions(ws, dataset).values()) == before
    assert history.entries(ws, dataset)[0][0].undone
    assert history.redo(ws, dataset).changed == 6
    assert texts(ws, dataset) == list(changed.values())
    assert not history.entries(ws, dataset)[0][0].undone
    history.undo(ws, dataset, found[0].id)
    with pytest.raises(UserError):
        history.undo(ws, dataset, found[0].id)
    assert texts(ws, dataset) == before


def test_what_was_edited_since_is_left_alone_and_counted(ws: Workspace, dataset: str) -> None:
    first, second, *_ = ids(ws, dataset)
    store.write_captions(ws, dataset, {first: "a", second: "b"}, who="user", title="bulk")
    entry = history.entries(ws, dataset)[0][0].id
    store.write_captions(ws, dataset, {second: "by hand"}, who="user", title="typed")
    undone = history.undo(ws, dataset, entry)
    assert (undone.changed, undone.conflicts) == (1, 1)
    assert (store.caption(ws, dataset, first), store.caption(ws, dataset, second)) == ("caption 0", "by hand")


def test_writes_of_one_group_are_one_change(ws: Workspace, dataset: str) -> None:
    first, second, *_ = ids(ws, dataset)
    for ident, text in ((first, "x"), (second, "y"), (first, "z")):
        store.write_captions(ws, dataset, {ident: text}, who="caption:m", title="run", group="task-1")
    found, _ = history.entries(ws, dataset)
    assert (found[0].id, found[0].count) == ("task-1", 3)
    assert history.undo(ws, dataset, "task-1").changed == 2
    assert texts(ws, dataset)[:2] == ["caption 0", "caption 1"]


def test_deleting_cropping_and_flagging_are_undone_too(ws: Workspace, dataset: str) -> None:
    first, second, *_ = ids(ws, dataset)
    whole = store.item(ws, dataset, first)
    store.change_items(
        ws, dataset, {first: {"crop": [0, 0, 40, 30]}, second: {"flagged": True}}, who="user", title="crop"
    )
    cropped = store.item(ws, dataset, first)
    assert cropped.size == (40, 30) and cropped.stamp != whole.stamp
    assert store.preview_path(ws, dataset, first) != store.whole_path(ws, dataset, first, "preview")
    assert index.page(ws, dataset, ItemFilter(flagged=True), 0, 9).items[0].id == second
    store.delete_items(ws, dataset, [first])
    assert first not in ids(ws, dataset)
    assert history.undo(ws, dataset).changed == 1
    assert store.item(ws, dataset, first).crop == (0, 0, 40, 30) and store.caption(ws, dataset, first) == "caption 0"
    assert history.undo(ws, dataset).changed == 2
    assert store.item(ws, dataset, first) == whole and not store.item(ws, dataset, second).flagged
    assert history.redo(ws, dataset).changed == 2
    assert store.item(ws, dataset, first).crop == (0, 0, 40, 30)


def test_an_import_is_taken_back_and_brought_back_by_another_process(ws: Workspace, dataset: str) -> None:
    before = texts(ws, dataset)
    script = (
        "import sys; from tagtrainer.workspace import open_workspace; from tagtrainer.datasets import history\n"
        "ws = open_workspace(sys.argv[1]); print(getattr(history, sys.argv[3])(ws, sys.argv[2]).changed)\n"
    )
    for verb, left in (("undo", 0), ("redo", 6)):
        done = subprocess.run(
            [sys.executable, "-c", script, str(ws.root), dataset, verb], capture_output=True, text=True, check=True
        )
        assert done.stdout.strip() == "6"
        index.sync(ws, dataset)
        assert len(ids(ws, dataset)) == left
    assert texts(ws, dataset) == before
    with pytest.raises(UserError):
        history.redo(ws, dataset)


def test_impossible_changes_are_refused_and_nothing_is_written(ws: Workspace, dataset: str) -> None:
    first = ids(ws, dataset)[0]
    for values in ({"crop": [0, 0, 10**6, 5]}, {"crop": [-1, 0, 5, 5]}, {"name": "x"}, {"repeats": "many"}):
        with pytest.raises(UserError):
            store.change_items(ws, dataset, {first: values}, who="user", title="bad")
    assert history.entries(ws, dataset)[1] == 1
    with pytest.raises(UserError):
        history.diff(ws, dataset, "nothing")
