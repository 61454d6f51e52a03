"""TensorBoard event files in the engine's layout and with its tags. Must not compute what it writes."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DEFAULT_TRACKER = "network_train"


class Events:
    """Writes scalars to <logging_dir>/<prefix><time>/<tracker>/; does nothing without a logging_dir."""

    def __init__(self, folder: Path | None) -> None:
        self._writer: Any = None
        if folder is not None:
            from tensorboard.summary.writer.event_file_writer import EventFileWriter

            folder.mkdir(parents=True, exist_ok=True)
            self._writer = EventFileWriter(str(folder), flush_secs=2)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """One point for every tag."""
        if self._writer is None:
            return
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary

        for tag, value in values.items():
            told = Summary(value=[Summary.Value(tag=tag, simple_value=float(value))])
            self._writer.add_event(Event(wall_time=time.time(), step=step, summary=told))

    def close(self) -> None:
        """Write what is still waiting."""
        if self._writer is not None:
            self._writer.close()


def open_for(args: argparse.Namespace) -> Events:
    """The events file the options ask for. Raises ValueError as the engine does when the folder is missing."""
    if args.logging_dir is None:
        if args.log_with in ("tensorboard", "all"):
            raise ValueError("logging_dir is required when log_with is tensorboard")
        return Events(None)
    if args.log_with == "wandb":
        return Events(None)
    started = time.strftime("%Y%m%d%H%M%S", time.localtime())
    run = Path(args.logging_dir) / f"{args.log_prefix or ''}{started}"
    return Events(run / (args.log_tracker_name or DEFAULT_TRACKER))
