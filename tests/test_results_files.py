"""Samples and checkpoints of a run: names of the engine are understood, nothing outside the run's folder is served."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tagtrainer.core.text import UserError, speaking
from tagtrainer.training import attempts
from tagtrainer.training.results import checkpoint_path, checkpoints, sample_path, samples, states
from tagtrainer.training.results.checkpoints import parse_stem, read_header
from tagtrainer.training.results.samples import PNG_END, parse_name
from tagtrainer.workspace import Workspace


def lora(path: Path, **metadata: str) -> None:
    from safetensors.numpy import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"lora_unet_a.lora_down.weight": np.zeros((4, 8), np.float32)}, path, metadata or None)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("my_lora_e000002_01_20261121041530_42_000.png", ("my_lora", "000002", None, "01", "42", "000")),
        ("my_lora_000250_00_20261121041530_42_000.png", ("my_lora", None, "000250", "00", "42", "000")),
        ("my_lora_000250_00_20261121041530_000.png", ("my_lora", None, "000250", "00", None, "000")),
        ("a_e000001_b_000004_00_20261121041530_7_000.png", ("a_e000001_b", None, "000004", "00", "7", "000")),
        ("clip_e000002_00_20261121041530_42.mp4", ("clip", "000002", None, "00", "42", None)),
        ("clip_e000002_00_20261121041530.mp4", ("clip", "000002", None, "00", None, None)),
    ],
)
def test_sample_names(file: str, expected: tuple[str | None, ...]) -> None:
    found = parse_name(file)
    assert found is not None
    assert tuple(found.get(key) for key in ("name", "epoch", "step", "prompt", "seed", "index")) == expected


@pytest.mark.parametrize(
    "file", ["photo.png", "x_e1_00_2026_000.png", ".hidden", "x_000250_00_20261121041530_000.txt", ""]
)
def test_other_names_are_no_samples(file: str) -> None:
    assert parse_name(file) is None


@given(st.text(max_size=60))
def test_any_name_can_be_asked(name: str) -> None:
    sample = parse_name(name)
    assert sample is None or name.endswith((".png", ".mp4"))
    parse_stem(name)


def test_grid_of_moments_and_prompts(ws: Workspace) -> None:
    folder = ws.model("t") / "sample"
    folder.mkdir(parents=True)
    for name in (
        "x_000000_00_20261121041500_1_000.png", "x_e000001_00_20261121041600_1_000.png",
        "x_e000001_01_20261121041601_1_000.png", "x_000004_01_20261121041700_1_000.png",
        "x_000004_01_20261121041800_1_000.png", "notes.txt",
    ):  # fmt: skip
        (folder / name).write_bytes(b"png" + PNG_END)
    for number, written in enumerate((b"", b"IEND", b"png" + PNG_END[:-1])):  # being written
        (folder / f"x_e{number + 2:06d}_00_20261121041900_1_000.png").write_bytes(written)
    ws.task("t").mkdir()
    prompts = [{"prompt": "a red lighthouse"}, "雪中的机器人", {"prompt": "${never drawn}"}]
    (ws.task("t") / "sample_prompts.json").write_text(json.dumps(prompts), "utf-8")
    grid = samples(ws, "t")
    assert grid.prompts == ("a red lighthouse", "雪中的机器人", "${never drawn}")
    assert [row.label for row in grid.rows] == ["before training", "epoch 1", "step 4"]
    assert [[bool(cell) for cell in row.cells] for row in grid.rows] == [
        [True, False, False], [True, True, False], [False, True, False],
    ]  # fmt: skip
    assert grid.rows[2].cells[1] is not None and grid.rows[2].cells[1].time == "20261121041800"
    with speaking("zh-CN"):
        assert grid.rows[1].label == "第 1 轮"


def test_a_start_that_went_on_counts_from_the_beginning(ws: Workspace) -> None:
    folder = ws.model("t") / "sample"
    folder.mkdir(parents=True)
    for name in ("x_e000005_00_20261121041500_1_000.png", "x-2_e000005_00_20261121051500_1_000.png"):
        (folder / name).write_bytes(PNG_END)
    for name in ("x-000005", "x-2-000005", "x-2-step00000030"):
        lora(ws.model("t") / f"{name}.safetensors")
    second = attempts.Attempt(output_name="x-2", steps_before=60, epochs_before=10)
    attempts.save(ws.task("t"), [attempts.Attempt(output_name="x"), second])
    assert [row.label for row in samples(ws, "t").rows] == ["epoch 5", "epoch 15"]
    told = {found.file: (found.epoch, found.step) for found in checkpoints(ws, "t")}
    assert told["x-000005.safetensors"][0] == 5 and told["x-2-000005.safetensors"][0] == 15
    assert told["x-2-step00000030.safetensors"][1] == 90


def test_no_samples_no_prompts(ws: Workspace) -> None:
    assert samples(ws, "t").rows == () and samples(ws, "t").prompts == ()
    ws.task("t").mkdir()
    (ws.task("t") / "sample_prompts.json").write_text("{damaged", "utf-8")
    assert samples(ws, "t").prompts == ()


OUTSIDE = ["../secrets.json", "..\\secrets.json", "/etc/passwd", "a/../../../config.json", "", ".", "\0", "x" * 5000]


@pytest.mark.parametrize("name", OUTSIDE)
def test_nothing_outside_is_served(ws: Workspace, name: str) -> None:
    (ws.model("t") / "sample").mkdir(parents=True)
    for serve in (sample_path, checkpoint_path):
        with pytest.raises(UserError):
            serve(ws, "t", name)
    with pytest.raises(UserError):
        checkpoint_path(ws, name, "x.safetensors")


def test_a_link_that_leads_out_is_refused(ws: Workspace, tmp_path: Path) -> None:
    secret = tmp_path / "secret.safetensors"
    lora(secret)
    folder = ws.model("t")
    (folder / "sample").mkdir(parents=True)
    (folder / "x.safetensors").symlink_to(secret)
    (folder / "sample" / "x_000250_00_20261121041530_000.png").symlink_to(secret)
    with pytest.raises(UserError):
        checkpoint_path(ws, "t", "x.safetensors")
    with pytest.raises(UserError):
        sample_path(ws, "t", "x_000250_00_20261121041530_000.png")


def test_what_a_run_made_is_served(ws: Workspace) -> None:
    lora(ws.model("t") / "x.safetensors")
    picture = ws.model("t") / "sample" / "x_000250_00_20261121041530_000.png"
    picture.parent.mkdir()
    picture.write_bytes(b"png")
    assert checkpoint_path(ws, "t", "x.safetensors").is_file()
    assert sample_path(ws, "t", picture.name) == picture.resolve()
    (ws.model("t") / "config.json").write_text("{}")
    with pytest.raises(UserError):
        checkpoint_path(ws, "t", "config.json")


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("my_lora-000004", ("my_lora", "epoch", 4, None)),
        ("my_lora-step00000250", ("my_lora", "step", None, 250)),
        ("my_lora", ("my_lora", "final", None, None)),
        ("my-000001-000004", ("my-000001", "epoch", 4, None)),
        ("my_lora-0004", ("my_lora-0004", "final", None, None)),
    ],
)
def test_checkpoint_names(stem: str, expected: tuple[object, ...]) -> None:
    assert parse_stem(stem) == expected


def test_checkpoints_and_states(ws: Workspace) -> None:
    folder = ws.model("t")
    lora(folder / "x-000001.safetensors", ss_epoch="1", ss_steps="6", ss_output_name="x")
    lora(folder / "x-step00000008.safetensors", ss_epoch="1", ss_steps="8")
    lora(folder / "x.safetensors", **{"ss_epoch": "2", "ss_steps": "12", "tagtrainer.rehearsal": "1"})
    state = folder / "x-000001-state"
    state.mkdir()
    (state / "optimizer.bin").write_bytes(bytes(100))
    found = {row.file: row for row in checkpoints(ws, "t")}
    assert [(r.kind, r.epoch, r.step) for r in found.values()] == [("epoch", 1, 6), ("step", None, 8), ("final", 2, 12)]
    assert found["x.safetensors"].rehearsal and not found["x-000001.safetensors"].rehearsal
    assert found["x-000001.safetensors"].metadata["ss_output_name"] == "x" and all(r.complete for r in found.values())
    (saved,) = states(ws, "t")
    assert (saved.name, saved.epoch, saved.size) == ("x", 1, 100)
    assert checkpoints(ws, "other") == [] and states(ws, "other") == []


@pytest.mark.parametrize(
    "data", [b"", b"short", struct.pack("<Q", 1 << 60), struct.pack("<Q", 4) + b"[1]}", struct.pack("<Q", 2) + b"[]"]
)
def test_what_is_no_lora_is_not_complete(ws: Workspace, data: bytes) -> None:
    ws.model("t").mkdir()
    (ws.model("t") / "x.safetensors").write_bytes(data)
    (row,) = checkpoints(ws, "t")
    assert not row.complete and row.metadata == {}


def test_a_file_cut_off_is_not_complete(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    lora(path, ss_epoch="1")
    assert read_header(path).complete
    path.write_bytes(path.read_bytes()[:-10])
    header = read_header(path)
    assert not header.complete and header.metadata == {"ss_epoch": "1"}
