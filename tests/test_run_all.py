"""run-all and the `train` group through the command line, as a script would call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors import safe_open

from tagtrainer.cli import main
from tagtrainer.workspace import Workspace
from tests.test_flows import _worker_inside  # noqa: F401 - a fixture

QUICK = [
    word
    for pair in (
        "resolution=128,128", "max_train_epochs=2", "network_dim=4", "optimizer_type=adamw", "save_every_n_epochs=1",
        "sample_prompts_text=a lighthouse", "sample_every_n_epochs=2", "sample_width=64", "sample_height=64",
        "sample_steps=2",
    )
    for word in ("--set", pair)
]  # fmt: skip


def call(ws: Workspace, capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    """Run a command with --json; its one document."""
    capsys.readouterr()
    assert main(["--workspace", str(ws.root), "--json", *words]) == code, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "my pictures 图"
    place.mkdir()
    for number in range(6):
        size = (200, 200) if number % 2 else (288, 192)
        Image.new("RGB", size, (40 * number, 90, 160)).save(place / f"red lighthouse {number}.png")
    return place


def test_the_whole_walk(ws: Workspace, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "result"
    words = ["run-all", "--input", str(folder), "--output", str(out), "--name", "Lights", "--trigger", "sks", *QUICK]
    report = call(ws, capsys, *words)
    assert report["import"]["added"] == 6 and report["caption"]["done"] == 6 and report["pack"]["pictures"] == 6
    assert report["train"]["rehearsal"] is True and report["train"]["steps"] == 12
    assert {"lights.safetensors", "training_log.txt", "train.sh"} <= set(report["train"]["files"])
    assert len(list((out / "samples").glob("*.png"))) == 1
    captions = [path.read_text("utf-8") for path in (out / "dataset").glob("*.txt")]
    assert len(captions) == 6 and all("sks" in text for text in captions)
    assert json.loads((out / "report.json").read_text("utf-8")) == report
    with safe_open(out / "lights.safetensors", "numpy") as lora:
        assert lora.metadata()["tagtrainer.rehearsal"] and len(list(lora.keys())) > 2
    again = call(ws, capsys, *words, "--skip", "train")
    assert again["dataset"] == report["dataset"] and again["import"]["added"] == 0 and again["caption"]["done"] == 0
    assert "train" not in again


def test_progress_is_on_stderr(ws: Workspace, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run-all", "--input", str(folder), "--output", str(tmp_path / "o"), "--skip", "train"]
    assert main(["--workspace", str(ws.root), *words]) == 0
    told = capsys.readouterr()
    assert "import" in told.err and "6 added" in told.err and "100%" in told.err


def test_wrong_input(ws: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = call(ws, capsys, "run-all", "--input", str(tmp_path / "no"), "--output", str(tmp_path / "o"), code=1)
    assert found["error"] == "flows.not_a_folder"
    (tmp_path / "empty").mkdir()
    found = call(ws, capsys, "run-all", "--input", str(tmp_path / "empty"), "--output", str(tmp_path / "o"), code=1)
    assert found["error"] == "flows.nothing_imported"


def test_wrong_options(ws: Workspace, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["run-all", "--input", str(folder), "--output", str(tmp_path / "o"), "--set"]
    assert call(ws, capsys, *words, "nonsense=1", code=1)["error"] == "train_cli.unknown_option"
    assert call(ws, capsys, *words, "nonsense", code=1)["error"] == "train_cli.not_key_value"
    assert call(ws, capsys, *words, "network_dim=many", code=1)["error"] == "fields.not_a_number"
    with pytest.raises(SystemExit) as caught:
        main(["--workspace", str(ws.root), "run-all", "--input", str(folder)])
    assert caught.value.code == 2


def test_missing_engine_is_an_exit_code(
    ws: Workspace, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run-all", "--input", str(folder), "--output", str(tmp_path / "o"), "--engine", "musubi-tuner", *QUICK]
    assert call(ws, capsys, *words, code=1)["error"] == "flows.refused"


def test_the_train_group(ws: Workspace, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed = call(ws, capsys, "run-all", "--input", str(folder), "--output", str(tmp_path / "o"), "--skip", "train")
    models = call(ws, capsys, "train", "models")
    assert "qwen_image" in {row["id"] for row in models}
    options = {row["name"]: row for row in call(ws, capsys, "train", "options", "qwen_image")}
    assert options["network_dim"]["flag"] == "--network_dim" and "output_dir" not in options
    assert call(ws, capsys, "train", "presets", "qwen_image")
    task = call(ws, capsys, "train", "new", "--dataset", f"{packed['dataset']}:2", "--model", "qwen_image", *QUICK)[
        "id"
    ]
    assert not [row for row in call(ws, capsys, "train", "check", task) if row["level"] == "error"]
    script = call(ws, capsys, "train", "command", task, "--format", "sh")["command"]
    assert script == (ws.task(task) / "train.sh").read_text("utf-8")
    assert len(json.loads(call(ws, capsys, "train", "command", task, "--format", "json")["command"])) == 4
    assert call(ws, capsys, "train", "status", task)["status"] == "pending"
    assert call(ws, capsys, "train", "start", task, "--wait") == {"id": task, "status": "completed"}
    assert call(ws, capsys, "train", "status", task)["view"]["step"] == 24
    assert "model saved" in call(ws, capsys, "train", "log", task)["text"]
    assert "loss/current" in call(ws, capsys, "train", "metrics", task)
    assert [row["id"] for row in call(ws, capsys, "train", "list")] == [task]
    clone = call(ws, capsys, "train", "clone", task, "--name", "second")["id"]
    assert clone != task and call(ws, capsys, "train", "stop", clone)["status"] == "pending"
    assert call(ws, capsys, "train", "rehearse", task)["id"]


def test_bad_ids(ws: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("check", "start", "stop", "status", "metrics", "command", "log"):
        assert "error" in call(ws, capsys, "train", verb, "nowhere", code=1)
    assert call(ws, capsys, "train", "new", "--dataset", "a:b", code=1)["error"] == "train_cli.bad_repeats"
    assert call(ws, capsys, "train", "options", "other", code=1)["error"] == "plan.no_family"


def test_the_result_may_not_lie_among_the_pictures(
    ws: Workspace, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for out in (folder, folder / "result"):
        words = ["run-all", "--input", str(folder), "--output", str(out)]
        assert call(ws, capsys, *words, code=1)["error"] == "flows.output_in_input"
    assert len(list(folder.iterdir())) == 6
