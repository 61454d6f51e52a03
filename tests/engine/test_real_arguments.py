"""The command lines we build, given to the engine's own parsers: every word understood, every value as we meant it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tagtrainer.jobs import store as jobs
from tagtrainer.training.families import qwen_image
from tests import walk
from tests.engine.conftest import Trained

pytestmark = pytest.mark.engine

ASK = """
import argparse, json, runpy, sys
real = argparse.ArgumentParser.parse_args
def parse(self, *args, **kwargs):
    print("PARSED " + json.dumps(vars(real(self, *args, **kwargs)), default=str), flush=True)
    raise SystemExit(0)
argparse.ArgumentParser.parse_args = parse
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a script only as far as its parser."""


def parsed(argv: list[str], cwd: str | None, env: dict[str, str | None]) -> dict[str, Any]:
    merged = {key: value for key, value in {**os.environ, **env}.items() if value is not None}
    done = subprocess.run(
        [argv[0], "-c", ASK, *argv[1:]], cwd=cwd, env=merged, capture_output=True, encoding="utf-8", timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("PARSED "))
    values: dict[str, Any] = json.loads(line.removeprefix("PARSED "))
    return values


def test_the_engines_own_parser_reads_what_we_meant(trained: Trained) -> None:
    ws, task = trained.ws, trained.task
    steps = {step.name: step for step in jobs.load(ws, task).steps}
    values = {
        name: parsed(list(steps[name].argv), steps[name].cwd, dict(steps[name].env))
        for name in ("cache_latents", "cache_text", "train")
    }
    for name in values:
        assert values[name]["dataset_config"] == str(ws.task(task) / "dataset.toml")
    for name in (
        "network_dim",
        "learning_rate",
        "optimizer_type",
        "max_train_epochs",
        "discrete_flow_shift",
        "seed",
        "sdpa",
    ):
        assert values["train"][name] == walk.OPTIONS[name], name
    assert Path(values["train"]["output_dir"]) == ws.model(task) and values["train"]["output_name"] == "toy_lora"
    assert values["train"]["network_module"] == "networks.lora_qwen_image"
    assert values["cache_latents"]["vae"] == values["train"]["vae"]


@pytest.mark.parametrize("role", ["cache_latents", "cache_text", "train"])
def test_every_option_at_once_is_understood(trained: Trained, role: str) -> None:
    """Each declared option with some value of its own kind: the parser must know the name and take the value."""
    from tagtrainer.core import fields

    step = next(step for step in jobs.load(trained.ws, trained.task).steps if step.name == role)
    options = qwen_image.FAMILY.options
    words = []
    for spec in fields.specs(options).values():
        if role in spec.roles and spec.emit != "never":
            words += fields.words_of(spec, sample_value(spec))
    program = list(step.argv)[: next(i for i, word in enumerate(step.argv) if word.startswith("--"))]
    values = parsed([*program, *words], step.cwd, dict(step.env))
    assert values["dataset_config"] == "x"


def sample_value(spec: Any) -> Any:
    if spec.choices:
        return spec.choices[-1] if spec.kind != "list" else (spec.choices[-1],)
    by_kind = {
        "int": 3,
        "float": 0.5,
        "bool": True,
        "str": "x",
        "list": ("1",),
        "int_or_float": "3",
        "size": (64, 64),
    }
    return by_kind[spec.kind]
