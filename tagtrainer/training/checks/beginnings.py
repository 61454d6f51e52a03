"""Checks of what a run begins with or hands on to: earlier LoRAs, saved states, trackers. Must not read more than headers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from tagtrainer.core import fields
from tagtrainer.training import attempts, weights
from tagtrainer.training.case import Case
from tagtrainer.training.checks.problem import Problem, error, note, warning

MARK = "tagtrainer.rehearsal"
OTHER_NETWORKS = ("networks.loha", "networks.lokr")


def check(case: Case) -> Iterator[Problem]:
    """Everything outside the datasets and the model that the options name."""
    yield from _paths(case)
    yield from _module(case)
    if case.value("network_weights"):
        yield from _lora(case, "network_weights", str(case.value("network_weights")))
    for path in case.value("base_weights", ()):
        yield from _lora(case, "base_weights", path)
    yield from _strengths(case)
    if case.value("resume"):
        yield note("plan.resume", "resume")
        yield from _state(case, Path(case.value("resume")).expanduser())
    yield from _tracker(case)
    yield from _hub(case)


def _paths(case: Case) -> Iterator[Problem]:
    """Files and folders that options name; the engine would look for them after loading the model."""
    for name, spec in fields.specs(case.options).items():
        if not spec.path or spec.ui_hidden:
            continue
        value = case.value(name, "")
        for path in value if isinstance(value, tuple) else (value,):
            if path and not Path(path).expanduser().exists():
                yield error("plan.no_such_path", name, label=spec.label, path=path)


def _module(case: Case) -> Iterator[Problem]:
    """A network of another model finds nothing to attach to, and says so after the long load."""
    chosen = str(case.value("network_module", ""))
    if chosen.startswith("networks.") and chosen not in (case.family.network_module, *OTHER_NETWORKS):
        known = ", ".join((case.family.network_module, *OTHER_NETWORKS))
        yield error("plan.wrong_module", "network_module", value=chosen, family=case.family.name, known=known)


def _lora(case: Case, name: str, path: str) -> Iterator[Problem]:
    place = Path(path).expanduser()
    if not place.exists() or place.suffix.lower() != ".safetensors":
        return
    found = weights.look(place)
    if found.problem or (found.kind and found.kind != "lora"):
        yield error("plan.not_a_lora", name, path=path)
        return
    header = weights.read_header(place)
    if MARK in header.get("__metadata__", {}) and not case.engine.rehearsal:
        yield error("plan.rehearsed_lora", name, path=path)
    ranks = {
        entry["shape"][0] for key, entry in header.items() if key.endswith((".lora_down.weight", ".lora_A.weight"))
    }
    dim = case.value("network_dim")
    if name == "network_weights" and len(ranks) == 1 and dim not in ranks:
        yield error("plan.other_rank", "network_dim", path=path, rank=ranks.pop(), value=dim)


def _strengths(case: Case) -> Iterator[Problem]:
    for text in case.value("base_weights_multiplier", ()):
        try:
            float(text)
        except ValueError:
            label = fields.specs(case.options)["base_weights_multiplier"].label
            yield error("fields.not_a_number", "base_weights_multiplier", label=label, value=text)


def _state(case: Case, folder: Path) -> Iterator[Problem]:
    """A state that was half written, is none, or comes from the other engine."""
    if folder.is_dir() and not attempts.whole(folder):
        yield error("plan.not_a_state", "resume", path=folder)
    elif folder.is_dir() and attempts.rehearsed(folder) != case.engine.rehearsal:
        yield error("plan.state_of_other_engine", "resume", path=folder)


def _tracker(case: Case) -> Iterator[Problem]:
    chosen = case.value("log_with", "")
    if chosen == "wandb":
        yield warning("plan.no_curves", "log_with")
    if chosen in ("wandb", "all") and not _told(case, "WANDB_API_KEY", "~/.netrc", "~/_netrc"):
        yield warning("plan.no_key", "log_with", service="Weights & Biases", name="WANDB_API_KEY")
    if re.search(r"[/\\]|\.\.", str(case.value("log_prefix", ""))):
        yield error("plan.log_prefix", "log_prefix", value=case.value("log_prefix"))


def _hub(case: Case) -> Iterator[Problem]:
    repo = str(case.value("huggingface_repo_id", ""))
    if not repo:
        return
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        yield error("plan.hub_name", "huggingface_repo_id", value=repo)
    if not _told(case, "HF_TOKEN", "~/.cache/huggingface/token"):
        yield warning("plan.no_key", "huggingface_repo_id", service="Hugging Face", name="HF_TOKEN")


def _told(case: Case, name: str, *files: str) -> bool:
    """Whether a key is in the environment of the child, or in the file where its own login puts it."""
    given = case.engine.env(case.ws).get(name) or os.environ.get(name)
    return bool(given) or any(Path(file).expanduser().exists() for file in files)
