"""Everything that can be wrong with a draft, found before the engine starts. Must not change anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tagtrainer.core import fields
from tagtrainer.core.text import UserError
from tagtrainer.training.case import Case, resolve
from tagtrainer.training.checks import data, machine, options, sampling
from tagtrainer.training.checks import weights as weight_files
from tagtrainer.training.checks.problem import ORDER, Level, Problem, from_error
from tagtrainer.training.draft import Draft, family_of
from tagtrainer.workspace import Workspace

__all__ = ["Level", "Problem", "check"]

_CHECKS: tuple[Callable[[Case], Iterable[Problem]], ...] = (
    options.check, data.check, sampling.check, weight_files.check, machine.check,
)  # fmt: skip


def check(ws: Workspace, draft: Draft, *, frozen: bool = False) -> list[Problem]:
    """Every problem of a draft, the worst first. Never raises for what a user can type.

    `frozen`: a task was made of it, so what became of the datasets since does not matter.
    """
    bad = _untyped(draft)
    if bad:
        return bad
    try:
        case = resolve(ws, draft)
    except UserError as error:
        return [from_error(error)]
    found: list[Problem] = []
    for part in _CHECKS:
        if frozen and part is data.check:
            continue
        try:
            found += part(case)
        except UserError as error:
            if not (frozen and error.key.startswith("datasets.")):
                found.append(from_error(error))
    return sorted(found_once(found), key=lambda problem: ORDER[problem.level])


def _untyped(draft: Draft) -> list[Problem]:
    """Values that are not even of the option's type: each named, instead of only the first."""
    try:
        known = fields.specs(family_of(draft).options)
    except UserError as error:
        return [from_error(error)]
    found: list[Problem] = []
    for name, value in draft.options.items():
        if name in known:
            try:
                fields.parse(known[name], value)
            except UserError as error:
                found.append(from_error(error, name))
    return found


def found_once(problems: Iterable[Problem]) -> list[Problem]:
    """Without repetitions: two checks may see one fault."""
    seen: set[str] = set()
    kept: list[Problem] = []
    for problem in problems:
        mark = f"{problem.where} {problem}"
        if mark not in seen:
            seen.add(mark)
            kept.append(problem)
    return kept
