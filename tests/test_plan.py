"""training/plan, summary, freeze, attempts: from a draft to frozen files and steps, getting ready, going on."""

from __future__ import annotations

import json
import shutil
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from tagtrainer import settings
from tagtrainer.core import fields
from tagtrainer.core.text import UserError
from tagtrainer.datasets import store, transfer
from tagtrainer.training import attempts, freeze, plan, scripts
from tagtrainer.training.attempts import Attempt
from tagtrainer.training.case import resolve
from tagtrainer.training.draft import DatasetUse, Draft
from tagtrainer.workspace import Workspace, open_workspace
from tests.profiles import DISPLAY_P3, rgb_profile

SIZES = [(288, 192), (200, 200), (288, 192), (200, 200), (192, 288)]
TASK = "toys-1"


def make_dataset(ws: Workspace, folder: Path, name: str = "toys", captions: int = 5) -> str:
    """Five pictures of three shapes; the first `captions` of them (by name) have a caption."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, size in enumerate(SIZES):
        Image.new("RGB", size, (number * 40, 90, len(name))).save(folder / f"{name} {number} 图.png")
    dataset = store.create(ws, name).id
    transfer.import_paths(ws, dataset, [folder])
    items = sorted(store.items(ws, dataset), key=lambda item: item.name)
    texts = {item.id: f"a toy, {item.name}" for item in items[:captions]}
    store.write_captions(ws, dataset, texts, who="test", title="captions")
    return dataset


def draft_for(dataset: str, **options: object) -> Draft:
    chosen = {"resolution": "128,128", "batch_size": 2, "enable_bucket": True, "max_train_epochs": 4, **options}
    return Draft(name="Toy LoRA", datasets=[DatasetUse(id=dataset, repeats=3)], options=chosen)


@pytest.fixture
def dataset(ws: Workspace, tmp_path: Path) -> str:
    return make_dataset(ws, tmp_path / "pictures")


def words_of(steps: list, name: str) -> list[str]:
    return next(list(step.argv) for step in steps if step.name == name)


def value_of(words: list[str], flag: str) -> str:
    return words[words.index(flag) + 1]


# numbers


def test_summary_by_hand(ws: Workspace, dataset: str) -> None:
    found = plan.summary(ws, draft_for(dataset, save_every_n_epochs=2, save_state=False))
    rows = [(row.width, row.height, row.count, row.batches) for row in found.buckets]
    # repeats 3, batch size 2: 3 -> 2 batches, 6 -> 3, 6 -> 3
    assert rows == [(96, 160, 3, 2), (128, 128, 6, 3), (160, 96, 6, 3)]
    assert (found.pictures, found.without_caption, found.batches_per_epoch) == (5, 0, 8)
    assert (found.epochs, found.steps) == (4, 32)
    assert (found.latent_batches, found.text_batches) == (3, 3)
    assert (found.checkpoints, found.states) == (2, 0)  # after epoch 2, and the final one


def test_accumulation_and_steps(ws: Workspace, dataset: str) -> None:
    found = plan.summary(ws, draft_for(dataset, gradient_accumulation_steps=3))
    assert found.steps == 4 * 3
    found = plan.summary(ws, draft_for(dataset, max_train_epochs=None, max_train_steps=100))
    assert (found.steps, found.epochs) == (100, 13)


def test_pictures_without_a_caption_do_not_count(ws: Workspace, tmp_path: Path) -> None:
    found = plan.summary(ws, draft_for(make_dataset(ws, tmp_path / "p", captions=2)))
    assert (found.pictures, found.without_caption) == (2, 3)


def test_nothing_chosen_is_zero(ws: Workspace) -> None:
    found = plan.summary(ws, Draft(name="x"))
    assert (found.pictures, found.steps, found.checkpoints) == (0, 0, 0)


# freezing


def test_create_writes_everything(ws: Workspace, dataset: str) -> None:
    prompts = {"sample_prompts_text": "a toy\n", "sample_every_n_epochs": 1}
    steps, detail = plan.create(ws, draft_for(dataset, **prompts), TASK)
    folder = ws.task(TASK)
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "dataset.toml", "dataset_0.jsonl", "sample_prompts.json", "config.toml", "train.sh", "train.bat", "draft.json",
        "freeze.json",
    }  # fmt: skip
    table = tomllib.loads((folder / "dataset.toml").read_text("utf-8"))["datasets"][0]
    assert table["num_repeats"] == 3 and table["batch_size"] == 2
    rows = [json.loads(line) for line in (folder / "dataset_0.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == 5 and all(Path(row["image_path"]).is_file() for row in rows)
    assert [step.name for step in steps] == ["prepare", "cache_latents", "cache_text", "train"]
    assert [step.total for step in steps] == [None, 3, 3, None]
    assert detail["steps"] == 32 and detail["rehearsal"] is True
    record = tomllib.loads((folder / "config.toml").read_text("utf-8"))
    assert record["output_name"] == "toy_lora"


def test_arguments(ws: Workspace, dataset: str) -> None:
    prompts = {"sample_prompts_text": "a toy", "sample_every_n_epochs": 1}
    steps, _ = plan.create(ws, draft_for(dataset, **prompts), TASK)
    train = words_of(steps, "train")
    assert train[:4] == [sys.executable, "-m", "tagtrainer.engines.rehearsal", "qwen_image_train_network"]
    assert value_of(train, "--dataset_config") == str(ws.task(TASK) / "dataset.toml")
    assert value_of(train, "--output_dir") == str(ws.model(TASK))
    assert value_of(train, "--output_name") == "toy_lora"
    assert value_of(train, "--logging_dir") == str(ws.task(TASK) / "tensorboard")
    assert value_of(train, "--sample_prompts") == str(ws.task(TASK) / "sample_prompts.json")
    assert value_of(train, "--network_module") == "networks.lora_qwen_image"
    assert "--mixed_precision" in train
    for name in ("cache_latents", "cache_text"):
        assert {"--skip_existing", "--keep_cache"} <= set(words_of(steps, name))
    assert "--resolution" not in train and "--batch_size" not in train


def test_without_a_moment_for_samples_none_are_asked_for(ws: Workspace, dataset: str) -> None:
    options = {"sample_prompts_text": "a toy", "sample_every_n_epochs": None, "sample_every_n_steps": None}
    steps, _ = plan.create(ws, draft_for(dataset, **options, sample_at_first=False), TASK)
    assert "--sample_prompts" not in words_of(steps, "train")


def test_without_a_prompt_captions_are_drawn(ws: Workspace, dataset: str) -> None:
    steps, _ = plan.create(ws, draft_for(dataset), TASK)
    assert value_of(words_of(steps, "train"), "--sample_every_n_epochs") == "4"
    rows = json.loads((ws.task(TASK) / "sample_prompts.json").read_text("utf-8"))
    captions = {store.caption(ws, dataset, item.id) for item in store.items(ws, dataset)}
    assert len(rows) == 2 and {row["prompt"] for row in rows} < captions


def test_a_task_frozen_without_prompts_goes_on_without_samples(ws: Workspace, dataset: str) -> None:
    draft = draft_for(dataset)
    plan.create(ws, draft, TASK)
    (ws.task(TASK) / "sample_prompts.json").unlink()
    assert "--sample_prompts" not in words_of(plan.steps(resolve(ws, draft), TASK), "train")


def test_preview_scripts_and_launch_are_one(ws: Workspace, dataset: str) -> None:
    draft = draft_for(dataset)
    steps, _ = plan.create(ws, draft, TASK)
    for form, file in (("sh", "train.sh"), ("bat", "train.bat")):
        text = (ws.task(TASK) / file).read_bytes().decode("utf-8")
        assert plan.command(ws, draft, form, TASK) == scripts.render(steps, form) == text
    assert "toy_lora-preview" in plan.command(ws, draft)


def test_captions_are_frozen(ws: Workspace, dataset: str) -> None:
    plan.create(ws, draft_for(dataset), TASK)
    before = (ws.task(TASK) / "dataset_0.jsonl").read_bytes()
    item = store.items(ws, dataset)[0]
    store.write_captions(ws, dataset, {item.id: "other"}, who="test", title="edit")
    assert (ws.task(TASK) / "dataset_0.jsonl").read_bytes() == before


def test_nothing_to_train_on_is_refused(ws: Workspace, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="caption"):
        plan.create(ws, draft_for(make_dataset(ws, tmp_path / "p", captions=0)), TASK)


def test_configured_weights_are_passed(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    for name in ("dit", "vae", "te"):
        (tmp_path / name).write_bytes(b"")
    paths = {f"qwen_image.{name}_path": str(tmp_path / name[:3]) for name in ("dit", "vae")}
    settings.change(ws, lambda known: setattr(known, "model_paths", paths))
    steps = plan.steps(resolve(ws, draft_for(dataset)), TASK)
    assert value_of(words_of(steps, "cache_latents"), "--vae") == str(tmp_path / "vae")
    assert value_of(words_of(steps, "cache_text"), "--text_encoder") == plan.PLACEHOLDER


# getting ready


def test_ready_makes_upright_copies_and_keeps_caches(ws: Workspace, tmp_path: Path) -> None:
    source = Image.new("RGB", (60, 40), "blue")
    exif = source.getexif()
    exif[0x0112] = 6
    (tmp_path / "p").mkdir()
    source.save(tmp_path / "p" / "phone.jpg", exif=exif)
    dataset = store.create(ws, "phone").id
    transfer.import_paths(ws, dataset, [tmp_path / "p"])
    store.write_captions(ws, dataset, {store.items(ws, dataset)[0].id: "blue"}, who="test", title="x")
    plan.create(ws, draft_for(dataset), TASK)
    first, second = freeze.get_ready(ws, TASK), freeze.get_ready(ws, TASK)
    assert (first.copied, second.copied) == (1, 0)
    row = json.loads((ws.task(TASK) / "dataset_0.jsonl").read_text("utf-8"))
    with Image.open(row["image_path"]) as copy:
        assert copy.size == (40, 60)


def test_a_photograph_in_wide_colours_is_trained_in_srgb(ws: Workspace, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    Image.new("RGB", (60, 40), (200, 80, 60)).save(tmp_path / "p" / "phone.jpg", icc_profile=rgb_profile(DISPLAY_P3))
    dataset = store.create(ws, "phone").id
    transfer.import_paths(ws, dataset, [tmp_path / "p"])
    item = store.items(ws, dataset)[0].id
    store.write_captions(ws, dataset, {item: "red"}, who="test", title="x")
    plan.create(ws, draft_for(dataset), TASK)
    assert freeze.get_ready(ws, TASK).copied == 1
    row = json.loads((ws.task(TASK) / "dataset_0.jsonl").read_text("utf-8"))
    assert Path(row["image_path"]).name == f"{item}-srgb.png"
    with Image.open(row["image_path"]) as copy:
        assert copy.size == (60, 40)


def test_crops_and_repeats_reach_the_engine_and_can_be_taken_back(ws: Workspace, dataset: str) -> None:
    first, second, *_ = store.items(ws, dataset)
    change = {first.id: {"crop": [40, 20, 160, 120]}, second.id: {"repeats": 4}}
    store.change_items(ws, dataset, change, who="test", title="crop")
    totals = plan.summary(ws, draft_for(dataset))
    assert sum(row.count for row in totals.buckets) == 4 * 3 + 1 * 3 * 4
    plan.create(ws, draft_for(dataset), TASK)
    freeze.get_ready(ws, TASK)
    folder = ws.task(TASK)
    config = tomllib.loads((folder / "dataset.toml").read_text("utf-8"))
    assert [part["num_repeats"] for part in config["datasets"]] == [3, 12]
    assert len({part["cache_directory"] for part in config["datasets"]}) == 2
    rows = [json.loads(line) for line in (folder / "dataset_0.jsonl").read_text("utf-8").splitlines()]
    cut = next(Path(row["image_path"]) for row in rows if first.id in row["image_path"])
    with Image.open(cut) as shown, Image.open(store.media_path(ws, dataset, first.id)) as whole:
        assert shown.size == (160, 120) and shown.tobytes() == whole.convert("RGB").crop((40, 20, 200, 140)).tobytes()
    assert len((folder / "dataset_1.jsonl").read_text("utf-8").splitlines()) == 1
    store.change_items(ws, dataset, {first.id: {"crop": [0, 0, 160, 120]}}, who="test", title="crop")
    plan.create(ws, draft_for(dataset), "toys-2")
    other = json.loads((ws.task("toys-2") / "dataset_0.jsonl").read_text("utf-8").splitlines()[0])
    assert (
        Path(other["image_path"]).name != cut.name
    )  # the engine names its caches by it, so another crop is another cache


def test_ready_removes_what_does_not_fit(ws: Workspace, dataset: str) -> None:
    plan.create(ws, draft_for(dataset), TASK)
    cache = freeze.load(ws.task(TASK)).sources[0].cache
    (cache / "gone_0010x0010_qi.safetensors").write_bytes(b"half")
    assert freeze.get_ready(ws, TASK).removed == 1


def test_ready_refuses_when_a_picture_is_gone(ws: Workspace, dataset: str) -> None:
    plan.create(ws, draft_for(dataset), TASK)
    shutil.rmtree(ws.dataset(dataset) / "images")
    with pytest.raises(UserError, match="5 pictures of this task are gone"):
        freeze.get_ready(ws, TASK)


def test_ready_without_a_freeze(ws: Workspace) -> None:
    with pytest.raises(UserError):
        freeze.get_ready(ws, "nothing-here")


def test_a_moved_workspace_config_reaches_the_prepare_step(tmp_path: Path) -> None:
    ws = open_workspace(tmp_path / "w", tmp_path / "elsewhere.json")
    step = plan.steps(resolve(ws, draft_for("x")), TASK)[0]
    assert value_of(list(step.argv), "--config") == str(tmp_path / "elsewhere.json")


# going on


def going_on(ws: Workspace, dataset: str, **options: object) -> tuple[Attempt, dict]:
    case = resolve(ws, draft_for(dataset, **options))
    totals = plan.of_case(case)
    return attempts.next_attempt(case, ws.task(TASK), ws.model(TASK), totals)


def save_state(folder: Path, name: str, whole: bool = True) -> None:
    (folder / f"{name}-state").mkdir(parents=True)
    if whole:
        (folder / f"{name}-state" / "random_states_0.pkl").write_bytes(b"x")


def test_nothing_written_keeps_the_name(ws: Workspace, dataset: str) -> None:
    attempt, changes = going_on(ws, dataset)
    assert attempt.output_name == "toy_lora" and changes == {}


def test_files_are_never_written_over(ws: Workspace, dataset: str) -> None:
    ws.model(TASK).mkdir(parents=True)
    (ws.model(TASK) / "toy_lora-000001.safetensors").write_bytes(b"")
    attempt, changes = going_on(ws, dataset)
    assert attempt.output_name == "toy_lora-2" and changes == {} and attempt.steps_before == 0


def test_the_newest_whole_state_is_used(ws: Workspace, dataset: str) -> None:
    save_state(ws.model(TASK), "toy_lora-000001")
    save_state(ws.model(TASK), "toy_lora-000002")
    save_state(ws.model(TASK), "toy_lora-000003", whole=False)
    attempt, changes = going_on(ws, dataset, lr_scheduler="constant", lr_warmup_steps=None)
    assert attempt.steps_before == 16 and attempt.epochs_before == 2
    assert changes["max_train_epochs"] == 2 and changes["resume"].endswith("toy_lora-000002-state")


def test_a_state_between_epochs_goes_on_by_steps(ws: Workspace, dataset: str) -> None:
    save_state(ws.model(TASK), "toy_lora-step00000011")
    _, changes = going_on(ws, dataset, lr_scheduler="constant", lr_warmup_steps=None)
    assert changes["max_train_epochs"] is None and changes["max_train_steps"] == 21


def test_a_falling_schedule_starts_anew(ws: Workspace, dataset: str) -> None:
    save_state(ws.model(TASK), "toy_lora-000002")
    attempt, changes = going_on(ws, dataset, lr_scheduler="cosine")
    assert changes == {} and attempt.output_name == "toy_lora-2"


def test_the_third_attempt_counts_the_second(ws: Workspace, dataset: str) -> None:
    save_state(ws.model(TASK), "toy_lora-000001")
    save_state(ws.model(TASK), "toy_lora-2-000001")
    ws.task(TASK).mkdir(parents=True)
    attempts.save(ws.task(TASK), [Attempt(output_name="toy_lora"), Attempt(output_name="toy_lora-2", steps_before=8)])
    attempt, changes = going_on(ws, dataset, lr_scheduler="constant", lr_warmup_steps=None)
    assert (attempt.output_name, attempt.steps_before) == ("toy_lora-3", 16)
    assert changes["max_train_epochs"] == 2


def test_resume_reaches_the_arguments(ws: Workspace, dataset: str) -> None:
    save_state(ws.model(TASK), "toy_lora-000001")
    case = resolve(ws, draft_for(dataset, lr_scheduler="constant", lr_warmup_steps=None))
    attempt, changes = attempts.next_attempt(case, ws.task(TASK), ws.model(TASK), plan.of_case(case))
    words = words_of(plan.steps(case, TASK, output_name=attempt.output_name, extra=changes), "train")
    assert value_of(words, "--resume").endswith("-state") and value_of(words, "--max_train_epochs") == "3"
    assert value_of(words, "--output_name") == "toy_lora-2"


def test_unknown_family() -> None:
    with pytest.raises(UserError, match="qwen_image"):
        from tagtrainer.training.draft import family_of

        family_of(Draft(family="other"))


def test_every_computed_option_is_declared(ws: Workspace) -> None:
    case = resolve(ws, Draft(name="x"))
    missing = set(plan.computed(case, TASK, "x")) - set(fields.specs(case.family.options))
    assert not missing
