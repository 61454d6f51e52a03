"""Checks of the sample pictures drawn during a training. Must not write the prompts."""

from __future__ import annotations

from collections.abc import Iterator

from tagtrainer.training import sample_prompts
from tagtrainer.training.case import Case
from tagtrainer.training.checks.problem import Problem, error, note, warning

MOST_STEPS = 1000


def check(case: Case) -> Iterator[Problem]:
    """Prompts without a moment to draw them, or the other way round; text that looks like options; weights it needs."""
    found, asked = sample_prompts.prompts(case.options), sample_prompts.triggered(case.options)
    if found and not asked:
        yield warning("plan.prompts_never_used", "sample_every_n_epochs")
    if not asked:
        return
    if not found:
        yield note("plan.prompts_from_captions", "sample_prompts_text", count=sample_prompts.TAKEN)
    for text in found:
        if " --" in text:
            yield warning("plan.options_in_prompt", "sample_prompts_text", prompt=text[:60])
            break
    count = case.value("sample_steps", 20)
    if not 1 <= int(count) <= MOST_STEPS:
        yield error("plan.sample_steps", "sample_steps", value=count, most=MOST_STEPS)
    for name in ("sample_width", "sample_height"):
        side = case.value(name)
        if side and int(side) % 16:
            yield note("plan.sample_size", name, value=side, used=int(side) // 8 * 8)
    if not case.engine.rehearsal:
        yield from _needs(case)


def _needs(case: Case) -> Iterator[Problem]:
    """Without these the engine stops with an opaque TypeError, after loading everything else."""
    for slot in case.family.slots:
        if slot.kind in ("vae", "text_encoder") and not case.paths.get(slot.option):
            yield error("plan.sampling_needs", "models", label=slot.label, slot=case.family.slot_key(slot))
