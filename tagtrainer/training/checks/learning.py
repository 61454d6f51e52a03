"""Checks of optimizer, learning rate and schedule. Source: the engine's own code for both. Must not look at files."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Iterator

from tagtrainer.core import fields
from tagtrainer.training.attempts import STEADY
from tagtrainer.training.case import Case
from tagtrainer.training.checks.problem import Problem, error, note, warning
from tagtrainer.training.summary import of_case

BROKEN_SCHEDULERS = ("reduce_lr_on_plateau", "cosine_warmup_with_min_lr")
SHORT_NAMES = ("adamw8bit", "adamw", "adafactor")
"""The engine knows these in any case; any other name without a dot must be a class of torch.optim, as it is written there."""
TORCH_CLASSES = (
    "Adadelta", "Adafactor", "Adagrad", "Adam", "Adamax", "AdamW", "ASGD", "LBFGS", "Muon", "NAdam", "RAdam", "RMSprop", "Rprop",
    "SGD", "SparseAdam",
)  # fmt: skip
OWN_RATE = ("prodigy", "dadapt")
"""Optimizers that find the rate themselves; what is typed multiplies it."""
HIGH_RATE = 0.01


def check(case: Case) -> Iterator[Problem]:
    """Everything that decides how far each step goes."""
    yield from _optimizer(case)
    yield from _rate(case)
    yield from _scheduler(case)
    yield from _shares(case)
    for name in ("optimizer_args", "network_args", "lr_scheduler_args"):
        for word in case.value(name, ()):
            yield from _argument(case, name, str(word))


def _optimizer(case: Case) -> Iterator[Problem]:
    chosen = str(case.value("optimizer_type", ""))
    if not chosen:
        yield error("plan.no_optimizer", "optimizer_type")
    elif "." not in chosen and chosen.lower() not in SHORT_NAMES and chosen not in TORCH_CLASSES:
        yield error("plan.unknown_optimizer", "optimizer_type", optimizer=chosen)
    if chosen.lower() == "adafactor" and not _has(case, "relative_step", "False"):
        yield note("plan.adafactor_rate", "optimizer_args")


def _has(case: Case, name: str, value: str) -> bool:
    return f"{name}={value}" in ("".join(str(word).split()) for word in case.value("optimizer_args", ()))


def _rate(case: Case) -> Iterator[Problem]:
    rate, optimizer = case.value("learning_rate"), str(case.value("optimizer_type", "")).lower()
    if rate is None or not math.isfinite(rate) or optimizer == "adafactor":
        return
    own = any(name in optimizer for name in OWN_RATE)
    if rate == 0:
        yield error("plan.rate_zero", "learning_rate")
    elif own and rate < 0.1:
        yield warning(
            "plan.own_rate", "learning_rate", optimizer=case.value("optimizer_type"), rate=fields.number_text(rate)
        )
    elif not own and rate > HIGH_RATE:
        yield warning("plan.rate_high", "learning_rate", rate=fields.number_text(rate))


def _scheduler(case: Case) -> Iterator[Problem]:
    scheduler, warmup = case.value("lr_scheduler", "constant"), str(case.value("lr_warmup_steps", "0"))
    if scheduler in BROKEN_SCHEDULERS:
        yield error("plan.broken_scheduler", "lr_scheduler", name=scheduler)
    if scheduler == "constant" and warmup.rstrip("%") not in ("", "0", "0.0"):
        yield error("plan.warmup_of_constant", "lr_scheduler", value=warmup)
    if scheduler == "piecewise_constant" and not case.value("lr_scheduler_args"):
        yield error("plan.piecewise_args", "lr_scheduler_args")
    if scheduler == "adafactor" and str(case.value("optimizer_type", "")).lower() != "adafactor":
        yield error("plan.adafactor_scheduler", "lr_scheduler")
    if scheduler == "cosine_with_min_lr" and case.value("lr_scheduler_min_lr_ratio") is None:
        yield error("plan.min_rate_missing", "lr_scheduler_min_lr_ratio")
    if case.value("save_state") and scheduler not in STEADY:
        yield note("plan.states_of_no_use", "save_state", name=scheduler)


def _shares(case: Case) -> Iterator[Problem]:
    """Warm-up and decay: steps, or a share of the run written 0.1 or 10%."""
    parts = {
        name: _steps(str(case.value(name, "0")), of_case(case).steps) for name in ("lr_warmup_steps", "lr_decay_steps")
    }
    for name, count in parts.items():
        if count is None:
            yield error("plan.not_a_share", name, label=fields.specs(case.options)[name].label, value=case.value(name))
    known = [count for count in parts.values() if count is not None]
    if case.value("lr_scheduler") != "constant" and sum(known) > (of_case(case).steps or math.inf):
        yield warning("plan.warmup_too_long", "lr_warmup_steps", steps=of_case(case).steps)


def _steps(text: str, total: int) -> float | None:
    """Steps that such a text means; None when it can mean none."""
    number = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    share = text.endswith("%") or not number.is_integer()
    if not math.isfinite(number) or number < 0 or (share and number > 1):
        return None
    return number * total if share else number


def _argument(case: Case, name: str, word: str) -> Iterator[Problem]:
    """`key=value` with exactly one =; optimizer and scheduler values are Python literals, patterns are lists of them."""
    key, found, value = word.partition("=")
    label = fields.specs(case.options)[name].label
    if not found or not key.strip() or "=" in value:
        yield error("plan.key_value", name, option=label, value=word)
    elif name != "network_args":
        try:
            ast.literal_eval(value)
        except (ValueError, SyntaxError):
            yield error("plan.not_a_literal", name, option=label, value=word)
    elif key.strip() in ("exclude_patterns", "include_patterns"):
        bad = _bad_pattern(value)
        if bad:
            yield error("plan.bad_pattern", name, option=label, value=word, reason=bad)


def _bad_pattern(value: str) -> str:
    """Why it is no list of regular expressions; the engine only logs that, and trains everything."""
    try:
        patterns = ast.literal_eval(value)
        if not isinstance(patterns, list):
            return "[ ]"
        for pattern in patterns:
            re.compile(pattern)
    except (ValueError, SyntaxError, TypeError, re.error) as reason:
        return str(getattr(reason, "msg", reason))
    return ""
