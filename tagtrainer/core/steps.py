"""A step: one program to run. The vocabulary between who plans work (training, captioning) and who runs it (jobs)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Step(BaseModel):
    """One program of a task. argv is a list, never a shell string; argv[0] is an absolute path of an executable.

    `env` holds only what is added to the worker's environment (a value of None removes a variable); secrets never go
    here, because the step is stored on disk. `total` is the number of progress units where the program prints a counter
    without a total.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    argv: list[str] = Field(min_length=1)
    cwd: str | None = None
    env: Mapping[str, str | None] = Field(default_factory=dict)
    total: int | None = None


class Progress(BaseModel):
    """How far the running step is, by the worker's own clock. `seconds_per_unit` and `eta` are None while unknown.

    `outer` is the unfinished bar that stands still while this one runs inside it: a training while samples are drawn.
    """

    model_config = ConfigDict(extra="ignore")

    label: str = ""
    n: int = 0
    total: int | None = None
    note: str = ""
    seconds_per_unit: float | None = None
    eta: float | None = None
    at: float = 0.0
    detail: dict[str, Any] = Field(default_factory=dict)
    outer: Progress | None = None

    def of(self, label: str) -> Progress | None:
        """The bar with that label: this one, or the one that waits for it."""
        if self.label == label:
            return self
        return self.outer.of(label) if self.outer is not None else None
