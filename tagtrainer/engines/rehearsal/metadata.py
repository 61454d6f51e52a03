"""The header of a LoRA file: the engine's keys, plus the mark that says it is a rehearsal. Must not write files."""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tagtrainer.engines.rehearsal.architectures import Architecture
from tagtrainer.engines.rehearsal.dataset_file import ImageSet
from tagtrainer.engines.rehearsal.tensors import Packed

MARK = "tagtrainer.rehearsal"
MINIMUM = (
    "ss_base_model_version", "ss_network_module", "ss_network_dim", "ss_network_alpha", "ss_network_args",
)  # fmt: skip
_FROM_OPTIONS = (
    "learning_rate", "gradient_checkpointing", "gradient_checkpointing_cpu_offload", "gradient_accumulation_steps",
    "max_train_steps", "lr_warmup_steps", "lr_scheduler", "network_module", "network_dropout", "mixed_precision", "seed",
    "training_comment", "max_grad_norm", "fp8_base", "weighting_scheme", "logit_mean", "logit_std", "mode_scale",
    "guidance_scale", "timestep_sampling", "sigmoid_scale", "discrete_flow_shift", "output_name",
)  # fmt: skip


@dataclass(frozen=True)
class Facts:
    """What a run knows of itself besides its options."""

    architecture: Architecture
    sets: list[ImageSet]
    items: int
    batches: int
    epochs: int
    optimizer: str
    rank: int
    alpha: float
    started: float = field(default_factory=time.time)
    session: int = field(default_factory=lambda: random.SystemRandom().randint(0, 2**32 - 1))


def header(args: argparse.Namespace, facts: Facts, steps: int, epoch: int, digest: str) -> dict[str, str]:
    """Every entry as text. `digest` see `digest`."""
    found: dict[str, Any] = {f"ss_{name}": getattr(args, name, None) for name in _FROM_OPTIONS}
    found |= {
        "ss_session_id": facts.session, "ss_training_started_at": facts.started, "ss_training_finished_at": time.time(),
        "ss_num_train_items": facts.items, "ss_num_batches_per_epoch": facts.batches, "ss_num_epochs": facts.epochs,
        "ss_full_fp16": False, "ss_full_bf16": False, "ss_optimizer": facts.optimizer, "ss_network_dim": facts.rank,
        "ss_network_alpha": facts.alpha, "ss_base_model_version": facts.architecture.name,
        "ss_datasets": json.dumps([_dataset(one) for one in facts.sets], ensure_ascii=False),
        "ss_steps": steps, "ss_epoch": epoch, "sshs_model_hash": digest, "sshs_legacy_hash": digest[:8],
    }  # fmt: skip
    if args.network_args:
        found["ss_network_args"] = json.dumps(dict(pair.split("=", 1) for pair in args.network_args))
    for name, option in (("ss_sd_model_name", "dit"), ("ss_vae_name", "vae")):
        if getattr(args, option, None):
            found[name] = Path(getattr(args, option)).name
    found |= _model_spec(args, facts)
    text = {name: str(value) for name, value in found.items()}
    if args.no_metadata:
        text = {name: value for name, value in text.items() if name in MINIMUM}
    return {**text, MARK: "1"}


def _dataset(one: ImageSet) -> dict[str, Any]:
    source = (
        {"image_jsonl_file": Path(one.image_jsonl_file).name}
        if one.image_jsonl_file
        else {"image_directory": Path(one.image_directory or "").name}
    )
    return {
        "resolution": list(one.resolution), "caption_extension": one.caption_extension,
        "batch_size_per_device": one.batch_size, "num_repeats": one.num_repeats, "enable_bucket": one.enable_bucket,
        "bucket_no_upscale": one.bucket_no_upscale, **source, "has_control": one.control_directory is not None,
    }  # fmt: skip


def _model_spec(args: argparse.Namespace, facts: Facts) -> dict[str, Any]:
    found = {
        "sai_model_spec": "1.0.0", "architecture": args.metadata_arch or facts.architecture.title,
        "implementation": facts.architecture.implementation, "title": args.metadata_title or args.output_name,
        "resolution": args.metadata_reso or facts.architecture.resolution,
        "date": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime()),
    }  # fmt: skip
    for name in ("author", "description", "license", "tags"):
        if getattr(args, f"metadata_{name}"):
            found[name] = getattr(args, f"metadata_{name}")
    if args.min_timestep is not None or args.max_timestep is not None:
        highest = 1000 if args.max_timestep is None else args.max_timestep
        found["timestep_range"] = f"{args.min_timestep or 0},{highest}"
    return {f"modelspec.{name}": value for name, value in found.items()}


def digest(entries: Mapping[str, Packed]) -> str:
    """SHA-256 over the tensors' bytes, sorted by name: the same weights give the same digest."""
    found = hashlib.sha256()
    for name in sorted(entries):
        found.update(name.encode())
        found.update(entries[name].data)
    return found.hexdigest()
