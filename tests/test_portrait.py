"""The portrait pipeline: numbers of every stage, one undo for all of it, going on after a kill, and as stages of run-all."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tagtrainer.cli import main
from tagtrainer.core.text import UserError
from tagtrainer.datasets import history, store
from tagtrainer.flows import portrait
from tagtrainer.flows.portrait import Plan
from tagtrainer.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
STAGES = ["unpack", "duplicates", "faces", "focus", "crop", "caption", "pack"]


def scene(seed: int, size: tuple[int, int]) -> Image.Image:
    """Smooth coloured noise: as unlike another seed's as two photographs are."""
    noise = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six drawn scenes; three of them again, smaller and recompressed."""
    place = tmp_path / "raw photos"
    place.mkdir()
    for number in range(6):
        whole = scene(number, (640, 480))
        whole.save(place / f"shot {number}.jpg", quality=95)
        if number < 3:
            whole.resize((320, 240)).save(place / f"copy {number}.jpg", quality=60)
    return place


def plan(folder: Path, **values: object) -> Plan:
    return Plan.model_validate(
        {"source": str(folder), "stages": STAGES, "by": "saliency", "target": "256x256", **values}
    )


def test_every_stage_says_what_it_did_and_one_undo_takes_it_back(ws: Workspace, folder: Path) -> None:
    dataset = store.create(ws, "faces").id
    seen: list[int] = []
    stages = portrait.run(ws, dataset, plan(folder), tell=lambda known: seen.append(len(known)))
    assert [stage.name for stage in stages] == STAGES and seen == [1, 2, 3, 4, 5, 6, 7]
    by_name = {stage.name: stage for stage in stages}
    assert (by_name["unpack"].out, by_name["duplicates"].into, by_name["duplicates"].out) == (9, 9, 6)
    assert sorted(row["name"] for row in by_name["duplicates"].dropped) == ["copy 0.jpg", "copy 1.jpg", "copy 2.jpg"]
    assert all("shot" in row["reason"] for row in by_name["duplicates"].dropped)
    items = store.items(ws, dataset)
    assert all(item.size[0] == item.size[1] and item.has_caption for item in items)
    with zipfile.ZipFile(ws.runtime / "exports" / by_name["pack"].file) as packed:
        pictures = [name for name in packed.namelist() if name.endswith(".jpg")]
        assert len(pictures) == 6
        with packed.open(pictures[0]) as file, Image.open(file) as shown:
            assert shown.width == shown.height
    entries, _ = history.entries(ws, dataset)
    assert len(entries) == 1
    history.undo(ws, dataset, entries[0].id)
    assert store.items(ws, dataset) == [] and len(store.trash_items(ws, dataset)) == 9
    history.redo(ws, dataset, entries[0].id)
    assert {item.id: item.crop for item in store.items(ws, dataset)} == {item.id: item.crop for item in items}
    assert all(item.has_caption for item in store.items(ws, dataset))


def test_run_again_it_finds_everything_done(ws: Workspace, folder: Path) -> None:
    dataset = store.create(ws, "faces").id
    portrait.run(ws, dataset, plan(folder, stages=STAGES[:6]))
    entries = history.entries(ws, dataset)[1]
    again = portrait.run(ws, dataset, plan(folder, source="", stages=STAGES[:6]))
    assert [stage.name for stage in again] == STAGES[1:6]
    assert all(stage.out == 6 and not stage.dropped for stage in again)
    assert history.entries(ws, dataset)[1] == entries


def test_a_run_that_was_cut_short_goes_on_in_its_entry(ws: Workspace, folder: Path) -> None:
    dataset = store.create(ws, "faces").id
    first = portrait.entry_for(ws, dataset)
    portrait.run(ws, dataset, plan(folder, stages=STAGES[:2]), entry=first)
    assert portrait.entry_for(ws, dataset, first) == first
    portrait.run(ws, dataset, plan(folder), entry=portrait.entry_for(ws, dataset, first))
    assert [one.id for one in history.entries(ws, dataset)[0]] == [first]
    history.undo(ws, dataset, first)
    assert store.items(ws, dataset) == []
    assert portrait.entry_for(ws, dataset, first) != first
    assert portrait.entry_for(ws, dataset, "../changes") not in (first, "../changes")


def test_what_cannot_be_is_said_before_anything_is_done(ws: Workspace, folder: Path) -> None:
    clips, empty = store.create(ws, "clips", "video").id, store.create(ws, "empty").id
    for dataset, values in (
        (clips, {}),
        (empty, {"target": "round"}),
        (empty, {"by": "magic"}),
        (empty, {"source": ""}),
    ):
        with pytest.raises(UserError):
            portrait.run(ws, dataset, plan(folder, **values))
        assert store.items(ws, dataset) == []


def test_hosts_are_named(ws: Workspace, folder: Path) -> None:
    assert list(portrait.host_of(ws, plan(folder))) == []
    assert list(portrait.host_of(ws, plan(folder, profile="openai"))) == ["api.openai.com"]
    assert list(portrait.host_of(ws, plan(folder, stages=["focus"], by="vision:openai"))) == ["api.openai.com"]


@pytest.mark.crash
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is POSIX")
def test_killed_in_the_middle_it_goes_on(ws: Workspace, folder: Path) -> None:
    dataset = store.create(ws, "faces").id
    words = ["dataset", "portrait", dataset, "--skip", "faces", "--by", "saliency", "--crop-to", "256x256"]
    argv = [sys.executable, "-m", "tagtrainer", "--workspace", str(ws.root), *words, "--source", str(folder)]
    log = ws.dataset(dataset) / "history" / "changes.jsonl"
    for pause in (0.0, 0.25, 0.5):
        size = log.stat().st_size if log.exists() else -1
        process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and (log.stat().st_size if log.exists() else -1) == size:
            time.sleep(0.005)
        time.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    items = store.items(ws, dataset)
    assert len(items) == 6 and all(item.crop and store.caption(ws, dataset, item.id) for item in items)
    assert len(store.trash_items(ws, dataset)) == 3


def test_run_all_takes_the_stages_that_are_asked_for(
    ws: Workspace, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run-all", "--input", str(folder), "--output", str(tmp_path / "out"), "--skip", "train"]
    words += ["--duplicates", "--crop", "--crop-to", "256x256", "--by", "saliency"]
    assert main(["--workspace", str(ws.root), "--json", *words]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [stage["name"] for stage in report["curate"]] == ["duplicates", "crop"]
    assert report["pack"]["pictures"] == 6
    shown = next((tmp_path / "out" / "dataset").glob("*.jpg"))
    with Image.open(shown) as picture:
        assert picture.width == picture.height == 480
