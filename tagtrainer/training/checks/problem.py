"""One thing that is wrong with a draft, and where to mend it. Must not know how it was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tagtrainer.core.text import UserError, t

Level = Literal["error", "warning", "note"]
ORDER: Mapping[str, int] = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True)
class Problem:
    """`error` refuses the start. `where` is what mends it: a tab ("datasets", "captioning", "models", "settings"), an option's
    name, or "name" and "dataset_0" for the fields of the form that are no options."""

    level: Level
    key: str
    values: Mapping[str, object] = field(default_factory=dict)
    where: str = ""

    def __str__(self) -> str:
        return t(self.key, **self.values)


def error(key: str, where: str = "", **values: object) -> Problem:
    """The run would fail, lose something, or train on the wrong thing."""
    return Problem("error", key, values, where)


def warning(key: str, where: str = "", **values: object) -> Problem:
    """The run works, but probably not as meant."""
    return Problem("warning", key, values, where)


def note(key: str, where: str = "", **values: object) -> Problem:
    """Worth knowing."""
    return Problem("note", key, values, where)


def from_error(found: UserError, where: str = "") -> Problem:
    """A sentence that some service raised, as a problem."""
    return Problem("error", found.key, found.values, where)
