"""Everything that can be wrong with a draft, found before the engine starts. Must not change anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tagtrainer.core import fields
from tagtrainer.core.text import UserError
from tagtrainer.training.case import Case, resolve
from tagtrainer.training.checks import beginnings, data, learning, machine, options, sampling
from tagtrainer.training.checks import weights as weight_files
from tagtrainer.training.checks.problem import ORDER, Level, Problem, from_error
from tagtrainer.training.draft import Draft, family_of
from tagtrainer.workspace import Workspace

__all__ = ["Level", "Problem", "check"]

_CHECKS: tuple[Callable[[Case], Iterable[Problem]], ...] = (
    options.check, learning.check, data.check, sampling.check, weight_files.check, beginnings.check, machine.check,
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
    """Without repetitions: two checks may see one fault, and of a value that cannot be, only that is said."""
    problems = list(problems)
    impossible = {problem.where for problem in problems if problem.key.startswith("fields.")}
    placed = {str(problem) for problem in problems if problem.where}
    kept: dict[tuple[str, str], Problem] = {}
    for problem in problems:
        words = str(problem)
        if problem.where in impossible and not problem.key.startswith("fields."):
            continue
        if problem.where or words not in placed:
            kept.setdefault((problem.where, words), problem)
    return list(kept.values())
