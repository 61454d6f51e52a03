"""training/checks: optimizer, schedule, what a run begins with, memory and environment: each trap has its sentence."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from tagtrainer import engines, settings
from tagtrainer.core.text import speaking
from tagtrainer.training.case import resolve
from tagtrainer.training.checks import machine
from tagtrainer.training.checks import weights as weight_files
from tagtrainer.training.draft import DatasetUse, Draft
from tagtrainer.workspace import Workspace
from tests.test_checks import FINE, keys, make_dataset, problems
from tests.test_engines import use_env


@pytest.fixture
def dataset(ws: Workspace, tmp_path: Path) -> str:
    return make_dataset(ws, tmp_path / "pictures", [(200, 200)] * 6, 6)


@pytest.mark.parametrize(
    ("options", "level", "key", "where"),
    [
        ({"learning_rate": 0}, "error", "plan.rate_zero", "learning_rate"),
        ({"learning_rate": 5}, "warning", "plan.rate_high", "learning_rate"),
        ({"optimizer_type": "prodigyopt.Prodigy"}, "warning", "plan.own_rate", "learning_rate"),
        ({"optimizer_type": "garbage"}, "error", "plan.unknown_optimizer", "optimizer_type"),
        ({"optimizer_type": "lion8bit"}, "error", "plan.unknown_optimizer", "optimizer_type"),
        ({"optimizer_type": "Adafactor"}, "note", "plan.adafactor_rate", "optimizer_args"),
        ({"lr_scheduler": "cosine_with_min_lr"}, "error", "plan.min_rate_missing", "lr_scheduler_min_lr_ratio"),
        ({"lr_scheduler": "cosine", "save_state": True}, "note", "plan.states_of_no_use", "save_state"),
        ({"lr_scheduler": "cosine", "lr_warmup_steps": "-5"}, "error", "plan.not_a_share", "lr_warmup_steps"),
        ({"lr_scheduler": "cosine", "lr_warmup_steps": "200%"}, "error", "plan.not_a_share", "lr_warmup_steps"),
        ({"lr_scheduler": "cosine", "lr_warmup_steps": "nan"}, "error", "plan.not_a_share", "lr_warmup_steps"),
        ({"lr_scheduler": "cosine", "lr_warmup_steps": "500"}, "warning", "plan.warmup_too_long", "lr_warmup_steps"),
        ({"network_args": ["exclude_patterns=['(']"]}, "error", "plan.bad_pattern", "network_args"),
        ({"network_module": "networks.lora_wan"}, "error", "plan.wrong_module", "network_module"),
        ({"base_weights": ["/no/such"]}, "error", "plan.no_such_path", "base_weights"),
        ({"base_weights_multiplier": ["half"]}, "error", "fields.not_a_number", "base_weights_multiplier"),
        ({"log_with": "wandb"}, "warning", "plan.no_curves", "log_with"),
        ({"log_prefix": "../x"}, "error", "plan.log_prefix", "log_prefix"),
        ({"huggingface_repo_id": "mine"}, "error", "plan.hub_name", "huggingface_repo_id"),
        ({"cache_device": "gpu7"}, "error", "plan.device", "cache_device"),
        ({"sdpa": False, "xformers": True}, "warning", "plan.needs_split", "split_attn"),
        ({"min_timestep": 1000}, "error", "plan.timesteps", "min_timestep"),
    ],
)
def test_traps_of_options(
    ws: Workspace, dataset: str, options: dict[str, Any], level: str, key: str, where: str
) -> None:
    found = [problem for problem in problems(ws, dataset, **options) if problem.key == key]
    assert [(problem.level, problem.where) for problem in found] == [(level, where)]
    for code in ("en", "zh-CN"):
        with speaking(code):
            assert key not in str(found[0]) and "{" not in str(found[0])


@pytest.mark.parametrize(
    "options",
    [
        {"optimizer_type": "AdamW"}, {"optimizer_type": "SGD"}, {"optimizer_type": "prodigyopt.Prodigy", "learning_rate": 1},
        {"optimizer_type": "adafactor", "optimizer_args": ["relative_step=False"], "lr_scheduler": "constant_with_warmup"},
        {"lr_scheduler": "cosine", "lr_warmup_steps": "10%"}, {"lr_scheduler": "cosine", "lr_warmup_steps": "0.1"},
        {"network_module": "networks.loha"}, {"network_args": ["exclude_patterns=['.*attn.*']"]}, {"cache_device": "cuda:1"},
        {"min_timestep": 0, "max_timestep": 875}, {"sdpa": False, "xformers": True, "split_attn": True},
    ],
)  # fmt: skip
def test_what_works_is_left_alone(ws: Workspace, dataset: str, options: dict[str, Any]) -> None:
    found = problems(ws, dataset, sample_every_n_epochs=None, **options)
    assert {problem.key for problem in found if problem.where} <= {"plan.few_pictures"}


def test_a_value_that_cannot_be_is_said_once_and_placed(ws: Workspace, dataset: str) -> None:
    for options in ({"resolution": "0,0"}, {"blocks_to_swap": 60}, {"seed": 2**40}):
        found = [problem for problem in problems(ws, dataset, **options) if problem.level == "error"]
        assert [problem.where for problem in found] == list(options)


def lora(path: Path, rank: int, **metadata: str) -> str:
    """A LoRA file of one module."""
    path.parent.mkdir(parents=True, exist_ok=True)
    down, up = np.zeros((rank, 8), np.float32), np.zeros((8, rank), np.float32)
    name = "lora_unet_blocks_0_attn"
    save_file({f"{name}.lora_down.weight": down, f"{name}.lora_up.weight": up}, path, metadata or None)
    return str(path)


def test_loras_to_begin_with(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    fine, wide = lora(tmp_path / "fine.safetensors", 16), lora(tmp_path / "wide.safetensors", 32)
    assert not keys(problems(ws, dataset, network_weights=fine, base_weights=[wide]), "error")
    assert "plan.other_rank" in keys(problems(ws, dataset, network_weights=wide), "error")
    (tmp_path / "no.safetensors").write_text("<html>", "utf-8")
    assert "plan.not_a_lora" in keys(problems(ws, dataset, base_weights=[str(tmp_path / "no.safetensors")]), "error")
    small = lora(tmp_path / "small.safetensors", 16, **{"tagtrainer.rehearsal": "1"})
    assert "plan.rehearsed_lora" not in keys(problems(ws, dataset, network_weights=small))
    assert "plan.rehearsed_lora" in keys(problems(ws, dataset, network_weights=small, engine="musubi-tuner"))


def test_states_to_go_on_from(ws: Workspace, dataset: str, tmp_path: Path) -> None:
    state = tmp_path / "x-000001-state"
    state.mkdir()
    assert "plan.not_a_state" in keys(problems(ws, dataset, resume=str(state)), "error")
    (state / "random_states_0.pkl").write_bytes(b"PK\x03\x04")
    assert "plan.state_of_other_engine" in keys(problems(ws, dataset, resume=str(state)), "error")
    assert "plan.state_of_other_engine" not in keys(problems(ws, dataset, resume=str(state), engine="musubi-tuner"))
    (state / "random_states_0.pkl").write_text('{"state": 1}', "utf-8")
    assert not keys(problems(ws, dataset, resume=str(state)), "error")


def test_keys_of_services(ws: Workspace, dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    assert "plan.no_key" in keys(problems(ws, dataset, log_with="all"), "warning")
    monkeypatch.setenv("WANDB_API_KEY", "k")
    assert "plan.no_key" not in keys(problems(ws, dataset, log_with="all"))


@pytest.mark.parametrize(
    ("card", "options", "warned"),
    [
        (24, {}, True), (80, {}, False), (24, {"fp8_base": True}, True), (32, {"fp8_base": True}, False),
        (12, {"fp8_base": True, "blocks_to_swap": 45}, False), (16, {"fp8_base": True, "blocks_to_swap": 10}, True),
        (24, {"resolution": "512,512"}, False), (24, {"blocks_to_swap": 30}, False),
    ],
)  # fmt: skip
def test_memory_of_the_card(
    ws: Workspace, dataset: str, monkeypatch: pytest.MonkeyPatch, card: int, options: dict[str, Any], warned: bool
) -> None:
    monkeypatch.setattr(machine, "_card_gb", lambda: float(card))
    draft = Draft(name="x", datasets=[DatasetUse(id=dataset)], options={**FINE, "resolution": "1024,1024", **options})
    assert ("plan.little_vram" in keys(list(machine._memory(resolve(ws, draft))))) is warned


def test_main_memory_and_no_card(ws: Workspace, dataset: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_card_gb", lambda: 0.0)
    monkeypatch.setattr(machine.psutil, "virtual_memory", lambda: SimpleNamespace(total=16 * 2**30))
    draft = Draft(name="x", datasets=[DatasetUse(id=dataset)], options={**FINE, "blocks_to_swap": 20})
    assert keys(list(machine._memory(resolve(ws, draft)))) == {"plan.no_card", "plan.little_ram"}


def test_a_model_for_editing_by_its_name(ws: Workspace, dataset: str) -> None:
    case = resolve(ws, Draft(name="x", datasets=[DatasetUse(id=dataset)], options=FINE))
    found = list(weight_files._named_otherwise(case, "/models/qwen_image_edit_2509_bf16.safetensors"))
    assert keys(found, "warning") == {"plan.other_variant"}
    assert not list(weight_files._named_otherwise(case, "/edits/qwen_image_bf16.safetensors"))


def test_no_variable_of_the_user_can_break_progress_or_messages(ws: Workspace, tmp_path: Path) -> None:
    use_env(ws, TQDM_ASCII="1", PYTHONIOENCODING="cp1252", PYTHONUTF8="0", HF_HOME=str(tmp_path))
    settings.change(ws, lambda known: setattr(known.engine, "musubi_python", sys.executable))
    given = engines.MUSUBI.env(ws)
    assert given["TQDM_ASCII"] is None and given["PYTHONIOENCODING"] == "utf-8" and given["PYTHONUTF8"] == "1"
    assert given["HF_HOME"] == str(tmp_path)
