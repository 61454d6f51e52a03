"""datasets/curation/face_models through OpenCV's own classes, on small ONNX files with the real inputs and outputs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tagtrainer.cli import main
from tagtrainer.core.text import UserError
from tagtrainer.datasets import store, transfer
from tagtrainer.datasets.curation import face_weights
from tagtrainer.datasets.curation.face_models import open_sface, open_yunet
from tagtrainer.workspace import Workspace
from tests import onnx_files
from tests.faces import face_patch

pytest.importorskip("cv2")


def marked(cell: tuple[int, int] = (10, 8), face: int = 0, size: int = 640) -> Image.Image:
    """A real face of 160 pixels with a magenta cell in its middle that the finder sees."""
    picture = Image.new("RGB", (640, 640), (120, 120, 120))
    x, y = cell[0] * 32, cell[1] * 32
    picture.paste(face_patch(face).resize((160, 160)), (x - 64, y - 64))
    picture.paste(onnx_files.MARK, (x, y, x + 32, y + 32))
    return picture.resize((size, size), Image.Resampling.NEAREST)


@pytest.mark.parametrize("size", [640, 1280])
def test_boxes_and_landmarks_come_back_in_pixels_of_the_picture(tmp_path: Path, size: int) -> None:
    finder, scale = open_yunet(onnx_files.yunet(tmp_path / "y.onnx")), size / 640
    found = finder.detect(np.asarray(marked(size=size)))
    assert len(found) == 1 and found[0].score > 0.99
    assert found[0].box == pytest.approx([256 * scale, 192 * scale, 160 * scale, 160 * scale], abs=2)
    assert found[0].landmarks[0] == pytest.approx((304 * scale, 256 * scale), abs=2)
    assert finder.detect(np.full((333, 517, 3), 120, np.uint8)) == []


def test_vectors_have_length_one_and_tell_faces_apart(tmp_path: Path) -> None:
    finder, embedder = (
        open_yunet(onnx_files.yunet(tmp_path / "y.onnx")),
        open_sface(onnx_files.sface(tmp_path / "s.onnx")),
    )
    pictures = [np.asarray(marked((10, 8), 0)), np.asarray(marked((6, 11), 0)), np.asarray(marked((10, 8), 7))]
    one, moved, other = (embedder.embed(picture, finder.detect(picture)[0]) for picture in pictures)
    assert np.linalg.norm(one) == pytest.approx(1, abs=1e-5) and one.shape == (128,)
    assert one @ moved > 0.97 > one @ other


def test_one_model_is_not_taken_for_the_other(ws: Workspace, tmp_path: Path) -> None:
    finder, embedder = onnx_files.yunet(tmp_path / "y.onnx"), onnx_files.sface(tmp_path / "s.onnx")
    face_weights.use(ws, "yunet", finder)
    face_weights.use(ws, "sface", embedder)
    assert face_weights.detector(ws).name == "yunet" and face_weights.embedder(ws) is not None
    with pytest.raises(UserError):
        face_weights.use(ws, "yunet", embedder)
    with pytest.raises(UserError):
        face_weights.use(ws, "sface", finder)


def test_faces_from_the_command_line_with_both_networks(
    ws: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, cell, face in (("a1", (10, 8), 0), ("a2", (11, 8), 0), ("a3", (4, 14), 0), ("b1", (10, 8), 7)):
        marked(cell, face).save(folder / f"{name}.png")
    ident = store.create(ws, "people").id
    transfer.import_paths(ws, ident, [folder])
    models = [
        "--detector",
        str(onnx_files.yunet(tmp_path / "y.onnx")),
        "--embedder",
        str(onnx_files.sface(tmp_path / "s.onnx")),
    ]
    code = main(["--workspace", str(ws.root), "dataset", "faces", ident, "--keep", "1", "--apply", *models])
    said = capsys.readouterr().out
    assert code == 0 and "4 pictures with a face, 0 without" in said and "1 redundant portraits moved" in said
    assert {item.name for item in store.items(ws, ident)} & {"a1.png", "a2.png"} != {"a1.png", "a2.png"}
    assert {"a3.png", "b1.png"} <= {item.name for item in store.items(ws, ident)}


def test_what_opencv_cannot_read_is_one_sentence_and_nothing_on_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    junk = tmp_path / "junk.onnx"
    junk.write_bytes(b"no network")
    with pytest.raises(UserError) as told:
        open_yunet(junk)
    assert told.value.key == "curation.bad_weights" and "/modules/" not in str(told.value)
    with pytest.raises(UserError) as told:
        open_yunet(onnx_files.any_size(tmp_path / "any.onnx"))
    assert told.value.key == "curation.dynamic_weights"
    assert capfd.readouterr().err == ""


def test_a_file_named_once_finds_subjects_of_crops_too(
    ws: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    marked().save(tmp_path / "one.png")
    ident = store.create(ws, "people").id
    transfer.import_paths(ws, ident, [tmp_path / "one.png"])
    start = ["--workspace", str(ws.root), "--json", "dataset"]
    assert main([*start, "faces", ident, "--detector", str(onnx_files.yunet(tmp_path / "y.onnx"))]) == 0
    assert json.loads(capsys.readouterr().out)["apart"] is False
    assert main([*start, "focus", ident, "--by", "face"]) == 0
    assert json.loads(capsys.readouterr().out)["tool"] == "yunet"
