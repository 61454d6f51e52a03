"""Gets a training ready: checks the options as the engine does, builds network, optimizer and schedule. Must not train."""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tagtrainer.engines.rehearsal import (
    adapters,
    architectures,
    dataset_file,
    items,
    optimizers,
    prompts,
    schedules,
    tensors,
    training_set,
    weights,
)
from tagtrainer.engines.rehearsal.adapters import Plan
from tagtrainer.engines.rehearsal.architectures import Architecture
from tagtrainer.engines.rehearsal.console import logger
from tagtrainer.engines.rehearsal.dataset_file import ImageSet
from tagtrainer.engines.rehearsal.network import WIDTH, Network
from tagtrainer.engines.rehearsal.optimizers import Optimizer
from tagtrainer.engines.rehearsal.saving import Memory
from tagtrainer.engines.rehearsal.schedules import Schedule
from tagtrainer.engines.rehearsal.training_set import TrainingSet

LOG = logger("trainer_base")
REACH = 3072 / WIDTH
"""The optimizer's steps are this much longer than the learning rate says: the width of the models that usual learning rates
are meant for over the width of this one (Adam's best rate falls with the width: Yang et al., Tensor Programs V, 2022). So a
rate that suits the real model is neither invisible nor ruinous here."""
STAND_INS = ("networks.loha", "networks.lokr")


@dataclass
class Run:
    """Everything one training works with."""

    args: argparse.Namespace
    architecture: Architecture
    sets: list[ImageSet]
    data: TrainingSet
    network: Network
    optimizer: Optimizer
    schedule: Schedule
    memory: Memory
    prompts: list[dict[str, Any]]
    epochs: int
    plan: Plan
    loraplus: float | None


def prepare(family: str, args: argparse.Namespace) -> Run:
    """Check the options and build the run. Raises what the engine raises, in its order."""
    check(args)
    architecture = architectures.of(family, args)
    weights.check(args, "dit", "vae", "text_encoder")
    args.seed = random.SystemRandom().randint(0, 2**32 - 1) if args.seed is None else args.seed
    sets = dataset_file.load(args.dataset_config)
    for dataset in sets:
        items.of(dataset)  # training uses the caches only, but a list that cannot be read stops it all the same
    data = training_set.collect(sets, architecture)
    told = prompts.load(args.sample_prompts) if args.sample_prompts else []
    words = _pairs(args.network_args)
    network, plan = _network(args, family, words)
    loraplus = float(words["loraplus_lr_ratio"]) if "loraplus_lr_ratio" in words else None
    optimizer = _optimizer(args, network, loraplus)
    epochs = _lengths(args, len(data))
    schedule = schedules.make(args, args.max_train_steps)
    memory = Memory(network, optimizer, np.random.default_rng(args.seed), _dropout(args, words))
    if args.resume:
        LOG.info(f"resume training from local state: {args.resume}")
        memory.load(Path(args.resume))
    return Run(
        args, architecture, sets, data, network, optimizer, schedule, memory, told, epochs, plan, loraplus
    )  # fmt: skip


def check(args: argparse.Namespace) -> None:
    """The refusals that do not need the dataset."""
    if args.dataset_config is None:
        raise ValueError("dataset_config is required / dataset_configが必要です")
    assert not args.fp8_scaled or args.fp8_base, "fp8_scaled requires fp8_base / fp8_scaledはfp8_baseが必要です"
    if args.sage_attn:
        raise ValueError(
            "SageAttention doesn't support training currently. Please use `--sdpa` or `--xformers` etc. instead."
        )
    if not any((args.sdpa, args.flash_attn, args.xformers, args.flash3)):
        raise ValueError("either --sdpa, --flash-attn, --flash3, --sage-attn or --xformers must be specified")
    if args.persistent_data_loader_workers and not args.max_data_loader_n_workers:
        raise ValueError("persistent_workers option needs num_workers > 0")
    if args.dim_from_weights:
        raise TypeError("expected str, bytes or os.PathLike object, not bool: --dim_from_weights does not work")


def _pairs(words: list[str] | None) -> dict[str, str]:
    """key=value words of --network_args, values as text."""
    found = {}
    for word in words or []:
        key, value = word.split("=")
        found[key] = value
    return found


def _network(args: argparse.Namespace, family: str, words: dict[str, str]) -> tuple[Network, Plan]:
    """The network with its adapters. Raises for a module that does not fit the model, as importing it would."""
    module = args.network_module
    print(f"import network module: {module}")
    if module is None:
        raise AttributeError("'NoneType' object has no attribute 'startswith': --network_module is missing")
    if module not in (f"networks.lora_{family}", *STAND_INS):
        raise ModuleNotFoundError(f"No module named '{module}'")
    network, plan = Network(), adapters.plan(args.network_dim, args.network_alpha, words)
    for place, path in enumerate(args.base_weights or []):
        factors = args.base_weights_multiplier or []
        factor = factors[place] if place < len(factors) else 1.0
        changed = adapters.merge(network, tensors.read(Path(path)), factor)
        LOG.info(f"merging module: {path} with multiplier {factor}: {changed} modules")
    count = adapters.attach(network, plan, np.random.default_rng([args.seed, 1]))
    LOG.info(f"create LoRA network. base dim (rank): {plan.rank}, alpha: {plan.alpha}")
    LOG.info(f"create LoRA for U-Net/DiT: {count} modules.")
    if not count:
        raise RuntimeError("No LoRA modules found")
    if module in STAND_INS:
        LOG.warning(f"Rehearsal: {module} is rehearsed with a plain LoRA")
    if args.network_weights:
        found = adapters.load(network, tensors.read(Path(args.network_weights)))
        LOG.info(f"load network weights from {args.network_weights}: {found} modules")
    return network, plan


def _optimizer(args: argparse.Namespace, network: Network, loraplus: float | None) -> Optimizer:
    """The optimizer over all adapters; with LoRA+ the up halves learn at their own pace."""
    settings = schedules.keywords(args.optimizer_args)
    found = list(network.adapters().values())
    parameters = [part for one in found for part in (one.down, one.up)]
    reach = [REACH, REACH * (loraplus or 1.0)] * len(found)
    optimizer, exact = optimizers.make(args.optimizer_type, settings, parameters, reach)
    LOG.info(f"use {args.optimizer_type} optimizer | {settings}")
    if not exact:
        LOG.warning(f"Rehearsal: {args.optimizer_type} is not at hand here, AdamW stands in for it")
    return optimizer


def _dropout(args: argparse.Namespace, words: dict[str, str]) -> tuple[float, float, float]:
    """Shares of values, ranks and adapters that rest in a step."""
    rank, module = (float(words.get(name) or 0) for name in ("rank_dropout", "module_dropout"))
    return args.network_dropout or 0.0, rank, module


def _lengths(args: argparse.Namespace, batches: int) -> int:
    """Sets max_train_steps from max_train_epochs when that is given; returns the number of epochs."""
    per_epoch: int = -(-batches // max(1, args.gradient_accumulation_steps))
    if args.max_train_epochs is not None:
        args.max_train_steps = args.max_train_epochs * per_epoch
        print(
            f"override steps. steps for {args.max_train_epochs} epochs is / 指定エポックまでのステップ数: "
            f"{args.max_train_steps}"
        )
    total: int = args.max_train_steps
    return -(-total // per_epoch)
