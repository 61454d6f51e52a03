"""kill -9 in the middle of every kind of work on a dataset: it opens again, every caption ever written is still on disk, and
running the work again gives the whole result.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tagtrainer.core.files import read_jsonl
from tagtrainer.datasets import history, index, store, transfer
from tagtrainer.workspace import Workspace
from tests.pictures import jpeg

pytestmark = [pytest.mark.crash, pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")]
ROOT = Path(__file__).resolve().parent.parent
COUNT = 60
Words = Callable[[str, Path], list[str]]


@pytest.fixture
def dataset(ws: Workspace, tmp_path: Path) -> str:
    """Sixty captioned pictures, every fifth of them twice (once recompressed)."""
    for number in range(COUNT):
        path = jpeg(
            tmp_path / "in" / f"p{number:03d}.jpg", number - number % 5 // 4, (320, 240), quality=90 - number % 7
        )
        path.with_suffix(".txt").write_text(f"boat, sea, number {number}", "utf-8")
    ident = store.create(ws, "killed", trigger_word="sks").id
    transfer.import_paths(ws, ident, [tmp_path / "in"])
    return ident


def run(ws: Workspace, *words: str) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "tagtrainer", "--workspace", str(ws.root), "--json", *words]
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def files_of(folder: Path) -> dict[Path, int]:
    found: dict[Path, int] = {}
    for path in folder.rglob("*"):
        try:
            found[path] = path.stat().st_mtime_ns
        except OSError:
            continue
    return found


def kill_in_the_middle(process: subprocess.Popen[bytes], folder: Path, chance: random.Random) -> bool:
    """Kill when the first file below the folder has changed, or a moment later; True when it was still at work."""
    before = files_of(folder)
    while process.poll() is None and files_of(folder) == before:
        time.sleep(0.002)
    time.sleep(chance.uniform(0, 0.15))
    alive = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    return alive


def texts_on_disk(ws: Workspace) -> set[str]:
    """Every text that lies anywhere in the workspace: caption files, trash, history."""
    found: set[str] = set()
    for path in ws.root.rglob("*.txt"):
        if "tasks" not in path.parts:
            found.add(path.read_text("utf-8").strip("\n"))
    for path in ws.root.rglob("changes.jsonl"):
        for row in read_jsonl(path):
            for change in row["changes"]:
                found |= {text for name in ("old", "new", "caption") if isinstance(text := change.get(name), str)}
    return found


def check_opens(ws: Workspace, dataset: str, before: dict[str, str]) -> None:
    index.sync(ws, dataset)
    items = {item.id: item for item in store.items(ws, dataset)}
    for ident in items:
        assert store.media_path(ws, dataset, ident).stat().st_size == items[ident].bytes
        assert store.preview_path(ws, dataset, ident).stat().st_size > 0
    gone = before.keys() - items.keys() - {item.id for item in store.trash_items(ws, dataset)}
    assert not gone, "pictures are neither there nor in the trash"
    assert set(before.values()) - {""} <= texts_on_disk(ws)
    history.entries(ws, dataset)


WORK: dict[str, Words] = {
    "delete": lambda ident, tmp: ["dataset", "delete", ident, "ALL"],
    "restore": lambda ident, tmp: ["dataset", "restore", ident],
    "undo": lambda ident, tmp: ["dataset", "undo", ident],
    "replace": lambda ident, tmp: ["dataset", "replace", ident, "boat", "ship"],
    "tidy": lambda ident, tmp: ["dataset", "tidy", ident, "--dedupe", "--sort"],
    "duplicates": lambda ident, tmp: ["dataset", "duplicates", ident, "--apply"],
    "quality": lambda ident, tmp: ["dataset", "measure", ident],
    "focus": lambda ident, tmp: ["dataset", "focus", ident, "--by", "saliency"],
    "crop": lambda ident, tmp: ["dataset", "crop", ident, "--size", "128x128", "--apply"],
    "split": lambda ident, tmp: ["dataset", "split", ident, "half", "--filter", "number"],
    "duplicate": lambda ident, tmp: ["dataset", "duplicate", ident],
    "export": lambda ident, tmp: ["dataset", "export", ident, str(tmp / "out"), "--layout", "kohya"],
    "captioning": lambda ident, tmp: ["caption", "run", ident, "--profile", "template", "--mode", "append", "--wait"],
}


@pytest.mark.parametrize("name", WORK)
def test_killed_work_loses_nothing_and_can_be_run_again(
    ws: Workspace, dataset: str, tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    ids = [item.id for item in store.items(ws, dataset)]
    if name == "restore":
        store.delete_items(ws, dataset, ids)
    if name == "undo":
        texts = {ident: f"changed, {ident}" for ident in ids}
        store.write_captions(ws, dataset, texts, who="test", title="bulk")
    before = (
        {ident: store.caption(ws, dataset, ident) for ident in ids} if name != "restore" else dict.fromkeys(ids, "")
    )
    words = [word for given in WORK[name](dataset, tmp_path) for word in (ids if given == "ALL" else [given])]
    chance = random.Random(name)
    for _ in range(2):
        kill_in_the_middle(run(ws, *words), ws.root if name != "export" else tmp_path, chance)
        check_opens(ws, dataset, before)
    process = run(ws, *words)
    _, said = process.communicate(timeout=90)
    allowed = name in ("undo", "split", "export", "delete", "focus", "crop")
    assert process.returncode == 0 or (process.returncode == 1 and allowed), said.decode("utf-8", "replace")[-800:]
    check_opens(ws, dataset, before)
    assert json.loads((ws.dataset(dataset) / "metadata.json").read_text("utf-8"))["id"] == dataset
