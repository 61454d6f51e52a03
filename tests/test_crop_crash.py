"""kill -9 while subjects and faces are looked for: what was found stays, the next run goes on, and nothing else was touched."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tagtrainer.datasets import store, transfer
from tagtrainer.datasets.curation import proposals
from tagtrainer.datasets.curation.crops import parse_target
from tagtrainer.datasets.curation.proposals import Finder
from tagtrainer.workspace import Workspace
from tests.pictures import jpeg

ROOT = Path(__file__).resolve().parent.parent
COUNT = 240
pytestmark = pytest.mark.crash


@pytest.fixture
def dataset(ws: Workspace, tmp_path: Path) -> str:
    for number in range(COUNT):
        jpeg(tmp_path / "many" / f"{number}.jpg", number, (160 + number, 120))
    ident = store.create(ws, "many").id
    transfer.import_paths(ws, ident, [tmp_path / "many"])
    return ident


def killed(ws: Workspace, written: Path, *words: str) -> None:
    """Run a verb of ours and kill it as soon as it has written something."""
    argv = [sys.executable, "-m", "tagtrainer", "--workspace", str(ws.root), "--json", "dataset", *words]
    running = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 90
    while time.monotonic() < end and running.poll() is None and not (written.exists() and written.stat().st_size):
        time.sleep(0.002)
    running.kill()
    running.wait()


def test_a_killed_search_for_subjects_goes_on_where_it_was(ws: Workspace, dataset: str) -> None:
    captions = {item.id: f"caption of {item.name}" for item in store.items(ws, dataset)[:20]}
    store.write_captions(ws, dataset, captions, who="user", title="typed")
    killed(ws, proposals.path_of(ws, dataset), "focus", dataset, "--by", "saliency")
    items = store.items(ws, dataset)
    assert len(items) == COUNT and all(store.caption(ws, dataset, ident) == text for ident, text in captions.items())
    report = proposals.find_all(ws, dataset, items, Finder("saliency"))
    assert report.known >= proposals.AT_ONCE and report.known + report.found == COUNT
    assert len(list(proposals.offers(ws, dataset, items, "saliency", parse_target("1:1")))) == COUNT


def test_a_killed_search_for_faces_goes_on_where_it_was(ws: Workspace, dataset: str) -> None:
    pytest.importorskip("cv2")
    from tagtrainer.datasets.curation import faces
    from tagtrainer.datasets.curation.face_models import Haar

    killed(ws, ws.dataset(dataset) / "curation" / "faces.jsonl", "faces", dataset)
    report = faces.measure(ws, dataset, store.items(ws, dataset), Haar(), None)
    assert report.known >= faces.AT_ONCE and report.with_face + report.without == COUNT and report.failed == []
