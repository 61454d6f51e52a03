"""Checks of what the run needs from this machine: engine, its packages, disk. Must not start or install anything."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import psutil

from tagtrainer import settings
from tagtrainer.core import system
from tagtrainer.core.files import human_size
from tagtrainer.engines import Interpreter
from tagtrainer.training.case import Case
from tagtrainer.training.checks.problem import Problem, error, note, warning
from tagtrainer.training.summary import of_case

OPTIMIZER_PACKAGES = {
    "adamw8bit": "bitsandbytes", "bitsandbytes": "bitsandbytes", "prodigyopt": "prodigyopt",
    "schedulefree": "schedulefree", "dadaptation": "dadaptation",
}  # fmt: skip
OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
SWAP_GB = 48
"""The documentation advises 64 GB of main memory for swapping; machines with 32 have died of it."""
ATTENTION_PACKAGES = {"xformers": "xformers", "flash_attn": "flash_attn", "flash3": "flash_attn_interface"}


def check(case: Case) -> Iterator[Problem]:
    """Disk always; the engine's Python only for an engine that is not this one."""
    yield from _disk(case)
    if case.engine.rehearsal:
        return
    status = case.engine.status(case.ws)
    if not status.found:
        yield error("plan.engine_missing", "settings", engine=case.engine.id, reason=status.message)
        return
    yield from _memory(case)
    found = case.engine.interpreter(case.ws)
    yield from _packages(case, found)
    if status.message:
        yield note("plan.engine_remark", "settings", engine=case.engine.id, remark=status.message)
    yield from _tokenizers(case)


@lru_cache(maxsize=1)
def _card_gb() -> float:
    """Memory of the first card, 0 without one. Asked once: it takes up to a second, and cards do not come and go."""
    return next((card.memory_total / 1024 for card in system.gpus()), 0.0)


def _memory(case: Case) -> Iterator[Problem]:
    """Too little memory shows minutes later: as an error, or on Windows as a run that is many times slower."""
    there, needed = _card_gb(), _vram_needed(case)
    if not there:
        yield warning("plan.no_card", "settings", engine=case.engine.id)
    elif needed and there < needed * 0.93:  # a "24 GB" card tells a little less
        yield warning("plan.little_vram", "blocks_to_swap", there=f"{there:.0f}", needed=f"{needed:.0f}")
    memory = psutil.virtual_memory().total / 2**30
    if case.value("blocks_to_swap") and memory < SWAP_GB:
        yield warning("plan.little_ram", "blocks_to_swap", there=f"{memory:.0f}", advised=64)


def _vram_needed(case: Case) -> float:
    """GB by the documentation, between its figures in a straight line; only for what it measured, or more."""
    told, swap = case.family.vram_gb, int(case.value("blocks_to_swap", 0))
    width, height = case.shape.resolution
    if told is None or width * height < 1000 * 1000 or (swap and not case.value("fp8_base")):
        return 0.0
    plain, small, swapped = told
    return small - (small - swapped) * min(swap, 45) / 45 if case.value("fp8_base") else plain


def _disk(case: Case) -> Iterator[Problem]:
    needed, reserve = of_case(case).disk_needed, int(settings.load(case.ws).storage.keep_free_gb * 2**30)
    free = shutil.disk_usage(case.ws.root).free
    values = {"free": human_size(free), "needed": human_size(needed)}
    if free < needed:
        yield error("plan.disk_short", "save_every_n_epochs", **values)
    elif free - needed < reserve:
        yield warning("plan.disk_tight", "save_every_n_epochs", **values, keep=human_size(reserve))


def _packages(case: Case, found: Interpreter) -> Iterator[Problem]:
    optimizer = str(case.value("optimizer_type", "")).lower()
    package = OPTIMIZER_PACKAGES.get(optimizer) or OPTIMIZER_PACKAGES.get(optimizer.split(".")[0])
    if not package and "." in optimizer:  # any dotted class: at least its package must be there
        package = str(case.value("optimizer_type")).split(".")[0]
        found = case.engine.interpreter(case.ws, (package,))
    if package and not found.has(package):
        yield error("plan.optimizer_package", "optimizer_type", optimizer=case.value("optimizer_type"), package=package)
    for name, package in ATTENTION_PACKAGES.items():
        if case.value(name) and not found.has(package):
            yield error("plan.option_package", name, option=name, package=package)
    if case.value("log_with") in ("wandb", "all") and not found.has("wandb"):
        yield error("plan.option_package", "log_with", option="wandb", package="wandb")
    if case.value("compile") and not found.has("triton"):
        yield error("plan.option_package", "compile", option="compile", package="triton")
    if not found.has("tensorboard"):
        yield warning("plan.no_tensorboard", "settings", python=case.engine.python(case.ws))


def _tokenizers(case: Case) -> Iterator[Problem]:
    """Offline and uncached, the tokenizer fails with a TypeError that says nothing of the network."""
    env = {**os.environ, **{name: value or "" for name, value in case.engine.env(case.ws).items()}}
    home = Path(env.get("HF_HOME") or f"{env.get('XDG_CACHE_HOME') or '~/.cache'}/huggingface").expanduser()
    offline = [name for name in OFFLINE if env.get(name, "").lower() in ("1", "true", "on", "yes")]
    hub = Path(env["HF_HUB_CACHE"]).expanduser() if env.get("HF_HUB_CACHE") else home / "hub"
    for repo in case.family.hub_repos:
        if (hub / f"models--{repo.replace('/', '--')}").is_dir():
            continue
        if offline:
            yield error("plan.tokenizer_offline", "settings", repo=repo, folder=hub, name=offline[0])
        else:
            yield note("plan.tokenizer_download", "settings", repo=repo, folder=hub)
