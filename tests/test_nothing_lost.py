"""Two processes edit, replace, undo, delete, restore and import in one dataset while they are killed: no text is ever lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tagtrainer.core.files import read_jsonl
from tagtrainer.datasets import changes, history, index, records, store, transfer
from tagtrainer.workspace import Workspace
from tests.pictures import jpeg
from tests.test_datasets_crash import kill_when, start

pytestmark = [pytest.mark.crash, pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")]
WORKER = """
import json, random, sys
from tagtrainer.core.text import UserError
from tagtrainer.datasets import history, store, transfer, trash
from tagtrainer.datasets.text import bulk
from tagtrainer.datasets.text.operations import operation
from tagtrainer.workspace import open_workspace
root, dataset, name, more = sys.argv[1:]
ws, chance, told = open_workspace(root), random.Random(name), open(f"{root}/{name}.jsonl", "a")
def ids():
    return [item.id for item in store.items(ws, dataset)]
def write(count):
    found = ids()
    texts = {i: f"{name} {chance.random()}, red hat" for i in chance.sample(found, min(count, len(found)))}
    store.write_captions(ws, dataset, texts, who=name, title="write")
    print(json.dumps(list(texts.values())), file=told, flush=True)
def replace():
    old, new = chance.sample(["red hat", "a much longer green hat", "hat"], 2)
    bulk.apply(ws, dataset, operation("replace", {"old": old, "new": new}), bulk.Scope())
def turn():
    entry = chance.choice(history.entries(ws, dataset, 0, 12)[0])
    (history.redo if entry.undone else history.undo)(ws, dataset, entry.id)
def delete():
    store.delete_items(ws, dataset, ids()[:chance.choice([1, 55])])
def restore():
    store.restore_items(ws, dataset, None)
def bring():
    transfer.import_paths(ws, dataset, [more])
while True:
    try:
        chance.choice([lambda: write(1), lambda: write(60), replace, turn, delete, restore, restore, bring])()
    except UserError:
        pass
"""


def every_text(folder: Path) -> set[str]:
    """All that is still somewhere: in captions/, in the history, in the trash."""
    rows = [change for row in read_jsonl(changes.path_of(folder)) for change in row["changes"]]
    kept = {text for row in rows for text in (row["old"], row["new"], row.get("caption")) if isinstance(text, str)}
    files = [*(folder / "captions").glob("[!.]*.txt"), *(folder / "trash").glob("*/caption.txt")]
    on_disk = {path.read_text("utf-8").rstrip("\n") for path in files} - {""}
    assert on_disk <= kept, "a text that nobody wrote"
    return kept


def test_two_processes_that_are_killed_lose_nothing(ws: Workspace, tmp_path: Path) -> None:
    for place, numbers in (("first", range(60)), ("second", range(60, 80))):
        for n in numbers:
            jpeg(tmp_path / place / f"{n:03d}.jpg", n, (64, 48)).with_suffix(".txt").write_text(f"caption {n}, hat")
    dataset = store.create(ws, "both").id
    folder, log = ws.dataset(dataset), changes.path_of(ws.dataset(dataset))
    transfer.import_paths(ws, dataset, [tmp_path / "first"])
    words = ("-c", WORKER, str(ws.root), dataset)
    other = start(*words, "b", str(tmp_path / "second"))
    for run in range(3):
        wanted = log.read_bytes().count(b"\n") + 9
        one = start(*words, f"a{run}", str(tmp_path / "second"))
        kill_when(one, lambda wanted=wanted: log.read_bytes().count(b"\n") >= wanted)
    other.kill()
    other.wait()
    check_files(ws, dataset)
    kept = every_text(folder)
    written = [text for path in ws.root.glob("[ab]*.jsonl") for row in read_jsonl(path) for text in row]
    assert set(written) <= kept and {f"caption {n}, hat" for n in range(60)} <= kept
    check_undo(ws, dataset)


def check_files(ws: Workspace, dataset: str) -> None:
    """Every picture is here or whole in the trash, and the index says what the files say."""
    folder = ws.dataset(dataset)
    store.restore_items(ws, dataset)
    index.sync(ws, dataset)
    pictures = {path.stem for path in (folder / "images").glob("[!.]*")}
    assert {item.id for item in store.items(ws, dataset)} == pictures == set(records.read(folder))
    added = {
        row["item"] for line in read_jsonl(changes.path_of(folder)) if line["kind"] == "add" for row in line["changes"]
    }
    assert added <= pictures
    assert index.all_captions(ws, dataset) == {ident: store.caption(ws, dataset, ident) for ident in pictures}


def check_undo(ws: Workspace, dataset: str) -> None:
    before = store.captions(ws, dataset)
    store.write_captions(ws, dataset, dict.fromkeys(before, "all one"), who="t", title="t")
    assert history.undo(ws, dataset).conflicts == 0
    assert store.captions(ws, dataset) == before
