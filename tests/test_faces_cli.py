"""`dataset faces` from the command line: Haar offline, networks by path, downloads, rules, removal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageEnhance

from tagtrainer.cli import main
from tagtrainer.datasets import store, transfer
from tagtrainer.datasets.curation import face_weights
from tagtrainer.datasets.curation.face_models import SFace, YuNet
from tagtrainer.workspace import Workspace
from tests.faces import FaceNetwork, RecognizerNetwork, photo


@pytest.fixture
def dataset(ws: Workspace, tmp_path: Path) -> str:
    """One portrait three times in different light, and a picture without a face."""
    folder = tmp_path / "in"
    folder.mkdir()
    with Image.open(photo("astronaut", tmp_path)) as picture:
        for number, bright in enumerate((1.0, 1.05, 0.96)):
            ImageEnhance.Brightness(picture).enhance(bright).save(folder / f"x{number}.png")
    photo("coffee", folder)
    ident = store.create(ws, "one").id
    transfer.import_paths(ws, ident, [folder])
    return ident


@pytest.fixture
def run(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> Any:
    def go(*words: str) -> dict[str, Any]:
        main(["--workspace", str(ws.root), "--json", "dataset", "faces", *words])
        found: dict[str, Any] = json.loads(capsys.readouterr().out)
        return found

    return go


def test_haar_needs_no_download_and_says_what_it_left_out(ws: Workspace, dataset: str, run: Any) -> None:
    found = run(dataset, "--keep", "1")
    assert (found["tool"], found["with_face"], found["without"]) == ("haar", 3, 1)
    assert len(found["redundant"]) == 2 and len(found["left_out"]) == 2 and "removed" not in found
    assert len(store.items(ws, dataset)) == 4
    assert run(dataset)["known"] == 4 and len(run(dataset)["redundant"]) == 1
    assert run(dataset, "--keep", "1", "--apply")["removed"] == 2 and len(store.items(ws, dataset)) == 2


def test_networks_by_path(ws: Workspace, dataset: str, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_weights, "open_yunet", lambda path: YuNet(FaceNetwork()))
    monkeypatch.setattr(face_weights, "open_sface", lambda path: SFace(RecognizerNetwork()))
    assert run(dataset, "--detector", "a.onnx", "--embedder", "b.onnx")["tool"] == "yunet+sface"


def test_a_download_comes_first_and_a_failed_one_is_a_sentence(
    ws: Workspace, dataset: str, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(face_weights, "download", lambda ws, name, progress: asked.append(name))
    run(dataset, "--download")
    assert asked == ["yunet", "sface"]
    assert run(dataset, "--embedder", str(ws.root / "none.onnx"))["error"] == "curation.no_weights"


def test_rules_out_of_bounds_are_refused(dataset: str, run: Any) -> None:
    assert run(dataset, "--keep", "0")["error"] == "fields.too_small"
    assert run(dataset, "--face-sure", "1.5")["error"] == "fields.too_large"
