"""Checks of option values and of options that do not go together. Source: the engine's own behaviour, seen by running it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tagtrainer.core import fields
from tagtrainer.core.files import slug
from tagtrainer.training.case import Case
from tagtrainer.training.checks.problem import Problem, error, note, warning
from tagtrainer.training.summary import of_case

ATTENTION = ("sdpa", "flash_attn", "xformers", "flash3")
"""In the order in which the engine prefers them."""
DEVICE = r"(cpu|cuda|mps|xpu)(:\d+)?"
HIGHEST_SEED = 2**32 - 1


def check(case: Case) -> Iterator[Problem]:
    """Everything that the option values alone tell."""
    for problem in fields.problems(case.options):
        yield error(problem.key, problem.name, **dict(problem.values))
    if case.unknown:
        names = ", ".join(case.unknown)
        yield warning("plan.unknown_options", "training", names=names, family=case.family.name)
    yield from _name(case)
    yield from _attention(case)
    yield from _precision(case)
    yield from _pairs(case)
    yield from _length(case)


def _name(case: Case) -> Iterator[Problem]:
    name = case.draft.name.strip()
    if not name:
        yield error("plan.no_name", "name")
    elif slug(name, fallback="") == "":
        yield note("plan.name_for_files", "name", name=name, used=case.draft.output_name)


def _attention(case: Case) -> Iterator[Problem]:
    chosen = [name for name in ATTENTION if case.value(name)]
    if case.value("sage_attn"):
        yield error("plan.sage_attn", "sage_attn")
    if not chosen:
        yield error("plan.no_attention", "sdpa")
    elif len(chosen) > 1:
        yield warning("plan.many_attentions", chosen[1], names=", ".join(chosen), used=chosen[0])
    if chosen and chosen[0] != "sdpa" and not case.value("split_attn"):
        yield warning("plan.needs_split", "split_attn", name=fields.specs(case.options)[chosen[0]].label)
    if case.value("split_attn") and case.value("compile") and case.value("compile_fullgraph"):
        yield error("plan.split_fullgraph", "compile_fullgraph")


def _precision(case: Case) -> Iterator[Problem]:
    if case.value("fp8_scaled") and not case.value("fp8_base"):
        yield error("plan.fp8_scaled_alone", "fp8_base")
    if not case.value("mixed_precision"):
        yield error("plan.no_mixed_precision", "mixed_precision")
    swap, most = case.value("blocks_to_swap"), case.family.max_blocks_to_swap
    if swap and most is not None and int(swap) > most:
        yield error("plan.too_many_blocks", "blocks_to_swap", value=swap, most=most, family=case.family.name)
    checkpointing = case.value("gradient_checkpointing")
    for name in ("block_swap_h2d_only", "gradient_checkpointing_cpu_offload"):
        if case.value(name) and not checkpointing:
            yield error(
                "plan.needs_checkpointing", "gradient_checkpointing", option=fields.specs(case.options)[name].label
            )


def _pairs(case: Case) -> Iterator[Problem]:
    if case.value("persistent_data_loader_workers") and case.value("max_data_loader_n_workers") == 0:
        yield error("plan.persistent_without_workers", "max_data_loader_n_workers")
    if case.value("show_timesteps"):
        yield error("plan.show_timesteps", "show_timesteps")
    if case.value("dim_from_weights"):
        yield error("plan.dim_from_weights", "dim_from_weights")
    if case.value("vae_dtype") and case.family.id.startswith("qwen_image"):
        yield error("plan.vae_dtype", "vae_dtype")
    if case.value("debug_mode"):
        yield error("plan.debug_mode", "debug_mode")
    seed = case.value("seed")
    if seed is not None and not 0 <= int(seed) <= HIGHEST_SEED:
        yield error("plan.seed", "seed", value=seed, most=HIGHEST_SEED)
    low, high = case.value("min_timestep", 0), case.value("max_timestep", 1000)
    if float(low) >= float(high):
        yield error("plan.timesteps", "min_timestep", low=low, high=high)
    device = str(case.value("cache_device", ""))
    if device and not re.fullmatch(DEVICE, device):
        yield error("plan.device", "cache_device", value=device)


def _length(case: Case) -> Iterator[Problem]:
    """Only when the datasets can be read; checks of the data say what is wrong otherwise."""
    totals = of_case(case)
    if not totals.pictures:
        return
    if totals.steps <= 0:
        yield error("plan.no_steps", "max_train_epochs")
    elif totals.checkpoints == 1 and totals.epochs > 1:
        yield note("plan.only_final", "save_every_n_epochs")
    every = case.value("sample_every_n_epochs")
    if every and int(every) > totals.epochs:
        yield note("plan.samples_too_late", "sample_every_n_epochs", every=every, epochs=totals.epochs)
