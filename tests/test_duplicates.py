"""Copies in a dataset: what is found and what is not on real photographs, the best of a group, removal, crashes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tagtrainer.core.text import UserError
from tagtrainer.datasets import history, store, transfer
from tagtrainer.datasets.curation import duplicates, links, measures, measuring
from tagtrainer.datasets.curation.duplicates import Found
from tagtrainer.datasets.models import Item
from tagtrainer.workspace import Workspace, open_workspace
from tests import copies, pictures
from tests.photographs import photographs

YES = np.ones(6, dtype=np.bool_)
EMPTY = np.zeros(6, dtype=measures._DTYPE)


def names(found: Found) -> list[set[str]]:
    return [{member.item.name for member in group.members} for group in found.groups]


def filled(ws: Workspace, folder: Path, name: str = "photos") -> str:
    dataset = store.create(ws, name).id
    transfer.import_paths(ws, dataset, [folder])
    return dataset


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workspace, str, dict[str, str]]:
    """Look, do not change: the set made by hand, measured."""
    root = tmp_path_factory.mktemp("copies")
    truth = copies.make(root / "set")
    ws = open_workspace(root / "workspace")
    dataset = filled(ws, root / "set")
    duplicates.look(ws, dataset)
    return ws, dataset, truth


def test_precision_and_recall_on_the_set_made_by_hand(by_hand: tuple[Workspace, str, dict[str, str]]) -> None:
    ws, dataset, truth = by_hand
    assert sum(map(len, copies.COPIES.values())) == 40 and len(copies.LOOK_ALIKES) == 10
    right = {frozenset(pair) for pair in combinations(truth, 2) if truth[pair[0]] and truth[pair[0]] == truth[pair[1]]}
    scores = {}
    for distance in (4, 8, duplicates.USUAL, links.FURTHEST):
        groups = names(duplicates.find(ws, dataset, distance))
        found = {frozenset(pair) for group in groups for pair in combinations(group, 2)}
        with_original = {name for group in groups for name in group if len({*group} & {f"{truth[name]}.jpg"}) == 1}
        recall = sum(bool(of) and name != f"{of}.jpg" and name in with_original for name, of in truth.items()) / 40
        precision = len(found & right) / max(1, len(found))
        scores[distance] = (precision, recall)
        print(f"distance {distance}: precision {precision:.3f}, recall {recall:.3f}")
    assert scores[4][0] == 1 and scores[4][1] >= 0.75
    assert min(scores[duplicates.USUAL]) >= 0.95 and scores[links.FURTHEST][0] >= 0.95


def test_mirrored_copies_are_found_when_asked_for(by_hand: tuple[Workspace, str, dict[str, str]]) -> None:
    ws, dataset, _ = by_hand
    mirrored = {name for name in copies.LOOK_ALIKES if "mirrored" in name}
    plain = set().union(*names(duplicates.find(ws, dataset)))
    asked = duplicates.find(ws, dataset, mirrored=True)
    assert plain.isdisjoint(f"{name}.jpg" for name in mirrored)
    assert {f"{name}.jpg" for name in mirrored} <= set().union(*names(asked))
    for group in asked.groups:  # whichever side is kept, the other side is the mirrored one
        sides = {"mirrored" in member.item.name: member.mirrored for member in group.members if member.likeness}
        assert len(sides) < 2 or sides[True] != sides[False]


def test_the_best_of_a_group_is_kept(by_hand: tuple[Workspace, str, dict[str, str]]) -> None:
    ws, dataset, _ = by_hand
    kept = {group.members[0].item.name for group in duplicates.find(ws, dataset).groups}
    assert {"chelsea.jpg", "camera.jpg", "coins.jpg", "rocket.jpg", "coffee large.jpg"} <= kept
    assert not {name for name in kept if " q" in name or " half" in name or " all" in name}


def test_counts_for_every_distance_are_those_of_looking(by_hand: tuple[Workspace, str, dict[str, str]]) -> None:
    ws, dataset, _ = by_hand
    counts = duplicates.find(ws, dataset).counts
    for distance, (groups, surplus) in enumerate(counts):
        found = duplicates.find(ws, dataset, distance)
        assert (len(found.groups), len(found.surplus)) == (groups, surplus)


def small_set(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("chelsea", "coffee", "rocket"):
        photographs()[name].save(folder / f"{name}.jpg", quality=92)
        copies.resized(0.5)(photographs()[name]).save(folder / f"{name} half.jpg", quality=92)
    return folder


def test_removing_is_one_change_that_can_be_undone(ws: Workspace, tmp_path: Path) -> None:
    dataset = filled(ws, small_set(tmp_path / "set"))
    duplicates.look(ws, dataset)
    found = duplicates.find(ws, dataset)
    assert len(found.groups) == 3 and found.pending == 0
    assert duplicates.remove(ws, dataset, found.surplus) == 3
    assert {item.name for item in store.items(ws, dataset)} == {"chelsea.jpg", "coffee.jpg", "rocket.jpg"}
    assert duplicates.find(ws, dataset).groups == []
    history.undo(ws, dataset)
    assert len(store.items(ws, dataset)) == 6 and len(duplicates.find(ws, dataset).groups) == 3
    with pytest.raises(UserError):
        duplicates.remove(ws, dataset, [])


def test_only_what_is_new_or_changed_is_looked_at(ws: Workspace, tmp_path: Path) -> None:
    dataset = filled(ws, small_set(tmp_path / "set"))
    assert duplicates.find(ws, dataset).pending == 6
    assert duplicates.look(ws, dataset) == measuring.Report(6, 0, 0)
    assert duplicates.look(ws, dataset) == measuring.Report(0, 6, 0)
    item = next(item for item in store.items(ws, dataset) if item.name == "coffee.jpg")
    store.change_items(ws, dataset, {item.id: {"crop": [0, 0, 200, 200]}}, who="user", title="cut")
    assert duplicates.find(ws, dataset).pending == 1 and len(duplicates.find(ws, dataset).groups) == 2
    assert duplicates.look(ws, dataset) == measuring.Report(1, 5, 0)
    assert len(duplicates.find(ws, dataset).groups) == 2


def test_measures_of_an_earlier_version_are_made_anew(ws: Workspace, tmp_path: Path) -> None:
    dataset = filled(ws, small_set(tmp_path / "set"))
    duplicates.look(ws, dataset)
    path = measures.folder(ws, dataset) / "measures.jsonl"
    old = path.with_name("old")
    old.write_text(path.read_text("utf-8").replace(f'"v":{measures.VERSION}', '"v":1') + "\n", "utf-8")
    old.replace(path)
    found = duplicates.find(ws, dataset)
    assert (found.pending, found.older, found.groups) == (6, 6, []), (
        "nothing is proposed by what was measured otherwise"
    )
    assert duplicates.look(ws, dataset) == measuring.Report(6, 0, 0)
    found = duplicates.find(ws, dataset)
    assert (found.pending, found.older, len(found.groups)) == (0, 0, 3)


def test_what_cannot_be_read_is_left_out(ws: Workspace, tmp_path: Path) -> None:
    dataset = filled(ws, small_set(tmp_path / "set"))
    item = next(item for item in store.items(ws, dataset) if item.name == "coffee half.jpg")
    store.preview_path(ws, dataset, item.id).write_bytes(b"not a picture")
    assert duplicates.look(ws, dataset).failed == 1
    assert len(duplicates.find(ws, dataset).groups) == 2 and duplicates.find(ws, dataset).pending == 0


def test_a_damaged_file_of_measures_costs_only_what_is_damaged(ws: Workspace, tmp_path: Path) -> None:
    dataset = filled(ws, small_set(tmp_path / "set"))
    duplicates.look(ws, dataset)
    folder = measures.folder(ws, dataset)
    lines = (folder / "measures.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "measures.jsonl").write_bytes(b"".join([*lines[:3], b"junk\n", lines[3][:20]]))
    (folder / "greys.bin").write_bytes((folder / "greys.bin").read_bytes()[:-700])
    (folder / "links.json").write_text("{", "utf-8")
    assert duplicates.find(ws, dataset).pending == 3
    duplicates.look(ws, dataset)
    assert len(duplicates.find(ws, dataset).groups) == 3


def test_the_copy_with_the_larger_face_is_better() -> None:
    item = Item("a-1", "a.jpg", ".jpg", 1000, 1000, 200_000, "0" * 64, 0.0)
    assert links.rank(item, 5, 90_000) > links.rank(item, 5, 40_000) > links.rank(item, 5)
    half = replace(item, crop=(0, 0, 500, 1000))
    assert links.rank(item, 5) > links.rank(half, 5)


def test_a_series_that_changes_bit_by_bit_is_not_one_picture(ws: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """a is like b, b like c, c like d: only neighbours are copies. All but equal ones, d, e and f, follow each other."""
    dataset = store.create(ws, "series").id
    items = [Item(name, f"{name}.jpg", ".jpg", 900 - n, 900, 1000, name * 64, 0.0) for n, name in enumerate("abcdef")]
    known = [links.Link(*pair, 8, False, 0.8) for pair in ("ab", "bc", "cd")]
    known += [links.Link("d", "e", 2, False, 0.99), links.Link("e", "f", 2, False, 0.99)]
    monkeypatch.setattr(store, "items", lambda *_: items)
    monkeypatch.setattr(links, "read", lambda *_: (known, True))
    monkeypatch.setattr(
        measures,
        "table",
        lambda *_: measures.Table(items, EMPTY[: len(items)], dict.fromkeys(measures.PARTS, YES), ~YES, {}),
    )
    groups = [[member.item.id for member in group.members] for group in duplicates.find(ws, dataset).groups]
    assert groups == [["c", "d", "e", "f"], ["a", "b"]]
    assert [len(group.members) for group in duplicates.find(ws, dataset, 4).groups] == [3]


def test_a_large_crowd_of_other_pictures_with_one_hash_is_no_group(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal hashes, other pictures: what is compared is bounded, nothing is linked, nothing takes ages."""
    chance = np.random.default_rng(2)
    dataset = store.create(ws, "odd").id
    items = [Item(f"i{n:04d}-1", f"{n}.jpg", ".jpg", 100, 100, 1000, f"{n:064x}", 0.0) for n in range(700)]
    monkeypatch.setattr(store, "items", lambda *_: items)
    monkeypatch.setattr(links, "CROWD_TRIES", 0)
    greys = chance.integers(0, 256, (len(items), measures.RECORD), dtype=np.uint8)
    greys[40] = greys[30]  # two copies among them
    measures.save_greys(ws, dataset, [grey.tobytes() for grey in greys])
    same = dict.fromkeys(measures.HASHES, f"{0xF0F0F0F0F0F0F0F0:016x}") | {"part": "duplicates", "detail": 1.0}
    measures.save(
        ws, dataset, [{**same, "id": item.id, "stamp": item.stamp, "grey": n} for n, item in enumerate(items)]
    )
    looked = 0
    compare = links.likeness.likeness

    def counting(*values: object) -> float:
        nonlocal looked
        looked += 1
        return compare(*values)  # type: ignore[arg-type]

    monkeypatch.setattr(links.likeness, "likeness", counting)
    assert len(links.find(ws, dataset)) <= 1 and looked < links.FEW_TRIES + len(items)


def test_a_crowd_of_equal_pictures_is_one_group(ws: Workspace, tmp_path: Path) -> None:
    chance = np.random.default_rng(1)
    base = np.asarray(photographs()["coffee"].resize((160, 120))).astype(np.int16)
    (tmp_path / "crowd").mkdir()
    for number in range(60):
        noisy = np.clip(base + chance.integers(-4, 5, base.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(tmp_path / "crowd" / f"{number:02d}.jpg", quality=90)
    dataset = filled(ws, tmp_path / "crowd")
    duplicates.look(ws, dataset)
    found = duplicates.find(ws, dataset)
    assert [len(group.members) for group in found.groups] == [60]


@pytest.mark.crash
@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_a_killed_look_goes_on_where_it_was(ws: Workspace, tmp_path: Path) -> None:
    for number in range(300):
        pictures.jpeg(tmp_path / "many" / f"{number:03d}.jpg", number, (200 + number, 160))
    dataset = filled(ws, tmp_path / "many")
    argv = [sys.executable, "-m", "tagtrainer", "--workspace", str(ws.root), "--json", "dataset", "measure", dataset]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    path = measures.folder(ws, dataset) / "measures.jsonl"
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end and not (path.exists() and path.stat().st_size):
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = int(measures.table(ws, dataset).known["duplicates"].sum())
    report = duplicates.look(ws, dataset)
    assert report.known == before and report.measured == 300 - before
    assert duplicates.find(ws, dataset).pending == 0
