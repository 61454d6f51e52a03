"""How fast and how long to learn: steps, optimizer, learning-rate schedule."""

from __future__ import annotations

from dataclasses import dataclass

from tagtrainer.core.fields import option

SCHEDULERS = (
    "constant", "constant_with_warmup", "linear", "cosine", "cosine_with_restarts", "polynomial", "inverse_sqrt",
    "cosine_with_min_lr", "warmup_stable_decay", "rex", "piecewise_constant", "adafactor",
)  # fmt: skip
"""Those that were seen to work; reduce_lr_on_plateau and cosine_warmup_with_min_lr fail."""
OPTIMIZERS = (
    "adamw8bit", "adamw", "adafactor", "prodigyopt.Prodigy", "schedulefree.AdamWScheduleFree", "bitsandbytes.optim.Lion8bit",
)  # fmt: skip


@dataclass(frozen=True)
class OptimizerOptions:
    """Length of the run and the optimizer."""

    max_train_epochs: int = option(
        16, "Epochs", "How many times the whole dataset is seen. Empty: the number of steps counts.", group="basic",
        lo=1, hi=100_000, basic=True, optional=True,
    )  # fmt: skip
    max_train_steps: int = option(
        1600,
        "Steps",
        "Length of the run in steps; used only when the epochs are empty.",
        group="basic",
        lo=1,
        hi=10_000_000,
    )
    learning_rate: float = option(
        1e-4, "Learning rate", "How far each step goes. Too high burns the picture in, too low learns nothing.",
        group="optimizer", lo=0, hi=10, basic=True, optional=False,
    )  # fmt: skip
    optimizer_type: str = option(
        "adamw8bit", "Optimizer",
        "adamw8bit needs bitsandbytes in the engine's Python; adamw needs nothing. Any dotted class name works too.",
        group="optimizer", choices=OPTIMIZERS, free_choice=True, basic=True, optional=False,
    )  # fmt: skip
    optimizer_args: tuple[str, ...] = option(
        (), "Optimizer arguments", "One key=value a line, for example weight_decay=0.01.", group="optimizer"
    )
    max_grad_norm: float = option(
        1.0, "Gradient clipping", "Largest gradient norm; 0 switches clipping off.", group="optimizer", lo=0
    )
    gradient_accumulation_steps: int = option(
        1, "Gradient accumulation", "Batches that are added up before one step: a larger batch without more memory.",
        group="optimizer", lo=1, hi=1024,
    )  # fmt: skip
    seed: int = option(
        42, "Seed", "The same seed and settings give the same run.", group="basic", lo=0, hi=2**32 - 1, optional=True
    )


@dataclass(frozen=True)
class ScheduleOptions:
    """How the learning rate changes over the run."""

    lr_scheduler: str = option(
        "constant", "Learning-rate schedule", "constant is the safe choice; only it is continued rightly by a resumed run.",
        group="optimizer", choices=SCHEDULERS, optional=False,
    )  # fmt: skip
    lr_warmup_steps: str = option(
        None, "Warm-up", "Steps (100), or a share of the run (0.1 or 10%). Not with constant.", kind="int_or_float",
        group="optimizer",
    )  # fmt: skip
    lr_decay_steps: str = option(
        None,
        "Decay",
        "Steps, or a share of the run, in which the rate falls at the end.",
        kind="int_or_float",
        group="optimizer",
    )
    lr_scheduler_num_cycles: int = option(1, "Restarts", "Cycles of cosine_with_restarts.", group="optimizer", lo=1)
    lr_scheduler_power: float = option(
        1.0, "Polynomial power", "Power of the polynomial schedule.", group="optimizer", lo=0
    )
    lr_scheduler_timescale: int = option(
        None,
        "Inverse-sqrt timescale",
        "Time scale of inverse_sqrt; empty: the warm-up steps.",
        kind="int",
        group="optimizer",
        lo=1,
    )
    lr_scheduler_min_lr_ratio: float = option(
        None, "Lowest rate", "Share of the learning rate at which cosine_with_min_lr, rex and warmup_stable_decay end.",
        kind="float", group="optimizer", lo=0, hi=1,
    )  # fmt: skip
    lr_scheduler_type: str = option(
        "", "Own schedule class", "Dotted name of a scheduler class, instead of the list above.", group="optimizer"
    )
    lr_scheduler_args: tuple[str, ...] = option(
        (), "Schedule arguments", "One key=value a line, for the schedule class.", group="optimizer"
    )
