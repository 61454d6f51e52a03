"""kill -9 in the middle of an import and of a bulk caption edit: the workspace opens, nothing is half, no text is lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tagtrainer.core.files import read_jsonl
from tagtrainer.datasets import index, store, transfer
from tagtrainer.workspace import Workspace
from tests.pictures import jpeg

pytestmark = [pytest.mark.crash, pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")]
ROOT = Path(__file__).resolve().parent.parent


def start(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *words], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_when(process: subprocess.Popen[bytes], what: object, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end and not what():  # type: ignore[operator]
        time.sleep(0.003)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("files_seen", [3, 55])
def test_an_import_killed_half_way_can_be_run_again(ws: Workspace, tmp_path: Path, files_seen: int) -> None:
    for number in range(80):
        path = jpeg(tmp_path / "in" / f"{number:03d}.jpg", number, (900, 700))
        path.with_suffix(".txt").write_text(f"caption {number}", "utf-8")
    dataset = store.create(ws, "killed").id
    images = ws.dataset(dataset) / "images"
    process = start("-m", "tagtrainer", "--workspace", str(ws.root), "dataset", "import", dataset, str(tmp_path / "in"))
    kill_when(process, lambda: len([p for p in images.iterdir() if not p.name.startswith(".")]) >= files_seen)
    index.sync(ws, dataset)
    for item in store.items(ws, dataset):
        assert store.media_path(ws, dataset, item.id).stat().st_size == item.bytes
        assert store.preview_path(ws, dataset, item.id).stat().st_size > 0
    report = transfer.import_paths(ws, dataset, [tmp_path / "in"])
    items = store.items(ws, dataset)
    assert report.added + report.duplicates == 80 == len(items) == len({item.sha256 for item in items})
    assert sorted(store.captions(ws, dataset).values()) == sorted(f"caption {number}" for number in range(80))


def test_no_caption_is_lost_when_a_bulk_edit_is_killed(ws: Workspace, tmp_path: Path) -> None:
    for number in range(60):
        jpeg(tmp_path / "in" / f"{number:03d}.jpg", number)
    dataset = store.create(ws, "bulk").id
    transfer.import_paths(ws, dataset, [tmp_path / "in"])
    ids = [item.id for item in store.items(ws, dataset)]
    script = (
        "import sys; from tagtrainer.workspace import open_workspace; from tagtrainer.datasets import store\n"
        "ws = open_workspace(sys.argv[1])\n"
        "ids = [item.id for item in store.items(ws, sys.argv[2])]\n"
        "for turn in range(1000):\n"
        "    store.write_captions(ws, sys.argv[2], {i: f'turn {turn} of {i}' for i in ids}, who='test', title='bulk')\n"
    )
    folder = ws.dataset(dataset)
    history = folder / "history" / "changes.jsonl"
    process = start("-c", script, str(ws.root), dataset)
    stop_at = random.Random(7).uniform(0.05, 0.4)
    kill_when(process, history.exists)
    process = start("-c", script, str(ws.root), dataset)
    began = time.monotonic()
    kill_when(process, lambda: time.monotonic() - began > 0.5 + stop_at)
    written = {change["item"]: set() for row in read_jsonl(history) for change in row["changes"]}
    for row in read_jsonl(history):
        for change in row["changes"]:
            written[change["item"]] |= {change["old"], change["new"]}
    texts = store.captions(ws, dataset)
    assert set(texts) == set(ids)
    for ident, text in texts.items():
        assert text == "" or text in written[ident]
        assert text == "" or text.endswith(ident)
    store.write_captions(ws, dataset, {ids[0]: "after"}, who="test", title="one")
    assert store.caption(ws, dataset, ids[0]) == "after"
