"""A draft: what the user chose for a training before it becomes a task. Must not touch files or engines."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tagtrainer.core import fields
from tagtrainer.core.files import slug
from tagtrainer.core.text import UserError
from tagtrainer.training.family import FAMILIES, Family


class DatasetUse(BaseModel):
    """One dataset of a training and how many times each of its pictures counts in an epoch."""

    model_config = ConfigDict(extra="forbid")

    id: str
    repeats: int = 1


class Draft(BaseModel):
    """Everything the training form holds. `options` are the differences from the family's defaults, by option name;
    `preset` only records which preset they started from (its values are already among the options)."""

    model_config = ConfigDict(extra="ignore")

    name: str = ""
    family: str = "qwen_image"
    engine: str = "rehearsal"
    preset: str = ""
    datasets: list[DatasetUse] = Field(default_factory=list)
    options: dict[str, Any] = Field(default_factory=dict)

    @property
    def output_name(self) -> str:
        """Stem of every file the run writes: safe on every system, never empty."""
        return slug(self.name, fallback="lora")


def family_of(draft: Draft) -> Family:
    """The draft's family. Raises UserError plan.no_family."""
    found = FAMILIES.get(draft.family)
    if found is None:
        raise UserError("plan.no_family", id=draft.family, known=", ".join(FAMILIES.all()))
    return found


def options_of(draft: Draft) -> tuple[Any, list[str]]:
    """(the family's option set with the draft's values, names that the family does not know).

    Raises UserError for a value of the wrong type, or plan.no_family.
    """
    return fields.load(family_of(draft).options, draft.options)
