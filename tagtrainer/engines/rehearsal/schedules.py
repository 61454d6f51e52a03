"""Learning-rate schedules by the engine's names: a factor for every optimizer step. Must not know what is trained."""

from __future__ import annotations

import argparse
import ast
import math
from collections.abc import Callable
from typing import Any

Schedule = Callable[[int], float]
"""Number of finished optimizer steps -> factor on the learning rate."""

NAMES = (
    "linear", "cosine", "cosine_with_restarts", "polynomial", "constant", "constant_with_warmup", "inverse_sqrt",
    "cosine_with_min_lr", "warmup_stable_decay", "rex", "piecewise_constant", "adafactor",
)  # fmt: skip


def keywords(pairs: list[str] | None) -> dict[str, Any]:
    """`key=literal` words as the engine reads them: exactly one `=` each. Raises ValueError otherwise."""
    found = {}
    for pair in pairs or []:
        key, value = pair.split("=")
        found[key] = ast.literal_eval(value)
    return found


def share(value: float, total: int) -> int:
    """Steps: a whole number as it is, a fraction of the total otherwise."""
    return int(value * total) if isinstance(value, float) else value


def make(args: argparse.Namespace, total: int) -> Schedule:
    """The schedule that the options name. Raises ValueError for one the engine has not, or options it refuses."""
    name, extra = args.lr_scheduler.lower().split(":")[0], keywords(args.lr_scheduler_args)
    if args.lr_scheduler_type:
        raise ModuleNotFoundError(f"the rehearsal has no scheduler class '{args.lr_scheduler_type}'")
    warmup, decay = share(args.lr_warmup_steps, total), share(args.lr_decay_steps, total)
    if name in ("constant", "adafactor") and warmup:
        raise ValueError(f"SchedulerType.{name.upper()} does not require `num_warmup_steps`. Set None or 0.")
    if name not in NAMES:
        raise ValueError(f"{args.lr_scheduler} is not a valid SchedulerType, please select one of {list(NAMES)}")
    if name == "piecewise_constant":
        return _piecewise(extra["step_rules"])
    if name == "warmup_stable_decay":
        return _stable_decay(total, warmup, decay, args)
    if name == "rex":
        return _rex(total, warmup, 0.01 if args.lr_scheduler_min_lr_ratio is None else args.lr_scheduler_min_lr_ratio)
    return _with_warmup(warmup, _after_warmup(name, args, total, warmup))


def _with_warmup(warmup: int, after: Schedule) -> Schedule:
    return lambda step: step / max(1, warmup) if step < warmup else after(step)


def _after_warmup(name: str, args: argparse.Namespace, total: int, warmup: int) -> Schedule:
    span = max(1, total - warmup)
    cycles = args.lr_scheduler_num_cycles
    lowest = args.lr_scheduler_min_lr_ratio

    def part(step: int) -> float:
        return (step - warmup) / span

    def cosine(step: int, waves: float, least: float = 0.0) -> float:
        return max(0.0, 0.5 * (1 + math.cos(math.pi * waves * 2 * part(step)))) * (1 - least) + least

    def restarts(step: int) -> float:
        return 0.0 if part(step) >= 1 else 0.5 * (1 + math.cos(math.pi * ((cycles * part(step)) % 1.0)))

    def polynomial(step: int) -> float:
        least = min(1.0, 1e-7 / args.learning_rate) if args.learning_rate else 0.0  # ends at a rate of 1e-7
        power: float = args.lr_scheduler_power
        return least + (1 - least) * math.pow(max(0.0, 1 - part(step)), power)

    timescale = args.lr_scheduler_timescale or warmup or 10_000
    found: dict[str, Schedule] = {
        "linear": lambda step: max(0.0, 1 - part(step)),
        "cosine": lambda step: cosine(step, 0.5),
        "cosine_with_restarts": restarts,
        "cosine_with_min_lr": lambda step: cosine(step, cycles / 2, lowest or 0.0),
        "polynomial": polynomial,
        "inverse_sqrt": lambda step: 1 / math.sqrt((step + timescale - warmup) / timescale),
    }
    return found.get(name, lambda _step: 1.0)


def _stable_decay(total: int, warmup: int, decay: int, args: argparse.Namespace) -> Schedule:
    stable, least = total - warmup - decay, args.lr_scheduler_min_lr_ratio or 0.0

    def factor(step: int) -> float:
        if step < warmup:
            return least + (1 - least) * step / warmup
        if step < warmup + stable:
            return 1.0
        if step >= total:
            return least
        gone = (step - warmup - stable) / max(1, decay)
        wave = 0.5 * (1 + math.cos(math.pi * args.lr_scheduler_num_cycles * gone))
        return max(0.0, (1 - least) * wave + least)

    return factor


def _rex(total: int, warmup: int, least: float) -> Schedule:
    """Reflected exponential (Chen, Wolfe, Kyrillidis, REX: Revisiting Budgeted Training, 2021), from `least` and back to it."""

    def factor(step: int) -> float:
        if step < warmup or (warmup and step == warmup):
            return least + (1 - least) * max(0, step - 1) / max(1, warmup - 1)
        left = max(0.0, 1 - (step - warmup) / max(1, total - warmup))
        return least + (1 - least) * left / (0.1 + 0.9 * left)

    return factor


def _piecewise(rules: str) -> Schedule:
    """`1:10,0.1:20,0.01`: factor 1 for 10 steps, 0.1 up to step 20, then 0.01."""
    *parts, last = rules.split(",")
    limits = [(int(limit), float(value)) for value, limit in (part.split(":") for part in parts)]

    def factor(step: int) -> float:
        return next((value for limit, value in limits if step < limit), float(last))

    return factor
