"""What needs several services at once: planning and queueing, going on, the whole walk. Must not know a page or a terminal."""

from tagtrainer.flows.background import ENDED, own_command, start_captioning, start_import, start_work, wait
from tagtrainer.flows.training import (
    again,
    clone_training,
    create_training,
    draft_of,
    refuse_errors,
    resource_of,
    start_training,
)
from tagtrainer.flows.walk import CURATION, STAGES, run_all

__all__ = [
    "CURATION",
    "ENDED",
    "STAGES",
    "again",
    "clone_training",
    "create_training",
    "draft_of",
    "own_command",
    "refuse_errors",
    "resource_of",
    "run_all",
    "start_captioning",
    "start_import",
    "start_training",
    "start_work",
    "wait",
]
