"""Checks of the model files: set, whole, the right part of the right model. Must not read more than their headers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tagtrainer.training import model_paths, weights
from tagtrainer.training.case import Case
from tagtrainer.training.checks.problem import Problem, error, warning
from tagtrainer.training.family import PathSlot


def check(case: Case) -> Iterator[Problem]:
    """Every slot of the family. A rehearsal needs none of them, but it proves the paths that are set."""
    for slot in case.family.slots:
        path = case.paths.get(slot.option, "")
        if path:
            yield from _file(case, slot, path)
        elif not case.engine.rehearsal:
            yield error("plan.weights_missing", "models", label=slot.label, slot=case.family.slot_key(slot))


def _file(case: Case, slot: PathSlot, path: str) -> Iterator[Problem]:
    status = model_paths.status(case.family, slot, path)
    if status.state == "missing" or (status.state == "bad" and not case.engine.rehearsal):
        yield error("plan.weights_bad", "models", label=slot.label, reason=status.message)
    elif status.state == "bad":
        yield warning("plan.weights_bad", "models", label=slot.label, reason=status.message)
    elif slot.kind == "dit":
        yield from _stored_in_8_bits(case, path)
        yield from _named_otherwise(case, path)


def _stored_in_8_bits(case: Case, path: str) -> Iterator[Problem]:
    """An 8-bit file (not scaled) can be trained on as it is, but not scaled to 8 bits once more."""
    dtypes = weights.look(Path(path)).dtypes
    if not any(name in dtypes for name in weights.FP8):
        return
    if case.value("fp8_scaled"):
        yield error("plan.scaled_needs_16_bits", "fp8_scaled", path=path)
    elif not case.value("fp8_base"):
        yield error("plan.fp8_file_needs_base", "fp8_base", path=path)


def _named_otherwise(case: Case, path: str) -> Iterator[Problem]:
    """Models for editing and for layers have the same tensors: only the name tells them apart."""
    name = Path(path).name.lower()
    for word in ("edit", "layered"):
        if word in name and word not in case.family.id:
            yield warning("plan.other_variant", "models", path=path, word=word, family=case.family.name)
