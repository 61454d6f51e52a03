"""training/checks: every trap of the engine that a draft can run into is named before the start."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

from tagtrainer import settings
from tagtrainer.core.text import speaking
from tagtrainer.datasets import store, transfer
from tagtrainer.engines import Interpreter
from tagtrainer.training import checks
from tagtrainer.training.checks import Problem, machine
from tagtrainer.training.draft import DatasetUse, Draft
from tagtrainer.workspace import Workspace, open_workspace
from tests.test_engines import make_checkout, make_packages, use_env

FINE: dict[str, Any] = {
    "resolution": "128,128", "batch_size": 1, "enable_bucket": True, "max_train_epochs": 2, "save_every_n_epochs": 1,
    "optimizer_type": "adamw",
}  # fmt: skip


def make_dataset(ws: Workspace, folder: Path, sizes: list[tuple[int, int]], captions: int, **meta: str) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    for number, size in enumerate(sizes):
        Image.new("RGB", size, (number * 30 % 256, 90, 160)).save(folder / f"p{number:02d}.png")
    dataset = store.create(ws, "toys", **meta).id
    transfer.import_paths(ws, dataset, [folder])
    items = sorted(store.items(ws, dataset), key=lambda item: item.name)
    texts = {item.id: f"a toy {item.name}" for item in items[:captions]}
    store.write_captions(ws, dataset, texts, who="test", title="captions")
    return dataset


@pytest.fixture
def dataset(ws: Workspace, tmp_path: Path) -> str:
    return make_dataset(ws, tmp_path / "pictures", [(200, 200)] * 6, 6)


def problems(
    ws: Workspace, *datasets: str, name: str = "toy", engine: str = "rehearsal", **options: Any
) -> list[Problem]:
    uses = [DatasetUse(id=ident) for ident in datasets]
    return checks.check(ws, Draft(name=name, engine=engine, datasets=uses, options={**FINE, **options}))


def keys(found: list[Problem], level: str = "") -> set[str]:
    return {problem.key for problem in found if not level or problem.level == level}


def test_a_good_draft_has_no_errors(ws: Workspace, dataset: str) -> None:
    assert not keys(problems(ws, dataset), "error")


def test_every_problem_is_a_sentence_in_both_languages(ws: Workspace, dataset: str) -> None:
    found = problems(ws, dataset, name="", fp8_scaled=True, fp8_base=False, sdpa=False, seed=-1)
    assert len(found) >= 4
    for code in ("en", "zh-CN"):
        with speaking(code):
            for problem in found:
                assert problem.key not in str(problem) and "{" not in str(problem)


def test_the_worst_stand_first(ws: Workspace, dataset: str) -> None:
    levels = [problem.level for problem in problems(ws, dataset, name="", sdpa=False)]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)


@pytest.mark.parametrize(
    ("options", "key"),
    [
        ({"fp8_scaled": True, "fp8_base": False}, "plan.fp8_scaled_alone"),
        ({"sdpa": False}, "plan.no_attention"),
        ({"blocks_to_swap": 60}, "plan.too_many_blocks"),
        ({"lr_scheduler": "reduce_lr_on_plateau"}, "plan.broken_scheduler"),
        ({"lr_scheduler": "constant", "lr_warmup_steps": "10"}, "plan.warmup_of_constant"),
        ({"lr_scheduler": "piecewise_constant"}, "plan.piecewise_args"),
        ({"optimizer_args": ["betas"]}, "plan.key_value"),
        ({"optimizer_args": ["a=b=c"]}, "plan.key_value"),
        ({"optimizer_args": ["weight_decay=much"]}, "plan.not_a_literal"),
        ({"persistent_data_loader_workers": True, "max_data_loader_n_workers": 0}, "plan.persistent_without_workers"),
        ({"gradient_checkpointing": False, "gradient_checkpointing_cpu_offload": True}, "plan.needs_checkpointing"),
        ({"min_timestep": 800, "max_timestep": 200}, "plan.timesteps"),
        ({"enable_bucket": False, "resolution": "100,128"}, "plan.uneven_crop"),
        ({"enable_bucket": True, "resolution": "16,16"}, "buckets.too_small"),
        ({"max_train_epochs": None, "max_train_steps": 0}, "plan.no_steps"),
        ({"network_weights": "/no/such/file.safetensors"}, "plan.no_such_path"),
    ],
)
def test_option_traps(ws: Workspace, dataset: str, options: dict[str, Any], key: str) -> None:
    found = keys(problems(ws, dataset, **options), "error")
    # the option itself, or the family, may refuse it first, in its own words
    assert key in found or any(other.startswith(("fields.", "family.", "families.")) for other in found)


def test_wrong_types_are_each_named(ws: Workspace, dataset: str) -> None:
    found = problems(ws, dataset, network_dim="many", learning_rate="fast", resolution="big")
    assert {problem.where for problem in found} == {"network_dim", "learning_rate", "resolution"}
    assert {problem.level for problem in found} == {"error"}


def test_unknown_options_are_a_warning(ws: Workspace, dataset: str) -> None:
    assert "plan.unknown_options" in keys(problems(ws, dataset, no_such_thing=1), "warning")


def test_names(ws: Workspace, dataset: str) -> None:
    assert "plan.no_name" in keys(problems(ws, dataset, name="  "), "error")
    assert "plan.name_for_files" in keys(problems(ws, dataset, name="雪"), "note")


# data


def test_no_dataset(ws: Workspace) -> None:
    assert "plan.no_dataset" in keys(problems(ws), "error")


def test_missing_dataset(ws: Workspace) -> None:
    assert keys(problems(ws, "nowhere"), "error")


def test_one_dataset_twice(ws: Workspace, dataset: str) -> None:
    assert "plan.dataset_twice" in keys(problems(ws, dataset, dataset), "error")


@pytest.mark.parametrize("repeats", [0, -3, 10**9])
def test_repeats_that_cannot_be(ws: Workspace, dataset: str, repeats: int) -> None:
    draft = Draft(name="x", datasets=[DatasetUse(id=dataset, repeats=repeats)], options=FINE)
    found = [problem for problem in checks.check(ws, draft) if problem.level == "error"]
    assert [(problem.key, problem.where) for problem in found][:1] == [("plan.repeats", "dataset_0")]


def test_empty_dataset(ws: Workspace) -> None:
    assert "plan.empty_dataset" in keys(problems(ws, store.create(ws, "nothing").id), "error")


def test_no_captions_and_some(ws: Workspace, tmp_path: Path) -> None:
    bare = make_dataset(ws, tmp_path / "a", [(200, 200)] * 6, 0)
    assert "plan.no_captions" in keys(problems(ws, bare), "error")
    items = store.items(ws, bare)
    store.write_captions(ws, bare, {items[0].id: "one"}, who="test", title="x")
    found = [problem for problem in problems(ws, bare) if problem.key == "plan.some_without_caption"]
    assert found[0].values["count"] == 5 and found[0].level == "warning"


def test_the_media_folder_is_gone(ws: Workspace, dataset: str) -> None:
    shutil.rmtree(ws.dataset(dataset) / "images")
    assert keys(problems(ws, dataset), "error")


def test_one_picture_is_gone(ws: Workspace, dataset: str) -> None:
    from tagtrainer.training.case import resolve
    from tagtrainer.training.checks import data

    items = store.items(ws, dataset)
    case = resolve(ws, Draft(name="x", datasets=[DatasetUse(id=dataset)], options=FINE))
    store.media_path(ws, dataset, items[1].id).unlink()
    found = list(data._media(case, store.get(ws, dataset), items))
    assert found[0].key == "plan.pictures_gone" and found[0].values["first"] == items[1].name


def test_brackets_in_the_path(tmp_path: Path) -> None:
    ws = open_workspace(tmp_path / "data [old]")
    assert "plan.brackets" in keys(problems(ws), "error")


def test_trigger_word(ws: Workspace, tmp_path: Path) -> None:
    ident = make_dataset(ws, tmp_path / "a", [(200, 200)] * 5, 5, trigger_word="sks")
    assert "plan.no_trigger" in keys(problems(ws, ident), "warning")


def test_small_thin_and_cropped(ws: Workspace, tmp_path: Path) -> None:
    ident = make_dataset(ws, tmp_path / "a", [(100, 100), (2000, 200), (200, 200), (200, 300), (300, 200)], 5)
    found = keys(problems(ws, ident, batch_size=4, enable_bucket=True), "warning")
    assert {"plan.upscaled", "plan.much_cropped", "plan.thin_buckets"} <= found
    assert "plan.upscaled" not in keys(problems(ws, ident, bucket_no_upscale=True))


def test_a_picture_that_would_become_nothing(ws: Workspace, dataset: str) -> None:
    from tagtrainer.training.case import resolve
    from tagtrainer.training.checks import data

    draft = Draft(name="x", datasets=[DatasetUse(id=dataset)], options={**FINE, "bucket_no_upscale": True})
    thin = dataclasses.replace(store.items(ws, dataset)[0], width=100, height=15)
    found = list(data._buckets(resolve(ws, draft), store.get(ws, dataset), [thin], 1))
    assert found[0].key == "plan.too_small_picture" and found[0].level == "error"


def test_stale_caches_are_announced(ws: Workspace, dataset: str) -> None:
    from tagtrainer.training import dataset_config
    from tagtrainer.training.case import resolve

    case = resolve(ws, Draft(name="x", datasets=[DatasetUse(id=dataset)], options=FINE))
    folder = dataset_config.cache_folder(ws, dataset, case.engine.id, case.family.id, case.variant, case.shape)
    folder.mkdir(parents=True)
    (folder / f"other_0010x0010_{case.suffix}.safetensors").write_bytes(b"x")
    assert "plan.stale_caches" in keys(problems(ws, dataset), "note")


# samples


def test_samples(ws: Workspace, dataset: str) -> None:
    never = {"sample_every_n_epochs": None, "sample_every_n_steps": None, "sample_at_first": False}
    assert "plan.prompts_never_used" in keys(problems(ws, dataset, sample_prompts_text="a toy", **never))
    asked = {"sample_every_n_epochs": 1}
    assert "plan.prompts_from_captions" in keys(problems(ws, dataset, sample_prompts_text="", **asked), "note")
    assert "plan.options_in_prompt" in keys(problems(ws, dataset, sample_prompts_text="a toy --w 9", **asked))


# machine


def test_disk(ws: Workspace, dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _path: SimpleNamespace(free=1000))
    assert "plan.disk_short" in keys(problems(ws, dataset), "error")
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda _path: SimpleNamespace(free=2**30))
    assert "plan.disk_tight" in keys(problems(ws, dataset), "warning")


def test_engine_not_found(ws: Workspace, dataset: str) -> None:
    assert "plan.engine_missing" in keys(problems(ws, dataset, engine="musubi-tuner"), "error")


def use_engine(ws: Workspace, tmp_path: Path, **env: str) -> None:
    checkout = make_checkout(tmp_path / "engine")
    use_env(ws, PYTHONPATH=make_packages(tmp_path / "packages"), **env)
    settings.change(ws, lambda known: setattr(known.engine, "musubi_path", str(checkout)))
    settings.change(ws, lambda known: setattr(known.engine, "musubi_python", sys.executable))


@pytest.mark.skipif(not (3, 10) <= sys.version_info[:2] < (3, 13), reason="the engine's range of Pythons")
def test_packages_of_the_engine(ws: Workspace, dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_engine(ws, tmp_path)
    has = Interpreter((3, 11, 1), {name: "" for name in ("torch",)})
    monkeypatch.setattr("tagtrainer.engines.musubi.Musubi.interpreter", lambda *_: has)
    monkeypatch.setattr("tagtrainer.engines.musubi.NEEDED", ())
    found = keys(problems(ws, dataset, engine="musubi-tuner", optimizer_type="adamw8bit", xformers=True, sdpa=False))
    assert {"plan.optimizer_package", "plan.option_package", "plan.no_tensorboard"} <= found


@pytest.mark.skipif(not (3, 10) <= sys.version_info[:2] < (3, 13), reason="the engine's range of Pythons")
def test_tokenizer_offline_and_online(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    use_engine(ws, tmp_path, HF_HOME=str(tmp_path / "hf"), HF_HUB_OFFLINE="1")
    assert "plan.tokenizer_offline" in keys(problems(ws, dataset, engine="musubi-tuner"), "error")
    (tmp_path / "hf" / "hub" / "models--Qwen--Qwen-Image").mkdir(parents=True)
    assert "plan.tokenizer_offline" not in keys(problems(ws, dataset, engine="musubi-tuner"))


def test_unknown_engine_and_family(ws: Workspace) -> None:
    assert keys(checks.check(ws, Draft(name="x", engine="other")), "error") == {"engines.unknown"}
    assert keys(checks.check(ws, Draft(name="x", family="other")), "error") == {"plan.no_family"}
