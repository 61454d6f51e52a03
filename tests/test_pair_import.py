"""Import into datasets with control images: found by name, given as a number, again after a kill, nothing lost on the way."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tagtrainer.core.text import UserError, speaking
from tagtrainer.datasets import history, index, records, store, transfer
from tagtrainer.datasets.models import ImportReport, Item
from tagtrainer.datasets.pairs import controls, waiting
from tagtrainer.workspace import Workspace
from tests.pictures import jpeg, zip_of

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def many(ws: Workspace) -> str:
    return store.create(ws, "many", "multi_control_image").id


@pytest.fixture
def single(ws: Workspace) -> str:
    return store.create(ws, "single", "single_control_image").id


def take(ws: Workspace, dataset: str, *sources: Path, control: int | None = None) -> ImportReport:
    report = transfer.import_paths(ws, dataset, list(sources), control=control)
    whole(ws, dataset)
    return report


def whole(ws: Workspace, dataset: str) -> None:
    """Every recorded file and preview is there, nothing half-written, no control file that nobody has."""
    folder = ws.dataset(dataset)
    assert not index.sync(ws, dataset)
    items = store.items(ws, dataset)
    used = {control.file for item in items for control in item.controls}
    there = {path.name for path in (folder / "control").iterdir() if path.is_file() and path.name != controls.SERIALS}
    assert used <= there
    for item in items:
        assert store.media_path(ws, dataset, item.id).is_file() and store.medium_path(ws, dataset, item.id).is_file()
        for control in item.controls:
            assert store.control_path(ws, dataset, control).stat().st_size == control.bytes
            assert store.control_preview_path(ws, dataset, control).is_file()
    assert not [path for path in folder.rglob("*.tmp*") if path.is_file()] and not list(ws.temporary.glob("import-*"))


def shown(ws: Workspace, dataset: str) -> dict[str, list[str]]:
    return {item.name: [control.name for control in item.controls] for item in store.items(ws, dataset)}


def by_name(ws: Workspace, dataset: str, name: str) -> Item:
    return next(item for item in store.items(ws, dataset) if item.name == name)


def edits(folder: Path, count: int, start: int = 0) -> Path:
    """Targets with captions, two control images each."""
    for n in range(start, start + count):
        jpeg(folder / f"x{n}.jpg", n)
        jpeg(folder / f"x{n}_0.jpg", 100 + n)
        jpeg(folder / "control" / f"only{n}.jpg", 200 + n) if n % 5 == 4 else jpeg(folder / f"x{n}_1.jpg", 60 + n)
        (folder / f"x{n}.txt").write_text(f"make it {n}", "utf-8")
    return folder


def test_pairs_are_found_and_captions_kept(ws: Workspace, many: str, tmp_path: Path) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    for n in range(3):
        jpeg(tmp_path / "in" / f"x{n}.jpg", n)
        jpeg(tmp_path / "in" / f"x{n}_1.jpg", 100 + n)
        jpeg(tmp_path / "in" / f"x{n}_0.jpg", 60 + n)
        (tmp_path / "in" / f"x{n}.txt").write_text(f"make it {n}", "utf-8")
    jpeg(tmp_path / "in" / "sub" / "y.jpg", 40)
    jpeg(tmp_path / "in" / "sub" / "control" / "y.jpg", 41)
    (tmp_path / "in" / "sub" / "control" / "y.txt").write_text("from beside the control", "utf-8")
    report = take(ws, many, tmp_path / "in")
    assert (report.added, report.controls, report.captions, report.skipped) == (4, 7, 4, [])
    assert shown(ws, many) == {**{f"x{n}.jpg": [f"x{n}_0.jpg", f"x{n}_1.jpg"] for n in range(3)}, "y.jpg": ["y.jpg"]}
    assert store.caption(ws, many, by_name(ws, many, "y.jpg").id) == "from beside the control"
    again = take(ws, many, tmp_path / "in")
    assert (again.added, again.controls, again.duplicates, again.skipped) == (0, 0, 4, [])
    assert len(list((ws.dataset(many) / "control").glob("*.jpg"))) == 7
    entries, count = history.entries(ws, many)
    assert count == 1 and entries[0].kind == "add"
    history.undo(ws, many)
    assert shown(ws, many) == {} and not list((ws.dataset(many) / "control").glob("*.jpg"))
    history.redo(ws, many)
    whole(ws, many)
    assert len(shown(ws, many)["x0.jpg"]) == 2


def test_what_does_not_fit_waits_and_is_named(ws: Workspace, single: str, tmp_path: Path) -> None:
    for name, seed in {"x": 1, "x_0": 2, "x_1": 3, "y": 4, "lost_control": 5, "control/z": 6}.items():
        jpeg(tmp_path / "in" / f"{name}.jpg", seed)
    (tmp_path / "in" / "y_control.jpg").write_text("broken", "utf-8")
    report = take(ws, single, tmp_path / "in")
    assert shown(ws, single) == {"x.jpg": [], "x_0.jpg": [], "x_1.jpg": [], "y.jpg": []}  # control/ serves this folder
    reasons = {row.file: row.key.rpartition(".")[2] for row in report.skipped}
    assert reasons == {"lost_control.jpg": "no_target", "control/z.jpg": "no_target", "y_control.jpg": "not_a_picture"}
    assert [entry.name for entry in waiting.entries(ws, single)] == ["z.jpg", "lost_control.jpg"]
    with speaking("zh-CN"):
        assert "没有" in waiting.entries(ws, single)[0].reason
    take(ws, single, tmp_path / "in")
    assert waiting.count(ws, single) == 2
    waiting.pair(ws, single, by_name(ws, single, "y.jpg").id, waiting.entries(ws, single)[0].id)
    report = take(ws, single, tmp_path / "in")
    assert waiting.count(ws, single) == 1 and shown(ws, single)["y.jpg"] == ["z.jpg"]


def test_a_single_control_takes_one_and_names_the_rest(ws: Workspace, single: str, tmp_path: Path) -> None:
    for name, seed in {"x": 1, "x_0": 2, "x_1": 3}.items():
        jpeg(tmp_path / "in" / f"{name}.jpg", seed)
    report = take(ws, single, tmp_path / "in")
    assert shown(ws, single) == {"x.jpg": ["x_0.jpg"]}
    assert [(row.file, row.key) for row in report.skipped] == [("x_1.jpg", "pairs.reason.too_many")]
    entry = waiting.entries(ws, single)[0]
    assert entry.target == by_name(ws, single, "x.jpg").id
    waiting.pair(ws, single, entry.target, entry.id, which=1)
    assert shown(ws, single) == {"x.jpg": ["x_1.jpg"]}


def test_a_second_folder_and_a_zip_are_given_as_controls(ws: Workspace, many: str, tmp_path: Path) -> None:
    for n in range(3):
        jpeg(tmp_path / "target" / f"p{n}.jpg", n)
        jpeg(tmp_path / "depth" / f"P{n}.jpg", 100 + n)
    jpeg(tmp_path / "depth" / "nobody.jpg", 77)
    take(ws, many, tmp_path / "target")
    report = take(ws, many, tmp_path / "depth", control=2)
    assert (report.added, report.controls, report.items) == (0, 3, [])
    assert [row.file for row in report.skipped] == ["nobody.jpg"]
    entries = {f"p{n}.jpg": (tmp_path / "target" / f"p{n}.jpg").read_bytes() for n in range(3)}
    report = take(ws, many, zip_of(tmp_path / "same.zip", entries), control=1)
    assert report.controls == 3
    assert shown(ws, many) == {f"p{n}.jpg": [f"p{n}.jpg", f"P{n}.jpg"] for n in range(3)}
    assert take(ws, many, tmp_path / "depth", control=2).controls == 0
    history.undo(ws, many)
    assert shown(ws, many) == {f"p{n}.jpg": [f"P{n}.jpg"] for n in range(3)}


def test_sources_named_target_and_control(ws: Workspace, single: str, tmp_path: Path) -> None:
    jpeg(tmp_path / "after" / "a.jpg", 1)
    jpeg(tmp_path / "before" / "a.jpg", 2)
    take(ws, single, tmp_path / "after", tmp_path / "before")
    assert {name: [control.bytes for control in by_name(ws, single, name).controls] for name in shown(ws, single)} == {
        "a.jpg": [(tmp_path / "before" / "a.jpg").stat().st_size]
    }


def test_controls_that_come_later_join_their_pictures(ws: Workspace, many: str, tmp_path: Path) -> None:
    jpeg(tmp_path / "one" / "x.jpg", 1)
    jpeg(tmp_path / "one" / "x_1.jpg", 2)
    take(ws, many, tmp_path / "one")
    jpeg(tmp_path / "one" / "x_0.jpg", 3)
    report = take(ws, many, tmp_path / "one")
    assert (report.added, report.controls) == (0, 1)
    assert shown(ws, many) == {"x.jpg": ["x_0.jpg", "x_1.jpg"]}
    assert take(ws, many, jpeg(tmp_path / "x_2.jpg", 4)).controls == 1
    assert shown(ws, many) == {"x.jpg": ["x_0.jpg", "x_1.jpg", "x_2.jpg"]}


def test_a_picture_that_somebody_removed_comes_back_with_its_controls(ws: Workspace, many: str, tmp_path: Path) -> None:
    jpeg(tmp_path / "in" / "x.jpg", 1)
    jpeg(tmp_path / "in" / "x_0.jpg", 2)
    take(ws, many, tmp_path / "in")
    store.media_path(ws, many, by_name(ws, many, "x.jpg").id).unlink()
    assert index.sync(ws, many) and shown(ws, many) == {}
    take(ws, many, tmp_path / "in")
    assert shown(ws, many) == {"x.jpg": ["x_0.jpg"]}
    assert len(list((ws.dataset(many) / "control").glob("*.jpg"))) == 1


def test_one_target_with_two_stories_is_two_items(ws: Workspace, single: str, tmp_path: Path) -> None:
    for name in ("day", "night"):
        jpeg(tmp_path / "in" / f"{name}.jpg", 1)
    jpeg(tmp_path / "in" / "day_control.jpg", 2)
    jpeg(tmp_path / "in" / "night_control.jpg", 3)
    report = take(ws, single, tmp_path / "in")
    assert report.added == 2 and shown(ws, single) == {
        "day.jpg": ["day_control.jpg"],
        "night.jpg": ["night_control.jpg"],
    }
    assert take(ws, single, tmp_path / "in").duplicates == 2


def test_refusals(ws: Workspace, single: str, tmp_path: Path) -> None:
    plain = store.create(ws, "plain").id
    jpeg(tmp_path / "a.jpg", 1)
    for dataset, number, key in ((plain, 1, "other_kind"), (single, 2, "too_high"), (single, 0, "bad_number")):
        with pytest.raises(UserError) as caught:
            transfer.import_paths(ws, dataset, [tmp_path / "a.jpg"], control=number)
        assert caught.value.key == f"pairs.{key}"


def test_pairs_in_a_zip(ws: Workspace, many: str, tmp_path: Path) -> None:
    edits(tmp_path / "in", 4)
    with zipfile.ZipFile(tmp_path / "in.zip", "w") as packed:
        for path in sorted((tmp_path / "in").rglob("*.*")):
            packed.write(path, path.relative_to(tmp_path / "in").as_posix())
    report = take(ws, many, tmp_path / "in.zip")
    assert (report.added, report.controls, report.captions) == (4, 8, 4)


SCRIPT = (
    "import os, signal, sys\nfrom pathlib import Path\n"
    "from tagtrainer.datasets import transfer\nfrom tagtrainer.workspace import open_workspace\n"
    "root, dataset, source, at, control = sys.argv[1:]\n"
    "def stop(n, total, name):\n    if n == int(at): os.kill(os.getpid(), signal.SIGKILL)\n"
    "transfer.import_paths(open_workspace(root), dataset, [Path(source)], stop, control=int(control) or None)\n"
)


def killed_at(ws: Workspace, dataset: str, source: Path, at: int, control: int = 0) -> None:
    words = [str(ws.root), dataset, str(source), str(at), str(control)]
    assert subprocess.run([sys.executable, "-c", SCRIPT, *words], cwd=ROOT).returncode == -9


@pytest.mark.crash
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_killed_half_way_and_again_is_complete(ws: Workspace, many: str, tmp_path: Path) -> None:
    count = 80
    for n in range(count):
        jpeg(tmp_path / "in" / f"x{n}.jpg", n, (300 + n, 200))
        jpeg(tmp_path / "in" / f"x{n}_0.jpg", n, (310 + n, 200))
        jpeg(tmp_path / "in" / f"x{n}_1.jpg", n, (320 + n, 200))
        (tmp_path / "in" / f"x{n}.txt").write_text(f"make it {n}", "utf-8")
    killed_at(ws, many, tmp_path / "in", 20)
    index.sync(ws, many)  # the page looks in between: pictures that were not recorded yet are adopted
    killed_at(ws, many, tmp_path / "in", 70)
    report = transfer.import_paths(ws, many, [tmp_path / "in"])
    assert report.skipped == []
    items = records.read(ws.dataset(many))
    assert len(items) == count
    for item in items.values():
        assert [control.name for control in item.controls] == [f"{Path(item.name).stem}_{n}.jpg" for n in (0, 1)]
    assert all(store.caption(ws, many, ident).startswith("make it") for ident in items)
    assert len(list((ws.dataset(many) / "control").glob("*.jpg"))) == 2 * count


@pytest.mark.crash
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_a_numbered_import_killed_and_again_is_complete(ws: Workspace, many: str, tmp_path: Path) -> None:
    count = 120
    for n in range(count):
        jpeg(tmp_path / "target" / f"x{n}.jpg", n, (60 + n, 50))
        jpeg(tmp_path / "depth" / f"x{n}.jpg", n, (60 + n, 70))
    jpeg(tmp_path / "depth" / "else.jpg", 5)
    take(ws, many, tmp_path / "target")
    killed_at(ws, many, tmp_path / "depth", 60, control=1)
    whole(ws, many)
    take(ws, many, tmp_path / "depth", control=1)
    assert shown(ws, many) == {f"x{n}.jpg": [f"x{n}.jpg"] for n in range(count)}
    assert len(list((ws.dataset(many) / "control").glob("*.jpg"))) == count and waiting.count(ws, many) == 1
