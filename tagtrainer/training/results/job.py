"""What reading a run's results needs to know of its job: the job store's own types fit. Must not import the job store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from tagtrainer.core.steps import Progress, Step


class JobStepTime(Protocol):
    """When one step ran, seconds since 1970."""

    @property
    def name(self) -> str: ...
    @property
    def started_at(self) -> float: ...
    @property
    def ended_at(self) -> float | None: ...


class JobTask(Protocol):
    """What is needed of a job's task; the job store's own type fits."""

    @property
    def id(self) -> str: ...
    @property
    def steps(self) -> Sequence[Step]: ...


class JobState(Protocol):
    """What is needed of a job's state; the job store's own type fits. Times are seconds since 1970."""

    @property
    def status(self) -> str: ...
    @property
    def step(self) -> int | None: ...
    @property
    def started_at(self) -> float | None: ...
    @property
    def ended_at(self) -> float | None: ...
    @property
    def exit_code(self) -> int | None: ...
    @property
    def progress(self) -> Progress | None: ...
    @property
    def step_times(self) -> Sequence[JobStepTime]: ...
    @property
    def reason(self) -> str: ...
