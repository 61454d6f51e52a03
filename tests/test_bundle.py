"""train bundle: what is in the zip, that nothing secret is, and that it writes nowhere else."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from tagtrainer import flows, settings
from tagtrainer.cli import main
from tagtrainer.core.text import UserError
from tagtrainer.engines.commit import commit_of
from tagtrainer.flows.bundle import bundle
from tagtrainer.jobs import store as jobs
from tagtrainer.workspace import Workspace
from tests.test_plan import draft_for, make_dataset

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def task(ws: Workspace, tmp_path: Path) -> str:
    """A training with the files of a run, made by hand."""
    ident = flows.create_training(ws, draft_for(make_dataset(ws, tmp_path / "pictures")))
    (ws.task(ident) / "tensorboard" / "run").mkdir(parents=True)
    (ws.task(ident) / "tensorboard" / "run" / "events.out.tfevents.1").write_bytes(b"events")
    (ws.model(ident) / "sample").mkdir(parents=True)
    (ws.model(ident) / "sample" / "toy_lora_e000001_00_20261121000000_1_000.png").write_bytes(b"png")
    for name in ("toy_lora-000001", "toy_lora"):
        save_file({"a": np.zeros(3, np.float32)}, ws.model(ident) / f"{name}.safetensors")
    (ws.model(ident) / "half.safetensors").write_bytes(b"\x10")
    jobs.log_path(ws, ident).write_text("loss 0.1 with key sk-stored and hf_variable_1\n", "utf-8")
    return ident


def texts(path: Path) -> dict[str, str]:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name).decode("utf-8", "replace") for name in archive.namelist()}


def test_a_training_in_one_zip(ws: Workspace, task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    before = {path for path in tmp_path.rglob("*") if ".writable" not in path.name}
    capsys.readouterr()
    assert main(["--workspace", str(ws.root), "--json", "train", "bundle", task, str(tmp_path / "out")]) == 0
    told = json.loads(capsys.readouterr().out)
    path = tmp_path / "out" / f"{task}.zip"
    assert told["path"] == str(path) and told["media"] == 5 and not told["missing"]
    assert {made for made in tmp_path.rglob("*") if ".writable" not in made.name} - before == {path}
    found = texts(path)
    assert sorted(found) == sorted(told["files"])
    assert {"task.json", "draft.json", "config.toml", "train.sh", "train.bat", "log.txt", "command.json"} <= set(found)
    assert "tensorboard/run/events.out.tfevents.1" in found and not any(name.endswith("safetensors") for name in found)
    assert sum(name.startswith("sample/") for name in found) == 1
    captions = [json.loads(line)["caption"] for line in found["dataset_0.jsonl"].splitlines()]
    assert len(captions) == 5 and all(caption.startswith("a toy") for caption in captions)
    for row in json.loads(found["media.json"]):
        assert row["sha256"] == hashlib.sha256(Path(row["path"]).read_bytes()).hexdigest()


@pytest.mark.parametrize(("kept", "count"), [("none", 0), ("final", 1), ("all", 2)])
def test_checkpoints_by_choice_and_only_whole_ones(
    ws: Workspace, task: str, tmp_path: Path, kept: str, count: int
) -> None:
    packed = bundle(ws, task, tmp_path / "one.zip", kept)  # type: ignore[arg-type]
    assert sum(name.endswith(".safetensors") for name in packed.files) == count


def test_nothing_secret_leaves(ws: Workspace, task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.set_secret(ws, "captioning.mine", "sk-stored")
    monkeypatch.setenv("HF_TOKEN", "hf_variable_1")
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "completed")
    loaded = jobs.load(ws, task)
    steps = [step.model_copy(update={"env": {"WANDB_API_KEY": 'quoted"wandb'}}) for step in loaded.steps]
    jobs.replace_steps(ws, task, steps)
    bundle(ws, task, tmp_path / "one.zip")
    found = texts(tmp_path / "one.zip")
    assert not [name for name, text in found.items() if "sk-stored" in text or "hf_var" in text or "wandb" in text]
    assert found["log.txt"] == "loss 0.1 with key *** and ***\n"
    assert all(json.loads(text) for name, text in found.items() if name.endswith(".json"))


def test_links_are_not_followed_and_gone_media_are_named(ws: Workspace, task: str, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("mine", "utf-8")
    for link in (ws.model(task) / "sample" / "x.png", ws.task(task) / "attempts.json"):
        try:
            link.symlink_to(outside)
        except OSError:
            pytest.skip("no links here")
    with zipfile.ZipFile(bundle(ws, task, tmp_path / "one.zip").path) as archive:
        rows = json.loads(archive.read("media.json"))
        assert not {"sample/x.png", "attempts.json"} & set(archive.namelist())
    Path(rows[0]["path"]).unlink()
    packed = bundle(ws, task, tmp_path / "two.zip")
    assert packed.missing == (rows[0]["path"],) and packed.media == 5


def test_refuses_what_is_there_and_what_is_no_training(ws: Workspace, task: str, tmp_path: Path) -> None:
    (tmp_path / "one.zip").write_bytes(b"mine")
    with pytest.raises(UserError, match="exists already"):
        bundle(ws, task, tmp_path / "one.zip")
    assert (tmp_path / "one.zip").read_bytes() == b"mine"
    jobs.create(ws, jobs.load(ws, task).model_copy(update={"id": "other", "kind": "import"}))
    for ident, key in (("other", "bundle.not_a_training"), ("nobody", "jobs.not_found"), ("../x", "core.bad_id")):
        with pytest.raises(UserError) as refused:
            bundle(ws, ident, tmp_path)
        assert refused.value.key == key


def test_the_commit_of_a_checkout(tmp_path: Path) -> None:
    git = tmp_path / ".git"
    assert commit_of(tmp_path) == ""
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n", "utf-8")
    assert commit_of(tmp_path) == ""
    (git / "packed-refs").write_text(f"# pack-refs\n{COMMIT} refs/heads/main\n", "utf-8")
    assert commit_of(tmp_path) == COMMIT
    (git / "refs" / "heads" / "main").write_text("f" * 40, "utf-8")
    assert commit_of(tmp_path) == "f" * 40
    (git / "HEAD").write_text(COMMIT, "utf-8")
    assert commit_of(tmp_path) == COMMIT
